// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
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
	case !ev.Kind.known():
		return fmt.Errorf("engine: event %d is of kind %d, which this version does not know", ev.Number, ev.Kind)
	}
	if err := e.follows(&ev); err != nil {
		return fmt.Errorf("engine: event %d, %v: %w", ev.Number, ev.Kind, err)
	}
	e.apply(&ev)
	return nil
}

// follows checks that what an event of the past is about is there.
func (e *Engine) follows(ev *Event) error {
	switch {
	case ev.Kind == KindConfigured:
		return e.followsDefinition(ev)
	case ev.Kind == KindWorkCreated:
		if ev.Created == nil || ev.Placed == nil || ev.Work < e.nextWork || e.queues[ev.Placed.Queue] == nil || !e.hasChannel(ev.Created.Channel) {
			return fmt.Errorf("%v is not new, not described, or its queue or channel is not there", ev.Work)
		}
	case ev.Kind == KindTurnTaken && (ev.Turn == nil || ev.Decision == nil) || ev.Kind == KindStrategiesEmployed && ev.Employed == nil:
		return fmt.Errorf("it does not say what is on record")
	case ev.Kind == KindProposalRefused || ev.Kind == KindStrategyChanged || ev.Kind.Inward():
	case ev.Kind == KindDecidersChanged && (ev.Decided == nil || e.queues[ev.Queue] == nil):
		return fmt.Errorf("there is no queue %q or no deciders", ev.Queue)
	case ev.Kind == KindDecidersChanged:
		return ev.Decided.validate(CodeInvalid, "decided")
	case ev.Kind == KindQueueOpened || ev.Kind == KindQueueClosed:
		if e.queues[ev.Queue] == nil {
			return fmt.Errorf("there is no queue %q", ev.Queue)
		}
	case ev.Kind.presence() || ev.Kind == KindAgentSkillsChanged:
		if e.agents[ev.Agent] == nil || ev.Kind.presence() && e.names.statuses[ev.Status] == nil {
			return fmt.Errorf("there is no agent %q or no status %q", ev.Agent, ev.Status)
		}
	default:
		return e.followsWork(ev, e.work[ev.Work])
	}
	return nil
}

func (e *Engine) followsWork(ev *Event, w *Work) error {
	switch {
	case w == nil || w.State.Ended() != (ev.Kind == KindWorkReopened):
		return fmt.Errorf("%v is not there or has ended", ev.Work)
	case ev.Kind.instructs():
		return w.followsInstruction(ev)
	case ev.Kind.moves() && (ev.Placed == nil || e.queues[ev.Placed.Queue] == nil):
		return fmt.Errorf("%v is put in no queue that is there", w.ID)
	case ev.Created != nil && (ev.Created.Channel != w.Spec.Channel || ev.Created.Key != w.Spec.Key):
		return fmt.Errorf("%v changes what cannot change", w.ID)
	case ev.Kind == KindWorkOffered:
		if ev.Decision == nil || ev.Assignment < e.nextAssignment || e.agents[ev.Agent] == nil || !w.State.offers(ev.Guest) || w.standingAt(ev.Agent) != nil {
			return fmt.Errorf("%v is %v, with agent %q already, or agent or decision is missing", w.ID, w.State, ev.Agent)
		}
	case ev.Kind == KindHandedOver:
		former, x := w.Owner(), w.assignment(ev.Assignment)
		if former == nil || former.ID != ev.Former || former.Agent != ev.From || x == nil || !x.Guest || x.State != AssignmentAccepted || x.Agent != ev.Agent {
			return fmt.Errorf("%v is no guest of %v, or %v does not own it", ev.Assignment, w.ID, ev.Former)
		}
	case ev.Assignment != 0 || ev.Kind.answers() || ev.Kind == KindWorkRequeued:
		x := w.assignment(ev.Assignment)
		if x == nil || !x.State.Stands() || x.Agent != ev.Agent {
			return fmt.Errorf("%v of agent %q does not stand for %v", ev.Assignment, ev.Agent, w.ID)
		}
	}
	return nil
}

// offers reports whether work in that state can be offered: to an owner, or to
// a guest.
func (s WorkState) offers(guest bool) bool {
	if guest {
		return s == Open || s == Paused
	}
	return s == Waiting || s == Offered
}

// apply changes the state by one fact. It is the only thing that does, so it
// depends on nothing but the event and the state.
func (e *Engine) apply(ev *Event) {
	e.number, e.now = ev.Number, max(e.now, ev.At)
	e.told = max(e.told, e.now)
	switch {
	case ev.Kind == KindConfigured:
		e.configured(ev)
	case ev.Kind == KindDecidersChanged:
		e.decided(ev)
	case ev.Kind == KindWorkCreated:
		e.created(ev)
	case ev.Kind == KindProposalRefused || ev.Kind == KindStrategyChanged || ev.Kind.Inward():
	case ev.Kind == KindQueueOpened || ev.Kind == KindQueueClosed:
		e.setClosed(e.queues[ev.Queue], ev.Kind == KindQueueClosed)
	case ev.Kind == KindAgentSkillsChanged:
		e.skillsChanged(e.agents[ev.Agent], ev.At)
	case ev.Kind.presence():
		e.presenceChanged(ev, e.agents[ev.Agent])
	default:
		e.workChanged(ev, e.work[ev.Work])
	}
	for _, id := range [...]string{ev.Agent, ev.From} {
		if a := e.agents[id]; a != nil {
			e.reckon(a)
		}
	}
	e.forget(ev.At)
}

func (e *Engine) created(ev *Event) {
	w := &Work{ID: ev.Work, Spec: *ev.Created, Placement: *ev.Placed, State: Waiting, CreatedAt: ev.At, Revision: 1, Reason: ev.Reason}
	e.nextWork = ev.Work + 1
	e.adopt(w)
}

// adopt takes work into everything derived from it.
func (e *Engine) adopt(w *Work) {
	e.work[w.ID] = w
	e.inOrder = append(e.inOrder, w)
	if !w.State.Ended() {
		e.current = append(e.current, w)
	}
	for i := range w.Assignments {
		e.assignments[w.Assignments[i].ID] = w
	}
	if w.Spec.Key != "" {
		e.keys[w.Spec.Key] = w.ID
	}
	if w.Spec.ExpiresAt > 0 && !w.State.Ended() {
		e.schedule(timer{at: w.Spec.ExpiresAt, kind: timeToLive, id: uint64(w.ID)})
	}
	for x := range w.Standing() {
		e.clock(x)
	}
	e.holds(w)
	if e.queueOf(w) != nil {
		e.enter(w)
	}
}

// queueOf returns the work's queue; nil for ended work whose queue is gone.
func (e *Engine) queueOf(w *Work) *queue { return e.queues[w.Queue] }

// workChanged moves work from one state to the next.
func (e *Engine) workChanged(ev *Event, w *Work) {
	e.leave(w)
	if ev.Kind != KindWorkAnnotated {
		w.Revision++
	}
	switch {
	case ev.Kind == KindWorkOffered:
		e.offered(ev, w)
	case ev.Kind.answers():
		e.answered(ev, w)
	case ev.Kind.moves():
		e.placed(ev, w)
	case ev.Kind == KindWorkRequeued:
		e.requeued(ev, w)
	case ev.Kind == KindHandedOver:
		e.handedOver(ev, w)
	case ev.Kind == KindWorkCancelled:
		e.workEnded(ev, w, Cancelled)
	case ev.Kind == KindWorkAbandoned:
		e.workEnded(ev, w, Abandoned)
	case ev.Kind == KindWorkExpired:
		e.workEnded(ev, w, Expired)
	case ev.Kind == KindExclusionsCleared:
		w.Excluded = nil
	}
	e.instructed(ev, w)
	e.enter(w)
}

// placed puts work where the event says; an owner loses it.
func (e *Engine) placed(ev *Event, w *Work) {
	if ev.Assignment != 0 {
		e.assignmentEnded(ev, w.assignment(ev.Assignment), AssignmentTransferred)
	}
	if ev.Created != nil {
		w.Spec = *ev.Created
	}
	if ev.Kind == KindWorkReopened {
		e.ended = slices.DeleteFunc(e.ended, func(id WorkID) bool { return id == w.ID })
		w.EndedAt = 0
		e.resumed(w)
	}
	if moved := w.Queue != ev.Placed.Queue; moved || ev.Kind == KindWorkOverflowed || ev.Kind == KindWorkReopened || ev.Kind == KindWorkTransferred {
		w.Reason = ev.Reason
		w.Excluded, w.Hold = nil, nil
	}
	if ev.Kind == KindWorkTransferred || ev.Kind == KindWorkReopened {
		e.waitsAgain(w)
	}
	w.Placement = *ev.Placed
}

func (e *Engine) requeued(ev *Event, w *Work) {
	e.assignmentEnded(ev, w.assignment(ev.Assignment), AssignmentTransferred)
	w.Reason = ev.Reason
	e.waitsAgain(w)
}

func (e *Engine) waitsAgain(w *Work) {
	w.State = Waiting
	if w.Spec.ExpiresAt > 0 && w.Spec.ExpiresAt <= e.told {
		// The timer may have run out while the work was open.
		e.schedule(timer{at: w.Spec.ExpiresAt, kind: timeToLive, id: uint64(w.ID)})
	}
}

func (e *Engine) workEnded(ev *Event, w *Work, state WorkState) {
	w.State, w.EndedAt, w.Reason, w.Hold = state, ev.At, ev.Reason, nil
	e.ended = append(e.ended, w.ID)
	if e.past++; e.past > len(e.current)/2 {
		e.current = slices.DeleteFunc(e.current, func(w *Work) bool { return w.State.Ended() })
		e.past = 0
	}
}

// resumed makes work current again that had ended.
func (e *Engine) resumed(w *Work) {
	at, still := slices.BinarySearchFunc(e.current, w.ID, func(w *Work, id WorkID) int { return cmp.Compare(w.ID, id) })
	if still {
		e.past--
		return
	}
	e.current = slices.Insert(e.current, at, w)
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

// skillsChanged takes over the skills that are valid now.
func (e *Engine) skillsChanged(a *Agent, at Time) {
	e.unlearn(a)
	a.Skills, a.SkillsAt = a.Definition.valid(at), at
	a.Version++
	e.learn(a)
	for _, q := range e.queues {
		q.stale = true
		clear(q.routability)
	}
}

// setClosed opens or closes a queue, and sees to its next change.
func (e *Engine) setClosed(q *queue, closed bool) {
	q.closed = closed
	e.watch(q, e.now)
}

// watch sets the timer of a queue's opening hours.
func (e *Engine) watch(q *queue, from Time) {
	q.changes = 0
	switch {
	case q.calendar == nil:
		return
	case q.calendar.open(from) == q.closed:
		q.changes = from
	default:
		q.changes = q.calendar.change(from)
	}
	if q.changes > 0 {
		e.schedule(timer{at: q.changes, kind: openingHours, agent: q.definition.Name})
	}
}
