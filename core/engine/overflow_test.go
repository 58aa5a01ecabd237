// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// overflowing sends support's work on to sales.
func overflowing(o engine.Overflow) func(*engine.Definition) {
	o.To = "sales"
	return func(d *engine.Definition) { d.Queues[3].Overflow = &o }
}

// Work that waited moves on, with its age, by the rules of its new queue.
func TestOverflowByWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, overflowing(engine.Overflow{After: 30 * second}))
	w.present("ann")
	id := w.arrives("support", aged(minute))
	w.declines(id, "ann")
	w.is(id, engine.Waiting) // ann alone was there
	w.offered(id, "ann")
	w.happens(20*second, engine.KindOfferTimedOut, engine.KindExclusionsCleared)
	ev := w.happens(10*second, engine.KindWorkOverflowed)[0]
	if ev.Reason != "waited" || ev.Queue != "support" || ev.Placed.Queue != "sales" {
		t.Errorf("%+v", ev)
	}
	if to, moved := ev.GoesTo(); to != "sales" || !moved {
		t.Errorf("it goes to %q, %v", to, moved)
	}
	item := w.in(id, "sales")
	if item.Priority != 3 || item.Size != engine.Units(500) || item.RequestedAt != start-minute || item.QueuedAt != w.at || item.Reason != "waited" || item.Spec.Queue != "support" {
		t.Errorf("%+v", item)
	}
	w.happens(100 * minute)
	w.offered(id, "ann")
}

// What is offered when its time comes moves on once it waits again.
func TestOverflowWhileOffered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, overflowing(engine.Overflow{After: 10 * second}))
	w.present("ann")
	id := w.arrives("support")
	a := w.offered(id, "ann")
	w.happens(15 * second)
	w.do(engine.Decline{Assignment: a, Agent: "ann"})
	w.in(id, "support")
	w.happens(0, engine.KindWorkOverflowed)
	w.is(id, engine.Waiting) // in another queue nobody is kept from it
}

// So many may wait; what comes beyond goes on at once.
func TestOverflowBySize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, overflowing(engine.Overflow{At: 2}))
	w.present("ann")
	first := w.arrives("support")
	w.in(w.arrives("support"), "support")
	third := w.arrives("support")
	if item := w.in(third, "sales"); item.Reason != "full" || item.Spec.Queue != "support" {
		t.Errorf("%+v", item)
	}
	w.offered(first, "ann")
	w.in(w.arrives("support"), "support") // what is offered does not wait
}

// At once when nobody who could ever take it is signed in; at arrival, and when
// the last one leaves.
func TestOverflowWhenNobodyIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, overflowing(engine.Overflow{WhenNobody: true}))
	if item := w.in(w.arrives("support"), "sales"); item.Reason != "nobody_signed_in" {
		t.Errorf("%+v", item)
	}
	w.present("dot")
	big := w.arrives("support", sized(2000)) // more than dot may hold
	w.in(big, "sales")
	small := w.arrives("support")
	w.in(small, "support")
	w.do(engine.SetStatus{Agent: "dot", Status: "break"}) // who is back soon
	w.in(small, "support")
	mine := w.arrives("support", requires("ann")) // waits for ann, there or not
	w.did(engine.SignOut{Agent: "dot"}, engine.KindAgentSignedOut, engine.KindWorkOverflowed)
	w.in(small, "sales")
	w.in(mine, "support")
}

func TestOverflowWhenADefinitionLeavesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.defined(func(d *engine.Definition) {
		overflowing(engine.Overflow{WhenNobody: true})(d)
		d.Agents[0].Queues = engine.Member("sales")
	})
	w.in(id, "sales")
}

// Further on, if the next queue cannot keep it either; but nowhere twice.
func TestOverflowGoesFurther(t *testing.T) {
	t.Parallel()
	chain := func(d *engine.Definition) {
		d.Queues[3].Overflow = &engine.Overflow{To: "empty", After: 10 * second, WhenNobody: true}
		d.Queues[1].Overflow = &engine.Overflow{To: "sales", WhenNobody: true}
		d.Queues[2].Overflow = &engine.Overflow{To: "support", WhenNobody: true}
	}
	w := newWorld(t, chain)
	nobody := w.arrives("support")
	if item := w.in(nobody, "support"); item.Reason != "" { // sent round in a circle it stays where it began
		t.Errorf("%+v", item)
	}
	w.do(engine.CancelWork{Work: nobody})
	w.present("ann")
	id := w.arrives("support")
	w.in(id, "support")
	if ev := w.happens(10*second, engine.KindWorkOverflowed)[0]; ev.Reason != "nobody_signed_in" || ev.Placed.Queue != "sales" {
		t.Errorf("%+v", ev)
	}
}

// A source, or its flow, may say where this one goes.
func TestOverflowOfItsOwn(t *testing.T) {
	t.Parallel()
	own := func(o engine.Overflow) func(*engine.WorkSpec) {
		return func(s *engine.WorkSpec) { s.Overflow = &o }
	}
	w := newWorld(t, overflowing(engine.Overflow{After: 5 * second}))
	w.present("ann")
	id := w.arrives("support", own(engine.Overflow{To: "claims", After: 20 * second}))
	other := w.arrives("support")
	w.happens(5*second, engine.KindWorkOverflowed)
	w.in(other, "sales")
	w.happens(15*second, engine.KindWorkOverflowed)
	w.in(id, "claims")
	w.happens(100 * minute) // where it came to it has none
	// It counts without one of the queue's, too, and when somebody leaves.
	alone := w.arrives("claims", own(engine.Overflow{To: "sales", WhenNobody: true}))
	stays := w.arrives("claims")
	w.do(engine.SignOut{Agent: "ann"})
	w.in(alone, "sales")
	w.in(stays, "claims")
	w.in(w.arrives("claims", own(engine.Overflow{To: "empty", At: 1})), "empty")
	bad := engine.WorkSpec{Channel: "chat", Queue: "support", Overflow: &engine.Overflow{To: "nowhere"}}
	w.refused(engine.CreateWork{Spec: bad}, engine.CodeInvalid, "overflow.to")
	bad.Overflow.To = "support"
	w.refused(engine.CreateWork{Spec: bad}, engine.CodeInvalid, "overflow.to")
}

// A limit of what waits, with a refusal.
func TestWaitingLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.Queues[3].MaxWaiting, d.MaxWaiting = 1, 2 })
	w.present("ann")
	create := func(queue string) engine.Command {
		return engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: queue, Key: queue}}
	}
	id := w.do(create("support")).Work
	if again := w.do(create("support")); !again.Duplicate {
		t.Error("what is there already was not found again")
	}
	w.refused(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}}, engine.CodeQueueFull, "queue")
	w.arrives("sales")
	w.refused(create("claims"), engine.CodeQueueFull, "queue")
	w.offered(id, "ann")
	w.arrives("support")
	w.do(engine.RequeueWork{Work: id}) // what comes back is never refused
	if b, _ := w.Backlog("support"); b.Waiting != 2 {
		t.Errorf("%+v", b)
	}
}

// The required agent's time is over, or that agent does not want it: the backup
// queue has it, and anybody there.
func TestBackupQueue(t *testing.T) {
	t.Parallel()
	backed := func(s *engine.WorkSpec) { s.RequiredAgent, s.Backup, s.PreferredFor = "ann", "sales", 30*second }
	cases := map[string]struct {
		then  func(w *world, id engine.WorkID) []engine.Event
		kinds []engine.Kind
	}{
		"in time": {func(w *world, _ engine.WorkID) []engine.Event { return w.pass(30 * second) }, []engine.Kind{engine.KindWorkOverflowed}},
		"declined": {func(w *world, id engine.WorkID) []engine.Event {
			return w.do(engine.Decline{Assignment: w.offered(id, "ann"), Agent: "ann"}).Events
		}, []engine.Kind{engine.KindOfferDeclined, engine.KindWorkOverflowed}},
		"timed out": {func(w *world, id engine.WorkID) []engine.Event {
			w.offered(id, "ann")
			return w.pass(20 * second)
		}, []engine.Kind{engine.KindOfferTimedOut, engine.KindWorkOverflowed}},
		"unavailable": {func(w *world, id engine.WorkID) []engine.Event {
			w.offered(id, "ann")
			return w.do(engine.SignOut{Agent: "ann"}).Events
		}, []engine.Kind{engine.KindOfferUnavailable, engine.KindAgentSignedOut, engine.KindWorkOverflowed}},
		"declined after having had it": {func(w *world, id engine.WorkID) []engine.Event {
			w.opened(id, "ann")
			w.did(engine.RequeueWork{Work: id}, engine.KindWorkRequeued) // for the same agent again
			return w.do(engine.Decline{Assignment: w.offered(id, "ann"), Agent: "ann"}).Events
		}, []engine.Kind{engine.KindOfferDeclined, engine.KindWorkOverflowed}},
		"gone": {func(w *world, id engine.WorkID) []engine.Event {
			w.opened(id, "ann")
			return w.do(engine.SignOut{Agent: "ann"}).Events
		}, []engine.Kind{engine.KindWorkRequeued, engine.KindAgentSignedOut, engine.KindWorkOverflowed}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.present("ann", "bob")
			id := w.arrives("support", on("voice"), backed)
			w.cannot(id, "bob", route.VerdictNotEligible)
			events := c.then(w, id)
			why := "required_agent_did_not_take_it"
			if name == "gone" {
				why = "required_agent_is_gone"
			}
			if got := kindsOf(events); !slices.Equal(got, c.kinds) || events[len(events)-1].Reason != why {
				t.Fatalf("%+v, want %v", events, c.kinds)
			}
			if item := w.in(id, "sales"); item.Required || item.Agent != "" || item.RequestedAt != start {
				t.Errorf("%+v", item.Placement)
			}
			w.offered(id, "bob")
		})
	}
	t.Run("not for who took it over", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support", on("voice"), backed)
		w.opened(id, "ann")
		w.joined(id, "bob")
		w.do(engine.TransferWork{Work: id, Agent: "bob"})
		w.do(engine.SignOut{Agent: "bob"})
		if item := w.in(id, "support"); item.Agent != "ann" || !item.Required { // who is still there
			t.Errorf("%+v", item)
		}
		w.happens(30*second, engine.KindWorkOverflowed)
	})
	t.Run("which may be its own", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support", backed, func(s *engine.WorkSpec) { s.Backup = "support" })
		w.declines(id, "ann")
		w.is(id, engine.Waiting) // and nobody is kept from it there
		w.offered(id, "ann")
	})
	t.Run("not by an overflow", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, overflowing(engine.Overflow{After: 10 * second}))
		id := w.arrives("support", backed, func(s *engine.WorkSpec) { s.PreferredFor = 0 })
		w.happens(100 * minute) // without a time it waits for that agent alone
		w.in(id, "support")
	})
}

// Work goes on by waiting once from each queue, or it would go round for ever;
// what begins anew may again.
func TestOverflowByWaitingHappensOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) {
		d.Queues[2].Overflow = &engine.Overflow{To: "support", After: second}
		d.Queues[3].Overflow = &engine.Overflow{To: "sales", After: 2 * second}
	})
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.happens(second, engine.KindWorkOverflowed)
	w.happens(2*second, engine.KindWorkOverflowed)
	if item := w.in(id, "sales"); !slices.Equal(item.Passed, []string{"sales", "support"}) {
		t.Errorf("%+v", item.Placement)
	}
	w.happens(100 * minute)
	// Coming back to wait is no new beginning.
	w.declines(id, "bob")
	w.opened(id, "ann")
	w.do(engine.RequeueWork{Work: id})
	w.do(engine.UpdateWork{Work: id, Transcript: "said"})
	w.happens(100 * minute)
	w.do(engine.TransferWork{Work: id, Queue: "sales"})
	w.happens(second, engine.KindWorkOverflowed)
	w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
	w.do(engine.ReopenWork{Work: id})
	if item := w.in(id, "support"); len(item.Passed) > 0 {
		t.Errorf("%+v", item.Placement)
	}
	w.happens(2*second, engine.KindWorkOverflowed)
	w.in(id, "sales")
}

// It is remembered, however the work goes on from there.
func TestOverflowByWaitingIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, left, func(d *engine.Definition) {
		d.Queues[2].Overflow = &engine.Overflow{To: "support", After: second}
		d.Queues[3].Overflow = &engine.Overflow{To: "sales", WhenNobody: true}
	})
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.happens(second, engine.KindWorkOverflowed)
	w.did(engine.SignOut{Agent: "bob"}, engine.KindAgentSignedOut, engine.KindWorkOverflowed)
	if item := w.in(id, "sales"); !slices.Equal(item.Passed, []string{"sales"}) {
		t.Errorf("%+v", item.Placement)
	}
	w.happens(100 * minute)
}

// A new definition opens and closes all queues before work is sent on: it goes to
// where it can stay.
func TestADefinitionClosesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, left)
	w.present("ann", "bob")
	id := w.arrives("sales")
	d := centre()
	left(&d)
	d.Agents[0].Queues = engine.Member("claims")
	opening(engine.ClosedOverflow, engine.Hours{Zone: "UTC"})(&d) // never
	d.Queues[3].Overflow = &engine.Overflow{To: "claims"}
	events := w.did(engine.Configure{Definition: d}, engine.KindConfigured, engine.KindQueueClosed, engine.KindWorkOverflowed)
	if events[2].Reason != "closed" {
		t.Errorf("%+v", events)
	}
	w.in(id, "claims")
}
