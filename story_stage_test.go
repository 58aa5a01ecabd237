// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// stage is where a story is played: a workspace in virtual time, and what the
// story calls things.
type stage struct {
	ctx      context.Context
	language *language
	house    *house
	runtime  string
	settings map[string]any

	world  *sim.World
	work   map[string]engine.WorkID
	names  map[engine.WorkID]string
	events []engine.Event
	told   int // how many of the events the story has checked for offers
	naming string
}

// opening is when every story begins: a Monday.
func opening() engine.Time {
	return engine.Time(time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
}

// play plays the story in a runtime and returns its record: every event, as
// text. An error is a mistake of the story, or the program's.
func (h *house) play(ctx context.Context, s *story, runtime string) (record string, err error) {
	g := &stage{
		ctx: ctx, language: h.language, house: h, runtime: runtime, settings: h.settings,
		work: make(map[string]engine.WorkID), names: make(map[engine.WorkID]string),
	}
	defer func() {
		if g.world != nil {
			g.world.Close()
		}
	}()
	for i := range s.lines {
		if err := g.line(&s.lines[i]); err != nil {
			return "", &mistake{s.file, s.lines[i].number, err}
		}
	}
	last := s.lines[len(s.lines)-1].number
	if err := g.end(); err != nil {
		return "", &mistake{s.file, last, err}
	}
	return g.record(), nil
}

// line plays one line.
func (g *stage) line(l *line) error {
	if l.text == "config:" {
		return g.refusal(l, g.configure(l.block))
	}
	if g.world == nil {
		if err := g.configure(""); err != nil {
			return err
		}
	}
	if !l.and {
		if err := g.world.Run(g.ctx, g.world.Now()); err != nil {
			return err
		}
	}
	if what, ok := l.expects(); ok {
		return g.language.say(g.language.facts, g, what)
	}
	return g.refusal(l, g.language.say(g.language.deeds, g, l.text))
}

// refusal compares how a command was refused with how it should be.
func (g *stage) refusal(l *line, err error) error {
	code, text := "", ""
	var refusal *engine.Refusal
	var faults *config.Errors
	var verdict *refusedProposal
	switch {
	case err == nil:
	case errors.As(err, &refusal):
		code, text = string(refusal.Code), refusal.Error()
	case errors.As(err, &verdict):
		code, text = verdict.Verdict.String(), verdict.Error()
	case errors.As(err, &faults):
		code, text = string(faults.List[0].Code), faults.Error()
	default:
		return err
	}
	switch {
	case !l.refused:
		return err
	case err == nil:
		return fmt.Errorf("this is not refused; it should be as %s", l.code)
	case code != l.code || !strings.Contains(text, l.words):
		return fmt.Errorf("this is refused as %s, not as %s %q: %s", code, l.code, l.words, text)
	default:
		return nil
	}
}

// configure lays settings over those in force. What is refused changes nothing.
func (g *stage) configure(block string) error {
	settings, err := overlay(g.settings, block)
	if err != nil {
		return err
	}
	definition, specs, err := g.house.definition(settings, g.runtime)
	if err != nil {
		return err
	}
	if g.world == nil {
		g.world, err = sim.New(g.ctx, sim.Options{
			Start: opening(), Definition: definition, Strategies: specs, Runtimes: g.house.runtimes, Seed: 7, Watch: g.watch,
		})
	} else {
		_, err = g.world.Do(engine.Configure{Definition: definition})
	}
	if err != nil {
		return err
	}
	g.settings = settings
	return nil
}

// watch keeps the record, and the names of work as it comes.
func (g *stage) watch(ev *engine.Event) {
	g.events = append(g.events, *ev)
	if ev.Kind == engine.KindWorkCreated && g.naming != "" {
		g.work[g.naming], g.names[ev.Work] = ev.Work, g.naming
	}
}

// end checks what must hold at the end of every story: the books balance, the
// strategies were well, have understood all they were told and proposed nothing
// that does not hold, and the events give the same state again.
func (g *stage) end() error {
	if g.world == nil {
		return nil
	}
	if err := g.world.Run(g.ctx, g.world.Now()); err != nil {
		return err
	}
	if _, found := g.world.Engine().Audit(0, 1000); len(found) > 0 {
		return fmt.Errorf("violations: %v", found)
	}
	for _, status := range g.world.Status() {
		counts := status.Counts
		refused := counts.Refusals > 0 && !g.pushes(status.Name)
		if status.State == strategy.Down || counts.Faults > 0 || counts.Resyncs > 0 || refused {
			return fmt.Errorf("strategy %s is %v, with %d refusals and %d resyncs: %s",
				status.Name, status.State, counts.Refusals, counts.Resyncs, counts.LastFault)
		}
	}
	return g.replay()
}

// pushes reports whether a strategy is one that minds no rule.
func (g *stage) pushes(name string) bool {
	strategies, _ := g.settings["strategies"].(map[string]any)
	settings, _ := strategies[name].(map[string]any)
	return settings["source"] == "pushy"
}

// replay checks that the events alone lead to the same work and the same
// people.
func (g *stage) replay() error {
	again := engine.New()
	for i := range g.events {
		if err := again.Replay(g.events[i]); err != nil {
			return err
		}
	}
	describe := func(e *engine.Engine) string {
		var b strings.Builder
		e.EachWork(0, func(w *engine.Work) bool {
			fmt.Fprintf(&b, "%v %v %d %v %+v %+v\n", w.ID, w.State, w.Revision, w.Excluded, w.Placement, w.Assignments)
			return true
		})
		e.EachAgent("", func(a *engine.Agent) bool {
			fmt.Fprintf(&b, "%s %s %v %v %v %v %v %v\n", a.ID, a.Status, a.Cause, a.Used, a.InterruptibleUsed, a.Held, a.Skills, a.AssignedAt)
			return true
		})
		return b.String()
	}
	if was, is := describe(g.world.Engine()), describe(again); was != is {
		return fmt.Errorf("the events replayed lead elsewhere:\n%s\nrather than\n%s", is, was)
	}
	return nil
}

// record writes all that happened, without what differs between runtimes.
func (g *stage) record() string {
	var b strings.Builder
	for i := range g.events {
		ev := &g.events[i]
		fmt.Fprintf(&b, "%d %d %v %v %v %q %q %q %q %v %d %v %v", ev.Number, ev.At, ev.Kind, ev.Work, ev.Assignment, ev.Agent,
			ev.Queue, ev.Status, ev.Reason, ev.Cause, ev.Deadline, ev.Verdict, ev.Size)
		if ev.Decision != nil {
			fmt.Fprintf(&b, " %d %q", ev.Decision.Score, ev.Decision.Reason)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// do has a command decided.
func (g *stage) do(command engine.Command) error {
	_, err := g.world.Do(command)
	return err
}

// the returns the work that the story calls so.
func (g *stage) the(name string) (*engine.Work, error) {
	w, ok := g.world.Engine().Work(g.work[name])
	if !ok {
		return nil, fmt.Errorf("there is no work %s", name)
	}
	return w, nil
}

// at returns the last assignment of the work to the agent.
func (g *stage) at(name, agent string) (*engine.Assignment, error) {
	w, err := g.the(name)
	if err != nil {
		return nil, err
	}
	for i := len(w.Assignments) - 1; i >= 0; i-- {
		if w.Assignments[i].Agent == agent {
			return &w.Assignments[i], nil
		}
	}
	return nil, fmt.Errorf("%s was never offered to %s", name, agent)
}

// since writes a time as it is counted in a story: since it began.
func since(at engine.Time) string {
	if at == 0 {
		return "never"
	}
	return span(at - opening())
}

// span writes a span of time, such as "1m30s".
func span(d engine.Time) string {
	text := (time.Duration(d) * time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
