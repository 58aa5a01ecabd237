// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// tally is what became of a set of customers. Times are sums in milliseconds.
type tally struct {
	offered, served, abandoned, blocked, waiting, open, retried int64
	// answered are those whom an agent took, ended those whose wait is over,
	// delayed those of them who waited at all.
	answered, ended, delayed int64
	// Within the acceptable wait.
	answeredWithin, abandonedWithin int64
	// waits and squares are of those whose wait is over, speeds of those who
	// were answered, handles of those who were served.
	waits, squares, speeds, handles float64
	// queued is the time integral of how many wait, span the time itself.
	queued, span float64
}

func (t *tally) offer(try int) {
	t.offered++
	if try > 0 {
		t.retried++
	}
}

func (t *tally) answer(wait, acceptable engine.Time) {
	t.answered++
	t.speeds += float64(wait)
	t.over(wait)
	if wait <= acceptable {
		t.answeredWithin++
	}
}

func (t *tally) abandon(wait, acceptable engine.Time) {
	t.abandoned++
	t.over(wait)
	if wait <= acceptable {
		t.abandonedWithin++
	}
}

func (t *tally) over(wait engine.Time) {
	w := float64(wait)
	t.ended++
	t.waits += w
	t.squares += w * w
	if wait > 0 {
		t.delayed++
	}
}

// leave books one who is still there at the end.
func (t *tally) leave(waiting bool) {
	if waiting {
		t.waiting++
	} else {
		t.open++
	}
}

// add adds another tally of other customers in the same time, or of another
// time: then the spans add up, too.
func (t *tally) add(o *tally) {
	for _, pair := range [][2]*int64{
		{&t.offered, &o.offered},
		{&t.served, &o.served},
		{&t.abandoned, &o.abandoned},
		{&t.blocked, &o.blocked},
		{&t.waiting, &o.waiting},
		{&t.open, &o.open},
		{&t.retried, &o.retried},
		{&t.answered, &o.answered},
		{&t.ended, &o.ended},
		{&t.delayed, &o.delayed},
		{&t.answeredWithin, &o.answeredWithin},
		{&t.abandonedWithin, &o.abandonedWithin},
	} {
		*pair[0] += *pair[1]
	}
	t.waits += o.waits
	t.squares += o.squares
	t.speeds += o.speeds
	t.handles += o.handles
	t.queued += o.queued
	t.span += o.span
}

// load is how busy a set of agents was: time integrals of the capacity they
// held, and of the capacity that was there.
type load struct {
	used, there float64
	// agents is the time integral of how many were there, span the time.
	agents, span float64
}

// sample is what one replication says of a set of customers.
type sample struct {
	tally
	// all are percentiles of all waits that are over, answered of those of
	// customers who were answered.
	all, taken quantiles
	// parts are batches of the run, when there is only one and nothing varies.
	parts []tally
}

// staffSample is what one replication says of a set of agents.
type staffSample struct {
	load
	// fairness is Jain's index of how busy each was.
	fairness float64
	seats    int
	parts    []load
}

// quantiles are in seconds; n is of how many.
type quantiles struct {
	n        int
	p50, p95 float64
}

// quantilesOf sorts the list.
func quantilesOf(waits []engine.Time) quantiles {
	n := len(waits)
	if n == 0 {
		return quantiles{}
	}
	slices.Sort(waits)
	at := func(percent int) float64 { return float64(waits[(percent*n+99)/100-1]) / 1000 }
	return quantiles{n: n, p50: at(50), p95: at(95)}
}
