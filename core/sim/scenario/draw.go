// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// purpose tells apart what is drawn for one item, so that a draw more for one
// purpose changes nothing for another.
type purpose uint64

const (
	forArrival purpose = 1 + iota
	forService
	forPatience
)

// source is where one class's randomness comes from.
type source uint64

func newSource(seed uint64, class string) source {
	h := fnv.New64a()
	_, _ = h.Write([]byte(class)) // a hash takes everything
	return source(mix(mix(seed) ^ h.Sum64()))
}

// draw returns the randomness of one item for one purpose.
func (s source) draw(item uint64, p purpose) *rand.Rand {
	key := mix(uint64(s) + item*4 + uint64(p))
	return rand.New(rand.NewPCG(key, mix(key)))
}

// mix spreads neighbouring numbers far apart (the finalizer of splitmix64 by
// Steele, Lea and Flood).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sample draws a length of time, divided by speed, in whole milliseconds.
func (d *Distribution) sample(r *rand.Rand, speed float64) engine.Time {
	var x float64
	switch d.Shape {
	case Deterministic:
		x = 1
	case Lognormal:
		variance := math.Log1p(d.CV * d.CV)
		x = math.Exp(math.Sqrt(variance)*r.NormFloat64() - variance/2)
	case Gamma:
		shape := 1 / (d.CV * d.CV)
		x = gamma(r, shape) / shape
	default:
		x = r.ExpFloat64()
	}
	// Nothing lasts longer than a thousand times the longest mean.
	return engine.Time(math.Round(min(x*d.Mean.Milliseconds()/speed, 1000*maxSpan.Milliseconds())))
}

// gamma draws from a gamma distribution with scale 1 (Marsaglia and Tsang,
// "A simple method for generating gamma variables", 2000).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(1-r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// stream is when the customers of one class come. It is a Poisson process:
// exponential steps of expected customers, looked up in the rate's integral.
type stream struct {
	source source
	start  engine.Time
	pieces []piece
	// length and mass are of one round through the pieces.
	length, mass float64
	// passed is how many customers were expected until the last one came.
	passed float64
	item   uint64
}

// piece is a period in milliseconds, and a rate per millisecond.
type piece struct{ length, rate float64 }

func newStream(s source, start engine.Time, a *Arrivals) *stream {
	st := &stream{source: s, start: start}
	if len(a.Periods) == 0 {
		st.pieces = []piece{{length: 3_600_000, rate: float64(a.Rate) / 1000}}
	}
	for _, p := range a.Periods {
		st.pieces = append(st.pieces, piece{length: p.Length.Milliseconds(), rate: float64(p.Rate) / 1000})
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
	s.passed += s.source.draw(s.item, forArrival).ExpFloat64()
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
