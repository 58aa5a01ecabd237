// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestNewDeskRefuses(t *testing.T) {
	t.Parallel()
	for want, specs := range map[string][]Spec{
		`strategy: first: there is no runtime "stone"`: {{Name: "first", Runtime: "stone"}},
		`strategy: first: it is there twice`:           {{Name: "first", Runtime: "scripted"}, {Name: "first", Runtime: "scripted"}},
		`strategy: routing config "normal" names strategy "second", which is not configured`: {
			{Name: "first", Runtime: "scripted"},
		},
		`strategy: routing config "normal" names strategy "first", which is not configured`: nil,
	} {
		r := newRig(t)
		_, err := NewDesk(r.e, specs, map[string]Runtime{"scripted": new(actor)}, 1)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	want := Limits{
		TurnDeadline: 100 * time.Millisecond, StartTimeout: 30 * time.Second, MemoryBytes: 256 << 20,
		ReplyBytes: 1 << 20, ReplyProposals: 10_000, LogLines: 100, OpenFiles: 1024, Processes: 16,
	}
	if got := (Limits{}).WithDefaults(); got != want {
		t.Errorf("%+v", got)
	}
	own := Limits{
		TurnDeadline: NoDeadline, StartTimeout: 1, MemoryBytes: 2, ReplyBytes: 3, ReplyProposals: 4, LogLines: 5,
		CPUTime: 6, OpenFiles: 7, Processes: NoProcesses,
	}
	if got := own.WithDefaults(); got != own {
		t.Errorf("%+v", got)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{Idle.String(), "idle"},
		{Down.String(), "down"},
		{State(9).String(), "state_9"},
		{FaultMemory.String(), "out_of_memory"},
		{FaultTooLarge.String(), "too_large"},
		{FaultKind(99).String(), "unknown"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	cause := errors.New("cause")
	if f := (&Fault{Kind: FaultTrap, Err: cause}); !errors.Is(f, cause) || f.Error() != "strategy: trap: cause" {
		t.Errorf("%v", f)
	}
}

// Starts run at the same time, and Start waits for all.
func TestStartIsConcurrent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var both sync.WaitGroup
	both.Add(2)
	meet := func(uint64) error { // one after the other, they would never meet
		both.Done()
		both.Wait()
		return nil
	}
	r.actors["first"], r.actors["second"] = &actor{begin: meet}, &actor{begin: meet}
	r.desk(Spec{Name: "second"}, Spec{Name: "first"}, Spec{Name: "spare"})
	r.start()
	r.is("first", Active)
	r.is("second", Active)
	r.is("spare", Idle)
	if len(r.actors["spare"].players) > 0 {
		t.Fatal("a strategy that no queue names was started")
	}
	if s := r.d.Status(); s[0].Name != "first" || s[1].Name != "second" || s[2].Name != "spare" {
		t.Fatalf("status is not in order: %+v", s)
	}
	if s := r.status("first"); !slices.Equal(s.Queues, []string{"main"}) || s.Version != "1.2.3" || s.Runtime != "scripted-first" ||
		s.Epoch != 1 || s.Since != r.now || s.P50 != 0 || s.P99 != 0 {
		t.Fatalf("%+v", s)
	}
	r.run()
	if s := r.status("first"); s.P99 < s.P50 || s.Counts.Turns != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestFallbackFailsToo(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	first.play = script(fault(FaultDied, "gone"))
	second.play = script(fault(FaultTrap, "bad"))
	id := r.arrives("main")
	r.run()
	r.owned("main", "")
	r.owned("other", "")
	r.is("first", Down)
	r.is("second", Down)
	for _, s := range r.d.Status() {
		if len(s.Queues) > 0 {
			t.Fatalf("%s says it decides for %v", s.Name, s.Queues)
		}
	}
	if !r.d.Settled(r.now) || r.work(id).State != engine.Waiting {
		t.Fatal("the work should wait")
	}
	second.begin = func(uint64) error { return fault(FaultStart, "no more") }
	first.play = greedy
	r.pass(backoffFirst)
	r.owned("main", "first")
	r.owned("other", "first")
	if by := r.standing(id).Decision.Strategy; by != "first" {
		t.Fatalf("offered by %q", by)
	}
}

// A strategy without a fallback leaves its queue without anybody.
func TestNoFallback(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *engine.Definition) {
		d.RoutingConfigs[0].Fallback, d.RoutingConfigs[1].Fallback = "", "second"
	})
	first, _ := r.pair()
	r.run()
	first.play = script(fault(FaultDied, "gone"))
	r.arrives("main")
	r.run()
	r.owned("main", "")
	r.owned("other", "second")
	r.pass(backoffFirst)
	r.owned("main", "first")
}

// A strategy that is a fallback alone has nothing to see while it is not
// needed; it is probed all the same.
func TestFallbackOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *engine.Definition) {
		d.RoutingConfigs[1].Strategy, d.RoutingConfigs[1].Fallback = "first", "second"
	})
	r.actors["second"] = &actor{begin: func(epoch uint64) error {
		if epoch == 1 {
			return fault(FaultStart, "port taken")
		}
		return nil
	}}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	r.start()
	r.is("second", Down)
	r.present("ann")
	r.pass(backoffFirst)
	r.is("second", Active)
	in := r.actors["second"].players[0]
	same(t, "kinds", in.kinds, []route.Kind{route.KindSnapshot, route.KindDelta, route.KindDelta})
	if in.board.AgentCount()+in.board.QueueCount()+in.board.WorkCount() > 0 {
		t.Fatal("it was shown something")
	}
	r.arrives("main")
	r.run()
	if in.turns != 3 {
		t.Fatalf("it was given %d turns", in.turns)
	}
	r.recorded("second", "down: strategy: start: port taken", "probing: restarted", "active: answered 3 turns well")
}

// Strategies that share agents cannot overfill them, even with turns under way
// at the same time.
func TestSharedAgents(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	r.do(engine.SignOut{Agent: "bob"})
	r.run()
	first.play, second.play = greedy, greedy
	for range 3 {
		r.arrives("main")
		r.arrives("other")
	}
	one, two := r.d.Next(r.now), r.d.Next(r.now)
	if one == nil || two == nil || one.post == two.post || r.d.Next(r.now) != nil {
		t.Fatal("each strategy should have one turn under way")
	}
	one.Run(context.Background())
	two.Run(context.Background())
	r.finish(two)
	r.finish(one)
	r.run()
	a, _ := r.e.Agent("ann")
	if a.Used != 2000 || len(a.Held) != 2 {
		t.Fatalf("ann holds %v of 2", a.Used)
	}
}

// Whoever does not decide for a queue is not heard on it, whatever it sees.
func TestNotItsQueue(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	first.play = greedy
	id := r.arrives("main")
	r.d.owner["main"] = r.d.named["second"]
	r.once()
	if w := r.work(id); w.State != engine.Waiting {
		t.Fatalf("it is %v", w.State)
	}
	refused := r.events[len(r.events)-1]
	if refused.Kind != engine.KindProposalRefused || refused.Verdict != route.VerdictNotEligible || refused.Work != id {
		t.Fatalf("on record: %+v", refused)
	}
	r.d.assign(false)
	_ = second
	r.pass(refusalPause)
	same(t, "heard", verdicts(first.players[0].heard), []string{"2 0/0 not_eligible", "3 0/0 accepted_by_host"})
}

// A turn under way when the definition changes, or when the queue passes to
// somebody else, was decided on a board that is gone.
func TestBoardGone(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	first.play = greedy
	r.arrives("main")
	id := r.arrives("main")
	job := r.d.Next(r.now)
	job.Run(context.Background())
	d := centre()
	d.Queues[0].Within = 0
	r.do(engine.Configure{Definition: d})
	r.finish(job)
	if c := r.status("first").Counts; c.Proposals != 0 || c.Refusals != 0 || c.Offers != 0 {
		t.Fatalf("%+v", c)
	}
	if r.work(id).State != engine.Waiting {
		t.Fatal("refs of the former board were taken for those of the new one")
	}
	if last := r.events[len(r.events)-1]; last.Kind == engine.KindProposalRefused {
		t.Fatalf("on record, though nobody can say what was meant: %+v", last)
	}
	r.run()
	in := first.players[0]
	if kind := in.kinds[len(in.kinds)-2]; kind != route.KindSnapshot || r.work(id).State != engine.Offered {
		t.Fatalf("a %v followed, and the work is %v", kind, r.work(id).State)
	}
	same(t, "heard", verdicts(in.heard), []string{"3 0/0 accepted_by_host", "3 1/1 accepted_by_host"})
}

// A strategy that repeats what was refused is neither asked again at once, nor
// forgotten.
func TestRefusedAgainAndAgain(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	first.play = func(_ *player, _ *route.Turn, reply *route.Reply) error {
		reply.Proposals = append(reply.Proposals, route.Proposal{Work: 999})
		return nil
	}
	r.arrives("main")
	r.run()
	before := first.turns
	r.pass(10 * refusalPause)
	if n := first.turns - before; n != 10 {
		t.Fatalf("%d turns in ten seconds", n)
	}
	r.is("first", Active)
}

func TestWakeAt(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	wish := engine.Time(0)
	var woken []engine.Time
	first.play = func(_ *player, turn *route.Turn, reply *route.Reply) error {
		woken = append(woken, engine.Time(turn.Now)-begin)
		reply.WakeAt = int64(wish)
		wish = 0
		return nil
	}
	if at, ok := r.d.WakeAt(); ok {
		t.Fatalf("nobody asked to be woken, yet %d", at)
	}
	wish = begin + 5000
	r.arrives("main")
	r.run()
	if at, ok := r.d.WakeAt(); !ok || at != begin+5000 {
		t.Fatalf("%d, %v", at, ok)
	}
	if r.d.Settled(begin + 5000) {
		t.Fatal("it is to be woken")
	}
	r.pass(10_000)
	same(t, "turns", woken, []engine.Time{0, 5000})
	if in := first.players[0]; in.kinds[len(in.kinds)-1] != route.KindDelta {
		t.Fatal("no delta")
	}

	// A wish for the past, time and again, is granted once a millisecond.
	woken = nil
	first.play = func(_ *player, turn *route.Turn, reply *route.Reply) error {
		woken = append(woken, engine.Time(turn.Now)-begin)
		reply.WakeAt = 1
		return nil
	}
	r.arrives("main")
	r.pass(3)
	same(t, "turns", woken, []engine.Time{10_000, 10_001, 10_002, 10_003})

	// One for never is granted at the latest in a day, so that nobody needs to
	// reckon with times beyond.
	first.play = func(_ *player, _ *route.Turn, reply *route.Reply) error {
		reply.WakeAt = math.MaxInt64
		return nil
	}
	r.pass(1)
	if at, ok := r.d.WakeAt(); !ok || at != r.now+wakeAtLatest {
		t.Fatalf("%d, %v", at, ok)
	}
	first.play = func(_ *player, _ *route.Turn, reply *route.Reply) error {
		reply.WakeAt = -5
		return nil
	}
	r.arrives("main")
	r.run()
	if at, ok := r.d.WakeAt(); ok {
		t.Fatalf("%d", at)
	}

	// What a strategy without queues wishes is not heard.
	second.play = func(_ *player, _ *route.Turn, reply *route.Reply) error {
		reply.WakeAt = int64(r.now) + 7
		return nil
	}
	r.arrives("other")
	r.run()
	if at, ok := r.d.WakeAt(); !ok || at != r.now+7 {
		t.Fatalf("%d, %v", at, ok)
	}
	job := &Job{post: r.d.named["second"]}
	job.post.busy = true
	if _, ok := r.d.WakeAt(); ok {
		t.Fatal("who is at work need not be woken")
	}
	r.d.Done(r.now, job, r.step)
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	dies := fault(FaultDied, "gone")
	first.play = func(*player, *route.Turn, *route.Reply) error { return dies }
	r.arrives("main")
	var waits []engine.Time
	for range 11 {
		r.run()
		r.is("first", Down)
		at, ok := r.d.WakeAt()
		if !ok {
			t.Fatal("it is not going to be restarted")
		}
		waits = append(waits, at-r.now)
		r.now = at
	}
	same(t, "waits", waits, []engine.Time{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000})
	if n := len(first.players); n != 11 {
		t.Fatalf("%d instances", n)
	}

	// A minute of being well, and all is forgotten, turns or no turns.
	first.play = nil
	r.run()
	r.is("first", Active)
	r.now += wellAfter - 1
	first.play = script(dies)
	r.arrives("main")
	r.run()
	if at, _ := r.d.WakeAt(); at != r.now+backoffMost {
		t.Fatalf("%d ms after less than a minute", at-r.now)
	}
	r.pass(backoffMost)
	r.is("first", Active)
	r.now += wellAfter
	first.play = script(dies)
	r.arrives("main")
	r.run()
	if at, _ := r.d.WakeAt(); at != r.now+backoffFirst {
		t.Fatalf("%d ms after a minute", at-r.now)
	}
	for i, in := range first.players {
		if in.closed != 1 {
			t.Errorf("instance %d was closed %d times", i, in.closed)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	first.play = script(fault(FaultDied, "gone"))
	r.arrives("main")
	r.once() // the instance is retired and not closed yet
	if r.d.Settled(r.now) {
		t.Fatal("there is an instance to close")
	}
	r.d.Close(context.Background())
	r.d.Close(context.Background())
	for _, a := range []*actor{first, second} {
		if len(a.players) != 1 || a.players[0].closed != 1 {
			t.Fatalf("%d instances, the first closed %d times", len(a.players), a.players[0].closed)
		}
	}
	if job := r.d.Next(r.now + minute); job != nil {
		t.Fatalf("a closed desk has work: %+v", job)
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := new(actor)
	r.actors["first"] = first
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	job := r.d.Next(r.now)
	job.Discard() // never ran: there is nothing
	job.Run(context.Background())
	if r.d.Settled(r.now) {
		t.Fatal("a start is under way")
	}
	job.Discard()
	if first.players[0].closed != 1 {
		t.Fatalf("closed %d times", first.players[0].closed)
	}
	(&Job{turn: true, instance: first.players[0]}).Discard()
	if first.players[0].closed != 1 {
		t.Fatal("a turn brings nothing that could be discarded")
	}
}

// clock is an instance that tells how much time it is given.
type clock struct {
	left []time.Duration
}

func (c *clock) Start(ctx context.Context, _ Spec, _ uint64) (Instance, route.Manifest, error) {
	c.note(ctx)
	return c, route.Manifest{}, nil
}

func (c *clock) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	c.note(ctx)
	reply.Epoch, reply.Seq = turn.Epoch, turn.Seq
	c.left = append(c.left, time.Duration(turn.Budget)*time.Microsecond)
	return nil
}

func (c *clock) Close() error { return errors.New("it does not end") }

func (c *clock) note(ctx context.Context) {
	left := time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	c.left = append(c.left, left)
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limits              Limits
		start, turn, budget time.Duration
	}{
		{Limits{StartTimeout: 9 * time.Hour, TurnDeadline: time.Hour}, 9 * time.Hour, time.Hour, time.Hour},
		{Limits{StartTimeout: 9 * time.Hour, TurnDeadline: 2 * time.Hour}, 9 * time.Hour, 2 * time.Hour, (1<<32 - 1) * time.Microsecond},
		{Limits{StartTimeout: 9 * time.Hour, TurnDeadline: NoDeadline}, 9 * time.Hour, 0, 0},
	} {
		r := newRig(t)
		in := new(clock)
		spec := Spec{Name: "first", Runtime: "clock", Limits: c.limits}
		d, err := NewDesk(r.e, []Spec{spec, {Name: "second", Runtime: "other"}}, map[string]Runtime{"clock": in, "other": new(actor)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		r.d = d
		r.start()
		r.run()
		if len(in.left) != 3 {
			t.Fatalf("%v", in.left)
		}
		for i, want := range []time.Duration{c.start, c.turn, c.budget} {
			if got := in.left[i]; got > want || got < want-time.Hour/2 {
				t.Errorf("%+v: %d: %v, want %v", c.limits, i, got, want)
			}
		}
		job := &Job{post: d.named["first"], closing: []Instance{in, in}}
		if job.Run(context.Background()); job.err == nil || strings.Count(job.err.Error(), "it does not end") != 2 {
			t.Errorf("%v", job.err)
		}
	}
}

// A strategy that no queue names any more is closed, and started again when one
// does.
func TestNotNeeded(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	alone := centre()
	for i := range alone.RoutingConfigs {
		alone.RoutingConfigs[i].Strategy, alone.RoutingConfigs[i].Fallback = "second", ""
	}
	r.do(engine.Configure{Definition: alone})
	if r.d.Settled(r.now) {
		t.Fatal("there is an instance to close")
	}
	r.run()
	r.is("first", Idle)
	r.owned("main", "second")
	r.recorded("first", "active: started", "idle: no queue needs it")
	if first.players[0].closed != 1 || len(second.players) != 1 {
		t.Fatal("first should be closed, second kept")
	}
	r.do(engine.Configure{Definition: centre()})
	r.run()
	r.is("first", Active)
	r.owned("main", "first")
	if first.players[1].epoch != 2 {
		t.Fatalf("epoch %d", first.players[1].epoch)
	}

	// One that is down is not started any more.
	first.begin = func(uint64) error { return fault(FaultStart, "gone") }
	first.play = script(fault(FaultDied, "gone"))
	r.arrives("main")
	r.run()
	r.is("first", Down)
	r.do(engine.Configure{Definition: alone})
	r.run()
	r.is("first", Idle)
	if at, ok := r.d.WakeAt(); ok {
		t.Fatalf("wakes at %d", at-r.now)
	}

	// Needed again before it is closed.
	first.begin = nil
	r.do(engine.Configure{Definition: centre()})
	r.run()
	r.do(engine.Configure{Definition: alone})
	job := r.d.Next(r.now)
	r.do(engine.Configure{Definition: centre()})
	job.Run(context.Background())
	records := len(r.record("first"))
	r.finish(job)
	if got := r.record("first"); len(got) != records {
		t.Fatalf("%v", got)
	}
	r.run()
	r.is("first", Active)
	for i, in := range first.players {
		if want := min(1, len(first.players)-1-i); in.closed != want {
			t.Errorf("instance %d was closed %d times", i, in.closed)
		}
	}
}

// A new definition begins a board anew only if it may show on it.
func TestConfigured(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	kinds := func(change func(*engine.Definition)) []route.Kind {
		before := len(first.players[0].kinds)
		d := *r.e.Definition()
		change(&d)
		r.do(engine.Configure{Definition: d})
		r.arrives("main")
		r.run()
		return first.players[0].kinds[before:]
	}
	if got := kinds(func(d *engine.Definition) { d.KeepClosedItems++ }); len(got) == 0 || got[0].Resets() {
		t.Errorf("after something else has changed: %v", got)
	}
	if got := kinds(func(d *engine.Definition) { d.Skills = append(slices.Clone(d.Skills), "tea") }); len(got) == 0 || !got[0].Resets() {
		t.Errorf("after skills have changed: %v", got)
	}
	queue := func(change func(*engine.QueueDefinition)) func(*engine.Definition) {
		return func(d *engine.Definition) {
			d.Queues = slices.Clone(d.Queues)
			change(&d.Queues[0])
		}
	}
	if got := kinds(queue(func(q *engine.QueueDefinition) { q.Deciders.Shadow = "second" })); len(got) == 0 || got[0].Resets() {
		t.Errorf("after who decides has changed: %v", got)
	}
	if got := kinds(queue(func(q *engine.QueueDefinition) { q.Within++ })); len(got) == 0 || !got[0].Resets() {
		t.Errorf("after a queue has changed: %v", got)
	}
}

// A definition that names a strategy the desk does not have changes nothing.
func TestReconfigureRefuses(t *testing.T) {
	t.Parallel()
	r, _, _ := ready(t)
	d := centre()
	d.RoutingConfigs[1].Fallback = "third"
	want := `strategy: routing config "reverse" names strategy "third", which is not configured`
	if err := r.d.Check(&d); err == nil || err.Error() != want {
		t.Fatalf("%v", err)
	}
	if _, err := r.e.Step(r.now, engine.Configure{Definition: d}); err != nil {
		t.Fatal(err)
	}
	if err := r.d.Reconfigure(); err == nil || err.Error() != want {
		t.Fatalf("%v", err)
	}
	r.owned("main", "first")
	if !r.d.Settled(r.now) {
		t.Fatal("something changed")
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*post)
		want   bool
	}{
		{"nothing to do", func(*post) {}, true},
		{"at work", func(p *post) { p.busy = true }, false},
		{"to be restarted", func(p *post) { p.state, p.instance, p.retryAt = Down, nil, begin }, false},
		{"to be restarted later", func(p *post) { p.state, p.instance, p.retryAt = Down, nil, begin+1 }, true},
		{"to be closed", func(p *post) { p.retire() }, false},
		{"not needed", func(p *post) { p.wanted = false }, false},
		{"idle", func(p *post) { p.wanted, p.state, p.instance = false, Idle, nil }, true},
		{"to be woken", func(p *post) { p.wake(begin) }, false},
		{"to be woken later", func(p *post) { p.wake(begin + 1) }, true},
		{"changes to tell", func(p *post) { p.feed.agents.touch("ann") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _, _ := ready(t)
			c.change(r.d.named["first"])
			if got := r.d.Settled(begin); got != c.want {
				t.Fatalf("%v", got)
			}
			if job := r.d.Next(begin); job != nil && c.want {
				t.Fatalf("and yet there is %+v", job)
			}
		})
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	var l latency
	for i := range 3 * latencySamples {
		l.add(time.Duration(i))
	}
	if p50, p99 := l.percentiles(); p50 != 2*latencySamples+511 || p99 != 2*latencySamples+1012 {
		t.Fatalf("%d, %d", p50, p99)
	}
}
