// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const seed = 42

// runtimes has the queue strategy in every runtime, built from the same source.
func runtimes(t *testing.T) (map[string]strategy.Runtime, []strategy.Spec) {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, env ...string) (path, sum string) {
		path = filepath.Join(dir, name)
		args := []string{"build", "-o", path}
		if len(env) > 0 {
			args = append(args, "-buildmode=c-shared")
		}
		build := exec.CommandContext(t.Context(), "go", append(args, "github.com/patchbay-cx/patchbay/plugins/queue/plugin")...)
		build.Env = append(os.Environ(), env...)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", build.Args, err, out)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(data)
		return path, hex.EncodeToString(digest[:])
	}
	executable, executableSum := file("queue")
	module, moduleSum := file("queue.wasm", "GOOS=wasip1", "GOARCH=wasm")
	guests, err := wasm.Open(wasm.Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guests.Close() })
	return map[string]strategy.Runtime{
		"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()}),
		"process": process.New(process.Options{}),
		"wasm":    guests,
	}, []strategy.Spec{
		{Name: "builtin", Runtime: "builtin", Source: "queue"},
		{Name: "process", Runtime: "process", Source: executable, SHA256: executableSum},
		{Name: "wasm", Runtime: "wasm", Source: module, SHA256: moduleSum},
	}
}

// TestADayIsTheSameInEveryRuntime plays the busiest recorded day by the queue
// strategy in every runtime: everybody gets the same calls at the same times.
func TestADayIsTheSameInEveryRuntime(t *testing.T) {
	t.Parallel()
	day := busiest(t)
	carriers, specs := runtimes(t)
	for _, model := range []route.Model{route.ModelLongestIdle, route.ModelLeastActive} {
		var first sim.DayResult
		for _, spec := range specs {
			result := play(t, sim.DayOptions{
				Options: sim.Options{Strategies: []strategy.Spec{spec}, Runtimes: carriers, Seed: seed},
				Day:     day, Strategy: spec.Name, Model: model,
			})
			if spec.Name == specs[0].Name {
				first = result
				t.Logf("day %s, %v, seed %d: %d offered, %d served, %d abandoned, fingerprint %x",
					day.Date, model, seed, result.Offered, result.Served, result.Abandoned, result.Fingerprint)
				continue
			}
			if !slices.Equal(first.Assignments, result.Assignments) {
				t.Errorf("%v: %s gives other assignments than %s: %s", model, spec.Name, specs[0].Name, difference(first, result))
			}
			if first.Fingerprint != result.Fingerprint {
				t.Errorf("%v: %s has another day (%x) than %s (%x)", model, spec.Name, result.Fingerprint, specs[0].Name, first.Fingerprint)
			}
		}
	}
}

func difference(a, b sim.DayResult) string {
	for i := range min(len(a.Assignments), len(b.Assignments)) {
		if a.Assignments[i] != b.Assignments[i] {
			return "first where one has " + a.Assignments[i].String() + " and the other " + b.Assignments[i].String()
		}
	}
	return "one is longer"
}

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
		t.Skip("skipped: the recorded calls are not here; set PATCHBAY_DATA to the folder that has them")
	}
	log, err := calllog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func busiest(t *testing.T) calllog.Day {
	t.Helper()
	return recorded(t).Busiest()
}
