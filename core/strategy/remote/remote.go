// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package remote runs strategies in routers: programs of a vendor, somewhere
// else, that dial the host and are given turns over the connection.
//
// Doors is where routers come in. Whatever carries the messages (a gRPC stream,
// a WebSocket) is a Link; Doors.Serve speaks the session protocol of
// patchbay.strategy.v1 over it. Runtime gives the host's desk instances that are
// carried by whichever router leads. Several routers of one strategy may be
// connected: one leads, the others stand by. Each leadership has a lease, a
// number higher than all before; an answer under another lease is refused, so
// that two routers that both believe they lead cannot both decide.
//
// The package knows the contract and the session protocol. It knows neither the
// engine's state, nor sockets, nor any router.
package remote

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// leadPatience is how long a router may take to put settings in force before
// another one is asked.
const leadPatience = 5 * time.Second

// Runtime starts strategies by having a connected router lead. It is safe for
// concurrent use.
type Runtime struct{ doors *Doors }

var _ strategy.Runtime = (*Runtime)(nil)

// New returns a Runtime for the routers that come in by the doors.
func New(doors *Doors) *Runtime { return &Runtime{doors: doors} }

// Start implements strategy.Runtime. It waits for a router until ctx ends or
// the spec's StartTimeout is over, has it lead, and hands it the settings. While
// the doors are not open it does not wait.
func (r *Runtime) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	limits := spec.Limits.WithDefaults()
	ctx, cancel := context.WithTimeout(ctx, limits.StartTimeout)
	defer cancel()
	in := &instance{
		doors: r.doors, spec: spec, limits: limits, epoch: epoch, fresh: true,
		poke: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if err := in.start(ctx); err != nil {
		_ = in.Close()
		var nobody *nobodyError
		return nil, route.Manifest{}, &strategy.Fault{
			Kind: strategy.FaultStart, Err: fmt.Errorf("remote: %w", err), Absent: errors.As(err, &nobody),
		}
	}
	return in, in.manifest, nil
}

// start has the first router that can lead.
func (in *instance) start(ctx context.Context) error {
	var last error // why the routers that were asked do not lead
	for {
		changed, s := in.claim(nil)
		if s == nil {
			if err := in.await(ctx, changed, last); err != nil {
				return err
			}
			continue
		}
		patience, cancel := context.WithTimeout(ctx, leadPatience)
		err := in.lead(patience, s)
		cancel()
		if err == nil {
			in.manifest = s.manifest
			return nil
		}
		if _, refused := err.(*refusedSettings); refused { //nolint:errorlint // lead returns it as it is
			return err
		}
		if last = err; ctx.Err() != nil {
			return fmt.Errorf("%w; no other router is connected for strategy %q", last, in.spec.Name)
		}
	}
}

// await waits until something changes at the doors.
func (in *instance) await(ctx context.Context, changed <-chan struct{}, last error) error {
	if changed == nil {
		return in.nobody("; the host is only starting, and routers cannot come in yet")
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
	}
	if last != nil {
		return fmt.Errorf("%w; no other router is connected for strategy %q", last, in.spec.Name)
	}
	return in.nobody("")
}

// nobody says that there is no router.
func (in *instance) nobody(more string) error {
	return &nobodyError{fmt.Sprintf("no router is connected for strategy %q%s", in.spec.Name, more)}
}

// nobodyError says that there is no router.
type nobodyError struct{ text string }

// Error implements error.
func (e *nobodyError) Error() string { return e.text }

// alike reports whether one router can go on where another one was: what the
// host was told of it must be the same.
func alike(a, b *route.Manifest) bool { return reflect.DeepEqual(a, b) }
