// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// remembering has chats return to their last agent, who is waited for a minute, for
// an hour.
func remembering(d *engine.Definition) {
	d.Channels[0].LastAgentFor, d.Channels[0].LastAgentWithin = minute, 60*minute
	d.Channels[1].LastAgentFor = minute
}

func talk(conversation, customer string) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.Conversation, s.Customer = conversation, customer }
}

// prefers expects whom work is for at first.
func (w *world) prefers(id engine.WorkID, agent string) {
	w.Helper()
	item := w.item(id)
	if item.Agent != agent || item.Required || (item.Until > 0) != (agent != "") || item.Spec.PreferredAgent != agent {
		w.Fatalf("%v is for %q until %d, want %q", id, item.Agent, item.Until, agent)
	}
}

func TestConversationReturnsToItsLastAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remembering)
	w.present("ann", "bob")
	w.opened(w.arrives("support", talk("c1", "kim")), "ann")
	w.opened(w.arrives("support", talk("c2", "kim")), "bob")
	w.prefers(w.arrives("support", talk("c1", "kim")), "ann") // the conversation comes first
	w.prefers(w.arrives("support", talk("", "kim")), "bob")   // who saw kim last
	w.prefers(w.arrives("support", talk("c3", "lee")), "")
	w.prefers(w.arrives("support", on("mail"), talk("c1", "kim")), "") // on another channel
	w.prefers(w.arrives("support"), "")
	if item := w.item(3); item.Until != start+minute {
		t.Errorf("%+v", item.Placement)
	}
	// Whom the source names counts more.
	if item := w.item(w.arrives("support", talk("c1", ""), requires("cid"))); item.Agent != "cid" || !item.Required {
		t.Errorf("%+v", item.Placement)
	}
	w.prefers(w.arrives("support", talk("c1", ""), func(s *engine.WorkSpec) { s.PreferredAgent, s.PreferredFor = "cid", minute }), "cid")
	// Not to who is gone, but then to who saw the customer.
	w.do(engine.SignOut{Agent: "ann"})
	w.prefers(w.arrives("support", talk("c1", "")), "")
	w.prefers(w.arrives("support", talk("c1", "kim")), "bob")
	w.do(engine.SignOut{Agent: "bob"})
	w.present("ann", "bob")
	w.at += 60 * minute
	w.prefers(w.arrives("support", talk("c1", "")), "ann")
	w.at++
	w.prefers(w.arrives("support", talk("c1", "")), "")
}

// Without a limit it returns for a day.
func TestReturnsForADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remembering)
	w.present("ann")
	w.opened(w.arrives("support", on("mail"), talk("m1", "")), "ann")
	w.at += 24 * 60 * minute
	w.prefers(w.arrives("support", on("mail"), talk("m1", "")), "ann")
	w.at++
	w.prefers(w.arrives("support", on("mail"), talk("m1", "")), "")
}

// Who took it over is the last agent from then on; a guest is not.
func TestLastAgentAfterAHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remembering)
	w.present("ann", "bob")
	id := w.arrives("support", talk("c1", ""))
	w.opened(id, "ann")
	w.joined(id, "bob")
	w.prefers(w.arrives("support", talk("c1", "")), "ann")
	w.do(engine.TransferWork{Work: id, Agent: "bob"})
	w.prefers(w.arrives("support", talk("c1", "")), "bob")
}

// Old contacts are forgotten as new ones come, and a restored workspace knows the
// same ones.
func TestContactsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remembering, func(d *engine.Definition) { d.Channels[1].LastAgentWithin = minute })
	w.present("ann")
	for range 3 {
		w.do(engine.Complete{Assignment: w.opened(w.arrives("support", talk("old", "")), "ann"), Agent: "ann"})
		w.do(engine.Complete{Assignment: w.opened(w.arrives("support", talk("older", "")), "ann"), Agent: "ann"})
	}
	if got := w.State().Contacts; len(got) == 0 {
		t.Errorf("%+v", got)
	}
	w.at += 61 * minute
	w.do(engine.Complete{Assignment: w.opened(w.arrives("support", talk("new", "")), "ann"), Agent: "ann"})
	if got := w.State().Contacts; len(got) != 1 || got[0] != (engine.Contact{Key: "chat conversation new", Agent: "ann", At: w.at}) {
		t.Errorf("%+v", got)
	}
}

// Under the session model a conversation that falls silent is closed, and waits
// again when the customer writes again; for its last agent first.
func TestSilenceUnderTheSessionModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remembering)
	w.present("ann")
	id := w.arrives("support", talk("c1", ""), aged(minute))
	w.refused(engine.DeactivateWork{Work: id}, engine.CodeWrongState, "")
	w.refused(engine.ReopenWork{Work: id}, engine.CodeWrongState, "")
	a := w.opened(id, "ann")
	if ev := w.did(engine.DeactivateWork{Work: id}, engine.KindWorkCompleted)[0]; ev.Reason != "inactive" || ev.Assignment != a {
		t.Errorf("%+v", ev)
	}
	w.is(id, engine.Closed)
	w.did(engine.DeactivateWork{Work: id})
	w.at += 10 * second
	w.did(engine.ReopenWork{Work: id}, engine.KindWorkReopened)
	w.is(id, engine.Waiting)
	if item := w.item(id); item.Agent != "ann" || item.Until != w.at+minute || item.RequestedAt != w.at || item.EndedAt != 0 {
		t.Errorf("%+v", item)
	}
	w.uses("ann", 0, 0)
	w.opened(id, "ann")
	w.do(engine.Complete{Assignment: 2, Agent: "ann"})
	w.do(engine.SignOut{Agent: "ann"})
	w.do(engine.ReopenWork{Work: id})
	if item := w.item(id); item.Agent != "" {
		t.Errorf("nobody is waited for who is gone: %+v", item.Placement)
	}
}

// Under the status model it is paused and stays with its agent; closed work is
// open there again at once, if that agent can take it.
func TestSilenceUnderTheStatusModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus)
	w.present("ann")
	id := w.arrives("support")
	a := w.opened(id, "ann")
	if ev := w.did(engine.DeactivateWork{Work: id}, engine.KindWorkPaused)[0]; ev.Reason != "inactive" || ev.Size != 200 {
		t.Errorf("%+v", ev)
	}
	w.did(engine.DeactivateWork{Work: id})
	w.did(engine.ResumeWork{Work: id}, engine.KindWorkResumed)
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	w.at += second
	events := w.did(engine.ReopenWork{Work: id}, engine.KindWorkReopened, engine.KindWorkOffered, engine.KindOfferAccepted)
	if events[1].Decision.Reason != "reopened" || events[1].Agent != "ann" {
		t.Errorf("%+v", events)
	}
	w.is(id, engine.Open)
	w.uses("ann", 1000, 1)
	w.do(engine.Complete{Assignment: 2, Agent: "ann"})
	w.opened(w.arrives("support", sized(2500)), "ann")
	w.did(engine.ReopenWork{Work: id}, engine.KindWorkReopened)
	w.is(id, engine.Waiting)
}

// Only what was closed can be reopened, and only where its queue still is.
func TestReopenThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	w.refused(engine.ReopenWork{Work: 77}, engine.CodeUnknownWork, "work")
	cancelled := w.arrives("sales")
	w.do(engine.CancelWork{Work: cancelled})
	w.refused(engine.ReopenWork{Work: cancelled}, engine.CodeWrongState, "")
	id := w.arrives("claims")
	w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
	w.defined(func(d *engine.Definition) {
		d.Queues = d.Queues[1:]
		for i := range d.Agents {
			d.Agents[i].Queues = engine.Member("sales")
		}
	})
	w.refused(engine.ReopenWork{Work: id}, engine.CodeUnknownQueue, "queue")
	for _, command := range []engine.Command{engine.PauseWork{Work: 77}, engine.ResumeWork{Work: 77}, engine.DeactivateWork{Work: 77}} {
		w.refused(command, engine.CodeUnknownWork, "work")
	}
	w.refused(engine.PauseWork{Work: id}, engine.CodeWrongState, "")
	w.refused(engine.ResumeWork{Work: id}, engine.CodeWrongState, "")
	w.refused(engine.DeactivateWork{Work: cancelled}, engine.CodeWrongState, "")
}

// Reopened work expires, whatever became of the timer while it was closed.
func TestReopenedWorkExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support", expiring(start+50*minute))
	w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
	for range 90 { // until the timers that are void have been thrown out
		w.do(engine.CancelWork{Work: w.arrives("support", expiring(start+60*minute))})
	}
	w.do(engine.ReopenWork{Work: id})
	w.happens(50*minute, engine.KindWorkExpired)
}

// Reopened work is no longer among what is forgotten.
func TestReopenedWorkIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
	w.do(engine.ReopenWork{Work: id})
	w.at += 100 * minute
	w.arrives("support")
	w.is(id, engine.Waiting)
}
