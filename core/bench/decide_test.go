// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func small() bench.DecideOptions {
	return bench.DecideOptions{Agents: 2000, Waiting: 5000, Skills: 100, Runs: 2, Seed: 7}
}

// TestDecide shows for both built-in strategies that everything is measured,
// and that progress comes to its end step by step.
func TestDecide(t *testing.T) {
	t.Parallel()
	for _, plugin := range []route.Plugin{queue.Plugin(), skills.Plugin()} {
		t.Run(plugin.Manifest.Name, func(t *testing.T) {
			t.Parallel()
			options := small()
			steps, last := 0, 0
			options.Progress = func(done, total int) {
				if steps++; done != steps || total < done || last != 0 && last != total {
					t.Errorf("step %d: %d of %d", steps, done, total)
				}
				last = total
			}
			report, err := bench.Decide(t.Context(), options, plugin)
			if err != nil {
				t.Fatal(err)
			}
			if steps != last {
				t.Errorf("%d steps of %d", steps, last)
			}
			if report.Strategy != plugin.Manifest.Name || len(report.Runs) != 2 || report.Agents != 2000 {
				t.Errorf("%+v", report)
			}
			checkRun(t, report, &report.Median)
			for i := range report.Runs {
				checkRun(t, report, &report.Runs[i])
			}
		})
	}
}

func checkRun(t *testing.T, report *bench.DecideReport, run *bench.DecideRun) {
	t.Helper()
	if run.SnapshotSeconds <= 0 || run.DecisionsPerSecond <= 0 || run.ProcessBytes < run.StrategyBytes {
		t.Errorf("%+v", run)
	}
	for load, name := range report.Loads {
		for _, l := range []bench.Latency{run.Latencies[load], run.Naive[load]} {
			if l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Max {
				t.Errorf("%s: %+v", name, l)
			}
		}
		if run.HeadRatios[load] <= 0 {
			t.Errorf("%s: ratio %v", name, run.HeadRatios[load])
		}
	}
}

// TestDecideEndsWithContext shows that the end of the context ends it at the
// next step.
func TestDecideEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	options := small()
	steps := 0
	options.Progress = func(int, int) {
		if steps++; steps == 3 {
			cancel()
		}
	}
	if _, err := bench.Decide(ctx, options, queue.Plugin()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if steps != 3 {
		t.Errorf("%d steps", steps)
	}
}

// TestDecideRefuses shows that sizes at which nothing can be measured are
// refused.
func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(*bench.DecideOptions)
		want   string
	}{
		{func(o *bench.DecideOptions) { o.Agents = 99 }, "99 agents: 100 to 16777215 are wanted"},
		{func(o *bench.DecideOptions) { o.Waiting = 1 << 24 }, "16777216 waiting: 1000 to"},
		{func(o *bench.DecideOptions) { o.Skills = 19 }, "19 skills: 20 or more are wanted"},
		{func(o *bench.DecideOptions) { o.Runs = 0 }, "0 runs: 1 or more are wanted"},
	} {
		options := small()
		test.change(&options)
		if _, err := bench.Decide(t.Context(), options, queue.Plugin()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// odd is a strategy that does not do what it must.
type odd struct {
	route.Strategy
	twist func(turn *route.Turn, reply *route.Reply) error
}

func (o odd) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := o.Strategy.Turn(turn, reply); err != nil {
		return err
	}
	return o.twist(turn, reply)
}

// TestDecideFindsFaults shows that a strategy which does not propose what it
// must is not measured but found.
func TestDecideFindsFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		twist func(turn *route.Turn, reply *route.Reply) error
		want  string
	}{
		{"breaks", func(*route.Turn, *route.Reply) error { return errors.New("broken") }, "bench: turn 1: broken"},
		{"asks for a snapshot", func(turn *route.Turn, _ *route.Reply) error {
			if turn.Kind == route.KindDelta {
				return route.ErrNeedSnapshot
			}
			return nil
		}, "a snapshot was asked for though every turn followed on"},
		{"proposes what cannot be", func(_ *route.Turn, reply *route.Reply) error {
			reply.Proposals = append(reply.Proposals, route.Proposal{})
			return nil
		}, "bench: 1 proposals where nobody can take anything"},
		{"proposes nothing", func(_ *route.Turn, reply *route.Reply) error {
			reply.Proposals = reply.Proposals[:0]
			return nil
		}, "new work, to members: bench: [] where just work 5000 can be taken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plugin := queue.Plugin()
			inner := plugin.New
			plugin.New = func() route.Strategy { return odd{inner(), test.twist} }
			if _, err := bench.Decide(t.Context(), small(), plugin); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestDecideReportText shows that the table and the JSON say what was measured.
func TestDecideReportText(t *testing.T) {
	t.Parallel()
	report := bench.DecideReport{
		Strategy: "queue", Version: "1.0.0", Agents: 10, Waiting: 20, Skills: 30, Seed: 4,
		Loads: []string{bench.NewToMembers.String(), bench.NewBySkills.String(), bench.AgentFreed.String()},
		Runs:  make([]bench.DecideRun, 3),
		Median: bench.DecideRun{
			SnapshotSeconds: 1.25, StrategyBytes: 300 << 20, ProcessBytes: 400 << 20, DecisionsPerSecond: 123_456,
			Latencies:  [3]bench.Latency{{P50: 1500, P99: 20_000, Max: 3_000_000}, {P50: 1234}, {P50: 12_345_678}},
			Naive:      [3]bench.Latency{{P50: 150_000}, {}, {}},
			HeadRatios: [3]float64{1, 1.049, 0.9},
		},
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := `strategy queue 1.0.0: 10 agents, 20 waiting, 30 skills; medians of 3 runs, seed 4

              decision     p50   p99  max  looking at all  times faster  with infeasible head
  new work, to members   1.5µs  20µs  3ms           150µs           100                  1.00
   new work, by skills  1.23µs    0s   0s              0s             0                  1.05
           agent freed  12.3ms    0s   0s              0s             0                  0.90

decisions a second, one core: 123456
memory: board and indexes 300 MiB, whole process 400 MiB
snapshot: 1.2 s
`
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
	encoded, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(encoded), `"latencies":[{"p50_ns":1500,"p99_ns":20000,"max_ns":3000000}`) {
		t.Errorf("%s, %v", encoded, err)
	}
}
