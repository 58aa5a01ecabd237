// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/patchbay-cx/patchbay/sdk/route"

func (c CreateWork) decide(s *step) error {
	if s.duplicate(c.Spec.Key) {
		return nil
	}
	spec := c.Spec.clone()
	spec.Outbound = false
	if err := s.check(&spec); err != nil {
		return err
	}
	s.returning(&spec)
	q, why, err := s.destination(&spec)
	if err != nil {
		return err
	}
	placed := s.placement(&spec, q, s.requested(&spec))
	if placed.Queue == spec.Queue {
		placed.Overflow = spec.Overflow
	}
	s.forAgent(&spec, &placed)
	if err := s.fits(&spec, q, &placed); err != nil {
		return err
	}
	s.create(&spec, &placed, why)
	return nil
}

// duplicate reports whether the key names work already, which is then the
// result.
func (s *step) duplicate(key string) bool {
	id, ok := s.keys[key]
	if !ok || key == "" {
		return false
	}
	s.result.Work, s.result.Duplicate = id, true
	return true
}

func (s *step) create(spec *WorkSpec, placed *Placement, why string) {
	s.result.Work = s.nextWork
	s.emit(Event{Kind: KindWorkCreated, Work: s.nextWork, Queue: placed.Queue, Created: spec, Placed: placed, Reason: why})
}

// requested returns since when the customer waits.
func (e *Engine) requested(spec *WorkSpec) Time {
	if spec.RequestedAt > 0 {
		return spec.RequestedAt
	}
	return e.now
}

// forAgent notes whom the work is for at first.
func (e *Engine) forAgent(spec *WorkSpec, p *Placement) {
	switch {
	case spec.RequiredAgent != "":
		p.Agent, p.Required, p.Backup, p.Overflow = spec.RequiredAgent, true, spec.Backup, nil
	case spec.PreferredAgent != "":
		p.Agent = spec.PreferredAgent
	}
	if spec.PreferredFor > 0 {
		p.Until = e.now + spec.PreferredFor
	}
}

// fits refuses a size that nobody in the queue could ever hold.
func (e *Engine) fits(spec *WorkSpec, q *queue, p *Placement) error {
	interruptible := e.channelOf(spec.Channel).Interruptible
	pool := &q.pools
	if q.routing.BySkills && needy(p.Needs) {
		pool = &e.pools
	}
	switch most := pool.most(interruptible); {
	case pool.members && p.Size.Units > most:
		return refuse(CodeSizeTooLarge, "size", "size %v is more than anybody in queue %q may hold (%v)", p.Size.Units, p.Queue, most)
	case pool.members && p.Size.Percent > 0 && most == 0:
		return refuse(CodeSizeTooLarge, "size", "nobody in queue %q has interruptible capacity, of which the work takes a share", p.Queue)
	}
	return nil
}

func (c StartWork) decide(s *step) error {
	if s.duplicate(c.Spec.Key) {
		return nil
	}
	a, err := s.signedIn(c.Agent)
	if err != nil {
		return err
	}
	spec := c.Spec.clone()
	if spec.RequiredAgent != "" || spec.PreferredAgent != "" || spec.Backup != "" {
		return refuse(CodeInvalid, "required_agent", "agent %q starts it; nobody else can be required or preferred", a.ID)
	}
	spec.Outbound = true
	if err := s.check(&spec); err != nil {
		return err
	}
	placed := s.placement(&spec, s.queues[spec.Queue], s.requested(&spec))
	load := s.load(spec.Channel, placed.Size, a)
	if err := s.takes(a, &load); err != nil {
		return err
	}
	s.create(&spec, &placed, "")
	w := s.work[s.result.Work]
	s.offerTo(w, a, s.directly("agent_started"), Event{})
	s.accept(w, w.Assignments[0].ID)
	return nil
}

// takes refuses what the agent cannot take on besides what it has.
func (e *Engine) takes(a *Agent, load *route.Load) error {
	switch {
	case len(a.Held) >= int(a.Presence.MaxOpen):
		return refuse(CodeLimit, "agent", "agent %q holds %d assignments, which is the limit", a.ID, len(a.Held))
	case !load.Fits():
		return refuse(CodeNoCapacity, "agent", "agent %q has no capacity for it: it takes %v, and %v is free", a.ID, Milli(load.Takes()), free(load))
	}
	return nil
}

func free(load *route.Load) Milli {
	out := load.Capacity - load.Used
	if load.Interruptible {
		out = min(out, load.InterruptibleCapacity-load.InterruptibleUsed)
	}
	return Milli(max(out, 0))
}

func (c CancelWork) decide(s *step) error {
	return s.end(c.Work, Event{Kind: KindWorkCancelled, Reason: c.Reason})
}

func (c AbandonWork) decide(s *step) error {
	return s.end(c.Work, Event{Kind: KindWorkAbandoned})
}

// end ends work that its source or customer may still end: it waits or is
// offered.
func (s *step) end(id WorkID, ev Event) error {
	w, err := s.known(id)
	if err != nil {
		return err
	}
	if w.State != Waiting && w.State != Offered {
		return refuse(CodeWrongState, "", "%v is %v; only waiting or offered work can be ended by its source", w.ID, w.State)
	}
	s.withdraw(w, ev.Kind.String(), func(*Assignment) bool { return true })
	ev.Work, ev.Queue = w.ID, w.Queue
	s.emit(ev)
	return nil
}

// withdraw takes back the offers that pass.
func (s *step) withdraw(w *Work, reason string, pass func(*Assignment) bool) {
	for _, id := range w.standing(func(x *Assignment) bool { return x.State == AssignmentOffered && pass(x) }) {
		s.emit(s.about(w, id, Event{Kind: KindOfferWithdrawn, Reason: reason, Guest: w.assignment(id).Guest}))
	}
}

func (s *step) expire(w *Work) {
	if w.State == Waiting || w.State == Offered {
		_ = s.end(w.ID, Event{Kind: KindWorkExpired}) // it is there and in such a state
	}
}

func (c RequeueWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil {
		return err
	}
	switch w.State {
	case Offered:
		s.withdraw(w, c.Reason, func(*Assignment) bool { return true })
	case Open, Paused:
		s.requeue(w, c.Reason)
	default:
		return refuse(CodeWrongState, "", "%v is %v; only offered, open or paused work can be requeued", w.ID, w.State)
	}
	s.waitsAnew(w)
	return nil
}

// requeue takes work from its owner.
func (s *step) requeue(w *Work, reason string) {
	s.disperse(w, reason)
	s.emit(s.about(w, w.Owner().ID, Event{Kind: KindWorkRequeued, Reason: reason}))
}
