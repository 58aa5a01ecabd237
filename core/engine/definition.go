// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
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
	// Skills lists the names of all skills there are.
	Skills []string `cbor:"10,keyasint,omitempty"`
	Hours  []Hours  `cbor:"11,keyasint,omitempty"`
	Flows  []Flow   `cbor:"12,keyasint,omitempty"`
	// MaxWaiting is how many items may wait in the workspace at once; what
	// comes beyond is refused. 0 means any number.
	MaxWaiting uint32 `cbor:"13,keyasint,omitempty"`
	// Strategies are what routing configs may name; none leaves that to the host.
	Strategies []StrategyDefinition `cbor:"14,keyasint,omitempty"`
	Profiles   []Profile            `cbor:"15,keyasint,omitempty"`
}

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
	// Interruptible is how much interruptible work an agent may hold besides.
	Interruptible Milli `cbor:"8,keyasint,omitempty"`
	// MaxOffers is how many offers an agent may have standing at once; 0 means
	// any number.
	MaxOffers uint16 `cbor:"9,keyasint,omitempty"`
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

// AgentDefinition is a person who does work.
type AgentDefinition struct {
	// ID is the agent's name in the API, unique in the workspace.
	ID string `cbor:"1,keyasint"`
	// Name is for people.
	Name string `cbor:"2,keyasint,omitempty"`
	// PresenceConfig names the agent's presence config.
	PresenceConfig string `cbor:"3,keyasint"`
	// Queues lists the queues the agent is a member of.
	Queues []Membership `cbor:"4,keyasint,omitempty"`
	// Skills lists what the agent can do, and how well.
	Skills []Skill `cbor:"5,keyasint,omitempty"`
	// Profile names what the agent may do; empty permits everything.
	Profile string `cbor:"6,keyasint,omitempty"`
}

// Membership is an agent's place in a queue.
type Membership struct {
	Queue string `cbor:"1,keyasint"`
	// Tier is when the agent is asked: 1 at once, 2 and on after the queue's
	// waits. 0 means 1.
	Tier uint16 `cbor:"2,keyasint,omitempty"`
	// Weight is the agent's share under weighted random, 1 to 100; 0 means 1.
	Weight uint16 `cbor:"3,keyasint,omitempty"`
}

// MaxWeight is the largest weight of a membership.
const MaxWeight = 100

// tier returns the tier, 1 if none is given.
func (m *Membership) tier() uint16 { return max(m.Tier, 1) }

// Member makes memberships of the first tier in the named queues.
func Member(queues ...string) []Membership {
	out := make([]Membership, len(queues))
	for i, name := range queues {
		out[i].Queue = name
	}
	return out
}

// InQueues returns the names of the agent's queues.
func (a *AgentDefinition) InQueues() []string {
	names := make([]string, len(a.Queues))
	for i := range a.Queues {
		names[i] = a.Queues[i].Queue
	}
	return names
}

// index is a definition's contents by name; pointers lead into the definition.
type index struct {
	channels map[string]uint16
	statuses map[string]*status
	presence map[string]*PresenceConfig
	routing  map[string]*RoutingConfig
	queues   map[string]*QueueDefinition
	agents   map[string]*AgentDefinition
	served   []bool // by channel: some status lists it
	skills   map[string]bool
	hours    map[string]*calendar

	strategies map[string]*StrategyDefinition
	profiles   map[string]*Profile
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
		skills:   make(map[string]bool, len(d.Skills)),
		hours:    make(map[string]*calendar, len(d.Hours)),
	}
	for _, add := range []func(*Definition) error{
		x.addSkills, x.addHours, x.addChannels, x.addStatuses, x.addPresence, x.addRouting, x.addQueues, x.addProfiles, x.addAgents,
		x.addStrategies, x.checkQueues, x.checkFlows,
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

func (x *index) addStatuses(d *Definition) error {
	x.served = make([]bool, len(d.Channels))
	x.statuses[Offline] = &status{Status: &Status{Name: Offline}}
	for i := range d.Statuses {
		s := &status{Status: &d.Statuses[i]}
		for _, name := range s.Channels {
			ordinal, ok := x.channels[name]
			if !ok {
				return missing("statuses."+s.Name+".channels", "channel", name)
			}
			s.bits |= 1 << ordinal
			x.served[ordinal] = true
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
		case p.Interruptible < 0:
			return refuse(CodeInvalidDefinition, at+".interruptible_capacity", "interruptible_capacity must not be negative")
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

func (x *index) addAgents(d *Definition) error {
	for i := range d.Agents {
		a := &d.Agents[i]
		if err := put(x.agents, "agents", a.ID, a); err != nil {
			return err
		}
		if _, ok := x.presence[a.PresenceConfig]; !ok {
			return missing("agents."+a.ID+".presence_config", "presence config", a.PresenceConfig)
		}
		if a.Profile != "" && x.profiles[a.Profile] == nil {
			return missing("agents."+a.ID+".profile", "profile", a.Profile)
		}
		if err := x.membership(a); err != nil {
			return err
		}
		if err := x.holding(a); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) membership(a *AgentDefinition) error {
	at := "agents." + a.ID + ".queues"
	for i := range a.Queues {
		m := &a.Queues[i]
		switch {
		case x.queues[m.Queue] == nil:
			return missing(at, "queue", m.Queue)
		case slices.ContainsFunc(a.Queues[:i], func(other Membership) bool { return other.Queue == m.Queue }):
			return refuse(CodeInvalidDefinition, at, "queue %q is there twice", m.Queue)
		case int(m.tier()) > len(x.queues[m.Queue].Tiers)+1:
			return refuse(CodeInvalidDefinition, at, "tier %d of queue %q would never be asked: the queue gives waits for %d tiers", m.Tier, m.Queue, len(x.queues[m.Queue].Tiers)+1)
		case m.Weight > MaxWeight:
			return refuse(CodeInvalidDefinition, at, "weight %d is above %d", m.Weight, MaxWeight)
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
