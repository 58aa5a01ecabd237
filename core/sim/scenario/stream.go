// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// stream is when the customers of one class come: a Poisson process, which takes
// exponential steps of expected customers and looks them up in the rate's
// integral, or what was recorded.
type stream struct {
	source source
	start  engine.Time
	times  []Span // nil if they are drawn
	pieces []piece
	// length and mass are of one round through the pieces.
	length, mass float64
	// passed is how many customers were expected until the last one came.
	passed float64
	item   uint64
}

// piece is a period in milliseconds, and a rate per millisecond.
type piece struct{ length, rate float64 }

// never is later than any run ends.
const never = engine.Time(1 << 53)

// newStream multiplies rates by the factor.
func newStream(s source, start engine.Time, a *Arrivals, factor float64) *stream {
	st := &stream{source: s, start: start}
	if len(a.Times) > 0 {
		st.times = a.Times
		return st
	}
	if len(a.Periods) == 0 {
		st.pieces = []piece{{length: 3_600_000, rate: factor * float64(a.Rate) / 1000}}
	}
	for _, p := range a.Periods {
		st.pieces = append(st.pieces, piece{length: p.Length.Milliseconds(), rate: factor * float64(p.Rate) / 1000})
	}
	for _, p := range st.pieces {
		st.length += p.length
		st.mass += p.length * p.rate
	}
	return st
}

// next returns the number, from 1, of the next customer and when it comes.
func (s *stream) next() (item uint64, at engine.Time) {
	s.item++
	if s.times != nil {
		if s.item > uint64(len(s.times)) {
			return s.item, never
		}
		return s.item, s.start + s.times[s.item-1].engine()
	}
	s.passed += s.source.draw(s.item, forArrival, 0).ExpFloat64()
	rounds := math.Floor(s.passed / s.mass)
	rest, since := s.passed-rounds*s.mass, rounds*s.length
	for _, p := range s.pieces {
		if mass := p.length * p.rate; rest >= mass {
			rest -= mass
			since += p.length
			continue
		}
		since += rest / p.rate
		break
	}
	// A process that has all but stopped comes to its next customer never.
	return s.item, s.start + engine.Time(min(since, 1000*maxSpan.Milliseconds()))
}
