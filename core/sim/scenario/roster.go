// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import "github.com/patchbay-cx/patchbay/core/engine"

// presence is what an agent's roster says of a moment.
type presence uint8

const (
	away presence = iota
	resting
	working
)

// roster is when the agents of a group are there. Moments are in milliseconds
// since the beginning of the run.
type roster struct {
	seats int
	// counts are how many are there in each period of a cycle; nil if that
	// does not matter.
	counts []staffed
	cycle  engine.Time
	// shifts has the shift of each seat, if there are shifts.
	shifts []Shift
	breaks []Break
}

type staffed struct {
	from   engine.Time
	agents int
}

func newRoster(g *Group) *roster {
	r := &roster{seats: g.seats(), breaks: g.Breaks}
	for _, p := range g.Periods {
		r.counts = append(r.counts, staffed{from: r.cycle, agents: p.Agents})
		r.cycle += p.Length.engine()
	}
	for _, s := range g.Shifts {
		for range s.Agents {
			r.shifts = append(r.shifts, s)
		}
	}
	return r
}

// steady reports whether everybody is always there.
func (r *roster) steady() bool { return r.counts == nil && r.shifts == nil && len(r.breaks) == 0 }

// at returns what the roster says of a seat at a moment.
func (r *roster) at(seat int, now engine.Time) presence {
	if !r.there(seat, now) {
		return away
	}
	for i := range r.breaks {
		if since(now, r.breakFrom(i, seat), day.engine()) < r.breaks[i].Length.engine() {
			return resting
		}
	}
	return working
}

func (r *roster) there(seat int, now engine.Time) bool {
	if r.shifts != nil {
		s := r.shifts[seat]
		return since(now, s.Start.engine(), day.engine()) < (s.End - s.Start).engine()
	}
	if r.counts == nil {
		return true
	}
	agents, in := 0, now%r.cycle
	for _, c := range r.counts {
		if c.from <= in {
			agents = c.agents
		}
	}
	return seat < agents
}

// breakFrom returns when in its day the seat's break begins.
func (r *roster) breakFrom(i, seat int) engine.Time {
	b := &r.breaks[i]
	return b.Start.engine() + engine.Time(int64(b.Spread.engine())*int64(seat)/int64(r.seats))
}

// next returns when something may change for a seat; never if nothing will.
func (r *roster) next(seat int, now engine.Time) engine.Time {
	next := never
	edge := func(offset, cycle engine.Time) {
		at := now - since(now, offset, cycle) + cycle
		next = min(next, at)
	}
	for _, c := range r.counts {
		edge(c.from, r.cycle)
	}
	if r.shifts != nil {
		edge(r.shifts[seat].Start.engine(), day.engine())
		edge(r.shifts[seat].End.engine(), day.engine())
	}
	for i := range r.breaks {
		from := r.breakFrom(i, seat)
		edge(from, day.engine())
		edge(from+r.breaks[i].Length.engine(), day.engine())
	}
	return next
}

// since returns how long ago the offset last came round in the cycle.
func since(now, offset, cycle engine.Time) engine.Time {
	return ((now-offset)%cycle + cycle) % cycle
}
