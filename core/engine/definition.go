// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"sort"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Milli is an amount of capacity or size in thousandths of a unit, so that
// sums are exact.
type Milli int32

// Unit is one unit of capacity.
const Unit Milli = 1000

// MaxChannels is how many channels a workspace may have: each is a bit in an
// agent's row.
const MaxChannels = 64

// maxSpan bounds every span of time in a definition, a hundred years, so that
// no deadline can overflow.
const maxSpan Time = 100 * 366 * 24 * 3600 * 1000

// Definition is what admins decide about a workspace: everything but work,
// presence and the past. It is replaced whole, by a Configure command.
//
// Slices are ordered by name; Validate checks what belongs together.
type Definition struct {
	Channels        []Channel         `cbor:"1,keyasint,omitempty"`
	Statuses        []Status          `cbor:"2,keyasint,omitempty"`
	PresenceConfigs []PresenceConfig  `cbor:"3,keyasint,omitempty"`
	RoutingConfigs  []RoutingConfig   `cbor:"4,keyasint,omitempty"`
	Queues          []QueueDefinition `cbor:"5,keyasint,omitempty"`
	Agents          []AgentDefinition `cbor:"6,keyasint,omitempty"`
	// Grace is how long, in milliseconds, an agent without a connection stays
	// signed in.
	Grace Time `cbor:"7,keyasint,omitempty"`
	// KeepClosed is how long, in milliseconds, ended work stays readable and
	// its idempotency key known.
	KeepClosed Time `cbor:"8,keyasint,omitempty"`
	// KeepClosedItems is how many ended items are kept at most.
	KeepClosedItems uint32 `cbor:"9,keyasint,omitempty"`
}

// Channel is a kind of work.
type Channel struct {
	Name string `cbor:"1,keyasint"`
	// Size is what an item takes when neither it nor its queue's routing
	// config says so.
	Size Milli `cbor:"2,keyasint,omitempty"`
	// OnDisconnect says what becomes of open work whose agent is gone.
	OnDisconnect DisconnectRule `cbor:"3,keyasint,omitempty"`
}

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

// Status is a presence status, which agents choose. The status "offline" is
// built in and not listed.
type Status struct {
	Name string `cbor:"1,keyasint"`
	// Channels lists the channels on which the agent can be offered work; none
	// means busy.
	Channels []string `cbor:"2,keyasint,omitempty"`
}

// Offline is the built-in presence status of agents who are not signed in.
const Offline = "offline"

// PresenceConfig is how agents may be loaded and what offers do to them.
type PresenceConfig struct {
	Name string `cbor:"1,keyasint"`
	// Capacity is how much an agent may hold at once.
	Capacity Milli `cbor:"2,keyasint"`
	// MaxOpen is how many assignments an agent may hold at once.
	MaxOpen uint16 `cbor:"3,keyasint"`
	// AutoAccept opens offers at once. It excludes declining.
	AutoAccept bool `cbor:"4,keyasint,omitempty"`
	// DeclineReasons lists the reasons an agent may give; if there are any,
	// one is required.
	DeclineReasons []string `cbor:"5,keyasint,omitempty"`
	// StatusAfterDecline is taken after a decline; empty changes nothing.
	StatusAfterDecline string `cbor:"6,keyasint,omitempty"`
	// StatusAfterTimeout is taken after a push timeout; empty changes nothing.
	StatusAfterTimeout string `cbor:"7,keyasint,omitempty"`
}

// RoutingConfig is how the work of a queue is routed.
type RoutingConfig struct {
	Name string `cbor:"1,keyasint"`
	// Priority is the work's priority unless it brings one; 0 is highest.
	Priority int32 `cbor:"2,keyasint,omitempty"`
	// Size is the work's size unless it brings one; 0 leaves it to the channel.
	Size Milli `cbor:"3,keyasint,omitempty"`
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
}

// AgentDefinition is a person who does work.
type AgentDefinition struct {
	// ID is the agent's name in the API, unique in the workspace.
	ID string `cbor:"1,keyasint"`
	// Name is for people.
	Name string `cbor:"2,keyasint,omitempty"`
	// PresenceConfig names the agent's presence config.
	PresenceConfig string `cbor:"3,keyasint"`
	// Queues lists the queues the agent is a member of.
	Queues []string `cbor:"4,keyasint,omitempty"`
}

// index is a definition's contents by name; pointers lead into the definition.
type index struct {
	channels map[string]uint16
	statuses map[string]*status
	presence map[string]*PresenceConfig
	routing  map[string]*RoutingConfig
	queues   map[string]*QueueDefinition
	agents   map[string]*AgentDefinition
}

// status is a presence status with its channels as bits.
type status struct {
	*Status
	bits uint64
}

// Validate checks that names are unique, that what is named exists, and that
// amounts make sense. It reports the first fault as a *Refusal whose field
// names the place.
func (d *Definition) Validate() error {
	_, err := d.index()
	return err
}

func (d *Definition) index() (*index, error) {
	x := &index{
		channels: make(map[string]uint16, len(d.Channels)),
		statuses: make(map[string]*status, len(d.Statuses)+1),
		presence: make(map[string]*PresenceConfig, len(d.PresenceConfigs)),
		routing:  make(map[string]*RoutingConfig, len(d.RoutingConfigs)),
		queues:   make(map[string]*QueueDefinition, len(d.Queues)),
		agents:   make(map[string]*AgentDefinition, len(d.Agents)),
	}
	for _, add := range []func(*Definition) error{
		x.addChannels, x.addStatuses, x.addPresence, x.addRouting, x.addQueues, x.addAgents,
	} {
		if err := add(d); err != nil {
			return nil, err
		}
	}
	switch {
	case d.Grace <= 0:
		return nil, refuse(CodeInvalidDefinition, "connection_grace", "the grace period must be above 0, or nobody could sign in before connecting")
	case d.Grace > maxSpan:
		return nil, refuse(CodeInvalidDefinition, "connection_grace", "the grace period must not be longer than a hundred years")
	case d.KeepClosed < 0 || d.KeepClosed > maxSpan:
		return nil, refuse(CodeInvalidDefinition, "keep_closed", "the time that ended work is kept must not be negative, nor longer than a hundred years")
	}
	return x, nil
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
		if c.Size < 0 {
			return refuse(CodeInvalidDefinition, "channels."+c.Name+".size", "size must not be negative")
		}
		if c.OnDisconnect > RequeueOpen {
			return refuse(CodeInvalidDefinition, "channels."+c.Name+".on_disconnect", "there is no rule %d", c.OnDisconnect)
		}
	}
	return nil
}

func (x *index) addStatuses(d *Definition) error {
	x.statuses[Offline] = &status{Status: &Status{Name: Offline}}
	for i := range d.Statuses {
		s := &status{Status: &d.Statuses[i]}
		for _, name := range s.Channels {
			ordinal, ok := x.channels[name]
			if !ok {
				return missing("statuses."+s.Name+".channels", "channel", name)
			}
			s.bits |= 1 << ordinal
		}
		if err := put(x.statuses, "statuses", s.Name, s); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) addPresence(d *Definition) error {
	for i := range d.PresenceConfigs {
		p := &d.PresenceConfigs[i]
		at := "presence_configs." + p.Name
		if err := put(x.presence, "presence_configs", p.Name, p); err != nil {
			return err
		}
		switch {
		case p.Capacity <= 0:
			return refuse(CodeInvalidDefinition, at+".capacity", "capacity must be above 0")
		case p.MaxOpen == 0:
			return refuse(CodeInvalidDefinition, at+".max_open", "max_open must be above 0")
		case p.AutoAccept && len(p.DeclineReasons) > 0:
			return refuse(CodeInvalidDefinition, at+".decline_reasons", "auto_accept leaves nothing to decline; give one of the two")
		}
		if err := x.statusAfter(at+".status_after_decline", p.StatusAfterDecline); err != nil {
			return err
		}
		if err := x.statusAfter(at+".status_after_timeout", p.StatusAfterTimeout); err != nil {
			return err
		}
	}
	return nil
}

// statusAfter checks a status that an offer may lead to.
func (x *index) statusAfter(field, name string) error {
	if name == Offline {
		return refuse(CodeInvalidDefinition, field, "offline is reached by signing out; name a status without channels instead")
	}
	if _, ok := x.statuses[name]; name != "" && !ok {
		return missing(field, "status", name)
	}
	return nil
}

func (x *index) addRouting(d *Definition) error {
	for i := range d.RoutingConfigs {
		r := &d.RoutingConfigs[i]
		at := "routing_configs." + r.Name
		if err := put(x.routing, "routing_configs", r.Name, r); err != nil {
			return err
		}
		switch {
		case r.Size < 0:
			return refuse(CodeInvalidDefinition, at+".size", "size must not be negative")
		case r.Priority < 0:
			return refuse(CodeInvalidDefinition, at+".priority", "priority must not be negative; 0 is highest")
		case r.PushTimeout < 0 || r.PushTimeout > maxSpan:
			return refuse(CodeInvalidDefinition, at+".push_timeout", "push_timeout must not be negative, nor longer than a hundred years; 0 means without end")
		case r.DeclineRule > Forever:
			return refuse(CodeInvalidDefinition, at+".decline_rule", "there is no decline rule %d", r.DeclineRule)
		case r.Strategy == "":
			return refuse(CodeInvalidDefinition, at+".strategy", "a strategy is needed")
		}
	}
	return nil
}

func (x *index) addQueues(d *Definition) error {
	for i := range d.Queues {
		q := &d.Queues[i]
		if err := put(x.queues, "queues", q.Name, q); err != nil {
			return err
		}
		if _, ok := x.routing[q.Routing]; !ok {
			return missing("queues."+q.Name+".routing", "routing config", q.Routing)
		}
	}
	return nil
}

func (x *index) addAgents(d *Definition) error {
	for i := range d.Agents {
		a := &d.Agents[i]
		if err := put(x.agents, "agents", a.ID, a); err != nil {
			return err
		}
		if _, ok := x.presence[a.PresenceConfig]; !ok {
			return missing("agents."+a.ID+".presence_config", "presence config", a.PresenceConfig)
		}
		for i, name := range a.Queues {
			if _, ok := x.queues[name]; !ok {
				return missing("agents."+a.ID+".queues", "queue", name)
			}
			if slices.Contains(a.Queues[:i], name) {
				return refuse(CodeInvalidDefinition, "agents."+a.ID+".queues", "queue %q is there twice", name)
			}
		}
	}
	return nil
}

func put[V any](into map[string]V, field, name string, value V) error {
	if name == "" {
		return refuse(CodeInvalidDefinition, field, "a name is empty")
	}
	if _, ok := into[name]; ok {
		return refuse(CodeInvalidDefinition, field, "%q is there twice, or built in", name)
	}
	into[name] = value
	return nil
}

func missing(field, what, name string) error {
	return refuse(CodeInvalidDefinition, field, "there is no %s %q", what, name)
}

// String writes the amount in units, such as "1.5".
func (m Milli) String() string {
	if m%Unit == 0 {
		return fmt.Sprintf("%d", m/Unit)
	}
	return fmt.Sprintf("%g", float64(m)/float64(Unit))
}

// clone returns a copy that shares no memory, with empty lists as nil.
func (d *Definition) clone() *Definition {
	c := *d
	c.Channels = copied(d.Channels)
	c.Statuses = copied(d.Statuses)
	for i := range c.Statuses {
		c.Statuses[i].Channels = copied(c.Statuses[i].Channels)
	}
	c.PresenceConfigs = copied(d.PresenceConfigs)
	for i := range c.PresenceConfigs {
		c.PresenceConfigs[i].DeclineReasons = copied(c.PresenceConfigs[i].DeclineReasons)
	}
	c.RoutingConfigs = copied(d.RoutingConfigs)
	c.Queues = copied(d.Queues)
	c.Agents = copied(d.Agents)
	for i := range c.Agents {
		c.Agents[i].Queues = copied(c.Agents[i].Queues)
	}
	return &c
}

func copied[T any](list []T) []T { return append([]T(nil), list...) }

// Sort brings every list into the order of names, which Configure expects so
// that equal definitions are equal byte by byte.
func (d *Definition) Sort() {
	sort.Slice(d.Channels, func(i, j int) bool { return d.Channels[i].Name < d.Channels[j].Name })
	sort.Slice(d.Statuses, func(i, j int) bool { return d.Statuses[i].Name < d.Statuses[j].Name })
	sort.Slice(d.PresenceConfigs, func(i, j int) bool { return d.PresenceConfigs[i].Name < d.PresenceConfigs[j].Name })
	sort.Slice(d.RoutingConfigs, func(i, j int) bool { return d.RoutingConfigs[i].Name < d.RoutingConfigs[j].Name })
	sort.Slice(d.Queues, func(i, j int) bool { return d.Queues[i].Name < d.Queues[j].Name })
	sort.Slice(d.Agents, func(i, j int) bool { return d.Agents[i].ID < d.Agents[j].ID })
}
