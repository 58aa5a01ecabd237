// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"container/heap"
	"slices"
)

// timer is something that happens at a time unless it has become void. Timers
// are derived from the state: whoever is due says so itself.
type timer struct {
	at    Time
	kind  timerKind
	id    uint64
	agent string
}

type timerKind uint8

const (
	pushTimeout timerKind = iota
	timeToLive
	grace
)

// timers is a heap in an order of its own, not of insertion, so that a restored
// workspace runs its timers as the former one would have.
type timers []timer

func (e *Engine) schedule(t timer) {
	if live := 2*len(e.work) + len(e.agents); len(e.timers) > 2*live+64 {
		e.timers = slices.DeleteFunc(e.timers, e.void)
		heap.Init(&e.timers)
	}
	heap.Push(&e.timers, t)
}

// void reports whether a timer has nothing to do any more.
func (e *Engine) void(t timer) bool {
	switch t.kind {
	case pushTimeout:
		w, ok := e.assignments[AssignmentID(t.id)]
		return !ok || w.State != Offered || w.current() != AssignmentID(t.id)
	case timeToLive:
		w, ok := e.work[WorkID(t.id)]
		return !ok || w.State.Ended()
	default:
		a, ok := e.agents[t.agent]
		return !ok || a.GraceUntil != t.at
	}
}

func (Tick) decide(s *step) error {
	for len(s.timers) > 0 && s.timers[0].at <= s.now {
		t := heap.Pop(&s.timers).(timer)
		if s.void(t) {
			continue
		}
		switch t.kind {
		case pushTimeout:
			s.timeOut(AssignmentID(t.id))
		case timeToLive:
			s.expire(s.work[WorkID(t.id)])
		case grace:
			s.signOut(s.agents[t.agent], CauseConnectionLost)
		}
	}
	return nil
}

func (s *step) expire(w *Work) {
	if w.State != Open {
		s.emit(Event{Kind: KindWorkExpired, Work: w.ID, Queue: w.Spec.Queue, Agent: w.agent(), Assignment: w.current()})
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	a, b := &t[i], &t[j]
	return cmp.Or(
		cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.id, b.id), cmp.Compare(a.agent, b.agent),
	) < 0
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)   { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}
