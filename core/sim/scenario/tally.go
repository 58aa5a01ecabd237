// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// tally is what became of the customers who count.
type tally struct {
	// steady says that customers come at one rate, so that batches differ by
	// chance alone.
	steady                                    bool
	acceptable                                engine.Time
	offered, served, abandoned, waiting, open int64
	// answered and left are the waits of those who were accepted and of those
	// who abandoned.
	answered, left []engine.Time
	parts          [batches]part
}

// part is the share of one batch, by when customers came.
type part struct {
	offered, ended, delayed, abandoned, within float64
	// sum and square are of the waits of those whose wait has ended, in
	// milliseconds.
	sum, square float64
}

func (t *tally) offer(batch int) {
	t.offered++
	t.parts[batch].offered++
}

func (t *tally) answer(batch int, wait engine.Time) {
	t.answered = append(t.answered, wait)
	t.parts[batch].wait(wait)
	if wait <= t.acceptable {
		t.parts[batch].within++
	}
}

func (t *tally) abandon(batch int, wait engine.Time) {
	t.abandoned++
	t.left = append(t.left, wait)
	t.parts[batch].wait(wait)
	t.parts[batch].abandoned++
}

// leave books one who is still there at the end.
func (t *tally) leave(waiting bool) {
	if waiting {
		t.waiting++
	} else {
		t.open++
	}
}

func (p *part) wait(wait engine.Time) {
	w := float64(wait)
	p.ended++
	p.sum += w
	p.square += w * w
	if wait > 0 {
		p.delayed++
	}
}

// merge adds another tally.
func (t *tally) merge(o *tally) {
	t.acceptable, t.steady = o.acceptable, o.steady
	t.offered += o.offered
	t.served += o.served
	t.abandoned += o.abandoned
	t.waiting += o.waiting
	t.open += o.open
	t.answered = append(t.answered, o.answered...)
	t.left = append(t.left, o.left...)
	for i := range t.parts {
		p, q := &t.parts[i], &o.parts[i]
		p.offered += q.offered
		p.ended += q.ended
		p.delayed += q.delayed
		p.abandoned += q.abandoned
		p.within += q.within
		p.sum += q.sum
		p.square += q.square
	}
}

// ratio estimates one sum over another, with the standard error that the
// batches tell of.
func (t *tally) ratio(of func(*part) (above, below float64)) Estimate {
	var above, below [batches]float64
	for i := range t.parts {
		above[i], below[i] = of(&t.parts[i])
	}
	return estimate(above[:], below[:], t.steady)
}

// estimate is the ratio of two sums over batches. Its standard error is the
// usual one of a ratio estimator, from what each batch is off; where batches
// differ by the time of day there is none.
func estimate(above, below []float64, steady bool) Estimate {
	var a, b float64
	for i := range above {
		a += above[i]
		b += below[i]
	}
	if b == 0 {
		return Estimate{}
	}
	e := Estimate{Value: a / b}
	if !steady {
		return e
	}
	var off float64
	for i := range above {
		d := above[i] - e.Value*below[i]
		off += d * d
	}
	n := float64(len(above))
	e.StdError = math.Sqrt(off*n/(n-1)) / b
	return e
}

// figures works the tally out. It may sort the lists.
func (t *tally) figures() Figures {
	f := Figures{
		Offered: t.offered, Served: t.served, Open: t.open, Abandoned: t.abandoned, Waiting: t.waiting,
		AnsweredWithin: count(t.answered, t.acceptable), AbandonedWithin: count(t.left, t.acceptable),
	}
	f.Wait = Wait{
		Mean:       t.ratio(func(p *part) (float64, float64) { return p.sum / 1e3, p.ended }),
		MeanSquare: t.ratio(func(p *part) (float64, float64) { return p.square / 1e6, p.ended }),
		Delayed:    t.ratio(func(p *part) (float64, float64) { return p.delayed, p.ended }),
	}
	f.Wait.P50, f.Wait.P95 = percentiles(slices.Concat(t.answered, t.left))
	f.AnsweredWait.Mean = mean(t.answered)
	f.AnsweredWait.P50, f.AnsweredWait.P95 = percentiles(t.answered)
	f.AbandonShare = t.ratio(func(p *part) (float64, float64) { return p.abandoned, p.offered })
	f.ServiceLevel = ServiceLevel{
		OfOffered:  t.ratio(func(p *part) (float64, float64) { return p.within, p.offered }),
		OfAnswered: share(f.AnsweredWithin, int64(len(t.answered))),
		OfPatient:  share(f.AnsweredWithin, t.offered-f.AbandonedWithin),
	}
	return f
}

func count(waits []engine.Time, within engine.Time) (n int64) {
	for _, w := range waits {
		if w <= within {
			n++
		}
	}
	return n
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func mean(waits []engine.Time) float64 {
	var sum engine.Time
	for _, w := range waits {
		sum += w
	}
	return share(int64(sum), int64(len(waits))) / 1000
}

// percentiles returns the nearest-rank median and 95th percentile in seconds.
// It sorts the list.
func percentiles(waits []engine.Time) (p50, p95 float64) {
	if len(waits) == 0 {
		return 0, 0
	}
	slices.Sort(waits)
	at := func(share float64) float64 {
		return float64(waits[int(math.Ceil(share*float64(len(waits))))-1]) / 1000
	}
	return at(0.5), at(0.95)
}
