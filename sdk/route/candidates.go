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
		Offers: uint32(agent.Offers), MaxOffers: uint32(agent.MaxOffers),
		Load: LoadOf(work, agent),
	}
	if v := pair.presence(); v != VerdictNone {
		return v // most pairs end here, and the lists need not be read
	}
	pair.Held = work.Flags&WorkHeld != 0
	if queue := b.Queue(work.Queue); queue != nil {
		pair.Held, pair.BySkills = pair.Held || queue.Flags&QueueHeld != 0, queue.Flags&QueueBySkills != 0
	}
	pair.Tier, pair.Member = b.tier(agent, work.Queue)
	pair.Tiers = work.Tier
	pair.OtherRequired = work.Flags&WorkRequired != 0 && work.Agent != agent.Name
	pair.Declined = slices.Contains(b.Declined(work), agent.Name)
	pair.Needy, pair.Skilled = Needy(b.Needs(work)), Skilled(b.Needs(work), b.Skills(agent))
	return pair.Verdict()
}

// Candidates yields the agents to whom the work may be offered now, in the
// order of refs. It reads every agent on the board: good for thousands, not
// for a hundred thousand; package match keeps indexes for those.
func (b *Board) Candidates(work *Work) iter.Seq[*Agent] {
	return func(yield func(*Agent) bool) {
		if !work.Waits() {
			return // nobody may, and the agents need not be read
		}
		for agent := range b.agents.all() {
			if b.Eligible(work, agent) == VerdictNone && !yield(agent) {
				return
			}
		}
	}
}

// LoadOf returns what the work would take of the agent, and what there is.
func LoadOf(work *Work, agent *Agent) Load {
	return Load{
		Capacity: agent.Capacity, Used: agent.Used,
		InterruptibleCapacity: agent.Interruptible, InterruptibleUsed: agent.InterruptibleUsed,
		Interruptible: work.Flags&WorkInterruptible != 0, Size: work.Size, Percent: work.Percent,
	}
}

// Waits reports whether the work looks for an agent: it is neither offered nor
// held.
func (w *Work) Waits() bool { return w.State == WorkWaiting && w.Flags&WorkHeld == 0 }

// tier returns in which tier of the queue the agent is, and whether it belongs
// to the queue at all.
func (b *Board) tier(agent *Agent, queue uint32) (uint16, bool) {
	members := b.Members(agent)
	for i := range members {
		if members[i].Queue == queue {
			return members[i].Tier, true
		}
	}
	return 0, false
}
