// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// DayOptions say how a recorded day is played.
type DayOptions struct {
	Options
	// Day is the recorded day. Definition is replaced by one that fits it:
	// a queue per class of calls, and the agents who worked, as members of the
	// queues whose calls they answered.
	Day calllog.Day
	// Strategy and Fallback name the strategy of every queue.
	Strategy, Fallback string
	// Model is how an agent is picked.
	Model route.Model
}

// DayResult is what became of a recorded day.
type DayResult struct {
	// Offered is how many calls came; each was served, abandoned, or is still
	// waiting or being served at the end.
	Offered, Served, Abandoned, Waiting, Open int
	// Assignments lists who got which call and when, in order.
	Assignments []DayAssignment
	// Fingerprint is a hash of every event of the day.
	Fingerprint uint64
	// Violations are breaches of invariants: faults of this program.
	Violations []engine.Violation
}

// DayAssignment is one call given to one agent.
type DayAssignment struct {
	Work  engine.WorkID
	Agent string
	At    engine.Time
}

// PlayDay plays a recorded day in virtual time. Customers call when they did.
// Those who were answered in the log wait as long as it takes, and speak as
// long as they did; those who hung up do so after the same time unless they are
// answered before, and then speak for a time drawn from the day's by seed.
// Agents accept at once, and work from their first call in the log to the last.
func PlayDay(ctx context.Context, opts DayOptions) (DayResult, error) {
	d := &day{opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, 1)), calls: make(map[engine.WorkID]*calllog.Call)}
	opts.Options.Definition = d.definition()
	opts.Options.Watch = d.watch
	world, err := New(ctx, opts.Options)
	if err != nil {
		return DayResult{}, err
	}
	defer world.Close()
	d.world = world
	d.plan()
	if err := world.Run(ctx, opts.Start+engine.Time((48*time.Hour).Milliseconds())); err != nil {
		return DayResult{}, err
	}
	if d.err != nil {
		return DayResult{}, d.err
	}
	return d.finish(), nil
}

// dayChannel and friends name what a day's definition is made of.
const (
	dayChannel = "voice"
	dayStatus  = "available"
	dayConfig  = "calls"
)

type day struct {
	opts   DayOptions
	world  *World
	rng    *rand.Rand
	calls  map[engine.WorkID]*calllog.Call
	spoken []time.Duration
	result DayResult
	err    error
}

func (d *day) definition() engine.Definition {
	def := engine.Definition{
		Channels:        []engine.Channel{{Name: dayChannel, Size: engine.Units(engine.Unit)}},
		Statuses:        []engine.Status{{Name: dayStatus, Channels: []string{dayChannel}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: dayConfig, Capacity: engine.Unit, MaxOpen: 1}},
		RoutingConfigs: []engine.RoutingConfig{{
			Name: dayConfig, Model: d.opts.Model, Strategy: d.opts.Strategy, Fallback: d.opts.Fallback,
		}},
		Grace: engine.Time((15 * time.Second).Milliseconds()), KeepClosed: engine.Time(time.Hour.Milliseconds()),
	}
	for _, class := range d.opts.Day.Classes() {
		def.Queues = append(def.Queues, engine.QueueDefinition{Name: class, Routing: dayConfig})
	}
	for _, shift := range d.opts.Day.Shifts() {
		def.Agents = append(def.Agents, engine.AgentDefinition{ID: shift.Server, PresenceConfig: dayConfig, Queues: engine.Member(shift.Classes...)})
	}
	return def
}

// plan puts everybody on the agenda.
func (d *day) plan() {
	for _, shift := range d.opts.Day.Shifts() {
		d.world.At(d.at(shift.Start), func() {
			d.do(engine.Connect{Agent: shift.Server})
			d.do(engine.SignIn{Agent: shift.Server, Status: dayStatus})
		})
		d.world.At(d.at(shift.End), func() { d.do(engine.SignOut{Agent: shift.Server}) })
	}
	for i := range d.opts.Day.Calls {
		call := &d.opts.Day.Calls[i]
		if call.Outcome == calllog.Answered {
			d.spoken = append(d.spoken, call.Service)
		}
		d.world.At(d.at(call.Arrived), func() { d.arrive(call) })
	}
}

func (d *day) at(since time.Duration) engine.Time {
	return d.opts.Start + engine.Time(since.Milliseconds())
}

func (d *day) do(command engine.Command) engine.Result {
	result, err := d.world.Do(command)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("sim: day %s: %T: %w", d.opts.Day.Date, command, err)
	}
	return result
}

func (d *day) arrive(call *calllog.Call) {
	priority := int32(2 - call.Priority)
	id := d.do(engine.CreateWork{Spec: engine.WorkSpec{
		Key: call.ID, Channel: dayChannel, Queue: call.Class, External: call.ID, Priority: &priority,
	}}).Work
	d.calls[id] = call
	d.result.Offered++
	if call.Outcome != calllog.HungUp {
		return
	}
	d.world.At(d.world.Now()+engine.Time(call.Wait.Milliseconds()), func() {
		if w, ok := d.world.Engine().Work(id); ok && (w.State == engine.Waiting || w.State == engine.Offered) {
			d.do(engine.AbandonWork{Work: id})
		}
	})
}

// watch plays the agents, and takes the record.
func (d *day) watch(ev *engine.Event) {
	d.record(ev)
	switch ev.Kind {
	case engine.KindWorkOffered:
		assignment, agent, at := ev.Assignment, ev.Agent, ev.At
		d.result.Assignments = append(d.result.Assignments, DayAssignment{Work: ev.Work, Agent: agent, At: at})
		d.world.At(at, func() { d.do(engine.Accept{Assignment: assignment, Agent: agent}) })
	case engine.KindOfferAccepted:
		assignment, agent := ev.Assignment, ev.Agent
		d.world.At(ev.At+engine.Time(d.service(ev.Work).Milliseconds()), func() {
			d.do(engine.Complete{Assignment: assignment, Agent: agent})
		})
	case engine.KindWorkCompleted:
		d.result.Served++
	case engine.KindWorkAbandoned:
		d.result.Abandoned++
	}
}

// service is how long the customer speaks.
func (d *day) service(work engine.WorkID) time.Duration {
	call := d.calls[work]
	if call.Outcome == calllog.Answered || len(d.spoken) == 0 {
		return call.Service
	}
	return d.spoken[d.rng.IntN(len(d.spoken))]
}

// record folds the event into the fingerprint.
func (d *day) record(ev *engine.Event) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%016x %d %d %v %v %v %q %q %q %d %v",
		d.result.Fingerprint, ev.Number, ev.At, ev.Kind, ev.Work, ev.Assignment, ev.Agent, ev.Queue, ev.Status, ev.Deadline, ev.Verdict)
	if ev.Kind == engine.KindWorkOffered {
		fmt.Fprintf(h, " %d %q", ev.Decision.Score, ev.Decision.Reason)
	}
	d.result.Fingerprint = h.Sum64()
}

func (d *day) finish() DayResult {
	d.world.Engine().EachQueue(func(b engine.Backlog) bool {
		d.result.Waiting += b.Waiting + b.Offered
		d.result.Open += b.Open
		return true
	})
	_, d.result.Violations = d.world.Engine().Audit(0, len(d.opts.Definition.Agents)+1<<20)
	return d.result
}

// String writes the assignment as "w42 to anna at 123456".
func (a DayAssignment) String() string { return fmt.Sprintf("%v to %s at %d", a.Work, a.Agent, a.At) }
