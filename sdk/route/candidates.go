// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"iter"
	"slices"
)

// Eligible says whether the work may be offered to the agent now, by the
// host's own rule (see Pair): VerdictNone if so, else why not. Work that is
// offered already is VerdictAlreadyAssigned.
func (b *Board) Eligible(work *Work, agent *Agent) Verdict {
	if work.State != WorkWaiting {
		return VerdictAlreadyAssigned
	}
	pair := Pair{
		Connected: agent.Flags&AgentConnected != 0, Channels: agent.Channels, Channel: work.Channel,
		Open: uint32(agent.Open), MaxOpen: agent.MaxOpen,
		Capacity: agent.Capacity, Used: agent.Used, Size: work.Size,
	}
	if v := pair.presence(); v != VerdictNone {
		return v // most pairs end here, and the lists need not be read
	}
	pair.Member = b.member(agent, work.Queue)
	pair.OtherRequired = work.Flags&WorkRequired != 0 && work.Agent != agent.Name
	pair.Declined = slices.Contains(b.Declined(work), agent.Name)
	pair.Skilled = Skilled(b.Needs(work), b.Skills(agent))
	return pair.Verdict()
}

// Candidates yields the agents to whom the work may be offered now, in the
// order of refs. It reads every agent on the board: good for thousands, not
// for a hundred thousand; package match keeps indexes for those.
func (b *Board) Candidates(work *Work) iter.Seq[*Agent] {
	return func(yield func(*Agent) bool) {
		if work.State != WorkWaiting {
			return // nobody may, and the agents need not be read
		}
		for agent := range b.agents.all() {
			if b.Eligible(work, agent) == VerdictNone && !yield(agent) {
				return
			}
		}
	}
}

func (b *Board) member(agent *Agent, queue uint32) bool {
	members := b.Members(agent)
	for i := range members {
		if members[i].Queue == queue {
			return true
		}
	}
	return false
}
