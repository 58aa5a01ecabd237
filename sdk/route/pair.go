// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

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
	// Member says that the agent belongs to the work's queue.
	Member bool
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
	// Capacity is what the agent may hold, Used what it holds, Size what the
	// work takes, in milli-units.
	Capacity, Used, Size int32
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
	case !p.Member || p.OtherRequired || p.Declined || !p.Skilled:
		return VerdictNotEligible
	case p.Open >= p.MaxOpen:
		return VerdictLimit
	case int64(p.Capacity)-int64(p.Used) < int64(p.Size):
		return VerdictNoCapacity
	default:
		return VerdictNone
	}
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
