// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// randomly makes a random history in which much is asked that is refused.
func randomly(t *rapid.T) (events []engine.Event, e *engine.Engine) {
	e = engine.New()
	at, turn := storyStart, uint64(0)
	step := func(c engine.Command) {
		result, err := e.Step(at, c)
		var refusal *engine.Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("%v", err)
		}
		events = append(events, result.Events...)
	}
	step(engine.Configure{Definition: centre()})
	agents := rapid.SampledFrom([]string{"ann", "bob", "cid", "dot", "eve", "fay", "gus"})
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		a := agents.Draw(t, "agent")
		id := engine.WorkID(rapid.Uint64Range(1, 4).Draw(t, "work"))
		w, known := e.Work(id)
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1:
			step(engine.Connect{Agent: a})
			step(engine.SignIn{Agent: a, Status: "online"})
		case 2:
			step(engine.SetStatus{Agent: a, Status: rapid.SampledFrom([]string{"online", "phone", "break"}).Draw(t, "status")})
		case 3:
			spec := engine.WorkSpec{Channel: "chat", Queue: rapid.SampledFrom([]string{"support", "backup"}).Draw(t, "queue")}
			if rapid.Bool().Draw(t, "needs") {
				spec.Needs = []engine.Need{{Skill: "spanish", Level: 4000}, {Skill: "german", Additional: true}}
			}
			step(engine.CreateWork{Spec: spec})
		case 4, 5, 6:
			if turn++; known {
				step(engine.Propose{
					By:        engine.Decision{Strategy: "queue", Epoch: 1, Turn: turn},
					Proposals: []engine.Proposal{{Work: id, Revision: w.Revision, Agent: a}},
				})
			}
		case 7:
			at += engine.Time(rapid.IntRange(0, 60_000).Draw(t, "passes"))
			step(engine.Tick{})
		case 8:
			step(engine.TransferWork{Work: id, Queue: rapid.SampledFrom([]string{"support", "backup"}).Draw(t, "to")})
		case 9:
			if known && len(w.Assignments) > 0 {
				x := w.Assignments[len(w.Assignments)-1]
				step(engine.Accept{Assignment: x.ID, Agent: x.Agent})
				step(engine.Complete{Assignment: x.ID, Agent: x.Agent})
			}
		}
	}
	return events, e
}

// TestExplanationsOfRandomHistories compares what explanations say with the
// past itself: every event about the work is told, and at every decision the
// agent who is asked about stood as the host's own verdict says.
func TestExplanationsOfRandomHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events, e := randomly(t)
		agent := rapid.SampledFrom([]string{"ann", "bob", "cid", "eve", "gus"}).Draw(t, "why not")
		e.EachWork(0, func(w *engine.Work) bool {
			tale := newTale(engine.New(), &ExplainRequest{Work: w.ID, WhyNot: agent}, &present{number: e.Number(), now: e.Now(), work: w.Clone()})
			for i := range events {
				if err := tale.happens(&events[i]); err != nil {
					t.Fatalf("%v", err)
				}
			}
			x, err := tale.end()
			if err != nil {
				t.Fatalf("%v", err)
			}
			told(x)
			whole(t, x, events)
			for i := range x.WhyNot.Moments {
				honest(t, &x.WhyNot.Moments[i], x, events)
			}
			return true
		})
	})
}

// whole expects every event about the work to be told, and its end to be right.
func whole(t *rapid.T, x *Explanation, events []engine.Event) {
	about, steps := 0, 0
	for i := range events {
		if events[i].Work == x.Work.ID {
			about++
		}
	}
	for i := range x.Steps {
		s := &x.Steps[i]
		if s.Event.Work == x.Work.ID {
			steps += s.Times
		}
		if s.Text == "" || s.Text == s.Event.Kind.String() {
			t.Fatalf("nothing is said of %v", s.Event.Kind)
		}
		if c := s.Choice; c != nil && (c.Survey.Candidates == 0 || c.Turns.First == 0 || c.Turns.First > c.Turns.Last) {
			t.Fatalf("%s was chosen like this: %+v, %+v", s.Event.Agent, c, c.Survey)
		}
	}
	if last := x.Steps[len(x.Steps)-1]; about != steps || last.State != x.Work.State || last.Queue != x.Work.Queue {
		t.Fatalf("%d of %d events are told, the last as %+v; the work is %+v", steps, about, last, x.Work)
	}
}

// honest proposes the work for the agent as it was at that moment, and compares.
func honest(t *rapid.T, m *Moment, x *Explanation, events []engine.Event) {
	if m.Chosen == x.WhyNot.Agent {
		return
	}
	then := engine.New()
	for i := range events {
		if events[i].Number == m.Event {
			break
		}
		if err := then.Replay(events[i]); err != nil {
			t.Fatalf("%v", err)
		}
	}
	w, _ := then.Work(x.Work.ID)
	if w.State != engine.Waiting {
		return
	}
	revision := w.Revision
	result, err := then.Step(then.Now(), engine.Propose{Proposals: []engine.Proposal{{Work: w.ID, Revision: revision, Agent: x.WhyNot.Agent}}})
	if err != nil {
		t.Fatalf("%v", err)
	}
	want := route.VerdictAcceptedByHost
	if len(m.Obstacles) > 0 {
		want = m.Obstacles[0].Verdict
	}
	if got := result.Verdicts[0]; got != want {
		t.Fatalf("at event %d the host says %v, and the explanation %q: %+v", m.Event, got, m.Text, m.Obstacles)
	}
}
