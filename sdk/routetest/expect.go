// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"errors"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// expectation is what a proposal must be.
type expectation struct {
	work, agent string
	reason      string  // empty: any
	score       *int32  // nil: any
	rank        *uint16 // nil: any
}

func (p *player) expectNext(e expectation) {
	p.expecting = true
	if p.expected >= len(p.reply.Proposals) {
		p.find("%s -> %s is not proposed", e.work, e.agent)
		return
	}
	proposal := &p.reply.Proposals[p.expected]
	p.expected++
	work, agent := p.host.work.at(proposal.Work), p.host.agents.at(proposal.Agent)
	if work == nil || agent == nil || work.name != e.work || agent.name != e.agent {
		p.find("%s -> %s was expected, %s came", e.work, e.agent, p.names(proposal))
		return
	}
	if e.reason != "" && p.reason(proposal.Reason) != e.reason {
		p.find("%s: reason %s was expected, %q (%d) came", p.names(proposal), e.reason, p.reason(proposal.Reason), proposal.Reason)
	}
	if e.score != nil && proposal.Score != *e.score {
		p.find("%s: score %d was expected, %d came", p.names(proposal), *e.score, proposal.Score)
	}
	if e.rank != nil && proposal.Rank != *e.rank {
		p.find("%s: rank %d was expected, %d came", p.names(proposal), *e.rank, proposal.Rank)
	}
}

// expectNote wants a note that says why the work waits.
func (p *player) expectNote(work, reason string) {
	ref := p.host.work.must(work).ref
	for _, note := range p.reply.Notes {
		if note.Work != ref {
			continue
		}
		if p.reason(note.Reason) != reason {
			p.find("%s: %s was expected as the reason for waiting, %q (%d) came", work, reason, p.reason(note.Reason), note.Reason)
		}
		return
	}
	p.find("no note says why %s waits", work)
}

func (p *player) names(proposal *route.Proposal) string {
	pr := proposed{work: "?", agent: "?"}
	if work := p.host.work.at(proposal.Work); work != nil {
		pr.work = work.name
	}
	if agent := p.host.agents.at(proposal.Agent); agent != nil {
		pr.agent = agent.name
	}
	return pr.String()
}

func (p *player) reason(code uint16) string {
	for i := range p.suite.Reasons {
		if p.suite.Reasons[i].Code == code {
			return p.suite.Reasons[i].Name
		}
	}
	return ""
}

func (p *player) expectCount(n int) {
	p.expecting, p.expected = true, len(p.reply.Proposals)
	if len(p.reply.Proposals) != n {
		p.find("%d proposals were expected, %d came", n, len(p.reply.Proposals))
	}
}

func (p *player) expectOffered(n int) {
	if p.offered != n {
		p.find("%d offers were expected, there were %d", n, p.offered)
	}
}

func (p *player) expectWake(at int64) {
	if p.reply.WakeAt != at {
		p.find("the next turn was to be wanted at %d, it is at %d (now is %d; 0 is never)", at, p.reply.WakeAt, p.host.now)
	}
}

// closeExpectations finds proposals that were not expected, if some were.
func (p *player) closeExpectations() {
	if p.expecting && p.expected < len(p.reply.Proposals) {
		p.find("%s was proposed too", p.names(&p.reply.Proposals[p.expected]))
	}
	p.expecting = false
}

// corrupt carries a turn that does not follow on. The strategy must ask for a
// snapshot, and go on doing so until it comes.
func (p *player) corrupt(what string) {
	if p.host.snapshot {
		panic(misuse("a turn must have gone before"))
	}
	if what == "digest" && p.reply.Digest == 0 {
		return // it keeps none
	}
	for _, turn := range p.spoiled(what) {
		asks := turn.Kind.Asks()
		if err := p.carry(turn); asks {
			p.mustAsk(err, wrong[what])
		}
	}
	p.host.Wait(1)
	for _, turn := range p.host.Turns() {
		p.mustAsk(p.carry(turn), "a snapshot had been asked for")
	}
	p.host.Snapshot()
	p.fresh = nil
	p.reply.Reset()
}

// wrong says what was wrong with a turn that does not follow on. It is never
// written to.
//
//nolint:gochecknoglobals // a constant but for its type
var wrong = map[string]string{
	"base": "a turn built on another than the last", "epoch": "a turn was of another epoch",
	"generation": "what left was of another generation", "digest": "the digests differed",
	"repeat": "a turn came twice", "page": "a page of the snapshot was missing",
	"order": "turns came in another order", "pages": "the pages came in another order",
}

// spoiled returns turns of which the last one cannot be taken.
func (p *player) spoiled(what string) []*route.Turn {
	switch what {
	case "repeat":
		again := new(route.Turn)
		if err := route.DecodeTurn(p.last, again); err != nil {
			panic(err) // it is the host's own
		}
		again.Kind, again.BaseSeq = route.KindDelta, again.Seq-1
		return []*route.Turn{again}
	case "page":
		rows := p.host.pageRows
		p.host.Page(1)
		p.host.Snapshot()
		pages := p.host.Turns()
		p.host.Page(rows)
		if len(pages) < 3 {
			panic(misuse("three rows are wanted to leave out a page"))
		}
		return []*route.Turn{pages[0], pages[len(pages)-1]}
	case "pages":
		rows := p.host.pageRows
		p.host.Page(1)
		p.host.Snapshot()
		pages := p.host.Turns()
		p.host.Page(rows)
		if len(pages) < 4 {
			panic(misuse("four rows are wanted to swap pages"))
		}
		pages[1], pages[2] = pages[2], pages[1]
		return pages
	case "order":
		earlier := p.host.Turns()[0]
		p.host.Wait(1)
		return []*route.Turn{p.host.Turns()[0], earlier}
	}
	turn := p.host.Turns()[0]
	switch what {
	case "base":
		turn.BaseSeq++
		turn.Seq++
		p.host.seq++
	case "epoch":
		turn.Epoch++
	case "digest":
		turn.Digest ^= 1
	case "generation":
		turn.WorkGone = append(turn.WorkGone, p.wrongGeneration())
	}
	return []*route.Turn{turn}
}

// wrongGeneration says that work has gone of a generation that never was.
func (p *player) wrongGeneration() route.Gone {
	for _, work := range p.host.work.inOrder() {
		return route.Gone{Ref: work.ref, Gen: work.gen + 7}
	}
	panic(misuse("work is wanted on the board"))
}

func (p *player) mustAsk(err error, because string) {
	switch {
	case err == nil:
		p.find("no snapshot was asked for although %s", because)
	case !errors.Is(err, route.ErrNeedSnapshot):
		p.find("%s, which was answered with: %v", because, err)
	}
}
