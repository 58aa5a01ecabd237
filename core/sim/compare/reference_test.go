// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare_test

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

func variant(name, source, model string) compare.Variant {
	return compare.Variant{Name: name, Strategy: scenario.Strategy{Source: source}, Model: model}
}

// TestOrderInsideAQueue compares first come, first served with random order and
// last come, first served in M/M/10 at load 8. The values are those of the
// literature: one mean, .20459 services, and mean squares of .20459, .34098 and
// 1.02295. PATCHBAY_REFERENCE=full plays the file as it is and allows 3 % on the
// mean and 6 % on the square alone; otherwise three standard errors more.
func TestOrderInsideAQueue(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: fewer customers than it plays say nothing; leave out -short")
	}
	full := os.Getenv("PATCHBAY_REFERENCE") == "full"
	s := load(t, "reference/order.yaml", 6, 18_000)
	if full {
		s = load(t, "reference/order.yaml", 8, 0)
	}
	c, err := compare.Run(t.Context(), s, []compare.Variant{variant("fifo", "queue", ""), variant("random", "shuffle", ""), variant("lifo", "lifo", "")}, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d", s.Seed)
	squares := map[string]float64{"fifo": .20459, "random": .34098, "lifo": 1.02295}
	for _, o := range c.Outcomes {
		for _, broken := range o.Result.Broken {
			t.Errorf("%s: %s", o.Name, broken)
		}
		w := &o.Result.Overall.Wait
		for _, f := range []struct {
			what      string
			e         scenario.Estimate
			unit      float64
			want, rel float64
		}{{"E[W]", w.Mean, 100, .20459, .03}, {"E[W²]", w.MeanSquare, 100 * 100, squares[o.Name], .06}} {
			got, allowed := f.e.Value/f.unit, f.rel*f.want
			if !full {
				allowed += 3 * f.e.StdError / f.unit
			}
			t.Logf("%-6s %-5s %.5f ± %.5f, expected %.5f (%+.2f %%)", o.Name, f.what, got, f.e.StdError/f.unit, f.want, 100*(got/f.want-1))
			if !(math.Abs(got-f.want) <= allowed) {
				t.Errorf("%s: %s is %.5f; %.5f ± %.5f is right", o.Name, f.what, got, f.want, allowed)
			}
		}
	}
	for _, p := range c.Pairs {
		t.Log(p.Variant, p.Verdict)
		for _, want := range []string{"equal means", "the spread of waits differs"} {
			if !strings.Contains(p.Verdict[0], want) {
				t.Errorf("the verdict on %s does not say %q: %s", p.Variant, want, p.Verdict[0])
			}
		}
	}
}

// TestWhoIsPickedDoesNotMatter compares two models on M/M/14, where all agents
// are alike: no customer fares otherwise.
func TestWhoIsPickedDoesNotMatter(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it plays much, which takes long with the race detector; leave out -short")
	}
	s := load(t, "reference/erlang-c.yaml", 4, 3000)
	c, err := compare.Run(t.Context(), s, []compare.Variant{variant("idle", "queue", "longest_idle"), variant("random", "queue", "weighted_random")}, options())
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Pairs[0].Verdict[0]; !strings.HasPrefix(got, "no difference at all for customers") {
		t.Errorf("seed %d: %s", s.Seed, got)
	}
	for i := range c.Pairs[0].Differences {
		if d := &c.Pairs[0].Differences[i]; d.Measure == "mean_wait" && (d.Seen() || !d.Known || !d.Same()) {
			t.Errorf("seed %d: %+v", s.Seed, *d)
		}
	}
}
