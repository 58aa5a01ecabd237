// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// waited has work of a queue accepted that was requested so long ago.
func (w *world) waited(queue string, by engine.Time, change ...func(*engine.WorkSpec)) {
	w.Helper()
	id := w.arrives(queue, append(change, func(s *engine.WorkSpec) { s.RequestedAt = w.at - by })...)
	w.do(engine.Complete{Assignment: w.opened(id, "ann"), Agent: "ann"})
}

func (w *world) expects(want engine.Time) {
	w.Helper()
	got, ok := w.EstimatedWait("support")
	if b, _ := w.Backlog("support"); got != want || !ok || b.EstimatedWait != got || !b.Estimated {
		w.Fatalf("it is estimated at %d, %v, want %d; backlog %+v", got, ok, want, b)
	}
}

// The weighted mean of the last ten, newest first with weights from ten down.
func TestEstimatedWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	if wait, ok := w.EstimatedWait("support"); ok || wait != 0 {
		t.Errorf("%d without data", wait)
	}
	w.waited("support", 1000)
	w.expects(1000)
	w.waited("support", 20_000)
	w.expects((10*20_000 + 9*1000) / 19)
	w.waited("support", 0)
	w.expects((9*20_000 + 8*1000) / 27)
	if _, ok := w.EstimatedWait("sales"); ok {
		t.Error("another queue is estimated")
	}
	for i := range engine.Time(12) {
		w.waited("support", (i+1)*1000)
	}
	// 12 s weighs 10, 11 s 9, and so on to 3 s, which weighs 1.
	w.expects((12*10 + 11*9 + 10*8 + 9*7 + 8*6 + 7*5 + 6*4 + 5*3 + 4*2 + 3*1) * 1000 / 55)
}

// What was accepted more than ten minutes ago counts no more.
func TestEstimatesAreOfTheLastTenMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	w.waited("support", 1000)
	w.at += 9 * minute
	w.waited("support", 7000)
	w.at += minute
	w.do(engine.Tick{})
	w.expects((10*7000 + 9*1000) / 19)
	w.at++
	w.do(engine.Tick{})
	w.expects(7000)
	w.at += 10 * minute
	w.do(engine.Tick{})
	if wait, ok := w.EstimatedWait("support"); ok {
		t.Errorf("%d is of long ago", wait)
	}
	// Another acceptance sweeps what nobody looks at any more.
	w.waited("sales", 1000)
	if got := w.State().Waits; len(got) != 1 || got[0].Of != "queue sales" {
		t.Errorf("%+v", got)
	}
}

// What somebody had before waits since that one lost it, or since it came to the
// queue; a customer's whole history is no estimate.
func TestEstimatesOfWhatComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus)
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.at += 10 * minute
	w.opened(id, "ann")
	w.at += 10 * minute
	w.do(engine.TransferWork{Work: id, Queue: "support"})
	w.at += 3 * second
	w.opened(id, "bob")
	w.expects(3 * second)
	w.at += 5 * minute
	w.do(engine.RequeueWork{Work: id})
	w.at += 13 * second
	w.declines(id, "ann") // which does not make it wait any less
	w.at += second
	w.opened(id, "bob")
	w.expects((10*14 + 9*3) * second / 19)
	// A transfer while it waits begins another wait; and its age is nothing to it.
	w.do(engine.RequeueWork{Work: id})
	w.at += 40 * second
	w.do(engine.TransferWork{Work: id, Queue: "support", RequestedAt: start})
	w.at += second
	w.opened(id, "ann")
	w.expects((10*1 + 9*14 + 8*3) * second / 27)
}

// What nobody proposed did not wait.
func TestEstimatesLeaveOutWhatIsDirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byStatus)
	w.present("ann", "bob")
	id := w.arrives("support", aged(minute))
	w.opened(id, "ann")
	w.expects(minute)
	w.do(engine.Accept{Assignment: w.did(engine.TransferWork{Work: id, Agent: "bob"}, engine.KindWorkTransferred, engine.KindWorkOffered)[1].Assignment, Agent: "bob"})
	w.joined(id, "ann")
	w.do(engine.TransferWork{Work: id, Agent: "ann"})
	for range 9 {
		w.do(engine.Complete{Assignment: w.item(id).Owner().ID, Agent: "ann"})
		w.did(engine.ReopenWork{Work: id}, engine.KindWorkReopened, engine.KindWorkOffered, engine.KindOfferAccepted)
	}
	w.do(engine.StartWork{Agent: "bob", Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}})
	w.expects(minute)
	// What an agent started and gives back does wait, from then on.
	w.at += minute
	w.do(engine.RequeueWork{Work: 2})
	w.at += 30 * second
	w.opened(2, "bob")
	w.expects((10*30 + 9*60) * second / 19)
}

// By skills, whatever the queue; else by queue.
func TestEstimatedWaitBySkills(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented)
	w.present("ann")
	w.waited("claims", 4000, needing(wants("law", 1), wants("english", 1)))
	w.waited("support", 8000)
	estimate := func(id engine.WorkID, want engine.Time) {
		t.Helper()
		if got, ok := w.EstimatedWaitFor(w.item(id)); !ok || got != want {
			t.Errorf("%v: %d, %v, want %d", id, got, ok, want)
		}
	}
	estimate(w.arrives("support", needing(wants("english", 2), wants("law", 3))), 4000)
	estimate(w.arrives("support", needing(wants("law", 1))), 8000)
	estimate(w.arrives("support"), 8000)
	if _, ok := w.EstimatedWaitFor(w.item(w.arrives("sales", needing(wants("law", 1))))); ok {
		t.Error("nothing is known of sales")
	}
}

// The place in the queue follows what is pending first.
func TestPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) {
		d.Channels[0].Secondary = &engine.Secondary{Attribute: "tier", Values: map[string]int32{"gold": 1}, Otherwise: 2}
	})
	w.present("ann")
	priority := int32(1)
	last := w.arrives("support")
	older := w.arrives("support", aged(second))
	target := w.arrives("support", func(s *engine.WorkSpec) { s.TargetAcceptAt = start + minute })
	sooner := w.arrives("support", func(s *engine.WorkSpec) { s.TargetAcceptAt = start + second })
	gold := w.arrives("support", func(s *engine.WorkSpec) { s.Attributes = map[string]string{"tier": "gold"} })
	urgent := w.arrives("support", func(s *engine.WorkSpec) { s.Priority = &priority })
	w.arrives("sales")
	for i, id := range []engine.WorkID{urgent, gold, sooner, target, older, last} {
		if at, ok := w.Position(w.item(id)); !ok || at != i+1 {
			t.Errorf("%v is at %d, %v, want %d", id, at, ok, i+1)
		}
	}
	w.offered(urgent, "ann")
	if at, ok := w.Position(w.item(urgent)); ok {
		t.Errorf("what is offered is at %d", at)
	}
	if at, _ := w.Position(w.item(gold)); at != 1 {
		t.Errorf("gold is at %d", at)
	}
}

// Estimates come back from the state, or are refused if they cannot be.
func TestRestoreWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	for i := range engine.Time(3) {
		w.waited("support", i*1000)
		w.waited("sales", i*2000)
	}
	other := restored(t, w.Engine)
	other.Hear(w.Engine)
	if got, ok := other.EstimatedWait("sales"); !ok || fmt.Sprint(got) != fmt.Sprint((10*4000+9*2000)/27) {
		t.Errorf("%d, %v", got, ok)
	}
	for name, spoil := range map[string]func(s *engine.State){
		"empty":  func(s *engine.State) { s.Waits[0].Last = nil },
		"twice":  func(s *engine.State) { s.Waits[0].Of = s.Waits[1].Of },
		"many":   func(s *engine.State) { s.Waits[0].Last = make([]engine.Accepted, 11) },
		"closed": func(s *engine.State) { s.Closed = []string{"nowhere"} },
	} {
		again := restored(t, w.Engine)
		state := again.State()
		spoil(&state)
		if _, err := engine.Restore(state, sequence(allWork(again))); err == nil {
			t.Errorf("%s was restored", name)
		}
	}
}
