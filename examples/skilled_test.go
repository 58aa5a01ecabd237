// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// skilledIdle is the rule of the examples in Rust, C and AssemblyScript.
type skilledIdle struct{ share, restMS int64 }

func (r skilledIdle) settings() string {
	return fmt.Sprintf(`{"skill_share":%d,"rest_seconds":%g}`, r.share, float64(r.restMS)/1000)
}

// reply is what the examples are to answer.
func (r skilledIdle) reply(t *route.Turn) *route.Reply {
	reply := &route.Reply{}
	for _, item := range t.Items {
		work := &t.Work[item.Work]
		first := len(reply.Proposals)
		for _, candidate := range route.Of(t.Candidates, item.Candidates) {
			agent := &t.Agents[candidate.Agent]
			idle := int64(0)
			if agent.IdleSince != 0 {
				idle = max(0, t.Now-agent.IdleSince)
			}
			if ready := agent.IdleSince + r.restMS; agent.IdleSince != 0 && idle < r.restMS {
				if reply.WakeAt == 0 || ready < reply.WakeAt {
					reply.WakeAt = ready
				}
				continue
			}
			score := (r.share*min(levels(t, work, agent), 10_000) + (100-r.share)*min(idle/60, 10_000)) / 100
			reply.Proposals = append(reply.Proposals, route.Proposal{
				Work: work.Ref, Revision: work.Revision, Agent: agent.Ref, Score: int32(score), Reason: 1,
			})
		}
		ranked := reply.Proposals[first:]
		slices.SortStableFunc(ranked, func(a, b route.Proposal) int { return int(b.Score) - int(a.Score) })
		for i := range ranked {
			ranked[i].Rank = uint16(i)
		}
		if len(ranked) == 0 {
			reply.Notes = append(reply.Notes, route.Note{Work: work.Ref, Reason: 2})
		}
	}
	return reply
}

// levels sums the agent's levels in what the work requires now; in all skills,
// if it requires none.
func levels(t *route.Turn, work *route.Work, agent *route.Agent) int64 {
	needs, sum := route.Of(t.Needs, work.Needs), int64(0)
	for _, skill := range route.Of(t.Skills, agent.Skills) {
		needed := slices.ContainsFunc(needs, func(n route.Need) bool { return n.Name == skill.Name && n.Flags&route.NeedDropped == 0 })
		if needed || !route.Needy(needs) {
			sum += int64(skill.Level)
		}
	}
	return sum
}

// randomTurn is a candidates turn in which everything varies that the rule
// looks at.
func randomTurn(seed uint64) *route.Turn {
	r := rand.New(rand.NewPCG(seed, 1))
	t := &route.Turn{Epoch: 1, Seq: seed + 1, Kind: route.KindCandidates, Now: 1_767_225_600_000, Seed: seed}
	for id := range uint32(6) {
		text := fmt.Sprintf("wört-%d", id)
		t.Words = append(t.Words, route.Word{ID: id + 1, Text: route.Span{At: uint32(len(t.Bytes)), N: uint32(len(text))}})
		t.Bytes = append(t.Bytes, text...)
	}
	t.Queues = []route.Queue{{Ref: 3, Gen: 1, Version: 1, Name: 1, Model: route.ModelLongestIdle}}
	for ref := range uint32(1 + r.IntN(40)) {
		agent := route.Agent{Ref: 2 * ref, Gen: 1, Version: 1, Name: 2, Channels: 1, Flags: route.AgentConnected, Capacity: 5000, MaxOpen: 9}
		if r.IntN(4) > 0 {
			agent.IdleSince = t.Now - r.Int64N(900_000)
		}
		agent.Skills = route.Span{At: uint32(len(t.Skills)), N: uint32(r.IntN(5))}
		for name := range agent.Skills.N {
			t.Skills = append(t.Skills, route.Skill{Name: name + 1, Level: uint32(r.IntN(10_001))})
		}
		t.Agents = append(t.Agents, agent)
	}
	for i := range uint32(1 + r.IntN(60)) {
		work := route.Work{Ref: 5*i + 1, Gen: 2, Revision: i, Queue: 3, RequestedAt: t.Now, Size: 1000, State: route.WorkWaiting}
		work.Needs = route.Span{At: uint32(len(t.Needs)), N: uint32(r.IntN(3))}
		for name := range work.Needs.N {
			t.Needs = append(t.Needs, route.Need{Name: name + 1, Flags: []route.NeedFlags{0, route.NeedAdditional | route.NeedDropped}[r.IntN(2)]})
		}
		item := route.Item{Work: i, Candidates: route.Span{At: uint32(len(t.Candidates))}}
		for _, agent := range r.Perm(len(t.Agents))[:1+r.IntN(min(16, len(t.Agents)))] {
			t.Candidates = append(t.Candidates, route.Candidate{Agent: uint32(agent), Takes: 1000})
			item.Candidates.N++
		}
		t.Work, t.Items = append(t.Work, work), append(t.Items, item)
	}
	return t
}
