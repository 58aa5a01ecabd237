// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/sim/verify"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if paths, err := packages(); err == nil && len(paths) > 0 {
		_ = os.RemoveAll(paths[""])
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// past is the events of a workspace from its very beginning.
type past []engine.Event

// Start implements verify.Source.
func (past) Start(context.Context) (*engine.Engine, error) { return engine.New(), nil }

// Events implements verify.Source.
func (p past) Events(context.Context) iter.Seq2[*engine.Event, error] {
	return func(yield func(*engine.Event, error) bool) {
		for i := range p {
			if !yield(&p[i], nil) {
				return
			}
		}
	}
}

// clone copies what a test is to change.
func (p past) clone() past {
	c := slices.Clone(p)
	for i := range c {
		if c[i].Turn != nil {
			turn, by := *c[i].Turn, *c[i].Decision
			c[i].Turn, c[i].Decision = &turn, &by
		}
	}
	return c
}

// turns returns where the turns of a strategy are that came to an offer.
func (p past) turns(name string) (at []int) {
	for i := range p[:len(p)-1] {
		if p[i].Kind == engine.KindTurnTaken && p[i].Decision.Strategy == name && p[i+1].Kind == engine.KindWorkOffered {
			at = append(at, i)
		}
	}
	return at
}

// sly decides as the strategy that it wraps, but for one turn, counted over all
// instances.
type sly struct {
	route.Strategy
	turn func(*route.Turn, *route.Reply)
}

// Turn implements route.Strategy.
func (s *sly) Turn(turn *route.Turn, reply *route.Reply) error {
	err := s.Strategy.Turn(turn, reply)
	s.turn(turn, reply)
	return err
}

func plugins(change func(*route.Turn, *route.Reply)) map[string]strategy.Runtime {
	changed := skills.Plugin()
	made := changed.New
	changed.New = func() route.Strategy { return &sly{Strategy: made(), turn: change} }
	return map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{
		"queue": queue.Plugin(), "skills": changed, "idle": {Manifest: route.Manifest{Name: "idle"}, New: func() route.Strategy { return idle{} }},
	})}
}

// idle proposes nothing, ever.
type idle struct{}

// Configure and Turn implement route.Strategy.
func (idle) Configure([]byte) error               { return nil }
func (idle) Turn(*route.Turn, *route.Reply) error { return nil }

func faithful(*route.Turn, *route.Reply) {}

// centre has two queues that share their agents, each with a strategy of its
// own.
func centre() engine.Definition {
	d := engine.Definition{
		Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
		Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "two", Capacity: 2 * engine.Unit, MaxOpen: 10}},
		RoutingConfigs: []engine.RoutingConfig{
			{Name: "plain", Model: route.ModelLeastActive, Strategy: "first", Fallback: "first", PushTimeout: 20_000},
			{Name: "other", Model: route.ModelRoundRobin, Strategy: "second", Fallback: "first"},
		},
		Queues: []engine.QueueDefinition{{Name: "billing", Routing: "other"}, {Name: "support", Routing: "plain"}},
		Grace:  60_000, KeepClosed: 60_000,
	}
	for i := range 5 {
		d.Agents = append(d.Agents, engine.AgentDefinition{ID: fmt.Sprintf("a%d", i+1), PresenceConfig: "two", Queues: engine.Member("billing", "support")})
	}
	return d
}

func specs() []strategy.Spec {
	return []strategy.Spec{
		{Name: "first", Runtime: "builtin", Source: "queue"},
		{Name: "second", Runtime: "builtin", Source: "skills"},
	}
}

// lived returns a few hours of a workspace, whose definition changes in the
// middle.
func lived(t *testing.T, opts sim.Options) past {
	t.Helper()
	var p past
	var world *sim.World
	rng := rand.New(rand.NewPCG(opts.Seed, 0))
	opts.Start, opts.Definition, opts.Strategies, opts.Record = 1_790_000_000_000, centre(), specs(), true
	do := func(command engine.Command) {
		if _, err := world.Do(command); err != nil {
			t.Fatalf("%T: %v", command, err)
		}
	}
	opts.Watch = func(ev *engine.Event) {
		p = append(p, *ev)
		assignment, agent := ev.Assignment, ev.Agent
		switch {
		case ev.Kind == engine.KindWorkOffered && rng.IntN(10) > 0:
			world.At(ev.At+engine.Time(rng.IntN(3000)), func() { _, _ = world.Do(engine.Accept{Assignment: assignment, Agent: agent}) })
		case ev.Kind == engine.KindOfferAccepted:
			world.At(ev.At+engine.Time(rng.IntN(60_000)), func() { do(engine.Complete{Assignment: assignment, Agent: agent}) })
		}
	}
	world, err := sim.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	for _, a := range opts.Definition.Agents {
		do(engine.Connect{Agent: a.ID})
		do(engine.SignIn{Agent: a.ID, Status: "available"})
	}
	for i := range 300 {
		do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: []string{"billing", "support"}[rng.IntN(2)]}})
		if i == 150 {
			d := centre()
			d.RoutingConfigs[1].Model = route.ModelLongestIdle
			do(engine.Configure{Definition: d})
		}
		if err := world.Run(t.Context(), world.Now()+engine.Time(rng.IntN(9000))); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func again(t *testing.T, p verify.Source, opts verify.Options) *verify.Report {
	t.Helper()
	report, err := verify.Run(t.Context(), p, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// answersLate has strategies take time in which the world goes on.
func answersLate(seed uint64) func(time.Duration) engine.Time {
	rng := rand.New(rand.NewPCG(seed, 7))
	return func(time.Duration) engine.Time { return engine.Time(rng.IntN(500)) }
}

func TestThePastComesOutTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			opts := sim.Options{Seed: seed, Runtimes: plugins(faithful)}
			if seed%2 == 1 {
				opts.AnswerTime = answersLate(seed)
			}
			p := lived(t, opts)
			var told uint64
			r := again(t, p, verify.Options{Runtimes: plugins(faithful), Progress: func(done, _ uint64) { told = max(told, done) }})
			if r.Difference != nil {
				t.Fatalf("%+v", r.Difference)
			}
			if r.Turns < 300 || r.Decisions < 150 || r.Skipped+r.Faults > 0 || r.Starts != 1 || r.Last != uint64(len(p)) || told == 0 {
				t.Errorf("%+v", r)
			}
			if len(r.Strategies) != 2 || r.Strategies[1].Name != "second" || r.Strategies[1].Proposals < 30 || r.Strategies[1].Version == "" {
				t.Errorf("%+v", r.Strategies[1])
			}
		})
	}
}

// A strategy that decides otherwise in one turn is found at that turn.
func TestAnotherDecisionIsFound(t *testing.T) {
	t.Parallel()
	p := lived(t, sim.Options{Seed: 3, Runtimes: plugins(faithful), AnswerTime: answersLate(3)})
	turns := p.turns("second")
	for _, nth := range []int{0, 1, len(turns) / 2, len(turns) - 1} {
		at := &p[turns[nth]]
		t.Run(fmt.Sprint("turn ", at.Decision.Turn), func(t *testing.T) {
			t.Parallel()
			r := again(t, p, verify.Options{Runtimes: plugins(func(turn *route.Turn, reply *route.Reply) {
				if turn.Seq == at.Decision.Turn {
					reply.Proposals[0].Agent++
				}
			})})
			d := r.Difference
			if d == nil || d.Kind != verify.Reply || d.Event != at.Number || d.Strategy != "second" || d.Turn != at.Decision.Turn || d.Epoch != 1 {
				t.Fatalf("%+v, want one at event %d", d, at.Number)
			}
			offer := p[turns[nth]+1]
			if len(d.Recorded) == 0 || !strings.HasPrefix(d.Recorded[0], fmt.Sprintf("%v to %s (", offer.Work, offer.Agent)) ||
				len(d.Came) == 0 || !strings.HasPrefix(d.Came[0], offer.Work.String()+" to ") || strings.HasPrefix(d.Came[0], fmt.Sprintf("%v to %s (", offer.Work, offer.Agent)) {
				t.Errorf("recorded %q, came %q", d.Recorded, d.Came)
			}
		})
	}
}

// Every kind of difference is found where it is, and named for what it is.
func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	p := lived(t, sim.Options{Seed: 5, Runtimes: plugins(faithful)})
	turns := p.turns("first")
	turn, start := turns[len(turns)/2], slices.IndexFunc(p, func(ev engine.Event) bool { return ev.Kind == engine.KindTurnTaken })
	for name, tt := range map[string]struct {
		at     int
		change func(*engine.Event)
		kind   verify.Kind
		words  string
	}{
		"reply":        {turn, func(ev *engine.Event) { ev.Turn.Reply ^= 1 << 40 }, verify.Reply, "the strategy answers otherwise than on record"},
		"board":        {turn, func(ev *engine.Event) { ev.Turn.Board++ }, verify.Board, "the host gives the strategy another turn than on record"},
		"version":      {start, func(ev *engine.Event) { ev.Decision.Version = "0.0.1" }, verify.Version, "strategy first is of another version than on record"},
		"snapshot":     {turn, func(ev *engine.Event) { ev.Turn.Fault, ev.Turn.Reply = "need_snapshot", 0 }, verify.Reply, "the strategy's turn ends otherwise than on record"},
		"sooner":       {turn, func(ev *engine.Event) { ev.Turn.Behind = 0; ev.Turn.Took = 0; ev.Decision.Epoch++ }, verify.Place, "the record tells of a turn of first that ends here"},
		"who is gone":  {turn, func(ev *engine.Event) { ev.Turn.Post = 7 }, verify.Place, "the record tells of a turn of first"},
		"other offers": {turn + 1, func(ev *engine.Event) { ev.Agent = "a9" }, verify.Events, "the host goes on otherwise than the record does"},
		"no turn":      {turn, func(ev *engine.Event) { ev.Turn.Fault, ev.Turn.Reply, ev.Reason = "broken", 0, "by hand" }, verify.Events, "the host goes on otherwise than the record does"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := p.clone()
			tt.change(&changed[tt.at])
			d := again(t, changed, verify.Options{Runtimes: plugins(faithful)}).Difference
			want := changed[tt.at].Number
			if name == "no turn" {
				want++ // the offer that could not be
			}
			if d == nil || d.Kind != tt.kind || d.Event != want || !strings.HasPrefix(d.Message, tt.words) {
				t.Errorf("%+v, want %s at event %d", d, tt.kind, want)
			}
		})
	}
}

func TestAStrategyThatIsNotThere(t *testing.T) {
	t.Parallel()
	p := lived(t, sim.Options{Seed: 1, Runtimes: plugins(faithful)})
	only := map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})}
	d := again(t, p, verify.Options{Runtimes: only}).Difference
	if d == nil || d.Kind != verify.Missing || d.Strategy != "second" || !strings.Contains(d.Message, `"skills"`) {
		t.Errorf("%+v", d)
	}
	d = again(t, p, verify.Options{}).Difference
	if d == nil || d.Kind != verify.Missing || !strings.Contains(d.Message, `"builtin"`) {
		t.Errorf("%+v", d)
	}
}

// Another strategy may decide instead of the one on record; it differs at its
// first other decision, and not before.
func TestInstead(t *testing.T) {
	t.Parallel()
	p := lived(t, sim.Options{Seed: 2, Runtimes: plugins(faithful)})
	same := map[string]strategy.Spec{"second": {Runtime: "builtin", Source: "skills"}}
	if r := again(t, p, verify.Options{Runtimes: plugins(faithful), Instead: same}); r.Difference != nil || len(r.Notes) == 0 {
		t.Errorf("%+v", r)
	}
	other := map[string]strategy.Spec{"second": {Runtime: "builtin", Source: "idle"}}
	d := again(t, p, verify.Options{Runtimes: plugins(faithful), Instead: other}).Difference
	if d == nil || d.Kind != verify.Reply || d.Strategy != "second" || d.Came[0] != "no proposal" {
		t.Errorf("%+v", d)
	}
}

func TestWhatCannotBeVerified(t *testing.T) {
	t.Parallel()
	p := lived(t, sim.Options{Seed: 4, Runtimes: plugins(faithful)})
	var bare, late past
	for _, ev := range p {
		if !ev.Kind.Inward() {
			ev.Number = uint64(len(bare) + 1)
			bare = append(bare, ev)
		}
		if ev.Kind != engine.KindStrategiesEmployed {
			ev.Number = uint64(len(late) + 1)
			late = append(late, ev)
		}
	}
	if _, err := verify.Run(t.Context(), bare, verify.Options{Runtimes: plugins(faithful)}); !errors.Is(err, verify.ErrNoRecord) {
		t.Errorf("without a record: %v", err)
	}
	r, err := verify.Run(t.Context(), late, verify.Options{Runtimes: plugins(faithful)})
	if !errors.Is(err, verify.ErrNoStart) || r.Skipped < 300 {
		t.Errorf("without a start: %v, %+v", err, r)
	}
	bare[40].Number = 99
	if _, err := verify.Run(t.Context(), bare, verify.Options{Runtimes: plugins(faithful)}); err == nil || !strings.Contains(err.Error(), "the log has a gap") {
		t.Errorf("with a gap: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify.Run(ctx, p, verify.Options{Runtimes: plugins(faithful)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
