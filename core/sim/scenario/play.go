// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// stops is how often a run stops, to tell of progress and to check.
const stops = 200

// player plays everybody in one replication: customers come, leave and come
// back, agents come and go, take what they are given and complete it.
type player struct {
	plan     *plan
	world    *sim.World
	ledger   *ledger
	progress func(share float64, customers int)
	came     int
	coming   item // whose work is being created
	err      error
}

// play plays a plan and returns what came of it.
func play(ctx context.Context, plan *plan, opts *Options, progress func(float64, int)) (*sampled, error) {
	spec, err := plan.Strategy.spec()
	if err != nil {
		return nil, err
	}
	p := &player{plan: plan, ledger: newLedger(plan), progress: progress}
	p.world, err = sim.New(ctx, sim.Options{
		Start: begin, Definition: plan.definition(), Strategies: []strategy.Spec{spec},
		Runtimes: opts.Runtimes, Seed: plan.seed, Watch: p.watch, AnswerTime: plan.answers(),
	})
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer p.world.Close()
	if err := p.pass(ctx); err != nil {
		return nil, err
	}
	p.ledger.close()
	p.compare()
	out := p.sampled()
	for _, status := range p.world.Status() {
		out.strategy = fmt.Sprintf("%s %s (%s)", filepath.Base(or(plan.Strategy.Source, "queue")), status.Version, status.Runtime)
	}
	return out, nil
}

// answers returns how long the strategy takes in virtual time; nil for no time.
func (p *plan) answers() func(time.Duration) engine.Time {
	if p.AnswerTime.zero() {
		return nil
	}
	var turn uint64
	var left float64 // of a millisecond
	source := newSource(p.seed, strategyName)
	var law *law
	if !p.AnswerTime.Measured {
		law = p.AnswerTime.Distribution.law()
	}
	return func(took time.Duration) engine.Time {
		if turn++; law == nil {
			left += float64(took) / float64(time.Millisecond)
		} else {
			left += min(law.draw(source.draw(turn, forAnswer, 0)), maxSpan.Milliseconds())
		}
		whole := math.Floor(left)
		left -= whole
		return engine.Time(whole)
	}
}

// pass lets the whole time pass, with stops.
func (p *player) pass(ctx context.Context) error {
	for i := range p.ledger.groups {
		for _, s := range p.ledger.groups[i].seats {
			p.attend(s)
		}
	}
	for i := range p.plan.classes {
		p.expect(i, p.plan.stream(i))
	}
	for i := range engine.Time(stops) {
		until := begin + (p.plan.to-begin)/stops*(i+1)
		if i == stops-1 {
			until = p.plan.to
		}
		if err := p.world.Run(ctx, until); err != nil {
			return err
		}
		if p.err != nil {
			return p.err
		}
		p.ledger.advance(until)
		p.audit()
		p.progress(float64(until-begin)/float64(p.plan.to-begin), p.came)
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
		name := p.plan.queues[p.plan.classes[i].queue]
		s := &p.ledger.states[i]
		want[name] = [2]int64{want[name][0] + s.waiting.value, want[name][1] + s.open.value}
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

func (p *player) do(command engine.Command) {
	if _, err := p.world.Do(command); err != nil && p.err == nil {
		p.err = fmt.Errorf("scenario: %T: %w", command, err)
	}
}

// attend has an agent do what the roster says, now and whenever it changes.
func (p *player) attend(s *seat) {
	g, now := &p.plan.groups[s.group], p.world.Now()-begin
	switch g.roster.at(s.number, now) {
	case working:
		p.status(s, g.status)
	case resting:
		if s.status != "" {
			p.status(s, breakName)
		}
	case away:
		p.leave(s)
	}
	if next := g.roster.next(s.number, now); next < never {
		p.world.At(begin+next, func() { p.attend(s) })
	}
}

func (p *player) status(s *seat, status string) {
	s.leaving = false
	switch s.status {
	case status:
		return
	case "":
		p.do(engine.Connect{Agent: s.id})
		p.do(engine.SignIn{Agent: s.id, Status: status})
	default:
		p.do(engine.SetStatus{Agent: s.id, Status: status})
	}
	s.status = status
}

// leave signs an agent out, once what the agent holds is finished.
func (p *player) leave(s *seat) {
	switch {
	case s.status == "":
	case s.used > 0:
		p.status(s, finishingName)
		s.leaving = true
	default:
		p.do(engine.SignOut{Agent: s.id})
		s.status, s.leaving = "", false
	}
}

// expect puts the next customer of a class on the agenda.
func (p *player) expect(class int, s *stream) {
	number, at := s.next()
	if at > p.plan.to || p.err != nil {
		return
	}
	p.world.At(at, func() {
		p.arrive(class, number, 0)
		p.expect(class, s)
	})
}

func (p *player) arrive(class int, number uint64, try int) {
	if p.came++; p.came > maxCustomers {
		p.err = Faults{{Path: "horizon", Message: fmt.Sprintf("more than %d customers come; make it shorter", maxCustomers)}}
		return
	}
	c := &p.plan.classes[class]
	p.ledger.advance(p.world.Now())
	p.coming = item{class: class, number: number, try: try}
	result, err := p.world.Do(engine.CreateWork{Spec: p.plan.work(c, number)})
	if refusal, ok := errors.AsType[*engine.Refusal](err); ok && refusal.Code == engine.CodeQueueFull {
		p.ledger.blocked(class, try)
		if c.Retrials != nil {
			p.retry(class, number, try, c.Retrials.AfterBlock)
		}
		return
	}
	if err != nil {
		p.err = fmt.Errorf("scenario: a customer of class %q: %w", c.name, err)
		return
	}
	if it := p.ledger.items[result.Work]; it != nil {
		p.lose(result.Work, it)
	}
}

// work is what is asked of the host for a customer.
func (p *plan) work(c *class, number uint64) engine.WorkSpec {
	spec := engine.WorkSpec{
		Channel: c.channel(), Queue: p.queues[c.queue], Priority: &c.Priority, Size: c.Size.amount(), Needs: c.needs,
	}
	if r := c.recorded(number); r != nil {
		if r.Priority != nil {
			spec.Priority = r.Priority
		}
		if r.Skills != nil {
			spec.Needs = r.Skills.engine()
		}
	}
	return spec
}

// patienceOf returns how long a customer waits at that try, and whether the
// customer ever leaves.
func (c *class) patienceOf(number uint64, try int) (patience engine.Time, leaves bool) {
	switch r := c.recorded(number); {
	case r != nil && r.Forever:
		return 0, false
	case r != nil && r.Patience > 0:
		return r.Patience.engine(), true
	case c.patience == nil:
		return 0, false
	default:
		return c.patience.sample(c.source.draw(number, forPatience, try), 1), true
	}
}

// service returns how long an agent of the group takes for a customer.
func (p *plan) service(it *item) engine.Time {
	c, g := &p.classes[it.class], &p.groups[it.seat.group]
	if r := c.recorded(it.number); r != nil && r.Service > 0 {
		return engine.Time(r.Service.Milliseconds()/g.speed + 0.5)
	}
	return g.service[it.class].sample(c.source.draw(it.number, forService, 0), g.speed)
}

// lose has a customer leave when out of patience, if still waiting then.
func (p *player) lose(id engine.WorkID, it *item) {
	c := &p.plan.classes[it.class]
	patience, leaves := c.patienceOf(it.number, it.try)
	at := it.arrived + patience
	if !leaves || at > p.plan.to {
		return
	}
	p.world.At(at, func() {
		if it.accepted != 0 {
			return
		}
		p.do(engine.AbandonWork{Work: id})
		if c.Retrials != nil {
			p.retry(it.class, it.number, it.try, c.Retrials.AfterAbandonment)
		}
	})
}

// retry has a customer come back, with that probability.
func (p *player) retry(class int, number uint64, try int, probability float64) {
	c := &p.plan.classes[class]
	if try >= or(c.Retrials.Max, 1) || c.source.draw(number, forRetrial, try).Float64() >= probability {
		return
	}
	at := p.world.Now() + c.delay.sample(c.source.draw(number, forDelay, try), 1)
	if at <= p.plan.to {
		p.world.At(at, func() { p.arrive(class, number, try+1) })
	}
}

// watch takes the record, and has agents complete what they took.
func (p *player) watch(ev *engine.Event) {
	l := p.ledger
	l.advance(ev.At)
	l.fold(ev)
	switch ev.Kind {
	case engine.KindWorkCreated:
		l.created(ev, p.coming.class, p.coming.number, p.coming.try)
	case engine.KindSkillsDropped, engine.KindSkillsRelaxed:
		l.placed(ev)
	case engine.KindWorkOffered:
		l.offered(ev)
	case engine.KindOfferAccepted:
		if it := l.accepted(ev); it != nil {
			p.serve(ev, it)
		}
	case engine.KindWorkCompleted:
		l.completed(ev)
	case engine.KindWorkAbandoned:
		l.abandoned(ev)
	case engine.KindProposalRefused:
		l.refused++
	case engine.KindAgentSignedIn, engine.KindAgentStatusChanged, engine.KindAgentSignedOut:
		l.presence(ev)
	}
}

// serve has an agent complete what was accepted.
func (p *player) serve(ev *engine.Event, it *item) {
	s, at := it.seat, ev.At+p.plan.service(it)
	if at > p.plan.to {
		return
	}
	assignment := ev.Assignment
	p.world.At(at, func() {
		p.do(engine.Complete{Assignment: assignment, Agent: s.id})
		if s.leaving {
			p.leave(s)
		}
	})
}
