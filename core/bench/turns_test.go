// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/examples/batch"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// lane is a plugin that is linked in.
func lane(plugin route.Plugin) bench.Lane {
	return bench.Lane{
		Name: "builtin", Runtime: builtin.New(map[string]route.Plugin{"it": plugin}),
		Spec: strategy.Spec{Runtime: "builtin", Source: "it"},
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	steps := 0
	reports, err := bench.Turns(t.Context(), bench.TurnOptions{
		Lanes: []bench.Lane{lane(queue.Plugin()), lane(queue.Plugin())}, Passes: 2,
		Progress: func(done, total int) {
			if steps++; done != steps || total != 12 {
				t.Errorf("step %d: %d of %d", steps, done, total)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 || steps != 12 {
		t.Fatalf("%d steps, %+v", steps, reports)
	}
	for i, n := range bench.Sizes() {
		l := reports[0].Latencies[i]
		if l.P50 <= 0 || l.P50 > l.P99 || reports[0].Proposals[i] != n || reports[0].DecisionsPerSecond[i] <= 0 {
			t.Errorf("%d: %+v", n, reports[0])
		}
	}
}

// TestTurnsOfOneThatGathers shows that a strategy which waits before it decides
// is given the turn that it asks for.
func TestTurnsOfOneThatGathers(t *testing.T) {
	t.Parallel()
	reports, err := bench.Turns(t.Context(), bench.TurnOptions{Lanes: []bench.Lane{lane(batch.Plugin())}, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := reports[0].Proposals; got[0] != 1 || got[1] != 16 || got[2] == 0 {
		t.Errorf("proposals: %v", got)
	}
}

// TestTurnsFindFaults shows that a strategy which breaks or proposes nothing is
// not measured but found.
func TestTurnsFindFaults(t *testing.T) {
	t.Parallel()
	for want, twist := range map[string]func(*route.Turn, *route.Reply) error{
		"bench: turns: builtin: turn 1: ": func(*route.Turn, *route.Reply) error { return errors.New("broken") },
		"it proposes nothing, though 512 agents are idle and 1 items wait": func(_ *route.Turn, reply *route.Reply) error {
			reply.Proposals = reply.Proposals[:0]
			return nil
		},
	} {
		plugin := queue.Plugin()
		inner := plugin.New
		plugin.New = func() route.Strategy { return odd{inner(), twist} }
		_, err := bench.Turns(t.Context(), bench.TurnOptions{Lanes: []bench.Lane{lane(plugin)}, Passes: 1})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestWhole shows that whole workspaces are measured, and that nothing of them
// is left.
func TestWhole(t *testing.T) {
	t.Parallel()
	steps := 0
	reports, err := bench.Whole(t.Context(), bench.WholeOptions{
		Lanes: []bench.Lane{lane(queue.Plugin()), lane(queue.Plugin())}, Passes: 1, For: time.Second, Folder: t.TempDir(),
		Progress: func(int, int) { steps++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 || steps != 2 || reports[0].PerSecond <= 0 || reports[0].Ratio != 1 || reports[1].Ratio <= 0 {
		t.Errorf("%d steps, %+v", steps, reports)
	}
	t.Logf("%+v", reports)
}

// TestWholeFails shows that a strategy which never comes to decide is told, and
// that the end of the context ends it, already while a workspace opens too, and
// leaves nothing.
func TestWholeFails(t *testing.T) {
	t.Parallel()
	broken := queue.Plugin()
	broken.New = func() route.Strategy {
		return odd{queue.Plugin().New(), func(*route.Turn, *route.Reply) error { return errors.New("broken") }}
	}
	for _, within := range []time.Duration{0, 500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		folder := t.TempDir()
		_, err := bench.Whole(ctx, bench.WholeOptions{Lanes: []bench.Lane{lane(broken)}, Passes: 1, For: time.Hour, Folder: folder})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	}
}
