// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "slices"

// answered changes a standing assignment, and its work with it.
func (e *Engine) answered(ev *Event, w *Work) {
	x := w.assignment(ev.Assignment)
	switch ev.Kind {
	case KindOfferAccepted:
		e.accepted(ev, w, x)
	case KindOfferDeclined:
		e.missed(ev, w, x, AssignmentDeclined)
	case KindOfferTimedOut:
		e.missed(ev, w, x, AssignmentTimedOut)
	case KindOfferUnavailable:
		e.missed(ev, w, x, AssignmentUnavailable)
	case KindOfferWithdrawn:
		e.missed(ev, w, x, AssignmentWithdrawn)
	case KindGuestLeft:
		e.assignmentEnded(ev, x, AssignmentCompleted)
	case KindWorkPaused:
		e.agents[x.Agent].takes(x, x.Size, ev.Size, false)
		x.Size, x.PausedAt, w.State, w.Reason = ev.Size, ev.At, Paused, ev.Reason
	case KindWorkResumed:
		e.agents[x.Agent].takes(x, x.Size, ev.Size, ev.Granted)
		x.Size, w.State = ev.Size, Open
		x.unpause(ev.At)
	case KindWrapUpStarted:
		e.agents[x.Agent].takes(x, x.Size, ev.Size, ev.Granted)
		x.Size, w.State, x.WrapUpAt, x.WrapUpUntil = ev.Size, WrapUpWork, ev.At, ev.Deadline
		x.unpause(ev.At)
		e.clock(x)
	case KindWrapUpExtended:
		x.WrapUpUntil = ev.Deadline
		x.Extensions++
		e.clock(x)
	case KindWorkCompleted:
		e.assignmentEnded(ev, x, AssignmentCompleted)
		e.workEnded(ev, w, Closed)
	}
	e.agents[x.Agent].Version++
}

func (x *Assignment) unpause(at Time) {
	if x.PausedAt > 0 {
		x.Paused += at - x.PausedAt
		x.PausedAt = 0
	}
}

func (e *Engine) offered(ev *Event, w *Work) {
	if !ev.Guest {
		w.State = Offered
	}
	if len(w.Assignments) >= maxTries {
		if i := slices.IndexFunc(w.Assignments, func(x Assignment) bool { return !x.State.Stands() }); i >= 0 {
			delete(e.assignments, w.Assignments[i].ID)
			w.Assignments = slices.Delete(w.Assignments, i, i+1)
		}
	}
	w.Assignments = append(w.Assignments, Assignment{
		ID: ev.Assignment, Agent: ev.Agent, State: AssignmentOffered, Size: ev.Size, Guest: ev.Guest,
		Interruptible: e.channel(w).Interruptible, OfferedAt: ev.At, Deadline: ev.Deadline, Decision: *ev.Decision,
	})
	x := &w.Assignments[len(w.Assignments)-1]
	e.nextAssignment = ev.Assignment + 1
	e.assignments[ev.Assignment] = w
	a := e.agents[ev.Agent]
	a.hold(x, ev.Granted, ev.At)
	a.Version++
	e.clock(x)
}

func (e *Engine) accepted(ev *Event, w *Work, x *Assignment) {
	x.State, x.AnsweredAt, x.AcceptedAt = AssignmentAccepted, ev.At, ev.At
	e.agents[x.Agent].Offers--
	if x.Guest {
		return
	}
	w.State, w.Hold = Open, nil
	if e.queueOf(w).routing.DeclineRule != Forever {
		w.Excluded = nil
	}
	if x.Decision.Strategy != "" { // what was given directly did not wait
		wait := ev.At - w.waitsSince()
		e.waits.accepted(inQueue(w.Queue), ev.At, wait)
		if len(w.Needs) > 0 {
			e.waits.accepted(withSkills(w.Needs), ev.At, wait)
		}
	}
	e.remember(w, x.Agent, ev.At)
}

// missed ends an offer that came to nothing. Unless another one stands the work
// waits again.
func (e *Engine) missed(ev *Event, w *Work, x *Assignment, state AssignmentState) {
	e.assignmentEnded(ev, x, state)
	if x.Guest {
		return
	}
	if state != AssignmentWithdrawn {
		w.Declines++
	}
	if state == AssignmentDeclined || state == AssignmentTimedOut {
		w.exclude(ev.Agent, e.queueOf(w).routing.DeclineRule)
	}
	if state == AssignmentDeclined || state == AssignmentUnavailable {
		w.Placement = *w.Placement.clone()
		w.require(reset(w.Needs), ev.At)
	}
	if w.Offers() == 0 {
		w.State = Waiting
	}
}

func (e *Engine) assignmentEnded(ev *Event, x *Assignment, state AssignmentState) {
	a := e.agents[x.Agent]
	a.release(x, ev.At)
	a.Version++
	if x.State == AssignmentOffered {
		x.AnsweredAt = ev.At
	}
	x.unpause(ev.At)
	x.State, x.EndedAt, x.Reason = state, ev.At, ev.Reason
}

// handedOver makes a guest the owner, whose assignment is then the last: who had
// the work last is told by that.
func (e *Engine) handedOver(ev *Event, w *Work) {
	e.assignmentEnded(ev, w.assignment(ev.Former), AssignmentTransferred)
	if ev.Created != nil {
		w.Spec = *ev.Created
	}
	x := w.assignment(ev.Assignment)
	x.Guest = false
	e.agents[x.Agent].Version++
	e.remember(w, x.Agent, ev.At)
	i, taken := slices.IndexFunc(w.Assignments, func(x Assignment) bool { return x.ID == ev.Assignment }), *x
	w.Assignments = append(slices.Delete(w.Assignments, i, i+1), taken)
}

// exclude applies the decline rule.
func (w *Work) exclude(agent string, rule DeclineRule) {
	if rule == LastOnly {
		w.Excluded = w.Excluded[:0]
	}
	if !w.excludes(agent) {
		w.Excluded = append(w.Excluded, agent)
	}
}

// clock sets the timer of a standing assignment.
func (e *Engine) clock(x *Assignment) {
	switch {
	case x.State == AssignmentOffered && x.Deadline > 0:
		e.schedule(timer{at: x.Deadline, kind: pushTimeout, id: uint64(x.ID)})
	case x.WrapUpUntil > 0:
		e.schedule(timer{at: x.WrapUpUntil, kind: wrapUpEnds, id: uint64(x.ID)})
	}
}
