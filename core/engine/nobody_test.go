// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// left has ann and cid alone take sales' work, bob support's; sales sends its work
// to support when nobody is there.
func left(d *engine.Definition) {
	d.Queues[2].Overflow = &engine.Overflow{To: "support", WhenNobody: true}
	for i, queue := range []string{"sales", "support", "sales"} {
		d.Agents[i].Queues = engine.Member(queue)
	}
}

// Whether somebody is there is asked again whenever work begins to wait again, or
// asks for something else.
func TestNobodyIsThereByThen(t *testing.T) {
	t.Parallel()
	gone := func(w *world) { w.do(engine.SignOut{Agent: "ann"}) }
	cases := map[string]func(w *world, id engine.WorkID) []engine.Event{
		"requeued": func(w *world, id engine.WorkID) []engine.Event {
			w.opened(id, "ann")
			gone(w) // chats are kept
			return w.do(engine.RequeueWork{Work: id}).Events
		},
		"declined": func(w *world, id engine.WorkID) []engine.Event {
			w.do(engine.TransferWork{Work: id, Agent: "bob"})
			gone(w)
			return w.do(engine.Decline{Assignment: standing(w.item(id)).ID, Agent: "bob"}).Events
		},
		"timed out": func(w *world, id engine.WorkID) []engine.Event {
			w.do(engine.TransferWork{Work: id, Agent: "bob"})
			gone(w)
			return w.pass(20 * second)
		},
		"taken back": func(w *world, id engine.WorkID) []engine.Event {
			w.do(engine.TransferWork{Work: id, Agent: "bob"})
			gone(w)
			return w.do(engine.RequeueWork{Work: id}).Events
		},
		"left by another": func(w *world, id engine.WorkID) []engine.Event {
			w.present("eve")
			w.do(engine.TransferWork{Work: id, Agent: "bob"})
			gone(w)
			return w.do(engine.SignOut{Agent: "bob"}).Events
		},
		"reopened": func(w *world, id engine.WorkID) []engine.Event {
			w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
			gone(w)
			return w.do(engine.ReopenWork{Work: id}).Events
		},
		"changed": func(w *world, id engine.WorkID) []engine.Event {
			w.present("cid")
			gone(w)
			w.in(id, "sales")
			french := []engine.Need{wants("french", 1)} // which bob alone speaks
			return w.do(engine.UpdateWork{Work: id, Needs: &french}).Events
		},
		"transferred": func(w *world, id engine.WorkID) []engine.Event {
			w.opened(id, "ann")
			gone(w)
			return w.do(engine.TransferWork{Work: id, Queue: "sales", Reason: "elsewhere"}).Events
		},
	}
	for name, then := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, talented, left, func(d *engine.Definition) { d.RoutingConfigs[1].PushTimeout = 20 * second })
			w.present("ann", "bob")
			id := w.arrives("sales")
			w.in(id, "sales")
			events := then(w, id)
			last := events[len(events)-1]
			if to, _ := last.GoesTo(); to != "support" || last.Reason != "nobody_signed_in" {
				t.Errorf("%+v", events)
			}
			w.is(w.in(id, "support").ID, engine.Waiting)
		})
	}
}

// What goes to a queue because somebody says so goes on from there like what
// arrives; what is in it already does not fill it.
func TestTransferGoesFurther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, opening(engine.ClosedOverflow, engine.Hours{Zone: "UTC", Weekly: []engine.Shift{everyDay(8, 22)}}), func(d *engine.Definition) {
		d.Queues[2].Overflow = &engine.Overflow{To: "claims", At: 1}
		d.Queues[3].Overflow = &engine.Overflow{To: "sales"}
	})
	w.present("ann", "bob")
	id := w.arrives("claims", aged(minute))
	ev := w.did(engine.TransferWork{Work: id, Queue: "support", Reason: "wants help"}, engine.KindWorkTransferred)[0]
	if item := w.in(id, "sales"); item.Reason != "closed" || ev.Reason != "closed" || item.Spec.Queue != "support" || item.RequestedAt != start-minute {
		t.Errorf("%+v", item)
	}
	w.do(engine.TransferWork{Work: id, Queue: "sales", Reason: "stays"})
	if item := w.in(id, "sales"); item.Reason != "stays" {
		t.Errorf("%+v", item)
	}
	other := w.arrives("claims")
	w.do(engine.TransferWork{Work: other, Queue: "support"})
	if item := w.in(other, "claims"); item.Reason != "full" {
		t.Errorf("%+v", item)
	}
	w.do(engine.TransferWork{Work: other, Queue: "support", Agent: "ann"}) // it is for ann, there
	w.in(other, "support")
}

// Where nobody is, work does not go to where nobody is either, and back.
func TestNobodyIsAnywhere(t *testing.T) {
	t.Parallel()
	both := func(d *engine.Definition) {
		left(d)
		d.Queues[3].Overflow = &engine.Overflow{To: "sales", WhenNobody: true, At: 1}
	}
	w := newWorld(t, both)
	w.present("ann", "bob")
	id := w.arrives("sales")
	fills := w.arrives("support")
	w.did(engine.SignOut{Agent: "bob"}, engine.KindAgentSignedOut, engine.KindWorkOverflowed)
	w.in(fills, "sales")
	w.did(engine.SignOut{Agent: "ann"}, engine.KindAgentSignedOut) // all stays
	w.in(id, "sales")
	for i := range uint32(3) {
		w.defined(func(d *engine.Definition) { both(d); d.MaxWaiting = 1000 + i })
	}
	w.do(engine.UpdateWork{Work: id, Transcript: "said"})
	for _, ev := range w.events {
		if ev.Kind == engine.KindWorkOverflowed && ev.Work == id {
			t.Errorf("%+v", ev)
		}
	}
	// Full or not makes no difference.
	w.arrives("support", requires("bob"))
	w.present("ann")
	w.did(engine.SignOut{Agent: "ann"}, engine.KindAgentSignedOut)
	w.in(id, "sales")
}

// Also when the owner leaves who was of another queue.
func TestNobodyIsThereWhenItsOwnerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, left)
	w.present("ann", "bob")
	id := w.arrives("sales", on("voice"))
	w.do(engine.TransferWork{Work: id, Agent: "bob"})
	w.do(engine.Accept{Assignment: standing(w.item(id)).ID, Agent: "bob"})
	w.do(engine.SignOut{Agent: "ann"})
	w.did(engine.SignOut{Agent: "bob"}, engine.KindWorkRequeued, engine.KindAgentSignedOut, engine.KindWorkOverflowed)
	w.in(id, "support")
}

// Whether somebody could take what is transferred depends on its age: additional
// skills may be dropped at once, and with them who is no member.
func TestTransferGoesFurtherByItsAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dropping, func(d *engine.Definition) { d.Queues[0].Overflow = &engine.Overflow{To: "sales", WhenNobody: true} })
	w.present("guy")
	old, young := w.arrives("support", needing(extra("law", 1))), w.arrives("support", needing(extra("law", 1)))
	w.at += 10 * second
	w.do(engine.TransferWork{Work: old, Queue: "claims"})
	w.in(old, "sales")
	w.do(engine.TransferWork{Work: young, Queue: "claims", RequestedAt: w.at})
	w.in(young, "claims")
}
