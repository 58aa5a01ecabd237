// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package skilled is a strategy that is given candidates, for tests in several
// runtimes: the more levels in all, the better. Work whose candidates have none
// is held for a second.
package skilled

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{Name: "skilled", Version: "1.0.0", Deterministic: true, View: route.ViewCandidates},
		New:      func() route.Strategy { return strategy{} },
	}
}

type strategy struct{}

func (strategy) Configure([]byte) error { return nil }

func (strategy) Turn(t *route.Turn, reply *route.Reply) error {
	for _, item := range t.Items {
		work, from := &t.Work[item.Work], len(reply.Proposals)
		for _, candidate := range route.Of(t.Candidates, item.Candidates) {
			agent := &t.Agents[candidate.Agent]
			score := int32(0)
			for _, skill := range route.Of(t.Skills, agent.Skills) {
				score += int32(skill.Level)
			}
			if score > 0 || t.Now >= work.RequestedAt+1000 {
				reply.Propose(work, agent, score, 0)
			}
		}
		mine := reply.Proposals[from:]
		slices.SortStableFunc(mine, func(a, b route.Proposal) int { return int(b.Score) - int(a.Score) })
		for rank := range mine {
			mine[rank].Rank = uint16(rank)
		}
		if at := work.RequestedAt + 1000; len(mine) == 0 && (reply.WakeAt == 0 || at < reply.WakeAt) {
			reply.WakeAt = at
		}
	}
	return nil
}
