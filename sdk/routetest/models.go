// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"math"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// keys returns what the model looks at, lower first.
func (p *plain) keys(model route.Model, work *route.Work, agent *candidate) [3]int64 {
	switch model {
	case route.ModelMostAvailable:
		return [3]int64{int64(agent.Used) - int64(agent.Capacity)}
	case route.ModelLongestIdle:
		if agent.IdleSince != 0 {
			return [3]int64{0, agent.IdleSince}
		}
		return [3]int64{1, agent.AssignedAt, int64(agent.nth)}
	case route.ModelRoundRobin:
		return [3]int64{agent.AssignedAt, int64(agent.nth)}
	case route.ModelMostSkilled:
		return [3]int64{-p.levels(work, agent)}
	case route.ModelLeastSkilled:
		return [3]int64{p.allLevels(agent)}
	case route.ModelWeightedRandom:
		highest := p.draw(work, agent)
		return [3]int64{-int64(highest >> 32), -int64(highest & math.MaxUint32)}
	default:
		return [3]int64{load(agent)}
	}
}

// score is what the model looked at, for people.
func (p *plain) score(model route.Model, work *route.Work, agent *candidate) int32 {
	switch model {
	case route.ModelMostAvailable:
		return clamp(int64(agent.Capacity) - int64(agent.Used))
	case route.ModelLongestIdle:
		return p.secondsSince(agent.IdleSince)
	case route.ModelRoundRobin:
		return p.secondsSince(agent.AssignedAt)
	case route.ModelMostSkilled:
		return clamp(p.levels(work, agent))
	case route.ModelLeastSkilled:
		return clamp(p.allLevels(agent))
	case route.ModelWeightedRandom:
		return int32(p.weight(work, agent))
	default:
		return clamp(load(agent))
	}
}

func (p *plain) secondsSince(at int64) int32 {
	if at == 0 {
		return 0
	}
	return clamp((p.board.Now() - at) / 1000)
}

func load(agent *candidate) int64 { return int64(agent.Used) + int64(agent.InterruptibleUsed) }

// levels returns the sum of the agent's levels in the skills that the work
// requires now, each counted once; in all skills if it requires none.
func (p *plain) levels(work *route.Work, agent *candidate) int64 {
	needs := p.board.Needs(work)
	if !route.Needy(needs) {
		return p.allLevels(agent)
	}
	var sum int64
	for _, skill := range p.board.Skills(&agent.Agent) {
		for i := range needs {
			if needs[i].Name == skill.Name && needs[i].Flags&route.NeedDropped == 0 {
				sum += int64(skill.Level)
				break
			}
		}
	}
	return sum
}

func (p *plain) allLevels(agent *candidate) int64 {
	var sum int64
	for _, skill := range p.board.Skills(&agent.Agent) {
		sum += int64(skill.Level)
	}
	return sum
}

// weight returns the agent's share of the queue's work, 1 to 100; 1 for those
// who are no members.
func (p *plain) weight(work *route.Work, agent *candidate) int {
	for _, member := range p.board.Members(&agent.Agent) {
		if member.Queue == work.Queue {
			return min(max(int(member.Weight), 1), 100)
		}
	}
	return 1
}

// draw draws as often as the agent's weight says and returns the highest
// number. Whoever has the highest of all gets the work, which is in proportion
// to the weights.
func (p *plain) draw(work *route.Work, agent *candidate) uint64 {
	id := uint64(0xcbf29ce484222325) // FNV-1a
	for _, b := range []byte(p.board.Word(agent.Name)) {
		id = (id ^ uint64(b)) * 0x100000001b3
	}
	var highest uint64
	start := scramble(id ^ scramble(work.Sequence^scramble(p.seed)))
	for i := range uint64(p.weight(work, agent)) {
		highest = max(highest, scramble(start+i))
	}
	return highest
}

// scramble is the finalizer of the splitmix64 generator.
func scramble(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func clamp(v int64) int32 { return int32(max(math.MinInt32, min(math.MaxInt32, v))) }
