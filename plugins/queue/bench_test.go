// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// The benchmarks run at the scale of a large contact centre in one workspace.
const (
	benchAgents  = 100_000
	benchWaiting = 1_000_000
	benchQueues  = 100
	benchSkills  = 1_000
)

// centre is a board of that scale: half of the queues have a backlog and only
// busy agents, the other half has nothing waiting and idle agents.
type centre struct {
	strategy route.Strategy
	turn     route.Turn
	reply    route.Reply
	agents   []route.Agent
	members  []route.Member
	skills   []route.Skill
	next     uint64 // sequence of the next work
	free     []uint32
	gens     []uint32
	samples  []time.Duration
}

// idleAgents is how many agents hold nothing.
const idleAgents = benchAgents / 20

func newCentre(strategy route.Strategy, waiting int, needs func(i int) []route.Need) *centre {
	c := &centre{strategy: strategy}
	c.begin(route.KindSnapshot)
	for q := range uint32(benchQueues) {
		c.turn.Queues = append(c.turn.Queues, route.Queue{Ref: q, Gen: 1, Version: 1, Model: route.ModelLongestIdle})
	}
	for a := range uint32(benchAgents) {
		row := route.Agent{
			Ref: a, Gen: 1, Version: 1, Name: a + 1, Channels: 3, Flags: route.AgentConnected,
			Capacity: 1000, MaxOpen: 100, SignedInAt: int64(a%977) + 1, AssignedAt: int64(a%1009) + 1,
		}
		if a < idleAgents {
			row.IdleSince = int64(a%911) + 1
		} else {
			row.Used, row.Open = 1000, 1
		}
		c.agents = append(c.agents, row)
		half := uint32(0)
		if a >= idleAgents {
			half = benchQueues / 2
		}
		for i := range uint32(3) {
			c.members = append(c.members, route.Member{Queue: half + (a*7+i*17)%(benchQueues/2), Tier: 1})
		}
		for i := range uint32(10) {
			c.skills = append(c.skills, route.Skill{Name: skillName(a*31 + i*97), Level: 5000})
		}
		c.putAgent(a)
	}
	for i := range waiting {
		work := c.newWork(benchQueues/2 + uint32(i*13)%(benchQueues/2))
		var list []route.Need
		if needs != nil {
			list = needs(i)
		}
		c.putWork(work, list)
	}
	c.carry()
	return c
}

// skillName returns a dictionary id beside those of agents.
func skillName(i uint32) uint32 { return benchAgents + 1 + i%benchSkills }

func (c *centre) begin(kind route.Kind) {
	seq := c.turn.Seq
	c.turn.Reset()
	c.turn.Kind, c.turn.Seq, c.turn.Now = kind, seq+1, int64(seq)+1_000_000
	if kind == route.KindDelta {
		c.turn.BaseSeq = seq
	}
}

func (c *centre) putAgent(a uint32) {
	row := c.agents[a]
	row.Members = route.Span{At: uint32(len(c.turn.Members)), N: 3}
	c.turn.Members = append(c.turn.Members, c.members[a*3:a*3+3]...)
	row.Skills = route.Span{At: uint32(len(c.turn.Skills)), N: 10}
	c.turn.Skills = append(c.turn.Skills, c.skills[a*10:a*10+10]...)
	c.turn.Agents = append(c.turn.Agents, row)
}

func (c *centre) newWork(queue uint32) route.Work {
	var ref uint32
	if n := len(c.free); n > 0 {
		ref, c.free = c.free[n-1], c.free[:n-1]
		c.gens[ref]++
	} else {
		ref = uint32(len(c.gens))
		c.gens = append(c.gens, 1)
	}
	c.next++
	return route.Work{
		Ref: ref, Gen: c.gens[ref], Revision: 1, Queue: queue, Sequence: c.next, Size: 1000,
		RequestedAt: int64(c.next * 2654435761 % 1_000_003), Priority: int32(c.next % 5), State: route.WorkWaiting,
	}
}

func (c *centre) putWork(work route.Work, needs []route.Need) {
	work.Needs = route.Span{At: uint32(len(c.turn.Needs)), N: uint32(len(needs))}
	c.turn.Needs = append(c.turn.Needs, needs...)
	c.turn.Work = append(c.turn.Work, work)
}

// carry carries the turn and notes how long the strategy took.
func (c *centre) carry() {
	c.reply.Reset()
	start := time.Now()
	err := c.strategy.Turn(&c.turn, &c.reply)
	c.samples = append(c.samples, time.Since(start))
	if err != nil {
		panic(err)
	}
}

// settle says in the turn at hand that the last proposal was accepted and the
// work opened: it leaves the board, and the agent is full.
func (c *centre) settle() (agent uint32) {
	if len(c.reply.Proposals) != 1 {
		panic(fmt.Sprintf("%d proposals", len(c.reply.Proposals)))
	}
	p := c.reply.Proposals[0]
	c.turn.Settled = append(c.turn.Settled, route.Settled{
		Seq: c.turn.Seq - 1, Work: p.Work, Revision: p.Revision, Agent: p.Agent, Verdict: route.VerdictAcceptedByHost,
	})
	c.turn.WorkGone = append(c.turn.WorkGone, route.Gone{Ref: p.Work, Gen: c.gens[p.Work]})
	c.free = append(c.free, p.Work)
	row := &c.agents[p.Agent]
	row.Version++
	row.Used, row.Open, row.IdleSince, row.AssignedAt = 1000, 1, 0, c.turn.Now
	return p.Agent
}

func (c *centre) idle(agent uint32) {
	row := &c.agents[agent]
	row.Version++
	row.Used, row.Open, row.IdleSince = 0, 0, c.turn.Now
}

// arrival is one piece of work that finds an idle agent, who is idle again
// afterwards. The turn with the decision is sampled.
func (c *centre) arrival() {
	c.begin(route.KindDelta)
	c.putWork(c.newWork(uint32(c.next*31)%(benchQueues/2)), nil)
	c.carry()
	c.begin(route.KindDelta)
	agent := c.settle()
	c.putAgent(agent)
	c.carry()
	c.begin(route.KindDelta)
	c.idle(agent)
	c.putAgent(agent)
	c.carry()
	c.samples = c.samples[:len(c.samples)-2]
}

// freed is one busy agent who becomes free and gets the first of the backlog,
// which is then filled up again.
func (c *centre) freed(i int, needs func(i int) []route.Need) {
	c.freedAgent(uint32(idleAgents+(i*7919)%(benchAgents-idleAgents)), i, needs)
}

func (c *centre) freedAgent(agent uint32, i int, needs func(i int) []route.Need) {
	c.begin(route.KindDelta)
	c.idle(agent)
	c.putAgent(agent)
	c.carry()
	c.begin(route.KindDelta)
	c.settle()
	c.putAgent(agent)
	work := c.newWork(c.members[agent*3+uint32(i)%3].Queue)
	var list []route.Need
	if needs != nil {
		list = needs(i)
	}
	c.putWork(work, list)
	c.carry()
	c.samples = c.samples[:len(c.samples)-1]
}

// report reports the median and the 99th percentile of the sampled turns.
func (c *centre) report(b *testing.B) {
	b.Helper()
	slices.Sort(c.samples)
	at := func(q float64) float64 { return float64(c.samples[int(q*float64(len(c.samples)-1))].Nanoseconds()) }
	b.ReportMetric(at(0.5), "p50-ns/decision")
	b.ReportMetric(at(0.99), "p99-ns/decision")
}

func (c *centre) ready() {
	runtime.GC()
	c.samples = c.samples[:0]
}

// infeasible puts a thousand items at the head of the order that nobody can
// take: too large, for absent agents, in need of skills nobody holds, or at
// levels nobody has.
func (c *centre) infeasible(queues []uint32) {
	c.begin(route.KindDelta)
	for i := range uint32(1000) {
		work := c.newWork(queues[int(i)%len(queues)])
		work.Priority = -1
		var needs []route.Need
		switch i % 4 {
		case 0:
			work.Size = 5000
		case 1:
			work.Agent, work.Flags = 1<<23+i, route.WorkRequired
		case 2:
			needs = []route.Need{{Name: 1<<22 + i, Level: 1}}
		case 3:
			needs = []route.Need{{Name: skillName(i), Level: 9999}}
		}
		c.putWork(work, needs)
	}
	c.carry()
}

func firstQueues(from, n uint32) []uint32 {
	var list []uint32
	for q := range n {
		list = append(list, from+q)
	}
	return list
}

// BenchmarkArrival is T2: new work finds an idle agent, with a million waiting.
func BenchmarkArrival(b *testing.B) {
	c := newCentre(queue.Plugin().New(), benchWaiting, nil)
	c.ready()
	for b.Loop() {
		c.arrival()
	}
	c.report(b)
}

// BenchmarkFreed is T2: an agent becomes free, with a million waiting.
func BenchmarkFreed(b *testing.B) {
	c := newCentre(queue.Plugin().New(), benchWaiting, nil)
	c.ready()
	i := 0
	for b.Loop() {
		c.freed(i, nil)
		i++
	}
	c.report(b)
}

// BenchmarkFreedClasses is the same with the backlog in 4,096 requirement
// classes of two skills each, of which an agent holds ten.
func BenchmarkFreedClasses(b *testing.B) {
	needs := func(i int) []route.Need {
		i %= 4096
		if i%4 == 0 {
			return nil
		}
		return []route.Need{
			{Name: skillName(uint32(i)), Level: 1000}, {Name: skillName(uint32(i/16*7 + 1)), Level: 1000},
		}
	}
	c := newCentre(queue.Plugin().New(), benchWaiting, needs)
	c.ready()
	i := 0
	for b.Loop() {
		c.freed(i, needs)
		i++
	}
	c.report(b)
}

// BenchmarkInfeasibleHead is T8: the same decisions, without and with a
// thousand items before them that nobody can take.
func BenchmarkInfeasibleHead(b *testing.B) {
	for _, with := range []int{0, 1000} {
		b.Run(fmt.Sprintf("arrival/head=%d", with), func(b *testing.B) {
			c := newCentre(queue.Plugin().New(), benchWaiting/10, nil)
			if with > 0 {
				c.infeasible(firstQueues(0, 5))
			}
			c.ready()
			for b.Loop() {
				c.arrival()
			}
			c.report(b)
		})
		b.Run(fmt.Sprintf("freed/head=%d", with), func(b *testing.B) {
			c := newCentre(queue.Plugin().New(), benchWaiting/10, nil)
			if with > 0 {
				c.infeasible(firstQueues(benchQueues/2, 5))
			}
			c.ready()
			i := 0
			for b.Loop() {
				c.freed(i, nil)
				i++
			}
			c.report(b)
		})
	}
}

// BenchmarkDeclinedHead is the worst of it: a thousand items, each declined by
// a different set of agents, stand before the work of one who is in them all.
func BenchmarkDeclinedHead(b *testing.B) {
	for _, with := range []uint32{0, 1000} {
		b.Run(fmt.Sprintf("head=%d", with), func(b *testing.B) {
			const agent = idleAgents + 1
			c := newCentre(queue.Plugin().New(), benchWaiting/10, nil)
			c.begin(route.KindDelta)
			for i := range with {
				work := c.newWork(c.members[agent*3].Queue)
				work.Priority = -1
				work.Declined = route.Span{At: uint32(len(c.turn.WordIDs)), N: 2}
				c.turn.WordIDs = append(c.turn.WordIDs, agent+1, 1<<22+i)
				c.putWork(work, nil)
			}
			c.carry()
			c.ready()
			i := 0
			for b.Loop() {
				c.freedAgent(agent, i, nil)
				i++
			}
			c.report(b)
		})
	}
}

// BenchmarkBurst is T2's throughput: everybody becomes free with a million
// waiting, and the strategy works through it turn by turn.
func BenchmarkBurst(b *testing.B) {
	decisions, took := 0, time.Duration(0)
	for b.Loop() {
		c := newCentre(queue.Plugin().New(), benchWaiting, nil)
		c.begin(route.KindDelta)
		for a := range uint32(benchAgents) {
			c.idle(a)
			c.putAgent(a)
		}
		c.ready()
		for c.carry(); len(c.reply.Proposals) > 0; c.carry() {
			decisions += len(c.reply.Proposals)
			c.begin(route.KindDelta)
		}
		for _, sample := range c.samples {
			took += sample
		}
	}
	b.ReportMetric(float64(decisions)/took.Seconds(), "decisions/s")
}

// BenchmarkNaive is what the decisions of Arrival and Freed cost when every
// agent, or all that waits, is looked at.
func BenchmarkNaive(b *testing.B) {
	var board route.Board
	c := newCentre(boardOnly{&board}, benchWaiting, nil)
	b.Run("arrival", func(b *testing.B) {
		work := c.newWork(3)
		for b.Loop() {
			var best *route.Agent
			for agent := range board.Candidates(&work) {
				if best == nil || agent.IdleSince < best.IdleSince {
					best = agent
				}
			}
			if best == nil {
				b.Fatal("nobody")
			}
		}
	})
	b.Run("freed", func(b *testing.B) {
		agent := *board.Agent(idleAgents + 7919)
		agent.Used, agent.Open = 0, 0
		for b.Loop() {
			var first *route.Work
			for work := range board.AllWork() {
				if board.Eligible(work, &agent) == route.VerdictNone && (first == nil || match.Before(work, first)) {
					first = work
				}
			}
			if first == nil {
				b.Fatal("nothing")
			}
		}
	})
}

// boardOnly is a strategy that only keeps its board.
type boardOnly struct{ board *route.Board }

func (s boardOnly) Configure([]byte) error { return nil }

func (s boardOnly) Turn(turn *route.Turn, _ *route.Reply) error { return s.board.Apply(turn) }

// BenchmarkMemory reports what a waiting item and an agent take, in the board
// and in the index.
func BenchmarkMemory(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc)
	}
	for b.Loop() {
		var board route.Board
		before := heap()
		c := newCentre(boardOnly{&board}, benchWaiting, nil)
		own := heap()
		index := match.New(&board)
		index.Apply(&c.turn)
		if _, ok := index.Next(); ok {
			b.Fatal("a pair in a board without one")
		}
		with := heap()
		b.ReportMetric((with-own)/benchWaiting, "index-B/item")
		b.ReportMetric((with-before)/(1<<20), "all-MiB")
		runtime.KeepAlive(c)
		runtime.KeepAlive(index)
	}
}
