// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// purpose tells apart what is drawn for one item, so that a draw more for one
// purpose changes nothing for another.
type purpose uint64

const (
	forArrival purpose = 1 + iota
	forService
	forPatience
	forRetrial
	forDelay
	forDay
	forAnswer

	purposes = 16
)

// source is where one class's randomness comes from. It is not safe for
// concurrent use.
type source struct {
	key  uint64
	pcg  *rand.PCG
	rand *rand.Rand
}

func newSource(seed uint64, class string) source {
	h := fnv.New64a()
	_, _ = h.Write([]byte(class)) // a hash takes everything
	pcg := rand.NewPCG(0, 0)
	return source{key: mix(mix(seed) ^ h.Sum64()), pcg: pcg, rand: rand.New(pcg)}
}

// draw returns the randomness of one item for one purpose; for patience and
// retrials, at one of its tries, from 0. It is good until the next draw.
func (s *source) draw(item uint64, p purpose, try int) *rand.Rand {
	key := mix(s.key + item*purposes + uint64(p))
	if try > 0 {
		key = mix(key + uint64(try))
	}
	s.pcg.Seed(key, mix(key))
	return s.rand
}

// mix spreads neighbouring numbers far apart (the finalizer of splitmix64 by
// Steele, Lea and Flood).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// replicationSeed is the seed of a replication; the first has the scenario's.
func replicationSeed(seed uint64, replication int) uint64 {
	if replication == 0 {
		return seed
	}
	return mix(mix(seed) + uint64(replication))
}

// factor draws the day factor of a replication.
func (d *DayFactor) factor(seed uint64) float64 {
	if d == nil || d.CV == 0 {
		return 1
	}
	s, shape := newSource(seed, ""), 1/(d.CV*d.CV)
	return gamma(s.draw(0, forDay, 0), shape) / shape
}

// law is a distribution made ready to be drawn from.
type law struct {
	shape string
	// mean is in milliseconds.
	mean, cv float64
	// mu and sigma are a lognormal's.
	mu, sigma float64
	// values are in milliseconds, upto their weights summed up.
	values, upto []float64
}

func (d *Distribution) law() *law {
	l := &law{shape: d.shape(), mean: d.Mean.Milliseconds(), cv: d.CV}
	variance := math.Log1p(d.CV * d.CV)
	l.mu, l.sigma = -variance/2, math.Sqrt(variance)
	sum := 0.0
	for i, v := range d.Values {
		weight := 1.0
		if len(d.Weights) > 0 {
			weight = d.Weights[i]
		}
		if weight == 0 {
			continue
		}
		sum += weight
		l.values, l.upto = append(l.values, v.Milliseconds()), append(l.upto, sum)
	}
	return l
}

// draw returns a length of time in milliseconds.
func (l *law) draw(r *rand.Rand) float64 {
	switch l.shape {
	case Deterministic:
		return l.mean
	case Lognormal:
		return l.mean * math.Exp(l.sigma*r.NormFloat64()+l.mu)
	case Gamma:
		shape := 1 / (l.cv * l.cv)
		return l.mean * gamma(r, shape) / shape
	case Empirical:
		x := r.Float64() * l.upto[len(l.upto)-1]
		return l.values[sort.Search(len(l.upto)-1, func(i int) bool { return x < l.upto[i] })]
	default:
		return l.mean * r.ExpFloat64()
	}
}

// sample draws a length of time, divided by speed, in whole milliseconds.
func (l *law) sample(r *rand.Rand, speed float64) engine.Time {
	// Nothing lasts longer than a thousand times the longest mean.
	return engine.Time(math.Round(min(l.draw(r)/speed, 1000*maxSpan.Milliseconds())))
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
