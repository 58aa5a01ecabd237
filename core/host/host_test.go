// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// definition has one queue, case work, and agents a1 … aN with capacity 2.
func definition(agents int) engine.Definition {
	d := engine.Definition{
		Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
		Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "two", Capacity: 2 * engine.Unit, MaxOpen: 10}},
		RoutingConfigs: []engine.RoutingConfig{{
			Name: "plain", Model: route.ModelLeastActive, Strategy: "queue", Fallback: "queue",
		}},
		Queues:     []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
		Grace:      60_000,
		KeepClosed: 3_600_000,
	}
	for i := range agents {
		d.Agents = append(d.Agents, engine.AgentDefinition{ID: fmt.Sprintf("a%d", i+1), PresenceConfig: "two", Queues: engine.Member("support")})
	}
	return d
}

// place is a folder with a journal, and a workspace on it.
type place struct {
	t      testing.TB
	dir    string
	def    engine.Definition
	server *journal.Server
	log    *journal.Log
	*host.Workspace
	// options changes what the workspace is opened with; nil for nothing.
	options func(*host.Options)
}

func queueStrategy() []strategy.Spec {
	return []strategy.Spec{{Name: "queue", Runtime: "builtin", Source: "queue", Limits: strategy.Limits{TurnDeadline: time.Minute}}}
}

// builtins has the strategy "queue", and others by the name of their source.
func builtins(others map[string]func() route.Strategy) map[string]strategy.Runtime {
	plugins := map[string]route.Plugin{"queue": queue.Plugin()}
	for name, create := range others {
		plugins[name] = route.Plugin{Manifest: route.Manifest{Name: name}, New: create}
	}
	return map[string]strategy.Runtime{"builtin": builtin.New(plugins)}
}

func open(t testing.TB, def engine.Definition) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), def: def}
	p.open(host.Options{})
	t.Cleanup(p.close)
	return p
}

func (p *place) open(opts host.Options) {
	p.t.Helper()
	ctx := p.t.Context()
	var err error
	if p.server, err = journal.Open(ctx, journal.Options{Dir: p.dir}); err != nil {
		p.t.Fatal(err)
	}
	if p.log, err = p.server.Log(ctx, "test"); err != nil {
		p.t.Fatal(err)
	}
	opts.Name, opts.Log, opts.Definition, opts.Seed = "test", p.log, p.def, 1
	opts.Strategies, opts.Runtimes = queueStrategy(), builtins(nil)
	if p.options != nil {
		p.options(&opts)
	}
	if p.Workspace, err = host.Open(ctx, opts); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) close() {
	if p.Workspace == nil {
		return // it did not open, which has been said
	}
	if err := p.Workspace.Close(); err != nil {
		p.t.Error(err)
	}
	if err := p.server.Close(); err != nil {
		p.t.Error(err)
	}
}

func (p *place) do(command engine.Command) engine.Result {
	p.t.Helper()
	result, err := p.Do(p.t.Context(), command)
	if err != nil {
		p.t.Fatalf("%T: %v", command, err)
	}
	return result
}

// attach signs an agent in with a stream.
func (p *place) attach(agent string) *host.Stream {
	p.t.Helper()
	stream, err := p.Attach(p.t.Context(), agent)
	if err != nil {
		p.t.Fatal(err)
	}
	p.do(engine.SignIn{Agent: agent, Status: "available"})
	return stream
}

func (p *place) create() engine.WorkID {
	p.t.Helper()
	return p.do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}}).Work
}

// await reads the stream until an event of that kind comes.
func await(t *testing.T, s *host.Stream, kind engine.Kind) engine.Event {
	t.Helper()
	for {
		notices, err := s.Next(t.Context())
		if err != nil {
			t.Fatalf("waiting for %v: %v", kind, err)
		}
		for _, notice := range notices {
			if notice.Event.Kind == kind {
				return notice.Event
			}
		}
	}
}

func TestWorkReachesAnAgent(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	stream := p.attach("a1")
	id := p.create()
	offer := await(t, stream, engine.KindWorkOffered)
	if offer.Work != id || offer.Agent != "a1" || offer.Decision.Strategy != "queue" || offer.Decision.Reason == "" {
		t.Fatalf("offered %+v", offer)
	}
	p.do(engine.Accept{Assignment: offer.Assignment, Agent: "a1"})
	p.do(engine.Complete{Assignment: offer.Assignment, Agent: "a1"})
	var state engine.WorkState
	if err := p.View(t.Context(), func(e *engine.Engine) {
		w, _ := e.Work(id)
		state = w.State
	}); err != nil || state != engine.Closed {
		t.Fatalf("work is %v, %v", state, err)
	}
	status, err := p.Status(t.Context())
	if err != nil || status.Violations != 0 || status.Counts[engine.KindWorkCompleted] != 1 || status.Queues[0].DecidedBy != "queue" {
		t.Fatalf("status %+v, %v", status, err)
	}
}

func TestRefusalsReachTheCaller(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	_, err := p.Do(t.Context(), engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "nowhere"}})
	var refusal *engine.Refusal
	if !errors.As(err, &refusal) || refusal.Code != engine.CodeUnknownQueue || refusal.Field != "queue" {
		t.Fatalf("got %v", err)
	}
	if _, err := p.Do(t.Context(), engine.Tick{}); err == nil {
		t.Fatal("a command of the loop's own was taken from a caller")
	}
	if _, err := p.Attach(t.Context(), "nobody"); !errors.As(err, &refusal) || refusal.Code != engine.CodeUnknownAgent {
		t.Fatalf("got %v", err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	stream := p.attach("a1")
	first := p.create()
	offer := await(t, stream, engine.KindWorkOffered)
	p.do(engine.Accept{Assignment: offer.Assignment, Agent: "a1"})
	p.create()
	p.create() // the third does not fit and waits
	keyed := p.do(engine.CreateWork{Spec: engine.WorkSpec{Key: "k", Channel: "case", Queue: "support"}}).Work
	for round := range 3 {
		p.close()
		p.open(host.Options{})
		again := p.do(engine.CreateWork{Spec: engine.WorkSpec{Key: "k", Channel: "case", Queue: "support"}})
		if again.Work != keyed || !again.Duplicate {
			t.Fatalf("round %d: the key was forgotten: %+v", round, again)
		}
	}
	if err := p.View(t.Context(), func(e *engine.Engine) {
		if w, ok := e.Work(first); !ok || w.State != engine.Open {
			t.Errorf("open work is %+v", w)
		}
		if a, _ := e.Agent("a1"); a.Connected || !a.SignedIn() || a.GraceUntil == 0 {
			t.Errorf("agent is %+v", a)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func TestRestartFromSnapshotAndLog(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	p.close()
	p.open(host.Options{SnapshotEvery: 50})
	for range 500 {
		p.create()
	}
	p.close()
	p.open(host.Options{SnapshotEvery: 50})
	waiting := 0
	if err := p.View(t.Context(), func(e *engine.Engine) {
		e.EachWork(0, func(*engine.Work) bool { waiting++; return true })
	}); err != nil || waiting != 500 {
		t.Fatalf("%d items wait, %v", waiting, err)
	}
}

func TestStreamIsReplaced(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	first := p.attach("a1")
	second, err := p.Attach(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = first.Next(t.Context())
	}
	if !errors.Is(err, host.ErrReplaced) {
		t.Fatalf("the first stream ended with %v", err)
	}
	first.Close() // must not disconnect the agent
	p.create()
	await(t, second, engine.KindWorkOffered)
	second.Close()
	await := func(e *engine.Engine) bool { a, _ := e.Agent("a1"); return a.Connected }
	var connected bool
	if err := p.View(t.Context(), func(e *engine.Engine) { connected = await(e) }); err != nil || connected {
		t.Fatalf("connected %v after the stream was closed, %v", connected, err)
	}
}

func TestStreamBeginsWithWhatIsHeld(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	stream := p.attach("a1")
	id := p.create()
	await(t, stream, engine.KindWorkOffered)
	again, err := p.Attach(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Held) != 1 || again.Held[0].ID != id || again.Held[0].State != engine.Offered || again.Agent.Status != "available" {
		t.Fatalf("held %+v by %+v", again.Held, again.Agent)
	}
}

func TestFeedHasEverythingOnce(t *testing.T) {
	t.Parallel()
	p := open(t, definition(3))
	for i := range 3 {
		p.attach(fmt.Sprintf("a%d", i+1))
	}
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 50 {
				p.create()
			}
		})
	}
	running.Wait()
	status, err := p.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	created := 0
	feed := p.Feed(0)
	for number := uint64(0); number < status.Number; {
		events, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			if ev.Number <= number || ev.Kind.Inward() {
				t.Fatalf("event %d, %v, after event %d", ev.Number, ev.Kind, number)
			}
			number = ev.Number
			if ev.Kind == engine.KindWorkCreated {
				created++
			}
		}
	}
	if created != 400 {
		t.Fatalf("%d created", created)
	}
}

func TestFeedReadsThePastFromTheJournal(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	for range 5 {
		p.create()
	}
	p.close()
	p.open(host.Options{})
	events, err := p.Feed(2).Next(t.Context())
	if err != nil || events[0].Number != 4 { // 2 and 3 are records of turns
		t.Fatalf("got %+v, %v", events, err)
	}
}

func TestFeedEndsWithTheWorkspace(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	status, _ := p.Status(t.Context())
	feed := p.Feed(status.Number)
	ended := make(chan error)
	go func() {
		_, err := feed.Next(context.WithoutCancel(t.Context()))
		ended <- err
	}()
	if err := p.Workspace.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, host.ErrClosed) {
		t.Fatalf("the feed ended with %v", err)
	}
	if _, err := p.Do(t.Context(), engine.AbandonWork{Work: 1}); !errors.Is(err, host.ErrClosed) {
		t.Fatalf("a closed workspace answered %v", err)
	}
	if _, err := p.Attach(t.Context(), "a1"); !errors.Is(err, host.ErrClosed) {
		t.Fatalf("a closed workspace answered %v", err)
	}
}

func TestConfigureNeedsItsStrategies(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	def := definition(2)
	def.RoutingConfigs[0].Strategy = "other"
	if _, err := p.Do(t.Context(), engine.Configure{Definition: def}); err == nil {
		t.Fatal("a definition with an unknown strategy was put in force")
	}
	p.do(engine.Configure{Definition: definition(2)})
	stream := p.attach("a2")
	p.create()
	await(t, stream, engine.KindWorkOffered)
}

// TestNothingIsLostUnderLoad has many customers and agents at once and then
// counts.
func TestNothingIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	const agents, customers, each = 20, 16, 40
	p := open(t, definition(agents))
	var done atomic.Int64
	finished := make(chan struct{})
	var working sync.WaitGroup
	for i := range agents {
		name := fmt.Sprintf("a%d", i+1)
		stream := p.attach(name)
		working.Go(func() {
			for {
				notices, err := stream.Next(t.Context())
				if err != nil {
					return
				}
				for _, notice := range notices {
					if notice.Event.Kind != engine.KindWorkOffered {
						continue
					}
					p.do(engine.Accept{Assignment: notice.Event.Assignment, Agent: name})
					p.do(engine.Complete{Assignment: notice.Event.Assignment, Agent: name})
					if done.Add(1) == customers*each {
						close(finished)
					}
				}
			}
		})
	}
	for range customers {
		working.Go(func() {
			for range each {
				p.create()
			}
		})
	}
	<-finished
	if err := p.View(t.Context(), func(e *engine.Engine) {
		if _, found := e.Audit(0, 1<<30); len(found) > 0 {
			t.Errorf("violations: %v", found)
		}
		e.EachAgent("", func(a *engine.Agent) bool {
			if a.Used != 0 || len(a.Held) != 0 {
				t.Errorf("agent %s still holds %v", a.ID, a.Held)
			}
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.Workspace.Close(); err != nil {
		t.Fatal(err)
	}
	working.Wait()
}

func TestPushTimeoutComesByItself(t *testing.T) {
	t.Parallel()
	def := definition(1)
	def.RoutingConfigs[0].PushTimeout = 20
	p := open(t, def)
	stream := p.attach("a1")
	p.create()
	offer := await(t, stream, engine.KindWorkOffered)
	timedOut := await(t, stream, engine.KindOfferTimedOut)
	if late := timedOut.At - offer.Deadline; late < 0 || timedOut.Assignment != offer.Assignment {
		t.Fatalf("offered %+v, timed out %+v", offer, timedOut)
	}
}

func BenchmarkCreateToOffer(b *testing.B) {
	server, err := journal.Open(b.Context(), journal.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	log, err := server.Log(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	w, err := host.Open(b.Context(), host.Options{
		Name: "bench", Log: log, Definition: definition(1), Seed: 1,
		Strategies: []strategy.Spec{{Name: "queue", Runtime: "builtin", Source: "queue"}},
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	stream, err := w.Attach(b.Context(), "a1")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Do(b.Context(), engine.SignIn{Agent: "a1", Status: "available"}); err != nil {
		b.Fatal(err)
	}
	var toOffer time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := w.Do(b.Context(), engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}}); err != nil {
			b.Fatal(err)
		}
		assignment := offered(b, stream)
		toOffer += time.Since(began)
		if _, err := w.Do(b.Context(), engine.Accept{Assignment: assignment, Agent: "a1"}); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Do(b.Context(), engine.Complete{Assignment: assignment, Agent: "a1"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(toOffer.Microseconds())/float64(b.N), "µs/offer")
}

func offered(b *testing.B, stream *host.Stream) engine.AssignmentID {
	for {
		notices, err := stream.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for _, notice := range notices {
			if notice.Event.Kind == engine.KindWorkOffered {
				return notice.Event.Assignment
			}
		}
	}
}
