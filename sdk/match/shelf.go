// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "slices"

// fewAgents is up to how many agents who can take more are asked one by one about
// each sleeping class of a shelf. With more, the queue's trees are asked.
const fewAgents = 16

// tidyShelves is from how many shelves of a queue on those without anything on
// them are taken away before another is put up.
const tidyShelves = 16

// shelf holds sleeping classes that the same agents may be able to serve: those
// of one queue, channel, size and needed skill, or those for one agent.
//
// No agent was eligible for a class when it fell asleep. So only agents who
// have become able to take more since then can wake it, and those are on the
// shelf's list: a cursor goes through the classes in pending order and stops
// at each that one of them may serve.
type shelf struct {
	queue    *queue // nil if personal
	channel  uint64
	size     int64
	personal bool
	classes  *set[*class]

	active bool     // in Index.active
	agents []uint32 // those who can take more, if not many
	many   bool     // more than a few can take more; agents is empty
	done   bool     // the cursor found nothing more
	gone   bool     // in no list any more
}

// sleep puts a class for which nobody is eligible on its shelf.
func (x *Index) sleep(c *class) {
	if c.shelf == nil || c.shelf.gone {
		c.shelf = x.shelfOf(c)
	}
	c.place, c.candidate, c.narrow = isAsleep, nil, nil
	c.shelf.classes.Add(c)
}

func (x *Index) shelfOf(c *class) *shelf {
	if c.personal {
		s := x.personal[c.agent]
		if s == nil {
			s = &shelf{personal: true, classes: newClassSet()}
			x.personal[c.agent] = s
		}
		return s
	}
	skill := x.rarest(c)
	list := c.queue.shelves[skill]
	for _, s := range list {
		if s.channel == c.channel && s.size == c.size {
			return s
		}
	}
	if len(list) >= x.tidy {
		list = slices.DeleteFunc(list, func(s *shelf) bool {
			s.gone = s.classes.Len() == 0
			return s.gone
		})
	}
	s := &shelf{queue: c.queue, channel: c.channel, size: c.size, classes: newClassSet()}
	c.queue.shelves[skill] = append(list, s)
	return s
}

// rarest returns the needed skill that the fewest agents hold, so that the
// class is looked at by as few of them as can be; 0 if it needs none.
func (x *Index) rarest(c *class) uint32 {
	var skill uint32
	for i := range c.needs {
		if i == 0 || x.holders[c.needs[i].Name] < x.holders[skill] {
			skill = c.needs[i].Name
		}
	}
	return skill
}

// prepare opens a session of Next: the agents who can take more go to the
// shelves of what they may serve, and the cursors begin anew.
func (x *Index) prepare() {
	x.session++
	x.fresh = true
	x.active = slices.DeleteFunc(x.active, func(s *shelf) bool {
		if s.done {
			s.active, s.many, s.done, s.agents = false, false, false, s.agents[:0]
		}
		return !s.active
	})
	for _, ref := range x.dirty {
		x.seats[ref].dirty = false
		x.browse(ref)
	}
	x.dirty = x.dirty[:0]
	for _, s := range x.active {
		x.advance(s, nil)
	}
}

// browse puts the agent on the lists of the shelves of what it may serve.
func (x *Index) browse(ref uint32) {
	s := &x.seats[ref]
	if !s.listed {
		return
	}
	if own := x.personal[s.name]; own != nil {
		x.join(own, ref)
	}
	for _, q := range s.members {
		x.browseList(q.shelves[0], ref)
		for _, skill := range s.skills {
			x.browseList(q.shelves[skill], ref)
		}
	}
}

func (x *Index) browseList(list []*shelf, ref uint32) {
	s := &x.seats[ref]
	for _, shelf := range list {
		if shelf.channel&s.channels != 0 && shelf.size <= s.free() {
			x.join(shelf, ref)
		}
	}
}

func (x *Index) join(s *shelf, ref uint32) {
	if s.classes.Len() == 0 {
		return
	}
	if !s.active {
		s.active = true
		x.active = append(x.active, s)
	}
	switch {
	case s.many || slices.Contains(s.agents, ref):
	case len(s.agents) < x.few:
		s.agents = append(s.agents, ref)
	default:
		s.many, s.agents = true, s.agents[:0]
	}
}

// advance moves the shelf's cursor to the next class after the spot, or to the
// first if it is nil, that one of the agents may serve, and wakes it.
func (x *Index) advance(s *shelf, after *spot) {
	if x.exhausted(s) {
		s.done = true
		return
	}
	var next *class
	look := func(c *class) bool {
		if after != nil && c.first.compare(after) <= 0 {
			return true
		}
		if x.serves(s, c) {
			next = c
		}
		return next == nil
	}
	if after == nil {
		s.classes.Scan(look)
	} else {
		x.pivot.first = *after
		s.classes.From(&x.pivot, look)
	}
	if next == nil {
		s.done = true
		return
	}
	s.classes.Remove(next)
	x.wake(next)
	next.session, next.candidate, next.narrow = x.session, s, nil
	if !s.many {
		next.narrow = s
	}
}

// exhausted reports whether none of the shelf's agents can take anything of
// its size any more. It forgets those who cannot.
func (x *Index) exhausted(s *shelf) bool {
	if s.personal {
		return false
	}
	if s.many {
		return !s.queue.any(s.channel, s.size)
	}
	s.agents = slices.DeleteFunc(s.agents, func(ref uint32) bool {
		return !x.seats[ref].listed || x.seats[ref].free() < s.size
	})
	return len(s.agents) == 0
}

// serves reports whether one of the shelf's agents may serve the class, which
// sleeps.
func (x *Index) serves(s *shelf, c *class) bool {
	if s.many {
		_, found := x.best(c)
		return found
	}
	for _, ref := range s.agents {
		if x.eligible(c, ref) {
			return true
		}
	}
	return false
}
