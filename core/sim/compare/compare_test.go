// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// desk is a desk with quick and slow agents, the quick ones with the higher
// level of a skill that nobody requires.
const desk = `
name: desk
seed: 11
horizon: {time: 40h}
warm_up: {time: 2h}
acceptable_wait: 20s
classes:
  calls: {arrivals: {rate: 54/h}, service: {mean: 5m}}
  mails: {arrivals: {rate: 6/h}, service: {mean: 5m}, priority: 1}
groups:
  quick: {agents: 2, queues: [calls, mails], speed: 3, skills: {speed: 9}}
  slow: {agents: 3, queues: [calls, mails], speed: 0.8, skills: {speed: 1}}
`

func parse(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("desk.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *scenario.Scenario, variants ...compare.Variant) *compare.Comparison {
	t.Helper()
	c, err := compare.Run(t.Context(), s, variants, options())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Sound() {
		t.Errorf("seed %d: %v", s.Seed, c.Outcomes[0].Result.Broken)
	}
	return c
}

// TestARealDifferenceIsSeen gives calls to the quick first, or to anybody.
func TestARealDifferenceIsSeen(t *testing.T) {
	t.Parallel()
	s := parse(t, desk)
	s.Replications = 6
	c := run(t, s, variant("anybody", "queue", "longest_idle"), variant("quick first", "queue", "most_skilled"))
	got := c.Pairs[0].Verdict[0]
	if !strings.HasPrefix(got, "mean wait differs: quick first waits shorter, ") || !strings.Contains(got, " under anybody, ") {
		t.Errorf("seed %d: %s", s.Seed, got)
	}
	var text bytes.Buffer
	if _, err := c.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"quick first against anybody\n  * mean wait differs", "spread of waits", "calls: mean wait", "mails: mean wait",
		"paired differences of 6 replications", "o", "|", "[", "]",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in\n%s", want, &text)
		}
	}
	for i := range c.Pairs[0].Differences {
		if d := &c.Pairs[0].Differences[i]; math.Abs(d.Variant-d.Baseline-d.Difference.Value) > 1e-9*(1+math.Abs(d.Baseline)) {
			t.Errorf("%s: the mean of the differences is not the difference of the means: %+v", d.Measure, d)
		}
	}
}

// TestPairingNarrows wants the paired interval of two orders of service to be much
// narrower than those of each: they have the same customers.
func TestPairingNarrows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it plays much, which takes long with the race detector; leave out -short")
	}
	s := load(t, "reference/erlang-c.yaml", 6, 3000)
	c := run(t, s, variant("fifo", "queue", ""), variant("random", "shuffle", ""))
	alone := c.Outcomes[0].Result.Overall.Wait.Mean.HalfWidth
	for i := range c.Pairs[0].Differences {
		d := &c.Pairs[0].Differences[i]
		if d.Of == "overall" && d.Measure == "mean_wait" && (!d.Known || d.Difference.HalfWidth > alone/2) {
			t.Errorf("seed %d: ± %v paired, ± %v alone", s.Seed, d.Difference.HalfWidth, alone)
		}
	}
}

// TestOneReplication takes the uncertainty from parts of a steady run, and says
// that it cannot tell of a day that varies.
func TestOneReplication(t *testing.T) {
	t.Parallel()
	idle, skilled := variant("anybody", "queue", "longest_idle"), variant("quick first", "queue", "most_skilled")
	long := parse(t, strings.Replace(desk, "{time: 40h}", "{time: 200h}", 1))
	c := run(t, long, idle, skilled)
	if c.Method != compare.Batches || !strings.HasPrefix(c.Pairs[0].Verdict[0], "mean wait differs") {
		t.Errorf("%s: %v", c.Method, c.Pairs[0].Verdict)
	}
	if got := strings.Join(c.Pairs[0].Verdict, "\n"); !strings.Contains(got, "whether the spread of waits differs cannot be told") {
		t.Errorf("of the spread it says\n%s", got)
	}
	varying := parse(t, strings.Replace(desk, "{rate: 54/h}", "{periods: [{length: 6h, rate: 60/h}, {length: 6h, rate: 40/h}]}", 1))
	c = run(t, varying, idle, skilled)
	if c.Method != compare.None || !strings.Contains(c.Pairs[0].Verdict[0], "cannot tell") {
		t.Errorf("%s: %v", c.Method, c.Pairs[0].Verdict)
	}
	for i := range c.Pairs[0].Differences {
		if d := &c.Pairs[0].Differences[i]; d.Known || d.Seen() {
			t.Errorf("it claims to know %+v", d)
		}
	}
	var text bytes.Buffer
	if _, err := c.WriteTo(&text); err != nil || !strings.Contains(text.String(), "leaves the uncertainty unknown") {
		t.Errorf("%v\n%s", err, &text)
	}
}

// TestSameSeedSameBytes compares twice, on one processor and on several.
func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	s := parse(t, desk)
	s.Replications = 3
	first := ""
	for _, parallel := range []int{1, 3} {
		opts := options()
		opts.Parallel = parallel
		c, err := compare.Run(t.Context(), s, []compare.Variant{variant("a", "queue", ""), variant("b", "shuffle", "")}, opts)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		} else if string(text) != first {
			t.Errorf("seed %d: another comparison with %d at once", s.Seed, parallel)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	s := parse(t, desk)
	if _, err := compare.Run(t.Context(), s, nil, options()); err == nil {
		t.Error("it compares nothing")
	}
	if _, err := compare.Run(t.Context(), s, []compare.Variant{variant("a", "queue", ""), variant("a", "queue", "")}, options()); err == nil || !strings.Contains(err.Error(), `two variants called "a"`) {
		t.Errorf("two of one name: %v", err)
	}
	if _, err := compare.Run(t.Context(), s, []compare.Variant{variant("a", "queue", "laziest")}, options()); err == nil || !strings.Contains(err.Error(), "compare: a: ") {
		t.Errorf("a model that is none: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := compare.Run(ctx, s, []compare.Variant{variant("a", "queue", "")}, options()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	models := []string{"least_active", "longest_idle", "weighted_random"}
	for got, want := range map[string]string{
		"longest_idel": "longest_idle", "random": "weighted_random", "idle": "longest_idle", "": "", "zebra": "", "_": "", "LEAST_ACTIV": "least_active",
	} {
		if near := compare.Nearest(got, models); near != want {
			t.Errorf("%q is like %q, want %q", got, near, want)
		}
	}
}

func ExampleRun() {
	s, err := scenario.Parse("desk.yaml", []byte(desk))
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Replications = 6
	c, err := compare.Run(context.Background(), s, []compare.Variant{
		{Name: "anybody", Strategy: scenario.Strategy{Source: "queue"}, Model: "longest_idle"},
		{Name: "the quick first", Strategy: scenario.Strategy{Source: "queue"}, Model: "most_skilled"},
	}, options())
	if err != nil {
		fmt.Println(err)
		return
	}
	verdict, _, _ := strings.Cut(c.Pairs[0].Verdict[0], ", ")
	fmt.Println(verdict)
	// Output: mean wait differs: the quick first waits shorter
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteFails(t *testing.T) {
	t.Parallel()
	if _, err := judged().WriteTo(failing{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a broken pipe: %v", err)
	}
}
