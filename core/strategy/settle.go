// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// settle has the engine settle the reply's proposals, and notes the verdicts
// for the strategy's next turn. Every proposal gets a verdict, for a strategy
// may wait for it, unless a snapshot comes anyway.
func (d *Desk) settle(now engine.Time, p *post, step Step) {
	if p.board != p.feed.board {
		// A new board was begun meanwhile: what the refs meant is gone, and
		// the strategy decides again on the snapshot.
		return
	}
	if d.drop(now, p); len(p.reply.Proposals) == 0 {
		return
	}
	p.counts.Proposals += uint64(len(p.reply.Proposals))
	var result engine.Result
	if p.state == Active && p.shadows == "" {
		result = step(engine.Propose{By: p.decision(), Proposals: d.proposals(p), MayExceed: p.spec.MayExceed})
	}
	offers := offered(result.Events)
	for i := range p.reply.Proposals {
		row := &p.reply.Proposals[i]
		settled := route.Settled{
			Seq: p.seq, Work: row.Work, Revision: row.Revision, Agent: row.Agent,
			Verdict: route.VerdictNotEligible, At: int64(now),
		}
		if i < len(result.Verdicts) {
			settled.Verdict = result.Verdicts[i]
		}
		var offer engine.AssignmentID
		if settled.Verdict == route.VerdictAcceptedByHost {
			p.counts.Offers++
			offer, offers = offers[0], offers[1:]
			p.calls = 0 // it asks for turns of which something comes
		} else {
			if result.Verdicts != nil { // or they were not for use
				p.counts.Refusals++
			}
			p.wake(now + refusalPause)
		}
		p.feed.settle(settled, offer)
	}
	if slices.ContainsFunc(result.Verdicts, unjustifiable) {
		p.counts.Wrong++
	}
	for i := range result.Events {
		p.feed.outcome(&result.Events[i]) // of what was accepted at once
	}
}

// drop answers what was proposed of queues that went, or of other work of them
// than is left, while the strategy was at its turn. It could not know, so that
// counts for nothing.
func (d *Desk) drop(now engine.Time, p *post) {
	if p.scope == p.feed.scopes {
		return
	}
	p.reply.Proposals = slices.DeleteFunc(p.reply.Proposals, func(row route.Proposal) bool {
		id, _ := p.feed.work.key(row.Work)
		w, ok := d.engine.Work(id)
		if !ok || row.Revision > w.Revision || p.feed.scope.has(w) {
			return false
		}
		p.feed.settle(route.Settled{
			Seq: p.seq, Work: row.Work, Revision: row.Revision, Agent: row.Agent, Verdict: route.VerdictStale, At: int64(now),
		}, 0)
		return true
	})
}

// unjustifiable reports whether a proposal with that verdict was wrong whatever
// happened since the turn.
func unjustifiable(v route.Verdict) bool {
	switch v {
	case route.VerdictUnknownWork, route.VerdictUnknownAgent, route.VerdictNotEligible, route.VerdictChannelMismatch:
		return true
	default:
		return false
	}
}

// offered returns the offers that were made, in their order.
func offered(events []engine.Event) (offers []engine.AssignmentID) {
	for i := range events {
		if events[i].Kind == engine.KindWorkOffered {
			offers = append(offers, events[i].Assignment)
		}
	}
	return offers
}

// proposals translates the reply's rows to what the engine settles.
func (d *Desk) proposals(p *post) []engine.Proposal {
	out := make([]engine.Proposal, len(p.reply.Proposals))
	for i := range out {
		row, proposal := &p.reply.Proposals[i], &out[i]
		proposal.Revision, proposal.Score, proposal.Rank = row.Revision, row.Score, row.Rank
		proposal.Reason = p.reason(row.Reason)
		var knownWork, knownAgent bool
		proposal.Work, knownWork = p.feed.work.key(row.Work)
		proposal.Agent, knownAgent = p.feed.agents.key(row.Agent)
		w, kept := d.engine.Work(proposal.Work)
		switch {
		case !knownWork:
			proposal.Refused = route.VerdictUnknownWork
		case !kept:
			proposal.Refused = route.VerdictGone
		case !knownAgent:
			proposal.Refused = route.VerdictUnknownAgent
		case d.decider(w) != p && row.Revision != w.Revision:
			proposal.Refused = route.VerdictStale // it has moved since
		case d.decider(w) != p:
			proposal.Refused = route.VerdictNotEligible
		}
	}
	return out
}
