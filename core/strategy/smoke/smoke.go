// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package smoke tries a plugin before it is employed: the first time that a
// runtime is to start it, and again whenever its file or settings have changed,
// a copy is started and plays a few cases of the conformance corpus. A plugin
// that does not keep the contract there does not start. So an upgrade that is
// broken is found before it meets work, and the old version goes on.
//
// It is no proof, and takes a fraction of a second; patchbay plugin test is the
// whole corpus. The package knows the contract, and not how a strategy is
// carried.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// cases are what is played: a little of everything, and what a host relies on
// when it starts a strategy or gives it a snapshot in the middle.
func cases() ([]*routetest.Script, error) {
	return routetest.Named("any-base.txt", "any-day.txt", "any-snapshot.txt")
}

// Runtime starts strategies by another runtime once they have passed. It is safe
// for concurrent use if the other runtime is.
type Runtime struct {
	inner strategy.Runtime

	mu     sync.Mutex
	passed map[string]string // what a strategy was like when it passed
}

var (
	_ strategy.Runtime  = (*Runtime)(nil)
	_ strategy.Stamper  = (*Runtime)(nil)
	_ strategy.Preparer = (*Runtime)(nil)
)

// New returns a runtime that starts strategies by inner.
func New(inner strategy.Runtime) *Runtime {
	return &Runtime{inner: inner, passed: make(map[string]string)}
}

// Stamp implements strategy.Stamper: it is the other runtime's.
func (r *Runtime) Stamp(spec strategy.Spec) string {
	if stamper, ok := r.inner.(strategy.Stamper); ok {
		return stamper.Stamp(spec)
	}
	return ""
}

// Prepare implements strategy.Preparer: the strategy has its trial, so that a
// start takes no longer than it has to.
func (r *Runtime) Prepare(ctx context.Context, spec strategy.Spec) {
	if preparer, ok := r.inner.(strategy.Preparer); ok {
		preparer.Prepare(ctx, spec)
	}
	_ = r.pass(ctx, spec) // or Start says why not
}

// Start implements strategy.Runtime. The error of a plugin that does not keep
// the contract says in which case, what was expected, and what came.
func (r *Runtime) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	if err := r.pass(ctx, spec); err != nil {
		return nil, route.Manifest{}, err
	}
	return r.inner.Start(ctx, spec, epoch)
}

// pass gives the strategy its trial, if it has not passed as it is now.
func (r *Runtime) pass(ctx context.Context, spec strategy.Spec) error {
	likeness := r.likeness(&spec)
	r.mu.Lock()
	known := r.passed[spec.Name] == likeness
	r.mu.Unlock()
	if known {
		return nil
	}
	if err := r.try(ctx, spec); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed[spec.Name] = likeness
	return nil
}

// likeness is the same for as long as nothing has changed that a new trial could
// find.
func (r *Runtime) likeness(spec *strategy.Spec) string {
	return fmt.Sprintf("%q", append([]string{spec.Source, spec.SHA256, r.Stamp(*spec), string(spec.Settings)}, spec.Args...))
}

// try plays the scripts to copies of the strategy.
func (r *Runtime) try(ctx context.Context, spec strategy.Spec) error {
	ctx, cancel := context.WithTimeout(ctx, spec.Limits.WithDefaults().StartTimeout)
	defer cancel()
	suite := routetest.Suite{Once: true, Open: func(ctx context.Context) (routetest.Carrier, error) {
		instance, _, err := r.inner.Start(ctx, spec, 1)
		if err != nil {
			return nil, &refused{err}
		}
		return instance, nil
	}}
	scripts, err := cases()
	if err != nil {
		return fmt.Errorf("smoke: %w", err)
	}
	for _, script := range scripts {
		result, err := routetest.Play(ctx, suite, script)
		if start, ok := errors.AsType[*refused](err); ok {
			return start.err
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("it was not done in time: %w", ctx.Err())
		}
		if err == nil && len(result.Findings) > 0 {
			err = errors.New(words(result.Findings))
		}
		if err != nil {
			return &strategy.Fault{Kind: strategy.FaultStart, Err: fmt.Errorf(
				"smoke: it does not keep the contract: %s: %w", strings.TrimSuffix(script.Name, ".txt"), err)}
		}
	}
	return nil
}

// refused says that a copy did not even start.
type refused struct{ err error }

// Error implements error.
func (r *refused) Error() string { return r.err.Error() }

// words says what was found first, and how much more there is.
func words(findings []routetest.Finding) string {
	text := findings[0].Text
	if more := len(findings) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}
