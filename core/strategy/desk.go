// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Desk employs the strategies of one workspace. The workspace's loop owns it:
// it is not safe for concurrent use, starts no goroutine and reads no clock.
//
// The loop tells it every event (Observe), runs the jobs it gives (Next), hands
// them back (Done), and calls again when WakeAt says so. Done settles proposals
// by stepping the engine through the loop.
type Desk struct {
	engine  *engine.Engine
	defined *engine.Definition // as it was when it was decided last who decides
	seed    uint64
	posts   []*post // by name
	named   map[string]*post
	owner   map[string]*post // queue → who decides for it now; nil for nobody
	proven  map[string]*post // queue → the strategy named for it that decided last
	sights  map[string][]*post
	splits  map[string]division // queue → who decides for its classes, if its strategy is split

	trials  map[string]*trial  // queue → its canary
	shadows map[string]*shadow // queue → its shadow
	ready   []*Job             // of shadows, filled together with another's

	runtimes map[string]Runtime
	opened   bool // the first strategies have been started
	stalls   stalls
	folder   string // of frames for the post-mortem; empty for none
	// recording says that the desk keeps a record; see Record.
	recording bool
	discreet  bool                         // settings and arguments are left out of it
	specs     []Spec                       // as configuration says
	hired     uint32                       // how many posts there have been
	employed  bool                         // that is on record, if there is one
	began     uint64                       // the number of the last event when Start began
	place     struct{ after, next uint64 } // of the job that was given last, and of the next
	lull      engine.Time                  // see Lull
	woken     func(post uint32)            // tells that a strategy wants a turn; nil if nobody listens
}

// Step is how a Desk has commands decided: by the loop that owns the engine,
// which tells the events to everybody, the Desk included.
type Step func(engine.Command) engine.Result

// NewDesk returns a desk for the engine's workspace. It needs a spec for every
// strategy that a routing config names, and a runtime for every spec.
func NewDesk(e *engine.Engine, specs []Spec, runtimes map[string]Runtime, seed uint64) (*Desk, error) {
	d := &Desk{
		engine: e, seed: seed, named: make(map[string]*post), proven: make(map[string]*post),
		trials: make(map[string]*trial), shadows: make(map[string]*shadow), runtimes: runtimes,
	}
	d.specs = slices.Clone(specs)
	for _, spec := range expanded(specs) {
		runtime, ok := runtimes[spec.Runtime]
		if !ok {
			return nil, fmt.Errorf("strategy: %s: there is no runtime %q", spec.Name, spec.Runtime)
		}
		if d.named[spec.Name] != nil {
			return nil, fmt.Errorf("strategy: %s: it is there twice", spec.Name)
		}
		p := newPost(e, spec, runtime)
		d.hired++
		p.number = d.hired
		d.named[spec.Name] = p
		d.posts = append(d.posts, p)
	}
	slices.SortFunc(d.posts, byTitle)
	return d, d.Reconfigure()
}

// Check reports whether the desk has every strategy that a definition names,
// and can read its guards.
func (d *Desk) Check(definition *engine.Definition) error {
	for i := range definition.RoutingConfigs {
		config := &definition.RoutingConfigs[i]
		for _, name := range []string{config.Strategy, config.Fallback} {
			if name != "" && d.whole(name) == nil {
				return fmt.Errorf("strategy: routing config %q names strategy %q, which is not configured", config.Name, name)
			}
		}
	}
	for i := range definition.Queues {
		queue := &definition.Queues[i]
		if err := d.checkDeciders(&queue.Deciders); err != nil {
			return fmt.Errorf("queue %q: %w", queue.Name, err)
		}
	}
	return nil
}

// CheckDeciders refuses deciders that name a strategy that the desk has not, or
// a guard that it cannot read, or a shadow or canary that is split.
func (d *Desk) CheckDeciders(to *engine.Deciders) error {
	if err := d.checkDeciders(to); err != nil {
		return err
	}
	if to.Canary != nil {
		return cmp.Or(d.undivided("shadow", to.Shadow), d.undivided("canary", to.Canary.Strategy))
	}
	return d.undivided("shadow", to.Shadow)
}

func (d *Desk) checkDeciders(to *engine.Deciders) error {
	if err := cmp.Or(d.known(to.Strategy), d.known(to.Shadow)); err != nil {
		return err
	}
	if to.Canary == nil {
		return nil
	}
	for _, text := range to.Canary.Guards {
		if _, err := ParseGuard(text); err != nil {
			return &engine.Refusal{Code: engine.CodeInvalid, Field: "guards", Message: strings.TrimPrefix(err.Error(), "strategy: ")}
		}
	}
	return d.known(to.Canary.Strategy)
}

func (d *Desk) known(name string) error {
	if name == "" || d.whole(name) != nil {
		return nil
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(d.named)), func(name string) bool { return d.whole(name) == nil })
	return &engine.Refusal{Code: engine.CodeUnknownStrategy, Field: "strategy", Message: fmt.Sprintf(
		"strategy %q is not configured%s; there are %s", name, meantBy(name, names), strings.Join(names, ", "))}
}

// Reconfigure takes over the engine's definition; every strategy then gets a
// snapshot.
func (d *Desk) Reconfigure() error { return d.reconfigure(true) }

// Configured is Reconfigure for a change of the definition, of which the event
// tells: the loop calls it after each. Strategies get a snapshot only if it may
// change what they are shown.
func (d *Desk) Configured(ev *engine.Event) error {
	return d.reconfigure(ev.Change == nil || ev.Change.Patch == nil || ev.Change.Patch.Boards(d.defined))
}

func (d *Desk) reconfigure(fresh bool) error {
	if err := d.Check(d.engine.Definition()); err != nil {
		return err
	}
	d.assign(fresh)
	d.watchStalls()
	return nil
}

// Start starts every strategy that is needed and waits until each runs or has
// failed, so that nothing is routed by a fallback merely because its strategy
// is still compiling.
func (d *Desk) Start(ctx context.Context, now engine.Time, step Step) {
	d.Employ(step)
	var jobs []*Job
	var running sync.WaitGroup
	for job := d.Next(now); job != nil; job = d.Next(now) {
		jobs = append(jobs, job)
		running.Go(func() { job.Run(ctx) })
	}
	running.Wait()
	for _, job := range jobs {
		d.Done(now, job, step)
	}
	d.opened = true
}

// Observe notes an event for every strategy that may see what it concerns.
func (d *Desk) Observe(ev *engine.Event) {
	if ev.Kind == engine.KindProposalRefused || ev.Kind == engine.KindWorkAnnotated || ev.Kind.Inward() {
		return // which is on no board
	}
	if ev.Kind == engine.KindDecidersChanged {
		d.assign(false)
		return
	}
	d.progressed(ev)
	if ev.Work != 0 {
		w, _ := d.engine.Work(ev.Work) // nil if it is forgotten already
		d.follows(ev, w)
		for _, p := range d.sights[ev.Queue] {
			p.feed.touchWork(ev.Work, w)
		}
		for _, p := range d.posts { // the queue may not be its own any more
			p.feed.outcome(ev)
		}
		if queue, moved := ev.GoesTo(); moved {
			for _, p := range d.sights[queue] {
				p.feed.touchWork(ev.Work, w)
			}
		}
	} else if ev.Queue != "" { // it opened or closed
		for _, p := range d.sights[ev.Queue] {
			p.feed.touchQueue(ev.Queue)
		}
	}
	for _, name := range [...]string{ev.Agent, ev.From} {
		if a, ok := d.engine.Agent(name); ok {
			for _, p := range d.posts {
				p.feed.touchAgent(a)
			}
		}
	}
}

// Lull lets changes wait for so many milliseconds while no work waits that they
// could make a difference to, so that they go with others, or with the next work
// that comes. Without it each is told at once.
func (d *Desk) Lull(most engine.Time) { d.lull = most }

// Next returns a job that should be run now, nil if there is none. The caller
// asks until there is none.
func (d *Desk) Next(now engine.Time) *Job {
	if len(d.ready) > 0 {
		job := d.ready[0]
		d.ready = d.ready[1:]
		return d.give(job, now)
	}
	for _, p := range d.posts {
		if p.wantsStandby(now) {
			p.warming = true
			return &Job{post: p, standby: true, spec: p.spec, runtime: p.runtime, epoch: p.epoch + 1}
		}
		if p.busy {
			continue
		}
		if job := d.next(p, now); job != nil {
			return d.give(job, now)
		}
	}
	return nil
}

// give marks the job as under way.
func (d *Desk) give(job *Job, now engine.Time) *Job {
	job.post.busy = true
	number := d.engine.Number()
	if number != d.place.after {
		d.place.after, d.place.next = number, 0
	}
	job.after, job.place, job.given = number, d.place.next, now
	d.place.next++
	return job
}

func (d *Desk) next(p *post, now engine.Time) *Job {
	if d.rested(now, p) {
		p.dismiss()
	}
	if p.tellAt == 0 && d.lull > 0 && p.feed.pending() {
		p.tellAt = now + d.lull
	}
	switch {
	case d.stops(p):
		return d.stop(now, p)
	case p.closes() || len(p.keeps) > 0:
		job := &Job{post: p, closing: p.retired, keeps: p.keeps, afterword: p.state == Idle && !d.needed(p)}
		p.retired, p.keeps = nil, nil
		return job
	case p.state == Down && p.retryAt <= now:
		return p.begin(now)
	case p.looks(now):
		return &Job{post: p, look: true}
	case p.due(now):
		p.nextTurn(now, d.seed)
		d.accompany(p, now)
		return &Job{post: p, turn: true, instance: p.instance}
	default:
		return nil
	}
}

// WakeAt returns when Next may have something to do although nothing happened,
// and false if never.
func (d *Desk) WakeAt() (at engine.Time, ok bool) {
	at, ok = d.stalls.at, d.stalls.at != 0
	for _, p := range d.posts {
		if p.busy {
			continue
		}
		var t engine.Time
		switch {
		case p.state == Down:
			t = p.retryAt
		case p.state == Quarantined && p.stamp != "":
			t = p.retryAt
		case p.state == Idle && p.standby != nil:
			t = p.standby.until
		case p.instance != nil && p.shadows == "" && p.wakes() != 0: // a shadow is woken by another
			t = p.wakes()
		default:
			continue
		}
		if !ok || t < at {
			at, ok = t, true
		}
	}
	return at, ok
}

// Done takes a finished job back, settles what came of it, and supervises.
func (d *Desk) Done(now engine.Time, job *Job, step Step) {
	p := job.post
	if job.standby {
		d.stands(now, job)
		d.leave()
		return
	}
	p.busy = false
	now = d.recorded(now, job, step)
	switch {
	case job.start:
		d.started(now, job, step)
	case job.turn:
		p.latency.add(job.took)
		if p.slow(job.took) {
			p.counts.Slow++
		}
		d.answered(now, job, step)
	case job.look:
		d.looked(now, job, step)
	case job.idle && p.state == Idle:
		d.stopped(now, p, step)
	}
	if !d.needed(p) {
		d.leave()
	}
}

func (d *Desk) started(now engine.Time, job *Job, step Step) {
	p := job.post
	p.stamp, p.sum = job.stamp, job.sum
	if job.err != nil {
		d.failed(now, p, asFault(FaultStart, job.err), step)
		return
	}
	p.instance, p.manifest = job.instance, job.manifest
	p.manifest.Version = Legible(job.manifest.Version, maxNameBytes)
	p.seq, p.good, p.resyncs, p.late = 0, 0, 0, false
	p.reasons = make(map[uint16]string, len(job.manifest.Reasons))
	for _, reason := range job.manifest.Reasons {
		p.reasons[reason.Code] = Legible(reason.Name, maxNameBytes)
	}
	if waker, ok := p.instance.(Waker); ok && d.woken != nil {
		number := p.number
		waker.OnWake(func() { d.woken(number) })
	}
	p.feed.wants = job.manifest.Tables
	p.feed.reset()
	switch {
	case p.shadows != "": // it decides nothing
		d.change(now, p, Active, "started", step)
	case p.epoch > 1:
		p.counts.Restarts++
		d.change(now, p, Probing, "restarted", step)
	case d.opened: // somebody decides until it has proven itself
		d.change(now, p, Probing, "started", step)
	default:
		p.feed.trust()
		d.change(now, p, Active, "started", step)
	}
}

func (d *Desk) answered(now engine.Time, job *Job, step Step) {
	p := job.post
	err := job.err
	if err == nil {
		err = p.check()
	}
	if errors.Is(err, route.ErrNeedSnapshot) {
		d.compare(p, false)
		d.resync(now, p, step)
		return
	}
	d.compare(p, err == nil)
	if err != nil {
		d.trapped(p, job)
		d.failed(now, p, asFault(FaultBroken, err), step)
		return
	}
	if at := engine.Time(p.reply.WakeAt); at > 0 {
		p.wakeAt = min(max(at, now+wakeAtSoonest), now+wakeAtLatest)
	}
	if p.turn.Kind.Asks() && p.board == p.feed.board && p.feed.answer() {
		d.assign(false) // it may decide for what has come
	}
	p.note()
	d.settle(now, p, step)
	if !p.turn.Kind.Asks() || p.board != p.feed.board {
		return // a page proves little, and so does what is about a board that is gone
	}
	p.resyncs = 0
	if p.good++; p.state == Probing && p.good >= probeTurns && !p.feed.moving() {
		p.late = false
		p.wake(now) // what it proposed so far was not used
		d.change(now, p, Active, fmt.Sprintf("answered %d turns well", p.good), step)
	}
}

// Close closes every instance and waits for them. No job may be under way.
func (d *Desk) Close(ctx context.Context) {
	for _, p := range d.posts {
		p.retire()
		p.dismiss()
		job := &Job{post: p, closing: p.retired}
		job.Run(ctx)
		p.retired = nil
		p.state = Idle
	}
}
