// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package builtin runs strategies that are linked into the program. Turns are
// handed over as they are, nothing is encoded.
//
// A panic is caught and is the strategy's fault alone. A hang cannot be ended:
// when its time is up the strategy is left behind with the goroutine it holds,
// and what it answers in the end is dropped. It is not started again until it
// has returned, so that no more than one goroutine is lost. Memory is not
// limited. Who needs more protection runs the strategy as a process or as WASM.
//
// The package knows the contract. It does not know any strategy.
package builtin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Runtime starts strategies from a fixed set. It is safe for concurrent use.
type Runtime struct {
	plugins map[string]route.Plugin

	mu   sync.Mutex
	left map[title]*instance // behind, as far as is known
}

// title names a strategy by what it is called and what it is.
type title struct{ name, source string }

var _ strategy.Runtime = (*Runtime)(nil)

// New returns a Runtime for the plugins, by the names that a Spec's Source
// uses. The map must not change afterwards.
func New(plugins map[string]route.Plugin) *Runtime { return &Runtime{plugins: plugins} }

// Start implements strategy.Runtime. Limits other than the turn's deadline,
// which comes with each turn, do not apply.
func (r *Runtime) Start(ctx context.Context, spec strategy.Spec, _ uint64) (strategy.Instance, route.Manifest, error) {
	plugin, ok := r.plugins[spec.Source]
	if !ok {
		return nil, route.Manifest{}, startFault("there is no built-in strategy %q; there are %s", spec.Source, r.names())
	}
	manifest := plugin.Manifest
	if manifest.Majors == nil {
		manifest.Majors = []uint32{route.ContractMajor}
	}
	if !slices.Contains(manifest.Majors, route.ContractMajor) {
		return nil, route.Manifest{}, startFault("%q speaks the contract's versions %v; this host speaks %d",
			spec.Source, manifest.Majors, uint32(route.ContractMajor))
	}
	former := title{spec.Name, spec.Source}
	if r.hangs(former) {
		return nil, route.Manifest{}, startFault("%q is still at a call of its former start; it is not started again before that has returned", spec.Source)
	}
	settings, err := spec.SettingsFor(&manifest)
	if err != nil {
		return nil, route.Manifest{}, startFault("%q refuses its settings: %w", spec.Source, err)
	}
	in := newInstance(plugin.New)
	in.leave = func() { r.leaves(former, in) }
	if err := in.configure(ctx, settings); err != nil {
		_ = in.Close()
		return nil, route.Manifest{}, startFault("%q refuses its settings: %w", spec.Source, err)
	}
	return in, manifest, nil
}

// hangs reports whether an instance of that title was left behind and has not
// returned yet.
func (r *Runtime) hangs(t title) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.left[t]
	if in == nil {
		return false
	}
	select {
	case <-in.ended:
		delete(r.left, t)
		return false
	default:
		return true
	}
}

// leaves notes that the instance was left behind.
func (r *Runtime) leaves(t title, in *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == nil {
		r.left = make(map[title]*instance)
	}
	r.left[t] = in
}

func (r *Runtime) names() string {
	names := make([]string, 0, len(r.plugins))
	for name := range r.plugins {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func startFault(format string, args ...any) error {
	return &strategy.Fault{Kind: strategy.FaultStart, Err: fmt.Errorf("builtin: "+format, args...)}
}
