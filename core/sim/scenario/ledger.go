// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"math"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// ledger keeps the run's books from the events alone, apart from the engine's
// own counters, so that each can be held against the other.
type ledger struct {
	plan   *plan
	now    engine.Time
	seats  map[string]*seat
	items  map[engine.WorkID]*item
	states []classState
	loads  []groupState
	// waiting counts all who wait, so that checks can be left out if nobody
	// does.
	waiting     int
	events      uint64
	fingerprint uint64
	refused     uint64
	broken      []string
	more        int
}

// seat is one agent.
type seat struct {
	group int
	used  engine.Milli
	hash  uint64
}

// item is one customer who is there.
type item struct {
	class    int
	number   uint64
	arrived  engine.Time
	accepted engine.Time // 0 while waiting
	seat     *seat
}

// classState is what is known of a class.
type classState struct {
	waiting, open, came int64
	// Time integrals of how many wait and are open, and the sums of the same
	// times customer by customer: Little's law says that they are equal.
	waitingTime, openTime, waits, handles int64
	counted                               tally
}

// groupState is what is known of a group.
type groupState struct {
	used float64 // milli-units held by all
	// free counts the agents by how much they have free.
	free map[engine.Milli]int
	// busy is the time integral of used; marks holds it at the beginning of
	// each batch, and at the end of the last.
	busy  float64
	marks []float64
}

// maxBroken is how many breaches are described.
const maxBroken = 20

func newLedger(p *plan, acceptable engine.Time) *ledger {
	l := &ledger{
		plan: p, now: begin, seats: make(map[string]*seat), items: make(map[engine.WorkID]*item),
		states: make([]classState, len(p.classes)), loads: make([]groupState, len(p.groups)),
	}
	for i := range l.states {
		l.states[i].counted.acceptable, l.states[i].counted.steady = acceptable, p.steady()
	}
	for i := range p.groups {
		g := &p.groups[i]
		l.loads[i].free = map[engine.Milli]int{g.capacity: g.Agents}
		for n := range g.Agents {
			l.seats[g.agent(n)] = &seat{group: i, hash: mix(uint64(i)<<32 | uint64(n))}
		}
	}
	return l
}

func (l *ledger) breach(format string, args ...any) {
	if len(l.broken) == maxBroken {
		l.more++
		return
	}
	l.broken = append(l.broken, fmt.Sprintf(format, args...))
}

// advance lets time pass. What was so at the end of the instant that is over
// was so until now.
func (l *ledger) advance(to engine.Time) {
	span := int64(to - l.now)
	if span <= 0 {
		return
	}
	if l.waiting > 0 {
		l.idleBeside()
	}
	for i := range l.states {
		s := &l.states[i]
		s.waitingTime += s.waiting * span
		s.openTime += s.open * span
	}
	for i := range l.loads {
		l.loads[i].busy += l.loads[i].used * float64(span)
	}
	l.now = to
}

// idleBeside checks that nobody waits whom somebody could take.
func (l *ledger) idleBeside() {
	for i := range l.states {
		if l.states[i].waiting == 0 {
			continue
		}
		c := &l.plan.classes[i]
		for _, g := range c.groups {
			for free, agents := range l.loads[g].free {
				if free >= c.size && agents > 0 {
					l.breach("idle_beside_waiting: at %d, %d of class %q wait while %d agents of group %q have %v free",
						l.now, l.states[i].waiting, c.name, agents, l.plan.groups[g].name, free)
				}
			}
		}
	}
}

// mark notes where a batch begins or ends.
func (l *ledger) mark() {
	for i := range l.loads {
		l.loads[i].marks = append(l.loads[i].marks, l.loads[i].busy)
	}
}

// arrived books a customer whose work was created just now.
func (l *ledger) arrived(id engine.WorkID, class int, number uint64) *item {
	it := &item{class: class, number: number, arrived: l.now}
	l.items[id] = it
	s := &l.states[class]
	s.came++
	s.waiting++
	l.waiting++
	if l.counts(it) {
		s.counted.offer(l.batch(it))
	}
	return it
}

// counts reports whether the customer came after the warm-up.
func (l *ledger) counts(it *item) bool { return it.arrived > l.plan.from || l.plan.from == begin }

// batch is the part of the run in which the customer came.
func (l *ledger) batch(it *item) int {
	share := float64(it.arrived-l.plan.from) / float64(l.plan.to-l.plan.from)
	return min(int(share*batches), batches-1)
}

// accepted books that an agent took the customer.
func (l *ledger) accepted(ev *engine.Event) *item {
	it, s := l.items[ev.Work], l.seats[ev.Agent]
	if it == nil || s == nil || it.accepted != 0 {
		l.breach("unknown: %v is accepted by %q, but is not there or not waiting", ev.Work, ev.Agent)
		return nil
	}
	it.accepted, it.seat = ev.At, s
	l.leaveQueue(it, ev.At)
	l.states[it.class].open++
	l.hold(s, l.plan.classes[it.class].size)
	if l.counts(it) {
		l.states[it.class].counted.answer(l.batch(it), ev.At-it.arrived)
	}
	return it
}

func (l *ledger) leaveQueue(it *item, at engine.Time) {
	s := &l.states[it.class]
	s.waiting--
	l.waiting--
	s.waits += int64(at - it.arrived)
}

func (l *ledger) completed(ev *engine.Event) {
	it := l.items[ev.Work]
	if it == nil || it.seat == nil || l.seats[ev.Agent] != it.seat {
		l.breach("unknown: %v is completed by %q, who does not hold it", ev.Work, ev.Agent)
		return
	}
	delete(l.items, ev.Work)
	s := &l.states[it.class]
	s.open--
	s.handles += int64(ev.At - it.accepted)
	l.hold(it.seat, -l.plan.classes[it.class].size)
	if l.counts(it) {
		s.counted.served++
	}
}

func (l *ledger) abandoned(ev *engine.Event) {
	it := l.items[ev.Work]
	if it == nil || it.accepted != 0 {
		l.breach("unknown: %v is abandoned, but is not there or not waiting", ev.Work)
		return
	}
	delete(l.items, ev.Work)
	l.leaveQueue(it, ev.At)
	if l.counts(it) {
		l.states[it.class].counted.abandon(l.batch(it), ev.At-it.arrived)
	}
}

// hold changes what an agent holds.
func (l *ledger) hold(s *seat, size engine.Milli) {
	g, capacity := &l.loads[s.group], l.plan.groups[s.group].capacity
	g.free[capacity-s.used]--
	s.used += size
	g.free[capacity-s.used]++
	g.used += float64(size)
	if s.used < 0 || s.used > capacity {
		l.breach("over_capacity: an agent of group %q holds %v of %v", l.plan.groups[s.group].name, s.used, capacity)
	}
}

// record folds an event into the fingerprint.
func (l *ledger) record(ev *engine.Event) {
	l.events++
	h := l.fingerprint
	for _, x := range [...]uint64{
		ev.Number, uint64(ev.At), uint64(ev.Kind)<<32 | uint64(ev.Verdict), uint64(ev.Work), uint64(ev.Assignment),
	} {
		h = mix(h ^ x)
	}
	if s := l.seats[ev.Agent]; s != nil {
		h = mix(h ^ s.hash)
	}
	l.fingerprint = h
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
		if l.counts(it) {
			s.counted.leave(it.accepted == 0)
		}
	}
	for i := range l.states {
		s, name := &l.states[i], l.plan.classes[i].name
		if s.waiting != left[i].waiting || s.open != left[i].open {
			l.breach("counts: of class %q %d wait and %d are open by the events, %d and %d by the customers",
				name, s.waiting, s.open, left[i].waiting, left[i].open)
		}
		if s.waitingTime != s.waits || s.openTime != s.handles {
			l.breach("littles_law: class %q: %d ms waited by the count and %d by the customers, %d ms open and %d",
				name, s.waitingTime, s.waits, s.openTime, s.handles)
		}
		if t := &s.counted; t.offered != t.served+t.abandoned+t.waiting+t.open {
			l.breach("conservation: class %q: offered %d = served %d + abandoned %d + waiting %d + open %d does not hold",
				name, t.offered, t.served, t.abandoned, t.waiting, t.open)
		}
	}
	for i := range l.loads {
		if math.Abs(l.loads[i].used) > 0.5 && len(l.items) == 0 {
			l.breach("counts: group %q holds %g with nobody there", l.plan.groups[i].name, l.loads[i].used)
		}
	}
	if l.more > 0 {
		l.broken = append(l.broken, fmt.Sprintf("and %d more", l.more))
	}
}
