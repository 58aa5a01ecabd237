// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

const (
	// maxBatch is at how many events waiting for the journal no more commands
	// are taken until it has caught up.
	maxBatch = 16_384
	// maxDrain is how many commands are taken between two looks at the rest.
	maxDrain = 256
	// auditEvery is the pace of the running check of the invariants, which
	// looks at auditAgents agents each time.
	auditEvery  = time.Second
	auditAgents = 2_000
	// maxSleep is how many milliseconds the loop sleeps at most, whatever the
	// next timer says: enough to be idle, and no overflow.
	maxSleep = engine.Time(24 * 60 * 60 * 1000)
	// leisure is how many milliseconds records of turns, for which nobody waits,
	// may wait to be written with something else.
	leisure = engine.Time(20)
	// lull is how many milliseconds changes on boards may wait to be told while no
	// work waits.
	lull = engine.Time(20)
)

// loop owns a workspace's state. Everything here belongs to its goroutine.
type loop struct {
	*Workspace
	ctx      context.Context
	engine   *engine.Engine
	desk     *strategy.Desk
	plan     *intake.Plan    // what is done with incoming work, as defined
	employed []strategy.Spec // by the desk
	clock    clock

	batch     *batch // gathers what happens while the journal is busy
	appending bool
	appends   chan *batch // to the appender, closed at the end
	appended  chan *batch // and back
	jobs      chan *strategy.Job
	workers   sync.WaitGroup
	calls     *calls

	streams   map[string]*Stream
	snapshots *snapshots

	counts     Counts
	warned     map[string]time.Time // of slow turns, by strategy
	shown      uint64               // number of the last event that feeds give
	violations uint64
	auditFrom  int
	opened     time.Time
}

// errNotCompiled says that a definition came in another way than by Do.
var errNotCompiled = errors.New("host: a definition is put in force by Do, not found by DoWith")

// batch is what becomes durable together: events, and who waits for them.
type batch struct {
	events  []engine.Event
	notices []notice
	waiting []*request
	err     error
	// urgent says that somebody waits for it, or may; due is when it is written
	// even if not.
	urgent bool
	due    engine.Time
}

// Counts counts events by kind since the workspace was opened.
type Counts map[engine.Kind]uint64

func newLoop(ctx context.Context, w *Workspace, e *engine.Engine, snapshotAt uint64, opts Options) *loop {
	l := &loop{
		Workspace: w, ctx: ctx, engine: e, clock: newClock(e.Now()), batch: new(batch),
		appends: make(chan *batch, 1), appended: make(chan *batch, 1), jobs: make(chan *strategy.Job, 64),
		streams: make(map[string]*Stream), counts: make(Counts), opened: time.Now(), shown: e.Number(),
		warned: make(map[string]time.Time), calls: newCalls(),
	}
	l.snapshots = newSnapshots(w, snapshotAt, opts.SnapshotEvery)
	l.workers.Go(l.appender)
	l.workers.Go(func() { l.snapshots.run(ctx) })
	return l
}

// begin brings the recovered state up to the present before anybody is served.
func (l *loop) begin(ctx context.Context, opts Options) error {
	l.settle(engine.DisconnectAll{})
	l.settle(engine.Tick{}) // what ran out meanwhile did so under the former definition
	definition, source, err := l.start(opts)
	if err != nil {
		return err
	}
	plan, err := intake.Compile(&definition)
	if err == nil {
		_, err = l.configure(engine.Configure{Definition: definition, Source: source}, plan)
	}
	if err != nil {
		return fmt.Errorf("host: workspace %s: the definition cannot be put in force: %w", l.name, err)
	}
	if l.employed, err = l.specs(&definition); err != nil {
		return err
	}
	desk, err := strategy.NewDesk(l.engine, l.employed, opts.Runtimes, opts.Seed)
	if err != nil {
		return err
	}
	l.desk = desk
	if !opts.NoRecord {
		l.desk.Record()
		if opts.Specs != nil {
			l.desk.KeepSecrets() // or those that references lead to would be on record
		}
	}
	l.desk.KeepFrames(opts.KeepFrames)
	l.desk.OnWake(l.calls.put)
	l.desk.Lull(lull)
	l.desk.Start(ctx, l.now(), l.settle)
	specs := l.employed
	l.workers.Go(func() { l.prepare(specs) })
	return ctx.Err()
}

// prepare has the strategies ready that are there, whether a queue needs them or
// not, so that nobody waits when one does.
func (l *loop) prepare(specs []strategy.Spec) {
	for i := range specs {
		if preparer, ok := l.opts.Runtimes[specs[i].Runtime].(strategy.Preparer); ok && l.ctx.Err() == nil {
			preparer.Prepare(l.ctx, specs[i])
		}
	}
}

// abort ends a loop that never ran.
func (l *loop) abort() {
	if l.desk != nil {
		l.desk.Close(l.ctx)
	}
	l.cancel()
	close(l.appends)
	l.workers.Wait()
	close(l.stopped)
}

func (l *loop) now() engine.Time { return l.clock.now() }

// run is the workspace's only loop.
func (l *loop) run() {
	timer := time.NewTimer(0)
	audit := time.NewTicker(auditEvery)
	defer timer.Stop()
	defer audit.Stop()
	for l.cause() == nil {
		l.pump(timer)
		requests := l.requests
		if len(l.batch.events) >= maxBatch {
			requests = nil
		}
		select {
		case r := <-requests:
			l.handle(r)
			l.drain()
		case b := <-l.appended:
			l.release(b)
		case job := <-l.jobs:
			l.desk.Done(l.now(), job, l.settle)
			l.warn(job)
		case <-l.calls.signal:
			l.calls.take(l.desk.Wake)
		case <-timer.C:
			l.settle(engine.Tick{})
		case <-audit.C:
			l.audit()
		case <-l.closing:
			l.end()
			return
		}
	}
	l.end()
}

// pump starts whatever may start: jobs of the desk, an append, the timer.
func (l *loop) pump(timer *time.Timer) {
	now := l.now()
	l.desk.Watch(now, l.settle)
	for job := l.desk.Next(now); job != nil; job = l.desk.Next(now) {
		l.workers.Go(func() {
			job.Run(l.ctx)
			l.jobs <- job
		})
	}
	l.flush(now)
	next, ok := l.engine.NextTimer()
	if len(l.batch.events) > 0 && !l.appending && (!ok || l.batch.due < next) {
		next, ok = l.batch.due, true
	}
	if wake, wakes := l.desk.WakeAt(); wakes && (!ok || wake < next) {
		next, ok = wake, true
	}
	if ok {
		timer.Reset(time.Duration(min(max(0, next-now), maxSleep)) * time.Millisecond)
	}
}

// flush hands what has gathered to the appender, if that is free and there is
// reason to.
func (l *loop) flush(now engine.Time) {
	if l.appending || len(l.batch.events) == 0 || !l.batch.urgent && now < l.batch.due {
		return
	}
	l.appending = true
	l.appends <- l.batch
	l.batch = new(batch)
}

// appender makes batches durable, one after the other.
func (l *loop) appender() {
	for b := range l.appends {
		records, err := l.codec.events(b.events)
		if err == nil {
			err = l.log.Append(l.ctx, b.events[0].Number, records)
		}
		b.err = err
		l.appended <- b
	}
}

// drain takes the commands that have piled up.
func (l *loop) drain() {
	for range maxDrain {
		select {
		case r := <-l.requests:
			l.handle(r)
		default:
			return
		}
	}
}

// handle decides one request. Its answer goes out when all it rests on is
// durable.
func (l *loop) handle(r *request) {
	l.decide(r)
	if len(l.batch.events) == 0 && !l.appending {
		close(r.done)
		return
	}
	l.batch.urgent = true
	l.batch.waiting = append(l.batch.waiting, r) // release lets it out, with events or without
}

func (l *loop) decide(r *request) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	switch {
	case r.left:
	case r.find != nil:
		r.result, r.err = l.stepWith(r)
	default:
		r.read(l)
	}
}

// stepWith decides the command that a caller finds for the present state.
func (l *loop) stepWith(r *request) (engine.Result, error) {
	command, err := r.find(l.engine)
	if err != nil {
		return engine.Result{}, err
	}
	if err := reserved(command); err != nil {
		return engine.Result{}, err
	}
	if configure, ok := command.(engine.Configure); ok {
		return l.employ(configure, r)
	}
	if decide, ok := command.(engine.Decide); ok {
		if err := l.desk.CheckDeciders(&decide.To); err != nil {
			return engine.Result{}, err
		}
	}
	return l.step(command)
}

// configure puts a definition in force, whose conditions have been compiled.
func (l *loop) configure(c engine.Configure, plan *intake.Plan) (engine.Result, error) {
	if plan == nil {
		return engine.Result{}, errNotCompiled
	}
	if l.desk != nil {
		if err := l.desk.Check(&c.Definition); err != nil {
			return engine.Result{}, err
		}
	}
	former := l.plan
	l.plan = plan
	result, err := l.step(c)
	if err != nil {
		l.plan = former
	}
	return result, err
}

// step decides a command now and spreads its events.
func (l *loop) step(command engine.Command) (engine.Result, error) {
	now := l.now()
	if l.plan != nil {
		command = l.plan.Prepare(command, l.engine, now)
	}
	result, err := l.engine.Step(now, command)
	if err != nil {
		return result, err
	}
	l.gather(now, result.Events)
	if l.desk == nil {
		return result, nil
	}
	for i := range result.Events {
		ev := &result.Events[i]
		if ev.Kind == engine.KindConfigured {
			err = l.desk.Configured(ev)
		}
		l.desk.Observe(ev)
	}
	l.note(result.Events)
	return result, err
}

// gather puts events into the next batch.
func (l *loop) gather(now engine.Time, events []engine.Event) {
	if len(events) == 0 {
		return
	}
	if len(l.batch.events) == 0 {
		l.batch.due = now + leisure
	}
	l.batch.events = append(l.batch.events, events...)
	if !events[0].Kind.Inward() {
		l.shown, l.batch.urgent = events[len(events)-1].Number, true
	}
	l.batch.urgent = l.batch.urgent || len(l.batch.events) >= maxDrain
}

// settle is step for the loop's own commands, which are never refused.
func (l *loop) settle(command engine.Command) engine.Result {
	result, err := l.step(command)
	if err != nil {
		l.logger.Error("a command of the host's own was refused", "workspace", l.name,
			"command", fmt.Sprintf("%T", command), "error", err)
	}
	return result
}

// release lets out what has become durable.
func (l *loop) release(b *batch) {
	l.appending = false
	if b.err != nil {
		err := fmt.Errorf("host: workspace %s: the journal failed: %w", l.name, b.err)
		l.failure.Store(&err)
		l.logger.Error("the journal failed; the workspace ends", "workspace", l.name, "error", b.err)
		return
	}
	for i := range b.events {
		ev := &b.events[i]
		l.counts[ev.Kind]++
		switch ev.Kind {
		case engine.KindStrategyChanged:
			l.report(ev)
		case engine.KindDecidersChanged:
			l.logger.Info("who decides has changed", "workspace", l.name, "queue", ev.Queue, "strategy", ev.Decided.Strategy,
				"shadow", ev.Decided.Shadow, "canary", ev.Decided.Canary != nil, "why", ev.Reason)
		}
	}
	l.tell(b.notices)
	l.tail.put(b.events)
	l.snapshots.note(b.events[len(b.events)-1].Number)
	for _, r := range b.waiting {
		close(r.done)
	}
	if len(l.batch.events) == 0 {
		for _, r := range l.batch.waiting {
			close(r.done)
		}
		l.batch.waiting = nil
	}
}

func (l *loop) report(ev *engine.Event) {
	level := slog.LevelInfo
	if ev.Status != strategy.Active.String() {
		level = slog.LevelWarn
	}
	l.logger.Log(l.ctx, level, "strategy is "+ev.Status, "workspace", l.name,
		"strategy", ev.Decision.Strategy, "runtime", ev.Decision.Runtime, "why", ev.Reason)
}

// audit checks the invariants, a part at a time.
func (l *loop) audit() {
	if l.desk != nil {
		l.desk.Guard(l.settle)
	}
	l.settle(engine.Tick{}) // or what has just run out would be a find
	next, found := l.engine.Audit(l.auditFrom, auditAgents)
	l.auditFrom = next
	l.violations += uint64(len(found))
	for _, violation := range found {
		l.logger.Error("an invariant is broken", "workspace", l.name, "rule", violation.Rule, "detail", violation.Detail)
	}
}

// end makes durable what was taken, and takes everything down in order.
func (l *loop) end() {
	l.once.Do(func() { close(l.closing) })
	l.drainAll()
	for l.cause() == nil && (l.appending || len(l.batch.events) > 0) {
		l.batch.urgent = true
		l.flush(l.now())
		l.release(<-l.appended)
	}
	for _, stream := range l.streams {
		stream.fail(ErrClosed)
	}
	close(l.appends)
	l.cancel()
	l.discard()
	l.desk.Close(context.WithoutCancel(l.ctx))
	if l.cause() == nil {
		l.snapshots.last(context.WithoutCancel(l.ctx), l.engine)
	}
	l.tail.close()
	close(l.stopped)
}

// discard waits for the jobs under way, which end with their context, and drops
// what came of them.
func (l *loop) discard() {
	var discarded sync.WaitGroup
	discarded.Go(func() {
		for job := range l.jobs {
			job.Discard()
		}
	})
	l.workers.Wait()
	close(l.jobs)
	discarded.Wait()
}

// drainAll answers everything that was handed in before closing.
func (l *loop) drainAll() {
	for l.cause() == nil {
		select {
		case r := <-l.requests:
			l.handle(r)
		default:
			return
		}
	}
}
