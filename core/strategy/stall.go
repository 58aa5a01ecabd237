// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

const (
	// stallLook is how often it is looked for stalls.
	stallLook = engine.Time(1000)
	// stallPairs is how many pairs of work and agent one look tries at most, over
	// all queues. The next look goes on from there.
	stallPairs = 4096
)

// stall is what is known of whether a queue's strategy leaves undone what it
// could do.
type stall struct {
	pair  engine.Pairing // that could be offered; its work is 0 if none was found
	since engine.Time    // when it was found
	from  engine.Search  // where the search goes on
	told  bool           // that it stalls, since it last did something
}

// stalls is the desk's watch for strategies that propose nothing though they
// could.
type stalls struct {
	at     engine.Time // of the next look; 0 for never
	queues []string    // with a StallAfter, in order of names
	next   int         // which one is looked at first
	of     map[string]*stall
}

// watchStalls begins the watch anew, for the definition in force.
func (d *Desk) watchStalls() {
	former := d.stalls.of
	d.stalls = stalls{at: d.stalls.at, of: make(map[string]*stall)}
	definition := d.engine.Definition()
	for i := range definition.Queues {
		name := definition.Queues[i].Name
		if _, routing := routed(definition, name); routing.StallAfter > 0 {
			d.stalls.queues = append(d.stalls.queues, name)
			if d.stalls.of[name] = former[name]; former[name] == nil {
				d.stalls.of[name] = new(stall)
			}
		}
	}
	if len(d.stalls.queues) == 0 {
		d.stalls.at = 0
	} else if d.stalls.at == 0 {
		d.stalls.at = 1 // at the next chance
	}
}

// progressed notes that something of the queue was offered by a strategy.
func (d *Desk) progressed(ev *engine.Event) {
	s := d.stalls.of[ev.Queue]
	if s == nil || ev.Kind != engine.KindWorkOffered || ev.Decision == nil || ev.Decision.Strategy == "" {
		return
	}
	p := d.named[ev.Decision.Strategy]
	several := d.trials[ev.Queue] != nil || d.splits[ev.Queue].split != nil
	if w, ok := d.engine.Work(s.pair.Work); ok && w.ID != ev.Work && several && d.decider(w) != p {
		return // of a canary, or a class, and who decides for the rest, the other one did something
	}
	s.pair.Work, s.told = 0, false
	if p != nil {
		p.stalled = ""
	}
}

// Watch looks for strategies that leave undone what they could do: that make no
// offer from a queue for longer than its routing config's StallAfter, though all
// the while the same work could have been offered to the same agent. That is
// shown and counted, and if the routing config says so it is a fault. The loop
// calls it when WakeAt says so, or more often: it costs nothing then.
func (d *Desk) Watch(now engine.Time, step Step) {
	if d.stalls.at == 0 || now < d.stalls.at {
		return
	}
	d.stalls.at = now + stallLook
	left := stallPairs
	for range d.stalls.queues {
		if left <= 0 {
			return
		}
		name := d.stalls.queues[d.stalls.next%len(d.stalls.queues)]
		d.stalls.next++
		left -= d.watch(now, name, left, step)
	}
}

// watch looks at one queue, and returns how many pairs it tried.
func (d *Desk) watch(now engine.Time, name string, most int, step Step) (tried int) {
	s, p := d.stalls.of[name], d.owner[name]
	if p == nil {
		p = d.divided(name)
	}
	if p == nil {
		s.pair.Work = 0
		return 0
	}
	if s.pair.Work == 0 || !d.engine.Offerable(s.pair) {
		s.since = now
		return d.find(s, name, most)
	}
	_, routing := routed(d.engine.Definition(), name)
	if now < s.since+routing.StallAfter {
		return 0
	}
	waited := time.Duration(now-s.since) * time.Millisecond
	s.since = now
	why := fmt.Sprintf("made no offer from queue %q for %v, though %v could go to %s", name, waited, s.pair.Work, s.pair.Agent)
	if w, ok := d.engine.Work(s.pair.Work); ok {
		if p = d.decider(w); p == nil { // who decided for it is gone, and only others are there
			s.pair.Work = 0
			return 0
		}
	}
	replaces := routing.StallFallback && d.chosen(name, routing, p)
	if s.told && !replaces {
		p.counts.Stalls++
		p.stalled = Legible(why, maxFaultBytes)
		return 0
	}
	s.told = true
	fault := ""
	if replaces {
		fault = FaultStalled.String()
	}
	now = d.judged(now, p, engine.TaskJudge, fault, why, step)
	d.stalledNow(now, p, why, replaces, step)
	return 0
}

// find looks for a pair that could be offered, of work for which somebody decides,
// and returns how many pairs it tried.
func (d *Desk) find(s *stall, name string, most int) (tried int) {
	for tried < most {
		var n int
		s.pair, s.from, n = d.engine.FindOfferable(name, s.from, most-tried)
		tried += n
		if w, ok := d.engine.Work(s.pair.Work); !ok || d.decider(w) != nil {
			break
		}
		s.pair.Work, s.from = 0, s.from.PastItem()
	}
	return tried
}

// chosen reports whether the post was chosen to decide for the queue, and is no
// stand-in.
func (d *Desk) chosen(queue string, routing *engine.RoutingConfig, p *post) bool {
	q, _ := routed(d.engine.Definition(), queue)
	t := d.trials[queue]
	main := d.named[cmp.Or(q.Deciders.Strategy, routing.Strategy)]
	return p == main || t != nil && t.post == p || slices.Contains(d.parts(main), p)
}

// stalledNow deals with a strategy that stalls.
func (d *Desk) stalledNow(now engine.Time, p *post, why string, replace bool, step Step) {
	p.counts.Stalls++
	p.stalled = Legible(why, maxFaultBytes)
	if replace {
		d.failed(now, p, &Fault{Kind: FaultStalled, Err: fmt.Errorf("%s", why)}, step) //nolint:err113 // it holds names
		return
	}
	d.change(now, p, p.state, "stalled: "+p.stalled, step)
}
