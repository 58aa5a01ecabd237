// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import "github.com/patchbay-cx/patchbay/core/engine"

// gauge is a number that changes over time, with its time integral: of the whole
// run, and of each point of the series.
type gauge struct {
	value  int64
	since  engine.Time
	total  int64
	points []float64
}

func newGauge(p *plan) gauge { return gauge{since: begin, points: make([]float64, p.points())} }

// change changes the number by so much at that time.
func (g *gauge) change(p *plan, now engine.Time, by int64) {
	g.accrue(p, now)
	g.value += by
}

// accrue lets time pass.
func (g *gauge) accrue(p *plan, now engine.Time) {
	g.total += g.value * int64(now-g.since)
	from := max(g.since, p.from)
	g.since = now
	if g.value == 0 {
		return
	}
	for from < now {
		i := p.point(from)
		until := now
		if i+1 < len(g.points) {
			until = min(now, p.from+p.step*engine.Time(i+1))
		}
		g.points[i] += float64(g.value) * float64(until-from)
		from = until
	}
}
