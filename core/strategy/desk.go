// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	engine *engine.Engine
	seed   uint64
	posts  []*post // by name
	named  map[string]*post
	owner  map[string]*post // queue → who decides for it now; nil for nobody
	sights map[string][]*post
}

// Step is how a Desk has commands decided: by the loop that owns the engine,
// which tells the events to everybody, the Desk included.
type Step func(engine.Command) engine.Result

// NewDesk returns a desk for the engine's workspace. It needs a spec for every
// strategy that a routing config names, and a runtime for every spec.
func NewDesk(e *engine.Engine, specs []Spec, runtimes map[string]Runtime, seed uint64) (*Desk, error) {
	d := &Desk{engine: e, seed: seed, named: make(map[string]*post)}
	for _, spec := range specs {
		runtime, ok := runtimes[spec.Runtime]
		if !ok {
			return nil, fmt.Errorf("strategy: %s: there is no runtime %q", spec.Name, spec.Runtime)
		}
		if d.named[spec.Name] != nil {
			return nil, fmt.Errorf("strategy: %s: it is there twice", spec.Name)
		}
		spec.Limits = spec.Limits.WithDefaults()
		p := &post{spec: spec, runtime: runtime, feed: newFeed(e, spec.Attributes)}
		d.named[spec.Name] = p
		d.posts = append(d.posts, p)
	}
	slices.SortFunc(d.posts, func(a, b *post) int { return cmp.Compare(a.spec.Name, b.spec.Name) })
	return d, d.Reconfigure()
}

// Check reports whether the desk has every strategy that a definition names.
func (d *Desk) Check(definition *engine.Definition) error {
	for i := range definition.RoutingConfigs {
		config := &definition.RoutingConfigs[i]
		for _, name := range []string{config.Strategy, config.Fallback} {
			if name != "" && d.named[name] == nil {
				return fmt.Errorf("strategy: routing config %q names strategy %q, which is not configured", config.Name, name)
			}
		}
	}
	return nil
}

// Reconfigure takes over the engine's definition. The loop calls it after each
// change of the definition; every strategy then gets a snapshot.
func (d *Desk) Reconfigure() error {
	if err := d.Check(d.engine.Definition()); err != nil {
		return err
	}
	d.assign(true)
	return nil
}

// Start starts every strategy that is needed and waits until each runs or has
// failed, so that nothing is routed by a fallback merely because its strategy
// is still compiling.
func (d *Desk) Start(ctx context.Context, now engine.Time, step Step) {
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
}

// assign decides who decides for which queue, and gives everybody the queues
// that they decide for or prepare to. Fresh begins everybody's board anew, else
// only those whose queues differ.
func (d *Desk) assign(fresh bool) {
	scopes := make(map[*post]map[string]bool, len(d.posts))
	for _, p := range d.posts {
		scopes[p] = make(map[string]bool)
		p.wanted = false
	}
	d.owner = make(map[string]*post)
	definition := d.engine.Definition()
	for i := range definition.Queues {
		name := definition.Queues[i].Name
		_, routing := routed(definition, name)
		for _, p := range []*post{d.named[routing.Strategy], d.named[routing.Fallback]} {
			if p == nil {
				continue
			}
			p.wanted = true
			if d.owner[name] != nil {
				continue // a fallback that is not needed
			}
			scopes[p][name] = true
			if p.state == Active {
				d.owner[name] = p
			}
		}
	}
	d.sights = make(map[string][]*post)
	for _, p := range d.posts {
		if p.state == Idle && p.wanted {
			p.state, p.retryAt = Down, 0 // to be started at once
		}
		p.feed.setScope(scopes[p], fresh)
		for queue := range scopes[p] {
			d.sights[queue] = append(d.sights[queue], p)
		}
	}
}

// Observe notes an event for every strategy that may see what it concerns.
func (d *Desk) Observe(ev *engine.Event) {
	if ev.Kind == engine.KindProposalRefused {
		return
	}
	if ev.Work != 0 {
		w, _ := d.engine.Work(ev.Work) // nil if it is forgotten already
		for _, p := range d.sights[ev.Queue] {
			p.feed.touchWork(ev.Work, w)
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

// Next returns a job that should be run now, nil if there is none. The caller
// asks until there is none.
func (d *Desk) Next(now engine.Time) *Job {
	for _, p := range d.posts {
		if p.busy {
			continue
		}
		if job := d.next(p, now); job != nil {
			p.busy = true
			return job
		}
	}
	return nil
}

func (d *Desk) next(p *post, now engine.Time) *Job {
	switch {
	case !p.wanted && (p.instance != nil || p.state == Down):
		p.retire()
		p.state, p.since = Idle, now
		job := &Job{post: p, closing: p.retired, idle: true}
		p.retired = nil
		return job
	case len(p.retired) > 0:
		job := &Job{post: p, closing: p.retired}
		p.retired = nil
		return job
	case p.state == Down && p.retryAt <= now:
		p.state, p.since = Starting, now
		p.epoch++
		return &Job{post: p, start: true}
	case p.due(now):
		p.nextTurn(now, d.seed)
		return &Job{post: p, turn: true, instance: p.instance}
	default:
		return nil
	}
}

// WakeAt returns when Next may have something to do although nothing happened,
// and false if never.
func (d *Desk) WakeAt() (at engine.Time, ok bool) {
	for _, p := range d.posts {
		if p.busy {
			continue
		}
		var t engine.Time
		switch {
		case p.state == Down:
			t = p.retryAt
		case p.instance != nil && p.wakeAt > 0 && len(p.feed.scope) > 0:
			t = p.wakeAt
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
	p.busy = false
	switch {
	case job.start:
		d.started(now, job, step)
	case job.turn:
		p.latency.add(job.took)
		d.answered(now, job, step)
	case job.idle && p.state == Idle:
		d.change(now, p, Idle, "no queue needs it", step)
	}
}

func (d *Desk) started(now engine.Time, job *Job, step Step) {
	p := job.post
	if job.err != nil {
		d.failed(now, p, asFault(FaultStart, job.err), step)
		return
	}
	p.instance, p.manifest = job.instance, job.manifest
	p.manifest.Version = legible(job.manifest.Version, maxNameBytes)
	p.seq, p.good, p.resyncs, p.late = 0, 0, 0, false
	p.reasons = make(map[uint16]string, len(job.manifest.Reasons))
	for _, reason := range job.manifest.Reasons {
		p.reasons[reason.Code] = legible(reason.Name, maxNameBytes)
	}
	p.feed.wants = job.manifest.Tables
	p.feed.reset()
	if p.epoch > 1 {
		p.counts.Restarts++
		d.change(now, p, Probing, "restarted", step)
		return
	}
	d.change(now, p, Active, "started", step)
}

func (d *Desk) answered(now engine.Time, job *Job, step Step) {
	p := job.post
	err := job.err
	if err == nil {
		err = p.check()
	}
	if errors.Is(err, route.ErrNeedSnapshot) {
		d.resync(now, p, step)
		return
	}
	if err != nil {
		d.failed(now, p, asFault(FaultBroken, err), step)
		return
	}
	if at := engine.Time(p.reply.WakeAt); at > 0 {
		p.wakeAt = min(max(at, now+wakeAtSoonest), now+wakeAtLatest)
	}
	p.note()
	d.settle(now, p, step)
	if !p.turn.Kind.Asks() {
		return // a page proves little
	}
	p.resyncs = 0
	if p.good++; p.state == Probing && p.good >= probeTurns {
		p.late = false
		p.wake(now) // what it proposed so far was not used
		d.change(now, p, Active, fmt.Sprintf("answered %d turns well", p.good), step)
	}
}

// resync gives the strategy a snapshot, as it asked for. One that asks again
// and again is broken.
func (d *Desk) resync(now engine.Time, p *post, step Step) {
	p.counts.Resyncs++
	if p.resyncs++; p.resyncs > maxResyncs {
		p.resyncs = 0
		d.failed(now, p, &Fault{Kind: FaultBroken, Err: fmt.Errorf("asked for %d snapshots in a row", maxResyncs+1)}, step)
		return
	}
	p.feed.reset()
}

// failed deals with a fault: the fallback decides at once where the strategy
// cannot, and the strategy is given another chance.
func (d *Desk) failed(now engine.Time, p *post, fault *Fault, step Step) {
	p.counts.Faults++
	p.counts.LastFault = legible(fault.Error(), maxFaultBytes)
	p.good = 0
	if p.state == Active && p.since+wellAfter <= now {
		p.failures = 0
	}
	p.feed.reset()
	switch {
	case fault.Fatal() || p.strike(now) || fault.Kind == FaultDeadline && p.late:
		d.fell(now, p, step)
	case fault.Kind == FaultDeadline:
		// One turn of grace: it is asked again while the fallback decides.
		p.late = true
		d.change(now, p, Probing, p.counts.LastFault, step)
	}
}

// fell takes the instance out of service until a later start.
func (d *Desk) fell(now engine.Time, p *post, step Step) {
	p.retire()
	p.strikes = nil
	p.retryAt = now + p.backoff()
	p.failures++
	d.change(now, p, Down, p.counts.LastFault, step)
}

// change moves a strategy to another state and puts it on record.
func (d *Desk) change(now engine.Time, p *post, state State, why string, step Step) {
	if p.state != state {
		p.state, p.since = state, now
		d.assign(false)
	}
	step(engine.RecordStrategy{By: p.decision(), State: state.String(), Detail: why})
}

func asFault(kind FaultKind, err error) *Fault {
	if fault, ok := errors.AsType[*Fault](err); ok {
		return fault
	}
	return &Fault{Kind: kind, Err: err}
}

// Close closes every instance and waits for them. No job may be under way.
func (d *Desk) Close(ctx context.Context) {
	for _, p := range d.posts {
		p.retire()
		job := &Job{post: p, closing: p.retired}
		job.Run(ctx)
		p.retired = nil
		p.state = Idle
	}
}
