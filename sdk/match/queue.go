// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// queue holds the agents who may be offered work of one queue, and the shelves
// on which its work sleeps.
type queue struct {
	model route.Model
	// least is the smallest size of which there may be work. Agents with less
	// free capacity are on no bench: a full agent costs nothing to keep.
	least int64
	// benches are sorted by free capacity, most first, then by channels. None
	// is empty.
	benches []*bench
	// shelves by the dictionary id of the skill that an agent must hold to be
	// of use, 0 for work without needs.
	shelves map[uint32][]*shelf
}

// bench holds the agents of a queue who are alike in channels and in free
// capacity, in the order of the queue's model.
type bench struct {
	free     int64
	channels uint64
	agents   *set[rank]
}

// queue returns the queue at ref on the board, known to the board or not.
func (x *Index) queue(ref uint32) *queue {
	q := x.queues[ref]
	if q == nil {
		q = &queue{model: x.modelOf(ref), least: 1, shelves: map[uint32][]*shelf{}}
		x.queues[ref] = q
	}
	return q
}

func (x *Index) modelOf(ref uint32) route.Model {
	if row := x.board.Queue(ref); row != nil {
		return row.Model
	}
	return 0
}

// remodel puts the agents of the queue at ref into the order of its model, if
// that has changed.
func (x *Index) remodel(ref uint32) {
	q := x.queue(ref)
	model := x.modelOf(ref)
	if q.model == model {
		return
	}
	old := q.benches
	q.model, q.benches = model, nil
	for _, b := range old {
		b.agents.Scan(func(r rank) bool {
			q.add(x, r.ref)
			return true
		})
	}
}

// admit makes the agents with that much free capacity sit on benches, since
// there is work of that size.
func (q *queue) admit(x *Index, size int64) {
	if size >= q.least {
		return
	}
	was := q.least
	q.least = size
	for ref := range x.seats {
		s := &x.seats[ref]
		if s.listed && s.free() < was && slices.Contains(s.members, q) {
			q.add(x, uint32(ref))
		}
	}
}

// find returns where the bench stands or would stand, and whether it is there.
func (q *queue) find(free int64, channels uint64) (int, bool) {
	return slices.BinarySearchFunc(q.benches, free, func(b *bench, free int64) int {
		if b.free != free {
			return cmp.Compare(free, b.free)
		}
		return cmp.Compare(b.channels, channels)
	})
}

func (q *queue) add(x *Index, ref uint32) {
	s := &x.seats[ref]
	if s.free() < q.least {
		return
	}
	at, found := q.find(s.free(), s.channels)
	if !found {
		b := x.newBench()
		b.free, b.channels = s.free(), s.channels
		q.benches = slices.Insert(q.benches, at, b)
	}
	q.benches[at].agents.Add(x.rankOf(ref, q.model))
}

// newBench returns an empty bench, if it can one that has been used before.
func (x *Index) newBench() *bench {
	n := len(x.benches)
	if n == 0 {
		return &bench{agents: newSet(x.ahead)}
	}
	b := x.benches[n-1]
	x.benches = x.benches[:n-1]
	return b
}

func (q *queue) remove(x *Index, ref uint32) {
	s := &x.seats[ref]
	at, found := q.find(s.free(), s.channels)
	if !found {
		return // too little is free
	}
	b := q.benches[at]
	if b.agents.Remove(x.rankOf(ref, q.model)); b.agents.Len() == 0 {
		q.benches = slices.Delete(q.benches, at, at+1)
		x.benches = append(x.benches, b)
	}
}

// any reports whether an agent of the channel has that much free capacity.
func (q *queue) any(channel uint64, size int64) bool {
	for _, b := range q.benches {
		if b.free < size {
			return false
		}
		if b.channels&channel != 0 {
			return true
		}
	}
	return false
}

// best returns the agent to whom the class's work is to be offered.
func (x *Index) best(c *class) (uint32, bool) {
	if s := c.narrowTo(x.session); s != nil {
		return x.bestOf(c, s.agents)
	}
	if c.personal {
		ref, ok := x.byName[c.agent]
		return ref, ok && x.eligible(c, ref)
	}
	var best rank
	found := false
	for _, b := range c.queue.benches {
		if b.free < c.size {
			break
		}
		if b.channels&c.channel == 0 {
			continue
		}
		if r, ok := x.first(c, b); ok && (!found || x.ahead(r, best)) {
			best, found = r, true
		}
	}
	return best.ref, found
}

// first returns the first on the bench whom the work suits.
func (x *Index) first(c *class, b *bench) (r rank, found bool) {
	if c.open() {
		return b.agents.Min()
	}
	b.agents.Scan(func(next rank) bool {
		if found = x.suits(c, next.ref); found {
			r = next
		}
		return !found
	})
	return r, found
}

// bestOf is best among few agents.
func (x *Index) bestOf(c *class, refs []uint32) (uint32, bool) {
	var best rank
	found := false
	for _, ref := range refs {
		if !x.eligible(c, ref) {
			continue
		}
		if r := x.rankOf(ref, c.queue.model); !found || x.ahead(r, best) {
			best, found = r, true
		}
	}
	return best.ref, found
}

// eligible says the same as the board's Eligible, but counts what is pending.
func (x *Index) eligible(c *class, ref uint32) bool {
	s := &x.seats[ref]
	return s.listed && s.channels&c.channel != 0 && c.size <= s.free() &&
		(!c.personal || c.agent == s.name) && slices.Contains(s.members, c.queue) && x.suits(c, ref)
}

// suits reports whether neither the decline rule nor the skills keep the
// class's work from the agent.
func (x *Index) suits(c *class, ref uint32) bool {
	if c.open() {
		return true
	}
	if _, declined := slices.BinarySearch(c.declined, x.seats[ref].name); declined {
		return false
	}
	return route.Skilled(c.needs, x.board.Skills(x.board.Agent(ref)))
}
