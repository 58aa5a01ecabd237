// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Amount is how much of an agent's capacity work takes: units, or a share of
// whatever the agent has.
type Amount struct {
	Units Milli `cbor:"1,keyasint,omitempty"`
	// Percent is in thousandths of a per cent; 0 means that Units says it.
	Percent uint32 `cbor:"2,keyasint,omitempty"`
}

// Units makes an amount of units.
func Units(units Milli) Amount { return Amount{Units: units} }

// Percent makes an amount of thousandths of a per cent.
func Percent(percent uint32) Amount { return Amount{Percent: percent} }

// IsZero reports whether nothing is said.
func (a Amount) IsZero() bool { return a == Amount{} }

// check says what is wrong with an amount, nil if nothing is.
func (a Amount) check(code Code, field string) error {
	switch {
	case a.Units < 0:
		return refuse(code, field, "size %v is negative; it should be units of capacity, 0 or more", a.Units)
	case a.Units != 0 && a.Percent != 0:
		return refuse(code, field, "size is given as units and as a percentage; give one of the two")
	case a.Percent > route.WholePercent:
		return refuse(code, field, "size is more than 100 %% of an agent's capacity")
	}
	return nil
}

// Channel is a kind of work.
type Channel struct {
	Name string `cbor:"1,keyasint"`
	// Size is what an item takes when neither it nor its queue's routing
	// config says so.
	Size Amount `cbor:"2,keyasint,omitempty"`
	// OnDisconnect says what becomes of open work whose agent is gone.
	OnDisconnect DisconnectRule `cbor:"3,keyasint,omitempty"`
	// Capacity says for how long work takes capacity.
	Capacity CapacityModel `cbor:"4,keyasint,omitempty"`
	// PausedSize is what paused work takes under the status model.
	PausedSize Amount `cbor:"5,keyasint,omitempty"`
	// ResumeOver lets paused work be resumed beyond its agent's capacity.
	ResumeOver bool `cbor:"6,keyasint,omitempty"`
	// Interruptible work takes interruptible capacity, and needs as much free of
	// the primary; primary work ignores it.
	Interruptible bool   `cbor:"7,keyasint,omitempty"`
	WrapUp        WrapUp `cbor:"8,keyasint,omitempty"`
	// Secondary gives work its secondary priority; nil gives all the same.
	Secondary *Secondary `cbor:"9,keyasint,omitempty"`
	// SkillRules say which skills incoming work requires. All that match count.
	SkillRules []SkillRule `cbor:"10,keyasint,omitempty"`
	// LastAgentFor is for how long, in milliseconds, a returning conversation
	// waits for its last agent alone; 0 means that it does not. LastAgentWithin
	// is how long after that agent accepted it last; 0 means a day.
	LastAgentFor    Time `cbor:"11,keyasint,omitempty"`
	LastAgentWithin Time `cbor:"12,keyasint,omitempty"`
}

// CapacityModel says for how long work takes its agent's capacity.
type CapacityModel uint8

// The capacity models.
const (
	// BySession: the whole size, while the assignment stands.
	BySession CapacityModel = iota
	// ByStatus: the whole size while the work is in progress, the paused size
	// while it is paused.
	ByStatus
)

// DisconnectRule says what becomes of open work when its agent's connection is
// lost for longer than the grace period.
type DisconnectRule uint8

// The rules for open work whose agent is gone.
const (
	// KeepOpen leaves the work open at the agent.
	KeepOpen DisconnectRule = iota
	// RequeueOpen puts the work back to waiting, with its age.
	RequeueOpen
)

// WrapUp is the time an agent has for what is left to do once work is done. It
// holds capacity. Times are milliseconds; without For there is none.
type WrapUp struct {
	For Time `cbor:"1,keyasint,omitempty"`
	// Extension is by how much an agent may prolong it, Extensions how often.
	Extension  Time  `cbor:"2,keyasint,omitempty"`
	Extensions uint8 `cbor:"3,keyasint,omitempty"`
}

// Secondary is a table from an attribute's value to a secondary priority, lower
// first. What it does not list has Otherwise.
type Secondary struct {
	Attribute string           `cbor:"1,keyasint"`
	Values    map[string]int32 `cbor:"2,keyasint,omitempty"`
	Otherwise int32            `cbor:"3,keyasint,omitempty"`
}

// of returns the secondary priority of work with these attributes.
func (s *Secondary) of(attributes map[string]string) int32 {
	if s == nil {
		return 0
	}
	if priority, ok := s.Values[attributes[s.Attribute]]; ok {
		return priority
	}
	return s.Otherwise
}

func (x *index) addChannels(d *Definition) error {
	if len(d.Channels) > MaxChannels {
		return refuse(CodeInvalidDefinition, "channels", "there are %d channels; at most %d can be told apart", len(d.Channels), MaxChannels)
	}
	for i := range d.Channels {
		c := &d.Channels[i]
		if err := put(x.channels, "channels", c.Name, uint16(i)); err != nil {
			return err
		}
		if err := x.checkChannel("channels."+c.Name, c); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) checkChannel(at string, c *Channel) error {
	if err := c.Size.check(CodeInvalidDefinition, at+".size"); err != nil {
		return err
	}
	if err := c.PausedSize.check(CodeInvalidDefinition, at+".paused_size"); err != nil {
		return err
	}
	switch {
	case c.OnDisconnect > RequeueOpen:
		return refuse(CodeInvalidDefinition, at+".on_disconnect", "there is no rule %d", c.OnDisconnect)
	case c.Capacity > ByStatus:
		return refuse(CodeInvalidDefinition, at+".capacity_model", "there is no capacity model %d", c.Capacity)
	case c.Capacity == BySession && !c.PausedSize.IsZero():
		return refuse(CodeInvalidDefinition, at+".paused_size", "under the session model paused work holds its whole size; take the status model, or leave this out")
	case c.WrapUp.Extensions > 0 && (c.WrapUp.Extension <= 0 || c.WrapUp.For <= 0):
		return refuse(CodeInvalidDefinition, at+".wrap_up", "wrap-up can be extended only if it, and an extension, take time")
	}
	for _, span := range []struct {
		field string
		is    Time
	}{
		{"wrap_up.for", c.WrapUp.For},
		{"wrap_up.extension", c.WrapUp.Extension},
		{"last_agent.for", c.LastAgentFor},
		{"last_agent.within", c.LastAgentWithin},
	} {
		if err := spanned(at+"."+span.field, span.is); err != nil {
			return err
		}
	}
	for i := range c.SkillRules {
		if err := x.checkSkillRule(at+".skill_rules", &c.SkillRules[i]); err != nil {
			return err
		}
	}
	return nil
}

// spanned checks a span of time of a definition.
func spanned(field string, span Time) error {
	if span < 0 || span > maxSpan {
		return refuse(CodeInvalidDefinition, field, "this must not be negative, nor longer than a hundred years")
	}
	return nil
}

func (e *Engine) channel(w *Work) *Channel { return e.channelOf(w.Spec.Channel) }

func (e *Engine) channelOf(name string) *Channel {
	return &e.definition.Channels[e.names.channels[name]]
}

func (e *Engine) hasChannel(name string) bool {
	_, ok := e.names.channels[name]
	return ok
}
