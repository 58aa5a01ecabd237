// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// seat is one agent.
type seat struct {
	id            string
	group, number int
	status        string // empty while signed out
	used          engine.Milli
	available     bool // signed in with a status that takes work
	leaving       bool // signs out once nothing is held
	hash          uint64
	// busy and present are time integrals, of capacity held and of being there,
	// since counting began.
	since         engine.Time
	busy, present float64
}

// there reports whether the agent is at work: ready for it, or finishing some.
func (s *seat) there() bool { return s.available || s.used > 0 }

// groupState is what is known of a group.
type groupState struct {
	seats []*seat
	// free counts the agents who are ready by how much they have free.
	free map[engine.Milli]int
	// used is the capacity that all hold, there the capacity of those there.
	used, there gauge
}

// alter changes an agent, with all that is counted of it.
func (l *ledger) alter(s *seat, change func()) {
	g, capacity := &l.groups[s.group], l.plan.groups[s.group].capacity
	if s.available {
		if g.free[capacity-s.used]--; g.free[capacity-s.used] == 0 {
			delete(g.free, capacity-s.used)
		}
	}
	l.settle(s)
	before, there := s.used, s.there()
	change()
	if s.available {
		g.free[capacity-s.used]++
	}
	if s.used != before {
		g.used.change(l.plan, l.now, int64(s.used-before))
	}
	switch {
	case s.there() && !there:
		g.there.change(l.plan, l.now, int64(capacity))
	case there && !s.there():
		g.there.change(l.plan, l.now, -int64(capacity))
	}
}

// settle brings an agent's integrals up to now.
func (l *ledger) settle(s *seat) {
	if span := float64(l.now - max(s.since, l.plan.from)); span > 0 && s.there() {
		s.present += span
		s.busy += span * float64(s.used)
	}
	s.since = l.now
}

// offered books that an agent is given a customer.
func (l *ledger) offered(ev *engine.Event) {
	it, s := l.items[ev.Work], l.seats[ev.Agent]
	if it == nil || s == nil || it.accepted != 0 || it.seat != nil {
		l.breach("unknown: %v is offered to %q, but is not there, not waiting or offered already", ev.Work, ev.Agent)
		return
	}
	it.seat, it.size = s, ev.Size
	l.hold(s, ev.Size)
}

// hold changes what an agent holds.
func (l *ledger) hold(s *seat, size engine.Milli) {
	l.alter(s, func() { s.used += size })
	if capacity := l.plan.groups[s.group].capacity; s.used < 0 || s.used > capacity {
		l.breach("over_capacity: an agent of group %q holds %v of %v", l.plan.groups[s.group].name, s.used, capacity)
	}
}

// presence books that an agent came, went, or has another status.
func (l *ledger) presence(ev *engine.Event) {
	if s := l.seats[ev.Agent]; s != nil {
		ready := ev.Kind != engine.KindAgentSignedOut && ev.Status == l.plan.groups[s.group].status
		l.alter(s, func() { s.available = ready })
	}
}

// close checks at the end what must hold of the books.
func (l *ledger) close() {
	left := make([]struct{ waiting, open int64 }, len(l.states))
	for _, it := range l.items {
		s, mine := &l.states[it.class], &left[it.class]
		if it.accepted == 0 {
			mine.waiting++
			s.waits += int64(l.now - it.arrived)
		} else {
			mine.open++
			s.handles += int64(l.now - it.accepted)
		}
		if t := l.cell(it.class, it.arrived); t != nil {
			t.leave(it.accepted == 0)
		}
	}
	for i := range l.states {
		s, name := &l.states[i], l.plan.classes[i].name
		s.waiting.accrue(l.plan, l.now)
		s.open.accrue(l.plan, l.now)
		if s.waiting.value != left[i].waiting || s.open.value != left[i].open {
			l.breach("counts: of class %q %d wait and %d are open by the events, %d and %d by the customers",
				name, s.waiting.value, s.open.value, left[i].waiting, left[i].open)
		}
		if s.waiting.total != s.waits || s.open.total != s.handles {
			l.breach("littles_law: class %q: %d ms waited by the count and %d by the customers, %d ms open and %d",
				name, s.waiting.total, s.waits, s.open.total, s.handles)
		}
		var t tally
		for point := range s.points {
			t.add(&s.points[point])
		}
		if t.offered != t.served+t.abandoned+t.blocked+t.waiting+t.open {
			l.breach("conservation: class %q: offered %d = served %d + abandoned %d + blocked %d + waiting %d + open %d does not hold",
				name, t.offered, t.served, t.abandoned, t.blocked, t.waiting, t.open)
		}
	}
	l.closeGroups()
	if l.more > 0 {
		l.broken = append(l.broken, fmt.Sprintf("and %d more", l.more))
	}
}

func (l *ledger) closeGroups() {
	for i := range l.groups {
		g := &l.groups[i]
		g.used.accrue(l.plan, l.now)
		g.there.accrue(l.plan, l.now)
		held := int64(0)
		for _, s := range g.seats {
			l.settle(s)
			held += int64(s.used)
		}
		for _, it := range l.items {
			if it.seat != nil && it.seat.group == i {
				held -= int64(it.size)
			}
		}
		if held != 0 {
			l.breach("counts: group %q holds %v more than its customers take", l.plan.groups[i].name, engine.Milli(held))
		}
	}
}
