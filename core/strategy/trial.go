// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// trial is a canary at work: a strategy that decides for a share of a queue's
// work, and what its guards go by.
type trial struct {
	canary engine.Canary
	post   *post
	// decides says that the post decides for the canary's share now.
	decides bool
	guards  []Guard
	began   engine.Time
	goal    engine.Time // the queue's, for service levels
	// since is how each side's record stood when it came into the trial.
	since map[*post]Counts
	// fates is what became of work: of the canary's share, and of the rest.
	fates [2]Tally
	// broken says which guard did not hold when the canary failed last: what it
	// does after that does not make up for it.
	broken string
}

const (
	canarySide = iota
	restSide
)

// try sees to it that the queue's canary, if it has one, is on trial.
func (d *Desk) try(queue *engine.QueueDefinition) {
	canary, t := queue.Deciders.Canary, d.trials[queue.Name]
	if canary == nil || d.named[canary.Strategy] == nil {
		delete(d.trials, queue.Name)
		return
	}
	same := t != nil && t.post == d.named[canary.Strategy] && t.canary.Share == canary.Share &&
		slices.Equal(t.canary.Guards, canary.Guards)
	if same {
		t.goal = queue.Within
		return
	}
	t = &trial{
		canary: *canary, post: d.named[canary.Strategy], began: d.engine.Now(), goal: queue.Within, since: make(map[*post]Counts),
	}
	for _, text := range guardsOf(canary) {
		if guard, err := ParseGuard(text); err == nil { // Check has refused the others
			t.guards = append(t.guards, guard)
		}
	}
	for _, p := range []*post{t.post, d.owner[queue.Name]} {
		if p != nil {
			t.since[p] = p.counts
		}
	}
	d.trials[queue.Name] = t
}

// guardsOf returns the canary's guards, or those that guard all.
func guardsOf(canary *engine.Canary) []string {
	if len(canary.Guards) == 0 {
		return DefaultGuards()
	}
	return canary.Guards
}

// observe counts what became of work.
func (t *trial) observe(ev *engine.Event, w *engine.Work) {
	side := &t.fates[restSide]
	if t.canary.Takes(ev.Work) {
		side = &t.fates[canarySide]
	}
	switch ev.Kind {
	case engine.KindOfferAccepted:
		if w == nil || ev.Guest {
			return
		}
		waited := ev.At - w.RequestedAt
		side.Accepted++
		side.Waited += time.Duration(waited) * time.Millisecond
		if t.goal == 0 || waited <= t.goal {
			side.Within++
		}
	case engine.KindWorkAbandoned:
		side.Abandoned++
	}
}

// tally returns what is known of one side, whose work the post decides for.
func (t *trial) tally(side int, p *post) Tally {
	out := t.fates[side]
	if p == nil {
		return out
	}
	since, ok := t.since[p]
	if !ok {
		since = p.counts
		t.since[p] = since
	}
	out.Turns = p.counts.Turns - since.Turns
	out.Errors = p.counts.Faults - since.Faults + p.counts.Wrong - since.Wrong
	out.Proposals = p.counts.Proposals - since.Proposals
	out.Refusals = p.counts.Refusals - since.Refusals
	out.P50, out.P99 = p.latency.percentiles()
	return out
}

// Guard ends the trials whose guards do not hold: the queue's work is all
// decided for as before, and the record says why. Time that decisions took is
// measured on the clock, so this is the host's to call, now and then, and no
// part of what a replay repeats.
func (d *Desk) Guard(step Step) {
	for _, name := range slices.Sorted(maps.Keys(d.trials)) {
		t := d.trials[name]
		why := cmp.Or(t.broken, t.breached(d.owner[name]))
		if why == "" {
			continue
		}
		queue, _ := routed(d.engine.Definition(), name)
		to := queue.Deciders
		to.Canary = nil
		step(engine.Decide{Queue: name, To: to, Reason: fmt.Sprintf("canary %s rolled back: %s", t.post.spec.Name, why)})
	}
}

// faulted has the trials of a canary that has just failed go by its record as it
// is now.
func (d *Desk) faulted(p *post) {
	for name, t := range d.trials {
		if t.post == p && t.broken == "" {
			t.broken = t.breached(d.owner[name])
		}
	}
}

func (t *trial) breached(rest *post) string {
	canary, baseline := t.tally(canarySide, t.post), t.tally(restSide, rest)
	for i := range t.guards {
		if why := t.guards[i].Breached(&canary, &baseline); why != "" {
			if t.post.counts.LastFault != "" && canary.Errors > 0 {
				why += "; its last fault: " + t.post.counts.LastFault
			}
			return why
		}
	}
	return ""
}

// Trial is how a canary fares.
type Trial struct {
	Queue, Strategy string
	// Share is in ten-thousandths of the queue's work.
	Share  uint16
	Guards []string
	// Began is when the trial began.
	Began engine.Time
	// Canary and Baseline are what was counted of its share and of the rest.
	Canary, Baseline Tally
}

// Trials returns the canaries in order of queues.
func (d *Desk) Trials() []Trial {
	var out []Trial
	for _, name := range slices.Sorted(maps.Keys(d.trials)) {
		t := d.trials[name]
		out = append(out, Trial{
			Queue: name, Strategy: t.post.spec.Name, Share: t.canary.Share, Guards: slices.Clone(guardsOf(&t.canary)), Began: t.began,
			Canary: t.tally(canarySide, t.post), Baseline: t.tally(restSide, d.owner[name]),
		})
	}
	return out
}
