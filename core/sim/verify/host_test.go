// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/sim/verify"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// packages builds the plugins that the tests run, once for all.
var packages = sync.OnceValues(func() (map[string]string, error) {
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		return nil, err
	}
	paths := map[string]string{"": dir, "compiled": filepath.Join(dir, "compiled")}
	for name, source := range map[string]string{"queue": "../../../plugins/queue/plugin", "queue.wasm": "../../../plugins/queue/plugin", "misfit": "../../../sdk/routetest/misbehaving/plugin"} {
		path := filepath.Join(dir, name)
		command := exec.Command("go", "build", "-o", path, source)
		if strings.HasSuffix(name, ".wasm") {
			command = exec.Command("go", "build", "-buildmode=c-shared", "-ldflags", "-s -w", "-o", path, source)
			command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		}
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", source, err, out)
		}
		paths[name] = path
	}
	return paths, nil
})

func pack(t *testing.T, name string) string {
	t.Helper()
	paths, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return paths[name]
}

// carriers returns every runtime that runs here.
func carriers(t *testing.T) map[string]strategy.Runtime {
	t.Helper()
	modules, err := wasm.Open(wasm.Options{CacheDir: pack(t, "compiled")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := modules.Close(); err != nil {
			t.Error(err)
		}
	})
	return map[string]strategy.Runtime{
		"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin(), "skills": skills.Plugin()}),
		"process": process.New(process.Options{}), "wasm": modules,
	}
}

// live is a workspace on a journal of its own.
type live struct {
	*testing.T
	dir      string
	def      engine.Definition
	specs    []strategy.Spec
	runtimes map[string]strategy.Runtime
	every    uint64
	resolve  func(*engine.Definition) ([]strategy.Spec, error)
	store    *journal.Server
	log      *journal.Log
	*host.Workspace
}

func (l *live) open() {
	l.Helper()
	var err error
	if l.store, err = journal.Open(l.Context(), journal.Options{Dir: l.dir}); err != nil {
		l.Fatal(err)
	}
	if l.log, err = l.store.Log(l.Context(), "test"); err != nil {
		l.Fatal(err)
	}
	l.Workspace, err = host.Open(l.Context(), host.Options{
		Name: "test", Log: l.log, Definition: l.def, Strategies: l.specs, Runtimes: l.runtimes, Seed: 11, SnapshotEvery: l.every, Specs: l.resolve,
	})
	if err != nil {
		l.Fatal(err)
	}
}

func (l *live) stop() {
	l.Helper()
	if err := errors.Join(l.Workspace.Close(), l.log.Close(), l.store.Close()); err != nil {
		l.Fatal(err)
	}
}

func (l *live) do(command engine.Command) engine.Result {
	l.Helper()
	result, err := l.Do(l.Context(), command)
	if err != nil {
		l.Fatalf("%T: %v", command, err)
	}
	return result
}

// work lets that many customers come, one after the other, and be served.
func (l *live) work(customers int) {
	l.Helper()
	feed := l.Feed(l.number())
	var streams []*host.Stream
	for _, a := range l.def.Agents {
		s, err := l.Attach(l.Context(), a.ID)
		if err != nil {
			l.Fatal(err)
		}
		streams = append(streams, s)
		_, err = l.Do(l.Context(), engine.SignIn{Agent: a.ID, Status: "available"})
		if _, refused := errors.AsType[*engine.Refusal](err); err != nil && !refused { // who is signed in already stays so
			l.Fatal(err)
		}
	}
	for i := range customers {
		l.do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: []string{"billing", "support"}[i%2]}})
		if i%3 == 0 { // else they pile up, and turns have more to say
			l.serve(feed, 3)
		}
	}
	l.serve(feed, 1<<20)
	for _, s := range streams {
		s.Close()
	}
}

// serve accepts and completes what is offered, that much at most, until nobody
// waits.
func (l *live) serve(feed *host.Feed, most int) {
	l.Helper()
	for served := 0; served < most && l.left() > 0; {
		events, err := feed.Next(l.Context())
		if err != nil {
			l.Fatal(err)
		}
		for _, ev := range events {
			if ev.Kind == engine.KindWorkOffered {
				l.do(engine.Accept{Assignment: ev.Assignment, Agent: ev.Agent})
				l.do(engine.Complete{Assignment: ev.Assignment, Agent: ev.Agent})
				served++
			}
		}
	}
}

func (l *live) left() (n int) {
	l.Helper()
	err := l.View(l.Context(), func(e *engine.Engine) {
		e.EachQueue(func(b engine.Backlog) bool {
			n += b.Waiting + b.Offered
			return true
		})
	})
	if err != nil {
		l.Fatal(err)
	}
	return n
}

func (l *live) number() uint64 {
	l.Helper()
	status, err := l.Status(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	return status.Number
}

// awaits waits until the feed tells that a strategy is in a state.
func (l *live) awaits(name, state string) {
	l.Helper()
	for feed := l.Feed(0); ; {
		events, err := feed.Next(l.Context())
		if err != nil {
			l.Fatal(err)
		}
		for _, ev := range events {
			if ev.Kind == engine.KindStrategyChanged && ev.Decision.Strategy == name && ev.Status == state && ev.Decision.Epoch > 1 {
				return
			}
		}
	}
}

// exported returns the journal as the running host exports it.
func (l *live) exported() *host.Past {
	l.Helper()
	path := filepath.Join(l.TempDir(), "export")
	var file bytes.Buffer
	if err := l.Export(l.Context(), &file); err != nil {
		l.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		l.Fatal(err)
	}
	past, err := host.OpenExport(path)
	if err != nil {
		l.Fatal(err)
	}
	return past
}

// kept returns the journal as it is in the folder of a host that is stopped.
func (l *live) kept() (*host.Past, func()) {
	l.Helper()
	store, err := journal.Open(l.Context(), journal.Options{Dir: l.dir})
	if err != nil {
		l.Fatal(err)
	}
	log, err := store.Log(l.Context(), "test")
	if err != nil {
		l.Fatal(err)
	}
	past, err := host.PastOf(l.Context(), log)
	if err != nil {
		l.Fatal(err)
	}
	return past, func() {
		if err := store.Close(); err != nil {
			l.Error(err)
		}
	}
}

func begin(t *testing.T, first strategy.Spec) *live {
	t.Helper()
	l := &live{T: t, dir: t.TempDir(), def: centre(), specs: specs(), runtimes: carriers(t)}
	first.Name, first.Limits.StartTimeout = "second", 10*time.Minute
	first.Limits.TurnDeadline = cmp.Or(first.Limits.TurnDeadline, time.Minute)
	l.specs[1] = first
	l.open()
	return l
}

// A running host's past, with every runtime, a change of the definition, and a
// start anew in the middle.
func TestALivePast(t *testing.T) {
	t.Parallel()
	for _, spec := range []strategy.Spec{
		{Runtime: "builtin", Source: "skills"}, {Runtime: "wasm", Source: "queue.wasm"}, {Runtime: "process", Source: "queue"},
	} {
		t.Run(spec.Runtime, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && spec.Runtime == "wasm" {
				t.Skip("skipped: to compile a guest takes minutes with the race detector; leave out -short")
			}
			if spec.Runtime != "builtin" {
				spec.Source = pack(t, spec.Source)
			}
			if spec.Runtime == "process" {
				spec.SHA256, _ = strategy.Checksum(spec.Source)
			}
			l := begin(t, spec)
			l.work(40)
			l.def.RoutingConfigs[1].Model = route.ModelLongestIdle
			l.do(engine.Configure{Definition: l.def})
			l.work(20)
			l.stop()
			l.open()
			l.work(20)
			past := l.exported()
			l.stop()
			r := again(t, past, verify.Options{Runtimes: l.runtimes})
			if r.Difference != nil || r.Starts != 2 || r.Skipped > 0 || r.Turns < 80 || r.Decisions < 80 || past.First != 1 {
				t.Fatalf("%+v, %+v", r, r.Difference)
			}
			if s := r.Strategies[1]; s.Runtime != spec.Runtime || (s.SHA256 == "") != (spec.Runtime == "builtin") || s.Proposals == 0 || s.Starts != 2 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Faults are on record, and what a strategy does after them comes out the same.
func TestAPastWithFaults(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"exits", "sleeps", "fails", "wrong_turn", "closes_stream"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			source := pack(t, "misfit")
			sum, _ := strategy.Checksum(source)
			settings := misbehaving.Settings{Way: way, From: 12, Turns: 1, Epochs: 1}
			spec := strategy.Spec{Runtime: "process", Source: source, SHA256: sum, Settings: settings.JSON()}
			if way == "sleeps" {
				spec.Limits.TurnDeadline = 500 * time.Millisecond
			}
			l := begin(t, spec)
			l.work(24)
			if way != "wrong_turn" { // which is a strike, and one is no reason to start anew
				l.awaits("second", "active")
			}
			l.work(12)
			past := l.exported()
			l.stop()
			r := again(t, past, verify.Options{Runtimes: l.runtimes})
			if r.Difference != nil || r.Turns < 36 || r.Faults == 0 && way != "wrong_turn" {
				t.Fatalf("%+v, %+v", r, r.Difference)
			}
		})
	}
}

// Strategies that are replaced at work, accompanied by a shadow and tried on a
// share of the work come out the same, and their secrets are not on record.
func TestAPastWithOtherStrategies(t *testing.T) {
	t.Parallel()
	const secret = "hush"
	l := &live{T: t, dir: t.TempDir(), def: centre(), runtimes: carriers(t)}
	l.runtimes["builtin"] = builtin.New(map[string]route.Plugin{
		"queue": queue.Plugin(), "skills": skills.Plugin(),
	})
	defined := func(second string) []engine.StrategyDefinition {
		return []engine.StrategyDefinition{
			{Name: "first", Runtime: "builtin", Source: "queue"}, {Name: "second", Runtime: "builtin", Source: second}, {Name: "third", Runtime: "builtin", Source: "queue"},
		}
	}
	l.resolve = func(d *engine.Definition) (specs []strategy.Spec, err error) {
		for _, s := range d.Strategies {
			specs = append(specs, strategy.Spec{Name: s.Name, Runtime: s.Runtime, Source: s.Source, Args: []string{secret}})
		}
		return specs, nil
	}
	l.def.Strategies = defined("skills")
	l.open()
	l.work(12)
	for _, to := range []engine.Deciders{{Shadow: "third"}, {Canary: &engine.Canary{Strategy: "third", Share: 5000, Guards: []string{"error_rate < 90%"}}}, {Strategy: "third"}, {}} {
		l.do(engine.Decide{Queue: "billing", To: to, Reason: "tried"})
		l.work(20)
	}
	l.def.Strategies = defined("queue")
	if _, err := l.Configure(l.Context(), host.Change{Definition: l.def}); err != nil {
		t.Fatal(err)
	}
	l.work(30)
	broken := l.def
	broken.Queues = broken.Queues[:1]
	broken.Strategies = defined("skills")
	_, _ = l.Configure(l.Context(), host.Change{Definition: broken}) // taken back, if it is refused so late
	l.work(10)
	past := l.exported()
	l.stop()
	employed := 0
	for ev, err := range past.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == engine.KindStrategiesEmployed {
			employed++
			if strings.Contains(string(ev.Employed.Strategies), secret) {
				t.Errorf("event %d holds a secret: %s", ev.Number, ev.Employed.Strategies)
			}
		}
	}
	r := again(t, past, verify.Options{Runtimes: l.runtimes, Specs: l.resolve})
	if r.Difference != nil || r.Turns < 100 || employed < 2 {
		t.Fatalf("%d times employed, %+v, %+v", employed, r, r.Difference)
	}
	var titles []string
	for _, s := range r.Strategies {
		titles = append(titles, s.Name)
	}
	if got := strings.Join(titles, ", "); got != "first, second, third (shadow of billing), third, second (next), second (former)" {
		t.Errorf("who was asked: %s", got)
	}
}

// A journal that is trimmed begins with a snapshot: what is before the first
// start of the host that it still has is skipped, and said to be.
func TestATrimmedPast(t *testing.T) {
	t.Parallel()
	l := begin(t, strategy.Spec{Runtime: "builtin", Source: "skills"})
	for range 4 { // each leaves a snapshot; two are kept, and the log after the older
		l.work(10)
		l.stop()
		l.open()
	}
	l.work(10)
	l.stop()
	past, done := l.kept()
	defer done()
	if past.First == 1 {
		t.Fatal("nothing was dropped")
	}
	r := again(t, past, verify.Options{Runtimes: l.runtimes})
	if r.Difference != nil || r.Starts != 1 || r.Turns == 0 || r.First != past.First || r.From <= past.First {
		t.Fatalf("%+v, %+v", r, r.Difference)
	}
	e, err := past.Start(t.Context())
	if err != nil || e.Number() != past.First-1 {
		t.Errorf("it begins after event %d: %v", e.Number(), err)
	}
}

// What a running host drops while it is not started anew cannot be verified, in
// so many words.
func TestAPastWithoutAStart(t *testing.T) {
	t.Parallel()
	l := begin(t, strategy.Spec{Runtime: "builtin", Source: "skills"})
	l.stop()
	l.every = 40
	l.open()
	for l.log.First() < 200 {
		l.work(20)
	}
	past := l.exported()
	l.stop()
	if r, err := verify.Run(context.WithoutCancel(t.Context()), past, verify.Options{Runtimes: l.runtimes}); !errors.Is(err, verify.ErrNoStart) || r.Skipped == 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

// A file that is another one, or gone, is said to be.
func TestAnotherFile(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), "mine.wasm")
	module, err := os.ReadFile(pack(t, "queue.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, module, 0o600); err != nil {
		t.Fatal(err)
	}
	l := begin(t, strategy.Spec{Runtime: "wasm", Source: source})
	l.work(6)
	past := l.exported()
	l.stop()
	other := append(bytes.Clone(module), 0, 3, 1, 'x', 'y') // a section that means nothing
	if err := os.WriteFile(source, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if d := again(t, past, verify.Options{Runtimes: l.runtimes}).Difference; d == nil || d.Kind != verify.Checksum || d.Strategy != "second" || !strings.HasPrefix(d.Came[0], "sha256 ") {
		t.Errorf("another file: %+v", d)
	}
	instead := map[string]strategy.Spec{"second": {Runtime: "wasm", Source: source}}
	if r := again(t, past, verify.Options{Runtimes: l.runtimes, Instead: instead}); r.Difference != nil {
		t.Errorf("another file, as asked for: %+v", r.Difference)
	}
	if err := os.Remove(source); err != nil {
		t.Fatal(err)
	}
	if d := again(t, past, verify.Options{Runtimes: l.runtimes}).Difference; d == nil || d.Kind != verify.Missing || !strings.Contains(d.Message, "mine.wasm") {
		t.Errorf("no file: %+v", d)
	}
}
