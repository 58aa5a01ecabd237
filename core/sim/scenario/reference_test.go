// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// runtimes have the built-in strategies.
func runtimes() map[string]strategy.Runtime {
	return map[string]strategy.Runtime{
		"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin(), "skills": skills.Plugin()}),
	}
}

// run plays a scenario in which everything must hold.
func run(t *testing.T, s *scenario.Scenario) *scenario.Result {
	t.Helper()
	result, err := scenario.Run(t.Context(), s, scenario.Options{Runtimes: runtimes()})
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range result.Broken {
		t.Errorf("seed %d: %s", s.Seed, broken)
	}
	return result
}

// The tolerances for a million customers or more.
const (
	toleranceWait        = 0.03 // relative
	toleranceProbability = 0.005
	toleranceOccupancy   = 0.003
)

// counted is how many customers a run of the ordinary tests counts, warming
// how many come before them.
const (
	counted = 40_000
	warming = 2_000
)

// figure is one measured value with what theory says of it.
type figure struct {
	name      string
	measured  scenario.Estimate
	expected  float64
	tolerance float64 // absolute
}

func wait(name string, measured scenario.Estimate, expected float64) figure {
	return figure{name, measured, expected, toleranceWait * expected}
}

// square allows twice as much as a wait may be off, as a square is.
func square(name string, measured scenario.Estimate, expected float64) figure {
	return figure{name, measured, expected, 2 * toleranceWait * expected}
}

func probability(name string, measured scenario.Estimate, expected float64) figure {
	return figure{name, measured, expected, toleranceProbability}
}

func occupancy(name string, measured scenario.Estimate, expected float64) figure {
	return figure{name, measured, expected, toleranceOccupancy}
}

// in writes an estimate in another unit.
func in(e scenario.Estimate, unit float64) scenario.Estimate {
	return scenario.Estimate{Value: e.Value / unit, StdError: e.StdError / unit, HalfWidth: e.HalfWidth / unit}
}

// references are the models whose values are known, by file. Waits are in mean
// services unless said otherwise.
var references = map[string]func(*scenario.Result) []figure{
	"erlang-c": func(r *scenario.Result) []figure {
		return []figure{
			probability("P(wait)", r.Overall.Wait.Delayed, .17413193),
			wait("mean wait, s", r.Overall.Wait.Mean, 7.8359),
			probability("within 20 s", r.Overall.ServiceLevel.OfOffered, .88835002),
			occupancy("occupancy", r.Staff.Occupancy, 10.0/14),
		}
	},
	"erlang-a": func(r *scenario.Result) []figure {
		return []figure{
			probability("abandon", r.Overall.AbandonShare, .030912),
			wait("mean wait, s", r.Overall.Wait.Mean, 3.7095),
			occupancy("occupancy", r.Staff.Occupancy, .93032),
		}
	},
	"priorities": func(r *scenario.Result) []figure {
		return []figure{
			wait("mean wait, first", in(r.Classes[0].Wait.Mean, 100), .08359),
			wait("mean wait, second", in(r.Classes[1].Wait.Mean, 100), .16718),
			wait("mean wait, third", in(r.Classes[2].Wait.Mean, 100), 1.33746),
			occupancy("occupancy", r.Staff.Occupancy, .9),
		}
	},
	"order": func(r *scenario.Result) []figure {
		return []figure{
			wait("mean wait", in(r.Overall.Wait.Mean, 100), .20459),
			square("mean square", in(r.Overall.Wait.MeanSquare, 100*100), .20459),
			occupancy("occupancy", r.Staff.Occupancy, .8),
		}
	},
	"longest-idle": func(r *scenario.Result) []figure {
		return []figure{
			probability("P(wait)", r.Overall.Wait.Delayed, .47729),
			occupancy("occupancy, rate 0.8", r.Groups[0].Occupancy, .77258),
			occupancy("occupancy, rate 1.0", r.Groups[1].Occupancy, .74322),
			occupancy("occupancy, rate 1.2", r.Groups[2].Occupancy, .71856),
			occupancy("occupancy, rate 1.4", r.Groups[3].Occupancy, .69746),
		}
	},
	"n-design":              nDesign,
	"n-design-skills":       nDesign,
	"four-dedicated":        four(4.0),
	"four-dedicated-skills": four(4.0),
	"four-chain":            four(1.07586),
	"four-chain-skills":     four(1.07586),
	"four-all":              four(.74554),
	"four-all-skills":       four(.74554),
}

func nDesign(r *scenario.Result) []figure {
	return []figure{
		wait("mean wait, flexible", in(r.Classes[0].Wait.Mean, 100), .38589),
		wait("mean wait, strict", in(r.Classes[1].Wait.Mean, 100), 1.02632),
	}
}

// four is of four agents and four classes with one mean wait.
func four(expected float64) func(*scenario.Result) []figure {
	return func(r *scenario.Result) []figure {
		return []figure{
			wait("mean wait", in(r.Overall.Wait.Mean, 100), expected),
			occupancy("occupancy", r.Staff.Occupancy, .8),
		}
	}
}

// TestReference holds the emulator against values that nobody here made up. A
// short run's tolerances are the stated ones and three standard errors of its
// own, which stand in the log. PATCHBAY_REFERENCE=full plays the files as they
// are and allows the stated tolerances alone. They have as many customers as it
// takes for the tolerances to be about three standard errors: a queue remembers
// for so long that a million do not say its mean wait to 3 %.
func TestReference(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: fewer customers than it plays say nothing; leave out -short")
	}
	full := os.Getenv("PATCHBAY_REFERENCE") == "full"
	files, err := filepath.Glob("testdata/reference/*.yaml")
	if err != nil || len(files) != len(references) {
		t.Fatalf("%d files for %d models: %v", len(files), len(references), err)
	}
	var turn sync.Mutex
	for _, file := range files {
		name := file[len("testdata/reference/") : len(file)-len(".yaml")]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if full { // one after the other, each as long as it takes
				turn.Lock()
				defer turn.Unlock()
			}
			s, err := scenario.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if !full {
				s.Replications, s.Horizon.Customers, s.WarmUp.Customers = 1, counted+warming, warming
			}
			result := run(t, s)
			t.Logf("seed %d, %d customers", s.Seed, result.Overall.Offered)
			for _, f := range references[name](result) {
				f.check(t, full)
			}
		})
	}
}

func (f *figure) check(t *testing.T, full bool) {
	t.Helper()
	allowed := f.tolerance
	if !full {
		allowed += 3 * f.measured.StdError
	}
	off := f.measured.Value - f.expected
	t.Logf("%-20s measured %.5f ± %.5f, expected %.5f, off %+.5f (%+.2f %%), allowed %.5f",
		f.name, f.measured.Value, f.measured.StdError, f.expected, off, 100*off/f.expected, allowed)
	if !(math.Abs(off) <= allowed) {
		t.Errorf("%s is %.5f; %.5f ± %.5f is right", f.name, f.measured.Value, f.expected, allowed)
	}
}
