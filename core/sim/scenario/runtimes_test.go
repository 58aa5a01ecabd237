// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
)

// TestEveryRuntimeGivesTheSameBytes plays a sample of the reference models, and
// the centre with everything, by the strategies as built-ins, as processes and
// as WASM modules built from the same source.
func TestEveryRuntimeGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it builds plugins; leave out -short")
	}
	dir := t.TempDir()
	guests, err := wasm.Open(wasm.Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guests.Close() })
	carriers := runtimes()
	carriers["process"], carriers["wasm"] = process.New(process.Options{}), guests
	for strategy, files := range map[string][]string{
		"queue":  {"testdata/reference/priorities.yaml", "testdata/reference/n-design.yaml"},
		"skills": {"testdata/reference/four-chain-skills.yaml", "testdata/shop.yaml"},
	} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			choices := []scenario.Strategy{
				{Runtime: "builtin", Source: strategy},
				built(t, strategy, "process", filepath.Join(dir, strategy)),
				built(t, strategy, "wasm", filepath.Join(dir, strategy+".wasm"), "GOOS=wasip1", "GOARCH=wasm"),
			}
			for _, file := range files {
				t.Run(filepath.Base(file), func(t *testing.T) {
					t.Parallel()
					identical(t, file, choices, scenario.Options{Runtimes: carriers})
				})
			}
		})
	}
}

// identical plays a scenario by each of the strategies and wants the same bytes.
func identical(t *testing.T, file string, choices []scenario.Strategy, opts scenario.Options) {
	t.Helper()
	first := ""
	for _, choice := range choices {
		s := load(t, file)
		s.Strategy = choice
		if s.Horizon.Customers > 0 {
			s.Replications, s.Horizon.Customers, s.WarmUp.Customers = 2, 1500, 100
		}
		result, err := scenario.Run(t.Context(), s, opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, broken := range result.Broken {
			t.Errorf("seed %d, %s: %s", s.Seed, choice.Runtime, broken)
		}
		result.Strategy, result.SHA256 = "", ""
		if got := text(t, result); first == "" {
			first = got
		} else if got != first {
			t.Errorf("seed %d: %s gives another result than %s", s.Seed, choice.Runtime, choices[0].Runtime)
		}
	}
}

// built builds a strategy's plugin.
func built(t *testing.T, name, runtime, path string, env ...string) scenario.Strategy {
	t.Helper()
	args := []string{"build", "-o", path}
	if runtime == "wasm" {
		args = append(args, "-buildmode=c-shared")
	}
	build := exec.CommandContext(t.Context(), "go", append(args, "github.com/patchbay-cx/patchbay/plugins/"+name+"/plugin")...)
	build.Env = append(os.Environ(), env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(data)
	return scenario.Strategy{Runtime: runtime, Source: path, SHA256: hex.EncodeToString(digest[:])}
}
