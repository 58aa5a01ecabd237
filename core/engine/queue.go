// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
)

// queue is what the engine derives about a queue, so that nothing is searched.
type queue struct {
	definition *QueueDefinition
	routing    *RoutingConfig
	members    []*Agent
	// present holds the members whose status lists any channel. Only whether
	// there is such a one is asked of it, never an order.
	present map[*Agent]struct{}
	// largest is the largest capacity among the members.
	largest Milli
	counts  [Expired + 1]int
	// excluding holds waiting work from which somebody is excluded for a time.
	excluding map[WorkID]*Work
	ages      ages
}

func (q *queue) backlog() Backlog {
	b := Backlog{
		Queue: q.definition, Routing: q.routing,
		Waiting: q.counts[Waiting], Offered: q.counts[Offered], Open: q.counts[Open],
		Members: len(q.members),
	}
	if w := q.ages.oldest(); w != nil {
		b.Oldest = w.Spec.RequestedAt
	}
	for _, a := range q.members {
		if a.SignedIn() {
			b.Present++
		}
	}
	return b
}

// enter counts work in its present state, leave stops counting it.
func (q *queue) enter(w *Work) {
	q.counts[w.State]++
	if w.State == Waiting {
		q.ages.add(w, q.counts[Waiting])
	}
	if len(w.Excluded) > 0 && q.routing.DeclineRule == UntilExhausted && !w.State.Ended() {
		q.excluding[w.ID] = w
	}
}

func (q *queue) leave(w *Work) {
	q.counts[w.State]--
	delete(q.excluding, w.ID)
}

// exhausted reports whether nobody is left to offer the work to: everybody who
// could take it but for their load has declined. Who could never take it, for
// its size or because somebody else is required, is nobody to wait for.
func (q *queue) exhausted(w *Work, channel uint16) bool {
	for a := range q.present {
		able := a.Channels&(1<<channel) != 0 && w.Spec.Size <= a.Presence.Capacity && w.admits(a.ID)
		if able && !w.excludes(a.ID) {
			return false
		}
	}
	return true
}

// reconsider clears the exclusions of work for which the agent may have been
// the last candidate, once its presence has changed.
func (s *step) reconsider(a *Agent) {
	for _, name := range a.Definition.Queues {
		s.reconsiderQueue(s.queues[name])
	}
}

func (s *step) reconsiderQueue(q *queue) {
	if len(q.excluding) == 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(q.excluding)) {
		s.clearIfExhausted(q.excluding[id], q)
	}
}

func (s *step) clearIfExhausted(w *Work, q *queue) {
	if q.routing.DeclineRule != UntilExhausted || len(w.Excluded) == 0 || w.State != Waiting {
		return
	}
	if q.exhausted(w, s.names.channels[w.Spec.Channel]) {
		s.emit(Event{Kind: KindExclusionsCleared, Work: w.ID, Queue: w.Spec.Queue})
	}
}

// ages finds the oldest waiting work. Work that no longer waits is left in
// place until it comes to the top or outnumbers the rest.
type ages []*Work

func (g *ages) add(w *Work, waiting int) {
	if len(*g) > 2*waiting+64 {
		*g = slices.DeleteFunc(*g, func(w *Work) bool { return w.State != Waiting })
		slices.SortFunc(*g, older)
		*g = slices.Compact(*g)
	}
	heap.Push(g, w)
	g.oldest()
}

func (g *ages) oldest() *Work {
	for len(*g) > 0 && (*g)[0].State != Waiting {
		heap.Pop(g)
	}
	if len(*g) == 0 {
		return nil
	}
	return (*g)[0]
}

func older(a, b *Work) int {
	return cmp.Or(cmp.Compare(a.Spec.RequestedAt, b.Spec.RequestedAt), cmp.Compare(a.ID, b.ID))
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (g ages) Len() int           { return len(g) }
func (g ages) Less(i, j int) bool { return older(g[i], g[j]) < 0 }
func (g ages) Swap(i, j int)      { g[i], g[j] = g[j], g[i] }
func (g *ages) Push(w any)        { *g = append(*g, w.(*Work)) }
func (g *ages) Pop() any {
	last := len(*g) - 1
	w := (*g)[last]
	(*g)[last] = nil
	*g = (*g)[:last]
	return w
}
