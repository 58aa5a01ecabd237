// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Offer is an offer that a Host has made on a strategy's proposal.
type Offer struct {
	// Work and Agent are their names on the Host.
	Work, Agent string
	// Score and Reason are what the strategy says of it; Reason is a code of its
	// manifest.
	Score  int32
	Reason uint16
}

// String returns the offer as "w1 -> anna".
func (o Offer) String() string { return o.Work + " -> " + o.Agent }

// Decide gives the strategy a turn, pages of a snapshot included, settles what
// it proposes, and returns the offers that come of it, in their order:
//
//	offers, err := host.Decide(strategy)
//
// The error is the strategy's own, or names a proposal that is refused, since a
// strategy that keeps the rules is not refused anything here; or says that it is
// out of step. wakeAt is when the strategy wants a turn though nothing changes,
// 0 for never: see Host.Wait.
func (h *Host) Decide(strategy route.Strategy) (offers []Offer, wakeAt int64, err error) {
	var reply route.Reply
	for _, turn := range h.Turns() {
		reply.Reset()
		if err := strategy.Turn(turn, &reply); err != nil {
			return nil, 0, fmt.Errorf("routetest: turn %d: %w", turn.Seq, err)
		}
	}
	made := map[uint32]int{} // offers of each work
	for _, p := range reply.Proposals {
		work, agent := h.work.at(p.Work), h.agents.at(p.Agent)
		if work != nil && made[p.Work] > 0 && made[p.Work] >= h.most(work) {
			continue // a further choice that is not needed
		}
		if verdict := h.Settle(h.seq, p)[0]; verdict != route.VerdictAcceptedByHost {
			return offers, reply.WakeAt, fmt.Errorf("routetest: turn %d: %+v is refused: %v", h.seq, p, verdict)
		}
		made[p.Work]++
		offers = append(offers, Offer{Work: work.name, Agent: agent.name, Score: p.Score, Reason: p.Reason})
	}
	return offers, reply.WakeAt, nil
}

// most returns to how many agents the work is offered at once.
func (h *Host) most(work *Work) int {
	if queue := h.queues.at(work.row.Queue); queue != nil {
		return max(1, int(queue.row.OfferTo))
	}
	return 1
}
