// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/patchbay-cx/patchbay/sdk/route"

// pending is work that has been proposed, of which it is not known yet what
// became of it.
type pending struct {
	seq   uint64
	first claim
	more  []claim // if several agents were proposed for it
}

// claim is what a proposal takes of an agent.
type claim struct {
	agent, agentGen uint32
	takes           int32
	interruptible   bool
	settled         bool
}

// claim counts work of the class as taken by the agent.
func (x *Index) claim(c *class, agent uint32) claim {
	s := &x.seats[agent]
	made := claim{
		agent: agent, agentGen: s.gen, takes: c.demand.takes(s), interruptible: c.demand.interruptible,
	}
	x.unlist(agent)
	s.count(&made, 1)
	x.nth++
	s.pendingAt, s.nth = x.now, x.nth
	x.list(agent)
	if s.hope == x.session && (!s.listed || s.room == 0) {
		s.hope = 0
		x.hopeful--
	}
	return made
}

// settle ends the pending proposal that the row speaks of. Whether the host
// took it or not, the board's rows say now what is so.
func (x *Index) settle(row *route.Settled) {
	if p, ok := x.pending[row.Work]; ok && p.seq == row.Seq {
		x.unclaim(row.Work, p, row.Agent)
	}
}

// unclaim ends the pending proposal of the work to the agent, if there is one.
func (x *Index) unclaim(ref uint32, p pending, agent uint32) {
	open := false
	end := func(c *claim) {
		if c.agent == agent && !c.settled {
			c.settled = true
			x.free(c)
		}
		open = open || !c.settled
	}
	end(&p.first)
	for i := range p.more {
		end(&p.more[i])
	}
	if open {
		x.pending[ref] = p
		return
	}
	delete(x.pending, ref)
	x.place(ref)
}

// release ends the pending proposals of the work: it and the agents are as the
// board shows them.
func (x *Index) release(ref uint32) {
	p, ok := x.pending[ref]
	if !ok {
		return
	}
	delete(x.pending, ref)
	if !p.first.settled {
		x.free(&p.first)
	}
	for i := range p.more {
		if !p.more[i].settled {
			x.free(&p.more[i])
		}
	}
	x.place(ref)
}

// free gives back what the claim took, if it is still the same agent.
func (x *Index) free(c *claim) {
	if s := &x.seats[c.agent]; s.gen == c.agentGen {
		x.touch(c.agent)
		s.count(c, -1)
	}
}

// giveUp ends what was chosen in the last turn and never asked for.
func (x *Index) giveUp() {
	for ; x.yielded < len(x.matches); x.yielded++ {
		m := &x.matches[x.yielded] // the rows have changed, but not their refs
		if p, ok := x.pending[m.Work.Ref]; ok {
			x.unclaim(m.Work.Ref, p, m.Agent.Ref)
		}
	}
}
