// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// Difference is by how much one measure differs between two variants.
type Difference struct {
	// Of is overall, class, queue or group, and Name which; empty for overall.
	Of   string `json:"of"`
	Name string `json:"name,omitempty"`
	// Measure is the stable name, such as "mean_wait", and Unit what it is in.
	Measure string `json:"measure"`
	Unit    Unit   `json:"unit"`
	// Baseline and Variant are the mean over the replications.
	Baseline float64 `json:"baseline"`
	Variant  float64 `json:"variant"`
	// Difference is the variant's less the baseline's, with the standard error
	// and the 95 % confidence interval of paired differences.
	Difference scenario.Estimate `json:"difference"`
	// Known says that the uncertainty is known. Without it nothing follows from
	// the difference.
	Known bool `json:"known"`
}

// Seen reports whether the confidence interval leaves out that there is no
// difference.
func (d *Difference) Seen() bool {
	return d.Known && math.Abs(d.Difference.Value) > d.Difference.HalfWidth
}

// Same reports whether there is no difference at all, in any replication.
func (d *Difference) Same() bool {
	return d.Difference.Value == 0 && d.Difference.StdError == 0 && d.Baseline == d.Variant
}

// differences compares everything that both have.
func differences(baseline, variant *scenario.Result, by Method) []Difference {
	before, after := replications(baseline), replications(variant)
	n := min(len(before), len(after))
	from, to := make([]map[scope]*reading, n), make([]map[scope]*reading, n)
	var scopes []scope
	for i := range n {
		scopes, from[i] = readings(&before[i])
		_, to[i] = readings(&after[i])
	}
	parts := map[string]scenario.Estimate{}
	if by == Batches {
		parts = batches(baseline.Series, variant.Series)
	}
	var found []Difference
	for _, s := range scopes {
		for _, name := range from[0][s].names {
			a, b := make([]float64, n), make([]float64, n)
			for i := range n {
				a[i], b[i] = from[i][s].values[name], to[i][s].values[name]
			}
			d := Difference{Of: s.of, Name: s.name, Measure: name, Unit: unitOf(name), Baseline: mean(a), Variant: mean(b)}
			d.Difference, d.Known = paired(a, b), n > 1
			if part, ok := parts[name]; ok && s.of == ofAll {
				d.Difference.StdError, d.Difference.HalfWidth, d.Known = part.StdError, part.HalfWidth, true
			}
			found = append(found, d)
		}
	}
	return found
}

// paired estimates the mean of the differences of pairs.
func paired(a, b []float64) scenario.Estimate {
	n := float64(len(a))
	off := make([]float64, len(a))
	for i := range a {
		// What is equal but for rounding is equal.
		if off[i] = b[i] - a[i]; math.Abs(off[i]) <= 1e-12*(math.Abs(a[i])+math.Abs(b[i])) {
			off[i] = 0
		}
	}
	e := scenario.Estimate{Value: mean(off)}
	if len(a) < 2 {
		return e
	}
	squares := 0.0
	for _, x := range off {
		squares += (x - e.Value) * (x - e.Value)
	}
	e.StdError = math.Sqrt(squares / (n - 1) / n)
	e.HalfWidth = e.StdError * scenario.Student(len(a)-1)
	return e
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// batchCount is how many parts of a single run are compared. They are so few
// that each is long, and neighbours hardly depend on each other.
const batchCount = 20

// batches estimates the uncertainty of differences from parts of a single run,
// for the measures that a series has. Of each it is that of a ratio of sums,
// linearised.
func batches(baseline, variant []scenario.Point) map[string]scenario.Estimate {
	n := min(batchCount, len(baseline), len(variant))
	if n < 2 {
		return nil
	}
	out := make(map[string]scenario.Estimate)
	for _, r := range ratios() {
		a, b := r.residuals(baseline, n), r.residuals(variant, n)
		squares := 0.0
		for i := range n {
			squares += (b[i] - a[i]) * (b[i] - a[i])
		}
		e := scenario.Estimate{StdError: math.Sqrt(squares / float64(n-1) / float64(n))}
		e.HalfWidth = e.StdError * scenario.Student(n-1)
		out[r.measure] = e
	}
	return out
}

// ratio is a measure as a ratio of what the points of a series add to it.
type ratio struct {
	measure string
	of      func(p *scenario.Point) (above, below float64)
}

func ratios() []ratio {
	// Those who still wait at the end are left out of waits; in the points they
	// are not told apart, and they are few.
	came := func(p *scenario.Point) float64 { return p.Offered - p.Blocked }
	return []ratio{
		{meanWait, func(p *scenario.Point) (float64, float64) { return p.Wait.Value * came(p), came(p) }},
		{serviceLevel, func(p *scenario.Point) (float64, float64) { return p.ServiceLevel.Value * p.Offered, p.Offered }},
		{abandonShare, func(p *scenario.Point) (float64, float64) { return p.Abandoned, p.Offered }},
		{blockShare, func(p *scenario.Point) (float64, float64) { return p.Blocked, p.Offered }},
		{queueLength, func(p *scenario.Point) (float64, float64) { return p.Backlog.Value, 1 }},
		{occupancy, func(p *scenario.Point) (float64, float64) {
			if p.Occupancy == nil || p.Present == nil {
				return 0, 0
			}
			return p.Occupancy.Value * p.Present.Value, p.Present.Value
		}},
	}
}

// residuals are by how much each batch is off the ratio of all.
func (r *ratio) residuals(points []scenario.Point, n int) []float64 {
	above, below := make([]float64, n), make([]float64, n)
	var a, b float64
	for i := range points {
		x, y := r.of(&points[i])
		part := i * n / len(points)
		above[part], below[part] = above[part]+x, below[part]+y
		a, b = a+x, b+y
	}
	off := make([]float64, n)
	if b == 0 {
		return off
	}
	for i := range off {
		off[i] = (above[i] - a/b*below[i]) / (b / float64(n))
	}
	return off
}
