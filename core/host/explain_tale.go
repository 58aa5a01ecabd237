// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"maps"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// tale is an explanation being written while the past is replayed.
type tale struct {
	engine  *engine.Engine
	present *present
	id      engine.WorkID
	whyNot  string
	admit   func(*engine.Work) error
	out     *Explanation
	last    *engine.Work // how the work was after the last event about it; nil if there was none
	asked   int          // agents who were surveyed so far
	// turns are the last turns on record by strategy; began those on record when
	// the work began to wait. Recorded says that nothing is missing.
	turns, began map[string]turnOf
	recorded     bool
}

// turnOf names a turn of a strategy.
type turnOf struct{ epoch, turn uint64 }

func newTale(e *engine.Engine, r *ExplainRequest, p *present) *tale {
	t := &tale{
		engine: e, present: p, id: r.Work, whyNot: r.WhyNot, admit: r.Admit,
		out:   &Explanation{Complete: true, Since: e.Number()},
		turns: make(map[string]turnOf), recorded: e.Number() == 0,
	}
	if r.WhyNot != "" {
		t.out.WhyNot = &WhyNot{Agent: r.WhyNot}
	}
	if w, ok := e.Work(t.id); ok { // it is older than what is kept
		t.out.Complete = false
		t.last = w.Clone()
		t.out.Steps = remembered(t.last)
		t.began = map[string]turnOf{}
	} else if e.State().NextWork > t.id {
		t.out.Complete = false
	}
	return t
}

// over reports whether nothing more can be told: the work has ended as it has
// at present.
func (t *tale) over() bool {
	w := t.present.work
	return w != nil && t.last != nil && w.State.Ended() && t.last.State.Ended() && t.last.Revision == w.Revision
}

// happens replays an event, and writes it down if it concerns the work.
func (t *tale) happens(ev *engine.Event) error {
	w, _ := t.engine.Work(t.id)
	step := t.foresee(ev, w)
	var before *engine.Work
	if step != nil && w != nil {
		before = w.Clone()
	}
	if err := t.engine.Replay(*ev); err != nil {
		return fmt.Errorf("host: explain: %w", err)
	}
	t.follows(ev)
	if step != nil {
		t.write(step, before)
	}
	if d := ev.Decision; d != nil && d.Strategy != "" {
		t.turns[d.Strategy] = turnOf{d.Epoch, d.Turn}
	}
	if ev.Work == t.id {
		t.waits(before)
	}
	return nil
}

// waits notes what is on record when the work begins to wait, and from then on
// is on the boards.
func (t *tale) waits(before *engine.Work) {
	if t.last == nil || t.last.State != engine.Waiting {
		return
	}
	if before == nil || before.State != engine.Waiting || before.Queue != t.last.Queue {
		t.began = maps.Clone(t.turns)
	}
}

// foresee begins a step for an event that concerns the work, with what can be
// seen only before it has happened; nil for another event. W is nil before the
// work has come in.
func (t *tale) foresee(ev *engine.Event, w *engine.Work) *Step {
	if !t.concerns(ev, w) {
		return nil
	}
	step := &Step{Event: *ev, Times: 1}
	switch {
	case ev.Kind == engine.KindWorkOffered && ev.Decision.Strategy != "":
		step.Choice = t.choice(ev, w)
		step.Notes = append(step.Notes, t.chosen(step.Choice, ev, w)...)
		t.compare(ev, w)
	case ev.Kind == engine.KindProposalRefused:
		step.Text = t.refused(ev, w)
		if t.whyNot != "" && t.whyNot == ev.Agent {
			t.moment(ev, w, "")
		}
	}
	return step
}

// concerns reports whether the event is about the work, or about what it waits
// for.
func (t *tale) concerns(ev *engine.Event, w *engine.Work) bool {
	switch {
	case ev.Decision == nil && decided(ev.Kind):
		return false // the replay will say that it is wrong
	case ev.Work == t.id:
		return w != nil || ev.Kind == engine.KindWorkCreated
	case w == nil || w.State != engine.Waiting:
		return false
	}
	switch ev.Kind {
	case engine.KindQueueOpened, engine.KindQueueClosed:
		return ev.Queue == w.Queue
	case engine.KindConfigured:
		return true
	case engine.KindStrategyChanged:
		b, ok := t.engine.Backlog(w.Queue)
		return ok && slices.Contains([]string{b.Routing.Strategy, b.Routing.Fallback}, ev.Decision.Strategy)
	default:
		return false
	}
}

// decided reports whether events of the kind come of a decision.
func decided(kind engine.Kind) bool {
	return kind == engine.KindWorkOffered || kind == engine.KindProposalRefused || kind == engine.KindStrategyChanged
}

// write completes a step now that its event has happened.
func (t *tale) write(step *Step, before *engine.Work) {
	if w, ok := t.engine.Work(t.id); ok {
		t.last = w.Clone()
	}
	after := t.last
	step.State, step.Queue = after.State, after.Queue
	if step.Text == "" {
		step.Text = t.sentence(&step.Event, before, after)
	}
	step.Notes = append(step.Notes, t.consequences(&step.Event, before, after)...)
	t.add(step)
}

// add puts a step on the list. Refusals that repeat the last one are counted
// with it, and a very long life loses its middle.
func (t *tale) add(step *Step) {
	steps := t.out.Steps
	if n := len(steps); n > 0 && alike(&steps[n-1], step) {
		steps[n-1].Times++
		return
	}
	if len(steps) == maxSteps {
		steps = slices.Delete(steps, maxSteps/2, maxSteps/2+1)
		t.out.Omitted++
	}
	t.out.Steps = append(steps, *step)
}

func alike(a, b *Step) bool {
	return a.Event.Kind == engine.KindProposalRefused && b.Event.Kind == engine.KindProposalRefused &&
		a.Event.Agent == b.Event.Agent && a.Event.Verdict == b.Event.Verdict &&
		a.Event.Decision.Strategy == b.Event.Decision.Strategy && a.Text == b.Text
}

// follows adds to the last step the status that a decline or a timeout led to,
// which is the event right after.
func (t *tale) follows(ev *engine.Event) {
	if ev.Kind != engine.KindAgentStatusChanged || len(t.out.Steps) == 0 {
		return
	}
	step := &t.out.Steps[len(t.out.Steps)-1]
	if step.Event.Agent == ev.Agent && step.Event.Number+1 == ev.Number &&
		(ev.Cause == engine.CauseDecline || ev.Cause == engine.CausePushTimeout) {
		step.Notes = append(step.Notes, fmt.Sprintf("%s is now in status %q", ev.Agent, ev.Status))
	}
}

// choice looks at everybody just before an offer.
func (t *tale) choice(ev *engine.Event, w *engine.Work) *Choice {
	c := &Choice{Model: t.engine.Model(w).String(), Turns: t.considered(ev.Decision)}
	chosen, ok := t.engine.Agent(ev.Agent)
	if !ok {
		return c
	}
	c.Figure = t.engine.Figure(w, chosen, ev.At)
	if t.asked > maxAsked {
		return c
	}
	s := t.engine.Survey(w, namedFew+1)
	t.asked += s.Asked
	c.Survey = &s
	c.Agrees = t.engine.Drawn(w) || len(s.Best) > 0 && s.Best[0] == ev.Agent
	others := slices.DeleteFunc(slices.Clone(s.Best), func(id string) bool { return id == ev.Agent })
	for _, id := range others[:min(namedFew, len(others))] {
		c.Passed = append(c.Passed, t.passed(id, chosen, ev, w))
	}
	near := slices.DeleteFunc(slices.Clone(s.Near), func(id string) bool { return id == ev.Agent })
	for _, id := range near[:min(namedFew, len(near))] {
		c.Passed = append(c.Passed, t.passed(id, chosen, ev, w))
	}
	return c
}

// considered says in which turns the strategy had the work before it: for
// certain if it has not left the strategy's board since, else by the turns on
// record.
func (t *tale) considered(d *engine.Decision) Turns {
	turns := Turns{Strategy: d.Strategy, Epoch: d.Epoch, Last: d.Turn}
	if c := t.present.considered; c != nil && c.Strategy == d.Strategy && c.Epoch == d.Epoch && c.First <= d.Turn {
		turns.First, turns.Certain = c.First, true
		return turns
	}
	switch began, ok := t.began[d.Strategy]; {
	case ok && began.epoch == d.Epoch:
		turns.First = min(began.turn+1, d.Turn)
	case ok || t.recorded: // the instance is younger than the work's waiting
		turns.First = 1
	}
	return turns
}

// passed says how an agent stood to the work when another was chosen.
func (t *tale) passed(id string, chosen *engine.Agent, ev *engine.Event, w *engine.Work) Passed {
	a, ok := t.engine.Agent(id)
	if !ok {
		return Passed{Agent: id, Text: id + " was not there"}
	}
	p := Passed{Agent: id, Obstacles: t.engine.Obstacles(w, a)}
	if p.Candidate = len(p.Obstacles) == 0; p.Candidate {
		p.Text = t.outranked(a, chosen, ev, w)
	} else {
		p.Text = id + " " + obstacleList(p.Obstacles, ev.At)
	}
	return p
}

// compare answers why the work did not go to the agent who is asked about, when
// somebody was chosen.
func (t *tale) compare(ev *engine.Event, w *engine.Work) {
	switch t.whyNot {
	case "":
	case ev.Agent:
		t.answer(Moment{Event: ev.Number, At: ev.At, Chosen: ev.Agent, Passed: Passed{
			Agent: ev.Agent, Candidate: true, Text: fmt.Sprintf("it was offered to %s, as %v", ev.Agent, ev.Assignment),
		}})
	default:
		t.moment(ev, w, ev.Agent)
	}
}

// moment notes how the agent who is asked about stands to the work.
func (t *tale) moment(ev *engine.Event, w *engine.Work, chosen string) {
	m := Moment{Event: ev.Number, At: ev.At, Chosen: chosen}
	if ev.Kind == engine.KindProposalRefused {
		m.Passed = Passed{Agent: t.whyNot, Text: t.refused(ev, w)}
		if a, ok := t.engine.Agent(t.whyNot); ok && w.State == engine.Waiting {
			m.Obstacles = t.engine.Obstacles(w, a)
		}
	} else {
		by, _ := t.engine.Agent(chosen)
		m.Passed = t.passed(t.whyNot, by, ev, w)
	}
	t.answer(m)
}

// answer puts a moment on the list, which is as short as that of the steps.
func (t *tale) answer(m Moment) {
	list := t.out.WhyNot.Moments
	if n := len(list); n > 0 && m.Chosen == "" && list[n-1].Chosen == "" && list[n-1].Text == m.Text {
		return // the same refusal again
	}
	if len(list) == maxSteps {
		list = slices.Delete(list, maxSteps/2, maxSteps/2+1)
	}
	t.out.WhyNot.Moments = append(list, m)
}

// end closes the tale with the present.
func (t *tale) end() (*Explanation, error) {
	out := t.out
	if t.last == nil {
		return nil, unknown(t.id)
	}
	out.Number, out.Now = t.present.number, t.present.now
	out.Work, out.Forgotten = t.last, t.present.work == nil
	if out.Forgotten && t.admit != nil {
		if err := t.admit(out.Work); err != nil {
			return nil, err
		}
	}
	w, ok := t.engine.Work(t.id)
	if !ok || out.Forgotten {
		return out, nil
	}
	out.Requirements = t.engine.Requirements(w)
	if !w.State.Ended() {
		out.Outlook = t.outlook(w)
	}
	return out, nil
}

// aboutWork reports whether a refusal has nothing to do with how the agent is.
func aboutWork(v route.Verdict) bool {
	switch v {
	case route.VerdictStale, route.VerdictGone, route.VerdictAlreadyAssigned, route.VerdictUnknownWork, route.VerdictUnknownAgent:
		return true
	default:
		return false
	}
}
