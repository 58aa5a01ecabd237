// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// ledger keeps a run's books from the events alone, apart from the engine's own
// counters, so that each can be held against the other.
type ledger struct {
	plan   *plan
	now    engine.Time
	seats  map[string]*seat
	items  map[engine.WorkID]*item
	states []classState
	groups []groupState
	kinds  []*kind
	// kindOf finds kinds by class and present needs.
	kindOf map[string]*kind
	// waiting counts all who wait, so that checks can be left out if nobody
	// does.
	waiting     int
	events      uint64
	fingerprint uint64
	// outcome is as fingerprint, but does not know which agent of a group.
	outcome uint64
	refused uint64
	broken  []string
	more    int
	records []record
}

// kind is customers whom the same agents can take: those of one class who
// require the same now.
type kind struct {
	class   int
	waiting int
	// groups can take them, each with how much one takes of an agent.
	groups []int
	takes  []engine.Milli
}

// item is one customer who is there.
type item struct {
	class    int
	number   uint64
	try      int
	arrived  engine.Time
	accepted engine.Time // 0 while waiting
	seat     *seat
	size     engine.Milli
	kind     *kind
}

// classState is what is known of a class.
type classState struct {
	waiting, open gauge
	// The sums of the same times customer by customer: Little's law says that
	// they are equal to the gauges' totals.
	waits, handles int64
	points         []tally
}

// record is a wait that ended, of a customer who counts, at the point of the
// series at which the customer came.
type record struct {
	wait     engine.Time
	point    int32
	class    int16
	answered bool
}

// maxBroken is how many breaches are described.
const maxBroken = 20

func newLedger(p *plan) *ledger {
	l := &ledger{
		plan: p, now: begin, seats: make(map[string]*seat), items: make(map[engine.WorkID]*item),
		states: make([]classState, len(p.classes)), groups: make([]groupState, len(p.groups)), kindOf: make(map[string]*kind),
	}
	for i := range l.states {
		l.states[i] = classState{waiting: newGauge(p), open: newGauge(p), points: make([]tally, p.points())}
	}
	for i := range p.groups {
		l.groups[i] = groupState{free: make(map[engine.Milli]int), used: newGauge(p), there: newGauge(p)}
		for n := range p.groups[i].roster.seats {
			s := &seat{id: p.label(p.groups[i].name, n), group: i, number: n, since: begin, hash: mix(uint64(i)<<32 | uint64(n))}
			l.seats[s.id] = s
			l.groups[i].seats = append(l.groups[i].seats, s)
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
	if to <= l.now {
		return
	}
	if l.waiting > 0 && l.plan.zeroAnswers() {
		l.idleBeside()
	}
	l.now = to
}

// idleBeside checks that nobody waits whom somebody could take.
func (l *ledger) idleBeside() {
	for _, k := range l.kinds {
		if k.waiting == 0 {
			continue
		}
		for i, g := range k.groups {
			for free, agents := range l.groups[g].free {
				if free >= k.takes[i] && agents > 0 {
					l.breach("idle_beside_waiting: at %d, %d of class %q wait while %d agents of group %q have %v free",
						l.now, k.waiting, l.plan.classes[k.class].name, agents, l.plan.groups[g].name, free)
				}
			}
		}
	}
}

// kind finds the kind of a class's customers who require that now.
func (l *ledger) kind(number int, needs []engine.Need) *kind {
	var key strings.Builder
	fmt.Fprint(&key, number)
	for i := range needs {
		if n := &needs[i]; !n.Dropped {
			fmt.Fprintf(&key, "\x00%s\x00%d", n.Skill, n.Now)
		}
	}
	if k := l.kindOf[key.String()]; k != nil {
		return k
	}
	k, c := &kind{class: number}, &l.plan.classes[number]
	for i := range l.plan.groups {
		if g := &l.plan.groups[i]; g.able(c, needs, l.plan.RouteBy == routeBySkills, l.plan.queues[c.queue]) {
			k.groups, k.takes = append(k.groups, i), append(k.takes, c.Size.of(g.capacity))
		}
	}
	l.kinds = append(l.kinds, k)
	l.kindOf[key.String()] = k
	return k
}

// able reports whether an agent of the group who has nothing else may be offered
// work of the class that requires that now.
func (g *group) able(c *class, needs []engine.Need, bySkills bool, queue string) bool {
	needy := false
	for i := range needs {
		n := &needs[i]
		if n.Dropped {
			continue
		}
		needy = true
		if held, ok := g.Skills[n.Skill]; !ok || held.engine() < n.Now {
			return false
		}
	}
	return g.takes(c.channel()) && (slices.Contains(g.Queues, queue) || bySkills && needy)
}

// created books a customer whose work was created just now.
func (l *ledger) created(ev *engine.Event, class int, number uint64, try int) *item {
	it := &item{class: class, number: number, try: try, arrived: ev.At, kind: l.kindNow(class, ev)}
	l.items[ev.Work] = it
	l.states[class].waiting.change(l.plan, ev.At, 1)
	it.kind.waiting++
	l.waiting++
	if t := l.cell(it.class, it.arrived); t != nil {
		t.offer(try)
	}
	return it
}

func (l *ledger) kindNow(class int, ev *engine.Event) *kind {
	if len(ev.Placed.Needs) == 0 {
		return l.kind(class, nil)
	}
	return l.kind(class, ev.Placed.Needs)
}

// blocked books a customer whom the host refused.
func (l *ledger) blocked(class, try int) {
	if t := l.cell(class, l.now); t != nil {
		t.offer(try)
		t.blocked++
	}
}

// placed books that a customer requires something else from now on.
func (l *ledger) placed(ev *engine.Event) {
	it := l.items[ev.Work]
	if it == nil || it.accepted != 0 {
		l.breach("unknown: %v changes what it requires, but is not there or not waiting", ev.Work)
		return
	}
	it.kind.waiting--
	it.kind = l.kindNow(it.class, ev)
	it.kind.waiting++
}

// cell is where a customer who came at that time is counted; nil if that was in
// the warm-up.
func (l *ledger) cell(class int, arrived engine.Time) *tally {
	if arrived <= l.plan.from && l.plan.from != begin {
		return nil
	}
	return &l.states[class].points[l.plan.point(arrived)]
}

// accepted books that an agent took the customer.
func (l *ledger) accepted(ev *engine.Event) *item {
	it, s := l.items[ev.Work], l.seats[ev.Agent]
	if it == nil || s == nil || it.accepted != 0 || it.seat != s {
		l.breach("unknown: %v is accepted by %q, but is not there, not waiting or not offered", ev.Work, ev.Agent)
		return nil
	}
	it.accepted = ev.At
	l.leaveQueue(it, ev.At)
	l.states[it.class].open.change(l.plan, ev.At, 1)
	if t := l.cell(it.class, it.arrived); t != nil {
		t.answer(ev.At-it.arrived, l.acceptable())
		l.note(it, ev.At, true)
	}
	return it
}

func (l *ledger) acceptable() engine.Time { return l.plan.AcceptableWait.engine() }

func (l *ledger) note(it *item, at engine.Time, answered bool) {
	l.records = append(l.records, record{
		wait: at - it.arrived, point: int32(l.plan.point(it.arrived)), class: int16(it.class), answered: answered,
	})
}

func (l *ledger) leaveQueue(it *item, at engine.Time) {
	s := &l.states[it.class]
	s.waiting.change(l.plan, at, -1)
	it.kind.waiting--
	l.waiting--
	s.waits += int64(at - it.arrived)
}

// completed books that a customer was served.
func (l *ledger) completed(ev *engine.Event) {
	it := l.items[ev.Work]
	if it == nil || it.accepted == 0 || l.seats[ev.Agent] != it.seat {
		l.breach("unknown: %v is completed by %q, who does not hold it", ev.Work, ev.Agent)
		return
	}
	delete(l.items, ev.Work)
	s := &l.states[it.class]
	s.open.change(l.plan, ev.At, -1)
	s.handles += int64(ev.At - it.accepted)
	l.hold(it.seat, -it.size)
	if t := l.cell(it.class, it.arrived); t != nil {
		t.served++
		t.handles += float64(ev.At - it.accepted)
	}
}

// abandoned books that a customer left.
func (l *ledger) abandoned(ev *engine.Event) {
	it := l.items[ev.Work]
	if it == nil || it.accepted != 0 {
		l.breach("unknown: %v is abandoned, but is not there or not waiting", ev.Work)
		return
	}
	delete(l.items, ev.Work)
	l.leaveQueue(it, ev.At)
	if t := l.cell(it.class, it.arrived); t != nil {
		t.abandon(ev.At-it.arrived, l.acceptable())
		l.note(it, ev.At, false)
	}
}

// fold folds an event into the fingerprints.
func (l *ledger) fold(ev *engine.Event) {
	l.events++
	h := l.fingerprint
	for _, x := range [...]uint64{
		ev.Number, uint64(ev.At), uint64(ev.Kind)<<32 | uint64(ev.Verdict), uint64(ev.Work), uint64(ev.Assignment),
	} {
		h = mix(h ^ x)
	}
	s := l.seats[ev.Agent]
	if s != nil {
		h = mix(h ^ s.hash)
	}
	l.fingerprint = h
	if ev.Work == 0 {
		return
	}
	group := uint64(0)
	if s != nil {
		group = uint64(s.group) + 1
	}
	l.outcome = mix(mix(l.outcome^uint64(ev.At)) ^ uint64(ev.Kind)<<56 ^ uint64(ev.Work)<<20 ^ group)
}
