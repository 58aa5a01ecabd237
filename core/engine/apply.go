// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
)

// Replay applies an event of the past. Events must come in order and without
// gaps; an error names the first that does not fit, and the engine is then of
// no use.
func (e *Engine) Replay(ev Event) error {
	switch {
	case ev.Number != e.number+1:
		return fmt.Errorf("engine: event %d follows event %d: the log has a gap", ev.Number, e.number)
	case ev.Kind == 0 || ev.Kind >= kindEnd:
		return fmt.Errorf("engine: event %d is of kind %d, which this version does not know", ev.Number, ev.Kind)
	}
	if err := e.fits(&ev); err != nil {
		return fmt.Errorf("engine: event %d, %v: %w", ev.Number, ev.Kind, err)
	}
	e.apply(&ev)
	return nil
}

// fits checks that what an event of the past is about is there.
func (e *Engine) fits(ev *Event) error {
	switch ev.Kind {
	case KindConfigured:
		return e.fitsDefinition(ev.Definition)
	case KindWorkCreated:
		if ev.Created == nil || ev.Created.Priority == nil || ev.Work < e.nextWork || e.queues[ev.Created.Queue] == nil {
			return fmt.Errorf("%v is not new, not described or of no queue", ev.Work)
		}
	case KindProposalRefused, KindStrategyChanged:
	case KindAgentSignedIn, KindAgentStatusChanged, KindAgentSignedOut, KindAgentConnected, KindAgentDisconnected:
		if e.agents[ev.Agent] == nil || e.names.statuses[ev.Status] == nil {
			return fmt.Errorf("there is no agent %q or no status %q", ev.Agent, ev.Status)
		}
	default:
		return e.fitsWork(ev, e.work[ev.Work])
	}
	return nil
}

func (e *Engine) fitsDefinition(d *Definition) error {
	if d == nil {
		return fmt.Errorf("there is no definition")
	}
	names, err := d.index()
	if err != nil {
		return err
	}
	return e.replaceable(names)
}

func (e *Engine) fitsWork(ev *Event, w *Work) error {
	switch {
	case w == nil || w.State.Ended():
		return fmt.Errorf("%v is not there or has ended", ev.Work)
	case ev.Kind == KindWorkOffered:
		if w.State != Waiting || ev.Decision == nil || ev.Assignment < e.nextAssignment || e.agents[ev.Agent] == nil {
			return fmt.Errorf("%v is %v, or agent or decision is missing", w.ID, w.State)
		}
	case w.current() != ev.Assignment || w.agent() != ev.Agent || ev.Assignment == 0 && ev.Kind.answers():
		return fmt.Errorf("%v has %v standing at agent %q", w.ID, w.current(), w.agent())
	}
	return nil
}

// apply changes the state by one fact. It is the only thing that does, so it
// depends on nothing but the event and the state.
func (e *Engine) apply(ev *Event) {
	e.number, e.now = ev.Number, max(e.now, ev.At)
	e.told = max(e.told, e.now)
	switch ev.Kind {
	case KindConfigured:
		e.configured(ev)
	case KindWorkCreated:
		e.created(ev)
	case KindProposalRefused, KindStrategyChanged:
	case KindAgentSignedIn, KindAgentStatusChanged, KindAgentSignedOut, KindAgentConnected, KindAgentDisconnected:
		e.presenceChanged(ev, e.agents[ev.Agent])
	default:
		e.workChanged(ev, e.work[ev.Work])
	}
	e.forget(ev.At)
}

func (e *Engine) created(ev *Event) {
	w := &Work{ID: ev.Work, Spec: *ev.Created, State: Waiting, CreatedAt: ev.At, Revision: 1}
	e.nextWork = ev.Work + 1
	e.adopt(w)
}

// adopt takes work into everything derived from it.
func (e *Engine) adopt(w *Work) {
	e.work[w.ID] = w
	e.inOrder = append(e.inOrder, w)
	for i := range w.Assignments {
		e.assignments[w.Assignments[i].ID] = w
	}
	if w.Spec.Key != "" {
		e.keys[w.Spec.Key] = w.ID
	}
	if w.Spec.ExpiresAt > 0 && !w.State.Ended() {
		e.schedule(timer{at: w.Spec.ExpiresAt, kind: timeToLive, id: uint64(w.ID)})
	}
	if x := w.Standing(); x != nil && x.State == AssignmentOffered && x.Deadline > 0 {
		e.schedule(timer{at: x.Deadline, kind: pushTimeout, id: uint64(x.ID)})
	}
	if q := e.queueOf(w); q != nil {
		q.enter(w)
	}
}

// queueOf returns the work's queue; nil for ended work whose queue is gone.
func (e *Engine) queueOf(w *Work) *queue { return e.queues[w.Spec.Queue] }

// workChanged moves work from one state to the next.
func (e *Engine) workChanged(ev *Event, w *Work) {
	q := e.queueOf(w)
	q.leave(w)
	w.Revision++
	switch ev.Kind {
	case KindWorkOffered:
		e.offered(ev, w)
	case KindOfferAccepted:
		e.accepted(ev, w)
		if q.routing.DeclineRule != Forever {
			w.Excluded = nil
		}
	case KindOfferDeclined:
		e.assignmentEnded(ev, w, AssignmentDeclined)
		w.backToWaiting()
		w.exclude(ev.Agent, q.routing.DeclineRule)
	case KindOfferTimedOut:
		e.assignmentEnded(ev, w, AssignmentTimedOut)
		w.backToWaiting()
		w.exclude(ev.Agent, q.routing.DeclineRule)
	case KindOfferUnavailable:
		e.assignmentEnded(ev, w, AssignmentUnavailable)
		w.backToWaiting()
	case KindWorkRequeued:
		e.requeued(ev, w)
	case KindWorkCompleted:
		e.assignmentEnded(ev, w, AssignmentCompleted)
		e.workEnded(ev, w, Closed)
	case KindWorkCancelled:
		e.withdrawn(ev, w, Cancelled)
	case KindWorkAbandoned:
		e.withdrawn(ev, w, Abandoned)
	case KindWorkExpired:
		e.withdrawn(ev, w, Expired)
	case KindExclusionsCleared:
		w.Excluded = nil
	}
	q.enter(w)
}

func (e *Engine) offered(ev *Event, w *Work) {
	w.State = Offered
	if len(w.Assignments) == maxTries {
		delete(e.assignments, w.Assignments[0].ID)
		w.Assignments = slices.Delete(w.Assignments, 0, 1)
	}
	w.Assignments = append(w.Assignments, Assignment{
		ID: ev.Assignment, Agent: ev.Agent, State: AssignmentOffered, Size: w.Spec.Size,
		OfferedAt: ev.At, Deadline: ev.Deadline, Decision: *ev.Decision,
	})
	e.nextAssignment = ev.Assignment + 1
	e.assignments[ev.Assignment] = w
	a := e.agents[ev.Agent]
	a.hold(ev.Assignment, w.Spec.Size, ev.At)
	a.Version++
	if ev.Deadline > 0 {
		e.schedule(timer{at: ev.Deadline, kind: pushTimeout, id: uint64(ev.Assignment)})
	}
}

func (e *Engine) accepted(ev *Event, w *Work) {
	x := w.assignment(ev.Assignment)
	x.State, x.AnsweredAt = AssignmentAccepted, ev.At
	w.State = Open
	e.agents[ev.Agent].Version++
}

func (e *Engine) assignmentEnded(ev *Event, w *Work, state AssignmentState) {
	x := w.assignment(ev.Assignment)
	if x.State == AssignmentOffered {
		x.AnsweredAt = ev.At
	}
	x.State, x.EndedAt, x.Reason = state, ev.At, ev.Reason
	a := e.agents[x.Agent]
	a.release(x.ID, x.Size, ev.At)
	a.Version++
}

func (w *Work) backToWaiting() {
	w.State = Waiting
	w.Declines++
}

func (e *Engine) requeued(ev *Event, w *Work) {
	state := AssignmentTransferred
	if w.State == Offered {
		state = AssignmentWithdrawn
	}
	e.assignmentEnded(ev, w, state)
	w.State, w.Reason = Waiting, ev.Reason
	if w.Spec.ExpiresAt > 0 && w.Spec.ExpiresAt <= e.told {
		// The timer may have run out while the work was open.
		e.schedule(timer{at: w.Spec.ExpiresAt, kind: timeToLive, id: uint64(w.ID)})
	}
}

// withdrawn ends work that waits or is offered.
func (e *Engine) withdrawn(ev *Event, w *Work, state WorkState) {
	if ev.Assignment != 0 {
		e.assignmentEnded(ev, w, AssignmentWithdrawn)
	}
	e.workEnded(ev, w, state)
}

func (e *Engine) workEnded(ev *Event, w *Work, state WorkState) {
	w.State, w.EndedAt, w.Reason = state, ev.At, ev.Reason
	e.ended = append(e.ended, w.ID)
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

func (e *Engine) presenceChanged(ev *Event, a *Agent) {
	a.Version++
	switch ev.Kind {
	case KindAgentSignedIn:
		a.SignedInAt = ev.At
		e.present(a, ev.Status, ev.Cause, ev.At)
		e.graceRuns(a, ev.Deadline)
	case KindAgentStatusChanged:
		e.present(a, ev.Status, ev.Cause, ev.At)
	case KindAgentSignedOut:
		a.SignedInAt, a.GraceUntil = 0, 0
		e.present(a, Offline, ev.Cause, ev.At)
	case KindAgentConnected:
		a.Connected, a.GraceUntil = true, 0
	case KindAgentDisconnected:
		a.Connected = false
		e.graceRuns(a, ev.Deadline)
	}
}

func (e *Engine) graceRuns(a *Agent, until Time) {
	a.GraceUntil = until
	if until > 0 {
		e.schedule(timer{at: until, kind: grace, agent: a.ID})
	}
}
