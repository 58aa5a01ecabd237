// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"math"
	"slices"
)

// fewAgents is up to how many agents who can take more are asked one by one about
// each sleeping class of a shelf. With more, the queue's trees are asked.
const fewAgents = 32

// tidyShelves is from how many shelves of a queue on those without anything on
// them are taken away before another is put up.
const tidyShelves = 16

// levelStep is how far apart, in thousandths, the levels may be of work that
// lies on the same shelf.
const levelStep = 2500

// shelf holds sleeping classes that the same agents may be able to serve: those
// of one crowd, channel, tier, demand, and one needed skill at such a level, or
// those for one agent. Those with agents who have declined lie apart.
//
// No agent was eligible for a class when it fell asleep. So only agents who
// have become able to take more since then can wake it, and those are on the
// shelf's list: a cursor goes through the classes in pending order, as far as
// what is awake lets it, and wakes each that one of them may serve.
type shelf struct {
	crowd   *crowd // nil if personal
	channel uint64
	demand  demand
	bit     uint64 // of the demand
	skill   uint32 // 0 if none is needed
	level   uint32 // that is needed at least
	tier    uint16 // of a member at most; 0 for any
	classes *set[*class]
	n       int  // how many classes
	head    spot // of the first of them
	// decliners says of how many of the classes an agent is excluded, by
	// dictionary id; nil where no class excludes anybody. Who is excluded of
	// all need not look at any.
	decliners map[uint32]int

	open   bool     // in Index.open
	agents []uint32 // those who can take more, if not many
	many   bool     // more than a few can take more; agents is empty
	gone   bool     // in no list any more
}

// sleep puts a class for which nobody is eligible on its shelf.
func (x *Index) sleep(c *class) {
	if c.shelf == nil || c.shelf.gone {
		c.shelf = x.shelfOf(c)
	}
	c.place, c.narrow = isAsleep, nil
	c.shelf.put(c)
}

func (s *shelf) put(c *class) {
	s.classes.Add(c)
	if s.n++; s.n == 1 || c.first.compare(&s.head) < 0 {
		s.head = c.first
	}
	for _, id := range c.declined {
		s.decliners[id]++
	}
}

func (s *shelf) remove(c *class) {
	s.classes.Remove(c)
	s.n--
	if first, ok := s.classes.Min(); ok {
		s.head = first.first
	}
	for _, id := range c.declined {
		if s.decliners[id]--; s.decliners[id] == 0 {
			delete(s.decliners, id)
		}
	}
}

func (x *Index) shelfOf(c *class) *shelf {
	if c.personal {
		s := x.personal[c.agent]
		if s == nil {
			s = &shelf{classes: newClassSet(), decliners: map[uint32]int{}}
			x.personal[c.agent] = s
		}
		return s
	}
	want := shelf{crowd: c.crowd, channel: c.channel, demand: c.demand, bit: c.bit, tier: c.asked()}
	want.skill, want.level = x.rarest(c)
	want.level -= want.level % levelStep
	branch := c.crowd.branch(want.skill)
	for _, s := range branch.shelves {
		if s.like(&want) && (s.decliners != nil) == (len(c.declined) > 0) {
			return s
		}
	}
	if len(branch.shelves) >= x.small.tidy {
		branch.shelves = slices.DeleteFunc(branch.shelves, func(s *shelf) bool {
			s.gone = s.n == 0
			return s.gone
		})
	}
	want.classes = newClassSet()
	if len(c.declined) > 0 {
		want.decliners = map[uint32]int{}
	}
	branch.shelves = append(branch.shelves, &want)
	return &want
}

// like reports whether the shelves, of the same crowd and skill, are for work
// that is alike.
func (s *shelf) like(other *shelf) bool {
	return s.channel == other.channel && s.demand == other.demand && s.level == other.level && s.tier == other.tier
}

// rarest returns the needed skill that the fewest agents hold, so that the
// class is looked at by as few of them as can be, and the level that is needed;
// 0 if it needs none.
func (x *Index) rarest(c *class) (skill, level uint32) {
	fewest := 0
	for i := range c.needs {
		if n := x.holdersOf(c.needs[i].Name); i == 0 || n < fewest {
			skill, level, fewest = c.needs[i].Name, c.needs[i].Level, n
		}
	}
	return skill, level
}

// opening is a shelf whose agents may be able to take more, and where its cursor
// stands: at the next class to be looked at.
type opening struct {
	at    spot
	shelf *shelf
}

// prepare opens a session of Next: the agents who can take more go to the
// shelves of what they may serve, and the cursors begin anew.
func (x *Index) prepare() {
	x.session++
	x.fresh = true
	if x.hopeful = 0; len(x.open) > 0 {
		x.hopeful = math.MaxInt // nobody counts those of the last session
	}
	for _, ref := range x.dirty {
		x.seats[ref].dirty = false
		x.browse(ref)
	}
	x.dirty = x.dirty[:0]
	open := x.open
	x.open = x.open[:0]
	for _, o := range open {
		if o.shelf.n > 0 {
			x.open = append(x.open, opening{o.shelf.head, o.shelf})
		} else {
			o.shelf.open = false
		}
	}
	for i := len(x.open)/2 - 1; i >= 0; i-- {
		x.sink(i)
	}
}

// closeAll closes all shelves. The agents stay for the classes that the cursors
// woke.
func (x *Index) closeAll() {
	for i := range x.open {
		x.open[i].shelf.open = false
	}
	clear(x.open)
	x.open = x.open[:0]
}

// sink moves the opening at index i down to its place in the heap.
func (x *Index) sink(i int) {
	o := x.open[i]
	for {
		child := 2*i + 1
		if child >= len(x.open) {
			break
		}
		if right := child + 1; right < len(x.open) && x.open[right].at.compare(&x.open[child].at) < 0 {
			child = right
		}
		if o.at.compare(&x.open[child].at) <= 0 {
			break
		}
		x.open[i] = x.open[child]
		i = child
	}
	x.open[i] = o
}

// forward moves the cursor of the first open shelf to this class, or closes the
// shelf if it is nil.
func (x *Index) forward(next *class) {
	if next != nil {
		x.open[0].at = next.first
	} else {
		x.open[0].shelf.open = false
		last := len(x.open) - 1
		x.open[0] = x.open[last]
		x.open[last] = opening{}
		x.open = x.open[:last]
	}
	if len(x.open) > 0 {
		x.sink(0)
	}
}

// browse puts the agent on the lists of the shelves of what it may serve.
func (x *Index) browse(ref uint32) {
	s := &x.seats[ref]
	if !s.listed {
		return
	}
	if own := x.personal[s.name]; own != nil {
		x.attend(own, ref)
	}
	for i := range s.members {
		m := &s.members[i]
		x.browseList(m.crowd.whole.shelves, ref, m.tier, 0)
		x.browseSkills(m.crowd, ref, m.tier)
	}
	for _, c := range x.everyone {
		x.browseSkills(c, ref, 0)
	}
}

func (x *Index) browseSkills(c *crowd, ref uint32, tier uint16) {
	if len(c.branches) == 0 {
		return
	}
	for _, skill := range x.seats[ref].skills {
		if branch := c.branches[skill.name]; branch != nil {
			x.browseList(branch.shelves, ref, tier, skill.level)
		}
	}
}

func (x *Index) browseList(list []*shelf, ref uint32, tier uint16, level uint32) {
	s := &x.seats[ref]
	for _, shelf := range list {
		if shelf.channel&s.channels != 0 && shelf.level <= level && (shelf.tier == 0 || tier <= shelf.tier) &&
			shelf.demand.fits(s) {
			x.attend(shelf, ref)
		}
	}
}

func (x *Index) attend(s *shelf, ref uint32) {
	if s.n == 0 || s.decliners != nil && s.decliners[x.seats[ref].name] == s.n {
		return
	}
	if !s.open {
		s.open, s.many, s.agents = true, false, s.agents[:0]
		x.open = append(x.open, opening{shelf: s})
	}
	if agent := &x.seats[ref]; agent.hope != x.session {
		agent.hope = x.session
		x.hopeful++
	}
	switch {
	case s.many || slices.Contains(s.agents, ref):
	case len(s.agents) < x.small.few:
		s.agents = append(s.agents, ref)
	default:
		s.many, s.agents = true, s.agents[:0]
	}
}

// rouse looks, from the cursor of the first open shelf on, for a class that one
// of the agents may serve, as far as that comes before all other shelves and
// before the awake class c, which may be nil. It returns the class, off the
// shelf and in no set, or nil if the cursor only moved.
func (x *Index) rouse(c *class) *class {
	s := x.open[0].shelf
	if x.exhausted(s) {
		x.forward(nil)
		return nil
	}
	var limit *spot
	if c != nil {
		limit = &c.first
	}
	for i := 1; i < min(3, len(x.open)); i++ {
		if at := x.open[i].at; limit == nil || at.compare(limit) < 0 {
			limit = &at
		}
	}
	var found, next *class
	x.pivot.first = x.open[0].at
	s.classes.From(&x.pivot, func(c *class) bool {
		if found == nil && (limit == nil || c.first.compare(limit) < 0) {
			if x.serves(s, c) {
				found = c
			}
			return true
		}
		next = c
		return false
	})
	x.forward(next)
	if found == nil {
		return nil
	}
	s.remove(found)
	found.session, found.narrow = x.session, nil
	if !s.many && !found.parked {
		found.narrow = s
	}
	return found
}

// exhausted reports whether none of the shelf's agents can take anything of
// its size any more. It forgets those who cannot.
func (x *Index) exhausted(s *shelf) bool {
	if s.crowd == nil {
		return false
	}
	if s.many {
		return !x.any(s)
	}
	s.agents = slices.DeleteFunc(s.agents, func(ref uint32) bool {
		return !x.seats[ref].listed || !s.demand.fits(&x.seats[ref])
	})
	return len(s.agents) == 0
}

// spent reports whether it is certain that nobody can take more of the class.
func (x *Index) spent(c *class) bool {
	s := c.narrowTo(x.session)
	return s != nil && x.exhausted(s)
}

// serves reports whether one of the shelf's agents may serve the class, which
// sleeps.
func (x *Index) serves(s *shelf, c *class) bool {
	if s.many {
		_, found := x.best(c)
		return found
	}
	for _, ref := range s.agents {
		// What was held looks again if something about an agent is new, not if
		// somebody only comes back who was put down for other work.
		if x.eligible(c, ref) && (!c.parked || x.seats[ref].news == x.applied) {
			return true
		}
	}
	return false
}
