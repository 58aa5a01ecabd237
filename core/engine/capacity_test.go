// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func percent(thousandths uint32) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.Size = engine.Percent(thousandths) }
}

// byStatus puts chats under the status model: paused ones hold 200.
func byStatus(d *engine.Definition) {
	d.Channels[0].Capacity, d.Channels[0].PausedSize = engine.ByStatus, engine.Units(200)
}

// interrupts makes mail interruptible; standard agents hold 500 of it.
func interrupts(d *engine.Definition) {
	d.Channels[1].Interruptible = true
	d.PresenceConfigs[3].Interruptible = 500
}

// A share is of whatever the agent has: a call fills ann, who can hold three
// chats, as it fills dot, who can hold one.
func TestAShareOfTheAgentsCapacity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "dot", "bob")
	w.opened(w.arrives("support", on("voice"), percent(100_000)), "ann")
	w.opened(w.arrives("support", on("voice"), percent(100_000)), "dot")
	w.uses("ann", 3000, 1)
	w.uses("dot", 1000, 1)
	w.cannot(w.arrives("support", sized(1)), "ann", route.VerdictNoCapacity)
	// Rounded down, three thirds fit, and so does a thousandth per mille.
	for range 3 {
		w.offered(w.arrives("support", percent(33_334)), "bob")
	}
	w.uses("bob", 3000, 3)
	w.cannot(w.arrives("support", percent(1)), "bob", route.VerdictNoCapacity) // but is never nothing
}

// Primary work ignores interruptible load; interruptible work needs free
// capacity in both pools.
func TestTwoPools(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interrupts)
	w.present("ann")
	mail := w.opened(w.arrives("support", on("mail")), "ann")
	if a := w.agent("ann"); a.Used != 0 || a.InterruptibleUsed != 333 {
		t.Errorf("%+v", a)
	}
	w.cannot(w.arrives("support", on("mail")), "ann", route.VerdictNoCapacity) // 167 are free
	w.opened(w.arrives("support", sized(2900)), "ann")                         // mail is in nobody's way
	w.do(engine.Complete{Assignment: mail, Agent: "ann"})
	w.cannot(w.arrives("support", on("mail")), "ann", route.VerdictNoCapacity) // 100 of the primary are free
	w.offered(w.arrives("support", on("mail"), sized(100)), "ann")
	if a := w.agent("ann"); a.Used != 2900 || a.InterruptibleUsed != 100 || a.Offers != 1 {
		t.Errorf("%+v", a)
	}
	w.offered(w.arrives("support", sized(100)), "ann")
}

// Under the session model the whole size is held while the assignment stands.
func TestSessionModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.opened(id, "ann")
	ev := w.did(engine.PauseWork{Work: id, Reason: "lunch"}, engine.KindWorkPaused)[0]
	if ev.Size != 1000 || ev.Reason != "lunch" || ev.Agent != "ann" {
		t.Errorf("%+v", ev)
	}
	w.is(id, engine.Paused)
	w.uses("ann", 1000, 1)
	w.did(engine.PauseWork{Work: id}) // it is paused
	w.at += 10 * second
	w.did(engine.ResumeWork{Work: id}, engine.KindWorkResumed)
	w.did(engine.ResumeWork{Work: id})
	w.at += 10 * second
	if x := w.item(id).Owner(); x.HoldTime(w.at) != 10*second || x.HandleTime(w.at) != 20*second || x.PausedAt != 0 {
		t.Errorf("%+v", x)
	}
	w.do(engine.PauseWork{Work: id})
	w.at += 5 * second
	if x := w.item(id).Owner(); x.HoldTime(w.at) != 15*second {
		t.Errorf("%+v", x)
	}
	w.did(engine.Complete{Assignment: 1, Agent: "ann"}, engine.KindWorkCompleted)
	if x := w.tried(id, engine.AssignmentCompleted); x.HoldTime(w.at+minute) != 15*second || x.HandleTime(w.at+minute) != 25*second {
		t.Errorf("%+v", x)
	}
}

// Under the status model paused work holds its paused size, and the rest can be
// used meanwhile.
func TestStatusModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus)
	w.present("dot")
	w.defined(func(d *engine.Definition) { byStatus(d); d.PresenceConfigs[1].MaxOpen = 5 })
	id := w.arrives("support")
	w.opened(id, "dot")
	w.cannot(w.arrives("support", sized(1)), "dot", route.VerdictNoCapacity)
	w.do(engine.PauseWork{Work: id})
	w.uses("dot", 200, 1)
	other := w.arrives("support", sized(800))
	w.opened(other, "dot")
	refusal := w.refused(engine.ResumeWork{Work: id}, engine.CodeNoCapacity, "")
	if want := `agent "dot" has no capacity to go on with w1: it takes 1, and 0.2 is free`; refusal.Message != want {
		t.Errorf("%q, want %q", refusal.Message, want)
	}
	w.do(engine.PauseWork{Work: other})
	w.uses("dot", 400, 2) // both hold the paused size
	w.do(engine.RequeueWork{Work: other})
	w.did(engine.ResumeWork{Work: id}, engine.KindWorkResumed)
	w.uses("dot", 1000, 1)
}

// Pausing never takes more, however small the work.
func TestPausedSizeIsNotMoreThanTheSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus)
	w.present("ann")
	id := w.arrives("support", sized(50))
	w.opened(id, "ann")
	w.do(engine.PauseWork{Work: id})
	w.uses("ann", 50, 1)
}

// A channel may let its work be resumed beyond the agent's capacity; that is
// excess, which only shrinks.
func TestResumeOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus, func(d *engine.Definition) { d.Channels[0].ResumeOver = true })
	w.present("ann")
	id := w.arrives("support")
	w.opened(id, "ann")
	w.do(engine.PauseWork{Work: id})
	w.opened(w.arrives("support", sized(2800)), "ann")
	if ev := w.did(engine.ResumeWork{Work: id}, engine.KindWorkResumed)[0]; !ev.Granted || ev.Size != 1000 {
		t.Errorf("%+v", ev)
	}
	if a := w.agent("ann"); a.Used != 3800 || a.Excess != 800 {
		t.Errorf("%+v", a)
	}
	w.do(engine.PauseWork{Work: id})
	if a := w.agent("ann"); a.Used != 3000 || a.Excess != 0 {
		t.Errorf("%+v", a)
	}
}

// Whatever the model is by then, what goes on takes its whole size, or what it
// holds if that is more.
func TestResumeAfterTheModelChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus)
	w.present("ann")
	id := w.arrives("support")
	w.opened(id, "ann")
	w.do(engine.PauseWork{Work: id})
	w.defined(func(*engine.Definition) {}) // by session
	other := w.opened(w.arrives("support", sized(2500)), "ann")
	w.refused(engine.ResumeWork{Work: id}, engine.CodeNoCapacity, "")
	w.do(engine.Complete{Assignment: other, Agent: "ann"})
	if ev := w.did(engine.ResumeWork{Work: id}, engine.KindWorkResumed)[0]; ev.Size != 1000 || ev.Granted {
		t.Errorf("%+v", ev)
	}
	// A share of more than it was taken of is not taken back.
	share := w.arrives("support", percent(50_000))
	w.opened(share, "ann")
	w.do(engine.PauseWork{Work: share})
	w.defined(func(d *engine.Definition) { d.PresenceConfigs[3].Capacity = 1000 })
	if ev := w.did(engine.ResumeWork{Work: share}, engine.KindWorkResumed)[0]; ev.Size != 1500 || ev.Granted {
		t.Errorf("%+v", ev)
	}
	w.uses("ann", 2500, 2)
}

// What is paused keeps to its pool when its channel changes pools.
func TestResumeInThePoolItHolds(t *testing.T) {
	t.Parallel()
	both := func(d *engine.Definition) { interrupts(d); byStatus(d) }
	w := newWorld(t, both)
	w.present("ann")
	id := w.arrives("support")
	w.opened(id, "ann")
	w.do(engine.PauseWork{Work: id})
	w.defined(func(d *engine.Definition) { both(d); d.Channels[0].Interruptible = true })
	w.do(engine.ResumeWork{Work: id})
	if a := w.agent("ann"); a.Used != 1000 || a.InterruptibleUsed != 0 {
		t.Errorf("%+v", a)
	}
}

// A grant lets an offer exceed capacity, and nothing else.
func TestMayExceedCapacity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "fay")
	w.opened(w.arrives("support", sized(3000)), "ann")
	id := w.arrives("support")
	grant := func(id engine.WorkID, agent string) (route.Verdict, engine.Event) {
		r := w.do(engine.Propose{
			By: engine.Decision{Strategy: "vip"}, Proposals: []engine.Proposal{{Work: id, Revision: w.item(id).Revision, Agent: agent}}, MayExceed: true,
		})
		return r.Verdicts[0], r.Events[0]
	}
	w.cannot(id, "ann", route.VerdictNoCapacity)
	if verdict, ev := grant(id, "ann"); verdict != route.VerdictAcceptedByHost || !ev.Granted || ev.Size != 1000 {
		t.Errorf("%v, %+v", verdict, ev)
	}
	if a := w.agent("ann"); a.Used != 4000 || a.Excess != 1000 {
		t.Errorf("%+v", a)
	}
	w.opened(w.arrives("support"), "fay")
	if verdict, ev := grant(w.arrives("support"), "fay"); verdict != route.VerdictAcceptedByHost || ev.Granted {
		t.Errorf("it fitted, but %v, %+v", verdict, ev)
	}
	if verdict, _ := grant(w.arrives("support"), "fay"); verdict != route.VerdictLimit {
		t.Errorf("the limit of open work is no matter of capacity: %v", verdict)
	}
	if verdict, _ := grant(w.arrives("claims"), "fay"); verdict != route.VerdictNotEligible {
		t.Errorf("nor is membership: %v", verdict)
	}
}

// Capacity is held from the offer on, and given back whatever ends it.
func TestCapacityIsGivenBack(t *testing.T) {
	t.Parallel()
	ends := map[string]func(w *world, id engine.WorkID, a engine.AssignmentID){
		"declined": func(w *world, _ engine.WorkID, a engine.AssignmentID) {
			w.do(engine.Decline{Assignment: a, Agent: "ann"})
		},
		"timed out":   func(w *world, _ engine.WorkID, _ engine.AssignmentID) { w.pass(20 * second) },
		"withdrawn":   func(w *world, id engine.WorkID, _ engine.AssignmentID) { w.do(engine.CancelWork{Work: id}) },
		"taken back":  func(w *world, id engine.WorkID, _ engine.AssignmentID) { w.do(engine.RequeueWork{Work: id}) },
		"unavailable": func(w *world, _ engine.WorkID, _ engine.AssignmentID) { w.do(engine.SignOut{Agent: "ann"}) },
		"transferred": func(w *world, id engine.WorkID, _ engine.AssignmentID) {
			w.do(engine.TransferWork{Work: id, Queue: "sales"})
		},
		"completed": func(w *world, _ engine.WorkID, a engine.AssignmentID) {
			w.do(engine.Accept{Assignment: a, Agent: "ann"})
			w.uses("ann", 1000, 1)
			w.do(engine.Complete{Assignment: a, Agent: "ann"})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.present("ann")
			id := w.arrives("support")
			a := w.offered(id, "ann")
			w.uses("ann", 1000, 1)
			end(w, id, a)
			w.uses("ann", 0, 0)
			if w.agent("ann").Offers != 0 {
				t.Errorf("%d offers", w.agent("ann").Offers)
			}
		})
	}
}

func TestMaxOffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.PresenceConfigs[3].MaxOffers = 2 })
	w.present("ann")
	first := w.offered(w.arrives("sales"), "ann")
	w.offered(w.arrives("sales"), "ann")
	third := w.arrives("sales")
	w.cannot(third, "ann", route.VerdictLimit)
	w.do(engine.Accept{Assignment: first, Agent: "ann"}) // what is answered counts no more
	w.offered(third, "ann")
}

// A size that can never fit is refused when the work arrives, wherever it may go.
func TestSizesThatNeverFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interrupts, func(d *engine.Definition) {
		d.RoutingConfigs[1].Size = engine.Amount{}
		d.Skills = []string{"law"}
		d.RoutingConfigs[2].BySkills = true
	})
	create := func(change ...func(*engine.WorkSpec)) engine.Command {
		spec := engine.WorkSpec{Channel: "chat", Queue: "sales"}
		for _, c := range change {
			c(&spec)
		}
		return engine.CreateWork{Spec: spec}
	}
	in := func(queue string) func(*engine.WorkSpec) { return func(s *engine.WorkSpec) { s.Queue = queue } }
	w.refused(create(sized(3001)), engine.CodeSizeTooLarge, "size")
	w.refused(create(on("mail"), sized(501)), engine.CodeSizeTooLarge, "size")
	w.refused(create(in("support"), sized(9001)), engine.CodeSizeTooLarge, "size")
	w.do(create(on("mail"), sized(500)))
	w.do(create(on("mail"), percent(100_000)))
	id := w.arrives("sales")
	w.present("ann", "bob")
	w.opened(id, "ann")
	w.refused(engine.TransferWork{Work: w.arrives("support", sized(9000)), Queue: "sales"}, engine.CodeSizeTooLarge, "size")
	// Nobody has capacity for interruptible work, of which to take a share.
	w.defined(func(d *engine.Definition) { d.Channels[1].Interruptible = true })
	w.refused(create(on("mail"), percent(100_000)), engine.CodeSizeTooLarge, "size")
}

// What an agent starts takes capacity like what is routed, and counts as open.
func TestAgentStartedWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(engine.SignIn{Agent: "ann", Status: "break"})
	call := engine.WorkSpec{Channel: "voice", Queue: "sales", Size: engine.Units(2000), Key: "call-1"}
	events := w.did(engine.StartWork{Agent: "ann", Spec: call}, engine.KindWorkCreated, engine.KindWorkOffered, engine.KindOfferAccepted)
	if created := events[0].Created; !created.Outbound || events[1].Decision.Reason != "agent_started" {
		t.Errorf("%+v", events)
	}
	w.is(1, engine.Open)
	w.uses("ann", 2000, 1)
	if again := w.do(engine.StartWork{Agent: "ann", Spec: call}); !again.Duplicate || again.Work != 1 {
		t.Errorf("%+v", again)
	}
	call.Key = ""
	w.refused(engine.StartWork{Agent: "ann", Spec: call}, engine.CodeNoCapacity, "agent")
	w.refused(engine.StartWork{Agent: "bob", Spec: call}, engine.CodeNotSignedIn, "agent")
	w.refused(engine.StartWork{Agent: "zoe", Spec: call}, engine.CodeUnknownAgent, "agent")
	for _, meant := range []func(*engine.WorkSpec){
		requires("ann"),
		func(s *engine.WorkSpec) { s.RequiredAgent, s.Backup = "bob", "support" },
		func(s *engine.WorkSpec) { s.PreferredAgent, s.PreferredFor = "bob", minute },
		func(s *engine.WorkSpec) { s.Backup = "support" },
	} {
		spec := call
		meant(&spec)
		w.refused(engine.StartWork{Agent: "ann", Spec: spec}, engine.CodeInvalid, "required_agent")
	}
	call.Queue = "nowhere"
	w.refused(engine.StartWork{Agent: "ann", Spec: call}, engine.CodeUnknownQueue, "queue")
	w.present("fay")
	w.opened(w.arrives("support"), "fay")
	w.opened(w.arrives("support"), "fay")
	w.refused(engine.StartWork{Agent: "fay", Spec: engine.WorkSpec{Channel: "voice", Queue: "support"}}, engine.CodeLimit, "agent")
	if _, ok := w.EstimatedWait("sales"); ok {
		t.Error("nobody waited for what an agent started")
	}
}
