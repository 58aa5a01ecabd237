// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"slices"
)

// destination returns the queue in which incoming work waits: its own, or where
// that sends it on, and then why. A queue that takes nothing in refuses it.
func (s *step) destination(spec *WorkSpec) (q *queue, why string, err error) {
	if most := s.definition.MaxWaiting; most > 0 && s.waiting >= int(most) {
		return nil, "", refuse(CodeQueueFull, "queue", "%d items wait in the workspace, which is the limit; try again later", s.waiting)
	}
	q, why = s.passOn(spec, s.queues[spec.Queue], nil, nil)
	switch most := q.definition.MaxWaiting; {
	case q.closed && q.definition.Closed == ClosedRefuse:
		return nil, "", refuse(CodeQueueClosed, "queue", "queue %q is closed and takes nothing in until it opens", q.definition.Name)
	case most > 0 && q.counts[Waiting] >= int(most):
		return nil, "", refuse(CodeQueueFull, "queue", "%d items wait in queue %q, which is the limit; try again later", most, q.definition.Name)
	}
	return q, why, nil
}

// passOn follows the queues that send such work on at once. Nothing goes to a
// queue twice, and what is sent round in a circle stays where it began. From is
// where it came from, nil if it has just come in; w is the work, nil if it is new.
func (s *step) passOn(spec *WorkSpec, q *queue, w *Work, from *queue) (to *queue, why string) {
	first, seen := q, map[*queue]bool{from: true}
	for {
		seen[q] = true
		overflow := q.definition.Overflow
		if spec.Overflow != nil && from == nil && q.definition.Name == spec.Queue {
			overflow = spec.Overflow
		}
		reason := s.cannotStay(spec, q, overflow, w)
		switch {
		case reason == "" || from != nil && seen[s.queues[overflow.To]]:
			return q, why
		case seen[s.queues[overflow.To]]:
			return first, ""
		}
		q, why = s.queues[overflow.To], reason
	}
}

// cannotStay says why the queue sends such work on at once; empty if it does
// not. The work itself, if it waits there already, does not fill it.
func (s *step) cannotStay(spec *WorkSpec, q *queue, overflow *Overflow, w *Work) string {
	if overflow == nil || spec.RequiredAgent != "" {
		return ""
	}
	others := q.counts[Waiting]
	if w != nil && w.State == Waiting && s.queueOf(w) == q {
		others--
	}
	switch {
	case q.closed && q.definition.Closed == ClosedOverflow:
		return "closed"
	case overflow.At > 0 && others >= int(overflow.At):
		return "full"
	case s.deserted(spec, q, overflow):
		return nobodySignedIn
	}
	return ""
}

// deserted reports whether the queue sends such work on because nobody who could
// ever take it is signed in.
func (s *step) deserted(spec *WorkSpec, q *queue, overflow *Overflow) bool {
	if overflow == nil || !overflow.WhenNobody {
		return false
	}
	placed := s.placement(spec, q, s.requested(spec))
	return !s.somebody(q, s.demand(spec, &placed), (*Agent).SignedIn)
}

// The reasons of an overflow: the work waited for long, nobody who could ever take
// it is signed in, or the required agent did not take it or is gone.
const (
	waitedLong     = "waited"
	nobodySignedIn = "nobody_signed_in"
	agentTookNot   = "required_agent_did_not_take_it"
	agentGone      = "required_agent_is_gone"
)

// waitsAnew does what follows when work waits again, or asks for something else.
func (s *step) waitsAnew(w *Work) {
	s.clearIfExhausted(w)
	if w.State != Waiting {
		return
	}
	q := s.queueOf(w)
	o := w.overflow(q)
	if o != nil && o.WhenNobody && !s.somebody(q, s.demandOf(w), (*Agent).SignedIn) {
		s.move(w, o.To, nobodySignedIn)
	}
}

// due returns when waiting changes how the work is placed; 0 for never.
func (e *Engine) due(w *Work) Time {
	if w.State != Waiting {
		return 0
	}
	q, at := e.queueOf(w), Time(math.MaxInt64)
	if w.Tier > 0 && int(w.Tier) <= len(q.definition.Tiers) {
		at = min(at, w.QueuedAt+q.definition.Tiers[w.Tier-1])
	}
	if w.dropsNext(q) {
		at = min(at, w.DropSince+q.routing.DropAfter)
	}
	if after, ok := relaxesAfter(w.Needs); ok {
		at = min(at, w.NeedsSince+after)
	}
	if o := w.overflow(q); o != nil && o.After > 0 && !w.passedOn() {
		at = min(at, w.QueuedAt+o.After)
	}
	if w.Required && w.Backup != "" && w.Until > 0 {
		at = min(at, w.Until)
	}
	if at == math.MaxInt64 {
		return 0
	}
	return at
}

// advance does what waiting has made due.
func (s *step) advance(w *Work) {
	for at := s.due(w); at != 0 && at <= s.now; at = s.due(w) {
		q, placed := s.queueOf(w), w.Placement.clone()
		if w.Required && w.Backup != "" && w.Until > 0 && w.Until <= s.now {
			s.move(w, w.Backup, agentTookNot)
			continue
		}
		if o := w.overflow(q); o != nil && o.After > 0 && !w.passedOn() && w.QueuedAt+o.After <= s.now {
			s.move(w, o.To, waitedLong)
			continue
		}
		switch {
		case w.Tier > 0 && int(w.Tier) <= len(q.definition.Tiers) && w.QueuedAt+q.definition.Tiers[w.Tier-1] <= s.now:
			placed.Tier++
			s.place(w, KindTierOpened, placed, "")
		case w.dropsNext(q) && w.DropSince+q.routing.DropAfter <= s.now:
			placed.dropNext(w.DropSince + q.routing.DropAfter)
			s.place(w, KindSkillsDropped, placed, "")
		default:
			placed.Needs = relaxed(w.Needs, s.now-w.NeedsSince)
			s.place(w, KindSkillsRelaxed, placed, "")
		}
	}
	s.clearIfExhausted(w) // without needs it may be for fewer
}

func (s *step) place(w *Work, kind Kind, placed *Placement, reason string) {
	s.emit(Event{Kind: kind, Work: w.ID, Queue: w.Queue, Placed: placed, Reason: reason})
}

// passedOn reports whether the work's queue has sent it on before because it
// waited, which happens once: or it would go round for ever.
func (p *Placement) passedOn() bool { return slices.Contains(p.Passed, p.Queue) }

// move sends waiting work to another queue, or further on if that one cannot
// keep it. It keeps its age, and whom it was for does not count any more. From
// where nobody is it does not go to where nobody is either, and back.
func (s *step) move(w *Work, to, why string) {
	spec := w.Spec
	spec.RequiredAgent, spec.RequestedAt = "", w.RequestedAt
	q, further := s.passOn(&spec, s.queues[to], w, s.queueOf(w))
	if why == nobodySignedIn && s.deserted(&spec, q, q.definition.Overflow) {
		return
	}
	waited := why == waitedLong
	if further != "" {
		why = further
	}
	placed := s.placement(&spec, q, w.RequestedAt)
	if placed.Passed = w.Passed; waited {
		placed.Passed = append(slices.Clone(w.Passed), w.Queue)
	}
	s.place(w, KindWorkOverflowed, &placed, why)
}

// desert sends on what waits in a queue for nobody, now that somebody has left.
func (s *step) desert(q *queue) {
	if o := q.definition.Overflow; q.overflowing == 0 && (o == nil || !o.WhenNobody) || q.counts[Waiting] == 0 {
		return
	}
	known := make(map[string]bool)
	for _, w := range q.waiting.inOrder() {
		o := w.overflow(q)
		if o == nil || !o.WhenNobody {
			continue
		}
		kind := string(s.appendKind(nil, w))
		there, ok := known[kind]
		if !ok {
			there = s.somebody(q, s.demandOf(w), (*Agent).SignedIn)
			known[kind] = there
		}
		if !there {
			s.move(w, o.To, nobodySignedIn)
		}
	}
}

// openAndClose opens and closes the queues that are due, in order of names and
// before anything else that is due, so that it does not matter when that was
// noticed.
func (s *step) openAndClose() {
	for _, q := range s.watched {
		if q.changes > 0 && q.changes <= s.now && !s.openOrClose(q) {
			s.watch(q, s.now) // it opened and closed unseen
		}
	}
}

// openOrClose puts on record that a queue opened or closed by its hours,
// and reports whether it did.
func (s *step) openOrClose(q *queue) bool {
	open := q.calendar == nil || q.calendar.open(s.now)
	if open != q.closed {
		return false
	}
	kind := KindQueueClosed
	if open {
		kind = KindQueueOpened
	}
	s.emit(Event{Kind: kind, Queue: q.definition.Name})
	return true
}
