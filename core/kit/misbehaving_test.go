// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// found says in which group of a trial a way of misbehaving is found, and by
// which words. An empty group means that the trial does not begin: the plugin
// cannot be started.
type found struct{ group, words string }

// foundOf is what a trial must say of each way.
func foundOf(way string) (found, bool) {
	f, ok := map[string]found{
		"dies_at_start":      {"", "strategy: start: "},
		"refuses_settings":   {"", "settings"},
		"hangs_at_start":     {"", "in time"},
		"rubbish_manifest":   {"", "manifest"},
		"endless_manifest":   {"", "strategy: start: "},
		"panics":             {"snapshot", "strategy: "},
		"traps":              {"snapshot", "strategy: "},
		"exits":              {"snapshot", "strategy: "},
		"hoards":             {"memory", "strategy: out_of_memory: "},
		"fails":              {"snapshot", "strategy: broken: "},
		"closes_stream":      {"snapshot", "strategy: died: "},
		"loops":              {"snapshot", "strategy: deadline: "},
		"sleeps":             {"snapshot", "strategy: deadline: "},
		"late_once":          {"deadline", "are granted"},
		"wrong_turn":         {"snapshot", "strategy: wrong_turn: "},
		"wrong_epoch":        {"snapshot", "strategy: wrong_turn: "},
		"answers_twice":      {"deltas", "strategy: wrong_turn: "},
		"stutters":           {"snapshot", "strategy: rubbish: "},
		"says_nothing":       {"snapshot", "strategy: rubbish: "},
		"bad_magic":          {"snapshot", "strategy: rubbish: "},
		"lying_counts":       {"snapshot", "strategy: rubbish: "},
		"echoes":             {"snapshot", "strategy: "},
		"too_many_proposals": {"snapshot", "does not hold"},
		"too_many_bytes":     {"snapshot", "strategy: too_large: "},
		"wrong_digest":       {"snapshot", "the digest is"},
		"asks_for_snapshots": {"snapshot", "which follows on, was answered with: "},
		"unknown_work":       {"snapshot", "does not hold: unknown_work"},
		"unknown_agent":      {"snapshot", "does not hold: unknown_agent"},
		"stale":              {"stale revisions", "does not hold: stale"},
		"ineligible":         {"eligibility", "does not hold: "},
		"twice":              {"snapshot", "does not hold after the proposals before it"},
		"stalls":             {"progress", "it proposes nothing within 5m0s"},
		"slow":               {"deadline", "granted"},
		"floods_log":         {"ending", "it prints more lines a second than it may log"},
		"will_not_end":       {"ending", "it does not end when it is told to"},
		"never_sleeps":       {"progress", "it asks for another turn at once"},
	}[way]
	return f, ok
}

// unseen are ways that no trial of a plugin alone can find, or that harm nobody,
// each with why. That a host is not hurt by them is tested with the host.
func unseen(way string) string {
	return map[string]string{
		"returns":        "it takes a host that has replaced it",
		"prints":         "what it prints goes to the log, where it does no harm",
		"opens_files":    "the limit on files holds it, and it goes on",
		"forks":          "its group ends with it",
		"leaves_a_child": "its group ends with it",
		"burns":          "it burns between turns, of which a trial has no end",
	}[way]
}

var built = struct {
	sync.Mutex
	files map[string]string
}{files: map[string]string{}}

// packaged builds the misbehaving plugin for a runtime. What is wrong with a
// manifest comes before any settings: a process is told by an argument, a module
// when it is built.
func packaged(t *testing.T, way, runtime string) *kit.File {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	manifest := ""
	if strings.HasSuffix(way, "_manifest") {
		manifest = way
	}
	name := runtime
	if runtime == "wasm" {
		name = manifest + "." + runtime
	}
	path := built.files[name]
	if path == "" {
		path = filepath.Join(scratch(), "plugin."+name)
		cmd := exec.Command("go", "build", "-o", path, "../../sdk/routetest/misbehaving/plugin")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if runtime == "wasm" {
			cmd.Args = slices.Insert(cmd.Args, 2, "-buildmode=c-shared", "-ldflags=-X main.manifest="+manifest)
			cmd.Env = append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		built.files[name] = path
	}
	file, err := kit.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	if manifest != "" && runtime == "process" {
		file.Args = []string{manifest}
	}
	return file
}

// TestTrialFindsMisbehaviour shows for each way of misbehaving, in each runtime
// in which it is possible, that a trial finds it, and where.
func TestTrialFindsMisbehaviour(t *testing.T) {
	t.Parallel()
	for _, way := range misbehaving.Ways() {
		want, ok := foundOf(way.Name)
		if why := unseen(way.Name); ok == (why != "") {
			t.Errorf("%s: it should stand either among what is found or among what is not: %v, %q", way.Name, ok, why)
		}
		if !ok {
			continue
		}
		for _, runtime := range []string{"builtin", "process", "wasm"} {
			if !way.Possible(runtime) {
				continue
			}
			t.Run(way.Name+" as "+runtime, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && (runtime != "builtin" || way.Row != misbehaving.Dies) {
					t.Skip("skipped: it plays much, and builds plugins and starts them many times; leave out -short")
				}
				if runtime == "wasm" && os.Getenv("PATCHBAY_RESTARTS") == "" {
					t.Skip("skipped: modules take minutes; make torture-strategies tries them")
				}
				tryMisbehaviour(t, way.Name, runtime, want)
			})
		}
	}
}

func tryMisbehaviour(t *testing.T, way, runtime string, want found) {
	t.Helper()
	trial := kit.Trial{Ear: new(kit.Ear), Deadline: 3 * time.Second, Memory: 128 << 20, Budget: 100 * time.Millisecond, Start: 5 * time.Minute}
	switch way {
	case "hangs_at_start":
		trial.Start = 5 * time.Second
	case "hoards": // however long it takes until the memory is full
		trial.Deadline = 2 * time.Minute
	}
	if want.group != "" {
		trial.Only = []string{want.group}
	}
	logger := slog.New(trial.Ear)
	switch runtime {
	case "builtin":
		stop := make(chan struct{}) // ends what hangs
		t.Cleanup(func() { close(stop) })
		trial.File = kit.Linked("it")
		trial.Runtime = builtin.New(map[string]route.Plugin{"it": misbehaving.Plugin(stop)})
	case "process":
		trial.File, trial.Runtime = packaged(t, way, runtime), process.New(process.Options{Logger: logger})
	default:
		trial.File, trial.Runtime = packaged(t, way, runtime), modules(t, logger)
	}
	trial.File.Settings = misbehaving.Settings{Way: way}.JSON()
	report, err := trial.Run(t.Context())
	if want.group == "" {
		if err == nil || !strings.Contains(err.Error(), want.words) {
			t.Errorf("got %v, want an error with %q", err, want.words)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range report.Cases {
		all = append(all, c.Findings...)
	}
	if report.Failed == 0 || !slices.ContainsFunc(all, func(f string) bool { return strings.Contains(f, want.words) }) {
		t.Errorf("%d of %d cases failed; want a finding with %q, got %q", report.Failed, len(report.Cases), want.words, all)
	}
}

func modules(t *testing.T, logger *slog.Logger) strategy.Runtime {
	t.Helper()
	runtime, err := wasm.Open(wasm.Options{Logger: logger, CacheDir: filepath.Join(scratch(), "cache")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runtime.Close() })
	return runtime
}
