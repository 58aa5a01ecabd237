// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// instructs has a verb done with work as it is.
func (w *world) instructs(id engine.WorkID, c engine.Instruct, kinds ...engine.Kind) engine.Instruction {
	w.Helper()
	c.Work, c.By = id, "vendor"
	if c.Revision == 0 {
		c.Revision = w.item(id).Revision
	}
	result := w.do(c)
	if got := kindsOf(result.Events); !slices.Equal(got, kinds) || result.Work != id || result.Duplicate != (len(kinds) == 0) {
		w.Fatalf("%+v led to %v (%+v), want %v", c, got, result, kinds)
	}
	return result.Instruction
}

func held(reason string, until engine.Time) engine.Instruct {
	return engine.Instruct{Verb: engine.VerbHold, Reason: reason, Until: until}
}

func TestHoldUntilCleared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	in := w.instructs(id, held("awaits the credit check", 0), engine.KindWorkHeld)
	want := engine.Instruction{Verb: engine.VerbHold, By: "vendor", From: 1, To: 2, Event: w.Number(), Sum: in.Sum}
	if in != want {
		t.Errorf("%+v, want %+v", in, want)
	}
	item := w.item(id)
	if h := item.Hold; h == nil || *h != (engine.Hold{Since: w.at, By: "vendor", Reason: "awaits the credit check"}) || item.Revision != 2 {
		t.Errorf("%+v at revision %d", h, item.Revision)
	}
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.pass(30 * minute)
	w.cannot(id, "ann", route.VerdictNotEligible)
	if found, _, _ := w.FindOfferable("support", engine.Search{}, 100); found.Work != 0 {
		t.Errorf("%+v is said to be offerable", found)
	}
	w.instructs(id, engine.Instruct{Verb: engine.VerbClear, Reason: "checked"}, engine.KindHoldEnded)
	if w.item(id).Hold != nil {
		t.Errorf("%+v", w.item(id).Hold)
	}
	w.opened(id, "ann")
}

func TestHoldUntilATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.instructs(id, held("calls back at ten", w.at+10*second), engine.KindWorkHeld)
	w.happens(9 * second)
	w.cannot(id, "ann", route.VerdictNotEligible)
	// Another hold takes the place of the first, whose time then means nothing.
	w.instructs(id, held("calls back at eleven", w.at+11*second), engine.KindWorkHeld)
	w.happens(10 * second)
	events := w.happens(1*second, engine.KindHoldEnded)
	if events[0].Instruction != nil || events[0].Work != id || events[0].Queue != "support" {
		t.Errorf("%+v", events[0])
	}
	w.offered(id, "ann")
}

// A hold does not take back offers that stand, and keeps the work from further
// ones, whoever declines. It ends with what it was for: the work is accepted,
// goes elsewhere, or ends.
func TestHoldWhileOffered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("support")
	offer := w.offered(id, "ann")
	w.instructs(id, held("stays with ann", 0), engine.KindWorkHeld)
	w.is(id, engine.Offered)
	w.do(engine.Decline{Assignment: offer, Agent: "ann"})
	w.cannot(id, "bob", route.VerdictNotEligible)
	w.instructs(id, engine.Instruct{Verb: engine.VerbClear}, engine.KindHoldEnded)
	again := w.offered(id, "bob")
	w.instructs(id, held("stays with bob", 0), engine.KindWorkHeld)
	w.do(engine.Accept{Assignment: again, Agent: "bob"})
	if w.item(id).Hold != nil {
		t.Error("accepted work is held")
	}
	w.refused(engine.Instruct{Work: id, Verb: engine.VerbHold, Reason: "late"}, engine.CodeWrongState, "")
	w.do(engine.RequeueWork{Work: id})
	w.offered(id, "ann")
}

func TestHoldEndsWhereTheWorkMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) {
		d.Queues[3].Overflow = &engine.Overflow{To: "claims", After: 10 * second}
	})
	w.present("ann")
	overflows, transferred, given, cancelled := w.arrives("support"), w.arrives("sales"), w.arrives("sales"), w.arrives("sales")
	for _, id := range []engine.WorkID{overflows, transferred, given, cancelled} {
		w.instructs(id, held("not yet", 0), engine.KindWorkHeld)
	}
	w.happens(10*second, engine.KindWorkOverflowed)
	w.do(engine.TransferWork{Work: transferred, Queue: "claims"})
	w.did(engine.TransferWork{Work: given, Agent: "ann"}, engine.KindWorkTransferred, engine.KindWorkOffered)
	w.do(engine.CancelWork{Work: cancelled})
	for _, id := range []engine.WorkID{overflows, transferred, given, cancelled} {
		if h := w.item(id).Hold; h != nil {
			t.Errorf("%v is held: %+v", id, h)
		}
	}
	w.offered(overflows, "ann")
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.Queues[3].OfferTo = 3 })
	w.present("ann", "bob", "cid")
	id := w.arrives("support")
	w.refused(engine.Instruct{Work: id, Verb: engine.VerbWithdraw}, engine.CodeWrongState, "")
	revision := w.item(id).Revision
	var proposals []engine.Proposal
	for _, agent := range []string{"ann", "bob", "cid"} {
		proposals = append(proposals, engine.Proposal{Work: id, Revision: revision, Agent: agent})
	}
	w.do(engine.Propose{By: engine.Decision{Strategy: "queue"}, Proposals: proposals})
	w.refused(engine.Instruct{Work: id, Verb: engine.VerbWithdraw, Agent: "dot"}, engine.CodeWrongState, "agent")
	one := w.instructs(id, engine.Instruct{Verb: engine.VerbWithdraw, Agent: "bob", Reason: "fits cid better"}, engine.KindOfferWithdrawn)
	w.is(id, engine.Offered)
	if one.To != one.From+1 {
		t.Errorf("%+v", one)
	}
	rest := w.instructs(id, engine.Instruct{Verb: engine.VerbWithdraw}, engine.KindOfferWithdrawn, engine.KindOfferWithdrawn)
	w.is(id, engine.Waiting)
	if rest.From != one.To || rest.To != rest.From+2 || rest.To != w.item(id).Revision || rest.Event != w.Number() {
		t.Errorf("%+v, the work is at %d", rest, w.item(id).Revision)
	}
	w.offered(id, "bob") // a withdrawn offer excludes nobody
}

func TestReprioritise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, later := w.arrives("support"), w.arrives("support")
	events := w.do(engine.Instruct{Work: later, Revision: 1, Verb: engine.VerbReprioritise, Priority: 1}).Events
	if len(events) != 1 || events[0].Kind != engine.KindWorkUpdated || events[0].Instruction == nil {
		t.Fatalf("%+v", events)
	}
	if item := w.item(later); item.Priority != 1 || *item.Spec.Priority != 1 || item.Revision != 2 {
		t.Errorf("%+v", item)
	}
	if at, _ := w.Position(w.item(first)); at != 2 {
		t.Errorf("the other one is at position %d", at)
	}
	w.defined(func(*engine.Definition) {}) // which does not take it back
	if item := w.item(later); item.Priority != 1 {
		t.Errorf("%+v", item)
	}
	w.refused(engine.Instruct{Work: later, Verb: engine.VerbReprioritise, Priority: -1}, engine.CodeInvalid, "priority")
}

func TestAnnotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	for i := range 10 {
		w.pass(second)
		in := w.instructs(id, engine.Instruct{Verb: engine.VerbAnnotate, Reason: "note " + string(rune('a'+i))}, engine.KindWorkAnnotated)
		if in.From != 1 || in.To != 1 {
			t.Errorf("%+v", in)
		}
	}
	notes := w.item(id).Notes
	if len(notes) != 8 || notes[0].Text != "note c" || notes[7] != (engine.Note{At: w.at, By: "vendor", Text: "note j"}) {
		t.Errorf("%+v", notes)
	}
	// What was decided before is not stale for it.
	w.do(engine.Propose{By: engine.Decision{Strategy: "queue"}, Proposals: []engine.Proposal{{Work: id, Revision: 1, Agent: "ann"}}})
	w.is(id, engine.Offered)
	w.do(engine.CancelWork{Work: id})
	w.refused(engine.Instruct{Work: id, Verb: engine.VerbAnnotate, Reason: "late"}, engine.CodeWrongState, "")
}

// A verb done twice is answered twice as the first time, even if something else
// has happened since; done on another state of the work it is stale.
func TestInstructIsIdempotent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	hold := held("not yet", 0)
	first := w.instructs(id, hold, engine.KindWorkHeld)
	for _, revision := range []uint32{first.From, first.To, 0} {
		hold.Revision = revision
		if again := w.instructs(id, hold); again != first {
			t.Errorf("at revision %d: %+v, want %+v", revision, again, first)
		}
	}
	hold.Revision = first.From
	other := hold
	other.Work, other.Reason = id, "another reason"
	w.refused(other, engine.CodeStale, "revision")
	ends := engine.Instruct{Work: id, Revision: first.From, Verb: engine.VerbClear}
	w.refused(ends, engine.CodeStale, "revision")
	w.instructs(id, engine.Instruct{Verb: engine.VerbClear}, engine.KindHoldEnded)
	w.offered(id, "ann")
	if again := w.instructs(id, hold); again != first {
		t.Errorf("%+v, want %+v", again, first)
	}
	if w.item(id).Hold != nil {
		t.Error("the answer to a repeated hold holds the work")
	}
	w.do(engine.CancelWork{Work: id})
	if again := w.instructs(id, hold); again != first {
		t.Errorf("%+v, want %+v", again, first)
	}
}

// Clearing work that is not held makes stale what is still on its way.
func TestClearMakesProposalsStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.instructs(id, engine.Instruct{Verb: engine.VerbClear}, engine.KindHoldEnded)
	result := w.do(engine.Propose{By: engine.Decision{Strategy: "queue"}, Proposals: []engine.Proposal{{Work: id, Revision: 1, Agent: "ann"}}})
	if result.Verdicts[0] != route.VerdictStale {
		t.Errorf("%v", result.Verdicts)
	}
}

func TestInstructRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.arrives("support")
	w.refused(engine.Instruct{Work: 99, Verb: engine.VerbClear}, engine.CodeUnknownWork, "work")
	w.refused(engine.Instruct{Work: id}, engine.CodeInvalid, "verb")
	w.refused(engine.Instruct{Work: id, Verb: engine.VerbAnnotate + 1}, engine.CodeInvalid, "verb")
	w.refused(heldAt(id, ""), engine.CodeReasonRequired, "reason")
	w.refused(engine.Instruct{Work: id, Verb: engine.VerbAnnotate}, engine.CodeReasonRequired, "reason")
	w.refused(heldAt(id, strings.Repeat("x", 1001)), engine.CodeInvalid, "reason")
	w.refused(heldAt(id, "\xff"), engine.CodeInvalid, "reason")
	past := heldAt(id, "past")
	past.Until = w.at
	w.refused(past, engine.CodeInvalid, "until")
	w.refused(engine.Instruct{Work: id, Revision: 7, Verb: engine.VerbClear}, engine.CodeStale, "revision")
}

func heldAt(id engine.WorkID, reason string) engine.Instruct {
	return engine.Instruct{Work: id, Verb: engine.VerbHold, Reason: reason}
}

// What a hold stands in the way of is said so.
func TestHoldIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.instructs(id, held("awaits the credit check", w.at+minute), engine.KindWorkHeld)
	a, _ := w.Agent("ann")
	obstacles := w.Obstacles(w.item(id), a)
	want := engine.Obstacle{
		Name: engine.ObstacleHeld, Verdict: route.VerdictNotEligible, Until: w.at + minute,
		Text: "cannot be offered it, which is held by vendor: awaits the credit check",
	}
	if len(obstacles) != 1 || obstacles[0] != want {
		t.Errorf("%+v", obstacles)
	}
	if s := w.Survey(w.item(id), 3); s.Candidates != 0 || len(s.Against) != 2 || s.Against[1].Name != engine.ObstacleHeld || s.Against[1].Only != 1 {
		t.Errorf("%+v", s)
	}
	if coming := w.Coming(w.item(id)); len(coming) != 1 || coming[0].Name != engine.ComingHoldEnds || coming[0].At != w.at+minute {
		t.Errorf("%+v", coming)
	}
}

// A log that says what cannot have happened is not replayed.
func TestReplayRefusesInstructions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	waits, open := w.arrives("support"), w.arrives("support")
	w.opened(open, "ann")
	by := &engine.Instruction{Verb: engine.VerbHold, From: 1, To: 2}
	for name, ev := range map[string]engine.Event{
		"a hold by nobody":       {Kind: engine.KindWorkHeld, Work: waits, Queue: "support", Reason: "x"},
		"a note by nobody":       {Kind: engine.KindWorkAnnotated, Work: waits, Queue: "support", Reason: "x"},
		"the end of no hold":     {Kind: engine.KindHoldEnded, Work: waits, Queue: "support"},
		"a hold of open work":    {Kind: engine.KindWorkHeld, Work: open, Queue: "support", Reason: "x", Instruction: by},
		"a hold of unknown work": {Kind: engine.KindWorkHeld, Work: 99, Queue: "support", Reason: "x", Instruction: by},
	} {
		again := restored(w, w.Engine)
		ev.Number, ev.At = w.Number()+1, w.at
		if err := again.Replay(ev); err == nil {
			t.Errorf("%s is replayed", name)
		}
	}
}
