// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// crowd is of whom work is asked, in the order of one model: the members of a
// queue, or everybody, for queues that ask all who hold the skills.
type crowd struct {
	model route.Model
	queue *queue   // whose members they are; nil for everybody
	refs  []uint32 // of the members; nil for everybody
	// whole is for work without needs, branches, by the dictionary id of a
	// skill, for work with some. There are those only that were asked for.
	whole    branch
	branches map[uint32]*branch
}

// branch is what a crowd has for one skill, or for none.
type branch struct {
	all     *stand   // of all who hold the skill; nil until it is asked for
	sets    []*stand // of those who hold sets of skills of which this is the rarest
	shelves []*shelf // for work of whose skills this is the rarest
}

// stand holds the agents of a crowd who may be offered work and hold some
// skills, in the order of the crowd's model.
type stand struct {
	needs   []route.Need // what they hold, and at which level at least
	benches []bench      // none is empty
	gone    bool         // not kept up any more
}

// bench holds the agents of a stand who are alike in channels, in tier, and in
// what they have room for.
type bench struct {
	room     uint64
	channels uint64
	tier     uint16
	agents   *set[rank]
}

// promoteAfter is how many agents of a skill are looked at in vain until their
// whole set of skills gets a stand of its own.
const promoteAfter = 32

// manySets is how many of those a branch has at most.
const manySets = 16

// everyoneBy returns everybody in the order of the model.
func (x *Index) everyoneBy(model route.Model) *crowd {
	for _, c := range x.everyone {
		if c.model == model {
			return c
		}
	}
	c := &crowd{model: model, branches: map[uint32]*branch{}}
	x.everyone = append(x.everyone, c)
	return c
}

func (c *crowd) branch(skill uint32) *branch {
	if skill == 0 {
		return &c.whole
	}
	b := c.branches[skill]
	if b == nil {
		b = &branch{}
		c.branches[skill] = b
	}
	return b
}

// standFor returns where to look for an agent for the class's work.
func (x *Index) standFor(c *class) *stand {
	x.seatAll()
	if c.stand != nil && !c.stand.gone {
		return c.stand
	}
	skill, _ := x.rarest(c)
	b := c.crowd.branch(skill)
	for _, s := range b.sets {
		if slices.Equal(s.needs, c.needs) {
			c.stand = s
			return s
		}
	}
	return x.standOf(c.crowd, skill)
}

// standOf returns the stand of all who hold the skill, or of all if it is 0.
func (x *Index) standOf(c *crowd, skill uint32) *stand {
	b := c.branch(skill)
	if b.all == nil {
		b.all = &stand{}
		if skill != 0 {
			b.all.needs = []route.Need{{Name: skill}}
		}
		x.fill(b.all, c, skill)
	}
	return b.all
}

// promote gives the class's set of skills a stand of its own, since a look
// among those who hold the rarest was long and fruitless.
func (x *Index) promote(c *class) {
	skill, _ := x.rarest(c)
	b := c.crowd.branch(skill)
	if len(b.sets) >= x.small.sets {
		b.sets[0].gone = true
		b.sets = slices.Delete(b.sets, 0, 1)
	}
	c.stand = &stand{needs: c.needs}
	x.fill(c.stand, c.crowd, skill)
	b.sets = append(b.sets, c.stand)
}

// fill seats those of the crowd who hold the skill and the stand's needs, in
// order, which is several times as fast as one by one.
func (x *Index) fill(s *stand, c *crowd, skill uint32) {
	refs := c.refs
	if skill != 0 && (c.queue == nil || x.holdersOf(skill) < len(refs)) {
		if refs = nil; x.holders[skill] != nil {
			refs = x.holders[skill].refs
		}
	}
	x.ranks = x.ranks[:0]
	for _, ref := range refs {
		seat := &x.seats[ref]
		if seat.seated && seat.holds(s.needs) && (c.queue == nil || seat.memberOf(c) != nil) {
			x.ranks = append(x.ranks, x.rankOf(ref, c.model, s.needs))
		}
	}
	slices.SortFunc(x.ranks, func(a, b rank) int {
		if x.ahead(a, b) {
			return -1
		}
		return 1 // no two are alike
	})
	for _, r := range x.ranks {
		tier := uint16(0)
		if c.queue != nil {
			tier = x.seats[r.ref].memberOf(c).tier
		}
		x.benchFor(s, r.ref, tier).agents.Append(r)
	}
}

// clear takes the crowd's stands down; they are filled again when they are
// asked for.
func (c *crowd) clear() {
	c.whole.clear()
	for _, b := range c.branches { // in any order: all go
		b.clear()
	}
}

func (b *branch) clear() {
	for _, s := range b.sets {
		s.gone = true
	}
	b.all, b.sets = nil, nil
}

// enterCrowd seats the agent, who has room for something, on the stands of the
// crowd.
func (x *Index) enterCrowd(c *crowd, ref uint32, tier uint16) {
	x.eachStand(c, ref, func(s *stand) { x.sit(s, c, ref, tier) })
}

func (x *Index) leaveCrowd(c *crowd, ref uint32, tier uint16) {
	x.eachStand(c, ref, func(s *stand) { x.standUp(s, c, ref, tier) })
}

// eachStand calls do for each stand of the crowd to which the agent belongs.
func (x *Index) eachStand(c *crowd, ref uint32, do func(*stand)) {
	if c.whole.all != nil {
		do(c.whole.all)
	}
	if len(c.branches) == 0 {
		return
	}
	for i := range x.seats[ref].skills {
		b := c.branches[x.seats[ref].skills[i].name]
		if b == nil {
			continue
		}
		if b.all != nil {
			do(b.all)
		}
		for _, s := range b.sets {
			if x.seats[ref].holds(s.needs) {
				do(s)
			}
		}
	}
}

// sit puts the agent onto its bench.
func (x *Index) sit(s *stand, c *crowd, ref uint32, tier uint16) {
	x.benchFor(s, ref, tier).agents.Add(x.rankOf(ref, c.model, s.needs))
}

// benchFor returns the agent's bench, which is valid until the next one comes or
// goes.
func (x *Index) benchFor(s *stand, ref uint32, tier uint16) *bench {
	seat := &x.seats[ref]
	at := s.find(seat, tier)
	if at < 0 {
		at = len(s.benches)
		s.benches = append(s.benches, bench{
			room: seat.room, channels: seat.channels, tier: tier, agents: x.newSet(),
		})
	}
	return &s.benches[at]
}

func (x *Index) standUp(s *stand, c *crowd, ref uint32, tier uint16) {
	at := s.find(&x.seats[ref], tier)
	b := &s.benches[at]
	if b.agents.Remove(x.rankOf(ref, c.model, s.needs)); b.agents.Len() == 0 {
		x.sets = append(x.sets, b.agents)
		last := len(s.benches) - 1
		s.benches[at] = s.benches[last]
		s.benches[last] = bench{}
		s.benches = s.benches[:last]
	}
}

// find returns where the agent's bench stands, -1 if there is none.
func (s *stand) find(seat *seat, tier uint16) int {
	for i := range s.benches {
		if b := &s.benches[i]; b.room == seat.room && b.channels == seat.channels && b.tier == tier {
			return i
		}
	}
	return -1
}

// newSet returns an empty set of agents, if it can one that has been used
// before.
func (x *Index) newSet() *set[rank] {
	n := len(x.sets)
	if n == 0 {
		return newSet(x.ahead)
	}
	s := x.sets[n-1]
	x.sets = x.sets[:n-1]
	return s
}

// any reports whether somebody has room for the work on the shelf, whatever
// else stands against it.
func (x *Index) any(s *shelf) bool {
	x.seatAll()
	stand := x.standOf(s.crowd, s.skill)
	for i := range stand.benches {
		if b := &stand.benches[i]; b.suits(s.bit, s.channel, s.tier) {
			return true
		}
	}
	return false
}

// suits reports whether those on the bench may have room for the demand, take
// the channel, and are asked by now.
func (b *bench) suits(demand, channel uint64, tier uint16) bool {
	return b.room&demand != 0 && b.channels&channel != 0 && (tier == 0 || b.tier <= tier)
}
