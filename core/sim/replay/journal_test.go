// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/sim/replay"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// past is the events of a workspace, perhaps not from the beginning.
type past struct {
	before []engine.Event
	events []engine.Event
}

// Start implements replay.Past.
func (p past) Start(context.Context) (*engine.Engine, error) {
	e := engine.New()
	for _, ev := range p.before {
		if err := e.Replay(ev); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Events implements replay.Past.
func (p past) Events(context.Context) iter.Seq2[*engine.Event, error] {
	return func(yield func(*engine.Event, error) bool) {
		for i := range p.events {
			if !yield(&p.events[i], nil) {
				return
			}
		}
	}
}

const monday = engine.Time(1_790_000_040_000) // a whole minute

// desk is a workspace in virtual time whose people do as a test says.
type desk struct {
	*testing.T
	*sim.World
	events []engine.Event
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t}
	def := engine.Definition{
		Channels: []engine.Channel{{Name: "chat", Size: engine.Units(500)}, {Name: "voice", Size: engine.Units(engine.Unit)}},
		Statuses: []engine.Status{
			{Name: "available", Channels: []string{"chat", "voice"}}, {Name: "break"}, {Name: "chatting", Channels: []string{"chat"}},
		},
		PresenceConfigs: []engine.PresenceConfig{{Name: "one", Capacity: engine.Unit, MaxOpen: 10}},
		RoutingConfigs: []engine.RoutingConfig{
			{Name: "plain", Model: route.ModelRoundRobin, Strategy: "mine", PushTimeout: 5000}, {Name: "rare", Model: route.ModelLeastActive, Strategy: "mine"},
		},
		Queues: []engine.QueueDefinition{{Name: "calls", Routing: "plain"}, {Name: "front", Routing: "rare"}, {Name: "unused", Routing: "rare"}},
		Agents: []engine.AgentDefinition{
			{ID: "ann", PresenceConfig: "one", Queues: engine.Member("calls", "front", "unused"), Skills: []engine.Skill{{Name: "german", Level: 7000}}},
			{ID: "bob", PresenceConfig: "one", Queues: engine.Member("calls", "front")},
		},
		Skills: []string{"german"}, Grace: 1000, KeepClosed: 60_000,
	}
	var err error
	d.World, err = sim.New(t.Context(), sim.Options{
		Start: monday, Definition: def, Strategies: []strategy.Spec{{Name: "mine", Runtime: "builtin", Source: "skills"}},
		Runtimes: options().Runtimes, Record: true, Watch: func(ev *engine.Event) { d.events = append(d.events, *ev) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func (d *desk) do(command engine.Command) engine.WorkID {
	d.Helper()
	result, err := d.Do(command)
	if err != nil {
		d.Fatalf("%T: %v", command, err)
	}
	return result.Work
}

// until lets time pass to so many seconds after the beginning.
func (d *desk) until(seconds engine.Time) {
	d.Helper()
	if err := d.World.Run(d.Context(), monday+1000*seconds); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) comes(queue, channel string, needs ...engine.Need) engine.WorkID {
	d.Helper()
	return d.do(engine.CreateWork{Spec: engine.WorkSpec{Queue: queue, Channel: channel, Needs: needs}})
}

// takes accepts what is offered of the work.
func (d *desk) takes(id engine.WorkID) (engine.AssignmentID, string) {
	d.Helper()
	d.until((d.Now() - monday) / 1000)
	w, ok := d.Engine().Work(id)
	if !ok || len(w.Assignments) == 0 {
		d.Fatalf("%v is offered to nobody", id)
	}
	x := w.Assignments[len(w.Assignments)-1]
	d.do(engine.Accept{Assignment: x.ID, Agent: x.Agent})
	return x.ID, x.Agent
}

func (d *desk) signsIn(agent, status string) {
	d.Helper()
	d.do(engine.Connect{Agent: agent})
	d.do(engine.SignIn{Agent: agent, Status: status})
}

// morning is a story whose replay can be told by hand.
func morning(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	d.signsIn("ann", "available")
	first := d.comes("calls", "voice", engine.Need{Skill: "german", Level: 5000})
	x, agent := d.takes(first)
	second := d.comes("calls", "voice") // waits for 30 s, and takes 20
	third := d.comes("calls", "voice")  // leaves after 10
	d.until(10)
	d.do(engine.AbandonWork{Work: third})
	d.until(30)
	d.do(engine.Complete{Assignment: x, Agent: agent})
	y, _ := d.takes(second)
	fourth := d.comes("front", "chat")
	d.until(35)
	d.do(engine.CancelWork{Work: fourth, Reason: "solved"})
	d.until(50)
	d.do(engine.Complete{Assignment: y, Agent: agent})
	d.until(60)
	d.do(engine.SetStatus{Agent: "ann", Status: "break"})
	d.signsIn("bob", "chatting")
	d.until(90)
	d.do(engine.SetStatus{Agent: "ann", Status: "available"})
	d.until(100)
	d.comes("calls", "chat") // never answered
	d.until(101)
	d.do(engine.StartWork{Agent: "ann", Spec: engine.WorkSpec{Queue: "calls", Channel: "chat"}})
	d.until(102)
	return d
}

func record(t *testing.T, p past) *replay.Recording {
	t.Helper()
	r, err := replay.Journal(t.Context(), "monday", p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestJournal(t *testing.T) {
	t.Parallel()
	d := morning(t)
	r := record(t, past{events: d.events})
	in := r.Import
	in.Odd, in.MeanWait = nil, nil
	want := replay.Import{
		Log: "monday", Start: "2026-09-21 14:14 UTC", Rows: 6, Played: 5, Malformed: []string{},
		LeftOut:  []replay.LeftOut{{"started by an agent, and given to nobody", 1}},
		Fates:    []replay.LeftOut{{"served", 2}, {"abandoned", 1}, {"cancelled by their source, who leave then", 1}, {"waiting at the end", 1}},
		Answered: new(2), Abandoned: new(2),
	}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("import %+v, want %+v", in, want)
	}
	if text := strings.Join(r.Import.Odd, "; "); !strings.Contains(text, `2 routing configs were in use; all are routed by "plain"`) {
		t.Errorf("odd: %s", text)
	}
	if r.Model != "round_robin" || r.Strategy.Source != "skills" || r.Strategy.Runtime != "builtin" {
		t.Errorf("routed by %s, %+v", r.Model, r.Strategy)
	}
	if ann := r.Groups["ann"]; ann.Skills["german"] != 7 || len(ann.Periods) != 4 || !reflect.DeepEqual(ann.Periods[:3], []scenario.Staffing{
		{Length: scenario.Span(60 * time.Second), Agents: 1}, {Length: scenario.Span(30 * time.Second)}, {Length: scenario.Span(11 * time.Second), Agents: 1},
	}) {
		t.Errorf("ann: %+v", r.Groups["ann"])
	}
	if bob := r.Groups["bob"]; !reflect.DeepEqual(bob.Channels, []string{"chat"}) || !reflect.DeepEqual(bob.Queues, []string{"calls", "front"}) || bob.Capacity != 1 {
		t.Errorf("bob: %+v", bob)
	}
	outcome := play(t, r, nil)
	// Who came to nobody's knowledge but the log's is served by the emulator's
	// agents, who take at once what the log's had to be offered first.
	if c := outcome.Result.Overall.Counts; c.Offered != 5 || c.Offered != c.Served+c.Abandoned+c.Waiting+c.Open || c.Abandoned != 2 {
		t.Errorf("%+v", c)
	}
	if c := outcome.Result.Overall.AnsweredWait; c.Mean.Value != 10 {
		t.Errorf("mean speed of answer %v s, want 10: 0, 30 and 0", c.Mean.Value)
	}
}

// A journal that begins in the middle: who waited comes when it begins, who was
// served is left out.
func TestJournalFromTheMiddle(t *testing.T) {
	t.Parallel()
	d := morning(t)
	at := 0
	for i, ev := range d.events {
		if ev.Kind == engine.KindWorkAbandoned {
			at = i
		}
	}
	r := record(t, past{before: d.events[:at], events: d.events[at:]})
	if in := r.Import; in.Rows != 6 || in.Played != 4 || len(in.LeftOut) != 2 || in.LeftOut[0].Rows != 1 {
		t.Errorf("%+v", in)
	}
	if ann := r.Groups["ann"].Periods; fmt.Sprint(ann[0]) == "{0s 1}" || ann[1].Agents != 1 && ann[0].Agents != 1 {
		t.Errorf("ann, who was there when it begins: %+v", ann)
	}
	play(t, r, nil)
}

func TestJournalOfNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if _, err := replay.Journal(t.Context(), "nothing", past{events: d.events}, nil); err == nil || !strings.Contains(err.Error(), "no work came") {
		t.Errorf("without work: %v", err)
	}
	d.comes("calls", "voice")
	d.events[1].Number++
	if _, err := replay.Journal(t.Context(), "gap", past{events: d.events}, nil); err == nil || !strings.Contains(err.Error(), "the log has a gap") {
		t.Errorf("with a gap: %v", err)
	}
}

// Whatever happened, everybody who is played comes to something.
func TestJournalConserves(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			d := newDesk(t)
			d.signsIn("ann", "available")
			d.signsIn("bob", "available")
			for i := range engine.Time(200) {
				id := d.comes([]string{"calls", "front"}[rng.IntN(2)], []string{"chat", "voice"}[rng.IntN(2)])
				d.until(5*i + engine.Time(rng.IntN(5)))
				w, _ := d.Engine().Work(id)
				switch {
				case w.State == engine.Offered && rng.IntN(4) > 0:
					x, agent := d.takes(id)
					d.At(d.Now()+engine.Time(rng.IntN(20_000)), func() { d.do(engine.Complete{Assignment: x, Agent: agent}) })
				case w.State == engine.Waiting && rng.IntN(3) == 0:
					d.do(engine.AbandonWork{Work: id})
				}
			}
			d.until(1100)
			r := record(t, past{events: d.events})
			if r.Import.Played != 200 {
				t.Errorf("%+v", r.Import)
			}
			for _, name := range []string{"queue", "skills"} {
				s, err := r.Scenario(nil)
				if err != nil {
					t.Fatal(err)
				}
				s.Strategy.Source = name
				outcome, err := r.Play(t.Context(), s, options())
				if err != nil || len(outcome.Result.Broken) > 0 {
					t.Fatalf("%v, %v", err, outcome.Result.Broken)
				}
			}
		})
	}
}
