// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestDeclineUntilExhausted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("support")
	w.declines(id, "ann")
	w.is(id, engine.Waiting, "ann")
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.declines(id, "bob")
	w.is(id, engine.Waiting, "ann", "bob")
	events := w.did(engine.Decline{Assignment: w.offered(id, "cid"), Agent: "cid"}, engine.KindOfferDeclined, engine.KindExclusionsCleared)
	if events[1].Work != id || events[1].Queue != "support" {
		t.Errorf("%+v", events[1])
	}
	w.is(id, engine.Waiting) // all are asked again
	if w.item(id).Declines != 3 {
		t.Errorf("%d declines", w.item(id).Declines)
	}
	w.declines(id, "ann")
	w.opened(id, "bob")
	w.is(id, engine.Open) // what is open is kept from nobody
}

func TestDeclineLastOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.declines(id, "ann")
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.declines(id, "bob")
	w.is(id, engine.Waiting, "bob")
	w.declines(id, "ann")
	w.is(id, engine.Waiting, "ann")
	w.opened(id, "bob")
	w.is(id, engine.Open)
}

func TestDeclineForever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("claims")
	w.declines(id, "ann")
	w.declines(id, "bob")
	w.opened(id, "cid")
	w.is(id, engine.Open, "ann", "bob")
	w.do(engine.RequeueWork{Work: id})
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.declines(id, "cid")
	w.is(id, engine.Waiting, "ann", "bob", "cid") // nobody is asked again
	for _, agent := range []string{"ann", "bob", "cid"} {
		w.do(engine.SignOut{Agent: agent})
		w.present(agent)
		w.cannot(id, agent, route.VerdictNotEligible)
	}
}

// Exclusions also end when the last candidate who has not declined is lost,
// in whatever way.
func TestExhaustionByLosingTheLastCandidate(t *testing.T) {
	t.Parallel()
	without := func(agent string) engine.Definition {
		d := centre()
		for i := range d.Agents {
			if d.Agents[i].ID == agent {
				d.Agents[i].Queues = nil
			}
		}
		return d
	}
	cases := map[string]func(w *world){
		"signs out":       func(w *world) { w.do(engine.SignOut{Agent: "cid"}) },
		"takes a break":   func(w *world) { w.do(engine.SetStatus{Agent: "cid", Status: "break"}) },
		"other channels":  func(w *world) { w.do(engine.SetStatus{Agent: "cid", Status: "chatting"}) },
		"connection lost": func(w *world) { w.do(engine.Disconnect{Agent: "cid"}); w.pass(15 * second) },
		"leaves queue":    func(w *world) { w.do(engine.Configure{Definition: without("cid")}) },
	}
	for name, lose := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.present("ann", "bob", "cid")
			id := w.arrives("support", on("voice"))
			w.declines(id, "ann")
			w.declines(id, "bob")
			w.is(id, engine.Waiting, "ann", "bob")
			lose(w)
			w.is(id, engine.Waiting)
			w.opened(id, "ann")
		})
	}
}

// A candidate who is only loaded, or within the grace period, is waited for.
func TestALoadedCandidateIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "cid")
	w.opened(w.arrives("support", sized(3000)), "cid")
	id := w.arrives("support")
	w.declines(id, "ann")
	w.cannot(id, "cid", route.VerdictNoCapacity)
	w.is(id, engine.Waiting, "ann")
	w.do(engine.Disconnect{Agent: "cid"})
	w.is(id, engine.Waiting, "ann")
}

// Who could never take the work is no candidate to wait for.
func TestExhaustionPassesOverWhoCouldNeverTakeIt(t *testing.T) {
	t.Parallel()
	t.Run("required agent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support", requires("ann"))
		w.declines(id, "ann")
		w.is(id, engine.Waiting)
		w.opened(id, "ann")
	})
	t.Run("size", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "dot") // dot has a capacity of 1
		id := w.arrives("support", sized(2000))
		w.declines(id, "ann")
		w.is(id, engine.Waiting)
		w.opened(id, "ann")
	})
}

// Work comes back to waiting when nobody is left who has not declined.
func TestExhaustionWhenAnOfferIsTakenBack(t *testing.T) {
	t.Parallel()
	t.Run("requeued", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support")
		w.declines(id, "ann")
		w.offered(id, "bob")
		w.do(engine.SetStatus{Agent: "bob", Status: "break"})
		w.is(id, engine.Offered, "ann")
		w.did(engine.RequeueWork{Work: id}, engine.KindWorkRequeued, engine.KindExclusionsCleared)
		w.is(id, engine.Waiting)
	})
	t.Run("unavailable in a queue that was left", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support")
		w.declines(id, "ann")
		w.offered(id, "bob")
		d := centre()
		d.Agents[1].Queues = []string{"sales"}
		w.do(engine.Configure{Definition: d})
		w.is(id, engine.Offered, "ann")
		w.did(engine.SignOut{Agent: "bob"}, engine.KindOfferUnavailable, engine.KindAgentSignedOut, engine.KindExclusionsCleared)
		w.is(id, engine.Waiting)
	})
}

func TestDeclineRuleChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("claims")
	w.declines(id, "ann")
	w.declines(id, "bob")
	d := centre()
	d.Queues[0].Routing = "last"
	w.do(engine.Configure{Definition: d})
	w.is(id, engine.Waiting, "bob")
	d.Queues[0].Routing = "normal"
	w.do(engine.Configure{Definition: d})
	w.is(id, engine.Waiting, "bob")
	w.do(engine.SignOut{Agent: "ann"})
	w.is(id, engine.Waiting, "bob")
	w.do(engine.SignOut{Agent: "cid"})
	w.is(id, engine.Waiting)
}

func TestDeclineWithReasonAndStatusAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("dot", "ann")
	id := w.arrives("support")
	a := w.offered(id, "dot")
	events := w.did(engine.Decline{Assignment: a, Agent: "dot", Reason: "too hard"}, engine.KindOfferDeclined, engine.KindAgentStatusChanged)
	if events[0].Reason != "too hard" || events[1].Cause != engine.CauseDecline || events[1].Status != "break" {
		t.Errorf("%+v", events)
	}
	if x := w.tried(id, engine.AssignmentDeclined); x.Reason != "too hard" || x.AnsweredAt != w.at || x.EndedAt != w.at {
		t.Errorf("%+v", x)
	}
	w.is(id, engine.Waiting, "dot")
	w.uses("dot", 0, 0)
	if dot := w.agent("dot"); dot.Status != "break" || dot.Cause != engine.CauseDecline {
		t.Errorf("dot is %+v", dot)
	}
}

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

func TestRestartLosesAllConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.offered(id, "ann")
	w.Engine = restored(t, w.Engine)
	w.did(engine.DisconnectAll{}, engine.KindAgentDisconnected, engine.KindAgentDisconnected)
	w.do(engine.Connect{Agent: "bob"})
	if got := kindsOf(w.pass(15 * second)); !slices.Equal(got, []engine.Kind{engine.KindOfferUnavailable, engine.KindAgentSignedOut}) {
		t.Errorf("%v", got)
	}
	if !w.agent("bob").SignedIn() || w.agent("ann").SignedIn() {
		t.Error("the wrong agent is gone")
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
	if item.Spec.RequestedAt != start || item.Reason != "wrong language" || item.Declines != 0 {
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
	if w.arrives("support") == w.arrives("support") {
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
	w := newWorld(t, func(d *engine.Definition) { d.Channels[1].Size = 0 })
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

func TestConfigureWithThingsInUse(t *testing.T) {
	t.Parallel()
	remove := func(change func(*engine.Definition)) engine.Configure {
		d := centre()
		change(&d)
		return engine.Configure{Definition: d}
	}
	agent := func(id string) engine.Configure {
		return remove(func(d *engine.Definition) {
			d.Agents = slices.DeleteFunc(d.Agents, func(a engine.AgentDefinition) bool { return a.ID == id })
		})
	}
	w := newWorld(t)
	w.do(engine.SignIn{Agent: "ann", Status: "online"})
	w.do(engine.Connect{Agent: "bob"})
	w.refused(agent("ann"), engine.CodeInUse, "agents.ann")
	w.refused(agent("bob"), engine.CodeInUse, "agents.bob")
	w.refused(remove(func(d *engine.Definition) { d.Statuses = d.Statuses[:2] }), engine.CodeInUse, "statuses.online")
	w.do(engine.Connect{Agent: "ann"})
	id := w.arrives("support", requires("cid"))
	w.refused(agent("cid"), engine.CodeInUse, "agents.cid")
	withoutQueue := remove(func(d *engine.Definition) {
		d.Queues = d.Queues[:3]
		for i := range d.Agents {
			d.Agents[i].Queues = nil
		}
	})
	w.refused(withoutQueue, engine.CodeInUse, "queues.support")
	withoutChat := remove(func(d *engine.Definition) {
		d.Channels = d.Channels[1:]
		d.Statuses[1].Channels, d.Statuses[2].Channels = nil, nil
	})
	w.refused(withoutChat, engine.CodeInUse, "channels.chat")
	w.do(engine.CancelWork{Work: id})
	kept := w.arrives("sales")
	a := w.opened(kept, "ann")
	w.do(engine.SignOut{Agent: "ann"})
	w.do(engine.Disconnect{Agent: "ann"})
	w.refused(agent("ann"), engine.CodeInUse, "agents.ann") // open work was kept
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	for _, c := range []engine.Configure{agent("ann"), agent("cid"), withoutQueue, withoutChat} {
		if got := kindsOf(w.do(c).Events); !slices.Equal(got, []engine.Kind{engine.KindConfigured}) {
			t.Errorf("%v", got)
		}
	}
	// Work that ended in a queue, on a channel, by an agent that are gone.
	w.is(id, engine.Cancelled)
	w.is(kept, engine.Closed)
}

func TestConfigureDoesNotShareMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := centre()
	slices.Reverse(d.Agents)
	d.Statuses[1].Channels = []string{}
	first := d.Agents[0].ID
	w.do(engine.Configure{Definition: d})
	if d.Agents[0].ID != first {
		t.Error("the caller's definition was sorted")
	}
	d.Agents[0].Queues = append(d.Agents[0].Queues, "nowhere")
	d.Statuses[2].Channels[0] = "fax"
	d.Queues[0].Name = "other"
	if err := w.Definition().Validate(); err != nil {
		t.Errorf("the caller can change the definition in force: %v", err)
	}
	if w.Config() != 2 || len(w.Definition().Agents) != 7 {
		t.Errorf("config %d, %d agents", w.Config(), len(w.Definition().Agents))
	}
	if n, ok := w.ChannelOrdinal("voice"); !ok || n != 2 {
		t.Errorf("voice is channel %d, %v", n, ok)
	}
}

// Presence, load and eligibility follow a new definition at once.
func TestConfigureReachesPresentAgents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support", on("voice"))
	version := w.agent("ann").Version
	d := centre()
	d.Channels = append(d.Channels, engine.Channel{Name: "a-new-one"}) // all ordinals move
	d.Statuses[2].Channels = []string{"chat"}
	w.do(engine.Configure{Definition: d})
	if a := w.agent("ann"); a.Channels != 2 || a.Version == version {
		t.Errorf("%+v", a)
	}
	w.cannot(id, "ann", route.VerdictChannelMismatch)
	w.offered(w.arrives("support"), "ann")
}

func TestLoweringCapacityBelowWhatIsHeld(t *testing.T) {
	t.Parallel()
	capacity := func(c engine.Milli) engine.Configure {
		d := centre()
		d.PresenceConfigs[3].Capacity = c
		return engine.Configure{Definition: d}
	}
	w := newWorld(t)
	w.present("ann", "bob")
	var held []engine.AssignmentID
	for range 3 {
		held = append(held, w.opened(w.arrives("support"), "ann"))
	}
	w.do(capacity(1000))
	if a := w.agent("ann"); a.Excess != 2000 || a.Used != 3000 {
		t.Errorf("%+v", a)
	}
	w.do(engine.Complete{Assignment: held[0], Agent: "ann"})
	if a := w.agent("ann"); a.Excess != 1000 {
		t.Errorf("%+v", a)
	}
	w.cannot(w.arrives("support", sized(1)), "ann", route.VerdictNoCapacity)
	w.do(engine.Complete{Assignment: held[1], Agent: "ann"})
	if a := w.agent("ann"); a.Excess != 0 {
		t.Errorf("%+v", a)
	}
	w.do(engine.Complete{Assignment: held[2], Agent: "ann"})
	w.offered(w.arrives("support"), "ann")
	w.do(capacity(500))
	w.do(capacity(3000))
	if a := w.agent("ann"); a.Excess != 0 {
		t.Errorf("%+v", a)
	}
	w.offered(w.arrives("support"), "ann")
}

func TestForgettingByTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	a := w.opened(id, "ann")
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	w.at += 60 * minute
	w.arrives("support")
	w.is(id, engine.Closed) // not older than is kept
	w.at++
	w.arrives("support")
	if _, ok := w.Work(id); ok {
		t.Error("the work is still there")
	}
	if _, _, ok := w.Assignment(a); ok {
		t.Error("the assignment is still there")
	}
	w.refused(engine.Complete{Assignment: a, Agent: "ann"}, engine.CodeUnknownAssignment, "assignment")
	w.refused(engine.CancelWork{Work: id}, engine.CodeUnknownWork, "work")
}

func TestForgettingByCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.KeepClosedItems = 3 })
	stays := w.arrives("support")
	for range 10 {
		w.do(engine.AbandonWork{Work: w.arrives("support")})
	}
	var left []engine.WorkID
	w.EachWork(0, func(item *engine.Work) bool {
		left = append(left, item.ID)
		return true
	})
	if !slices.Equal(left, []engine.WorkID{stays, 9, 10, 11}) {
		t.Errorf("left are %v", left)
	}
	var first []engine.WorkID
	w.EachWork(stays, func(item *engine.Work) bool {
		first = append(first, item.ID)
		return false
	})
	if !slices.Equal(first, []engine.WorkID{9}) {
		t.Errorf("%v comes after %v", first, stays)
	}
}

// Without a limit, ended work is kept by time alone.
func TestForgettingWithoutALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.KeepClosedItems = 0 })
	for range 200 {
		w.do(engine.AbandonWork{Work: w.arrives("support")})
	}
	if got := len(allWork(w.Engine)); got != 200 {
		t.Errorf("%d are left", got)
	}
}

func TestManyTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	var tries []engine.AssignmentID
	for range 50 {
		a := w.offered(id, "ann")
		w.do(engine.Decline{Assignment: a, Agent: "ann"})
		tries = append(tries, a)
	}
	item := w.item(id)
	if len(item.Assignments) != 32 || item.Assignments[0].ID != tries[18] || item.Declines != 50 {
		t.Errorf("%d tries from %v, %d declines", len(item.Assignments), item.Assignments[0].ID, item.Declines)
	}
	w.refused(engine.Accept{Assignment: tries[17], Agent: "ann"}, engine.CodeUnknownAssignment, "assignment")
	w.refused(engine.Accept{Assignment: tries[18], Agent: "ann"}, engine.CodeWrongState, "")
}

func TestTimeDoesNotRunBackwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at += minute
	w.present("ann")
	w.at = 5
	id := w.arrives("support")
	if got := w.item(id); got.CreatedAt != start+minute || got.Spec.RequestedAt != start+minute {
		t.Errorf("%+v", got)
	}
	w.offered(id, "ann")
	if events := w.do(engine.Tick{}).Events; len(events) > 0 {
		t.Errorf("%+v", events)
	}
	if w.Now() != start+minute {
		t.Errorf("now is %d", w.Now())
	}
	w.at = start + minute + 20*second
	w.did(engine.Tick{}, engine.KindOfferTimedOut, engine.KindExclusionsCleared)
}

// The time to live ends what waits; what is open meanwhile ends only if it
// comes back. A restored workspace must not think otherwise.
func TestTimeToLiveOfOpenWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support", expiring(start+10*second))
	w.opened(id, "ann")
	if events := w.pass(20 * second); len(events) > 0 {
		t.Errorf("%+v", events)
	}
	w.is(id, engine.Open)
	w.do(engine.RequeueWork{Work: id})
	other := restored(t, w.Engine)
	if events := w.pass(0); len(events) != 1 || events[0].Kind != engine.KindWorkExpired {
		t.Errorf("%+v", events)
	}
	if _, err := other.Step(w.at, engine.Tick{}); err != nil {
		t.Fatal(err)
	}
	same(t, "restored", w.Engine, other)
}

// Timers that have become void do not pile up until they are due.
func TestVoidTimersAreSwept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	last := w.arrives("support", expiring(start+90*minute))
	for i := range 2000 {
		id := w.arrives("support", expiring(start+60*minute+engine.Time(i)))
		w.do(engine.CancelWork{Work: id})
	}
	if w.Timers() > 2*2*(100+1)+100 {
		t.Errorf("%d timers for %d items", w.Timers(), len(allWork(w.Engine)))
	}
	w.pass(90 * minute)
	w.is(last, engine.Expired)
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
	w.EachAgent(func(a *engine.Agent) bool {
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
			if item.State == engine.Waiting && (oldest == 0 || item.Spec.RequestedAt < oldest) {
				oldest = item.Spec.RequestedAt
			}
			return true
		})
		if b, _ := w.Backlog("sales"); b.Oldest != oldest {
			t.Fatalf("the oldest of %d waits since %d, not %d", b.Waiting, oldest, b.Oldest)
		}
	}
}

func TestReplayNamesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	created := w.events[len(w.events)-1]
	w.offered(id, "ann")
	offered := w.events[len(w.events)-1]
	next := w.Number() + 1
	bad := *created.Created
	bad.Queue = "nowhere"
	broken := centre()
	broken.Grace = 0
	inUse := centre()
	inUse.Agents = inUse.Agents[1:]
	cases := map[string]engine.Event{
		"a gap":                      {Number: next + 1, Kind: engine.KindWorkCancelled, Work: id},
		"a repetition":               offered,
		"no kind":                    {Number: next},
		"an unknown kind":            {Number: next, Kind: 200},
		"no definition":              {Number: next, Kind: engine.KindConfigured},
		"a wrong definition":         {Number: next, Kind: engine.KindConfigured, Definition: &broken},
		"a definition without ann":   {Number: next, Kind: engine.KindConfigured, Definition: &inUse},
		"created as nothing":         {Number: next, Kind: engine.KindWorkCreated, Work: 2},
		"created again":              {Number: next, Kind: engine.KindWorkCreated, Work: 1, Created: created.Created},
		"created nowhere":            {Number: next, Kind: engine.KindWorkCreated, Work: 2, Created: &bad},
		"unknown work":               {Number: next, Kind: engine.KindWorkCancelled, Work: 9},
		"another assignment":         {Number: next, Kind: engine.KindOfferAccepted, Work: id, Assignment: 9, Agent: "ann"},
		"another agent":              {Number: next, Kind: engine.KindOfferAccepted, Work: id, Assignment: 1, Agent: "bob"},
		"offered twice":              {Number: next, Kind: engine.KindWorkOffered, Work: id, Assignment: 2, Agent: "ann", Decision: offered.Decision},
		"an agent who is not there":  {Number: next, Kind: engine.KindAgentConnected, Agent: "zoe", Status: "online"},
		"a status that is not there": {Number: next, Kind: engine.KindAgentStatusChanged, Agent: "ann", Status: "asleep"},
	}
	before := picture(t, w.Engine)
	for name, ev := range cases {
		if err := w.Replay(ev); err == nil {
			t.Errorf("%s was replayed", name)
		}
		if !slices.Equal(before, picture(t, w.Engine)) {
			t.Fatalf("%s was refused and changed something", name)
		}
	}
	waits := w.arrives("support")
	if err := w.Replay(engine.Event{Number: w.Number() + 1, Kind: engine.KindWorkCompleted, Work: waits}); err == nil {
		t.Error("completed without an assignment")
	}
}

func TestRestoreNamesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	cases := map[string]func(s *saved){
		"no definition":           func(s *saved) { s.State.Definition = nil },
		"a wrong definition":      func(s *saved) { s.State.Definition.Grace = 0 },
		"an unknown agent":        func(s *saved) { s.State.Agents[0].ID = "zoe" },
		"an unknown status":       func(s *saved) { s.State.Agents[0].Status = "asleep" },
		"a missing agent":         func(s *saved) { s.State.Agents = s.State.Agents[1:] },
		"an agent twice":          func(s *saved) { s.State.Agents[0].ID = "bob" },
		"work out of order":       func(s *saved) { slices.Reverse(s.Work) },
		"work of the future":      func(s *saved) { s.State.NextWork = 2 },
		"work without a state":    func(s *saved) { s.Work[0].State = 0 },
		"work of a strange state": func(s *saved) { s.Work[0].State = 77 },
		"offered to nobody":       func(s *saved) { s.Work[1].Assignments = nil },
		"work in no queue":        func(s *saved) { s.Work[0].Spec.Queue = "nowhere" },
		"work on no channel":      func(s *saved) { s.Work[0].Spec.Channel = "fax" },
		"ended work is missing":   func(s *saved) { s.State.Ended = append(s.State.Ended, 77) },
		"ended work still waits":  func(s *saved) { s.State.Ended = append(s.State.Ended, 1) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busyWorld(t)
			other := restored(t, w.Engine)
			s := saved{State: other.State(), Work: allWork(other)}
			spoil(&s)
			if _, err := engine.Restore(s.State, sequence(s.Work)); err == nil {
				t.Error("it was restored")
			}
		})
	}
	failed := fmt.Errorf("cannot read")
	w := newWorld(t)
	_, err := engine.Restore(w.State(), func(yield func(*engine.Work, error) bool) { yield(nil, failed) })
	if err == nil {
		t.Error("a failed read was restored")
	}
}

func TestAnEmptyWorkspace(t *testing.T) {
	t.Parallel()
	w := &world{T: t, Engine: engine.New(), at: start}
	w.refused(engine.CreateWork{}, engine.CodeUnknownQueue, "queue")
	w.refused(engine.SignIn{Agent: "ann"}, engine.CodeUnknownAgent, "agent")
	w.did(engine.Tick{})
	w.did(engine.DisconnectAll{})
	if _, ok := w.NextTimer(); ok || w.Number() != 0 || w.Config() != 0 {
		t.Error("something is there")
	}
	same(t, "restored", w.Engine, restored(t, w.Engine))
	w.refused(engine.Configure{}, engine.CodeInvalidDefinition, "connection_grace")
	w.did(engine.Configure{Definition: engine.Definition{Grace: 1}}, engine.KindConfigured)
	w.did(engine.Configure{Definition: engine.Definition{Grace: 1}})
	w.finish()
}
