// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

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
		s.emit(s.about(w, x.ID, Event{Kind: KindWrapUpStarted, Deadline: s.now + wrapUp}))
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
	x, channel := w.Owner(), s.channel(w)
	a := s.agents[x.Agent]
	ev := Event{Kind: KindWorkResumed, Size: x.Size}
	if channel.Capacity == ByStatus {
		load := s.load(w.Spec.Channel, w.Size, a)
		if load.Interruptible = x.Interruptible; x.Interruptible {
			load.InterruptibleUsed -= int32(x.Size)
		} else {
			load.Used -= int32(x.Size)
		}
		ev.Size = Milli(load.Takes())
		if ev.Granted = channel.ResumeOver && !load.Fits(); !ev.Granted && !load.Fits() {
			return refuse(CodeNoCapacity, "", "agent %q has no capacity to go on with %v: it takes %v, and %v is free", a.ID, w.ID, ev.Size, free(&load))
		}
	}
	s.emit(s.about(w, x.ID, ev))
	return nil
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
	a := s.agents[w.last()]
	placed := s.placement(&w.Spec, s.queues[w.Queue], s.now)
	channel := s.channel(w)
	if a != nil && a.SignedIn() && channel.LastAgentFor > 0 {
		placed.Agent, placed.Until = a.ID, s.now+channel.LastAgentFor
	}
	s.emit(Event{Kind: KindWorkReopened, Work: w.ID, Queue: w.Queue, Placed: &placed})
	if a == nil || channel.Capacity != ByStatus || s.ableNow(w, w.Size, a) != nil {
		return nil
	}
	load := s.load(w.Spec.Channel, w.Size, a)
	s.offerTo(w, a, &load, Decision{Reason: "reopened"}, Event{})
	s.accept(w, a, s.nextAssignment-1)
	return nil
}
