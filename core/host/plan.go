// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/giveway"
)

// Plan is what a definition would change, and what that would do to the work
// there is.
type Plan struct {
	// Config is the version that it would replace, Event the last event that was
	// looked at.
	Config, Event uint64
	// Lines are the changes, in the order of sections and names.
	Lines []Line
	// Effects are what happens to work and people when it is put in force.
	Effects []Effect
	// Refused says why it would be refused as things stand; nil if it would not.
	Refused error
}

// Line is one thing that would change.
type Line struct {
	// Section is that of the definition, such as "queues"; Name the entry's.
	Section, Name string
	// Action is "add", "remove" or "change".
	Action string
	// Text says it in words.
	Text string
}

// Effect is what happens to several pieces of work, or agents, alike.
type Effect struct {
	// Kind is "order", "size", "tier", "unroutable", "routable", "moved",
	// "may_be_asked", "closed", "opened" or "over_capacity".
	Kind string
	// Queue is where it happens; empty for agents.
	Queue string
	// Count is to how many; Reason why, if there is more to say.
	Count  int
	Reason string
	// Text says it in words.
	Text string
	// Work are the first of the items.
	Work []engine.WorkID
	// Agents are the first of the agents.
	Agents []string
}

// maxNamed is how many items or agents an effect names.
const maxNamed = 10

// Plan tells what Configure would do, without doing it: it tries the definition
// on a copy of the workspace that is made from the journal, beside the loop. With
// much work that takes seconds. Its error is that of the context or the journal;
// why a definition would be refused is in the Plan.
func (w *Workspace) Plan(ctx context.Context, change Change) (*Plan, error) {
	command, refused := engine.Configure{Definition: change.Definition}.Prepare()
	if refused != nil {
		return &Plan{Refused: refused}, nil //nolint:nilerr // a refusal is what a plan tells
	}
	r, specs, refused := w.prepare(change)
	if refused != nil {
		return &Plan{Refused: refused}, nil //nolint:nilerr // a refusal is what a plan tells
	}
	var until uint64
	var now engine.Time
	if err := w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) { until, now = l.engine.Number(), l.now() }}); err != nil {
		return nil, err
	}
	w.exporting.RLock()
	copied, _, err := recovered(ctx, w.log, w.codec, until, &giveway.Pace{Times: 1, Most: 5 * time.Millisecond})
	w.exporting.RUnlock()
	if err != nil {
		return nil, err
	}
	if _, err := copied.Step(now, engine.Tick{}); err != nil {
		return nil, err
	}
	p := &Plan{Config: copied.Config(), Event: until}
	_, p.Refused = r.find(copied)
	p.Lines = Compare(copied.Definition(), &command.Definition)
	if p.Refused == nil {
		proven, refused := w.prove(ctx, specs)
		p.Refused = refused
		if err := closed(proven); err != nil {
			w.logger.Warn("what was started for a plan did not end well", "workspace", w.name, "error", err)
		}
	}
	if p.Refused != nil {
		return p, nil //nolint:nilerr // a refusal is what a plan tells
	}
	p.try(copied, command, now)
	return p, nil
}

// try puts the command in force and notes what differs then.
func (p *Plan) try(e *engine.Engine, command engine.Configure, now engine.Time) {
	before := sight(e)
	result, refused := e.Step(now, command)
	if refused != nil {
		p.Refused = refused
		return
	}
	t := &tally{effects: make(map[string]*Effect)}
	for i := range result.Events {
		t.event(e, &result.Events[i])
	}
	t.work(before, sight(e))
	e.EachAgent("", func(a *engine.Agent) bool {
		if was, ok := before.over[a.ID]; a.Excess+a.InterruptibleExcess > was && ok {
			t.agent(a)
		}
		return true
	})
	p.Effects = t.list()
}

// glimpse is what a plan looks at of a piece of work.
type glimpse struct {
	queue               string
	priority, secondary int32
	size                engine.Amount
	tier                uint16
	excluded            int
	waits               bool
	stuck               string
}

// outlook is a workspace's work and load at a time.
type outlook struct {
	work map[engine.WorkID]glimpse
	over map[string]engine.Milli
}

func sight(e *engine.Engine) outlook {
	o := outlook{work: make(map[engine.WorkID]glimpse), over: make(map[string]engine.Milli)}
	e.EachCurrent(0, func(w *engine.Work) bool {
		g := glimpse{
			queue: w.Queue, priority: w.Priority, secondary: w.Secondary, size: w.Size, tier: w.Tier,
			excluded: len(w.Excluded), waits: w.State == engine.Waiting,
		}
		if u, stuck := e.Unroutable(w); stuck {
			g.stuck = u.Text
		}
		o.work[w.ID] = g
		return true
	})
	e.EachAgent("", func(a *engine.Agent) bool {
		o.over[a.ID] = a.Excess + a.InterruptibleExcess
		return true
	})
	return o
}

// tally gathers what happens alike.
type tally struct{ effects map[string]*Effect }

func (t *tally) add(id engine.WorkID, e Effect) {
	key := fmt.Sprint(e.Kind, "\x00", e.Queue, "\x00", e.Reason)
	known := t.effects[key]
	if known == nil {
		known = &e
		t.effects[key] = known
	}
	known.Count++
	if id != 0 && len(known.Work) < maxNamed {
		known.Work = append(known.Work, id)
	}
}

// event notes what the engine says that happens.
func (t *tally) event(e *engine.Engine, ev *engine.Event) {
	switch ev.Kind {
	case engine.KindQueueClosed, engine.KindQueueOpened:
		kind := "opened"
		if ev.Kind == engine.KindQueueClosed {
			kind = "closed"
		}
		b, _ := e.Backlog(ev.Queue)
		t.effects[kind+ev.Queue] = &Effect{Kind: kind, Queue: ev.Queue, Count: b.Waiting}
	case engine.KindWorkOverflowed:
		queue, _ := ev.GoesTo()
		t.add(ev.Work, Effect{Kind: "moved", Queue: ev.Queue, Reason: fmt.Sprintf("to %s: %s", queue, reasonWords(ev.Reason))})
	}
}

// work compares each piece of work with how it was.
func (t *tally) work(before, after outlook) {
	ids := make([]engine.WorkID, 0, len(after.work))
	for id := range after.work {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		t.item(id, before.work[id], after.work[id])
	}
}

func (t *tally) item(id engine.WorkID, was, is glimpse) {
	if !was.waits || !is.waits {
		return // it is somebody's already, and stays
	}
	if was.queue == is.queue {
		if was.priority != is.priority {
			t.add(id, Effect{Kind: "order", Queue: is.queue, Reason: fmt.Sprintf("priority %d instead of %d", is.priority, was.priority)})
		} else if was.secondary != is.secondary {
			t.add(id, Effect{Kind: "order", Queue: is.queue, Reason: fmt.Sprintf("secondary priority %d instead of %d", is.secondary, was.secondary)})
		}
		if was.size != is.size {
			t.add(id, Effect{Kind: "size", Queue: is.queue, Reason: fmt.Sprintf("%s instead of %s", amountWords(is.size), amountWords(was.size))})
		}
		if was.tier != is.tier {
			t.add(id, Effect{Kind: "tier", Queue: is.queue, Reason: fmt.Sprintf("%s instead of %s", tierWords(is.tier), tierWords(was.tier))})
		}
		if was.excluded > is.excluded {
			t.add(id, Effect{Kind: "may_be_asked", Queue: is.queue})
		}
	}
	switch {
	case was.stuck == "" && is.stuck != "":
		t.add(id, Effect{Kind: "unroutable", Queue: is.queue, Reason: is.stuck})
	case was.stuck != "" && is.stuck == "":
		t.add(id, Effect{Kind: "routable", Queue: is.queue})
	}
}

func (t *tally) agent(a *engine.Agent) {
	t.add(0, Effect{Kind: "over_capacity"})
	e := t.effects[fmt.Sprint("over_capacity", "\x00", "", "\x00", "")]
	if len(e.Agents) < maxNamed {
		e.Agents = append(e.Agents, a.ID)
	}
}

// list words what was gathered, the gravest first.
func (t *tally) list() []Effect {
	order := []string{"unroutable", "over_capacity", "closed", "moved", "order", "size", "tier", "may_be_asked", "opened", "routable"}
	out := make([]Effect, 0, len(t.effects))
	for _, e := range t.effects {
		e.Text = e.words()
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Effect) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Reason, b.Reason),
		)
	})
	return out
}

// Compare words how one definition differs from another, in the order of
// sections and names. Both must be sorted.
func Compare(from, to *engine.Definition) []Line {
	var lines []Line
	patch := engine.Diff(from, to)
	before, set, gone := reflect.ValueOf(*from), reflect.ValueOf(patch.Set), reflect.ValueOf(patch.Gone)
	for _, s := range sections() {
		if s.scalar {
			if a, b := before.FieldByName(s.field), set.FieldByName(s.field); !a.Equal(b) {
				lines = append(lines, Line{Section: s.name, Action: "change", Text: fmt.Sprintf("%s from %s to %s", s.name, show(s.field, a), show(s.field, b))})
			}
			continue
		}
		lines = append(lines, s.lines(before.FieldByName(s.field), set.FieldByName(s.field), gone.FieldByName(s.field))...)
	}
	return lines
}
