// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// disconnectsKey sets how many connections the torture breaks. The default is
// what a test run can afford; "make torture-routers" breaks 1,000.
const disconnectsKey = "PATCHBAY_DISCONNECTS"

// pace is how often work comes in: 200 items a second.
const pace = 5 * time.Millisecond

// TestTorture has a workspace routed by one router, and by three, whose
// connections break, whose answers come late, twice, or in the name of a lease
// that is over, while 200 items a second come in, in virtual time. No work is lost or doubled, no
// proposal counts but of a router whose board is the host's, and after every gap
// the turn is sent again or a snapshot follows.
func TestTorture(t *testing.T) {
	t.Parallel()
	breaks := 60
	if text := os.Getenv(disconnectsKey); text != "" {
		var err error
		if breaks, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	if text := os.Getenv("PATCHBAY_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("seed %d, %d disconnects", seed, breaks)
	for _, routers := range []int{1, 3} {
		t.Run(fmt.Sprintf("routers=%d", routers), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { torture(t, seed, breaks/2, routers) })
		})
	}
}

// chaos breaks connections and spoils what crosses them.
type chaos struct {
	mu      sync.Mutex
	rand    *rand.Rand
	calm    bool
	links   []*spoilt // those that stand
	broken  int       // connections so far
	answers []*strategyv1.SessionRequest
	counts  map[string]int
}

// chance is true once in so many times.
func (c *chaos) chance(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.calm && c.rand.IntN(n) == 0
}

func (c *chaos) did(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// strike breaks one connection, if there is one.
func (c *chaos) strike() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.links) > 0 {
		c.links[c.rand.IntN(len(c.links))].snap()
	}
}

// old returns an answer of some router's past.
func (c *chaos) old() *strategyv1.SessionRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) == 0 {
		return nil
	}
	return c.answers[c.rand.IntN(len(c.answers))]
}

// spoilt is a Link on which things go wrong.
type spoilt struct {
	remote.Link

	chaos  *chaos
	cancel context.CancelFunc
	once   sync.Once
	queued []*strategyv1.SessionRequest
}

// snap breaks the connection. The chaos is locked.
func (s *spoilt) snap() {
	s.once.Do(func() {
		s.chaos.broken++
		s.cancel()
	})
}

func (s *spoilt) broke(what string) error {
	s.chaos.did(what)
	s.chaos.mu.Lock()
	defer s.chaos.mu.Unlock()
	s.snap()
	return errBroken
}

// Send implements remote.Link.
func (s *spoilt) Send(m *strategyv1.SessionResponse) error {
	if s.chaos.chance(700) {
		return s.broke("before sending")
	}
	if s.chaos.chance(100) {
		s.chaos.did("sent late")
		time.Sleep(20 * time.Millisecond)
	}
	if err := s.Link.Send(m); err != nil {
		return err
	}
	if s.chaos.chance(700) {
		return s.broke("after sending")
	}
	return nil
}

// Recv implements remote.Link.
func (s *spoilt) Recv() (*strategyv1.SessionRequest, error) {
	if len(s.queued) > 0 {
		m := s.queued[0]
		s.queued = s.queued[1:]
		return m, nil
	}
	m, err := s.Link.Recv()
	if err != nil || m.GetAnswer() == nil {
		return m, err
	}
	s.remember(m)
	switch {
	case s.chaos.chance(700):
		return nil, s.broke("before receiving")
	case s.chaos.chance(50):
		s.chaos.did("duplicate")
		s.queued = append(s.queued, m)
	case s.chaos.chance(51):
		s.chaos.did("second leader")
		s.queued = append(s.queued, m)
		return s.chaos.old(), nil
	case s.chaos.chance(1000):
		s.chaos.did("received late")
		time.Sleep(130 * time.Millisecond)
	case s.chaos.chance(100):
		s.chaos.did("received slowly")
		time.Sleep(30 * time.Millisecond)
	}
	return m, nil
}

func (s *spoilt) remember(m *strategyv1.SessionRequest) {
	s.chaos.mu.Lock()
	defer s.chaos.mu.Unlock()
	if s.chaos.answers = append(s.chaos.answers, m); len(s.chaos.answers) > 500 {
		s.chaos.answers = s.chaos.answers[100:]
	}
}

// spoiltService carries sessions over links on which things go wrong.
type spoiltService struct {
	strategygrpc.UnimplementedRouterServiceServer
	doors *remote.Doors
	chaos *chaos
}

// Session implements the service.
func (s *spoiltService) Session(stream grpc.BidiStreamingServer[strategyv1.SessionRequest, strategyv1.SessionResponse]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	link := &spoilt{Link: stream, chaos: s.chaos, cancel: cancel}
	c := s.chaos
	c.mu.Lock()
	c.links = append(c.links, link)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.links {
			if c.links[i] == link {
				c.links = append(c.links[:i:i], c.links[i+1:]...)
				return
			}
		}
	}()
	return s.doors.Serve(ctx, link, "grpc", "chaos")
}

// watched is a runtime whose turns are watched.
type watched struct {
	strategy.Runtime

	t  testing.TB
	mu sync.Mutex
	// proven has the turns that were answered by a router whose board is the
	// host's, and that no proposal has counted for yet.
	proven map[[2]uint64]bool
	gaps   int // turns that came to nothing
}

// Start implements strategy.Runtime.
func (w *watched) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	in, manifest, err := w.Runtime.Start(ctx, spec, epoch)
	return &watchedInstance{Instance: in, w: w, lost: true}, manifest, err
}

type watchedInstance struct {
	strategy.Instance

	w    *watched
	lost bool // the last turn came to nothing, or there was none
}

// Turn implements strategy.Instance.
func (in *watchedInstance) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	if in.lost && !turn.Kind.Resets() {
		in.w.t.Errorf("turn %d of epoch %d is no snapshot, though the one before came to nothing", turn.Seq, turn.Epoch)
	}
	err := in.Instance.Turn(ctx, turn, reply)
	in.w.mu.Lock()
	defer in.w.mu.Unlock()
	if in.lost = err != nil; in.lost {
		in.w.gaps++
		return err
	}
	if reply.Epoch == turn.Epoch && reply.Seq == turn.Seq && reply.Digest == turn.Digest && turn.Kind.Asks() {
		in.w.proven[[2]uint64{turn.Epoch, turn.Seq}] = true
	}
	return nil
}

// OnWake implements strategy.Waker.
func (in *watchedInstance) OnWake(wake func()) { in.Instance.(strategy.Waker).OnWake(wake) }

// counts says that a proposal of that turn counts.
func (w *watched) counts(by engine.Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	turn := [2]uint64{by.Epoch, by.Turn}
	if !w.proven[turn] {
		w.t.Errorf("proposals of turn %d of epoch %d count, though nobody has proven to be in step", by.Turn, by.Epoch)
	}
	delete(w.proven, turn)
}

// floor is a workspace with its loop.
type floor struct {
	t       *testing.T
	engine  *engine.Engine
	desk    *strategy.Desk
	watched *watched
	done    chan *strategy.Job
	called  chan uint32 // posts that want a turn; nil for not heard
	running int
	ends    []ending // in order of time
	created int
	decided map[string]int
	faults  map[string]int
}

type ending struct {
	at         engine.Time
	assignment engine.AssignmentID
	agent      string
}

func now() engine.Time { return engine.Time(time.Now().UnixMilli()) }

// serviceTime is how long an agent takes.
const serviceTime = engine.Time(900)

func newFloor(t *testing.T, doors *remote.Doors) *floor {
	f := &floor{t: t, engine: engine.New(), done: make(chan *strategy.Job, 100), decided: make(map[string]int), faults: make(map[string]int)}
	d := engine.Definition{
		Channels: []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
		Statuses: []engine.Status{{Name: "available", Channels: []string{"case"}}},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "auto", Capacity: 20 * engine.Unit, MaxOpen: 100, AutoAccept: true},
		},
		RoutingConfigs: []engine.RoutingConfig{{Name: "plain", Strategy: "x", Fallback: "queue", Model: route.ModelLongestIdle}},
		Queues:         []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
		Grace:          60_000, KeepClosedItems: 100,
	}
	for i := range 20 {
		d.Agents = append(d.Agents, engine.AgentDefinition{
			ID: fmt.Sprintf("agent%02d", i), PresenceConfig: "auto", Queues: engine.Member("support"),
		})
	}
	d.Sort()
	f.watched = &watched{Runtime: remote.New(doors), t: t, proven: make(map[[2]uint64]bool)}
	f.step(engine.Configure{Definition: d})
	var err error
	f.desk, err = strategy.NewDesk(f.engine, []strategy.Spec{
		{Name: "x", Runtime: "remote"}, {Name: "queue", Runtime: "builtin", Source: "queue"},
	}, map[string]strategy.Runtime{
		"remote": f.watched, "builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()}),
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Agents {
		f.step(engine.SignIn{Agent: d.Agents[i].ID, Status: "available"})
		f.step(engine.Connect{Agent: d.Agents[i].ID})
	}
	return f
}

// step has a command decided, and everybody told.
func (f *floor) step(command engine.Command) engine.Result {
	if propose, ok := command.(engine.Propose); ok && propose.By.Strategy == "x" {
		f.watched.counts(propose.By)
	}
	if state, ok := command.(engine.RecordStrategy); ok && state.By.Strategy == "x" {
		f.faults[state.State]++
	}
	result, err := f.engine.Step(now(), command)
	if err != nil {
		f.t.Fatalf("%T: %v", command, err)
	}
	for i := range result.Events {
		ev := &result.Events[i]
		if f.desk != nil {
			f.desk.Observe(ev)
		}
		switch ev.Kind {
		case engine.KindWorkOffered:
			f.decided[ev.Decision.Strategy]++
		case engine.KindOfferAccepted:
			f.ends = append(f.ends, ending{now() + serviceTime, ev.Assignment, ev.Agent})
		}
	}
	if _, violations := f.engine.Audit(0, 1); len(violations) > 0 {
		f.t.Fatalf("after %T: %v", command, violations)
	}
	return result
}

// run lets the workspace live until stop, with work coming in until then.
func (f *floor) run(ctx context.Context, arrivals *time.Ticker, stop func() bool) {
	for !stop() {
		for job := f.desk.Next(now()); job != nil; job = f.desk.Next(now()) {
			f.running++
			go func() { job.Run(ctx); f.done <- job }()
		}
		wake := time.NewTimer(f.until())
		select {
		case job := <-f.done:
			f.running--
			f.desk.Done(now(), job, f.step)
		case <-arrivals.C:
			f.created++
			f.step(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}})
		case post := <-f.called:
			f.desk.Wake(post)
		case <-wake.C:
		}
		wake.Stop()
		for len(f.ends) > 0 && f.ends[0].at <= now() {
			f.step(engine.Complete{Assignment: f.ends[0].assignment, Agent: f.ends[0].agent})
			f.ends = f.ends[1:]
		}
		f.step(engine.Tick{})
	}
}

// until is how long nothing needs to be done.
func (f *floor) until() time.Duration {
	at := now() + 1000
	if wake, ok := f.desk.WakeAt(); ok {
		at = min(at, wake)
	}
	if timer, ok := f.engine.NextTimer(); ok {
		at = min(at, timer)
	}
	if len(f.ends) > 0 {
		at = min(at, f.ends[0].at)
	}
	return time.Duration(max(at-now(), 0)) * time.Millisecond
}

// waiting is how much work is not closed.
func (f *floor) waiting() (n int) {
	f.engine.EachQueue(func(b engine.Backlog) bool {
		n += b.Waiting + b.Offered + b.Open
		return true
	})
	return n
}

func torture(t *testing.T, seed uint64, breaks, routers int) {
	doors := newDoors(t, remote.Options{})
	c := &chaos{rand: rand.New(rand.NewPCG(seed, 0)), counts: make(map[string]int)}
	d := &door{doors: doors, listener: bufconn.Listen(1 << 20), server: grpc.NewServer()}
	strategygrpc.RegisterRouterServiceServer(d.server, &spoiltService{doors: doors, chaos: c})
	serving := make(chan struct{})
	go func() { defer close(serving); _ = d.server.Serve(d.listener) }()
	t.Cleanup(func() { d.server.Stop(); <-serving })
	for i := range routers {
		d.router(t, queue.Plugin(), fmt.Sprintf("router%d", i))
	}
	f := newFloor(t, doors)
	began := time.Now()
	arrivals := time.NewTicker(pace)
	defer arrivals.Stop()
	striking, stopStriking := context.WithCancel(t.Context())
	struck := make(chan struct{})
	go func() {
		defer close(struck)
		for striking.Err() == nil {
			c.mu.Lock()
			pause := time.Duration(c.rand.IntN(600)) * time.Millisecond
			c.mu.Unlock()
			time.Sleep(pause)
			c.strike()
		}
	}()
	f.run(t.Context(), arrivals, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.broken >= breaks
	})
	c.mu.Lock()
	c.calm = true
	c.mu.Unlock()
	stopStriking()
	<-struck
	calm := time.Now()
	chaotic := calm.Sub(began)
	f.run(t.Context(), arrivals, func() bool {
		owner, _ := f.desk.Owner("support")
		return owner == "x" && time.Since(calm) > 10*time.Second || time.Since(calm) > 2*time.Minute
	})
	arrivals.Stop()
	f.run(t.Context(), arrivals, func() bool { return f.waiting() == 0 && f.running == 0 || time.Since(calm) > 4*time.Minute })
	f.verdict(t, c, doors, chaotic)
	if replays := doors.Routers()[0].Counts.Replays; routers == 1 && breaks >= 30 && replays == 0 {
		t.Error("no turn was ever sent again")
	}
	f.desk.Close(t.Context())
}

// verdict says what must have come of it all.
func (f *floor) verdict(t *testing.T, c *chaos, doors *remote.Doors, took time.Duration) {
	status := f.desk.Status()[1]
	var sum remote.Counts
	for _, r := range doors.Routers() {
		sum.Answers += r.Counts.Answers
		sum.Resumes += r.Counts.Resumes
		sum.Replays += r.Counts.Replays
		sum.Late += r.Counts.Late
		sum.Duplicates += r.Counts.Duplicates
		sum.Fenced += r.Counts.Fenced
		sum.WrongTurns += r.Counts.WrongTurns
	}
	t.Logf("%v of chaos, %d connections broken, chaos %v", took, c.broken, c.counts)
	t.Logf("%d items, decided %v, states %v, turns that came to nothing %d, routers at the end %+v, strategy %+v",
		f.created, f.decided, f.faults, f.watched.gaps, sum, status.Counts)
	if n := f.waiting(); n != 0 {
		t.Errorf("%d items of %d were lost", n, f.created)
	}
	if owner, _ := f.desk.Owner("support"); owner != "x" || status.State != strategy.Active {
		t.Errorf("in the end %q decides, and the strategy is %v: %s", owner, status.State, status.Counts.LastFault)
	}
	if f.decided["x"] < f.created/4 {
		t.Errorf("the routers decided %d of %d items only", f.decided["x"], f.created)
	}
	for _, what := range []string{"duplicate", "second leader", "received late"} {
		if c.counts[what] == 0 && c.broken >= 300 {
			t.Errorf("the chaos never did: %s", what)
		}
	}
}
