// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestSameSeedSameBytes plays a day twice, and once with another seed.
func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/day.yaml")
	s.Horizon.Time = scenario.Span(8*time.Hour + 30*time.Minute)
	first, second := text(t, run(t, s)), text(t, run(t, s))
	if first != second {
		t.Errorf("seed %d: two runs differ:\n%s\n%s", s.Seed, first, second)
	}
	s.Seed++
	if text(t, run(t, s)) == first {
		t.Error("another seed changes nothing")
	}
}

// TestInvariantsOnEveryScenario plays a little of every scenario there is, again,
// and with agents named otherwise.
func TestInvariantsOnEveryScenario(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) < len(references) {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range append(files, "testdata/day.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			s := load(t, file)
			s.Replications, s.WarmUp = 1, scenario.Extent{}
			if s.Horizon.Customers > 0 {
				s.Horizon.Customers = 1500
			} else {
				s.Horizon.Time = scenario.Span(8*time.Hour + 10*time.Minute)
			}
			result, err := scenario.Run(t.Context(), s, scenario.Options{Runtimes: runtimes(), Verify: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, broken := range result.Broken {
				t.Errorf("seed %d: %s", s.Seed, broken)
			}
		})
	}
}

// TestVerifyFindsWhatDiffers wants a strategy found out that goes by its agents'
// names, or by the wall.
func TestVerifyFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	s := parse(t, small)
	s.Strategy.Source = "bad"
	var made atomic.Uint64
	bad := route.Plugin{
		Manifest: route.Manifest{Name: "bad", Version: "1.0.0", Tables: match.Tables(), Reasons: match.Reasons()},
		New:      func() route.Strategy { return &moody{Rule: match.NewRule("moody"), every: made.Add(1) + 1} },
	}
	result, err := scenario.Run(t.Context(), s, scenario.Options{
		Runtimes: map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"bad": bad})}, Verify: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(result.Broken, func(b string) bool { return strings.HasPrefix(b, "same_seed: ") }) {
		t.Errorf("found %q", result.Broken)
	}
}

// moody proposes nothing now and then; each instance has moods of its own.
type moody struct {
	*match.Rule
	every uint64
}

// Turn implements route.Strategy.
func (m *moody) Turn(turn *route.Turn, reply *route.Reply) error {
	err := m.Rule.Turn(turn, reply)
	if turn.Seq%m.every == 0 {
		reply.Proposals = reply.Proposals[:0]
	}
	return err
}

// TestSameCustomers wants the same customers whatever the model, the staffing,
// or the other classes: with so many agents that nobody waits, each is served
// at once, so that who abandons and who is open at the end tells customers
// apart.
func TestSameCustomers(t *testing.T) {
	t.Parallel()
	s := parse(t, small)
	s.Groups["agents"] = scenario.Group{Agents: 100, Queues: []string{"calls"}}
	base := run(t, s).Classes[0].Figures
	s.Model = "least_active"
	s.Classes["mail"] = scenario.Class{
		Queue: "calls", Priority: 3, Arrivals: scenario.Arrivals{Rate: 0.1}, Service: scenario.Distribution{Mean: scenario.Span(time.Minute)},
	}
	other := run(t, s)
	if got := other.Classes[0].Figures; !reflect.DeepEqual(got, base) {
		t.Errorf("seed %d: with another model and class %+v, without %+v", s.Seed, got, base)
	}
	if base.Offered != base.Served+base.Open || base.Wait.Mean.Value != 0 {
		t.Errorf("seed %d: somebody waited: %+v", s.Seed, base)
	}
}

// TestMixedSizes plays agents who hold several items of several sizes, where
// every invariant must hold and everybody is accounted for.
func TestMixedSizes(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"least_active", "most_available", "longest_idle"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			s := load(t, "testdata/day.yaml")
			s.Model, s.Horizon.Time = model, scenario.Span(8*time.Hour+30*time.Minute)
			for name, g := range s.Groups {
				g.Agents, g.Capacity = g.Agents/4, 1.25
				s.Groups[name] = g
			}
			all := run(t, s).Overall
			if all.Waiting+all.Abandoned == 0 || all.Offered != all.Served+all.Abandoned+all.Waiting+all.Open {
				t.Errorf("seed %d: nobody waits, or somebody is lost: %+v", s.Seed, all)
			}
		})
	}
}

// idler is a strategy that lets everybody wait.
type idler struct{ board route.Board }

func (*idler) Configure([]byte) error { return nil }

func (i *idler) Turn(turn *route.Turn, reply *route.Reply) error {
	err := i.board.Apply(turn)
	reply.Digest = i.board.Digest()
	return err
}

// failing is a strategy that breaks.
type failing struct{ idler }

func (*failing) Turn(*route.Turn, *route.Reply) error { return errors.New("out of order") }

// TestABadStrategyIsFound wants the result to say so.
func TestABadStrategyIsFound(t *testing.T) {
	t.Parallel()
	for want, plugin := range map[string]func() route.Strategy{
		"idle_beside_waiting": func() route.Strategy { return &idler{} },
		"strategy: it failed": func() route.Strategy { return &failing{} },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := parse(t, small)
			s.Strategy.Source = "bad"
			bad := route.Plugin{Manifest: route.Manifest{Name: "bad", Version: "1.0.0"}, New: plugin}
			result, err := scenario.Run(t.Context(), s, scenario.Options{
				Runtimes: map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"bad": bad})},
			})
			if err != nil {
				t.Fatal(err)
			}
			if result.Sound() || !slices.ContainsFunc(result.Broken, func(b string) bool { return strings.Contains(b, want) }) {
				t.Errorf("found %q", result.Broken)
			}
			all := &result.Overall
			if all.Served > 0 || all.Offered != all.Abandoned+all.Waiting {
				t.Errorf("somebody was served, or is lost: %+v", all)
			}
		})
	}
}

// TestSettingsReachTheStrategy wants settings that it refuses to be refused.
func TestSettingsReachTheStrategy(t *testing.T) {
	t.Parallel()
	s := parse(t, small+"strategy: {settings: {speed: 3}}\n")
	_, err := scenario.Run(t.Context(), s, scenario.Options{Runtimes: runtimes()})
	if err == nil || !strings.Contains(err.Error(), "speed") {
		t.Errorf("got %v", err)
	}
}

// TestStops ends a run by its context, and tells of progress until then.
func TestStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last float64
	_, err := scenario.Run(ctx, parse(t, small), scenario.Options{
		Runtimes: runtimes(),
		Progress: func(share float64, customers int) {
			if share <= last || customers < 0 {
				t.Errorf("progress from %g to %g", last, share)
			}
			if last = share; share > 0.5 {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) || last <= 0.5 || last > 0.6 {
		t.Errorf("at %g: got %v", last, err)
	}
}

// TestRefusals wants what only the plan can know refused, too.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*scenario.Scenario){
		"horizon: so many customers": func(s *scenario.Scenario) {
			s.Horizon = scenario.Extent{Customers: 1000}
			s.Classes["calls"] = scenario.Class{Arrivals: scenario.Arrivals{Rate: 1e-6}, Service: s.Classes["calls"].Service}
		},
		"warm_up: the warm-up takes as long": func(s *scenario.Scenario) { s.WarmUp.Customers = 100_000 },
		"classes: at least one":              func(s *scenario.Scenario) { clear(s.Classes) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := parse(t, small)
			s.Classes = maps.Clone(s.Classes)
			change(s)
			_, err := scenario.Run(t.Context(), s, scenario.Options{Runtimes: runtimes()})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// TestTable wants every class and group in the table, and the verdict.
func TestTable(t *testing.T) {
	t.Parallel()
	result := run(t, parse(t, small))
	var b strings.Builder
	if n, err := result.WriteTo(&b); err != nil || int(n) != b.Len() {
		t.Errorf("wrote %d of %d: %v", n, b.Len(), err)
	}
	for _, want := range []string{"small: queue 1.0.0 (builtin), seed 7", "calls", "agents", "every invariant held", result.Fingerprint} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}

func load(t testing.TB, path string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func text(t *testing.T, r *scenario.Result) string {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// BenchmarkDay plays a day of 500 agents and about 50,000 customers.
func BenchmarkDay(b *testing.B) {
	s := load(b, "testdata/day.yaml")
	for b.Loop() {
		result, err := scenario.Run(b.Context(), s, scenario.Options{Runtimes: runtimes()})
		if err != nil || !result.Sound() {
			b.Fatal(err, result)
		}
		b.ReportMetric(float64(result.Overall.Offered), "customers/op")
	}
}
