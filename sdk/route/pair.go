// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import "math"

// Pair holds the plain facts about one piece of work and one agent from which
// it follows whether the one may be offered to the other. Host and board fill
// it from their own state and apply the same rule, so that they cannot differ.
type Pair struct {
	// Connected says that the agent is signed in and its stream is there.
	Connected bool
	// Channels has bit n set when the agent's presence status lists channel n.
	// No bit at all means that the agent is busy.
	Channels uint64
	// Channel is the ordinal of the work's channel, 0 to 63.
	Channel uint16
	// Held says that the work is held, by a router or a person, or that its
	// queue is closed and holds its work until it opens.
	Held bool
	// Member says that the agent belongs to the work's queue, and Tier in which
	// tier. Tiers is up to which tier members are asked by now; 0 means all.
	Member      bool
	Tier, Tiers uint16
	// BySkills says that work of the queue goes to all who hold the skills it
	// requires, members or not; Needy, that it requires any now.
	BySkills, Needy bool
	// OtherRequired says that the work requires an agent, and it is not this.
	OtherRequired bool
	// Declined says that the decline rule keeps the work from the agent.
	Declined bool
	// Skilled says that the agent holds every skill the work requires now, each
	// at its level. See Skilled.
	Skilled bool
	// Open is how many assignments are offered to the agent or open; MaxOpen
	// is the most there may be.
	Open, MaxOpen uint32
	// Offers is how many of them are not answered yet; MaxOffers is the most
	// there may be, 0 for any number.
	Offers, MaxOffers uint32
	// Load is what the work would take of the agent, and what there is.
	Load
}

// Load holds the facts about capacity. Amounts are milli-units.
//
// There are two pools. Primary work needs free primary capacity and ignores
// interruptible load; interruptible work needs as much free in both.
type Load struct {
	// Capacity is what the agent may hold of primary work, Used what it holds.
	Capacity, Used int32
	// InterruptibleCapacity is what the agent may hold of interruptible work,
	// InterruptibleUsed what it holds.
	InterruptibleCapacity, InterruptibleUsed int32
	// Interruptible says in which pool the work is.
	Interruptible bool
	// Size is what the work takes; or, if Percent is not 0, it takes that many
	// thousandths of a per cent of the capacity of its pool.
	Size    int32
	Percent uint32
}

// Takes returns how much of its pool the work takes of this agent. A share is
// rounded down, so that three thirds fit, but is never nothing.
func (l *Load) Takes() int32 {
	if l.Percent == 0 {
		return l.Size
	}
	capacity := l.Capacity
	if l.Interruptible {
		capacity = l.InterruptibleCapacity
	}
	return int32(max(1, min(int64(capacity)*int64(l.Percent)/WholePercent, math.MaxInt32)))
}

// WholePercent is a hundred per cent, as Load.Percent counts.
const WholePercent = 100_000

// Fits reports whether the work fits into what is free.
func (l *Load) Fits() bool {
	takes := int64(l.Takes())
	return int64(l.Capacity)-int64(l.Used) >= takes &&
		(!l.Interruptible || int64(l.InterruptibleCapacity)-int64(l.InterruptibleUsed) >= takes)
}

// Verdict returns VerdictNone if the work may be offered to the agent, else
// the first thing that stands against it: VerdictAgentUnavailable,
// VerdictChannelMismatch, VerdictNotEligible, VerdictLimit, VerdictNoCapacity,
// in this order. Capacity comes last so that a host which grants more capacity
// than there is knows that nothing else stands against it.
func (p *Pair) Verdict() Verdict {
	if v := p.presence(); v != VerdictNone {
		return v
	}
	switch {
	case p.Held || !p.asked() || p.OtherRequired || p.Declined || !p.Skilled:
		return VerdictNotEligible
	case p.Open >= p.MaxOpen || p.MaxOffers > 0 && p.Offers >= p.MaxOffers:
		return VerdictLimit
	case !p.Fits():
		return VerdictNoCapacity
	default:
		return VerdictNone
	}
}

// asked reports whether the agent is among those whom the queue asks by now.
func (p *Pair) asked() bool {
	return p.Member && (p.Tiers == 0 || p.Tier <= p.Tiers) || p.BySkills && p.Needy
}

// presence is the part of the rule that needs no lists.
func (p *Pair) presence() Verdict {
	switch {
	case !p.Connected || p.Channels == 0:
		return VerdictAgentUnavailable
	case p.Channel > 63 || p.Channels&(1<<p.Channel) == 0:
		return VerdictChannelMismatch
	default:
		return VerdictNone
	}
}

// Skilled reports whether skills hold every need that is not dropped, each at
// its level or above. Names are compared by dictionary id. Both lists may be
// in any order.
func Skilled(needs []Need, skills []Skill) bool {
	for i := range needs {
		if need := &needs[i]; need.Flags&NeedDropped == 0 && !holds(skills, need.Name, need.Level) {
			return false
		}
	}
	return true
}

func holds(skills []Skill, name, level uint32) bool {
	for i := range skills {
		if skills[i].Name == name {
			return skills[i].Level >= level
		}
	}
	return false
}

// Needy reports whether any of the needs is not dropped.
func Needy(needs []Need) bool {
	for i := range needs {
		if needs[i].Flags&NeedDropped == 0 {
			return true
		}
	}
	return false
}
