// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"cmp"
	"math"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Plain returns a strategy that does what the built-in strategies do in the
// plainest way there is: for each work in pending order it looks at every
// agent. Other implementations are held against it, for what they decide and
// for what they cost. It looks at no more work once it has made limit proposals
// in a turn; 0 means any number. Proposals carry the model as their reason.
func Plain(limit int) route.Strategy {
	return &plain{limit: limit, claims: map[uint32][]claim{}, claimants: map[uint32]*claimant{}}
}

type plain struct {
	limit     int
	board     route.Board
	seed      uint64
	claims    map[uint32][]claim   // unsettled proposals by ref of work
	claimants map[uint32]*claimant // by ref of agent
	claimed   uint64               // proposals made so far
}

type claim struct {
	seq             uint64
	agent, agentGen uint32
	takes           int32
	interruptible   bool
}

// claimant is an agent with unsettled proposals.
type claimant struct {
	gen                     uint32
	open                    uint16
	used, interruptibleUsed int32
	at                      int64
	nth                     uint64
}

// candidate is an agent with its unsettled proposals counted in.
type candidate struct {
	route.Agent
	// nth is the number of the last proposal of it that is not settled: of
	// several at the same time the later is the more recent.
	nth uint64
	// keys is what the model looks at, lower first.
	keys [3]int64
}

var _ route.Strategy = (*plain)(nil)

// Configure implements route.Strategy. There are no settings.
func (p *plain) Configure([]byte) error { return nil }

// Turn implements route.Strategy.
func (p *plain) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := p.board.Apply(turn); err != nil {
		return err
	}
	p.seed = turn.Seed
	p.settle(turn)
	reply.Digest = p.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	for _, work := range p.pendingOrder() {
		if p.limit > 0 && len(reply.Proposals) >= p.limit {
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
		p.release(s.Work, func(c claim) bool { return c.seq == s.Seq && c.agent == s.Agent })
	}
	for _, ref := range changed.WorkGone {
		p.release(ref, func(claim) bool { return true })
	}
}

// release ends the claims on the work of which which holds.
func (p *plain) release(work uint32, which func(claim) bool) {
	var rest []claim
	for _, c := range p.claims[work] {
		if !which(c) {
			rest = append(rest, c)
			continue
		}
		if a := p.claimants[c.agent]; a != nil && a.gen == c.agentGen {
			a.take(c, -1)
			if a.open == 0 {
				delete(p.claimants, c.agent)
			}
		}
	}
	p.claims[work] = rest
	if len(rest) == 0 {
		delete(p.claims, work)
	}
}

// take counts a claim in, or out if sign is -1.
func (a *claimant) take(c claim, sign int32) {
	a.open += uint16(sign)
	if c.interruptible {
		a.interruptibleUsed += sign * c.takes
	} else {
		a.used += sign * c.takes
	}
}

// pendingOrder returns the work that waits and is not proposed.
func (p *plain) pendingOrder() []*route.Work {
	var list []*route.Work
	for work := range p.board.AllWork() {
		if len(p.claims[work.Ref]) == 0 && work.Waits() {
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

// propose offers the work to the best agents, as many as its queue asks at once.
func (p *plain) propose(work *route.Work, reply *route.Reply) {
	model, offers := p.model(work)
	var list []candidate
	for row := range p.board.AllAgents() {
		agent := p.view(row)
		if p.board.Eligible(work, &agent.Agent) != route.VerdictNone || p.preferred(work) && work.Agent != agent.Name {
			continue
		}
		agent.keys = p.keys(model, work, &agent)
		list = append(list, agent)
	}
	slices.SortFunc(list, p.compare)
	for rank := range min(offers, len(list)) {
		agent := &list[rank]
		reply.Proposals = append(reply.Proposals, route.Proposal{
			Work: work.Ref, Revision: work.Revision, Agent: agent.Ref, Rank: uint16(rank),
			Score: p.score(model, work, agent), Reason: uint16(model),
		})
		p.claim(work, &agent.Agent)
	}
}

// model returns the model of the work's queue, least active if it is unknown,
// and how many agents are asked at once.
func (p *plain) model(work *route.Work) (model route.Model, offers int) {
	queue := p.board.Queue(work.Queue)
	if queue == nil {
		return route.ModelLeastActive, 1
	}
	model = queue.Model
	if model < route.ModelLeastActive || model > route.ModelWeightedRandom {
		model = route.ModelLeastActive
	}
	return model, max(1, int(queue.OfferTo))
}

func (p *plain) claim(work *route.Work, agent *route.Agent) {
	load := route.LoadOf(work, agent)
	c := claim{
		seq: p.board.Seq(), agent: agent.Ref, agentGen: agent.Gen,
		takes: load.Takes(), interruptible: load.Interruptible,
	}
	p.claims[work.Ref] = append(p.claims[work.Ref], c)
	a := p.claimants[agent.Ref]
	if a == nil || a.gen != agent.Gen {
		a = &claimant{gen: agent.Gen}
		p.claimants[agent.Ref] = a
	}
	a.take(c, 1)
	p.claimed++
	a.at, a.nth = p.board.Now(), p.claimed
}

// view returns the agent with its unsettled proposals counted in.
func (p *plain) view(row *route.Agent) candidate {
	agent := candidate{Agent: *row}
	if a := p.claimants[row.Ref]; a != nil && a.gen == row.Gen {
		agent.Open += a.open
		agent.Offers += a.open
		agent.Used += a.used
		agent.InterruptibleUsed += a.interruptibleUsed
		agent.IdleSince, agent.AssignedAt, agent.nth = 0, a.at, a.nth
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

// compare is negative if agent a is to be picked before b: by the model, then
// agents without any open work, earliest sign-in, oldest last assignment, lowest
// id.
func (p *plain) compare(a, b candidate) int {
	return cmp.Or(
		slices.Compare(a.keys[:], b.keys[:]),
		cmp.Compare(min(a.Open, 1), min(b.Open, 1)),
		cmp.Compare(a.SignedInAt, b.SignedInAt),
		cmp.Compare(a.AssignedAt, b.AssignedAt),
		cmp.Compare(a.nth, b.nth),
		cmp.Compare(p.board.Word(a.Name), p.board.Word(b.Name)),
		cmp.Compare(a.Ref, b.Ref),
	)
}
