// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	agentQueues  = 3
	agentSkills  = 10
	groupSkills  = 20 // skills come in groups of so many; an agent's are of one
	requirements = 4096
	pageRows     = 8192
	firstSkill   = 1 // dictionary id; agents come behind the skills
	epochTime    = 1_767_225_600_000
)

// The channels: idle agents take calls only, what waits is cases, and whoever
// was busy takes both. So nobody who is idle can take what waits.
const (
	cases = 0
	calls = 1
)

// site is a centre as its host knows it, and the turns to one strategy. Half of
// its queues ask their members, the other half all who hold the skills.
type site struct {
	options  *DecideOptions
	random   *rand.Rand
	strategy route.Strategy
	turn     route.Turn
	reply    route.Reply

	agents  []route.Agent
	members []route.Member // agentQueues to each agent
	skills  []route.Skill  // agentSkills to each agent
	idle    []uint32       // refs of agents without anything to do
	busy    []uint32

	queues int
	needs  [][2]route.Need // by requirement
	gens   []uint32        // by ref of work
	kinds  []int32         // by ref of work: its queue or, negative, its requirement
	free   []uint32        // refs of no work
	next   uint64          // sequence of the next work

	head []uint32 // refs of the work at the head that nobody can take
	took []route.Proposal
}

func newSite(options *DecideOptions, seed uint64) *site {
	s := &site{options: options, random: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
	room := options.Waiting + headItems + batch
	s.gens, s.kinds = make([]uint32, 0, room), make([]int32, 0, room)
	s.queues = 2 * max(1, min(50, options.Agents/100))
	for a := range uint32(options.Agents) {
		s.hire(a)
	}
	groups := options.Skills / groupSkills
	for range requirements {
		group := s.random.IntN(groups)
		first, second := s.random.IntN(groupSkills), s.random.IntN(groupSkills-1)
		if second >= first {
			second++
		}
		s.needs = append(s.needs, [2]route.Need{
			{Name: skillOf(group, first), Level: uint32(1+s.random.IntN(5)) * 1000},
			{Name: skillOf(group, second), Level: uint32(1+s.random.IntN(5)) * 1000},
		})
	}
	return s
}

func skillOf(group, n int) uint32 { return uint32(firstSkill + group*groupSkills + n) }

func (s *site) hire(a uint32) {
	row := route.Agent{
		Ref: a, Gen: 1, Version: 1, Name: uint32(firstSkill+s.options.Skills) + a, Flags: route.AgentConnected,
		Capacity: 1000, MaxOpen: 100, SignedInAt: epochTime - int64(s.random.IntN(8*3600))*1000,
		AssignedAt: epochTime - int64(s.random.IntN(3600))*1000,
	}
	if a%20 == 0 {
		row.Channels, row.IdleSince = 1<<calls, epochTime-int64(s.random.IntN(600_000))
		s.idle = append(s.idle, a)
	} else {
		row.Channels, row.Used, row.Open = 1<<calls|1<<cases, 1000, 1
		s.busy = append(s.busy, a)
	}
	s.agents = append(s.agents, row)
	half := s.queues / 2
	first := s.random.IntN(half)
	for i := range agentQueues {
		s.members = append(s.members, route.Member{Queue: uint32((first + i) % half), Tier: 1})
	}
	group := s.random.IntN(s.options.Skills / groupSkills)
	for _, n := range s.random.Perm(groupSkills)[:agentSkills] {
		s.skills = append(s.skills, route.Skill{Name: skillOf(group, n), Level: uint32(1+s.random.IntN(10)) * 1000})
	}
}

// pages returns how many turns a snapshot takes.
func pages(o *DecideOptions) int { return (o.Agents+o.Waiting)/pageRows + 1 }

// snapshot gives the strategy everything there is, page by page.
func (s *site) snapshot(step func() error) error {
	s.turn = route.Turn{Epoch: s.turn.Epoch + 1}
	s.gens, s.kinds, s.free, s.next = s.gens[:0], s.kinds[:0], s.free[:0], 0
	s.random = rand.New(rand.NewPCG(s.options.Seed, 1))
	s.begin(route.KindSnapshotFirst)
	s.putWords()
	rows := 0
	room := func() error {
		if rows++; rows%pageRows != 0 {
			return nil
		}
		if err := s.carry(); err != nil {
			return err
		}
		s.begin(route.KindSnapshotMore)
		return step()
	}
	for a := range s.agents {
		if err := room(); err != nil {
			return err
		}
		s.putAgent(uint32(a))
	}
	for range s.options.Waiting {
		if err := room(); err != nil {
			return err
		}
		s.putWaiting(s.anyKind())
	}
	s.turn.Kind = route.KindSnapshotLast
	if rows < pageRows {
		s.turn.Kind = route.KindSnapshot
	}
	if err := s.carry(); err != nil {
		return err
	}
	if n := len(s.reply.Proposals); n > 0 {
		return fmt.Errorf("bench: %d proposals where nobody can take anything", n)
	}
	return step()
}

func (s *site) putWords() {
	put := func(id uint32, text string) {
		at := uint32(len(s.turn.Bytes))
		s.turn.Bytes = append(s.turn.Bytes, text...)
		s.turn.Words = append(s.turn.Words, route.Word{ID: id, Text: route.Span{At: at, N: uint32(len(text))}})
	}
	for i := range uint32(s.options.Skills) {
		put(firstSkill+i, "skill-"+strconv.Itoa(int(i)))
	}
	for i := range s.agents {
		put(s.agents[i].Name, "agent-"+strconv.Itoa(i))
	}
	for q := range uint32(s.queues) {
		row := route.Queue{Ref: q, Gen: 1, Version: 1, Model: route.ModelLongestIdle}
		if s.bySkills(q) {
			row.Flags = route.QueueBySkills
		}
		s.turn.Queues = append(s.turn.Queues, row)
	}
}

func (s *site) bySkills(queue uint32) bool { return int(queue) >= s.queues/2 }

// anyKind returns a kind of waiting work at random: a queue that asks its
// members, or a requirement.
func (s *site) anyKind() int32 {
	if s.random.IntN(2) == 0 {
		return s.random.Int32N(int32(s.queues / 2))
	}
	return -1 - s.random.Int32N(requirements)
}

// putWaiting puts a case of that kind into the turn.
func (s *site) putWaiting(kind int32) {
	work := s.newWork()
	s.kinds[work.Ref] = kind
	work.Priority = int32(s.random.IntN(5))
	work.RequestedAt = s.turn.Now - int64(s.random.IntN(3_600_000))
	if kind >= 0 {
		work.Queue = uint32(kind)
		s.putWork(work, nil)
		return
	}
	requirement := int(-1 - kind)
	work.Queue = uint32(s.queues/2 + requirement%(s.queues/2))
	s.putWork(work, s.needs[requirement][:])
}

func (s *site) newWork() route.Work {
	var ref uint32
	if n := len(s.free); n > 0 {
		ref, s.free = s.free[n-1], s.free[:n-1]
		s.gens[ref]++
	} else {
		ref = uint32(len(s.gens))
		s.gens, s.kinds = append(s.gens, 1), append(s.kinds, 0)
	}
	s.next++
	return route.Work{
		Ref: ref, Gen: s.gens[ref], Revision: 1, Sequence: s.next, Size: 1000, Channel: cases,
		RequestedAt: s.turn.Now, State: route.WorkWaiting,
	}
}

func (s *site) begin(kind route.Kind) {
	epoch, seq := s.turn.Epoch, s.turn.Seq
	s.turn.Reset()
	s.turn.Epoch, s.turn.Kind, s.turn.Seq = epoch, kind, seq+1
	s.turn.Now, s.turn.Seed = epochTime+int64(seq), seq
	if kind == route.KindDelta {
		s.turn.BaseSeq = seq
	}
}

func (s *site) putAgent(a uint32) {
	row := s.agents[a]
	row.Members = route.Span{At: uint32(len(s.turn.Members)), N: agentQueues}
	s.turn.Members = append(s.turn.Members, s.members[a*agentQueues:(a+1)*agentQueues]...)
	row.Skills = route.Span{At: uint32(len(s.turn.Skills)), N: agentSkills}
	s.turn.Skills = append(s.turn.Skills, s.skills[a*agentSkills:(a+1)*agentSkills]...)
	s.turn.Agents = append(s.turn.Agents, row)
}

func (s *site) putWork(work route.Work, needs []route.Need) {
	work.Needs = route.Span{At: uint32(len(s.turn.Needs)), N: uint32(len(needs))}
	s.turn.Needs = append(s.turn.Needs, needs...)
	s.turn.Work = append(s.turn.Work, work)
}

// carry gives the strategy the turn.
func (s *site) carry() error {
	_, err := s.timed()
	return err
}

// timed is carry, and returns how long the strategy took.
func (s *site) timed() (time.Duration, error) {
	s.reply.Reset()
	start := time.Now()
	err := s.strategy.Turn(&s.turn, &s.reply)
	took := time.Since(start)
	if errors.Is(err, route.ErrNeedSnapshot) {
		err = errors.New("a snapshot was asked for though every turn followed on")
	}
	if err != nil {
		return 0, fmt.Errorf("bench: turn %d: %w", s.turn.Seq, err)
	}
	return took, nil
}
