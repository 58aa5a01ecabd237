// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Status is how a strategy fares.
type Status struct {
	// Name and Runtime are configuration's, Version the package's.
	Name, Runtime, Version string
	State                  State
	// Since is when it came into that state.
	Since engine.Time
	Epoch uint64
	// Queues lists the queues for which it decides now.
	Queues []string
	Counts Counts
	// Stalled says what it leaves undone though it could do it; empty if there
	// is nothing.
	Stalled string
	// Standby is how its standby is: "ready", "starting", what keeps it from
	// starting, or empty if it is to have none; "resting" if the strategy is idle
	// and its instance is kept for a while, ready to go on.
	Standby string
	// Kept is the file of the last turn that was written down for the
	// post-mortem (Desk.KeepFrames); empty if there is none.
	Kept string
	// P50 and P99 are percentiles of the last turns' times; 0 if there were
	// none.
	P50, P99 time.Duration
}

// Status returns every strategy's status in order of names.
func (d *Desk) Status() []Status {
	out := make([]Status, len(d.posts))
	for i, p := range d.posts {
		p50, p99 := p.latency.percentiles()
		out[i] = Status{
			Name: p.title(), Runtime: p.spec.Runtime, Version: p.manifest.Version,
			State: p.state, Since: p.since, Epoch: p.epoch, Counts: p.counts, P50: p50, P99: p99,
			Stalled: p.stalled, Standby: p.standbyState(), Kept: p.lastKept,
		}
		for queue, owner := range d.owner {
			if owner == p {
				out[i].Queues = append(out[i].Queues, queue)
			}
		}
		for queue := range d.splits {
			if slices.Contains(d.splits[queue].by, p) {
				out[i].Queues = append(out[i].Queues, queue)
			}
		}
		slices.Sort(out[i].Queues)
	}
	return out
}

// Owner returns the strategy that decides for the queue now, but for its classes
// if it is split; false if none does.
func (d *Desk) Owner(queue string) (name string, ok bool) {
	p := d.owner[queue]
	if p == nil {
		return "", false
	}
	return p.spec.Name, true
}

// Settled reports whether every strategy has heard all there is to tell and
// none is at work: nothing more happens until something new does.
func (d *Desk) Settled(now engine.Time) bool {
	for _, p := range d.posts {
		starts := p.state == Down && p.retryAt <= now
		if p.busy || p.warming || p.wantsStandby(now) || p.closes() || len(p.keeps) > 0 || d.stops(p) || d.rested(now, p) || starts || p.due(now) {
			return false
		}
	}
	return true
}

// standbyState says how the standby is.
func (p *post) standbyState() string {
	switch {
	case p.state == Idle && p.standby != nil:
		return "resting"
	case !p.spec.Standby:
		return ""
	case p.standby != nil:
		return "ready"
	case p.standbyFault != "":
		return p.standbyFault
	default:
		return "starting"
	}
}

// latency keeps the last turns' times.
type latency struct {
	samples [latencySamples]time.Duration
	n       int
}

func (l *latency) add(took time.Duration) {
	l.samples[l.n%latencySamples] = took
	l.n++
}

func (l *latency) percentiles() (p50, p99 time.Duration) {
	n := min(l.n, latencySamples)
	if n == 0 {
		return 0, 0
	}
	sorted := slices.Clone(l.samples[:n])
	slices.Sort(sorted)
	return sorted[(n-1)/2], sorted[(n-1)*99/100]
}

// Consideration is what a strategy that decides for work has seen of it.
type Consideration struct {
	// Strategy, Runtime and Epoch name the instance.
	Strategy, Runtime string
	Epoch             uint64
	// First and Last are the turns in which it has had the work before it, as
	// the board stands.
	First, Last uint64
	// Note is the strategy's own word on why the work waits; empty if it gave
	// none.
	Note string
}

// Considered returns what the strategy that decides for the work's queue has
// seen of it; false if none decides, or it has not been told yet.
func (d *Desk) Considered(w *engine.Work) (Consideration, bool) {
	p := d.decider(w)
	if p == nil {
		return Consideration{}, false
	}
	ref, ok := p.feed.work.refs[w.ID]
	if !ok || !p.feed.work.slots[ref].sent {
		return Consideration{}, false
	}
	return Consideration{
		Strategy: p.spec.Name, Runtime: p.spec.Runtime, Epoch: p.epoch,
		First: p.feed.work.slots[ref].since, Last: p.seq, Note: p.feed.notes[w.ID],
	}, true
}
