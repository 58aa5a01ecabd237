// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "slices"

// Agent is a person's presence and load.
type Agent struct {
	ID string `cbor:"1,keyasint"`
	// Status is the presence status, Offline when not signed in.
	Status      string `cbor:"2,keyasint"`
	StatusSince Time   `cbor:"3,keyasint,omitempty"`
	// Cause says who or what chose the status.
	Cause      Cause `cbor:"4,keyasint,omitempty"`
	SignedInAt Time  `cbor:"5,keyasint,omitempty"`
	// Connected says that the agent's stream is there.
	Connected bool `cbor:"6,keyasint,omitempty"`
	// GraceUntil is when an agent without a stream goes offline; 0 while
	// connected or offline.
	GraceUntil Time `cbor:"7,keyasint,omitempty"`
	// Version is raised at each change.
	Version uint32 `cbor:"8,keyasint,omitempty"`
	// Used is what the held assignments take of the primary capacity.
	Used Milli `cbor:"9,keyasint,omitempty"`
	// Held lists the assignments offered or open at the agent, oldest first.
	Held []AssignmentID `cbor:"10,keyasint,omitempty"`
	// IdleSince is since when the agent holds nothing and could take work; 0
	// otherwise.
	IdleSince Time `cbor:"11,keyasint,omitempty"`
	// AssignedAt is when the last assignment was offered.
	AssignedAt Time `cbor:"12,keyasint,omitempty"`
	// Excess is what the agent held beyond its capacity when a new definition
	// lowered it, or a grant exceeded it; it only shrinks.
	Excess Milli `cbor:"13,keyasint,omitempty"`

	// InterruptibleUsed and InterruptibleExcess are the same for the
	// interruptible capacity.
	InterruptibleUsed   Milli `cbor:"14,keyasint,omitempty"`
	InterruptibleExcess Milli `cbor:"15,keyasint,omitempty"`
	// Offers is how many of the held assignments are not answered yet.
	Offers uint16 `cbor:"16,keyasint,omitempty"`
	// Skills are the skills that are valid now.
	Skills []Skill `cbor:"17,keyasint,omitempty"`
	// SkillsAt is when that was last looked at.
	SkillsAt Time `cbor:"18,keyasint,omitempty"`

	// Definition is the admin's part; nil for an agent who was removed.
	Definition *AgentDefinition `cbor:"-"`
	// Presence is the agent's presence config.
	Presence *PresenceConfig `cbor:"-"`
	// Channels has a bit for each channel that the status lists.
	Channels uint64 `cbor:"-"`

	available bool // counted as such by its queues
}

// Clone returns a copy that later steps do not change.
func (a *Agent) Clone() *Agent {
	c := *a
	c.Held, c.Skills = slices.Clone(a.Held), slices.Clone(a.Skills)
	return &c
}

// SignedIn reports whether the agent has a status other than offline.
func (a *Agent) SignedIn() bool { return a.Status != Offline }

// member reports whether the agent belongs to the queue.
func (a *Agent) member(queue string) bool { return a.membership(queue) != nil }

func (a *Agent) membership(queue string) *Membership {
	for i := range a.Definition.Queues {
		if m := &a.Definition.Queues[i]; m.Queue == queue {
			return m
		}
	}
	return nil
}

// hold is the one place where an assignment comes to an agent.
func (a *Agent) hold(x *Assignment, granted bool, at Time) {
	a.Held = append(a.Held, x.ID)
	a.Offers++
	a.AssignedAt = at
	a.IdleSince = 0
	a.takes(x, 0, x.Size, granted)
}

// release is the one place where it goes.
func (a *Agent) release(x *Assignment, at Time) {
	a.takes(x, x.Size, 0, false)
	if x.State == AssignmentOffered {
		a.Offers--
	}
	a.Held = slices.DeleteFunc(a.Held, func(held AssignmentID) bool { return held == x.ID })
	a.idle(at)
}

// takes is the one place where capacity is taken and given back: what an
// assignment holds changes from one size to another.
func (a *Agent) takes(x *Assignment, from, to Milli, granted bool) {
	used, excess, capacity := &a.Used, &a.Excess, a.Presence.Capacity
	if x.Interruptible {
		used, excess, capacity = &a.InterruptibleUsed, &a.InterruptibleExcess, a.Presence.Interruptible
	}
	*used += to - from
	over := max(0, *used-capacity)
	if granted {
		*excess = over
	} else {
		*excess = min(*excess, over)
	}
}

// idle notes since when the agent could take work, if it just became so.
func (a *Agent) idle(at Time) {
	switch {
	case len(a.Held) > 0 || a.Channels == 0:
		a.IdleSince = 0
	case a.IdleSince == 0:
		a.IdleSince = at
	}
}

// present is the one place where an agent's status changes.
func (e *Engine) present(a *Agent, status string, cause Cause, at Time) {
	was := a.SignedIn()
	a.Status, a.StatusSince, a.Cause = status, at, cause
	if is := a.SignedIn(); is && !was {
		e.headcount(a, 1)
	} else if was && !is {
		e.headcount(a, -1)
	}
	a.Channels = e.names.statuses[status].bits
	a.idle(at)
	e.enroll(a)
}

// enroll notes with the agent's queues whether the agent is there for anything.
func (e *Engine) enroll(a *Agent) {
	for i := range a.Definition.Queues {
		q := e.queues[a.Definition.Queues[i].Queue]
		if a.Channels != 0 {
			q.present[a] = struct{}{}
		} else {
			delete(q.present, a)
		}
	}
}

// headcount counts the agent as signed in, or not, with its queues.
func (e *Engine) headcount(a *Agent, by int) {
	for i := range a.Definition.Queues {
		e.queues[a.Definition.Queues[i].Queue].signedIn += by
	}
}

// reckon counts the agent as one who could take more work, or not, with its
// queues.
func (e *Engine) reckon(a *Agent) {
	available := a.SignedIn() && a.Connected && a.Channels != 0 && a.Used < a.Presence.Capacity && len(a.Held) < int(a.Presence.MaxOpen)
	if available == a.available {
		return
	}
	a.available = available
	by := -1
	if available {
		by = 1
	}
	for i := range a.Definition.Queues {
		e.queues[a.Definition.Queues[i].Queue].available += by
	}
}

func (c SignIn) decide(s *step) error {
	a, err := s.agentNamed(c.Agent)
	if err != nil {
		return err
	}
	if a.SignedIn() {
		return refuse(CodeAlreadySignedIn, "agent", "agent %q is signed in already, as %q; set the status instead", a.ID, a.Status)
	}
	if err := s.presenceStatus(c.Status); err != nil {
		return err
	}
	if err := s.permitted(a, c.Status); err != nil {
		return err
	}
	ev := Event{Kind: KindAgentSignedIn, Agent: a.ID, Status: c.Status, Cause: CauseSignIn}
	if !a.Connected {
		ev.Deadline = s.now + s.definition.Grace
	}
	s.emit(ev) // one more candidate exhausts nothing: there is nothing to reconsider
	return nil
}

func (c SetStatus) decide(s *step) error {
	a, err := s.signedIn(c.Agent)
	if err != nil {
		return err
	}
	if err := s.presenceStatus(c.Status); err != nil {
		return err
	}
	if c.Cause == CauseSupervisor {
		s.setStatus(a, c.Status, CauseSupervisor)
		return nil
	}
	if err := s.permitted(a, c.Status); err != nil {
		return err
	}
	s.setStatus(a, c.Status, CauseAgent)
	return nil
}

func (s *step) setStatus(a *Agent, status string, cause Cause) {
	if a.Status == status {
		return
	}
	s.emit(Event{Kind: KindAgentStatusChanged, Agent: a.ID, Status: status, Cause: cause})
	s.reconsider(a)
}

func (c SignOut) decide(s *step) error {
	a, err := s.signedIn(c.Agent)
	if err != nil {
		return err
	}
	s.signOut(a, CauseAgent)
	return nil
}

// signOut takes back what the agent was offered, deals with what it has open by
// the channels' rules, and ends its presence.
func (s *step) signOut(a *Agent, cause Cause) {
	var back, lost []*Work
	for _, id := range slices.Clone(a.Held) {
		w := s.assignments[id]
		x := w.assignment(id)
		requeues := s.channel(w).OnDisconnect == RequeueOpen
		switch {
		case !x.State.Stands(): // it ended with another that was taken back
		case x.State == AssignmentOffered:
			s.emit(s.about(w, id, Event{Kind: KindOfferUnavailable, Guest: x.Guest}))
			if w.State == Waiting {
				back = append(back, w)
			}
		case !requeues:
		case x.Guest:
			s.leaveConference(w, id, cause.String())
		case w.State == WrapUpWork:
			s.complete(w, id, cause.String()) // the customer is served
		default:
			s.requeue(w, cause.String())
			lost = append(lost, w)
		}
	}
	s.emit(Event{Kind: KindAgentSignedOut, Agent: a.ID, Status: Offline, Cause: cause})
	s.reconsider(a)
	for _, w := range back { // it may be of a queue the agent has left meanwhile
		s.giveBack(w, a, agentTookNot)
		s.waitsAnew(w)
	}
	for _, w := range lost {
		s.giveBack(w, a, agentGone)
		s.waitsAnew(w)
	}
}

// giveBack sends work to its backup queue if the agent is the one it requires.
func (s *step) giveBack(w *Work, a *Agent, why string) {
	if w.State == Waiting && w.Required && w.Backup != "" && w.Agent == a.ID {
		s.move(w, w.Backup, why)
	}
}

func (c Connect) decide(s *step) error {
	a, err := s.agentNamed(c.Agent)
	if err != nil {
		return err
	}
	if !a.Connected {
		s.emit(Event{Kind: KindAgentConnected, Agent: a.ID, Status: a.Status})
	}
	return nil
}

func (c Disconnect) decide(s *step) error {
	a, err := s.agentNamed(c.Agent)
	if err != nil {
		return err
	}
	s.disconnect(a)
	return nil
}

func (s *step) disconnect(a *Agent) {
	if !a.Connected {
		return
	}
	ev := Event{Kind: KindAgentDisconnected, Agent: a.ID, Status: a.Status}
	if a.SignedIn() {
		ev.Deadline = s.now + s.definition.Grace
	}
	s.emit(ev)
}

func (DisconnectAll) decide(s *step) error {
	for _, a := range s.roster {
		s.disconnect(a)
	}
	return nil
}

func (e *Engine) agentNamed(id string) (*Agent, error) {
	a, ok := e.agents[id]
	if !ok {
		return nil, refuse(CodeUnknownAgent, "agent", "there is no agent %q", id)
	}
	return a, nil
}

func (e *Engine) signedIn(id string) (*Agent, error) {
	a, err := e.agentNamed(id)
	if err != nil {
		return nil, err
	}
	if !a.SignedIn() {
		return nil, refuse(CodeNotSignedIn, "agent", "agent %q is not signed in", id)
	}
	return a, nil
}

func (e *Engine) presenceStatus(name string) error {
	if _, ok := e.names.statuses[name]; !ok || name == Offline {
		return refuse(CodeUnknownStatus, "status", "there is no presence status %q to choose", name)
	}
	return nil
}
