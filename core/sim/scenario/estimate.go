// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import "math"

// Estimate is a figure with the uncertainty that chance leaves it with. It is 0
// where there was nothing to measure.
type Estimate struct {
	Value float64 `json:"value"`
	// StdError is its standard error: from how replications differ, or, where
	// there is one only and nothing varies over it, from twenty batches of it. It
	// is 0 for not known: one day whose rates vary does not tell how days
	// differ.
	StdError float64 `json:"std_error,omitempty"`
	// HalfWidth is half of the 95 % confidence interval around the value, by
	// Student's t; 0 for not known.
	HalfWidth float64 `json:"half_width,omitempty"`
}

// Bounds returns the ends of the 95 % confidence interval, and whether they are
// known.
func (e Estimate) Bounds() (low, high float64, known bool) {
	return e.Value - e.HalfWidth, e.Value + e.HalfWidth, e.HalfWidth > 0
}

// ratio estimates the ratio of two sums from what each of several replications
// or batches adds to them; fewer than two leave the uncertainty unknown. The
// standard error is the usual one of a ratio estimator.
func ratio(above, below []float64) Estimate {
	var a, b float64
	for i := range above {
		a += above[i]
		b += below[i]
	}
	if b == 0 {
		return Estimate{}
	}
	e := Estimate{Value: a / b}
	n := float64(len(above))
	if n < 2 {
		return e
	}
	var off float64
	for i := range above {
		d := above[i] - e.Value*below[i]
		off += d * d
	}
	e.StdError = math.Sqrt(off*n/(n-1)) / b
	e.HalfWidth = e.StdError * Student(len(above)-1)
	return e
}

// average estimates a mean from several replications.
func average(values []float64) Estimate {
	ones := make([]float64, len(values))
	for i := range ones {
		ones[i] = 1
	}
	return ratio(values, ones)
}

// Student returns by how many standard errors the 95 % confidence interval of a
// mean reaches to either side with so many degrees of freedom, 1 or more: the
// 97.5 % point of Student's t.
func Student(freedom int) float64 {
	low, high := 0.0, 13.0 // one degree has 12.7
	for range 60 {
		if middle := (low + high) / 2; within(middle, freedom) < 0.95 {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// within is the probability that Student's t is between -t and t (Abramowitz and
// Stegun 26.7.3 and 26.7.4).
func within(t float64, freedom int) float64 {
	if freedom > 1000 {
		return math.Erf(t / math.Sqrt2 * (1 - 1/(4*float64(freedom)))) // 26.7.10, nearly
	}
	theta := math.Atan(t / math.Sqrt(float64(freedom)))
	sin, cos := math.Sincos(theta)
	term, sum := 1.0, 0.0
	first := 2
	if freedom%2 == 1 {
		term, first = cos, 3
	}
	for k := first; k <= freedom; k += 2 {
		sum += term
		term *= cos * cos * float64(k-1) / float64(k)
	}
	if freedom%2 == 1 {
		return 2 / math.Pi * (theta + sin*sum)
	}
	return sin * sum
}
