// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"maps"
	"slices"
)

// WorkState is where work is in its life.
type WorkState uint8

// The states of work. The numbers are durable.
const (
	// Waiting work looks for an agent.
	Waiting WorkState = 1 + iota
	// Offered work has an offer standing.
	Offered
	// Open work is being done.
	Open
	// Closed work is done.
	Closed
	// Cancelled work was withdrawn by its source.
	Cancelled
	// Abandoned work lost its customer.
	Abandoned
	// Expired work waited longer than its time to live.
	Expired
)

// String returns the state's stable name, such as "waiting".
func (s WorkState) String() string {
	names := [...]string{"", "waiting", "offered", "open", "closed", "cancelled", "abandoned", "expired"}
	if int(s) >= len(names) {
		return fmt.Sprintf("state_%d", uint8(s))
	}
	return names[s]
}

// Ended reports whether nothing more happens to work in this state.
func (s WorkState) Ended() bool { return s >= Closed }

// Work is one thing for an agent to do.
type Work struct {
	ID WorkID `cbor:"1,keyasint"`
	// Spec is what its source asked for, defaults filled in.
	Spec      WorkSpec  `cbor:"2,keyasint"`
	State     WorkState `cbor:"3,keyasint"`
	CreatedAt Time      `cbor:"4,keyasint"`
	// Revision is raised at each change that matters to routing.
	Revision uint32 `cbor:"5,keyasint"`
	// Declines counts offers that were declined, timed out or lost their agent.
	Declines uint32 `cbor:"6,keyasint,omitempty"`
	// Excluded lists agents it is not offered to now, by the decline rule.
	Excluded []string `cbor:"7,keyasint,omitempty"`
	// Assignments are its tries, oldest first; the last is the one standing
	// while the state is Offered or Open. Of very many the oldest are dropped.
	Assignments []Assignment `cbor:"8,keyasint,omitempty"`
	EndedAt     Time         `cbor:"9,keyasint,omitempty"`
	// Reason says why it was cancelled or requeued last.
	Reason string `cbor:"10,keyasint,omitempty"`

	forgotten bool
}

// maxTries bounds how many assignments a work remembers.
const maxTries = 32

// Standing returns the assignment that is offered or open, nil if there is
// none.
func (w *Work) Standing() *Assignment {
	if !w.stands() {
		return nil
	}
	return &w.Assignments[len(w.Assignments)-1]
}

func (w *Work) stands() bool { return w.State == Offered || w.State == Open }

// Clone returns a copy that later steps do not change.
func (w *Work) Clone() *Work {
	c := *w
	c.Excluded = slices.Clone(w.Excluded)
	c.Assignments = slices.Clone(w.Assignments)
	return &c
}

func (w *Work) assignment(id AssignmentID) *Assignment {
	for i := range w.Assignments {
		if w.Assignments[i].ID == id {
			return &w.Assignments[i]
		}
	}
	return nil
}

// AssignmentState is where an assignment is in its life.
type AssignmentState uint8

// The states of an assignment. The numbers are durable.
const (
	AssignmentOffered AssignmentState = 1 + iota
	AssignmentAccepted
	AssignmentCompleted
	AssignmentDeclined
	AssignmentTimedOut
	AssignmentWithdrawn
	AssignmentUnavailable
	AssignmentTransferred
)

// String returns the state's stable name, such as "timed_out".
func (s AssignmentState) String() string {
	names := [...]string{
		"", "offered", "accepted", "completed", "declined", "timed_out", "withdrawn", "unavailable", "transferred",
	}
	if int(s) >= len(names) {
		return fmt.Sprintf("state_%d", uint8(s))
	}
	return names[s]
}

// Assignment is one try to give one piece of work to one agent.
type Assignment struct {
	ID    AssignmentID    `cbor:"1,keyasint"`
	Agent string          `cbor:"2,keyasint"`
	State AssignmentState `cbor:"3,keyasint"`
	// Size is what it holds of the agent's capacity from the offer on.
	Size      Milli `cbor:"4,keyasint"`
	OfferedAt Time  `cbor:"5,keyasint"`
	// Deadline is when the offer runs out; 0 for never.
	Deadline Time `cbor:"6,keyasint,omitempty"`
	// AnsweredAt is when it was accepted or declined.
	AnsweredAt Time `cbor:"7,keyasint,omitempty"`
	EndedAt    Time `cbor:"8,keyasint,omitempty"`
	// Reason is the agent's for declining.
	Reason string `cbor:"9,keyasint,omitempty"`
	// Decision says who proposed it and why.
	Decision Decision `cbor:"10,keyasint"`
}

func (c CreateWork) decide(s *step) error {
	spec := c.Spec
	if id, ok := s.keys[spec.Key]; ok && spec.Key != "" {
		s.result.Work, s.result.Duplicate = id, true
		return nil
	}
	if err := s.complete(&spec); err != nil {
		return err
	}
	s.result.Work = s.nextWork
	s.emit(Event{Kind: KindWorkCreated, Work: s.nextWork, Queue: spec.Queue, Created: &spec})
	return nil
}

// complete checks what is asked for and fills in what was left out.
func (e *Engine) complete(spec *WorkSpec) error {
	q, ok := e.queues[spec.Queue]
	if !ok {
		return refuse(CodeUnknownQueue, "queue", "there is no queue %q", spec.Queue)
	}
	ordinal, ok := e.names.channels[spec.Channel]
	if !ok {
		return refuse(CodeUnknownChannel, "channel", "there is no channel %q", spec.Channel)
	}
	if spec.RequiredAgent != "" && e.agents[spec.RequiredAgent] == nil {
		return refuse(CodeUnknownAgent, "required_agent", "there is no agent %q", spec.RequiredAgent)
	}
	spec.Attributes = clone(spec.Attributes)
	if spec.Priority == nil {
		spec.Priority = &q.routing.Priority
	}
	priority := *spec.Priority // a copy of its own: definitions come and go
	spec.Priority = &priority
	if spec.Size == 0 {
		spec.Size = q.routing.Size
	}
	if spec.Size == 0 {
		spec.Size = e.definition.Channels[ordinal].Size
	}
	if spec.RequestedAt == 0 {
		spec.RequestedAt = e.now
	}
	return e.bounded(spec, q)
}

func (e *Engine) bounded(spec *WorkSpec, q *queue) error {
	switch {
	case *spec.Priority < 0:
		return refuse(CodeInvalid, "priority", "priority %d is negative; 0 is highest", *spec.Priority)
	case spec.Size < 0:
		return refuse(CodeInvalid, "size", "size %v is negative; it should be units of capacity, 0 or more", spec.Size)
	case spec.Size > q.largest && len(q.members) > 0:
		return refuse(CodeSizeTooLarge, "size", "size %v is more than any member of queue %q may hold (%v)", spec.Size, spec.Queue, q.largest)
	case spec.RequestedAt > e.now || spec.RequestedAt < 0:
		return refuse(CodeInvalid, "requested_at", "requested_at should not lie in the future, nor before 1970")
	case spec.TargetAcceptAt < 0:
		return refuse(CodeInvalid, "target_accept_at", "target_accept_at should not lie before 1970")
	case spec.ExpiresAt != 0 && spec.ExpiresAt <= e.now:
		return refuse(CodeInvalid, "expires_at", "expires_at should lie in the future")
	}
	return nil
}

func clone(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	maps.Copy(out, m)
	return out
}

func (c CancelWork) decide(s *step) error {
	w, err := s.pending(c.Work)
	if err != nil {
		return err
	}
	s.emit(Event{Kind: KindWorkCancelled, Work: w.ID, Queue: w.Spec.Queue, Agent: w.agent(), Assignment: w.current(), Reason: c.Reason})
	return nil
}

func (c AbandonWork) decide(s *step) error {
	w, err := s.pending(c.Work)
	if err != nil {
		return err
	}
	s.emit(Event{Kind: KindWorkAbandoned, Work: w.ID, Queue: w.Spec.Queue, Agent: w.agent(), Assignment: w.current()})
	return nil
}

func (c RequeueWork) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil {
		return err
	}
	if w.Standing() == nil {
		return refuse(CodeWrongState, "", "%v is %v; only offered or open work can be requeued", w.ID, w.State)
	}
	s.requeue(w, c.Reason)
	return nil
}

func (s *step) requeue(w *Work, reason string) {
	s.emit(Event{Kind: KindWorkRequeued, Work: w.ID, Queue: w.Spec.Queue, Agent: w.agent(), Assignment: w.current(), Reason: reason})
	s.clearIfExhausted(w, s.queueOf(w))
}

func (e *Engine) known(id WorkID) (*Work, error) {
	w, ok := e.work[id]
	if !ok {
		return nil, refuse(CodeUnknownWork, "work", "there is no work %v, or it ended long ago", id)
	}
	return w, nil
}

// pending returns work that its source or customer may still end.
func (e *Engine) pending(id WorkID) (*Work, error) {
	w, err := e.known(id)
	if err != nil {
		return nil, err
	}
	if w.State != Waiting && w.State != Offered {
		return nil, refuse(CodeWrongState, "", "%v is %v; only waiting or offered work can be ended by its source", w.ID, w.State)
	}
	return w, nil
}

func (w *Work) current() AssignmentID {
	if a := w.Standing(); a != nil {
		return a.ID
	}
	return 0
}

func (w *Work) agent() string {
	if a := w.Standing(); a != nil {
		return a.Agent
	}
	return ""
}

// admits reports whether no other agent is required.
func (w *Work) admits(agent string) bool {
	return w.Spec.RequiredAgent == "" || w.Spec.RequiredAgent == agent
}

// excludes reports whether the decline rule keeps the work from the agent.
func (w *Work) excludes(agent string) bool { return slices.Contains(w.Excluded, agent) }

// forget drops ended work that is too old, or too much, by the event's time.
func (e *Engine) forget(at Time) {
	limit := int(e.definition.KeepClosedItems)
	for len(e.ended) > 0 {
		w := e.work[e.ended[0]]
		if w.EndedAt+e.definition.KeepClosed >= at && (limit == 0 || len(e.ended) <= limit) {
			break
		}
		e.ended = e.ended[1:]
		e.drop(w)
	}
	if e.forgotten > len(e.inOrder)/2 {
		e.inOrder = slices.DeleteFunc(e.inOrder, func(w *Work) bool { return w.forgotten })
		e.forgotten = 0
	}
}

func (e *Engine) drop(w *Work) {
	for i := range w.Assignments {
		delete(e.assignments, w.Assignments[i].ID)
	}
	if w.Spec.Key != "" {
		delete(e.keys, w.Spec.Key)
	}
	delete(e.work, w.ID)
	w.forgotten = true
	e.forgotten++
}
