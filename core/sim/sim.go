// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package sim runs a workspace in virtual time: the real engine, the real desk
// and real strategies in whichever runtime, with nothing but the clock and the
// people made up. Nothing sleeps; a day takes as long as its decisions.
//
// Strategies answer at once in virtual time, however long they really take, or
// after a time that the caller makes up: then the world goes on while they
// think, and settles what they propose on the state as it has become. So that a
// run depends on its inputs alone: the same people, seed and strategies give the
// same events, byte for byte.
//
// The package must not know of journals, connections or real time.
package sim

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Options say what a world is made of.
type Options struct {
	// Start is the time at which the world begins.
	Start engine.Time
	// Definition is the workspace's.
	Definition engine.Definition
	// Strategies and Runtimes are what its routing configs name, as in the
	// host. Turn deadlines are not applied: time stands still during a turn.
	Strategies []strategy.Spec
	Runtimes   map[string]strategy.Runtime
	// Seed is where the randomness of turns comes from.
	Seed uint64
	// AnswerTime says after how long, in virtual time, a strategy's answer to a
	// turn arrives; took is how long it really took. Below 1 is at once, and nil
	// is always at once. It is called once per turn, in their order. A world
	// whose AnswerTime makes use of took is not the same twice.
	AnswerTime func(took time.Duration) engine.Time
	// Record puts turns on record, as the host does, so that the events can be
	// verified.
	Record bool
	// Watch is told every event, in order, as it happens. It may put things on
	// the agenda, but not give commands. Nil for nobody.
	Watch func(*engine.Event)
}

// World is a workspace in virtual time. It is not safe for concurrent use.
type World struct {
	engine *engine.Engine
	desk   *strategy.Desk
	plan   *intake.Plan // what is done with incoming work; nil before it is defined
	now    engine.Time
	agenda agenda
	asked  uint64
	watch  func(*engine.Event)
	answer func(took time.Duration) engine.Time
}

// New makes a world and starts its strategies. Close ends them.
func New(ctx context.Context, opts Options) (*World, error) {
	w := &World{engine: engine.New(), now: opts.Start, watch: opts.Watch, answer: opts.AnswerTime}
	if _, err := w.Do(engine.Configure{Definition: opts.Definition}); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	specs := slices.Clone(opts.Strategies)
	for i := range specs {
		specs[i].Limits.TurnDeadline = strategy.NoDeadline
	}
	desk, err := strategy.NewDesk(w.engine, specs, opts.Runtimes, opts.Seed)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	w.desk = desk
	if opts.Record {
		w.desk.Record()
	}
	w.desk.Start(ctx, w.now, w.settle)
	for _, status := range w.desk.Status() {
		if status.State == strategy.Down {
			w.Close()
			return nil, fmt.Errorf("sim: strategy %s does not start: %s", status.Name, status.Counts.LastFault)
		}
	}
	return w, nil
}

// Close ends the strategies.
func (w *World) Close() { w.desk.Close(context.Background()) }

// Now returns the virtual time.
func (w *World) Now() engine.Time { return w.now }

// Engine returns the state, to be read.
func (w *World) Engine() *engine.Engine { return w.engine }

// Status returns how the strategies fare.
func (w *World) Status() []strategy.Status { return w.desk.Status() }

// At puts something on the agenda. What is due at the same time happens in the
// order in which it was put there; a time that has passed is taken as now.
func (w *World) At(at engine.Time, do func()) {
	w.asked++
	heap.Push(&w.agenda, appointment{at: max(at, w.now), order: w.asked, do: do})
}

// Do has a command decided at the present time.
func (w *World) Do(command engine.Command) (engine.Result, error) {
	plan := w.plan
	if configure, ok := command.(engine.Configure); ok {
		var err error
		if plan, err = intake.Compile(&configure.Definition); err != nil {
			return engine.Result{}, err
		}
	}
	if w.plan != nil {
		command = w.plan.Prepare(command, w.engine, w.now)
	}
	result, err := w.engine.Step(w.now, command)
	if err != nil {
		return result, err
	}
	w.plan = plan
	for i := range result.Events {
		ev := &result.Events[i]
		if w.desk != nil {
			if ev.Kind == engine.KindConfigured {
				if err := w.desk.Configured(ev); err != nil {
					return result, err
				}
			}
			w.desk.Observe(ev)
		}
		if w.watch != nil {
			w.watch(ev)
		}
	}
	return result, nil
}

// settle is Do for commands that are never refused.
func (w *World) settle(command engine.Command) engine.Result {
	result, err := w.Do(command)
	if err != nil {
		panic(fmt.Sprintf("sim: %T was refused: %v", command, err))
	}
	return result
}

// Run lets time pass until nothing is on the agenda before or at the given
// time, which is then the present. It ends early with the context's error.
func (w *World) Run(ctx context.Context, until engine.Time) error {
	for {
		w.route(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		next, ok := w.next()
		if !ok || next > until {
			w.now = max(w.now, until)
			return nil
		}
		w.now = max(w.now, next)
		w.settle(engine.Tick{})
		for len(w.agenda) > 0 && w.agenda[0].at <= w.now {
			heap.Pop(&w.agenda).(appointment).do()
		}
	}
}

// next returns when something happens next.
func (w *World) next() (at engine.Time, ok bool) {
	if len(w.agenda) > 0 {
		at, ok = w.agenda[0].at, true
	}
	if timer, set := w.engine.NextTimer(); set && (!ok || timer < at) {
		at, ok = timer, true
	}
	if wake, set := w.desk.WakeAt(); set && (!ok || wake < at) {
		at, ok = wake, true
	}
	return at, ok
}

// route gives turns until no strategy has anything to hear any more.
func (w *World) route(ctx context.Context) {
	w.desk.Watch(w.now, w.settle)
	for job := w.desk.Next(w.now); job != nil && ctx.Err() == nil; job = w.desk.Next(w.now) {
		job.Run(ctx)
		if after := w.answersAfter(job); after > 0 {
			w.At(w.now+after, func() { w.desk.Done(w.now, job, w.settle) })
			continue
		}
		w.desk.Done(w.now, job, w.settle)
	}
}

// answersAfter returns how much virtual time passes until what a job that has
// run came to is heard of.
func (w *World) answersAfter(job *strategy.Job) engine.Time {
	took, turn := job.Took()
	if !turn || w.answer == nil {
		return 0
	}
	return w.answer(took)
}

// appointment is something on the agenda.
type appointment struct {
	at    engine.Time
	order uint64
	do    func()
}

type agenda []appointment

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool {
	if a[i].at != a[j].at {
		return a[i].at < a[j].at
	}
	return a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(appointment)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = appointment{}
	*a = (*a)[:last]
	return x
}
