// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

func (c TransferWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil {
		return err
	}
	if w.State.Ended() || w.State == WrapUpWork {
		return refuse(CodeWrongState, "", "%v is %v; it can be transferred while it waits, is offered, open or paused", w.ID, w.State)
	}
	spec, err := c.spec(s, w)
	if err != nil {
		return err
	}
	a, err := c.to(s, w)
	if err != nil {
		return err
	}
	if a != nil {
		if guest := w.standingAt(a.ID); guest != nil {
			return c.handOver(s, w, guest)
		}
	}
	q, why := s.queues[spec.Queue], c.Reason
	if a == nil {
		q, why = c.destination(s, w, &spec)
	}
	placed := s.placement(&spec, q, c.age(w))
	if err := s.fits(&spec, q, &placed); err != nil {
		return err
	}
	if a != nil {
		if err := s.ableNow(w, placed.Size, a); err != nil {
			return err
		}
	}
	s.transfer(w, &spec, &placed, why)
	if a != nil {
		return s.direct(w, a, "transferred", false)
	}
	return nil
}

// age is since when the customer waits.
func (c *TransferWork) age(w *Work) Time {
	if c.RequestedAt != 0 {
		return c.RequestedAt
	}
	return w.RequestedAt
}

// destination returns the queue in which the work waits then: the one it is sent
// to, or where that sends it on, which is then the reason.
func (c *TransferWork) destination(s *step, w *Work, spec *WorkSpec) (*queue, string) {
	aged := *spec
	aged.RequestedAt = c.age(w)
	q, further := s.passOn(&aged, s.queues[spec.Queue], w, nil)
	if further != "" {
		return q, further
	}
	return q, c.Reason
}

// merged returns what the work is with what the command says of it.
func (c *TransferWork) merged(w *Work) WorkSpec {
	spec := w.Spec.clone()
	spec.withAttributes(c.Attributes)
	if c.Transcript != "" {
		spec.Transcript = c.Transcript
	}
	return spec
}

// spec returns what the work is to be from then on.
func (c *TransferWork) spec(s *step, w *Work) (WorkSpec, error) {
	spec := c.merged(w)
	spec.Queue = w.Queue
	spec.RequiredAgent, spec.Backup, spec.PreferredAgent, spec.PreferredFor, spec.Overflow = "", "", "", 0, nil
	if c.Queue != "" {
		spec.Queue = c.Queue
	}
	if c.Needs != nil {
		spec.Needs, spec.Ruled = clonedNeeds(*c.Needs), nil
	}
	switch {
	case c.Queue == "" && c.Agent == "" && c.Needs == nil:
		return spec, refuse(CodeInvalid, "queue", "where is %v to go? Give a queue, an agent or skills", w.ID)
	case s.queues[spec.Queue] == nil:
		return spec, refuse(CodeUnknownQueue, "queue", "there is no queue %q", spec.Queue)
	case c.RequestedAt > s.now || c.RequestedAt < 0:
		return spec, refuse(CodeInvalid, "requested_at", "requested_at should not lie in the future, nor before 1970")
	}
	q := s.queues[spec.Queue]
	if q.closed && q.definition.Closed == ClosedRefuse && q.definition.Name != w.Queue {
		return spec, refuse(CodeQueueClosed, "queue", "queue %q is closed and takes nothing in until it opens", spec.Queue)
	}
	return spec, s.names.checkNeeds(CodeInvalid, "skills", spec.Needs)
}

// to returns the agent to transfer to, nil if it is to none.
func (c *TransferWork) to(s *step, w *Work) (*Agent, error) {
	if c.Agent == "" {
		return nil, nil
	}
	a, err := s.agentNamed(c.Agent)
	if err != nil {
		return nil, err
	}
	switch x := w.standingAt(a.ID); {
	case x == nil:
	case !x.Guest:
		return nil, refuse(CodeWrongState, "agent", "%v is with agent %q already", w.ID, a.ID)
	case x.State == AssignmentOffered:
		return nil, refuse(CodeWrongState, "agent", "agent %q is invited to %v and has not answered yet", a.ID, w.ID)
	case c.Queue != "" || c.Needs != nil || c.RequestedAt != 0:
		return nil, refuse(CodeInvalid, "queue", "agent %q has joined %v and would go on with it as it is; leave out queue, skills and age", a.ID, w.ID)
	}
	return a, nil
}

// transfer takes the work from wherever it is and places it anew.
func (s *step) transfer(w *Work, spec *WorkSpec, placed *Placement, reason string) {
	s.withdraw(w, "transferred", func(x *Assignment) bool { return !x.Guest })
	s.disperse(w, "transferred")
	ev := Event{Kind: KindWorkTransferred, Work: w.ID, Queue: w.Queue, Created: spec, Placed: placed, Reason: reason}
	if x := w.Owner(); x != nil {
		ev.Agent, ev.Assignment = x.Agent, x.ID
	}
	s.emit(ev)
}

// handOver makes a guest the owner of the work.
func (c *TransferWork) handOver(s *step, w *Work, guest *Assignment) error {
	if w.State != Open {
		return refuse(CodeWrongState, "", "%v is %v; go on with it first", w.ID, w.State)
	}
	former, spec := w.Owner(), c.merged(w)
	s.emit(s.about(w, guest.ID, Event{
		Kind: KindHandedOver, Reason: c.Reason, Created: &spec, From: former.Agent, Former: former.ID,
	}))
	return nil
}

func (c UpdateWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil {
		return err
	}
	if w.State.Ended() {
		return refuse(CodeWrongState, "", "%v is %v; nothing of it changes any more", w.ID, w.State)
	}
	spec := w.Spec.clone()
	if err := c.change(s, &spec); err != nil {
		return err
	}
	placed := w.Placement.clone()
	q := s.queueOf(w)
	fresh := s.placement(&spec, q, w.RequestedAt)
	placed.Priority, placed.Secondary = fresh.Priority, fresh.Secondary
	if c.Needs != nil || c.Ruled != nil {
		placed.require(s.needs(&spec, q), s.now)
	}
	spec.Intake = append(spec.Intake, c.Taken...)
	s.emit(Event{Kind: KindWorkUpdated, Work: w.ID, Queue: w.Queue, Created: &spec, Placed: placed})
	s.waitsAnew(w)
	return nil
}

// Changed returns what the work would be asked for after the update.
func (c UpdateWork) Changed(w *Work) WorkSpec {
	spec := w.Spec.clone()
	spec.withAttributes(c.Attributes)
	return spec
}

func (c *UpdateWork) change(s *step, spec *WorkSpec) error {
	spec.withAttributes(c.Attributes)
	if c.Priority != nil {
		if *c.Priority < 0 {
			return refuse(CodeInvalid, "priority", "priority %d is negative; 0 is highest", *c.Priority)
		}
		spec.Priority = pointed(c.Priority)
	}
	if c.TargetAcceptAt != nil {
		if *c.TargetAcceptAt < 0 {
			return refuse(CodeInvalid, "target_accept_at", "target_accept_at should not lie before 1970")
		}
		spec.TargetAcceptAt = *c.TargetAcceptAt
	}
	if c.Transcript != "" {
		spec.Transcript = c.Transcript
	}
	if c.Needs != nil {
		spec.Needs = clonedNeeds(*c.Needs)
	}
	if c.Ruled != nil {
		spec.Ruled = clonedNeeds(*c.Ruled)
	}
	if err := s.names.checkNeeds(CodeInvalid, "skills", spec.Needs); err != nil {
		return err
	}
	return s.names.checkNeeds(CodeInvalid, "skills", spec.Ruled)
}
