// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// codeFenced refuses what a router wants that does not lead any more.
const codeFenced engine.Code = "fenced"

// Instruct has a verb done that a router of the strategy asks for, in the
// strategy's name, and returns when it is durable. It is refused unless the
// strategy decides for the work now, and as "fenced" unless inControl, which is
// called by the loop when the command is decided and must be quick, says that
// the router still leads. Errors are those of Do.
func (w *Workspace) Instruct(ctx context.Context, strategy string, c engine.Instruct, inControl func() bool) (result engine.Result, err error) {
	c.By = strategy
	var refused error
	err = w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) {
		if !inControl() {
			refused = &engine.Refusal{Code: codeFenced, Message: "the lease is over: another router leads, or nobody does"}
			return
		}
		if refused = l.desk.Instructs(strategy, c.Work); refused == nil {
			result, refused = l.step(c)
		}
	}})
	if err == nil {
		err = refused
	}
	return result, err
}
