// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// CodeFenced refuses what a router wants that does not lead any more.
const CodeFenced engine.Code = "fenced"

// Lead says as whom a router leads; false if it does not any more. The loop
// calls it when a command is decided, so it must be quick.
type Lead func() (strategy.Standing, bool)

// Instruct has a verb done that a router asks for, and returns when it is
// durable. Find makes it for the state in which it is decided, as in DoWith. It
// is refused as "fenced" if the router does not lead then, and as "not_yours"
// if it leads for nobody who decides for the work: for a shadow, for whoever is
// only to take over, for a canary to which the work does not fall. Errors are
// those of DoWith.
func (w *Workspace) Instruct(ctx context.Context, lead Lead, find func(*engine.Engine) (engine.Instruct, error)) (result engine.Result, err error) {
	var refused error
	err = w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) {
		var c engine.Instruct
		if c, refused = find(l.engine); refused != nil {
			return
		}
		by, leads := lead()
		if !leads {
			refused = &engine.Refusal{Code: CodeFenced, Message: "the lease is over: another router leads, or nobody does"}
			return
		}
		if refused = l.desk.Instructs(by, c.Work); refused == nil {
			result, refused = l.step(c)
		}
	}})
	if err == nil {
		err = refused
	}
	return result, err
}
