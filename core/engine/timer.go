// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
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
	wrapUpEnds
	waits // what waiting changes about work
	validity
	openingHours
	holdEnds
)

// timers is a heap in an order of its own, not of insertion, so that a restored
// workspace runs its timers as the former one would have.
type timers []timer

func (e *Engine) schedule(t timer) {
	if len(e.timers) > e.sweepAt {
		e.timers = slices.DeleteFunc(e.timers, e.void)
		sort.Sort(&e.timers) // which makes a heap, too
		e.timers = slices.Compact(e.timers)
		e.sweepAt = 2*len(e.timers) + 64
	}
	heap.Push(&e.timers, t)
}

// void reports whether a timer has nothing to do any more.
func (e *Engine) void(t timer) bool {
	switch t.kind {
	case pushTimeout:
		x, _, ok := e.Assignment(AssignmentID(t.id))
		return !ok || x.State != AssignmentOffered
	case timeToLive:
		w, ok := e.work[WorkID(t.id)]
		return !ok || w.State.Ended() || w.Spec.ExpiresAt != t.at // reopened, it has none
	case wrapUpEnds:
		x, _, ok := e.Assignment(AssignmentID(t.id))
		return !ok || x.State != AssignmentAccepted || x.WrapUpUntil != t.at
	case waits:
		w, ok := e.work[WorkID(t.id)]
		return !ok || e.due(w) == 0 || e.due(w) > t.at
	case validity:
		a, ok := e.agents[t.agent]
		if !ok {
			return true
		}
		next := a.Definition.skillsChange(a.SkillsAt)
		return next == 0 || next > t.at
	case openingHours:
		q, ok := e.queues[t.agent]
		return !ok || q.changes != t.at
	case holdEnds:
		w, ok := e.work[WorkID(t.id)]
		return !ok || w.Hold == nil || w.Hold.Until != t.at
	default:
		a, ok := e.agents[t.agent]
		return !ok || a.GraceUntil != t.at
	}
}

func (Tick) decide(s *step) error {
	if len(s.timers) > 0 && s.timers[0].at <= s.now {
		s.openAndClose()
	}
	for len(s.timers) > 0 && s.timers[0].at <= s.now {
		if t := heap.Pop(&s.timers).(timer); !s.void(t) {
			s.run(t)
		}
	}
	return nil
}

func (s *step) run(t timer) {
	switch t.kind {
	case pushTimeout:
		s.timeOut(AssignmentID(t.id))
	case timeToLive:
		s.expire(s.work[WorkID(t.id)])
	case grace:
		s.signOut(s.agents[t.agent], CauseConnectionLost)
	case wrapUpEnds:
		s.complete(s.assignments[AssignmentID(t.id)], AssignmentID(t.id), "")
	case waits:
		s.advance(s.work[WorkID(t.id)])
	case validity:
		a := s.agents[t.agent]
		s.emit(Event{Kind: KindAgentSkillsChanged, Agent: a.ID})
		s.reconsider(a)
	case openingHours: // seen to before all others
	case holdEnds:
		w := s.work[WorkID(t.id)]
		s.emit(Event{Kind: KindHoldEnded, Work: w.ID, Queue: w.Queue})
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
