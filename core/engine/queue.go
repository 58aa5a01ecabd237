// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"container/heap"
	"maps"
	"math"
	"slices"
)

// queue is what the engine derives about a queue, so that nothing is searched.
type queue struct {
	definition *QueueDefinition
	routing    *RoutingConfig
	calendar   *calendar // nil if it is always open
	closed     bool
	changes    Time // when the hours are to be looked at next
	members    []*Agent
	// present holds the members whose status lists any channel. Only whether
	// there is such a one is asked of it, never an order.
	present map[*Agent]struct{}
	// signedIn counts the members who are, available those who could take more.
	signedIn  int
	available int
	pools     pools
	counts    [Expired + 1]int
	// overflowing counts what waits with an overflow of its own.
	overflowing int
	// excluding holds waiting work from which somebody is excluded for a time.
	excluding map[WorkID]*Work
	waiting   waiting
	// unroutable counts what waits that nobody who is configured could ever
	// take, unless stale: then a skill has begun or ended since.
	unroutable int
	stale      bool
	// routability is what is known of that, by what work asks for; nil where
	// somebody could take it.
	routability map[string]*Unroutable
	// While a definition is put in force: its members have changed, its rules
	// have, or it has just come to be.
	regrouped, ruled, fresh bool
}

// pools are the largest amounts that any of some agents may hold.
type pools struct {
	members                bool
	primary, interruptible Milli
}

func (p *pools) add(c *PresenceConfig) {
	p.members = true
	p.primary = max(p.primary, c.Capacity)
	p.interruptible = max(p.interruptible, min(c.Capacity, c.Interruptible))
}

func (p *pools) most(interruptible bool) Milli {
	if interruptible {
		return p.interruptible
	}
	return p.primary
}

// Held reports whether a queue is closed and holds what waits there: nothing of
// it can be offered. It is false for a queue that does not exist.
func (e *Engine) Held(name string) bool {
	q, ok := e.queues[name]
	return ok && q.held()
}

// held reports whether the queue is closed and holds what waits there.
func (q *queue) held() bool { return q.closed && q.definition.Closed == ClosedHold }

func (e *Engine) backlog(q *queue) Backlog {
	if q.stale {
		e.recount(q)
	}
	b := Backlog{
		Queue: q.definition, Routing: q.routing, Closed: q.closed,
		Waiting: q.counts[Waiting], Offered: q.counts[Offered],
		Open:    q.counts[Open] + q.counts[Paused] + q.counts[WrapUpWork],
		Members: len(q.members), Present: q.signedIn, Available: q.available, Unroutable: q.unroutable,
	}
	if len(q.waiting) > 0 {
		b.Oldest = q.waiting[0].RequestedAt
	}
	b.EstimatedWait, b.Estimated = e.EstimatedWait(q.definition.Name)
	return b
}

// recount tells anew of all that waits whether somebody could take it.
func (e *Engine) recount(q *queue) {
	q.stale, q.unroutable = false, 0
	for _, w := range q.waiting {
		if w.unroutable = e.routability(q, w) != nil; w.unroutable {
			q.unroutable++
		}
	}
}

// enter counts work in its present state, leave stops counting it.
func (e *Engine) enter(w *Work) {
	q := e.queueOf(w)
	q.counts[w.State]++
	if w.State == Waiting {
		e.waiting++
		heap.Push(&q.waiting, w)
		q.overflowing += w.overflows()
		if w.unroutable = !q.stale && e.routability(q, w) != nil; w.unroutable {
			q.unroutable++
		}
		if at := e.due(w); at != 0 {
			e.schedule(timer{at: at, kind: waits, id: uint64(w.ID)})
		}
	}
	if q.clears(w) {
		q.excluding[w.ID] = w
	}
}

// clears reports whether the work excludes somebody for a time.
func (q *queue) clears(w *Work) bool {
	return len(w.Excluded) > 0 && q.routing.DeclineRule == UntilExhausted && !w.State.Ended()
}

func (e *Engine) leave(w *Work) {
	q := e.queueOf(w)
	q.counts[w.State]--
	if w.State == Waiting {
		e.waiting--
		heap.Remove(&q.waiting, w.at)
		q.overflowing -= w.overflows()
		if w.unroutable {
			q.unroutable--
		}
	}
	delete(q.excluding, w.ID)
}

// exhausted reports whether nobody is left to offer the work to: everybody who
// could take it but for their load has declined. Who could never take it, for
// its size or because somebody else is required, is nobody to wait for.
func (e *Engine) exhausted(w *Work) bool {
	q := e.queueOf(w)
	if needy(w.Needs) {
		return !slices.ContainsFunc(e.rarest(active(w.Needs)), func(a *Agent) bool {
			return a.Channels != 0 && e.able(w, a) && !w.excludes(a.ID)
		})
	}
	for a := range q.present {
		if e.able(w, a) && !w.excludes(a.ID) {
			return false
		}
	}
	return true
}

func active(needs []Need) []Need {
	return slices.DeleteFunc(slices.Clone(needs), func(n Need) bool { return n.Dropped })
}

// able reports whether the agent could be offered the work but for load,
// connection and declines.
func (e *Engine) able(w *Work, a *Agent) bool {
	pair := e.pair(w, a)
	pair.Connected, pair.Declined, pair.Held = true, false, false
	pair.Open, pair.Offers, pair.Used, pair.InterruptibleUsed = 0, 0, 0, 0
	return a.SignedIn() && pair.Verdict() == 0
}

// reconsider clears the exclusions of work for which the agent may have been
// the last candidate, once its presence has changed, and sends on what waited
// for it alone.
func (s *step) reconsider(a *Agent) {
	for _, q := range s.concerned(a) {
		s.reconsiderQueue(q)
		s.desert(q)
	}
}

// concerned returns the queues whose work the agent may take.
func (e *Engine) concerned(a *Agent) []*queue {
	var out []*queue
	for i := range a.Definition.Queues {
		out = append(out, e.queues[a.Definition.Queues[i].Queue])
	}
	if len(a.Definition.Skills) == 0 { // a skill may have ended just now
		return out
	}
	for _, q := range e.bySkills {
		if !a.member(q.definition.Name) {
			out = append(out, q)
		}
	}
	return out
}

func (s *step) reconsiderQueue(q *queue) {
	if len(q.excluding) == 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(q.excluding)) {
		s.clearIfExhausted(q.excluding[id])
	}
}

func (s *step) clearIfExhausted(w *Work) {
	q := s.queueOf(w)
	if w.State != Waiting || q.routing.DeclineRule != UntilExhausted || len(w.Excluded) == 0 {
		return
	}
	if s.exhausted(w) {
		s.emit(Event{Kind: KindExclusionsCleared, Work: w.ID, Queue: w.Queue})
	}
}

// Waits reports whether work waits in the queue, or is offered and the queue
// offers work to several agents.
func (e *Engine) Waits(queue string) bool {
	q := e.queues[queue]
	return q != nil && (len(q.waiting) > 0 || q.definition.offerTo() > 1 && q.counts[Offered] > 0)
}

// waiting is a heap of what waits in a queue, the oldest first. Work knows where
// in it it is.
type waiting []*Work

// inOrder returns what waits, oldest first.
func (g waiting) inOrder() []*Work {
	out := slices.Clone(g)
	slices.SortFunc(out, older)
	return out
}

func older(a, b *Work) int {
	return cmp.Or(cmp.Compare(a.RequestedAt, b.RequestedAt), cmp.Compare(a.ID, b.ID))
}

// before reports whether work is pending before other work of its queue.
func before(a, b *Work) bool {
	target := func(w *Work) Time {
		if w.Spec.TargetAcceptAt == 0 {
			return math.MaxInt64
		}
		return w.Spec.TargetAcceptAt
	}
	return cmp.Or(
		cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Secondary, b.Secondary), cmp.Compare(target(a), target(b)), older(a, b),
	) < 0
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (g waiting) Len() int           { return len(g) }
func (g waiting) Less(i, j int) bool { return older(g[i], g[j]) < 0 }
func (g waiting) Swap(i, j int) {
	g[i], g[j] = g[j], g[i]
	g[i].at, g[j].at = i, j
}

func (g *waiting) Push(x any) {
	w := x.(*Work)
	w.at = len(*g)
	*g = append(*g, w)
}

func (g *waiting) Pop() any {
	last := len(*g) - 1
	w := (*g)[last]
	(*g)[last] = nil
	*g = (*g)[:last]
	return w
}
