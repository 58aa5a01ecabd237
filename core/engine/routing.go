// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// RoutingConfig is how the work of a queue is routed.
type RoutingConfig struct {
	Name string `cbor:"1,keyasint"`
	// Priority is the work's priority unless it brings one; 0 is highest.
	Priority int32 `cbor:"2,keyasint,omitempty"`
	// Size is the work's size unless it brings one; none leaves it to the
	// channel.
	Size Amount `cbor:"3,keyasint,omitempty"`
	// Model is how an agent is picked among candidates.
	Model route.Model `cbor:"4,keyasint,omitempty"`
	// Strategy names the strategy that proposes, Fallback the one that does
	// while it is unwell.
	Strategy string `cbor:"5,keyasint,omitempty"`
	Fallback string `cbor:"6,keyasint,omitempty"`
	// PushTimeout is how long, in milliseconds, an offer stands; 0 means
	// without end.
	PushTimeout Time `cbor:"7,keyasint,omitempty"`
	// DeclineRule says to whom declined work is not offered again.
	DeclineRule DeclineRule `cbor:"8,keyasint,omitempty"`
	// BySkills gives work that requires skills to all who hold them, members
	// of the queue or not. Work that requires none goes to members alone.
	BySkills bool `cbor:"9,keyasint,omitempty"`
	// Needs are skills that all work of the queue requires.
	Needs []Need `cbor:"10,keyasint,omitempty"`
	// DropAfter is after how long, in milliseconds, one group of additional
	// skills after the other is dropped; 0 means never.
	DropAfter Time `cbor:"11,keyasint,omitempty"`
	// StallAfter is how long, in milliseconds, the strategy may make no offer
	// from a queue although something could be offered, before that is shown and
	// counted; 0 means for ever. StallFallback makes it a fault, so that Fallback
	// decides.
	StallAfter    Time `cbor:"12,keyasint,omitempty"`
	StallFallback bool `cbor:"13,keyasint,omitempty"`
}

// DeclineRule says whom a decline, or an offer that timed out, excludes.
type DeclineRule uint8

// The decline rules.
const (
	// UntilExhausted excludes everybody who declined until every candidate
	// has; then all are asked again.
	UntilExhausted DeclineRule = iota
	// LastOnly excludes only the one who declined last.
	LastOnly
	// Forever excludes everybody who declined for good.
	Forever
)

// QueueDefinition is where work waits.
type QueueDefinition struct {
	Name string `cbor:"1,keyasint"`
	// Routing names the queue's routing config.
	Routing string `cbor:"2,keyasint"`
	// Within is the service-level goal: accepted within so many milliseconds;
	// 0 means none. Target is the share that should be, in thousandths.
	Within Time   `cbor:"3,keyasint,omitempty"`
	Target uint16 `cbor:"4,keyasint,omitempty"`
	// OfferTo is to how many agents work is offered at once; the first to
	// accept has it. 0 means 1.
	OfferTo uint16 `cbor:"5,keyasint,omitempty"`
	// Tiers are the waits, in milliseconds since the work came into the queue,
	// after which members of tier 2, 3 … are asked too.
	Tiers []Time `cbor:"6,keyasint,omitempty"`
	// Needs are required of work that comes without any other required skill.
	Needs []Need `cbor:"7,keyasint,omitempty"`
	// Hours names when the queue is open; empty means always. Closed says what
	// becomes of work that arrives otherwise.
	Hours  string     `cbor:"8,keyasint,omitempty"`
	Closed ClosedRule `cbor:"9,keyasint,omitempty"`
	// Overflow says where work goes that cannot stay; nil means that it stays.
	Overflow *Overflow `cbor:"10,keyasint,omitempty"`
	// MaxWaiting is how many items may wait in the queue; what comes beyond is
	// refused. 0 means any number.
	MaxWaiting uint32 `cbor:"11,keyasint,omitempty"`
	// Deciders says who decides, if not the routing config's strategy alone.
	Deciders Deciders `cbor:"12,keyasint,omitzero"`
}

// offerTo returns to how many agents work is offered at once.
func (q *QueueDefinition) offerTo() int { return int(max(q.OfferTo, 1)) }

// MaxOfferTo bounds to how many agents work is offered at once.
const MaxOfferTo = 16

// ClosedRule says what becomes of work that arrives while its queue is closed.
type ClosedRule uint8

// The rules for work that arrives while its queue is closed.
const (
	// ClosedHold lets it wait, as all that waits there, until the queue opens.
	ClosedHold ClosedRule = iota
	// ClosedRefuse refuses it. What waits is still offered.
	ClosedRefuse
	// ClosedOverflow sends it where the queue overflows to. What waits is still
	// offered.
	ClosedOverflow
)

// Overflow sends work on to another queue. It keeps its age.
type Overflow struct {
	To string `cbor:"1,keyasint"`
	// After is how long, in milliseconds, work waits in the queue first; 0
	// means that waiting alone is no reason.
	After Time `cbor:"2,keyasint,omitempty"`
	// At is how many items may wait; what comes beyond is sent on. 0 means any
	// number.
	At uint32 `cbor:"3,keyasint,omitempty"`
	// WhenNobody sends work on at once when nobody who could ever take it is
	// signed in.
	WhenNobody bool `cbor:"4,keyasint,omitempty"`
}

func (x *index) addRouting(d *Definition) error {
	for i := range d.RoutingConfigs {
		r := &d.RoutingConfigs[i]
		at := "routing_configs." + r.Name
		if err := put(x.routing, "routing_configs", r.Name, r); err != nil {
			return err
		}
		if err := r.Size.check(CodeInvalidDefinition, at+".size"); err != nil {
			return err
		}
		switch {
		case r.Priority < 0:
			return refuse(CodeInvalidDefinition, at+".priority", "priority must not be negative; 0 is highest")
		case r.PushTimeout < 0 || r.PushTimeout > maxSpan:
			return refuse(CodeInvalidDefinition, at+".push_timeout", "push_timeout must not be negative, nor longer than a hundred years; 0 means without end")
		case r.DeclineRule > Forever:
			return refuse(CodeInvalidDefinition, at+".decline_rule", "there is no decline rule %d", r.DeclineRule)
		case r.Model > route.ModelWeightedRandom:
			return refuse(CodeInvalidDefinition, at+".model", "there is no model %d", r.Model)
		case r.Strategy == "":
			return refuse(CodeInvalidDefinition, at+".strategy", "a strategy is needed")
		}
		if err := spanned(at+".drop_additional_skills_after", r.DropAfter); err != nil {
			return err
		}
		if err := spanned(at+".stall_after", r.StallAfter); err != nil {
			return err
		}
		if err := x.checkNeeds(CodeInvalidDefinition, at+".skills", r.Needs); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) addQueues(d *Definition) error {
	for i := range d.Queues {
		q := &d.Queues[i]
		at := "queues." + q.Name
		if err := put(x.queues, "queues", q.Name, q); err != nil {
			return err
		}
		if _, ok := x.routing[q.Routing]; !ok {
			return missing(at+".routing", "routing config", q.Routing)
		}
		if q.OfferTo > MaxOfferTo {
			return refuse(CodeInvalidDefinition, at+".offer_to", "work can be offered to %d agents at once, not to %d", MaxOfferTo, q.OfferTo)
		}
		if err := x.checkNeeds(CodeInvalidDefinition, at+".default_skills", q.Needs); err != nil {
			return err
		}
		if err := q.Deciders.validate(CodeInvalidDefinition, at); err != nil {
			return err
		}
		var before Time
		for _, wait := range q.Tiers {
			if wait <= before || wait > maxSpan {
				return refuse(CodeInvalidDefinition, at+".tiers", "each tier's wait should be longer than the one before")
			}
			before = wait
		}
	}
	return nil
}

// checkQueues checks what queues say of each other.
func (x *index) checkQueues(d *Definition) error {
	for i := range d.Queues {
		q := &d.Queues[i]
		at := "queues." + q.Name
		if q.Hours != "" && x.hours[q.Hours] == nil {
			return missing(at+".hours", "opening hours", q.Hours)
		}
		if q.Closed > ClosedOverflow {
			return refuse(CodeInvalidDefinition, at+".closed", "there is no rule %d", q.Closed)
		}
		if q.Closed == ClosedOverflow && q.Overflow == nil {
			return refuse(CodeInvalidDefinition, at+".closed", "the queue overflows to nowhere; give overflow.to")
		}
		if err := x.checkOverflow(CodeInvalidDefinition, at+".overflow", q.Name, q.Overflow); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) checkOverflow(code Code, at, from string, o *Overflow) error {
	switch {
	case o == nil:
		return nil
	case x.queues[o.To] == nil:
		return refuse(code, at+".to", "there is no queue %q", o.To)
	case o.To == from:
		return refuse(code, at+".to", "the queue would overflow to itself")
	case o.After < 0 || o.After > maxSpan:
		return refuse(code, at+".after", "this must not be negative, nor longer than a hundred years")
	}
	return nil
}
