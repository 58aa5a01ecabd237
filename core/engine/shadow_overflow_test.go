// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"reflect"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// overflow is where the work goes that cannot stay; nil if it stays.
func (s *shadow) overflow(w *shadowWork) *engine.Overflow {
	switch {
	case w.placed.Required:
		return nil
	case w.placed.Overflow != nil:
		return w.placed.Overflow
	default:
		return s.queue(w.placed.Queue).Overflow
	}
}

// follow says where work comes to rest that is sent to a queue, and why not there.
// Sent round in a circle, what arrives stays where it began. What waits there
// already does not stand in its own way.
func (s *shadow) follow(spec engine.WorkSpec, queue, from string, requested, at engine.Time, w *shadowWork) (to, why string) {
	first, seen := queue, []string{from}
	for {
		seen = append(seen, queue)
		q := s.queue(queue)
		o := q.Overflow
		if from == "" && queue == spec.Queue && spec.Overflow != nil {
			o = spec.Overflow
		}
		if o == nil || spec.RequiredAgent != "" {
			return queue, why
		}
		reason := ""
		switch {
		case s.closed[queue] && q.Closed == engine.ClosedOverflow:
			reason = "closed"
		case o.At > 0 && s.counts(queue)[engine.Waiting]-b2i(w != nil && w.state == engine.Waiting && w.placed.Queue == queue) >= int(o.At):
			reason = "full"
		case s.deserted(queue, o, spec, requested, at):
			reason = "nobody_signed_in"
		}
		circle := slices.Contains(seen, o.To)
		switch {
		case reason == "" || circle && from != "":
			return queue, why
		case circle:
			return first, ""
		}
		queue, why = o.To, reason
	}
}

// deserted reports whether the queue sends such work on because nobody who could
// take it is signed in.
func (s *shadow) deserted(queue string, o *engine.Overflow, spec engine.WorkSpec, requested, at engine.Time) bool {
	return o != nil && o.WhenNobody && !s.somebody(queue, spec, s.place(spec, queue, requested, at), s.isIn)
}

// moves says where waiting work comes to, and why, that is sent to a queue for a
// reason; false if it stays.
func (s *shadow) moves(w *shadowWork, to, why string, at engine.Time) (placed engine.Placement, because string, ok bool) {
	spec := w.spec
	spec.RequiredAgent = ""
	to, because = s.follow(spec, to, w.placed.Queue, w.placed.RequestedAt, at, w)
	if why == "nobody_signed_in" && s.deserted(to, s.queue(to).Overflow, spec, w.placed.RequestedAt, at) {
		return placed, "", false
	}
	placed = s.place(spec, to, w.placed.RequestedAt, at)
	if placed.Passed = w.placed.Passed; why == "waited" {
		placed.Passed = append(slices.Clone(placed.Passed), w.placed.Queue)
	}
	if because == "" {
		because = why
	}
	return placed, because, true
}

// shouldMove reports whether the work waits where nobody is for it, and would
// come to where somebody is.
func (s *shadow) shouldMove(w *shadowWork, at engine.Time) bool {
	if w.state != engine.Waiting {
		return false
	}
	o := s.overflow(w)
	if o == nil || !o.WhenNobody || s.somebody(w.placed.Queue, w.spec, w.placed, s.isIn) {
		return false
	}
	_, _, ok := s.moves(w, o.To, "nobody_signed_in", at)
	return ok
}

// overflowed checks that there was a reason to send the work on, that it came to
// where that leads, and that it says so.
func (s *shadow) overflowed(ev engine.Event, w *shadowWork) {
	s.Helper()
	s.must(ev, w.state == engine.Waiting)
	type way struct{ to, why string }
	var ways []way
	o, p := s.overflow(w), w.placed
	if o != nil && o.After > 0 && p.QueuedAt+o.After <= ev.At && !slices.Contains(p.Passed, p.Queue) {
		ways = append(ways, way{o.To, "waited"})
	}
	if o != nil && o.WhenNobody && !s.somebody(p.Queue, w.spec, p, s.isIn) {
		ways = append(ways, way{o.To, "nobody_signed_in"})
	}
	if p.Required && p.Backup != "" && w.lost != "" && w.lostAt == ev.At {
		ways = append(ways, way{p.Backup, w.lost})
	}
	if p.Required && p.Backup != "" && p.Until > 0 && p.Until <= ev.At {
		ways = append(ways, way{p.Backup, "required_agent_did_not_take_it"})
	}
	if !slices.ContainsFunc(ways, func(way way) bool {
		want, why, ok := s.moves(w, way.to, way.why, ev.At)
		return ok && why == ev.Reason && reflect.DeepEqual(want, *ev.Placed)
	}) {
		s.Fatalf("%v overflowed for %q to %+v, but the ways are %+v; it is %+v", ev.Work, ev.Reason, *ev.Placed, ways, w)
	}
	w.excluded, w.lost = nil, ""
}
