// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"maps"
	"slices"
)

// WorkSpec is what is asked of the host when work comes in.
type WorkSpec struct {
	// Key makes creating idempotent: the same key returns the same work for as
	// long as that work is kept. Optional.
	Key string `cbor:"1,keyasint,omitempty"`
	// Channel and Queue are required.
	Channel string `cbor:"2,keyasint"`
	Queue   string `cbor:"3,keyasint"`
	// External is a reference to the outside record.
	External   string            `cbor:"4,keyasint,omitempty"`
	Attributes map[string]string `cbor:"5,keyasint,omitempty"`
	// Priority, 0 highest; nil takes the routing config's.
	Priority *int32 `cbor:"6,keyasint,omitempty"`
	// Size; none takes the routing config's, or the channel's.
	Size Amount `cbor:"7,keyasint,omitempty"`
	// RequestedAt is since when the customer waits; 0 means now. It may not
	// lie in the future.
	RequestedAt Time `cbor:"8,keyasint,omitempty"`
	// TargetAcceptAt is when it should be accepted at the latest; 0 for none.
	TargetAcceptAt Time `cbor:"9,keyasint,omitempty"`
	// ExpiresAt ends the work if it waits or is offered then, or waits again
	// later; 0 for never.
	ExpiresAt Time `cbor:"10,keyasint,omitempty"`
	// RequiredAgent is the only agent it may be offered to; optional. With
	// Backup, that is so for PreferredFor only, or until the agent declines, and
	// then the work moves to that queue.
	RequiredAgent string `cbor:"11,keyasint,omitempty"`
	Backup        string `cbor:"12,keyasint,omitempty"`
	// PreferredAgent alone is asked for PreferredFor milliseconds; optional.
	PreferredAgent string `cbor:"13,keyasint,omitempty"`
	PreferredFor   Time   `cbor:"14,keyasint,omitempty"`
	// Needs are the skills that its source requires; Ruled those by the
	// channel's skill rules and the flow, which the host fills in.
	Needs []Need `cbor:"15,keyasint,omitempty"`
	Ruled []Need `cbor:"16,keyasint,omitempty"`
	// Customer and Conversation are the source's keys, by which a returning
	// conversation finds its last agent; optional.
	Customer     string `cbor:"17,keyasint,omitempty"`
	Conversation string `cbor:"18,keyasint,omitempty"`
	// Transcript refers to what was said so far, as by a bot; optional.
	Transcript string `cbor:"19,keyasint,omitempty"`
	// Overflow replaces that of the queue it arrives in; a flow sets it.
	Overflow *Overflow `cbor:"20,keyasint,omitempty"`
	// Outbound says that an agent started it. The host fills it in.
	Outbound bool `cbor:"21,keyasint,omitempty"`
	// Intake is what its flow did. The host fills it in.
	Intake []Taken `cbor:"22,keyasint,omitempty"`
}

// clone returns a copy that shares no memory with what the caller may change.
func (spec *WorkSpec) clone() WorkSpec {
	c := *spec
	c.Attributes = cloned(c.Attributes)
	c.Priority, c.Overflow = pointed(c.Priority), pointed(c.Overflow)
	c.Needs, c.Ruled, c.Intake = clonedNeeds(c.Needs), clonedNeeds(c.Ruled), copied(c.Intake)
	return c
}

// withAttributes sets attributes; an empty value removes one.
func (spec *WorkSpec) withAttributes(set map[string]string) {
	if len(set) == 0 {
		return
	}
	out := maps.Clone(spec.Attributes)
	if out == nil {
		out = make(map[string]string, len(set))
	}
	for name, value := range set {
		if value == "" {
			delete(out, name)
		} else {
			out[name] = value
		}
	}
	spec.Attributes = cloned(out)
}

// check says what is wrong with what a source asks for, whatever queue the work
// ends up in.
func (e *Engine) check(spec *WorkSpec) error {
	if e.queues[spec.Queue] == nil {
		return refuse(CodeUnknownQueue, "queue", "there is no queue %q", spec.Queue)
	}
	if _, ok := e.names.channels[spec.Channel]; !ok {
		return refuse(CodeUnknownChannel, "channel", "there is no channel %q", spec.Channel)
	}
	if err := e.checkAgents(spec); err != nil {
		return err
	}
	if err := e.names.checkNeeds(CodeInvalid, "skills", spec.Needs); err != nil {
		return err
	}
	if err := e.names.checkNeeds(CodeInvalid, "skills", spec.Ruled); err != nil {
		return err
	}
	if err := e.names.checkOverflow(CodeInvalid, "overflow", spec.Queue, spec.Overflow); err != nil {
		return err
	}
	if err := spec.Size.check(CodeInvalid, "size"); err != nil {
		return err
	}
	switch {
	case spec.Priority != nil && *spec.Priority < 0:
		return refuse(CodeInvalid, "priority", "priority %d is negative; 0 is highest", *spec.Priority)
	case spec.RequestedAt > e.now || spec.RequestedAt < 0:
		return refuse(CodeInvalid, "requested_at", "requested_at should not lie in the future, nor before 1970")
	case spec.TargetAcceptAt < 0:
		return refuse(CodeInvalid, "target_accept_at", "target_accept_at should not lie before 1970")
	case spec.ExpiresAt != 0 && spec.ExpiresAt <= e.now:
		return refuse(CodeInvalid, "expires_at", "expires_at should lie in the future")
	}
	return nil
}

// checkAgents checks whom work is for.
func (e *Engine) checkAgents(spec *WorkSpec) error {
	switch {
	case spec.RequiredAgent != "" && e.agents[spec.RequiredAgent] == nil:
		return refuse(CodeUnknownAgent, "required_agent", "there is no agent %q", spec.RequiredAgent)
	case spec.PreferredAgent != "" && e.agents[spec.PreferredAgent] == nil:
		return refuse(CodeUnknownAgent, "preferred_agent", "there is no agent %q", spec.PreferredAgent)
	case spec.RequiredAgent != "" && spec.PreferredAgent != "":
		return refuse(CodeInvalid, "preferred_agent", "work either requires an agent or prefers one; give one of the two")
	case spec.Backup != "" && e.queues[spec.Backup] == nil:
		return refuse(CodeUnknownQueue, "backup_queue", "there is no queue %q", spec.Backup)
	case spec.Backup != "" && spec.RequiredAgent == "":
		return refuse(CodeInvalid, "backup_queue", "a backup queue is for work that requires an agent; give required_agent too")
	case spec.PreferredFor < 0 || spec.PreferredFor > maxSpan:
		return refuse(CodeInvalid, "preferred_for", "preferred_for must not be negative, nor longer than a hundred years")
	case spec.PreferredAgent != "" && spec.PreferredFor == 0:
		return refuse(CodeInvalid, "preferred_for", "for how long is the preferred agent alone to be asked? It should be above 0")
	case spec.PreferredFor > 0 && spec.PreferredAgent == "" && spec.Backup == "":
		return refuse(CodeInvalid, "preferred_for", "preferred_for goes with preferred_agent, or with required_agent and backup_queue")
	}
	return nil
}

// Placement is how work is routed at present: what its source, its queue and
// its waiting so far make of it. It is replaced as a whole.
type Placement struct {
	Queue string `cbor:"1,keyasint"`
	// Priority and Secondary decide what is pending first, 0 before 1.
	Priority  int32 `cbor:"2,keyasint,omitempty"`
	Secondary int32 `cbor:"3,keyasint,omitempty"`
	// Size is what it takes of an agent's capacity.
	Size Amount `cbor:"4,keyasint,omitempty"`
	// RequestedAt is its age; QueuedAt since when it is in this queue.
	RequestedAt Time `cbor:"5,keyasint"`
	QueuedAt    Time `cbor:"6,keyasint"`
	// Needs are the skills it requires, with their present state. NeedsSince is
	// since when levels relax, DropSince since when the next group waits to be
	// dropped.
	Needs      []Need `cbor:"7,keyasint,omitempty"`
	NeedsSince Time   `cbor:"8,keyasint,omitempty"`
	DropSince  Time   `cbor:"9,keyasint,omitempty"`
	// Tier is up to which tier members are asked; 0 means all.
	Tier uint16 `cbor:"10,keyasint,omitempty"`
	// Agent is the required agent if Required, else the preferred one. Until
	// is how long; 0 means without end.
	Agent    string `cbor:"11,keyasint,omitempty"`
	Required bool   `cbor:"12,keyasint,omitempty"`
	Until    Time   `cbor:"13,keyasint,omitempty"`
	// Backup is the queue it moves to when the required agent's time is over.
	Backup string `cbor:"14,keyasint,omitempty"`
	// Overflow replaces the queue's, if not nil.
	Overflow *Overflow `cbor:"15,keyasint,omitempty"`
	// Passed lists the queues that sent it on because it waited there.
	Passed []string `cbor:"16,keyasint,omitempty"`
}

// placement says how work of that kind begins in a queue.
func (e *Engine) placement(spec *WorkSpec, q *queue, requested Time) Placement {
	channel := e.channelOf(spec.Channel)
	p := Placement{
		Queue: q.definition.Name, Priority: q.routing.Priority, Secondary: channel.Secondary.of(spec.Attributes),
		Size: sizeOf(spec, q.routing, channel), RequestedAt: requested, QueuedAt: e.now,
	}
	if spec.Priority != nil {
		p.Priority = *spec.Priority
	}
	if len(q.definition.Tiers) > 0 {
		p.Tier = 1
	}
	p.require(e.needs(spec, q), e.now)
	if p.dropsNext(q) && requested+q.routing.DropAfter <= e.now {
		p.dropNext(e.now)
	}
	return p
}

// sizeOf returns what work takes: its own size, or else its routing config's, or
// else its channel's.
func sizeOf(spec *WorkSpec, r *RoutingConfig, c *Channel) Amount {
	switch {
	case !spec.Size.IsZero():
		return spec.Size
	case !r.Size.IsZero():
		return r.Size
	default:
		return c.Size
	}
}

// needs returns what work of that kind requires in a queue.
func (e *Engine) needs(spec *WorkSpec, q *queue) []Need {
	if needs := merge(q.routing.Needs, spec.Needs, spec.Ruled); len(needs) > 0 {
		return needs
	}
	return merge(q.definition.Needs)
}

// require sets what is required, and starts the time over.
func (p *Placement) require(needs []Need, now Time) {
	p.Needs, p.NeedsSince, p.DropSince = needs, 0, 0
	if len(needs) > 0 {
		p.NeedsSince, p.DropSince = now, now
	}
}

// dropsNext reports whether a group of additional skills waits to be dropped.
func (p *Placement) dropsNext(q *queue) bool {
	_, ok := nextGroup(p.Needs)
	return ok && q.routing.DropAfter > 0
}

func (p *Placement) dropNext(now Time) {
	group, _ := nextGroup(p.Needs)
	p.Needs, p.DropSince = drop(p.Needs, group), now
}

// overflow returns where the work goes that cannot stay, nil if it stays.
func (p *Placement) overflow(q *queue) *Overflow {
	switch {
	case p.Required:
		return nil // it waits for that agent alone
	case p.Overflow != nil:
		return p.Overflow
	default:
		return q.definition.Overflow
	}
}

// overflows is 1 for work with an overflow of its own, for counting.
func (p *Placement) overflows() int {
	if p.Overflow == nil {
		return 0
	}
	return 1
}

// clone returns a copy that shares no memory with what may change.
func (p *Placement) clone() *Placement {
	c := *p
	c.Needs = slices.Clone(c.Needs)
	return &c
}
