// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// batches is how many parts of a single run standard errors are taken from.
const batches = 20

// sampled is what is kept of one replication.
type sampled struct {
	factor, measured    float64
	overall             sample
	classes, queues     []sample
	staff               staffSample
	groups              []staffSample
	periods, points     []pointSample
	queuePoints         [][]sample
	period              float64 // seconds
	events, refused     uint64
	fingerprint, digest uint64
	broken              []string
	strategy            string
}

// pointSample is a part of the time, of all customers and agents.
type pointSample struct {
	sample
	staff load
}

// sampler works a ledger out.
type sampler struct {
	*ledger
	// byPoint is where the records of each point begin; they are in its order.
	byPoint []int
	waits   []engine.Time // reused
}

func (p *player) sampled() *sampled {
	l := p.ledger
	s := &sampler{ledger: l}
	s.prepare()
	out := &sampled{
		factor: p.plan.factor, measured: float64(p.plan.to-p.plan.from) / 1000, period: float64(p.plan.step*pointsPerPeriod) / 1000,
		events: l.events, refused: l.refused, fingerprint: l.fingerprint, digest: l.outcome, broken: l.broken,
	}
	points := p.plan.points()
	every := func(int) bool { return true }
	out.overall = s.sample(every, 0, points, true)
	for i := range l.states {
		out.classes = append(out.classes, s.sample(func(class int) bool { return class == i }, 0, points, true))
	}
	for i := range p.plan.queues {
		in := func(class int) bool { return p.plan.classes[class].queue == i }
		out.queues = append(out.queues, s.sample(in, 0, points, true))
		out.queuePoints = append(out.queuePoints, nil)
		for at := range points {
			out.queuePoints[i] = append(out.queuePoints[i], s.sample(in, at, at+1, false))
		}
	}
	for at := range points {
		out.points = append(out.points, pointSample{sample: s.sample(every, at, at+1, false), staff: s.load(-1, at, at+1)})
	}
	for at := 0; at < points; at += pointsPerPeriod {
		to := min(at+pointsPerPeriod, points)
		out.periods = append(out.periods, pointSample{sample: s.sample(every, at, to, false), staff: s.load(-1, at, to)})
	}
	out.staff = s.staff(-1)
	for i := range l.groups {
		out.groups = append(out.groups, s.staff(i))
	}
	return out
}

// prepare completes the tallies, and puts the records in the order of points.
func (s *sampler) prepare() {
	points := s.plan.points()
	for i := range s.states {
		c := &s.states[i]
		for at := range points {
			c.points[at].queued, c.points[at].span = c.waiting.points[at], s.spanOf(at)
		}
	}
	counts := make([]int, points+1)
	for i := range s.records {
		counts[s.records[i].point+1]++
	}
	for at := range points {
		counts[at+1] += counts[at]
	}
	s.byPoint = slices.Clone(counts)
	ordered := make([]record, len(s.records))
	for _, r := range s.records {
		ordered[counts[r.point]] = r
		counts[r.point]++
	}
	s.records = ordered
}

// spanOf is how long a point of the series takes; the last may be shorter.
func (s *sampler) spanOf(at int) float64 {
	from := s.plan.from + s.plan.step*engine.Time(at)
	return float64(min(from+s.plan.step, s.plan.to) - from)
}

// sample works out a part of the customers in a part of the time.
func (s *sampler) sample(of func(class int) bool, from, to int, parts bool) sample {
	out := sample{tally: s.tally(of, from, to)}
	s.waits = s.waits[:0]
	records := s.records[s.byPoint[from]:s.byPoint[to]]
	for i := range records {
		if records[i].answered && of(int(records[i].class)) {
			s.waits = append(s.waits, records[i].wait)
		}
	}
	out.taken = quantilesOf(s.waits)
	for i := range records {
		if !records[i].answered && of(int(records[i].class)) {
			s.waits = append(s.waits, records[i].wait)
		}
	}
	out.all = quantilesOf(s.waits)
	if parts && s.plan.replications() == 1 && s.plan.steady() {
		for i := range min(batches, to-from) {
			at := func(i int) int { return from + (to-from)*i/min(batches, to-from) }
			out.parts = append(out.parts, s.tally(of, at(i), at(i+1)))
		}
	}
	return out
}

func (s *sampler) tally(of func(class int) bool, from, to int) (out tally) {
	span := 0.0
	for i := range s.states {
		if !of(i) {
			continue
		}
		span = 0
		for at := from; at < to; at++ {
			out.add(&s.states[i].points[at])
			span += s.states[i].points[at].span
		}
	}
	out.span = span // the classes were there at the same time
	return out
}

// load works out how busy a group was in a part of the time, -1 for all.
func (s *sampler) load(group, from, to int) (out load) {
	for i := range s.groups {
		if group >= 0 && group != i {
			continue
		}
		g := &s.groups[i]
		for at := from; at < to; at++ {
			out.used += g.used.points[at]
			out.there += g.there.points[at]
			out.agents += g.there.points[at] / float64(s.plan.groups[i].capacity)
		}
	}
	for at := from; at < to; at++ {
		out.span += s.spanOf(at)
	}
	return out
}

func (s *sampler) staff(group int) staffSample {
	points := s.plan.points()
	out := staffSample{load: s.load(group, 0, points)}
	var shares []float64
	for i := range s.groups {
		if group >= 0 && group != i {
			continue
		}
		out.seats += len(s.groups[i].seats)
		for _, seat := range s.groups[i].seats {
			if seat.present > 0 {
				shares = append(shares, seat.busy/(seat.present*float64(s.plan.groups[i].capacity)))
			}
		}
	}
	out.fairness = jain(shares)
	if s.plan.replications() == 1 && s.plan.steady() {
		n := min(batches, points)
		for i := range n {
			out.parts = append(out.parts, s.load(group, points*i/n, points*(i+1)/n))
		}
	}
	return out
}

// jain is Jain's fairness index: 1 if all are alike, 1/n if one has everything.
func jain(x []float64) float64 {
	var sum, squares float64
	for _, v := range x {
		sum += v
		squares += v * v
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(x)) * squares)
}
