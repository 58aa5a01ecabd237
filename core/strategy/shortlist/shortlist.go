// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package shortlist serves strategies whose manifest asks for candidates
// instead of the board. It stands between the desk and any runtime: it keeps
// the board that such a strategy does not keep, and turns each turn into frames
// that bring the work to decide on with the best of those who could take it.
//
// The desk sees an ordinary instance that takes boards; the strategy sees
// frames of kind route.KindCandidates only. What it answers goes back as
// ordinary proposals. The package knows the contract and sdk/match's index; it
// does not know how a strategy is carried, nor the host's state. It reads no
// clock: the same turns and replies give the same frames and proposals.
package shortlist

import (
	"context"
	"fmt"
	"slices"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Runtime starts strategies by another runtime, and serves candidates to those
// that ask for them. All others are left as they are. It is safe for concurrent
// use if the other runtime is.
type Runtime struct{ inner strategy.Runtime }

var (
	_ strategy.Runtime  = (*Runtime)(nil)
	_ strategy.Stamper  = (*Runtime)(nil)
	_ strategy.Preparer = (*Runtime)(nil)
)

// New returns a runtime that starts strategies by inner.
func New(inner strategy.Runtime) *Runtime { return &Runtime{inner: inner} }

// Wrap returns the runtimes under their names, each so that it serves
// candidates too.
func Wrap(runtimes map[string]strategy.Runtime) map[string]strategy.Runtime {
	wrapped := make(map[string]strategy.Runtime, len(runtimes))
	for name, inner := range runtimes {
		wrapped[name] = New(inner)
	}
	return wrapped
}

// Stamp implements strategy.Stamper: it is the other runtime's.
func (r *Runtime) Stamp(spec strategy.Spec) string {
	if stamper, ok := r.inner.(strategy.Stamper); ok {
		return stamper.Stamp(spec)
	}
	return ""
}

// Prepare implements strategy.Preparer by the other runtime.
func (r *Runtime) Prepare(ctx context.Context, spec strategy.Spec) {
	if preparer, ok := r.inner.(strategy.Preparer); ok {
		preparer.Prepare(ctx, spec)
	}
}

// Start implements strategy.Runtime. The tables of the manifest that it returns
// are those that are needed to serve candidates, and those that the strategy
// wants.
func (r *Runtime) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	inner, manifest, err := r.inner.Start(ctx, spec, epoch)
	if err != nil || manifest.View == "" || manifest.View == route.ViewBoard {
		return inner, manifest, err
	}
	if err := check(&manifest); err != nil {
		return nil, manifest, closed(inner, err)
	}
	in := newInstance(inner, &manifest, spec.Limits.WithDefaults().ReplyProposals, epoch)
	if manifest.Tables != nil {
		manifest.Tables = union(match.Tables(), manifest.Tables)
	}
	return in, manifest, nil
}

func check(m *route.Manifest) error {
	switch {
	case m.View != route.ViewCandidates:
		return fmt.Errorf("it wants the view %q; there are %q and %q", m.View, route.ViewBoard, route.ViewCandidates)
	case m.Candidates < 0 || m.Candidates > route.MaxCandidates:
		return fmt.Errorf("it wants %d candidates for each item; 1 to %d are possible, or 0 for %d",
			m.Candidates, route.MaxCandidates, route.DefaultCandidates)
	default:
		return nil
	}
}

// closed closes the instance and returns the fault that it could not start.
func closed(in strategy.Instance, err error) error {
	if trouble := in.Close(); trouble != nil {
		err = fmt.Errorf("%w; and to close it: %w", err, trouble)
	}
	return &strategy.Fault{Kind: strategy.FaultStart, Err: fmt.Errorf("shortlist: %w", err)}
}

// union returns what is in one of the lists or both.
func union(a, b []route.Table) []route.Table {
	list := append([]route.Table{}, a...)
	for _, table := range b {
		if !slices.Contains(list, table) {
			list = append(list, table)
		}
	}
	return list
}
