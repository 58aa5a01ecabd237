// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/patchbay-cx/patchbay/sdk/route"

func (c Complete) decide(s *step) error {
	x, w, err := s.held(c.Assignment, c.Agent)
	if err != nil || x.State == AssignmentCompleted || x.WrapUpAt > 0 && x.State == AssignmentAccepted {
		return err
	}
	if x.State != AssignmentAccepted {
		return refuse(CodeWrongState, "", "%v is %v; it can be completed only while accepted", x.ID, x.State)
	}
	if x.Guest {
		s.leaveConference(w, x.ID, "")
		return nil
	}
	s.disperse(w, "completed")
	if wrapUp := s.channel(w).WrapUp.For; wrapUp > 0 {
		ev := Event{Kind: KindWrapUpStarted, Deadline: s.now + wrapUp, Size: x.Size}
		if whole := s.whole(w, x); Milli(whole.Takes()) > x.Size && (whole.Fits() || s.channel(w).ResumeOver) {
			ev.Size, ev.Granted = Milli(whole.Takes()), !whole.Fits()
		}
		s.emit(s.about(w, x.ID, ev))
		return nil
	}
	s.complete(w, x.ID, "")
	return nil
}

func (s *step) complete(w *Work, id AssignmentID, reason string) {
	s.emit(s.about(w, id, Event{Kind: KindWorkCompleted, Reason: reason}))
}

// about fills in what the event is about.
func (s *step) about(w *Work, id AssignmentID, ev Event) Event {
	ev.Work, ev.Queue, ev.Assignment, ev.Agent = w.ID, w.Queue, id, w.assignment(id).Agent
	return ev
}

// wrappingUp returns an assignment that is being wrapped up.
func (s *step) wrappingUp(id AssignmentID, agent string) (*Assignment, *Work, error) {
	x, w, err := s.held(id, agent)
	if err != nil {
		return nil, nil, err
	}
	if w.State != WrapUpWork || !x.State.Stands() {
		return nil, nil, refuse(CodeWrongState, "", "%v is %v and its work %v; it is not being wrapped up", x.ID, x.State, w.State)
	}
	return x, w, nil
}

func (c FinishWrapUp) decide(s *step) error {
	if x, _, err := s.held(c.Assignment, c.Agent); err == nil && x.State == AssignmentCompleted {
		return nil
	}
	x, w, err := s.wrappingUp(c.Assignment, c.Agent)
	if err != nil {
		return err
	}
	s.complete(w, x.ID, "")
	return nil
}

func (c ExtendWrapUp) decide(s *step) error {
	x, w, err := s.wrappingUp(c.Assignment, c.Agent)
	if err != nil {
		return err
	}
	wrapUp := s.channel(w).WrapUp
	if x.Extensions >= wrapUp.Extensions {
		return refuse(CodeLimit, "", "%v was extended %d times, which is all that channel %q allows", x.ID, x.Extensions, w.Spec.Channel)
	}
	s.emit(s.about(w, x.ID, Event{Kind: KindWrapUpExtended, Deadline: max(x.WrapUpUntil, s.now) + wrapUp.Extension}))
	return nil
}

func (c PauseWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil || w.State == Paused {
		return err
	}
	if w.State != Open {
		return refuse(CodeWrongState, "", "%v is %v; only open work can be paused", w.ID, w.State)
	}
	s.pause(w, c.Reason)
	return nil
}

func (s *step) pause(w *Work, reason string) {
	x, channel := w.Owner(), s.channel(w)
	size := x.Size
	if channel.Capacity == ByStatus {
		load := s.load(w.Spec.Channel, channel.PausedSize, s.agents[x.Agent])
		load.Interruptible = x.Interruptible
		size = min(size, Milli(load.Takes()))
	}
	s.emit(s.about(w, x.ID, Event{Kind: KindWorkPaused, Reason: reason, Size: size}))
}

func (c ResumeWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil || w.State == Open {
		return err
	}
	if w.State != Paused {
		return refuse(CodeWrongState, "", "%v is %v; only paused work can be resumed", w.ID, w.State)
	}
	x := w.Owner()
	whole := s.whole(w, x)
	ev := Event{Kind: KindWorkResumed, Size: max(x.Size, Milli(whole.Takes()))}
	if ev.Granted = ev.Size > x.Size && !whole.Fits(); ev.Granted && !s.channel(w).ResumeOver {
		return refuse(CodeNoCapacity, "", "agent %q has no capacity to go on with %v: it takes %v, and %v is free", x.Agent, w.ID, ev.Size, free(&whole))
	}
	s.emit(s.about(w, x.ID, ev))
	return nil
}

// whole is what an assignment would take of its agent if it took its whole size
// again.
func (e *Engine) whole(w *Work, x *Assignment) route.Load {
	load := e.load(w.Spec.Channel, w.Size, e.agents[x.Agent])
	if load.Interruptible = x.Interruptible; x.Interruptible {
		load.InterruptibleUsed -= int32(x.Size)
	} else {
		load.Used -= int32(x.Size)
	}
	return load
}

func (c DeactivateWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil || w.State == Paused || w.State == Closed {
		return err
	}
	if w.State != Open {
		return refuse(CodeWrongState, "", "%v is %v; only an open conversation can fall silent", w.ID, w.State)
	}
	if s.channel(w).Capacity == ByStatus {
		s.pause(w, "inactive")
		return nil
	}
	s.disperse(w, "inactive")
	s.complete(w, w.Owner().ID, "inactive")
	return nil
}

func (c ReopenWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil {
		return err
	}
	if w.State != Closed {
		return refuse(CodeWrongState, "", "%v is %v; only closed work can be reopened", w.ID, w.State)
	}
	if s.queues[w.Queue] == nil || !s.hasChannel(w.Spec.Channel) {
		return refuse(CodeUnknownQueue, "queue", "queue %q or channel %q of %v is no longer there; create new work", w.Queue, w.Spec.Channel, w.ID)
	}
	spec := w.Spec.clone()
	spec.ExpiresAt = 0 // its time was that of the first wait
	placed, err := s.reopened(w, &spec)
	if err != nil {
		return err
	}
	s.emit(Event{Kind: KindWorkReopened, Work: w.ID, Queue: w.Queue, Created: &spec, Placed: placed})
	a := s.agents[w.last()]
	atOnce := a != nil && s.channel(w).Capacity == ByStatus && w.admits(a.ID) && s.ableNow(w, w.Size, a) == nil
	if !atOnce {
		s.waitsAnew(w)
		return nil
	}
	s.offerTo(w, a, s.directly("reopened"), Event{})
	s.accept(w, s.nextAssignment-1)
	return nil
}

// reopened says how work begins that is taken up again: with a new age, for its
// required agent, or for its last one first.
func (s *step) reopened(w *Work, spec *WorkSpec) (*Placement, error) {
	q := s.queues[w.Queue]
	for _, needs := range [][]Need{spec.Needs, spec.Ruled} {
		if err := s.names.checkNeeds(CodeInvalid, "skills", needs); err != nil {
			return nil, err
		}
	}
	placed := s.placement(spec, q, s.now)
	if err := s.fits(spec, q, &placed); err != nil {
		return nil, err
	}
	channel, last := s.channel(w), s.agents[w.last()]
	switch {
	case s.agents[spec.RequiredAgent] != nil:
		if s.forAgent(spec, &placed); s.queues[placed.Backup] == nil {
			placed.Backup, placed.Until = "", 0
		}
	case last != nil && last.SignedIn() && channel.LastAgentFor > 0:
		placed.Agent, placed.Until = last.ID, s.now+channel.LastAgentFor
	}
	return &placed, nil
}
