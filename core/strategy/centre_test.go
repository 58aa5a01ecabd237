// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// carrier is a runtime to misbehave in.
type carrier struct {
	name string
	// open returns the runtime, whose log is out, and the spec of a strategy
	// with these settings. What hangs ends when stop is closed.
	open func(t testing.TB, out *logged, stop <-chan struct{}, settings misbehaving.Settings) (strategy.Runtime, strategy.Spec)
}

// reviver is a Runtime whose strategies do not come back by themselves when they
// have died: somebody else has to start them.
type reviver interface {
	// revive starts what has died.
	revive()
	// told returns how often the strategy was told of such a thing.
	told(code strategyv1.Notice_Code) int
}

// carriers returns every runtime.
func carriers() []carrier {
	return []carrier{builtinCarrier(), processCarrier(), wasmCarrier(), remoteCarrier()}
}

func builtinCarrier() carrier {
	return carrier{"builtin", func(_ testing.TB, _ *logged, stop <-chan struct{}, settings misbehaving.Settings) (strategy.Runtime, strategy.Spec) {
		return builtin.New(map[string]route.Plugin{"misbehaving": misbehaving.Plugin(stop)}),
			strategy.Spec{Source: "misbehaving", Settings: settings.JSON()}
	}}
}

func processCarrier() carrier {
	return carrier{"process", func(t testing.TB, out *logged, _ <-chan struct{}, settings misbehaving.Settings) (strategy.Runtime, strategy.Spec) {
		path := built(t, executable)
		spec := strategy.Spec{Source: path, SHA256: checksum(t, path), Settings: settings.JSON()}
		if wrongManifest(settings.Way) {
			spec.Args, spec.Settings = []string{settings.Way}, nil
		}
		return process.New(process.Options{Logger: out.logger()}), spec
	}}
}

func wasmCarrier() carrier {
	return carrier{"wasm", func(t testing.TB, out *logged, _ <-chan struct{}, settings misbehaving.Settings) (strategy.Runtime, strategy.Spec) {
		runtime, err := wasm.Open(wasm.Options{Logger: out.logger(), CacheDir: filepath.Join(strategy.BuiltIn, "cache")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = runtime.Close() })
		if wrongManifest(settings.Way) {
			return runtime, strategy.Spec{Source: built(t, modules[settings.Way])}
		}
		return runtime, strategy.Spec{Source: built(t, modules[""]), Settings: settings.JSON()}
	}}
}

func wrongManifest(way string) bool { return way == "rubbish_manifest" || way == "endless_manifest" }

// The misbehaving plugin, built once for all tests when it is wanted.
var (
	executable = sync.OnceValues(func() (string, error) { return build("misbehaving", nil) })
	modules    = map[string]func() (string, error){
		"":                 module(""),
		"rubbish_manifest": module("rubbish_manifest"),
		"endless_manifest": module("endless_manifest"),
	}
)

// module builds a guest with that manifest; the right one if there is no name.
func module(manifest string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		return build(manifest+".wasm", []string{"GOOS=wasip1", "GOARCH=wasm"}, "-buildmode=c-shared", "-ldflags", "-X main.manifest="+manifest)
	})
}

func build(name string, env []string, flags ...string) (string, error) {
	path := filepath.Join(strategy.BuiltIn, name)
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving/plugin")...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return path, nil
}

func built(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func checksum(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// logged is a log to be read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was logged.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// centre is a workspace in virtual time: queue support is decided by the
// strategy under test, called odd, with the built-in queue as its fallback, and
// queue sales by another strategy, which must not notice.
type centre struct {
	t          testing.TB
	carrier    carrier
	kind       string
	row        row
	definition engine.Definition
	spec       strategy.Spec
	change     func(*strategy.Spec) // nil for nothing
	log        *logged
	runtime    strategy.Runtime
	stop       chan struct{}
	freed      sync.Once

	engine   *engine.Engine
	desk     *strategy.Desk
	now      engine.Time
	events   []engine.Event
	decided  map[string]int // offers from support, by strategy and start
	refusals map[route.Verdict]int
	sold     int // offers from sales
	rounds   int
}

func newCentre(t testing.TB, by carrier, r row) *centre {
	c := &centre{
		t: t, carrier: by, kind: by.name, row: r, log: new(logged), stop: make(chan struct{}),
		engine: engine.New(), now: 1_790_000_000_000,
		decided: make(map[string]int), refusals: make(map[route.Verdict]int),
		definition: engine.Definition{
			Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}, {Name: "mail", Size: engine.Units(engine.Unit)}},
			Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}, {Name: "writing", Channels: []string{"mail"}}},
			PresenceConfigs: []engine.PresenceConfig{{Name: "one", Capacity: engine.Unit, MaxOpen: 1}},
			RoutingConfigs: []engine.RoutingConfig{
				{Name: "odd", Model: route.ModelLongestIdle, Strategy: "odd", Fallback: "queue"},
				{Name: "sane", Model: route.ModelLongestIdle, Strategy: "sane", Fallback: "queue"},
			},
			Queues: []engine.QueueDefinition{{Name: "sales", Routing: "sane"}, {Name: "support", Routing: "odd"}},
			Agents: []engine.AgentDefinition{
				{ID: "anna", PresenceConfig: "one", Queues: engine.Member("support")},
				{ID: "carl", PresenceConfig: "one", Queues: engine.Member("sales")},
				{ID: "eve", PresenceConfig: "one", Queues: engine.Member("support")},
			},
			Grace: 60_000,
		},
	}
	return c
}

// free ends what hangs in a builtin.
func (c *centre) free() {
	c.freed.Do(func() { close(c.stop) })
}

// opens starts the workspace with these settings of the strategy.
func (c *centre) opens(settings misbehaving.Settings) {
	c.t.Helper()
	c.do(engine.Configure{Definition: c.definition})
	runtime, spec := c.carrier.open(c.t, c.log, c.stop, settings)
	c.t.Cleanup(c.free)
	spec.Name, spec.Runtime = "odd", c.kind
	spec.Limits.TurnDeadline, spec.Limits.StartTimeout = c.row.deadline, 5*time.Minute
	if c.row.deadline == 0 {
		spec.Limits.TurnDeadline = time.Hour
	}
	switch c.row.way {
	case "hangs_at_start":
		spec.Limits.StartTimeout = time.Second
	case "hoards":
		spec.Limits.MemoryBytes = 128 << 20
	case "burns":
		spec.Limits.CPUTime = time.Second
	}
	if c.kind == "remote" {
		c.row.remote(&spec)
	}
	if c.change != nil {
		c.change(&spec)
	}
	c.spec, c.runtime = spec, runtime
	sane := builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})
	patient := strategy.Limits{TurnDeadline: time.Hour} // it is not they who are tried
	desk, err := strategy.NewDesk(c.engine, []strategy.Spec{
		spec, {Name: "queue", Runtime: "sane", Source: "queue", Limits: patient}, {Name: "sane", Runtime: "sane", Source: "queue", Limits: patient},
	}, map[string]strategy.Runtime{c.kind: runtime, "sane": sane}, 42)
	if err != nil {
		c.t.Fatal(err)
	}
	c.desk = desk
	c.desk.Start(c.t.Context(), c.now, c.step)
	c.t.Cleanup(func() { desk.Close(context.Background()) })
	c.t.Cleanup(c.free) // before anything waits for what hangs
	for agent, status := range map[string]string{"anna": "available", "carl": "available", "eve": "writing"} {
		c.do(engine.Connect{Agent: agent})
		c.do(engine.SignIn{Agent: agent, Status: status})
	}
	c.run()
}

func (c *centre) step(command engine.Command) engine.Result {
	c.t.Helper()
	result, err := c.engine.Step(c.now, command)
	if err != nil {
		c.t.Fatalf("%T: %v", command, err)
	}
	c.events = append(c.events, result.Events...)
	for i := range result.Events {
		c.see(&result.Events[i])
	}
	return result
}

func (c *centre) see(ev *engine.Event) {
	switch {
	case ev.Kind == engine.KindWorkOffered && ev.Queue == "support":
		c.decided[fmt.Sprintf("%s %d", ev.Decision.Strategy, ev.Decision.Epoch)]++
	case ev.Kind == engine.KindWorkOffered:
		if c.sold++; ev.Decision.Strategy != "sane" || ev.Decision.Epoch != 1 {
			c.t.Fatalf("sales is decided by %+v", ev.Decision)
		}
	case ev.Kind == engine.KindProposalRefused:
		c.refusals[ev.Verdict]++
	}
	if c.desk == nil {
		return
	}
	if ev.Kind == engine.KindConfigured {
		if err := c.desk.Configured(ev); err != nil {
			c.t.Fatal(err)
		}
	}
	c.desk.Observe(ev)
}

func (c *centre) do(command engine.Command) engine.Result {
	c.t.Helper()
	return c.step(command)
}

// once runs one job, if there is one, and holds the invariants.
func (c *centre) once() bool {
	c.t.Helper()
	c.desk.Watch(c.now, c.step)
	job := c.desk.Next(c.now)
	if job == nil {
		return false
	}
	faults := c.status().Counts.Faults
	job.Run(c.t.Context())
	c.desk.Done(c.now, job, c.step)
	if _, found := c.engine.Audit(0, 1000); len(found) > 0 {
		c.t.Fatalf("audit: %v", found)
	}
	s := c.status()
	if owner, _ := c.desk.Owner("support"); s.Counts.Faults > faults && s.State != strategy.Active && owner != "queue" {
		c.t.Fatalf("after a fault support is decided by %q: %s", owner, s.Counts.LastFault)
	}
	return true
}

func (c *centre) run() {
	c.t.Helper()
	for range 10_000 {
		if !c.once() {
			return
		}
	}
	c.t.Fatal("the desk spins")
}

func (c *centre) arrives(queue string) engine.WorkID {
	c.t.Helper()
	return c.do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: queue}}).Work
}

func (c *centre) work(id engine.WorkID) *engine.Work {
	c.t.Helper()
	w, ok := c.engine.Work(id)
	if !ok {
		c.t.Fatalf("%v is lost", id)
	}
	return w
}

// round brings one item into each queue, in the same millisecond has each
// offered, and done by the agent.
func (c *centre) round() {
	c.t.Helper()
	c.run()
	c.serve()
	c.rounds++
	c.now += 10
	c.do(engine.Tick{})
	support, sales := c.arrives("support"), c.arrives("sales")
	c.run()
	for _, id := range []engine.WorkID{support, sales} {
		if w := c.work(id); w.State != engine.Offered {
			c.t.Fatalf("round %d: %v of %s is %v: %+v", c.rounds, id, w.Queue, w.State, c.status())
		}
	}
	c.serve()
}

// serve has everybody accept and complete what they are offered.
func (c *centre) serve() {
	c.t.Helper()
	for again := true; again; {
		again = false
		c.engine.EachWork(0, func(w *engine.Work) bool {
			for x := range w.Standing() {
				c.do(engine.Accept{Assignment: x.ID, Agent: x.Agent})
				c.do(engine.Complete{Assignment: x.ID, Agent: x.Agent})
				again = true
				return false
			}
			return true
		})
		c.run()
	}
}

// pass lets time go by.
func (c *centre) pass(span time.Duration) {
	c.t.Helper()
	until := c.now + engine.Time(span.Milliseconds())
	c.run()
	for c.now < until {
		next := until
		if at, ok := c.desk.WakeAt(); ok {
			next = min(next, max(at, c.now+1))
		}
		c.now = next
		c.do(engine.Tick{})
		c.run()
	}
}

func (c *centre) status() strategy.Status {
	c.t.Helper()
	for _, s := range c.desk.Status() {
		if s.Name == "odd" {
			return s
		}
	}
	c.t.Fatal("odd has no status")
	return strategy.Status{}
}

// untilFault goes on until the strategy has its first fault, and stops in the
// middle of that turn: nothing else has happened since. It returns how many
// proposals it had made before.
func (c *centre) untilFault() (proposals uint64) {
	c.t.Helper()
	for range 200_000 {
		c.rounds++
		c.now += 10
		c.do(engine.Tick{})
		c.arrives("support")
		c.arrives("sales")
		for {
			before := c.status().Counts.Proposals
			if !c.once() {
				break
			}
			if c.status().Counts.Faults > 0 {
				if c.decided["odd 1"] == 0 {
					c.t.Fatal("it has not decided once")
				}
				return before
			}
		}
		c.serve()
	}
	c.t.Fatalf("it has no fault: %+v", c.status())
	return 0
}

// recovers goes on until the strategy decides again, and serves all there is.
func (c *centre) recovers() {
	c.t.Helper()
	if r, ok := c.runtime.(reviver); ok {
		r.revive()
	}
	c.run()
	c.serve()
	before := c.decided[c.title()]
	for n, began := 0, time.Now(); c.status().State != strategy.Active || c.decided[c.title()] == before; n++ {
		if n >= 1000 && time.Since(began) > time.Minute { // what hung in a builtin may take its time to return
			c.t.Fatalf("it does not decide again: %+v, decided %v", c.status(), c.decided)
		}
		c.pass(100 * time.Millisecond)
		c.round()
	}
	c.owned("odd")
}

func (c *centre) title() string { return fmt.Sprintf("odd %d", c.status().Epoch) }

// whole holds, at the end, that nothing was lost, nothing is left, and sales
// never noticed.
func (c *centre) whole() {
	c.t.Helper()
	c.serve()
	if c.sold < c.rounds {
		c.t.Fatalf("of %d rounds sales has had %d", c.rounds, c.sold)
	}
	created, completed := 0, 0
	for i := range c.events {
		switch c.events[i].Kind {
		case engine.KindWorkCreated:
			created++
		case engine.KindWorkCompleted:
			completed++
		}
	}
	if created == 0 || created != completed {
		c.t.Fatalf("of %d items %d were completed", created, completed)
	}
	if _, found := c.engine.Audit(0, 1000); len(found) > 0 {
		c.t.Fatalf("audit: %v", found)
	}
}
