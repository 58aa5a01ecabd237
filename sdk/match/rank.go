// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"math"
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// rank is an agent's place in the order of one model, lower first. It holds
// what decides most comparisons; the rest stands in the seat.
type rank struct {
	key      int64  // what the model compares
	signedIn int64  // earlier first
	ref      uint32 // of the agent
	group    uint8  // 0 before 1: idle agents before all others
	busy     uint8  // 0 before 1: agents without open work first
	timed    bool   // key is when the last assignment was made
}

// rankOf returns the rank of the agent at ref among those who hold the needs,
// as far as it is the same for all work. An unknown model counts as least
// active. Under longest idle, agents who hold something come after all who do
// not, the one whose last assignment is oldest first.
func (x *Index) rankOf(ref uint32, model route.Model, needs []route.Need) rank {
	s := &x.seats[ref]
	r := rank{signedIn: s.signedIn, ref: ref}
	if s.holding() > 0 {
		r.busy = 1
	}
	switch model {
	case route.ModelMostAvailable:
		r.key = -s.free()
	case route.ModelLongestIdle:
		if idle := s.idle(); idle != 0 {
			r.key = idle
		} else {
			r.group, r.timed, r.key = 1, true, s.lastAssigned()
		}
	case route.ModelRoundRobin:
		r.timed, r.key = true, s.lastAssigned()
	case route.ModelMostSkilled:
		r.key = -s.sum(needs)
	case route.ModelLeastSkilled:
		r.key = s.levels
	case route.ModelWeightedRandom: // every work draws anew
	default:
		r.key = s.taken()
	}
	return r
}

// rankFor returns the rank of the agent at ref for the class's first work.
func (x *Index) rankFor(c *class, d *draw, ref uint32) rank {
	r := x.rankOf(ref, c.crowd.model, c.needs)
	if d != nil {
		r.key = d.key(&x.seats[ref])
	}
	return r
}

// sum returns the sum of the agent's levels in the skills that are needed; in
// all skills if none is.
func (s *seat) sum(needs []route.Need) int64 {
	if len(needs) == 0 {
		return s.levels
	}
	var sum int64
	for i := range needs {
		level, _ := s.level(needs[i].Name)
		sum += int64(level)
	}
	return sum
}

// ahead reports whether the agent of rank a is picked before that of rank b.
// Both must be of the same model.
func (x *Index) ahead(a, b rank) bool {
	if a.group != b.group {
		return a.group < b.group
	}
	if a.key != b.key {
		return a.key < b.key
	}
	if a.timed && b.timed {
		if m, n := x.seats[a.ref].lastNth(), x.seats[b.ref].lastNth(); m != n {
			return m < n
		}
	}
	if a.busy != b.busy {
		return a.busy < b.busy
	}
	if a.signedIn != b.signedIn {
		return a.signedIn < b.signedIn
	}
	return a.ref != b.ref && x.aheadBySeat(a.ref, b.ref)
}

// aheadBySeat breaks the last ties: the older last assignment, then the lower
// id. The refs decide only between agents of the same id, which no host sends.
func (x *Index) aheadBySeat(a, b uint32) bool {
	s, t := &x.seats[a], &x.seats[b]
	if c := cmp.Compare(s.lastAssigned(), t.lastAssigned()); c != 0 {
		return c < 0
	}
	if c := cmp.Compare(s.lastNth(), t.lastNth()); c != 0 {
		return c < 0
	}
	if c := strings.Compare(s.id, t.id); c != 0 {
		return c < 0
	}
	return a < b
}

// score is what a Match tells of the agent.
func (x *Index) score(c *class, ref uint32) int32 {
	s := &x.seats[ref]
	switch c.crowd.model {
	case route.ModelMostAvailable:
		return clamp(s.free())
	case route.ModelLongestIdle:
		return x.secondsSince(s.idle())
	case route.ModelRoundRobin:
		return x.secondsSince(s.lastAssigned())
	case route.ModelMostSkilled:
		return clamp(s.sum(c.needs))
	case route.ModelLeastSkilled:
		return clamp(s.levels)
	case route.ModelWeightedRandom:
		return int32(s.weightIn(c.queue))
	default:
		return clamp(s.taken())
	}
}

func (x *Index) secondsSince(at int64) int32 {
	if at == 0 {
		return 0
	}
	return clamp((x.now - at) / 1000)
}

// draw is weighted random's draw for one work. Every candidate draws as often
// as its weight says; whoever has the highest number gets the work, which is in
// proportion to the weights, in whole numbers, and the same in every runtime.
type draw struct {
	queue *queue
	start uint64
}

// drawFor returns the draw for the class's first work; nil under other models.
func (x *Index) drawFor(c *class) *draw {
	if c.crowd.model != route.ModelWeightedRandom {
		return nil
	}
	sequence := x.items[c.heap[0]].order.sequence
	return &draw{queue: c.queue, start: scramble(sequence ^ scramble(x.seed))}
}

// key returns the agent's highest number such that a lower key is a higher one.
func (d *draw) key(s *seat) int64 {
	var highest uint64
	start := scramble(s.hash ^ d.start)
	for i := range uint64(s.weightIn(d.queue)) {
		highest = max(highest, scramble(start+i))
	}
	return int64(^highest ^ 1<<63)
}

// weightIn returns the agent's share of the queue's work, 1 to 100; 1 for those
// who are no members.
func (s *seat) weightIn(q *queue) int {
	if m := s.memberOf(&q.members); m != nil {
		return min(max(int(m.weight), 1), 100)
	}
	return 1
}

// scramble is the finalizer of the splitmix64 generator.
func scramble(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hash is FNV-1a.
func hash(text string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	return h
}

// clamp returns v as an int32, or the nearest there is.
func clamp(v int64) int32 {
	return int32(max(math.MinInt32, min(math.MaxInt32, v)))
}
