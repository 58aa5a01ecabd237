// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestTransferToAQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("support", aged(minute), requires("ann"))
	w.opened(id, "ann")
	w.at += 10 * second
	ev := w.did(engine.TransferWork{Work: id, Queue: "sales", Reason: "wants to buy"}, engine.KindWorkTransferred)[0]
	if to, moved := ev.GoesTo(); ev.Agent != "ann" || ev.Assignment != 1 || ev.Queue != "support" || to != "sales" || !moved {
		t.Errorf("%+v", ev)
	}
	w.tried(id, engine.AssignmentTransferred)
	w.is(id, engine.Waiting)
	item := w.in(id, "sales")
	if item.RequestedAt != start-minute || item.Priority != 3 || item.Size != engine.Units(500) || item.Required || item.Reason != "wants to buy" || item.Spec.Queue != "sales" {
		t.Errorf("%+v", item)
	}
	w.uses("ann", 0, 0)
	w.offered(id, "bob")
}

// Age, attributes and transcript go with it, and can be changed on the way: what
// a bot hands over.
func TestTransferWithMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented)
	w.present("bob")
	bot := func(s *engine.WorkSpec) {
		s.Attributes = map[string]string{"intent": "?", "language": "fr"}
		s.Needs, s.Ruled = []engine.Need{wants("law", 1)}, []engine.Need{wants("tax", 1)}
	}
	id := w.arrives("support", bot)
	needs := []engine.Need{wants("french", 2)}
	w.at += minute
	w.did(engine.TransferWork{
		Work: id, Needs: &needs, RequestedAt: start + 5*second, Transcript: "s3://said/1", Attributes: map[string]string{"intent": "refund", "language": ""},
	}, engine.KindWorkTransferred)
	item := w.in(id, "support") // where it was
	if item.RequestedAt != start+5*second || item.Spec.Transcript != "s3://said/1" || len(item.Spec.Attributes) != 1 || item.Spec.Attributes["intent"] != "refund" {
		t.Errorf("%+v", item)
	}
	w.requiresNow(id, map[string]engine.Level{"french": 2000})
	w.offered(id, "bob")
	// Without skills given it keeps what its source requires; none is another thing.
	w.did(engine.TransferWork{Work: id, Queue: "sales"}, engine.KindOfferWithdrawn, engine.KindWorkTransferred)
	w.requiresNow(id, map[string]engine.Level{"french": 2000})
	none := []engine.Need{}
	w.do(engine.TransferWork{Work: id, Needs: &none})
	w.requiresNow(id, map[string]engine.Level{})
}

// Directly to an agent it is offered at once, whatever queue that agent belongs
// to; if it comes to nothing it waits in its queue.
func TestTransferToAnAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "guy")
	id := w.arrives("support")
	w.opened(id, "ann")
	events := w.did(engine.TransferWork{Work: id, Agent: "guy"}, engine.KindWorkTransferred, engine.KindWorkOffered)
	if events[1].Agent != "guy" || events[1].Guest || events[1].Deadline != w.at+20*second || events[1].Decision.Reason != "transferred" {
		t.Errorf("%+v", events)
	}
	w.is(id, engine.Offered)
	w.uses("ann", 0, 0)
	w.uses("guy", 1000, 1)
	w.refused(engine.TransferWork{Work: id, Agent: "guy"}, engine.CodeWrongState, "agent")
	w.do(engine.Decline{Assignment: events[1].Assignment, Agent: "guy"})
	w.in(id, "support")
	w.offered(id, "ann")
	// To who accepts at once, and to another queue.
	w.present("eve")
	w.did(engine.TransferWork{Work: id, Agent: "eve", Queue: "sales"},
		engine.KindOfferWithdrawn, engine.KindWorkTransferred, engine.KindWorkOffered, engine.KindOfferAccepted)
	if item := w.in(id, "sales"); item.Owner().Agent != "eve" || item.Owner().Size != 500 {
		t.Errorf("%+v", item)
	}
}

// Refused, it stays where it is.
func TestTransferThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "dot", "cid")
	id := w.arrives("sales")
	w.opened(id, "ann")
	closed := w.arrives("support")
	w.do(engine.CancelWork{Work: closed})
	missing := []engine.Need{wants("magic", 1)}
	w.do(engine.SetStatus{Agent: "cid", Status: "break"})
	for _, c := range []struct {
		command engine.TransferWork
		code    engine.Code
		field   string
	}{
		{engine.TransferWork{Work: 77, Queue: "sales"}, engine.CodeUnknownWork, "work"},
		{engine.TransferWork{Work: closed, Queue: "sales"}, engine.CodeWrongState, ""},
		{engine.TransferWork{Work: id}, engine.CodeInvalid, "queue"},
		{engine.TransferWork{Work: id, Queue: "nowhere"}, engine.CodeUnknownQueue, "queue"},
		{engine.TransferWork{Work: id, Agent: "zoe"}, engine.CodeUnknownAgent, "agent"},
		{engine.TransferWork{Work: id, Agent: "bob"}, engine.CodeAgentUnavailable, "agent"},
		{engine.TransferWork{Work: id, Agent: "cid"}, engine.CodeAgentUnavailable, "agent"},
		{engine.TransferWork{Work: id, Agent: "ann"}, engine.CodeWrongState, "agent"},
		{engine.TransferWork{Work: id, Queue: "sales", RequestedAt: start + 1}, engine.CodeInvalid, "requested_at"},
		{engine.TransferWork{Work: id, Queue: "sales", RequestedAt: -1}, engine.CodeInvalid, "requested_at"},
		{engine.TransferWork{Work: id, Needs: &missing}, engine.CodeUnknownSkill, "skills"},
	} {
		w.refused(c.command, c.code, c.field)
	}
	w.is(id, engine.Open)
	// In sales it took half a unit; in support it would take one, which dot does
	// not have.
	w.opened(w.arrives("support", sized(400)), "dot")
	w.defined(func(d *engine.Definition) { d.PresenceConfigs[1].MaxOpen = 5 })
	w.refused(engine.TransferWork{Work: id, Agent: "dot", Queue: "support"}, engine.CodeNoCapacity, "agent")
	w.do(engine.TransferWork{Work: id, Agent: "dot"})
	w.defined(func(d *engine.Definition) { d.PresenceConfigs[1].MaxOpen, d.PresenceConfigs[1].MaxOffers = 5, 1 })
	w.refused(engine.TransferWork{Work: w.arrives("support", sized(1)), Agent: "dot"}, engine.CodeLimit, "agent")
}

// Who declined in one queue is asked in the next.
func TestTransferClearsExclusions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("claims")
	w.declines(id, "ann")
	w.do(engine.TransferWork{Work: id, Queue: "sales"})
	w.is(id, engine.Waiting)
	w.offered(id, "ann")
}

// What changes of work that is kept where it is.
func TestUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) {
		d.Channels[0].Secondary = &engine.Secondary{Attribute: "tier", Values: map[string]int32{"gold": -1}, Otherwise: 4}
	})
	w.present("ann")
	id := w.arrives("support")
	if item := w.item(id); item.Secondary != 4 {
		t.Errorf("%+v", item.Placement)
	}
	urgent, by, less := int32(0), start+minute, int32(-1)
	early := engine.Time(-1)
	w.did(engine.UpdateWork{
		Work: id, Priority: &urgent, TargetAcceptAt: &by, Attributes: map[string]string{"tier": "gold"}, Transcript: "said",
	}, engine.KindWorkUpdated)
	item := w.item(id)
	if item.Priority != 0 || item.Secondary != -1 || item.Spec.TargetAcceptAt != by || item.Spec.Transcript != "said" || item.Revision != 2 {
		t.Errorf("%+v", item)
	}
	urgent = 9
	if *item.Spec.Priority != 0 {
		t.Error("the caller can change work")
	}
	missing := []engine.Need{wants("magic", 1)}
	w.refused(engine.UpdateWork{Work: 77}, engine.CodeUnknownWork, "work")
	w.refused(engine.UpdateWork{Work: id, Priority: &less}, engine.CodeInvalid, "priority")
	w.refused(engine.UpdateWork{Work: id, TargetAcceptAt: &early}, engine.CodeInvalid, "target_accept_at")
	w.refused(engine.UpdateWork{Work: id, Needs: &missing}, engine.CodeUnknownSkill, "skills")
	w.refused(engine.UpdateWork{Work: id, Ruled: &missing}, engine.CodeUnknownSkill, "skills")
	one, two := engine.Taken{Step: "rules/one"}, engine.Taken{Step: "rules/two", Failed: "no such key"}
	w.do(engine.UpdateWork{Work: id, Taken: []engine.Taken{one}})
	w.do(engine.UpdateWork{Work: id, Taken: []engine.Taken{two}})
	if got := w.item(id).Spec.Intake; !slices.Equal(got, []engine.Taken{one, two}) {
		t.Errorf("%+v", got)
	}
	w.offered(id, "ann")
	w.do(engine.UpdateWork{Work: id, Attributes: map[string]string{"tier": ""}})
	w.is(id, engine.Offered)
	if w.item(id).Secondary != 4 {
		t.Errorf("%+v", w.item(id).Placement)
	}
	w.do(engine.CancelWork{Work: id})
	w.refused(engine.UpdateWork{Work: id, Priority: &urgent}, engine.CodeWrongState, "")
}

// A required agent is for good, a preferred one is the strategy's to heed.
func TestPreferredAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("support", func(s *engine.WorkSpec) { s.PreferredAgent, s.PreferredFor = "bob", 10*second })
	if item := w.item(id); item.Agent != "bob" || item.Required || item.Until != start+10*second {
		t.Errorf("%+v", item.Placement)
	}
	w.offered(id, "ann")
	w.cannot(w.arrives("support", requires("bob")), "ann", route.VerdictNotEligible)
}
