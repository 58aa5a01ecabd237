// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"cmp"
	"math"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Plain returns a strategy that does what the queue strategy does in the
// plainest way there is: for each work in pending order it looks at every
// agent. Other implementations are held against it, for what they decide and
// for what they cost. It makes at most limit proposals in a turn; 0 means any
// number. Proposals carry the model as their reason.
func Plain(limit int) route.Strategy {
	return &plain{limit: limit, claims: map[uint32]claim{}, claimants: map[uint32]*claimant{}}
}

type plain struct {
	limit     int
	board     route.Board
	claims    map[uint32]claim     // unsettled proposals by ref of work
	claimants map[uint32]*claimant // by ref of agent
}

type claim struct {
	seq             uint64
	agent, agentGen uint32
	size            int32
}

// claimant is an agent with unsettled proposals.
type claimant struct {
	gen  uint32
	open uint16
	used int32
	at   int64
}

var _ route.Strategy = (*plain)(nil)

// Configure implements route.Strategy. There are no settings.
func (p *plain) Configure([]byte) error { return nil }

// Turn implements route.Strategy.
func (p *plain) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := p.board.Apply(turn); err != nil {
		return err
	}
	p.settle(turn)
	reply.Digest = p.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	for _, work := range p.pendingOrder() {
		if p.limit > 0 && len(reply.Proposals) == p.limit {
			break
		}
		p.propose(work, reply)
	}
	reply.WakeAt = p.wakeAt()
	return nil
}

func (p *plain) settle(turn *route.Turn) {
	changed := p.board.Changed()
	if changed.Reset {
		clear(p.claims)
		clear(p.claimants)
	}
	for _, s := range turn.Settled {
		if c, ok := p.claims[s.Work]; ok && c.seq == s.Seq && c.agent == s.Agent {
			p.release(s.Work)
		}
	}
	for _, ref := range changed.WorkGone {
		p.release(ref)
	}
}

func (p *plain) release(work uint32) {
	c, ok := p.claims[work]
	if !ok {
		return
	}
	delete(p.claims, work)
	if a := p.claimants[c.agent]; a != nil && a.gen == c.agentGen {
		a.open--
		a.used -= c.size
		if a.open == 0 {
			delete(p.claimants, c.agent)
		}
	}
}

// pendingOrder returns the work that waits and is not proposed.
func (p *plain) pendingOrder() []*route.Work {
	var list []*route.Work
	for work := range p.board.AllWork() {
		if _, claimed := p.claims[work.Ref]; !claimed && work.State == route.WorkWaiting {
			list = append(list, work)
		}
	}
	slices.SortFunc(list, func(a, b *route.Work) int {
		return cmp.Or(
			cmp.Compare(a.Priority, b.Priority),
			cmp.Compare(a.Secondary, b.Secondary),
			cmp.Compare(target(a), target(b)),
			cmp.Compare(a.RequestedAt, b.RequestedAt),
			cmp.Compare(a.Sequence, b.Sequence),
			cmp.Compare(a.Ref, b.Ref),
		)
	})
	return list
}

func target(work *route.Work) int64 {
	if work.TargetAcceptAt == 0 {
		return math.MaxInt64
	}
	return work.TargetAcceptAt
}

func (p *plain) propose(work *route.Work, reply *route.Reply) {
	model := p.model(work)
	var best route.Agent
	found := false
	for row := range p.board.AllAgents() {
		agent := p.view(row)
		if p.board.Eligible(work, &agent) != route.VerdictNone || p.preferred(work) && work.Agent != agent.Name {
			continue
		}
		if !found || p.compare(model, &agent, &best) < 0 {
			best, found = agent, true
		}
	}
	if !found {
		return
	}
	reply.Propose(work, &best, p.score(model, &best), uint16(model))
	p.claim(work, &best)
}

// model returns the model of the work's queue; what is unknown is least active.
func (p *plain) model(work *route.Work) route.Model {
	if queue := p.board.Queue(work.Queue); queue != nil {
		if m := queue.Model; m == route.ModelMostAvailable || m == route.ModelLongestIdle {
			return m
		}
	}
	return route.ModelLeastActive
}

func (p *plain) claim(work *route.Work, agent *route.Agent) {
	p.claims[work.Ref] = claim{seq: p.board.Seq(), agent: agent.Ref, agentGen: agent.Gen, size: work.Size}
	a := p.claimants[agent.Ref]
	if a == nil || a.gen != agent.Gen {
		a = &claimant{gen: agent.Gen}
		p.claimants[agent.Ref] = a
	}
	a.open++
	a.used += work.Size
	a.at = p.board.Now()
}

// view returns the agent with its unsettled proposals counted in.
func (p *plain) view(row *route.Agent) route.Agent {
	agent := *row
	if a := p.claimants[row.Ref]; a != nil && a.gen == row.Gen {
		agent.Open += a.open
		agent.Used += a.used
		agent.IdleSince, agent.AssignedAt = 0, a.at
	}
	return agent
}

// preferred reports whether the work's preferred agent alone is asked now.
func (p *plain) preferred(work *route.Work) bool {
	return work.Flags&route.WorkRequired == 0 && work.Agent != 0 &&
		work.PreferredUntil > p.board.Now() && !slices.Contains(p.board.Declined(work), work.Agent)
}

func (p *plain) wakeAt() int64 {
	var wake int64
	for _, work := range p.pendingOrder() {
		if p.preferred(work) && (wake == 0 || work.PreferredUntil < wake) {
			wake = work.PreferredUntil
		}
	}
	return wake
}

// compare is negative if agent a is to be picked before b.
func (p *plain) compare(model route.Model, a, b *route.Agent) int {
	var c int
	switch model {
	case route.ModelMostAvailable:
		c = cmp.Compare(int64(b.Capacity)-int64(b.Used), int64(a.Capacity)-int64(a.Used))
	case route.ModelLongestIdle:
		c = compareIdle(a, b)
	default:
		c = cmp.Compare(a.Used, b.Used)
	}
	return cmp.Or(c,
		cmp.Compare(min(a.Open, 1), min(b.Open, 1)),
		cmp.Compare(a.SignedInAt, b.SignedInAt),
		cmp.Compare(a.AssignedAt, b.AssignedAt),
		cmp.Compare(p.board.Word(a.Name), p.board.Word(b.Name)),
		cmp.Compare(a.Ref, b.Ref),
	)
}

func compareIdle(a, b *route.Agent) int {
	switch idleA, idleB := a.IdleSince != 0, b.IdleSince != 0; {
	case idleA && idleB:
		return cmp.Compare(a.IdleSince, b.IdleSince)
	case idleA:
		return -1
	case idleB:
		return 1
	default:
		return cmp.Compare(a.AssignedAt, b.AssignedAt)
	}
}

func (p *plain) score(model route.Model, agent *route.Agent) int32 {
	switch model {
	case route.ModelMostAvailable:
		return clamp(int64(agent.Capacity) - int64(agent.Used))
	case route.ModelLongestIdle:
		if agent.IdleSince == 0 {
			return 0
		}
		return clamp((p.board.Now() - agent.IdleSince) / 1000)
	default:
		return agent.Used
	}
}

func clamp(v int64) int32 { return int32(max(math.MinInt32, min(math.MaxInt32, v))) }
