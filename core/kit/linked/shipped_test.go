// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package linked_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/kit/linked"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/examples/batch"
	"github.com/patchbay-cx/patchbay/examples/hello"
	"github.com/patchbay-cx/patchbay/examples/sticky"
	"github.com/patchbay-cx/patchbay/examples/vip"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// shipped are the strategies in Go that come with Patchbay, by the folder of
// their source.
func shipped() map[string]route.Plugin {
	return map[string]route.Plugin{
		"plugins/queue": queue.Plugin(), "plugins/skills": skills.Plugin(), "examples/hello": hello.Plugin(),
		"examples/sticky": sticky.Plugin(), "examples/vip": vip.Plugin(), "examples/batch": batch.Plugin(),
	}
}

// TestShippedPlugins shows that every strategy that is shipped keeps the contract
// linked in, and as a process and as a module decides the same in what is
// compared. That the conformance corpus holds there as a whole is what "patchbay
// plugin test --all-runtimes" shows; it starts each a thousand times.
func TestShippedPlugins(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it builds plugins, and plays long days; leave out -short")
	}
	for dir, plugin := range shipped() {
		t.Run(plugin.Manifest.Name, func(t *testing.T) {
			t.Parallel()
			modules, err := wasm.Open(wasm.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = modules.Close() })
			runtimes := map[string]strategy.Runtime{
				"builtin": builtin.New(map[string]route.Plugin{plugin.Manifest.Name: plugin}),
				"process": process.New(process.Options{}), "wasm": modules,
			}
			files := []*kit.File{kit.Linked(plugin.Manifest.Name)}
			hold(t, runtimes, linked.Job{Files: files, Test: &linked.Test{Deadline: 5 * time.Minute, Budget: time.Minute}})
			for _, runtime := range []string{"process", "wasm"} {
				files = append(files, packaged(t, dir, runtime))
			}
			hold(t, runtimes, linked.Job{Files: files, Test: &linked.Test{
				Deadline: 5 * time.Minute, Budget: time.Minute, Only: []string{"deltas", "progress", "ending"},
			}})
		})
	}
}

// hold does the job, of which nothing must come.
func hold(t *testing.T, runtimes map[string]strategy.Runtime, job linked.Job) {
	t.Helper()
	outcome, err := linked.Do(t.Context(), runtimes, job, func(linked.Word) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range outcome.Reports {
		for _, c := range report.Cases {
			if len(c.Findings) > 0 {
				t.Errorf("as %s: %s: %q", report.Runtime, c.Name, c.Findings)
			}
		}
	}
	if outcome.Decisions == 0 || len(outcome.Differences) > 0 {
		t.Errorf("%d decisions, differences %q", outcome.Decisions, outcome.Differences)
	}
}

// packaged builds a strategy's package for a runtime.
func packaged(t *testing.T, dir, runtime string) *kit.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin."+runtime)
	args, env := []string{"build", "-o", path}, append(os.Environ(), "CGO_ENABLED=0")
	if runtime == "wasm" {
		args, env = append(args, "-buildmode=c-shared"), append(env, "GOOS=wasip1", "GOARCH=wasm")
	}
	cmd := exec.Command("go", append(args, "./plugin")...)
	cmd.Dir, cmd.Env = filepath.Join("..", "..", "..", dir), env
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	file, err := kit.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
