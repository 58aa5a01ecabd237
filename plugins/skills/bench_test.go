// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package skills_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// The benchmarks are the cases to fear where agents are found by skills. The
// usual ones are in core/bench.
const fearAgents = 100_000

// crowd is a board with one queue that asks by skills, and agents of capacity 1
// who are all idle.
type crowd struct {
	strategy route.Strategy
	turn     route.Turn
	reply    route.Reply
	agents   []route.Agent
	skills   [][]route.Skill
	next     uint64
}

func newCrowd(b *testing.B, skillsOf func(a uint32) []route.Skill) *crowd {
	b.Helper()
	c := &crowd{strategy: skills.Plugin().New()}
	c.begin(route.KindSnapshot)
	c.turn.Queues = []route.Queue{{Gen: 1, Version: 1, Flags: route.QueueBySkills, Model: route.ModelLongestIdle}}
	for a := range uint32(fearAgents) {
		c.agents = append(c.agents, route.Agent{
			Ref: a, Gen: 1, Version: 1, Name: 1<<20 + a, Channels: 1, Flags: route.AgentConnected,
			Capacity: 1000, MaxOpen: 9, IdleSince: int64(a%991) + 1, SignedInAt: int64(a%977) + 1,
		})
		c.skills = append(c.skills, skillsOf(a))
		c.putAgent(a)
	}
	c.carry(b)
	return c
}

func (c *crowd) begin(kind route.Kind) {
	seq := c.turn.Seq
	c.turn.Reset()
	c.turn.Kind, c.turn.Seq, c.turn.Now = kind, seq+1, int64(seq)+1_000_000
	if kind == route.KindDelta {
		c.turn.BaseSeq = seq
	}
}

func (c *crowd) putAgent(a uint32) {
	row := c.agents[a]
	row.Skills = route.Span{At: uint32(len(c.turn.Skills)), N: uint32(len(c.skills[a]))}
	c.turn.Skills = append(c.turn.Skills, c.skills[a]...)
	c.turn.Agents = append(c.turn.Agents, row)
}

// putWork puts the only work there is, or one more.
func (c *crowd) putWork(ref uint32, needs ...uint32) {
	c.next++
	work := route.Work{
		Ref: ref, Gen: uint32(c.next), Revision: 1, Sequence: c.next, Size: 1000, State: route.WorkWaiting,
		Needs: route.Span{At: uint32(len(c.turn.Needs)), N: uint32(len(needs))},
	}
	for _, skill := range needs {
		c.turn.Needs = append(c.turn.Needs, route.Need{Name: skill, Level: 1000})
	}
	c.turn.Work = append(c.turn.Work, work)
}

func (c *crowd) carry(b *testing.B) {
	b.Helper()
	c.reply.Reset()
	if err := c.strategy.Turn(&c.turn, &c.reply); err != nil {
		b.Fatal(err)
	}
}

// ten returns ten of a thousand skills.
func ten(a uint32) []route.Skill {
	var list []route.Skill
	for i := range uint32(10) {
		list = append(list, route.Skill{Name: 1 + (a*31+i*97)%1000, Level: 5000})
	}
	return list
}

// BenchmarkAntiCorrelated is work that needs two skills, each of which half of
// all idle agents hold, and nobody both.
func BenchmarkAntiCorrelated(b *testing.B) {
	c := newCrowd(b, func(a uint32) []route.Skill { return []route.Skill{{Name: 1 + a%2, Level: 5000}} })
	for b.Loop() {
		c.begin(route.KindDelta)
		c.putWork(0, 1, 2) // of another generation than before, which leaves
		c.carry(b)
		if len(c.reply.Proposals) > 0 {
			b.Fatal("somebody was found")
		}
	}
}

// BenchmarkEverybodyIdle is work that finds one of a hundred thousand idle
// agents, who is idle again afterwards.
func BenchmarkEverybodyIdle(b *testing.B) {
	c := newCrowd(b, ten)
	for b.Loop() {
		c.begin(route.KindDelta)
		needs := c.skills[c.next%fearAgents]
		c.putWork(0, needs[0].Name, needs[1].Name)
		c.carry(b)
		if len(c.reply.Proposals) != 1 {
			b.Fatal("nobody was found")
		}
	}
}

// BenchmarkGiantClass is an agent who becomes free before a million pieces of
// work that are all alike.
func BenchmarkGiantClass(b *testing.B) {
	c := newCrowd(b, ten)
	c.begin(route.KindDelta)
	for a := range c.agents {
		c.agents[a].Used, c.agents[a].Open, c.agents[a].IdleSince = 1000, 1, 0
		c.putAgent(uint32(a))
	}
	for ref := range uint32(1_000_000) {
		c.putWork(ref, 1)
	}
	c.carry(b)
	holder := uint32(0)
	for c.skills[holder][0].Name != 1 {
		holder++
	}
	row := &c.agents[holder]
	for b.Loop() {
		c.begin(route.KindDelta)
		row.Used, row.Open, row.IdleSince = 0, 0, 1
		c.putAgent(holder)
		c.carry(b)
		if len(c.reply.Proposals) != 1 {
			b.Fatal("nothing was found")
		}
		c.begin(route.KindDelta)
		row.Used, row.Open, row.IdleSince = 1000, 1, 0
		p := c.reply.Proposals[0]
		c.turn.Settled = append(c.turn.Settled, route.Settled{Seq: c.turn.BaseSeq, Work: p.Work, Agent: p.Agent})
		c.putAgent(holder)
		c.putWork(p.Work, 1)
		c.carry(b)
	}
}

// BenchmarkSkillEdits gives one agent after the other other skills, with
// everybody idle and all skills asked for.
func BenchmarkSkillEdits(b *testing.B) {
	c := newCrowd(b, ten)
	c.begin(route.KindDelta)
	for skill := range uint32(1000) {
		c.putWork(skill, 1+skill, 5000) // nobody holds the other
	}
	c.carry(b)
	for i := uint32(0); b.Loop(); i++ {
		a := i % fearAgents
		c.begin(route.KindDelta)
		c.skills[a] = ten(a + 1 + i/fearAgents)
		c.putAgent(a)
		c.carry(b)
	}
}
