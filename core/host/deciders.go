// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// QueueDeciders is who decides for a queue.
type QueueDeciders struct {
	Queue string
	// Strategy is to decide; Deciding does now, empty if nobody does. Fallback
	// takes the place of Strategy while it is unwell, and Before is who decided
	// before it.
	Strategy, Deciding, Fallback, Before string
	// Shadow is compared with who decides; empty for nobody.
	Shadow string
	// Classes are those who decide now for a class of its own of the work.
	Classes []string
	// Trial is how the canary fares; nil if there is none.
	Trial *strategy.Trial
}

// Deciders returns who decides for each queue, in order of names, and how every
// strategy fares.
func (w *Workspace) Deciders(ctx context.Context) (queues []QueueDeciders, strategies []strategy.Status, err error) {
	err = w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) {
		queues, strategies = l.deciders(), l.desk.Status()
	}})
	return queues, strategies, err
}

func (l *loop) deciders() []QueueDeciders {
	trials := make(map[string]*strategy.Trial)
	for _, trial := range l.desk.Trials() {
		trials[trial.Queue] = &trial
	}
	var out []QueueDeciders
	l.engine.EachQueue(func(b engine.Backlog) bool {
		to := &b.Queue.Deciders
		owner, _ := l.desk.Owner(b.Queue.Name)
		chosen, fallback := cmp.Or(to.Strategy, b.Routing.Strategy), b.Routing.Fallback
		if fallback == chosen {
			fallback = b.Routing.Strategy
		}
		out = append(out, QueueDeciders{
			Queue: b.Queue.Name, Strategy: chosen, Deciding: owner, Fallback: fallback,
			Before: to.Before, Shadow: to.Shadow, Trial: trials[b.Queue.Name],
			Classes: l.desk.Classed(b.Queue.Name),
		})
		return true
	})
	return out
}

// Shadow returns how the queue's shadow compares with who decides; false if it
// has none.
func (w *Workspace) Shadow(ctx context.Context, queue string) (report strategy.ShadowReport, ok bool, err error) {
	err = w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) { report, ok = l.desk.Shadow(queue) }})
	return report, ok, err
}
