// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
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

// Its time to live was that of the first wait: reopened, it has none, whatever
// became of the timer.
func TestReopenedWorkDoesNotExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support", expiring(start+minute))
	late := w.arrives("support", expiring(start+minute))
	w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
	a := w.opened(late, "ann")
	if ev := w.did(engine.ReopenWork{Work: id}, engine.KindWorkReopened)[0]; ev.Created.ExpiresAt != 0 || w.item(id).Spec.ExpiresAt != 0 {
		t.Errorf("%+v", ev)
	}
	w.happens(2 * minute)
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	w.do(engine.ReopenWork{Work: late})
	w.happens(0)
	w.is(id, engine.Waiting)
	w.is(late, engine.Waiting)
}

// It is for its required agent again, as long as there is one.
func TestReopenedForItsRequiredAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remembering, byStatus)
	w.present("ann", "bob")
	backed := func(s *engine.WorkSpec) { s.RequiredAgent, s.Backup, s.PreferredFor = "ann", "claims", 30*second }
	again := func(id engine.WorkID, agent string) *engine.Work {
		t.Helper()
		w.do(engine.Complete{Assignment: w.opened(id, agent), Agent: agent})
		w.at += second
		w.did(engine.ReopenWork{Work: id}, engine.KindWorkReopened)
		return w.item(id)
	}
	id := w.arrives("support", backed)
	w.happens(30*second, engine.KindWorkOverflowed)
	item := again(id, "bob") // who had it last, and is not the one: it is not opened there
	if item.Agent != "ann" || !item.Required || item.Backup != "claims" || item.Until != w.at+30*second || item.State != engine.Waiting {
		t.Errorf("%+v", item)
	}
	w.cannot(id, "bob", route.VerdictNotEligible)
	w.happens(30*second, engine.KindWorkOverflowed)
	w.do(engine.Complete{Assignment: w.opened(id, "bob"), Agent: "bob"})
	// Without its backup queue it is for that agent alone.
	other := w.arrives("support", backed)
	w.opened(other, "ann")
	w.do(engine.Complete{Assignment: w.item(other).Owner().ID, Agent: "ann"})
	w.defined(func(d *engine.Definition) {
		remembering(d)
		d.Queues = d.Queues[1:]
		for i := range d.Agents {
			d.Agents[i].Queues = engine.Member("sales", "support")
		}
	})
	w.do(engine.ReopenWork{Work: other})
	if item := w.item(other); item.Agent != "ann" || !item.Required || item.Backup != "" || item.Until != 0 {
		t.Errorf("%+v", item)
	}
	w.do(engine.CancelWork{Work: other})
	// And without the agent it prefers the last one, as before.
	third := w.arrives("support", requires("cid"))
	w.present("cid")
	w.do(engine.Complete{Assignment: w.opened(third, "cid"), Agent: "cid"})
	w.do(engine.SignOut{Agent: "cid"})
	w.do(engine.Disconnect{Agent: "cid"})
	w.defined(func(d *engine.Definition) { d.Agents = append(d.Agents[:2:2], d.Agents[3:]...) })
	w.do(engine.ReopenWork{Work: third})
	if item := w.item(third); item.Required || item.Agent != "" {
		t.Errorf("%+v", item)
	}
}

// At its required agent, under the status model, it is open again at once.
func TestReopenedAtItsRequiredAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus)
	w.present("ann")
	id := w.arrives("support", requires("ann"))
	w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
	w.did(engine.ReopenWork{Work: id}, engine.KindWorkReopened, engine.KindWorkOffered, engine.KindOfferAccepted)
	if item := w.item(id); !item.Required || item.Owner().Agent != "ann" {
		t.Errorf("%+v", item)
	}
}

// What nobody could take any more cannot be taken up again.
func TestReopenChecksAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented)
	w.present("ann")
	closed := func(change ...func(*engine.WorkSpec)) engine.WorkID {
		id := w.arrives("support", change...)
		w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
		return id
	}
	law, ruled, big := closed(needing(wants("law", 1))), closed(func(s *engine.WorkSpec) { s.Ruled = []engine.Need{wants("law", 1)} }), closed(sized(3000))
	w.defined(func(d *engine.Definition) {
		d.PresenceConfigs[0].Capacity, d.PresenceConfigs[2].Capacity, d.PresenceConfigs[3].Capacity = 2000, 2000, 2000
	})
	w.refused(engine.ReopenWork{Work: law}, engine.CodeUnknownSkill, "skills")
	w.refused(engine.ReopenWork{Work: ruled}, engine.CodeUnknownSkill, "skills")
	w.refused(engine.ReopenWork{Work: big}, engine.CodeSizeTooLarge, "size")
	w.defined(talented)
	for _, id := range []engine.WorkID{law, ruled, big} {
		w.do(engine.ReopenWork{Work: id})
	}
}

// The last agent is who owned it last, in whatever order they joined.
func TestLastAgentAfterTwoHandOvers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remembering)
	w.present("ann", "bob", "cid")
	id := w.arrives("support")
	w.opened(id, "ann")
	bob := w.joined(id, "bob")
	w.joined(id, "cid")
	w.do(engine.TransferWork{Work: id, Agent: "cid"})
	w.do(engine.TransferWork{Work: id, Agent: "bob"})
	w.do(engine.Complete{Assignment: bob, Agent: "bob"})
	w.do(engine.ReopenWork{Work: id})
	if item := w.item(id); item.Agent != "bob" {
		t.Errorf("%+v", item)
	}
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
