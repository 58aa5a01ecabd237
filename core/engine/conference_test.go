// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"reflect"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// invited has an agent join open work.
func (w *world) invited(id engine.WorkID, agent string) engine.AssignmentID {
	w.Helper()
	ev := w.did(engine.InviteAgent{Work: id, Agent: agent}, engine.KindWorkOffered)[0]
	if !ev.Guest || ev.Decision.Reason != "invited" || ev.Agent != agent {
		w.Fatalf("%+v", ev)
	}
	return ev.Assignment
}

func (w *world) joined(id engine.WorkID, agent string) engine.AssignmentID {
	w.Helper()
	a := w.invited(id, agent)
	if ev := w.did(engine.Accept{Assignment: a, Agent: agent}, engine.KindOfferAccepted)[0]; !ev.Guest {
		w.Fatalf("%+v", ev)
	}
	return a
}

// A guest joins beside the owner, takes capacity, and leaves.
func TestConference(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "guy")
	id := w.arrives("support")
	owner := w.opened(id, "ann")
	guest := w.joined(id, "bob")
	w.uses("bob", 1000, 1)
	w.is(id, engine.Open)
	w.invited(id, "guy") // who need not belong to the queue
	if item := w.item(id); item.Owner().ID != owner || item.Offers() != 1 {
		t.Errorf("%+v", item)
	}
	w.refused(engine.InviteAgent{Work: id, Agent: "bob"}, engine.CodeWrongState, "agent")
	w.refused(engine.InviteAgent{Work: id, Agent: "ann"}, engine.CodeWrongState, "agent")
	w.refused(engine.InviteAgent{Work: id, Agent: "zoe"}, engine.CodeUnknownAgent, "agent")
	w.refused(engine.InviteAgent{Work: 77, Agent: "bob"}, engine.CodeUnknownWork, "work")
	w.did(engine.Complete{Assignment: guest, Agent: "bob"}, engine.KindGuestLeft)
	w.uses("bob", 0, 0)
	w.is(id, engine.Open)
	w.joined(id, "bob")
	// The conference does not outlast its owner's part.
	w.did(engine.Complete{Assignment: owner, Agent: "ann"}, engine.KindOfferWithdrawn, engine.KindGuestLeft, engine.KindWorkCompleted)
	w.uses("bob", 0, 0)
	w.uses("guy", 0, 0)
}

// An invitation is an offer, but what becomes of it is nothing to the work.
func TestInvitationsComeToNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "dot")
	id := w.arrives("support")
	w.refused(engine.InviteAgent{Work: id, Agent: "bob"}, engine.CodeWrongState, "") // it waits
	w.opened(id, "ann")
	w.do(engine.Decline{Assignment: w.invited(id, "bob"), Agent: "bob"})
	w.invited(id, "dot")
	w.happens(20*second, engine.KindOfferTimedOut, engine.KindAgentStatusChanged)
	w.invited(id, "bob")
	w.did(engine.SignOut{Agent: "bob"}, engine.KindOfferUnavailable, engine.KindAgentSignedOut)
	w.is(id, engine.Open)
	if item := w.item(id); item.Declines != 0 || len(item.Assignments) != 4 {
		t.Errorf("%+v", item)
	}
	w.refused(engine.InviteAgent{Work: id, Agent: "bob"}, engine.CodeAgentUnavailable, "agent")
	w.refused(engine.InviteAgent{Work: id, Agent: "dot"}, engine.CodeAgentUnavailable, "agent")
	w.do(engine.SetStatus{Agent: "dot", Status: "chatting"})
	w.opened(w.arrives("support"), "dot")
	w.refused(engine.InviteAgent{Work: id, Agent: "dot"}, engine.CodeLimit, "agent")
	w.present("cid")
	w.opened(w.arrives("sales", sized(2500)), "cid")
	w.refused(engine.InviteAgent{Work: id, Agent: "cid"}, engine.CodeNoCapacity, "agent")
}

func TestGuestsWhoAcceptAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "eve")
	id := w.arrives("support")
	w.opened(id, "ann")
	events := w.did(engine.InviteAgent{Work: id, Agent: "eve"}, engine.KindWorkOffered, engine.KindOfferAccepted)
	if events[0].Deadline != 0 || !events[1].Guest {
		t.Errorf("%+v", events)
	}
}

// Transferred to a guest, the work is handed over without being offered.
func TestHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("support")
	owner := w.opened(id, "ann")
	guest := w.joined(id, "bob")
	w.joined(id, "cid")
	w.do(engine.PauseWork{Work: id})
	w.refused(engine.TransferWork{Work: id, Agent: "bob"}, engine.CodeWrongState, "")
	w.do(engine.ResumeWork{Work: id})
	ev := w.did(engine.TransferWork{Work: id, Agent: "bob", Reason: "billing"}, engine.KindHandedOver)[0]
	if ev.From != "ann" || ev.Former != owner || ev.Agent != "bob" || ev.Assignment != guest || ev.Reason != "billing" {
		t.Errorf("%+v", ev)
	}
	w.is(id, engine.Open)
	item := w.item(id)
	if x := item.Owner(); x.ID != guest || x.Guest || x.Agent != "bob" {
		t.Errorf("%+v", x)
	}
	if x := item.Assignments[0]; x.State != engine.AssignmentTransferred || x.Reason != "billing" {
		t.Errorf("%+v", x)
	}
	w.uses("ann", 0, 0)
	w.uses("cid", 1000, 1) // the other guest stays
	w.did(engine.Complete{Assignment: guest, Agent: "bob"}, engine.KindGuestLeft, engine.KindWorkCompleted)
}

// What is handed over stays as it is, but for what is said with it.
func TestHandOverKeepsTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("sales", requires("ann"), func(s *engine.WorkSpec) {
		s.Backup, s.Attributes = "support", map[string]string{"intent": "?", "language": "fr"}
	})
	w.opened(id, "ann")
	w.joined(id, "bob")
	w.invited(id, "cid")
	needs := []engine.Need{}
	for _, c := range []engine.TransferWork{{Queue: "support"}, {Needs: &needs}, {RequestedAt: start}} {
		c.Work, c.Agent = id, "bob"
		w.refused(c, engine.CodeInvalid, "queue")
	}
	w.refused(engine.TransferWork{Work: id, Agent: "cid"}, engine.CodeWrongState, "agent") // who has not answered
	before := w.item(id).Placement
	w.at += second
	w.do(engine.TransferWork{Work: id, Agent: "bob", Attributes: map[string]string{"intent": "refund", "language": ""}, Transcript: "said"})
	item := w.item(id)
	if spec := item.Spec; len(spec.Attributes) != 1 || spec.Attributes["intent"] != "refund" || spec.Transcript != "said" || spec.RequiredAgent != "ann" || spec.Backup != "support" {
		t.Errorf("%+v", spec)
	}
	if !reflect.DeepEqual(item.Placement, before) || item.Offers() != 1 {
		t.Errorf("%+v, was %+v", item, before)
	}
}

// Who gives work away can take other work, and is counted so.
func TestHandOverSetsItsFormerOwnerFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wrapped)
	w.present("ann", "bob")
	id := w.arrives("support", on("mail"), sized(3000))
	w.opened(id, "ann")
	w.joined(id, "bob")
	available := func(want int) {
		t.Helper()
		if b, _ := w.Backlog("support"); b.Available != want {
			t.Errorf("%d are available, want %d", b.Available, want)
		}
	}
	available(0)
	w.at += second
	w.do(engine.TransferWork{Work: id, Agent: "bob"})
	available(1)
	if a := w.agent("ann"); a.IdleSince != w.at || a.Used != 0 {
		t.Errorf("%+v", a)
	}
	w.offered(w.arrives("support", sized(3000)), "ann")
}

// A journal that ends in the middle of a conference holds nothing half done: a
// hand-over is one event.
func TestHandOverIsWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("support")
	w.opened(id, "ann")
	w.joined(id, "bob")
	w.do(engine.TransferWork{Work: id, Agent: "bob"})
	again := engine.New()
	for _, ev := range w.events {
		if err := again.Replay(ev); err != nil {
			t.Fatal(err)
		}
		if _, found := again.Audit(0, 10); len(found) > 0 {
			t.Fatalf("after %v: %v", ev.Kind, found)
		}
	}
	last := w.events[len(w.events)-1]
	for name, spoil := range map[string]func(*engine.Event){
		"nobody's":        func(ev *engine.Event) { ev.Former = 0 },
		"another's":       func(ev *engine.Event) { ev.From = "cid" },
		"to its owner":    func(ev *engine.Event) { ev.Agent, ev.Assignment = ev.From, ev.Former },
		"to no guest":     func(ev *engine.Event) { ev.Assignment = 77 },
		"to another name": func(ev *engine.Event) { ev.Agent = "cid" },
	} {
		torn := engine.New()
		for _, ev := range w.events[:len(w.events)-1] {
			if err := torn.Replay(ev); err != nil {
				t.Fatal(err)
			}
		}
		ev := last
		spoil(&ev)
		if err := torn.Replay(ev); err == nil {
			t.Errorf("%s: %+v was replayed", name, ev)
		}
	}
}

// Whatever takes the work from its owner ends the conference.
func TestConferenceEnds(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		end   engine.Command
		state engine.WorkState
	}{
		"requeued":       {engine.RequeueWork{Work: 1}, engine.Waiting},
		"transferred":    {engine.TransferWork{Work: 1, Queue: "sales"}, engine.Waiting},
		"deactivated":    {engine.DeactivateWork{Work: 1}, engine.Closed},
		"owner gone":     {engine.SignOut{Agent: "ann"}, engine.Waiting},
		"wrapped up":     {engine.Complete{Assignment: 1, Agent: "ann"}, engine.WrapUpWork},
		"guest gone":     {engine.SignOut{Agent: "bob"}, engine.Open},
		"to a third one": {engine.TransferWork{Work: 1, Agent: "dot"}, engine.Offered},
	}
	for name, c := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wrapped)
			w.present("ann", "bob", "cid", "dot")
			id := w.arrives("support", on("voice"))
			w.opened(id, "ann")
			w.joined(id, "bob")
			w.invited(id, "cid")
			w.do(c.end)
			w.is(id, c.state)
			w.uses("bob", 0, 0)
			if c.state != engine.Open {
				w.uses("cid", 0, 0)
			}
		})
	}
}

// Offered to several, the first to accept has it, and the others' offers are
// taken back without counting against anybody.
func TestOfferedToSeveral(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.Queues[3].OfferTo = 2 })
	w.present("ann", "bob", "cid", "eve")
	several := func(id engine.WorkID, agents ...string) engine.Result {
		t.Helper()
		var p []engine.Proposal
		for i, agent := range agents {
			p = append(p, engine.Proposal{Work: id, Revision: w.item(id).Revision, Agent: agent, Rank: uint16(i)})
		}
		return w.do(engine.Propose{By: engine.Decision{Strategy: "queue"}, Proposals: p})
	}
	id := w.arrives("support")
	r := several(id, "ann", "ann", "bob", "cid")
	want := []route.Verdict{route.VerdictAcceptedByHost, route.VerdictAlreadyAssigned, route.VerdictAcceptedByHost, route.VerdictAlreadyAssigned}
	for i, verdict := range want {
		if r.Verdicts[i] != verdict {
			t.Errorf("verdicts %v, want %v", r.Verdicts, want)
		}
	}
	if w.item(id).Offers() != 2 {
		t.Errorf("%+v", w.item(id))
	}
	w.cannot(id, "cid", route.VerdictAlreadyAssigned) // no supplement while one stands
	w.did(engine.Decline{Assignment: r.Events[0].Assignment, Agent: "ann"}, engine.KindOfferDeclined)
	w.is(id, engine.Offered, "ann")
	w.cannot(id, "cid", route.VerdictAlreadyAssigned)
	w.did(engine.Decline{Assignment: r.Events[1].Assignment, Agent: "bob"}, engine.KindOfferDeclined)
	w.is(id, engine.Waiting, "ann", "bob")

	other := w.arrives("support")
	r = several(other, "ann", "bob")
	a, b := r.Events[0].Assignment, r.Events[1].Assignment
	events := w.did(engine.Accept{Assignment: b, Agent: "bob"}, engine.KindOfferWithdrawn, engine.KindOfferAccepted)
	if events[0].Assignment != a || events[0].Reason != "accepted_by_another" {
		t.Errorf("%+v", events)
	}
	w.uses("ann", 0, 0)
	w.refused(engine.Accept{Assignment: a, Agent: "ann"}, engine.CodeWrongState, "")
	if item := w.item(other); item.Owner().Agent != "bob" || item.Declines != 0 || len(item.Excluded) > 0 {
		t.Errorf("%+v", item)
	}
	// Who accepts at once has it before others are asked.
	if r := several(w.arrives("support"), "eve", "ann"); r.Verdicts[1] != route.VerdictAlreadyAssigned {
		t.Errorf("%v", r.Verdicts)
	}
	// And who is asked first is not asked in vain.
	if r := several(w.arrives("support"), "ann", "eve"); len(r.Events) != 4 || r.Events[2].Kind != engine.KindOfferWithdrawn {
		t.Errorf("%v", kindsOf(r.Events))
	}
	// All that stand are taken back together.
	third := w.arrives("support")
	several(third, "ann", "bob")
	w.did(engine.CancelWork{Work: third}, engine.KindOfferWithdrawn, engine.KindOfferWithdrawn, engine.KindWorkCancelled)
	fourth := w.arrives("support")
	several(fourth, "ann", "bob")
	w.happens(20*second, engine.KindOfferTimedOut, engine.KindOfferTimedOut)
	w.is(fourth, engine.Waiting, "ann", "bob")
}
