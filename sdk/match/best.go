// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// best returns the agent to whom the class's first work is to be offered; while
// several are chosen, the next best.
func (x *Index) best(c *class) (uint32, bool) {
	if s := c.narrowTo(x.session); s != nil {
		return x.bestOf(c, s.agents)
	}
	if c.personal {
		ref, ok := x.byName[c.agent]
		return ref, ok && x.eligible(c, ref)
	}
	stand := x.standFor(c)
	look := x.look(c, stand)
	for i := range stand.benches {
		if b := &stand.benches[i]; b.suits(c.bit, c.channel, look.tier) {
			x.first(&look, b)
		}
	}
	if look.misses > x.small.promote && !slices.Equal(stand.needs, c.needs) {
		x.promote(c)
	}
	return look.best.ref, look.found
}

// look is a look at the agents on a stand.
type look struct {
	class  *class
	stand  *stand
	draw   *draw  // under weighted random; else nil
	tier   uint16 // members up to this one; 0 for all
	open   bool   // all who sit there suit
	sorted bool   // they sit in the order that holds for this work

	misses int // who did not suit
	best   rank
	found  bool
}

func (x *Index) look(c *class, s *stand) look {
	exact := slices.Equal(s.needs, c.needs)
	l := look{class: c, stand: s, draw: x.drawFor(c), tier: c.asked()}
	l.open = exact && len(c.declined) == 0 && c.bit != sharedBit && !x.several
	l.sorted = l.draw == nil && (c.crowd.model != route.ModelMostSkilled || len(s.needs) == len(c.needs))
	return l
}

// first looks for one on the bench who comes before the best so far.
func (x *Index) first(l *look, b *bench) {
	if l.open && l.sorted {
		r, _ := b.agents.Min()
		x.better(l, r)
		return
	}
	b.agents.Scan(func(r rank) bool {
		if !l.open && !x.suits(l.class, r.ref) {
			l.misses++
			return true
		}
		if !l.sorted {
			r = x.rankFor(l.class, l.draw, r.ref)
		}
		x.better(l, r)
		return !l.sorted
	})
}

func (x *Index) better(l *look, r rank) {
	if !l.found || x.ahead(r, l.best) {
		l.best, l.found = r, true
	}
}

// bestOf is best among few agents.
func (x *Index) bestOf(c *class, refs []uint32) (uint32, bool) {
	l := look{draw: x.drawFor(c)}
	for _, ref := range refs {
		if x.eligible(c, ref) {
			x.better(&l, x.rankFor(c, l.draw, ref))
		}
	}
	return l.best.ref, l.found
}

// eligible says the same as the board's Eligible, but counts what is pending.
func (x *Index) eligible(c *class, ref uint32) bool {
	s := &x.seats[ref]
	return s.listed && s.channels&c.channel != 0 && c.demand.fits(s) &&
		(!c.personal || c.agent == s.name) && c.crowd.asks(s, c.asked()) && x.suits(c, ref)
}

// asks reports whether the agent belongs to the crowd, in a tier up to this one.
func (c *crowd) asks(s *seat, tier uint16) bool {
	if c.queue == nil {
		return true
	}
	m := s.memberOf(c)
	return m != nil && (tier == 0 || m.tier <= tier)
}

// suits reports whether neither the decline rule nor the skills keep the
// class's work from the agent, who has not been chosen for it already. It asks
// for room only where the benches do not tell.
func (x *Index) suits(c *class, ref uint32) bool {
	s := &x.seats[ref]
	if x.several && s.choice == x.choice || c.bit == sharedBit && !c.demand.fits(s) {
		return false
	}
	if len(c.declined) > 0 {
		if _, declined := slices.BinarySearch(c.declined, s.name); declined {
			return false
		}
	}
	return s.holds(c.needs)
}

// top puts the n best agents for the class's first work into x.tops, in order.
func (x *Index) top(c *class, n int) {
	x.tops = x.tops[:0]
	if s := c.narrowTo(x.session); s != nil {
		x.topOf(c, s.agents, n)
		return
	}
	if c.personal {
		if ref, ok := x.byName[c.agent]; ok {
			x.topOf(c, []uint32{ref}, n)
		}
		return
	}
	stand := x.standFor(c)
	look := x.look(c, stand)
	for i := range stand.benches {
		if b := &stand.benches[i]; b.suits(c.bit, c.channel, look.tier) {
			x.firsts(&look, b, n)
		}
	}
	if look.misses > x.small.promote && !slices.Equal(stand.needs, c.needs) {
		x.promote(c)
	}
}

// topOf is top among few agents.
func (x *Index) topOf(c *class, refs []uint32, n int) {
	draw := x.drawFor(c)
	for _, ref := range refs {
		if x.eligible(c, ref) {
			x.insert(x.rankFor(c, draw, ref), n)
		}
	}
}

// firsts looks for those on the bench who are among the n best so far.
func (x *Index) firsts(l *look, b *bench, n int) {
	b.agents.Scan(func(r rank) bool {
		if !l.open && !x.suits(l.class, r.ref) {
			l.misses++
			return true
		}
		if !l.sorted {
			r = x.rankFor(l.class, l.draw, r.ref)
		}
		return x.insert(r, n) || !l.sorted
	})
}

// insert puts the rank in its place in x.tops, if it is among the n best, and
// reports whether it is.
func (x *Index) insert(r rank, n int) bool {
	at := len(x.tops)
	for at > 0 && x.ahead(r, x.tops[at-1]) {
		at--
	}
	if at == n {
		return false
	}
	if len(x.tops) == n {
		x.tops = x.tops[:n-1]
	}
	x.tops = slices.Insert(x.tops, at, r)
	return true
}
