// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// verifier does one past again.
type verifier struct {
	opts   Options
	report *Report
	engine *engine.Engine
	desk   *strategy.Desk // nil before the first start of a host
	begun  uint64         // the number of the event with which that began

	next  func() (*engine.Event, error, bool)
	ahead []*engine.Event // read, and not done yet
	over  bool            // all is read
	err   error

	asked []asked // what is still to be asked, by place
	given map[uint64]*strategy.Job
	// current is what is being compared: the record, and whom the reply that
	// came proposed.
	current  *engine.Event
	proposed []engine.Proposal
}

func sortAsked(all []asked) {
	slices.SortFunc(all, func(a, b asked) int {
		return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.place, b.place), cmp.Compare(a.number, b.number))
	})
}

// peek returns the event that is i after the next one; nil if there is none.
func (v *verifier) peek(i int) *engine.Event {
	for len(v.ahead) <= i && !v.over {
		ev, err, ok := v.next()
		if !ok || err != nil {
			v.over, v.err = true, err
			break
		}
		v.ahead = append(v.ahead, ev)
	}
	if i >= len(v.ahead) {
		return nil
	}
	return v.ahead[i]
}

// take takes the next event off, which must be there.
func (v *verifier) take() *engine.Event {
	ev := v.peek(0)
	v.ahead = v.ahead[1:]
	return ev
}

func (v *verifier) play(ctx context.Context) error {
	told := v.engine.Number()
	for {
		v.give(ctx)
		ev := v.peek(0)
		if ev == nil || v.report.Difference != nil {
			return v.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := v.happens(ctx, ev); err != nil {
			return err
		}
		if number := v.engine.Number(); v.opts.Progress != nil && number >= told+progressEvery {
			told = number
			v.opts.Progress(number-v.report.First+1, v.report.Last-v.report.First+1)
		}
	}
}

func (v *verifier) happens(ctx context.Context, ev *engine.Event) error {
	switch {
	case ev.Kind == engine.KindStrategiesEmployed:
		return v.employed(ctx, ev)
	case ev.Kind == engine.KindTurnTaken && v.desk != nil:
		return v.taken(ctx, ev)
	case ev.Kind == engine.KindTurnTaken && ev.Turn.Task == engine.TaskTurn:
		v.report.Skipped++
	}
	return v.others(ev)
}

// give asks what was asked at this place. What a former desk had asked and never
// heard is not on record.
func (v *verifier) give(ctx context.Context) {
	number := v.engine.Number()
	for len(v.asked) > 0 && v.asked[0].after <= number {
		a := v.asked[0]
		v.asked = v.asked[1:]
		if v.desk == nil || a.after < number || a.after < v.begun || a.task == engine.TaskJudge || a.task == engine.TaskRelease {
			continue
		}
		v.given[a.number] = v.desk.Again(ctx, &engine.Event{
			At: a.given, Decision: &engine.Decision{Epoch: a.epoch}, Turn: &engine.Turn{Task: a.task, Place: a.place, Post: a.post},
		})
	}
}

// others does again what somebody outside did: one command, with all of its
// events, before the desk is told of any.
func (v *verifier) others(first *engine.Event) error {
	if v.desk != nil && decided(first) {
		v.differs(Events, first, nil)
		return nil
	}
	var events []*engine.Event
	for more := true; more && v.peek(0) != nil; {
		ev := v.take()
		if err := v.engine.Replay(*ev); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		events = append(events, ev)
		more = ev.More
	}
	for _, ev := range events {
		v.observe(ev)
	}
	return v.err
}

// decided reports whether the event is of a strategy's or the desk's doing.
func decided(ev *engine.Event) bool {
	switch ev.Kind {
	case engine.KindWorkOffered, engine.KindProposalRefused:
		return ev.Decision != nil && ev.Decision.Strategy != ""
	case engine.KindStrategyChanged:
		return true
	default:
		return false
	}
}

// observe tells the desk, as the host's loop does.
func (v *verifier) observe(ev *engine.Event) {
	if v.desk == nil {
		return
	}
	if ev.Kind == engine.KindConfigured {
		if err := v.desk.Configured(ev); err != nil {
			v.close() // the host was started anew, with other strategies
			return
		}
	}
	v.desk.Observe(ev)
}

// close ends the desk, and the strategies with it.
func (v *verifier) close() {
	if v.desk != nil {
		v.desk.Close(context.Background())
		v.desk = nil
	}
	clear(v.given)
}

// employed begins with a new desk, or has the desk take over what configuration
// said of strategies from then on.
func (v *verifier) employed(ctx context.Context, ev *engine.Event) error {
	specs, err := strategy.DecodeSpecs(ev.Employed.Strategies)
	if err != nil {
		return fmt.Errorf("verify: event %d: %w", ev.Number, err)
	}
	if err := v.complete(ev, specs); err != nil {
		v.report.Difference = v.difference(Missing, ev, fmt.Sprintf("the settings of a strategy cannot be had here: %v", err))
		return nil
	}
	for i := range specs {
		if other, ok := v.opts.Instead[specs[i].Name]; ok {
			specs[i].Runtime, specs[i].Source, specs[i].Args, specs[i].SHA256 = other.Runtime, other.Source, other.Args, other.SHA256
		}
	}
	switch {
	case ev.Employed.Engaged && v.desk == nil:
		return v.others(ev)
	case ev.Employed.Engaged:
		err = v.desk.Engage(specs)
	default:
		v.close()
		v.report.Starts++
		v.begun = ev.Number
		if v.desk, err = strategy.NewDesk(v.engine, specs, v.opts.Runtimes, ev.Employed.Seed); err == nil {
			v.desk.Record()
		}
	}
	if err != nil {
		v.desk = nil
		v.report.Difference = &Difference{Kind: Missing, Event: ev.Number, At: ev.At, Message: fmt.Sprintf("the strategies on record cannot be employed here: %v", err)}
		return nil
	}
	v.current = ev
	if !ev.Employed.Anew {
		v.desk.Employ(v.step)
		return ctx.Err()
	}
	return errors.Join(v.desk.EmployAnew(v.step), ctx.Err())
}

// complete puts in settings and arguments that the record leaves out.
func (v *verifier) complete(ev *engine.Event, specs []strategy.Spec) error {
	if !ev.Employed.Defined || v.opts.Specs == nil {
		return nil
	}
	definition := v.engine.Definition()
	if next := v.peek(1); ev.Employed.Engaged && !ev.Employed.Anew && next != nil && next.Kind == engine.KindConfigured {
		definition = configured(definition, next) // it is put in force with them
	}
	defined, err := v.opts.Specs(definition)
	for i := range specs {
		for j := range defined {
			if defined[j].Name == specs[i].Name {
				specs[i].Settings, specs[i].Args = defined[j].Settings, defined[j].Args
			}
		}
	}
	return err
}

// configured returns the definition that an event puts in force.
func configured(former *engine.Definition, ev *engine.Event) *engine.Definition {
	switch {
	case ev.Change != nil && ev.Change.Patch != nil:
		return former.Patched(ev.Change.Patch)
	case ev.Definition != nil:
		return ev.Definition
	default:
		return former
	}
}

// step has a command of the desk decided at the time on record, and compares the
// events that come of it with those on record.
func (v *verifier) step(command engine.Command) engine.Result {
	if v.report.Difference != nil {
		return engine.Result{}
	}
	if _, ok := command.(engine.RecordEmployed); ok { // its form may have changed since
		command = engine.RecordEmployed{Employed: *v.current.Employed}
	}
	at := v.engine.Now()
	if rec := v.peek(0); rec != nil {
		at = rec.At
	}
	result, err := v.engine.Step(at, command)
	if err != nil {
		v.report.Difference = v.difference(Events, v.current, fmt.Sprintf("what the host then did is refused now: %v", err))
		return engine.Result{}
	}
	for i := range result.Events {
		came, rec := &result.Events[i], v.peek(0)
		if rec == nil {
			break // the journal ends in the middle of what a reply led to
		}
		v.likened(rec, came)
		if !same(rec, came) {
			v.differs(Events, rec, came)
			return engine.Result{}
		}
		v.take()
		if decided(came) {
			v.report.Decisions++
		}
	}
	for i := range result.Events {
		v.observe(&result.Events[i])
	}
	return result
}

// likened takes what is on record for what came of a strategy that decides
// instead of another, but for whom it gives which work.
func (v *verifier) likened(rec, came *engine.Event) {
	if !v.instead(rec) || !v.instead(came) || rec.Decision.Turn != came.Decision.Turn || rec.Decision.Epoch != came.Decision.Epoch {
		return
	}
	by := *came.Decision
	by.Version, by.Runtime, by.Score, by.Reason = rec.Decision.Version, rec.Decision.Runtime, rec.Decision.Score, rec.Decision.Reason
	came.Decision = &by
	if came.Turn != nil && rec.Turn != nil {
		turn := *came.Turn
		turn.SHA256, turn.Reply = rec.Turn.SHA256, rec.Turn.Reply
		came.Turn = &turn
	}
}

// instead reports whether the event is of a strategy that decides instead of
// another.
func (v *verifier) instead(ev *engine.Event) bool {
	if ev == nil || ev.Decision == nil {
		return false
	}
	_, ok := v.opts.Instead[nameOf(ev.Decision.Strategy)]
	return ok
}

// nameOf returns the admin's name of a strategy from the title under which it is
// on record, as in "mine (next)".
func nameOf(title string) string {
	name, _, _ := strings.Cut(title, " (")
	return name
}

// taken does again what a strategy was asked, and settles what it answers.
func (v *verifier) taken(ctx context.Context, rec *engine.Event) error {
	v.current, v.proposed = rec, nil
	if task := rec.Turn.Task; task == engine.TaskJudge || task == engine.TaskRelease {
		if !v.desk.Repeat(rec, v.step) {
			v.report.Difference = v.difference(Place, rec, "")
		}
		return v.err
	}
	job := v.given[rec.Number]
	delete(v.given, rec.Number)
	if job == nil {
		v.report.Difference = v.difference(Place, rec, "")
		return nil
	}
	counts := v.counts(rec)
	fault := strategy.Recorded(rec)
	if err := v.run(ctx, job, rec, fault); err != nil || v.report.Difference != nil {
		return err
	}
	v.proposed = v.desk.Replies(job)
	v.desk.Done(rec.At, job, v.step)
	if v.report.Difference == nil {
		v.count(counts, job, rec, fault)
	}
	return v.err
}

// run does the job, or has it fail as it did.
func (v *verifier) run(ctx context.Context, job *strategy.Job, rec *engine.Event, fault error) error {
	switch task := rec.Turn.Task; {
	case task == engine.TaskLook:
	case task == engine.TaskStop || task == engine.TaskClose:
		job.Run(ctx)
	case fault != nil && !errors.Is(fault, route.ErrNeedSnapshot):
		job.Fail(fault)
	case task == engine.TaskStart:
		if v.report.Difference = v.packaged(job, rec); v.report.Difference != nil {
			return nil
		}
		job.RunPatiently(ctx)
		if err := job.Err(); err != nil && ctx.Err() == nil {
			v.report.Difference = v.difference(Missing, rec, fmt.Sprintf("it started then, and does not start now: %v", err))
		}
	default:
		job.RunPatiently(ctx)
	}
	return ctx.Err()
}
