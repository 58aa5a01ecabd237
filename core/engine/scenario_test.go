// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestPushTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("dot", "ann")
	id := w.arrives("support")
	a := w.offered(id, "dot")
	if at, ok := w.NextTimer(); !ok || at != start+20*second {
		t.Errorf("next timer at %d, %v", at, ok)
	}
	if events := w.pass(20*second - 1); len(events) > 0 {
		t.Fatalf("too early: %+v", events)
	}
	events := w.pass(1)
	if got := kindsOf(events); !slices.Equal(got, []engine.Kind{engine.KindOfferTimedOut, engine.KindAgentStatusChanged}) {
		t.Fatalf("%v", got)
	}
	if events[1].Cause != engine.CausePushTimeout || events[1].Status != "break" {
		t.Errorf("%+v", events[1])
	}
	w.is(id, engine.Waiting, "dot")
	w.tried(id, engine.AssignmentTimedOut)
	w.refused(engine.Accept{Assignment: a, Agent: "dot"}, engine.CodeWrongState, "")
	// A timer of an offer that was answered is void.
	b := w.offered(id, "ann")
	w.do(engine.Accept{Assignment: b, Agent: "ann"})
	if events := w.pass(minute); len(events) > 0 {
		t.Errorf("%+v", events)
	}
	// So is one whose work has another offer by then.
	other := w.arrives("support")
	w.offered(other, "ann")
	w.at += 5 * second
	w.do(engine.RequeueWork{Work: other})
	w.offered(other, "ann")
	if events := w.pass(15 * second); len(events) > 0 {
		t.Errorf("%+v", events)
	}
	if events := w.pass(5 * second); len(events) == 0 || events[0].Kind != engine.KindOfferTimedOut {
		t.Errorf("%+v", events)
	}
	// Without a push timeout an offer stands without end.
	patient := w.arrives("sales")
	w.offered(patient, "ann")
	w.pass(100 * minute)
	w.is(patient, engine.Offered)
}

func TestConnectionLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	offer, kept, requeued := w.arrives("sales"), w.arrives("sales"), w.arrives("sales", on("voice"))
	w.offered(offer, "ann")
	a := w.opened(kept, "ann")
	w.opened(requeued, "ann")
	w.at += second
	ev := w.did(engine.Disconnect{Agent: "ann"}, engine.KindAgentDisconnected)[0]
	if ev.Deadline != w.at+15*second {
		t.Errorf("%+v", ev)
	}
	if events := w.pass(15*second - 1); len(events) > 0 {
		t.Errorf("within the grace period: %+v", events)
	}
	w.is(offer, engine.Offered)
	w.cannot(w.arrives("sales"), "ann", route.VerdictAgentUnavailable)
	events := w.pass(1)
	want := []engine.Kind{engine.KindOfferUnavailable, engine.KindWorkRequeued, engine.KindAgentSignedOut}
	if got := kindsOf(events); !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	if events[2].Cause != engine.CauseConnectionLost || events[2].Status != engine.Offline {
		t.Errorf("%+v", events[2])
	}
	w.is(offer, engine.Waiting)
	w.tried(offer, engine.AssignmentUnavailable)
	w.is(kept, engine.Open)
	w.is(requeued, engine.Waiting)
	w.tried(requeued, engine.AssignmentTransferred)
	if w.item(requeued).Reason != "connection_lost" {
		t.Errorf("reason %q", w.item(requeued).Reason)
	}
	w.uses("ann", 500, 1)
	// The open work that was kept can be ended by its agent, present or not.
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	w.uses("ann", 0, 0)
}

func TestConnectionComesBackInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("sales")
	w.offered(id, "ann")
	w.do(engine.Disconnect{Agent: "ann"})
	w.at += 10 * second
	w.do(engine.Connect{Agent: "ann"})
	w.do(engine.Disconnect{Agent: "ann"})
	if events := w.pass(5 * second); len(events) > 0 { // the first period's end
		t.Errorf("%+v", events)
	}
	w.is(id, engine.Offered)
	if events := w.pass(10 * second); len(events) != 2 {
		t.Errorf("%+v", events)
	}
	w.is(id, engine.Waiting)
}

// Whoever signs in and never connects is gone after the grace period.
func TestSignInWithoutAConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(engine.SignIn{Agent: "ann", Status: "online"})
	if events := w.pass(15 * second); len(events) != 1 || events[0].Kind != engine.KindAgentSignedOut {
		t.Errorf("%+v", events)
	}
}

func TestRequeueKeepsAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.at += 10 * second
	w.arrives("support")
	w.opened(id, "ann")
	if b, _ := w.Backlog("support"); b.Oldest != start+10*second || b.Waiting != 1 || b.Open != 1 || b.Offered != 0 || b.Present != 1 || b.Members != 6 {
		t.Errorf("backlog %+v", b)
	}
	w.at += 10 * second
	w.did(engine.RequeueWork{Work: id, Reason: "wrong language"}, engine.KindWorkRequeued)
	w.is(id, engine.Waiting)
	w.uses("ann", 0, 0)
	item := w.item(id)
	if item.RequestedAt != start || item.Reason != "wrong language" || item.Declines != 0 {
		t.Errorf("%+v", item)
	}
	w.tried(id, engine.AssignmentTransferred)
	if b, _ := w.Backlog("support"); b.Oldest != start || b.Waiting != 2 {
		t.Errorf("backlog %+v", b)
	}
	w.offered(id, "ann")
	w.do(engine.RequeueWork{Work: id})
	w.tried(id, engine.AssignmentWithdrawn)
	w.offered(id, "ann") // who did not decline may be asked again
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.arrives("support", keyed("order-1"))
	again := w.do(engine.CreateWork{Spec: engine.WorkSpec{Key: "order-1", Channel: "chat", Queue: "sales"}})
	if again.Work != id || !again.Duplicate || len(again.Events) > 0 {
		t.Errorf("%+v", again)
	}
	// Whatever is wrong with the repetition, the first result stands.
	if again = w.do(engine.CreateWork{Spec: engine.WorkSpec{Key: "order-1"}}); again.Work != id {
		t.Errorf("%+v", again)
	}
	if other := w.arrives("support", keyed("order-2")); other == id {
		t.Error("another key, the same work")
	}
	if first, second := w.arrives("support"), w.arrives("support"); first == second {
		t.Error("no key, the same work")
	}
	w.do(engine.CancelWork{Work: id})
	if again = w.do(engine.CreateWork{Spec: engine.WorkSpec{Key: "order-1"}}); again.Work != id {
		t.Errorf("the key of ended work: %+v", again)
	}
	w.pass(61 * minute)
	w.arrives("support") // an event, by which old work is forgotten
	if anew := w.arrives("support", keyed("order-1")); anew == id {
		t.Error("the key outlived its work")
	}
}

func TestAutoAccept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("eve")
	id := w.arrives("support")
	result := w.propose(id, "eve")
	if got := kindsOf(result.Events); !slices.Equal(got, []engine.Kind{engine.KindWorkOffered, engine.KindOfferAccepted}) {
		t.Fatalf("%v", got)
	}
	if result.Events[0].Deadline != 0 {
		t.Errorf("%+v", result.Events[0])
	}
	w.is(id, engine.Open)
	w.refused(engine.Decline{Assignment: result.Events[0].Assignment, Agent: "eve"}, engine.CodeWrongState, "")
}

func TestMaxOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("fay")
	first, second, third := w.arrives("support"), w.arrives("support"), w.arrives("support")
	a := w.opened(first, "fay")
	w.offered(second, "fay")
	w.cannot(third, "fay", route.VerdictLimit)
	w.do(engine.Complete{Assignment: a, Agent: "fay"})
	w.offered(third, "fay")
}

// Three thirds of 333 and one thousandth fill a unit exactly.
func TestCapacityIsExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.PresenceConfigs[1].MaxOpen = 10 })
	w.present("dot")
	for range 3 {
		w.offered(w.arrives("support", on("mail")), "dot")
	}
	w.uses("dot", 999, 3)
	w.cannot(w.arrives("support", sized(2)), "dot", route.VerdictNoCapacity)
	w.offered(w.arrives("support", sized(1)), "dot")
	w.uses("dot", 1000, 4)
	w.cannot(w.arrives("support", sized(1)), "dot", route.VerdictNoCapacity)
	for _, a := range slices.Clone(w.agent("dot").Held) {
		w.do(engine.Accept{Assignment: a, Agent: "dot"})
		w.do(engine.Complete{Assignment: a, Agent: "dot"})
	}
	w.uses("dot", 0, 0)
}

// Work that takes nothing is held to the number of assignments alone.
func TestWorkWithoutSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.Channels[1].Size = engine.Units(0) })
	w.present("ann")
	w.opened(w.arrives("support", sized(3000)), "ann")
	for range 9 {
		w.offered(w.arrives("support", on("mail")), "ann")
	}
	w.cannot(w.arrives("support", on("mail")), "ann", route.VerdictLimit)
}

// Without members nobody can say what is too large.
func TestSizeInAQueueWithoutMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.arrives("empty", sized(50_000))
}

func TestRequiredAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("support", requires("bob"))
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.opened(id, "bob")
	waits := w.arrives("support", requires("guy"))
	w.present("guy")
	w.cannot(waits, "guy", route.VerdictNotEligible) // not a member
}

func TestBacklogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, ok := w.Backlog("nowhere"); ok {
		t.Error("there is a backlog of nothing")
	}
	if _, ok := w.ChannelOrdinal("fax"); ok {
		t.Error("there is a fax")
	}
	var names []string
	w.EachQueue(func(b engine.Backlog) bool {
		names = append(names, b.Queue.Name+"/"+b.Routing.Name)
		return len(names) < 3
	})
	if !slices.Equal(names, []string{"claims/forever", "empty/normal", "sales/last"}) {
		t.Errorf("%v", names)
	}
	var agents []string
	w.EachAgent("", func(a *engine.Agent) bool {
		agents = append(agents, a.ID)
		return len(agents) < 3
	})
	if !slices.Equal(agents, []string{"ann", "bob", "cid"}) {
		t.Errorf("%v", agents)
	}
	// The oldest is right after many comings and goings.
	w.present("ann")
	for i := range 300 {
		id := w.arrives("sales", func(s *engine.WorkSpec) { s.RequestedAt = start - engine.Time(i%7) })
		w.offered(id, "ann")
		w.do(engine.RequeueWork{Work: id})
		if i%3 > 0 {
			w.do(engine.CancelWork{Work: id})
		}
		oldest := engine.Time(0)
		w.EachWork(0, func(item *engine.Work) bool {
			if item.State == engine.Waiting && (oldest == 0 || item.RequestedAt < oldest) {
				oldest = item.RequestedAt
			}
			return true
		})
		if b, _ := w.Backlog("sales"); b.Oldest != oldest {
			t.Fatalf("the oldest of %d waits since %d, not %d", b.Waiting, oldest, b.Oldest)
		}
	}
}
