// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const seed = 42

// TestADayConserves plays every recorded day: what came was served, left, or is
// still there, and the same day played twice is the same.
func TestADayConserves(t *testing.T) {
	t.Parallel()
	log := recorded(t)
	for _, day := range log.Days() {
		t.Run(day.Date, func(t *testing.T) {
			t.Parallel()
			opts := sim.DayOptions{
				Options: sim.Options{
					Strategies: []strategy.Spec{{Name: "queue", Runtime: "builtin", Source: "queue"}},
					Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})},
					Seed:       seed,
				},
				Day: day, Strategy: "queue", Model: route.ModelLongestIdle,
			}
			result := play(t, opts)
			if result.Offered != len(day.Calls) || result.Offered != result.Served+result.Abandoned+result.Waiting+result.Open {
				t.Errorf("%d calls: offered %d, served %d, abandoned %d, waiting %d, open %d",
					len(day.Calls), result.Offered, result.Served, result.Abandoned, result.Waiting, result.Open)
			}
			if again := play(t, opts); again.Fingerprint != result.Fingerprint {
				t.Errorf("the day played again is another: %x, %x", result.Fingerprint, again.Fingerprint)
			}
		})
	}
}

func play(t *testing.T, opts sim.DayOptions) sim.DayResult {
	t.Helper()
	result, err := sim.PlayDay(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Violations) > 0 {
		t.Fatalf("violations: %v", result.Violations)
	}
	return result
}

func recorded(t *testing.T) *calllog.Log {
	t.Helper()
	path, ok := calllog.Recorded()
	if !ok {
		t.Skip("skipped: the recorded calls are not here; set PATCHBAY_RECORDED to the folder that has them")
	}
	log, err := calllog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return log
}
