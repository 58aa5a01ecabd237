// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// wrapped gives chats half a minute of wrap-up, to be extended twice.
func wrapped(d *engine.Definition) {
	d.Channels[0].WrapUp = engine.WrapUp{For: 30 * second, Extension: 20 * second, Extensions: 2}
	d.Channels[2].WrapUp = engine.WrapUp{For: 10 * second}
}

// Wrap-up holds capacity until its time is over.
func TestWrapUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wrapped)
	w.present("ann")
	id := w.arrives("support", sized(3000))
	a := w.opened(id, "ann")
	w.at += minute
	if ev := w.did(engine.Complete{Assignment: a, Agent: "ann"}, engine.KindWrapUpStarted)[0]; ev.Deadline != w.at+30*second {
		t.Errorf("%+v", ev)
	}
	w.is(id, engine.WrapUpWork)
	w.did(engine.Complete{Assignment: a, Agent: "ann"}) // it is
	w.uses("ann", 3000, 1)
	w.cannot(w.arrives("support"), "ann", route.VerdictNoCapacity)
	if b, _ := w.Backlog("support"); b.Open != 1 {
		t.Errorf("%+v", b)
	}
	w.happens(30*second - 1)
	w.happens(1, engine.KindWorkCompleted)
	w.is(id, engine.Closed)
	x := w.tried(id, engine.AssignmentCompleted)
	if x.HandleTime(0) != 90*second || x.WrapUpTime(0) != 30*second || x.WrapUpAt != start+minute {
		t.Errorf("%+v", x)
	}
	w.uses("ann", 0, 0)
}

func TestWrapUpIsExtended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wrapped)
	w.present("ann")
	id := w.arrives("support")
	a := w.opened(id, "ann")
	w.refused(engine.ExtendWrapUp{Assignment: a, Agent: "ann"}, engine.CodeWrongState, "")
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	w.at += 5 * second
	if ev := w.did(engine.ExtendWrapUp{Assignment: a, Agent: "ann"}, engine.KindWrapUpExtended)[0]; ev.Deadline != start+50*second {
		t.Errorf("%+v", ev)
	}
	w.do(engine.ExtendWrapUp{Assignment: a, Agent: "ann"})
	r := w.refused(engine.ExtendWrapUp{Assignment: a, Agent: "ann"}, engine.CodeLimit, "")
	if want := `a1 was extended 2 times, which is all that channel "chat" allows`; r.Message != want {
		t.Errorf("%q", r.Message)
	}
	w.happens(65*second - 1)
	if x := w.item(id).Owner(); x.WrapUpTime(w.at) != 70*second-1 {
		t.Errorf("%+v", x)
	}
	w.happens(1, engine.KindWorkCompleted)
	w.refused(engine.ExtendWrapUp{Assignment: a, Agent: "ann"}, engine.CodeWrongState, "")
}

func TestWrapUpEndsEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wrapped)
	w.present("ann")
	id := w.arrives("support")
	a := w.opened(id, "ann")
	w.refused(engine.FinishWrapUp{Assignment: a, Agent: "ann"}, engine.CodeWrongState, "")
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	w.at += second
	w.did(engine.FinishWrapUp{Assignment: a, Agent: "ann"}, engine.KindWorkCompleted)
	w.did(engine.FinishWrapUp{Assignment: a, Agent: "ann"}) // it is done
	w.is(id, engine.Closed)
	w.happens(100 * minute)
	for _, command := range []engine.Command{engine.FinishWrapUp{Assignment: 99, Agent: "ann"}, engine.ExtendWrapUp{Assignment: 99, Agent: "ann"}} {
		w.refused(command, engine.CodeUnknownAssignment, "assignment")
	}
	other := w.opened(w.arrives("support"), "ann")
	w.refused(engine.FinishWrapUp{Assignment: other, Agent: "bob"}, engine.CodeNotYours, "agent")
	w.refused(engine.ExtendWrapUp{Assignment: other, Agent: "bob"}, engine.CodeNotYours, "agent")
}

// Nothing takes work that is being wrapped up away, but its agent's going: then
// it is done.
func TestWrapUpCannotBeInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wrapped)
	w.present("ann")
	call, chat := w.arrives("support", on("voice")), w.arrives("support")
	w.do(engine.Complete{Assignment: w.opened(call, "ann"), Agent: "ann"})
	a := w.opened(chat, "ann")
	w.do(engine.PauseWork{Work: chat})
	w.did(engine.Complete{Assignment: a, Agent: "ann"}, engine.KindWrapUpStarted) // paused work can be completed
	for _, command := range []engine.Command{
		engine.RequeueWork{Work: call},
		engine.TransferWork{Work: call, Queue: "sales"},
		engine.CancelWork{Work: call},
		engine.PauseWork{Work: call},
		engine.ResumeWork{Work: call},
		engine.DeactivateWork{Work: call},
		engine.ReopenWork{Work: call},
		engine.InviteAgent{Work: call, Agent: "bob"},
	} {
		w.refused(command, engine.CodeWrongState, "")
	}
	// Calls are requeued when their agent is gone, but this customer is served.
	w.did(engine.SignOut{Agent: "ann"}, engine.KindWorkCompleted, engine.KindAgentSignedOut)
	w.is(call, engine.Closed)
	w.is(chat, engine.WrapUpWork)
	w.happens(30*second, engine.KindWorkCompleted)
}

// Whoever wraps up paused work needs the whole of it again, if that fits or the
// channel insists.
func TestWrapUpOfPausedWork(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		beside  engine.Milli
		over    bool
		size    engine.Milli
		granted bool
	}{
		"it fits":                 {2000, false, 1000, false},
		"it fits, insisting":      {2000, true, 1000, false},
		"it does not fit":         {2500, false, 200, false},
		"it does not, but has to": {2500, true, 1000, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, byStatus, wrapped, func(d *engine.Definition) { d.Channels[0].ResumeOver = c.over })
			w.present("ann")
			id := w.arrives("support")
			a := w.opened(id, "ann")
			w.do(engine.PauseWork{Work: id})
			w.opened(w.arrives("support", sized(c.beside)), "ann")
			if ev := w.did(engine.Complete{Assignment: a, Agent: "ann"}, engine.KindWrapUpStarted)[0]; ev.Size != c.size || ev.Granted != c.granted {
				t.Errorf("%+v", ev)
			}
			w.uses("ann", c.beside+c.size, 2)
			w.happens(30*second, engine.KindWorkCompleted)
			w.uses("ann", c.beside, 1)
		})
	}
}
