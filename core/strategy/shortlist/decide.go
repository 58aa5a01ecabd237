// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shortlist

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// decide takes the answer to the frame. Items are decided in the order in which
// the strategy proposes; all that it does not speak of are held.
//
// Of the candidates proposed for an item, those who have no room left, because
// of what was decided before, are passed over; if none is left, the item comes
// again in the next round. What the host would refuse in any case is handed on,
// so that it is refused and counted.
func (in *instance) decide(reply *route.Reply) {
	in.hands, in.groups, in.order = in.hands[:0], in.groups[:0], in.order[:0]
	in.gather()
	for _, at := range in.order {
		in.rows = in.rows[:0]
		for next := in.frame.items[at].first; next > 0; next = in.chain[next-1] {
			in.rows = append(in.rows, in.answer.Proposals[next-1])
		}
		if byRank := func(a, b route.Proposal) int { return cmp.Compare(a.Rank, b.Rank) }; !slices.IsSortedFunc(in.rows, byRank) {
			slices.SortStableFunc(in.rows, byRank)
		}
		in.decideItem(int(at), in.rows)
	}
	// The host counts in the order in which it was counted here.
	slices.SortStableFunc(in.groups, func(a, b group) int { return cmp.Compare(a.claim, b.claim) })
	for _, g := range in.groups {
		reply.Proposals = append(reply.Proposals, in.hands[g.from:g.to]...)
	}
	for at := range in.frame.items {
		if !in.frame.items[at].decided {
			in.hold(at, in.answer.WakeAt)
		}
	}
}

// gather chains the proposals of each item, and puts the items into the order in
// which they are proposed first. What is of no item is handed on, to be refused.
func (in *instance) gather() {
	rows := in.answer.Proposals
	in.chain = append(in.chain[:0], make([]uint32, len(rows))...)
	for i := range rows {
		at, ok := in.frame.work.get(rows[i].Work)
		if !ok {
			in.hand(rows[i:i+1], in.claims)
			continue
		}
		it := &in.frame.items[at]
		if it.first == 0 {
			it.first = uint32(i + 1)
			in.order = append(in.order, at)
		} else {
			in.chain[it.last-1] = uint32(i + 1)
		}
		it.last = uint32(i + 1)
	}
}

// group is what is proposed for one work, and when that was counted.
type group struct {
	claim    uint64
	from, to int
}

// hand hands proposals for one work to the host.
func (in *instance) hand(rows []route.Proposal, claim uint64) {
	from := len(in.hands)
	for i, row := range rows {
		row.Rank = uint16(i)
		if in.frame.wants.settled {
			in.proposed[keyOf(row.Work, row.Revision, row.Agent)] = in.frames
		}
		in.hands = append(in.hands, row)
	}
	in.groups = append(in.groups, group{claim, from, len(in.hands)})
}

// decideItem decides about one item by what is proposed for it, best first.
func (in *instance) decideItem(at int, rows []route.Proposal) {
	it := &in.frame.items[at]
	it.decided = true
	if in.confirmed(at, rows) {
		in.hand(rows[:it.put], it.claim)
		return
	}
	in.free(at)
	var chosen []*route.Agent
	most, full, kept := in.offers(it.work), false, rows[:0]
	for _, row := range rows {
		agent := in.board.Agent(row.Agent)
		switch {
		case agent == nil || row.Revision != it.work.Revision || slices.Contains(chosen, agent):
			kept = append(kept, row) // to be refused
		case len(chosen) == most:
			// Nobody else is needed.
		case in.room(it.work, agent):
			chosen, kept = append(chosen, agent), append(kept, row)
		case in.listed(at, agent):
			full = true
		default:
			kept = append(kept, row) // for the host to say what stands against it
		}
	}
	switch {
	case len(chosen) > 0:
		in.take(it.work, chosen)
	case full:
		in.index.Release(it.work) // for the next round
	default:
		in.hold(at, in.frame.turn.Now+refusedPause)
	}
	in.hand(kept, in.claims)
}

// confirmed reports whether just those are proposed for whom the item was put
// down, as is so if the strategy takes the best.
func (in *instance) confirmed(at int, rows []route.Proposal) bool {
	it := &in.frame.items[at]
	if it.put == 0 || len(rows) < it.put {
		return false
	}
	for i := range it.put {
		if rows[i].Agent != in.frame.candidate(at, i).Ref || rows[i].Revision != it.work.Revision {
			return false
		}
	}
	return len(rows) == it.put || it.put == in.offers(it.work)
}

// offers returns to how many agents the work is offered at once.
func (in *instance) offers(work *route.Work) int {
	if queue := in.board.Queue(work.Queue); queue != nil {
		return max(1, int(queue.OfferTo))
	}
	return 1
}

// listed reports whether the agent is a candidate of the item.
func (in *instance) listed(at int, agent *route.Agent) bool {
	return in.frame.has(at, int(in.frame.turn.Items[at].Candidates.N), agent)
}

// room reports whether the agent can take the work, if need be by taking it
// from items that were put down for it and are not decided yet.
func (in *instance) room(work *route.Work, agent *route.Agent) bool {
	if in.index.CanTake(work, agent) {
		return true
	}
	for at := len(in.frame.items) - 1; at >= 0; at-- {
		if other := &in.frame.items[at]; other.decided || !in.frame.has(at, other.put, agent) {
			continue
		}
		in.free(at)
		if in.index.CanTake(work, agent) {
			return true
		}
	}
	return false
}

// free gives back those for whom the item was put down.
func (in *instance) free(at int) {
	if it := &in.frame.items[at]; it.put > 0 {
		in.index.Release(it.work)
		in.index.Hold(it.work, 0)
		it.put = 0
	}
}

// hold passes the item over.
func (in *instance) hold(at int, until int64) {
	in.free(at)
	in.index.Hold(in.frame.items[at].work, max(until, 0))
}
