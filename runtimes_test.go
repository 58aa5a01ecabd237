// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/local"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// daySeed is the seed of the recorded day.
const daySeed = 42

// builtins are the strategies that are linked in.
func builtins() map[string]route.Plugin {
	return map[string]route.Plugin{"queue": queue.Plugin(), "skills": skills.Plugin()}
}

// TestOneCorpusFourRuntimes plays the conformance corpus with the built-in
// strategies in every runtime, and compares every proposal.
func TestOneCorpusFourRuntimes(t *testing.T) {
	t.Parallel()
	for name, plugin := range builtins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareRuntimes(t, plugin)
		})
	}
}

func compareRuntimes(t *testing.T, plugin route.Plugin) {
	t.Helper()
	carriers, specs := runtimes(t, plugin.Manifest.Name)
	transcripts := make([]string, len(specs))
	t.Run("corpus", func(t *testing.T) {
		for i, spec := range specs {
			t.Run(spec.Name, func(t *testing.T) {
				t.Parallel()
				transcripts[i] = played(t, carriers[spec.Runtime], spec, plugin)
			})
		}
	})
	if lines := strings.Count(transcripts[0], "\n"); lines < 100 {
		t.Errorf("the transcript has %d lines", lines)
	}
	for i, transcript := range transcripts {
		if transcript != transcripts[0] {
			t.Errorf("%s decides otherwise than %s: %s", specs[i].Name, specs[0].Name, firstDifference(transcript, transcripts[0]))
		}
	}
}

// played plays the corpus to the strategy and returns every proposal as text.
func played(t *testing.T, carrier strategy.Runtime, spec strategy.Spec, plugin route.Plugin) string {
	t.Helper()
	spec.Limits = strategy.Limits{TurnDeadline: strategy.NoDeadline, StartTimeout: 5 * time.Minute}.WithDefaults()
	suite := routetest.Suite{
		Strategy: plugin.Manifest.Name,
		Reasons:  plugin.Manifest.Reasons,
		Open: func(ctx context.Context) (routetest.Carrier, error) {
			instance, _, err := carrier.Start(ctx, spec, 1)
			return instance, err
		},
	}
	var transcript strings.Builder
	for _, script := range routetest.Corpus(suite.Strategy) {
		result, err := routetest.Play(t.Context(), suite, script)
		if err != nil || len(result.Findings) > 0 {
			t.Errorf("%s: %v, %v", script.Name, result.Findings, err)
		}
		fmt.Fprintf(&transcript, "# %s\n%s", script.Name, result.Transcript)
	}
	return transcript.String()
}

func firstDifference(a, b string) string {
	mine, theirs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(mine), len(theirs)) {
		if mine[i] != theirs[i] {
			return fmt.Sprintf("line %d is %q, and %q there", i+1, mine[i], theirs[i])
		}
	}
	return "one is longer"
}

// runtimes has a built-in strategy in every runtime, built from the same source.
func runtimes(t *testing.T, name string) (map[string]strategy.Runtime, []strategy.Spec) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: it builds plugins and plays a lot; leave out -short")
	}
	dir := t.TempDir()
	source := "github.com/patchbay-cx/patchbay/plugins/" + name + "/plugin"
	executable, executableSum := built(t, source, filepath.Join(dir, name))
	module, moduleSum := built(t, source, filepath.Join(dir, name+".wasm"), "GOOS=wasip1", "GOARCH=wasm")
	guests, err := wasm.Open(wasm.Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guests.Close() })
	return map[string]strategy.Runtime{
		"builtin": builtin.New(builtins()),
		"process": process.New(process.Options{}),
		"wasm":    guests,
		"remote":  local.New(nil), // a router of its own for each case
	}, []strategy.Spec{
		{Name: "builtin", Runtime: "builtin", Source: name},
		{Name: "process", Runtime: "process", Source: executable, SHA256: executableSum},
		{Name: "wasm", Runtime: "wasm", Source: module, SHA256: moduleSum},
		{Name: "remote", Runtime: "remote", Source: executable},
	}
}

// built builds a plugin and returns its path and checksum. With an environment
// it is a WASM module.
func built(t *testing.T, source, path string, env ...string) (file, sum string) {
	t.Helper()
	args := []string{"build", "-o", path}
	if len(env) > 0 {
		args = append(args, "-buildmode=c-shared")
	}
	build := exec.CommandContext(t.Context(), "go", append(args, source)...)
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

// TestADayIsTheSameInEveryRuntime plays the busiest recorded day by the queue
// strategy in every runtime: everybody gets the same calls at the same times.
func TestADayIsTheSameInEveryRuntime(t *testing.T) {
	t.Parallel()
	path, ok := calllog.Recorded()
	if !ok {
		t.Skip("skipped: the recorded calls are not here; set PATCHBAY_RECORDED to the folder that has them")
	}
	log, err := calllog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	day := log.Busiest()
	carriers, specs := runtimes(t, "queue")
	for _, model := range []route.Model{route.ModelLongestIdle, route.ModelLeastActive} {
		var first sim.DayResult
		for _, spec := range specs {
			result := play(t, sim.DayOptions{
				Options: sim.Options{Strategies: []strategy.Spec{spec}, Runtimes: carriers, Seed: daySeed},
				Day:     day, Strategy: spec.Name, Model: model,
			})
			if spec.Name == specs[0].Name {
				first = result
				t.Logf("day %s, %v, seed %d: %d offered, %d served, %d abandoned, fingerprint %x",
					day.Date, model, daySeed, result.Offered, result.Served, result.Abandoned, result.Fingerprint)
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
