// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"maps"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Status is how a workspace fares.
type Status struct {
	Name string
	// Number is the number of the last event that a feed gives, Config the
	// definition's version.
	Number, Config uint64
	// Opened is when this process opened the workspace.
	Opened time.Time
	Queues []QueueStatus
	// Strategies has every configured strategy, by name.
	Strategies []strategy.Status
	// Counts counts events by kind since Opened.
	Counts Counts
	// Violations counts breaches of invariants found since Opened: a fault of
	// this program if it is not 0.
	Violations uint64
	// SignedIn and Connected count agents.
	SignedIn, Connected int
}

// QueueStatus is how a queue fares.
type QueueStatus struct {
	Name, Routing string
	// Strategy is the configured one, Fallback its stand-in, DecidedBy who
	// decides now; empty if nobody does.
	Strategy, Fallback, DecidedBy string
	Waiting, Offered, Open        int
	// Oldest is since when the longest waiting item waits; 0 if none does.
	Oldest           engine.Time
	Members, Present int
	// Closed says that it is closed by its hours; Unroutable is how much of what
	// waits nobody who is configured could ever take; EstimatedWait is what new
	// work must expect, if Estimated.
	Closed        bool
	Unroutable    int
	EstimatedWait engine.Time
	Estimated     bool
	// OfferTo is to how many agents an item is offered at once.
	OfferTo int
	// Classes are those who decide now for a class of its own of the work, such
	// as "vendor/voice".
	Classes []string
}

// Status returns how the workspace fares. Everything it tells of is durable.
func (w *Workspace) Status(ctx context.Context) (Status, error) {
	var status Status
	err := w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) { status = l.status() }})
	return status, err
}

func (l *loop) status() Status {
	status := Status{
		Name: l.name, Number: l.shown, Config: l.engine.Config(), Opened: l.opened,
		Strategies: l.desk.Status(), Counts: maps.Clone(l.counts), Violations: l.violations,
	}
	l.engine.EachQueue(func(b engine.Backlog) bool {
		owner, _ := l.desk.Owner(b.Queue.Name)
		status.Queues = append(status.Queues, QueueStatus{
			Name: b.Queue.Name, Routing: b.Routing.Name, Strategy: cmp.Or(b.Queue.Deciders.Strategy, b.Routing.Strategy), Fallback: b.Routing.Fallback,
			DecidedBy: owner, Waiting: b.Waiting, Offered: b.Offered, Open: b.Open, Oldest: b.Oldest,
			Members: b.Members, Present: b.Present, Closed: b.Closed, Unroutable: b.Unroutable,
			EstimatedWait: b.EstimatedWait, Estimated: b.Estimated,
			OfferTo: int(max(b.Queue.OfferTo, 1)), Classes: l.desk.Classed(b.Queue.Name),
		})
		return true
	})
	l.engine.EachAgent("", func(a *engine.Agent) bool {
		if a.SignedIn() {
			status.SignedIn++
		}
		if a.Connected {
			status.Connected++
		}
		return true
	})
	return status
}
