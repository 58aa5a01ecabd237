// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package linked_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/kit/linked"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/examples/hello"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func runtimes() map[string]strategy.Runtime {
	return map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{
		"hello": hello.Plugin(), "queue": queue.Plugin(),
	})}
}

// TestDo shows that a job tries every file, compares them, and measures them.
func TestDo(t *testing.T) {
	t.Parallel()
	var cases, steps int
	outcome, err := linked.Do(t.Context(), runtimes(), linked.Job{
		Files: []*kit.File{kit.Linked("hello"), kit.Linked("queue")},
		Test:  &linked.Test{Budget: time.Minute, Only: []string{"deltas", "determinism"}},
		Bench: &linked.Bench{Passes: 1},
	}, func(w linked.Word) {
		if w.Case != nil {
			cases++
		}
		if w.What != "" {
			steps++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(outcome.Reports) != 2 || cases != len(outcome.Reports[0].Cases)+len(outcome.Reports[1].Cases) {
		t.Errorf("%d cases, %+v", cases, outcome)
	}
	if outcome.Decisions == 0 || len(outcome.Differences) == 0 {
		t.Errorf("%d decisions, differences %v", outcome.Decisions, outcome.Differences)
	}
	if outcome.Bench == nil || steps != 6 || len(outcome.Bench.Turns) != 2 || outcome.Bench.Carriers != nil || outcome.Bench.Whole != nil {
		t.Errorf("%d steps, %+v", steps, outcome.Bench)
	}
}

func TestDoRefuses(t *testing.T) {
	t.Parallel()
	nothing := func(linked.Word) {}
	_, err := linked.Do(t.Context(), runtimes(), linked.Job{Files: []*kit.File{{Path: "x", Runtime: "wasm"}}}, nothing)
	if err == nil || err.Error() != `linked: there is no runtime "wasm"` {
		t.Errorf("got %v", err)
	}
	_, err = linked.Do(t.Context(), runtimes(), linked.Job{Files: []*kit.File{kit.Linked("nobody")}, Test: &linked.Test{}}, nothing)
	if err == nil || !strings.Contains(err.Error(), "as builtin: ") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = linked.Do(ctx, runtimes(), linked.Job{Files: []*kit.File{kit.Linked("hello")}, Test: &linked.Test{}}, nothing)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestProgram shows that a program with somebody's strategy linked in does the
// same, beside a file, and says why it cannot.
func TestProgram(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it builds programs; leave out -short")
	}
	dir, out := filepath.Join("..", "..", "..", "examples", "hello"), t.TempDir()
	program, err := linked.Build(t.Context(), dir, out)
	if err != nil {
		t.Fatal(err)
	}
	if program.Name() != "hello" {
		t.Errorf("it is called %q", program.Name())
	}
	path := filepath.Join(out, "hello.plugin")
	cmd := exec.Command("go", "build", "-o", path, "./plugin")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	file, err := kit.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	job := linked.Job{
		Files: []*kit.File{kit.Linked("hello"), file}, Test: &linked.Test{Deadline: 5 * time.Minute, Budget: time.Minute, Only: []string{"deltas"}},
	}
	cases := 0
	outcome, err := program.Do(t.Context(), job, func(linked.Word) { cases++ })
	if err != nil {
		t.Fatal(err)
	}
	if cases != 6 || outcome.Decisions == 0 || len(outcome.Differences) > 0 || outcome.Reports[1].Runtime != "process" || outcome.Reports[1].Failed > 0 {
		t.Errorf("%d cases, %+v", cases, outcome)
	}
	job.Files[0] = kit.Linked("nobody")
	if _, err := program.Do(t.Context(), job, func(linked.Word) {}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v", err)
	}
	if _, err := linked.Build(t.Context(), filepath.Join(dir, "plugin"), t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a program, which cannot be linked in") {
		t.Errorf("got %v", err)
	}
	if _, err := linked.Build(t.Context(), filepath.Join("..", "..", "near"), t.TempDir()); err == nil || !strings.Contains(err.Error(), "undefined: plugin.Plugin") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), "linked") {
			t.Errorf("%s was left beside the source", entry.Name())
		}
	}
}
