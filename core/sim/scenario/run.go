// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Options are what a run needs beside its scenario.
type Options struct {
	// Runtimes are the ways in which strategies run, by name, as in the host.
	Runtimes map[string]strategy.Runtime
	// Progress is told now and then what share of the run's time has passed,
	// and how many customers have come. Nil for nobody.
	Progress func(share float64, customers int)
}

const (
	// batches is how many parts of a run standard errors are taken from.
	batches = 20
	// stops is how often a batch stops, to tell of progress and to check.
	stops = 10
)

// Run plays a scenario. It takes as long as its decisions and ends early with
// the context's error. A scenario that is not valid gives Faults. What must
// hold of each run and did not is in the result, not in the error.
func Run(ctx context.Context, s *Scenario, opts Options) (*Result, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	plan, err := newPlan(s)
	if err != nil {
		return nil, err
	}
	spec, err := s.Strategy.spec()
	if err != nil {
		return nil, err
	}
	p := &player{plan: plan, ledger: newLedger(plan, engine.Time(s.AcceptableWait.Milliseconds())), progress: opts.Progress}
	p.world, err = sim.New(ctx, sim.Options{
		Start: begin, Definition: plan.definition(), Strategies: []strategy.Spec{spec},
		Runtimes: opts.Runtimes, Seed: s.Seed, Watch: p.watch,
	})
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer p.world.Close()
	if err := p.play(ctx); err != nil {
		return nil, err
	}
	return p.result(s), nil
}

// player plays everybody in a scenario: customers come and leave, agents take
// what they are given and complete it.
type player struct {
	plan     *plan
	world    *sim.World
	ledger   *ledger
	progress func(float64, int)
	came     int
	err      error
}

func (p *player) play(ctx context.Context) error {
	for i := range p.plan.groups {
		g := &p.plan.groups[i]
		for n := range g.Agents {
			p.do(engine.Connect{Agent: g.agent(n)})
			p.do(engine.SignIn{Agent: g.agent(n), Status: statusName})
		}
	}
	for i := range p.plan.classes {
		p.expect(i, p.plan.stream(i))
	}
	if p.plan.from > begin {
		if err := p.pass(ctx, begin, p.plan.from); err != nil {
			return err
		}
	}
	p.ledger.mark()
	span := p.plan.to - p.plan.from
	for b := range engine.Time(batches) {
		if err := p.pass(ctx, p.plan.from+span*b/batches, p.plan.from+span*(b+1)/batches); err != nil {
			return err
		}
		p.ledger.mark()
	}
	p.ledger.close()
	p.compare()
	return nil
}

// pass lets time pass from one moment to another, with a few stops.
func (p *player) pass(ctx context.Context, from, to engine.Time) error {
	for i := range engine.Time(stops) {
		until := from + (to-from)*(i+1)/stops
		if err := p.world.Run(ctx, until); err != nil {
			return err
		}
		if p.err != nil {
			return p.err
		}
		p.ledger.advance(until)
		p.audit()
		if p.progress != nil {
			p.progress(float64(until-begin)/float64(p.plan.to-begin), p.came)
		}
	}
	return nil
}

// audit has the engine check its own invariants.
func (p *player) audit() {
	for next := 0; ; {
		var found []engine.Violation
		next, found = p.world.Engine().Audit(next, 1000)
		for _, v := range found {
			p.ledger.breach("%v", v)
		}
		if next == 0 {
			return
		}
	}
}

// compare holds the engine's counters against the ledger.
func (p *player) compare() {
	want := make(map[string][2]int64)
	for i := range p.plan.classes {
		c := want[p.plan.classes[i].Queue]
		want[p.plan.classes[i].Queue] = [2]int64{c[0] + p.ledger.states[i].waiting, c[1] + p.ledger.states[i].open}
	}
	p.world.Engine().EachQueue(func(b engine.Backlog) bool {
		got := [2]int64{int64(b.Waiting + b.Offered), int64(b.Open)}
		if got != want[b.Queue.Name] {
			p.ledger.breach("counts: queue %q has %v waiting and open by the engine, %v by the events", b.Queue.Name, got, want[b.Queue.Name])
		}
		return true
	})
	for _, status := range p.world.Status() {
		if status.Counts.Faults > 0 {
			p.ledger.breach("strategy: it failed %d times, last: %s", status.Counts.Faults, status.Counts.LastFault)
		}
	}
}

func (p *player) do(command engine.Command) engine.Result {
	result, err := p.world.Do(command)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("scenario: %T: %w", command, err)
	}
	return result
}

// expect puts the next customer of a class on the agenda.
func (p *player) expect(class int, s *stream) {
	number, at := s.next()
	if at > p.plan.to || p.err != nil {
		return
	}
	p.world.At(at, func() {
		p.arrive(class, number)
		p.expect(class, s)
	})
}

func (p *player) arrive(class int, number uint64) {
	if p.came++; p.came > maxCustomers {
		p.err = Faults{{Path: "horizon", Message: fmt.Sprintf("more than %d customers come; make it shorter", maxCustomers)}}
		return
	}
	c := &p.plan.classes[class]
	id := p.do(engine.CreateWork{Spec: engine.WorkSpec{
		Channel: channelName, Queue: c.Queue, Priority: &c.Priority, Size: engine.Units(c.size),
	}}).Work
	if p.err != nil {
		return
	}
	it := p.ledger.arrived(id, class, number)
	if c.Patience == nil {
		return
	}
	patience := c.Patience.sample(c.source.draw(number, forPatience), 1)
	if it.arrived+patience > p.plan.to {
		return
	}
	p.world.At(it.arrived+patience, func() {
		if it.accepted == 0 {
			p.do(engine.AbandonWork{Work: id})
		}
	})
}

// watch takes the record, and has agents complete what they took.
func (p *player) watch(ev *engine.Event) {
	p.ledger.advance(ev.At)
	p.ledger.record(ev)
	switch ev.Kind {
	case engine.KindOfferAccepted:
		it := p.ledger.accepted(ev)
		if it == nil {
			return
		}
		c, g := &p.plan.classes[it.class], &p.plan.groups[it.seat.group]
		service := g.service[it.class].sample(c.source.draw(it.number, forService), g.speed)
		if ev.At+service > p.plan.to {
			return
		}
		assignment, agent := ev.Assignment, ev.Agent
		p.world.At(ev.At+service, func() { p.do(engine.Complete{Assignment: assignment, Agent: agent}) })
	case engine.KindWorkCompleted:
		p.ledger.completed(ev)
	case engine.KindWorkAbandoned:
		p.ledger.abandoned(ev)
	case engine.KindProposalRefused:
		p.ledger.refused++
	}
}
