// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The rule of the examples in other languages in standard Go, to be measured
// beside them: levels in the skills that the work requires, and time idle.
package main

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() {
	serve.Register(route.Plugin{
		Manifest: route.Manifest{Name: "skilled-idle", Version: "1.0.0", View: route.ViewCandidates, Deterministic: true},
		New:      func() route.Strategy { return &skilledIdle{} },
	})
}

func main() { serve.Run() }

type skilledIdle struct{}

func (*skilledIdle) Configure([]byte) error { return nil }

func (s *skilledIdle) Turn(t *route.Turn, reply *route.Reply) error {
	for i := range t.Items {
		item := &t.Items[i]
		work := &t.Work[item.Work]
		first := len(reply.Proposals)
		candidates := route.Of(t.Candidates, item.Candidates)
		for c := range candidates {
			agent := &t.Agents[candidates[c].Agent]
			idle := int64(0)
			if agent.IdleSince != 0 {
				idle = max(0, t.Now-agent.IdleSince)
			}
			reply.Propose(work, agent, int32((50*levels(t, work, agent)+50*min(idle/60, 10_000))/100), 1)
		}
		ranked := reply.Proposals[first:]
		if len(ranked) > 1 {
			slices.SortStableFunc(ranked, func(a, b route.Proposal) int { return int(b.Score) - int(a.Score) })
		}
		for i := range ranked {
			ranked[i].Rank = uint16(i)
		}
	}
	return nil
}

func levels(t *route.Turn, work *route.Work, agent *route.Agent) int64 {
	needs, sum := route.Of(t.Needs, work.Needs), int64(0)
	skills := route.Of(t.Skills, agent.Skills)
	needy := route.Needy(needs)
	for i := range skills {
		needed := !needy
		for n := range needs {
			needed = needed || needs[n].Name == skills[i].Name && needs[n].Flags&route.NeedDropped == 0
		}
		if needed {
			sum += int64(skills[i].Level)
		}
	}
	return min(sum, 10_000)
}
