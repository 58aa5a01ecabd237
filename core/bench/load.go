// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Load says what a decision is about.
type Load int

// The loads.
const (
	// NewToMembers is new work for the members of a queue, of whom some are
	// idle.
	NewToMembers Load = iota
	// NewBySkills is new work that needs two skills, for whoever holds them.
	NewBySkills
	// AgentFreed is an agent who becomes free and can take some of what waits.
	AgentFreed
)

// loads lists all.
var loads = [...]Load{NewToMembers, NewBySkills, AgentFreed}

// String returns what the load is, for people.
func (l Load) String() string {
	switch l {
	case NewToMembers:
		return "new work, to members"
	case NewBySkills:
		return "new work, by skills"
	case AgentFreed:
		return "agent freed"
	default:
		return fmt.Sprintf("load(%d)", int(l))
	}
}

// decide has one thing happen and returns how long the strategy took to propose
// what follows. Everything is as before afterwards.
func (s *site) decide(load Load) (time.Duration, error) {
	if load == AgentFreed {
		return s.freed()
	}
	return s.arrival(load)
}

// arrival is a call that an idle agent can take, who is idle again afterwards.
func (s *site) arrival(load Load) (time.Duration, error) {
	s.begin(route.KindDelta)
	work, needs := s.callFor(s.idle[s.random.IntN(len(s.idle))], load)
	s.putWork(work, needs)
	took, err := s.timed()
	if err != nil {
		return 0, err
	}
	if len(s.reply.Proposals) != 1 || s.reply.Proposals[0].Work != work.Ref {
		return 0, fmt.Errorf("bench: %+v where just work %d can be taken", s.reply.Proposals, work.Ref)
	}
	p := s.reply.Proposals[0]
	idle := s.agents[p.Agent].IdleSince
	s.begin(route.KindDelta)
	s.settle(p)
	if err := s.carry(); err != nil {
		return 0, err
	}
	s.begin(route.KindDelta)
	s.rest(p.Agent, idle)
	return took, s.carry()
}

// callFor returns a call that the idle agent can take, though perhaps not alone.
func (s *site) callFor(agent uint32, load Load) (route.Work, []route.Need) {
	work := s.newWork()
	work.Channel = calls
	if load == NewToMembers {
		work.Queue = s.members[int(agent)*agentQueues+s.random.IntN(agentQueues)].Queue
		return work, nil
	}
	work.Queue = uint32(s.queues/2 + s.random.IntN(s.queues/2))
	skills := s.skills[agent*agentSkills : (agent+1)*agentSkills]
	first := s.random.IntN(agentSkills)
	second := (first + 1 + s.random.IntN(agentSkills-1)) % agentSkills
	var needs []route.Need
	for _, i := range [...]int{first, second} {
		needs = append(needs, route.Need{Name: skills[i].Name, Level: min(skills[i].Level, 5000)})
	}
	return work, needs
}

// freed is one busy agent who becomes free and gets the first of what waits,
// which is filled up again.
func (s *site) freed() (time.Duration, error) {
	agent := s.busy[s.random.IntN(len(s.busy))]
	s.begin(route.KindDelta)
	s.rest(agent, s.turn.Now)
	took, err := s.timed()
	if err != nil {
		return 0, err
	}
	if len(s.reply.Proposals) != 1 || s.reply.Proposals[0].Agent != agent {
		return 0, fmt.Errorf("bench: %+v where just agent %d can take something", s.reply.Proposals, agent)
	}
	p := s.reply.Proposals[0]
	s.begin(route.KindDelta)
	kind := s.kinds[p.Work]
	s.settle(p)
	s.putWaiting(kind)
	return took, s.carry()
}

// manyFreed settles what was proposed in the last such turn, fills up what
// waits, and has n others become free. It returns how long the strategy took,
// and how many proposals it made.
func (s *site) manyFreed(n int) (time.Duration, int, error) {
	s.begin(route.KindDelta)
	s.settleTaken()
	// Who took something cannot become free in the same turn: the next n do.
	for range min(n, len(s.busy)/2) {
		agent := s.busy[0]
		s.busy = append(s.busy[1:], agent)
		s.rest(agent, s.turn.Now)
	}
	took, err := s.timed()
	if err != nil {
		return 0, 0, err
	}
	s.took = append(s.took[:0], s.reply.Proposals...)
	return took, len(s.took), nil
}

// settleTaken says that what manyFreed proposed was taken.
func (s *site) settleTaken() {
	for _, p := range s.took {
		kind := s.kinds[p.Work]
		s.settle(p)
		s.putWaiting(kind)
	}
	s.took = s.took[:0]
}

// settleBatch ends what manyFreed began: nobody is left free.
func (s *site) settleBatch() error {
	for len(s.took) > 0 {
		s.begin(route.KindDelta)
		s.settleTaken()
		if err := s.carry(); err != nil {
			return err
		}
		s.took = append(s.took, s.reply.Proposals...)
	}
	return nil
}

// settle says in the turn at hand that the proposal of the last one was
// accepted and the work opened: it leaves the board, and the agent is full.
func (s *site) settle(p route.Proposal) {
	s.turn.Settled = append(s.turn.Settled, route.Settled{
		Seq: s.turn.BaseSeq, Work: p.Work, Revision: p.Revision, Agent: p.Agent,
		Verdict: route.VerdictAcceptedByHost, At: s.turn.Now,
	})
	s.gone(p.Work)
	row := &s.agents[p.Agent]
	row.Version++
	row.Used, row.Open, row.IdleSince, row.AssignedAt = row.Capacity, 1, 0, s.turn.Now
	s.putAgent(p.Agent)
}

func (s *site) gone(ref uint32) {
	s.turn.WorkGone = append(s.turn.WorkGone, route.Gone{Ref: ref, Gen: s.gens[ref]})
	s.free = append(s.free, ref)
}

// rest says in the turn at hand that the agent has nothing to do since then.
func (s *site) rest(agent uint32, since int64) {
	row := &s.agents[agent]
	row.Version++
	row.Used, row.Open, row.IdleSince = 0, 0, since
	s.putAgent(agent)
}

// putHead puts work before everything else that nobody can take: it is too
// large, or for an agent who is not there, or needs a skill that nobody holds,
// or levels that nobody has, or has been declined by the one it is for. Else it
// takes away what there is of it.
func (s *site) putHead(there bool) error {
	s.begin(route.KindDelta)
	for _, ref := range s.head {
		s.gone(ref)
	}
	s.head = s.head[:0]
	for i := range uint32(headItems) {
		if !there {
			break
		}
		work := s.newWork()
		work.Priority, work.Queue, work.Channel = -1, i%uint32(s.queues), uint16(i/5%2)
		s.head = append(s.head, work.Ref)
		s.putWork(s.impossible(work, i))
	}
	if err := s.carry(); err != nil {
		return err
	}
	if len(s.reply.Proposals) > 0 {
		return fmt.Errorf("bench: %+v where nobody can take anything", s.reply.Proposals)
	}
	return nil
}

func (s *site) impossible(work route.Work, i uint32) (route.Work, []route.Need) {
	absent := uint32(firstSkill+s.options.Skills+s.options.Agents) + i
	skill := skillOf(int(i)%(s.options.Skills/groupSkills), int(i)%groupSkills)
	switch i % 5 {
	case 0:
		work.Size = 2000 + int32(i%7)
	case 1:
		work.Agent, work.Flags = absent, route.WorkRequired
	case 2:
		return work, []route.Need{{Name: absent, Level: 1}}
	case 3:
		return work, []route.Need{{Name: skill, Level: 10_001}}
	default:
		row := &s.agents[s.idle[int(i)%len(s.idle)]]
		work.Agent, work.Flags = row.Name, route.WorkRequired
		work.Declined = route.Span{At: uint32(len(s.turn.WordIDs)), N: 2}
		s.turn.WordIDs = append(s.turn.WordIDs, row.Name, absent)
	}
	return work, nil
}
