// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"container/heap"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// apply brings the ledger up to one event and checks that it could happen.
func (c *Checker) apply(e *patchbayv1.Event) {
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_CONFIGURED:
		c.reconfigured()
	case patchbayv1.EventKind_EVENT_KIND_WORK_CREATED:
		c.created(e)
	case patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED:
		c.offered(e)
	case patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED:
		c.accepted(e)
	case patchbayv1.EventKind_EVENT_KIND_OFFER_DECLINED:
		c.counts.Declined++
		c.offerEnded(e)
	case patchbayv1.EventKind_EVENT_KIND_OFFER_TIMED_OUT:
		c.counts.TimedOut++
		c.offerEnded(e)
	case patchbayv1.EventKind_EVENT_KIND_OFFER_UNAVAILABLE:
		c.counts.Unavailable++
		c.offerEnded(e)
	case patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED:
		c.completed(e)
	case patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED:
		c.counts.Cancelled++
		c.ended(e, patchbayv1.WorkState_WORK_STATE_CANCELLED)
	case patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED:
		c.counts.Abandoned++
		c.ended(e, patchbayv1.WorkState_WORK_STATE_ABANDONED)
	case patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED:
		c.counts.Expired++
		c.ended(e, patchbayv1.WorkState_WORK_STATE_EXPIRED)
	case patchbayv1.EventKind_EVENT_KIND_WORK_REQUEUED:
		c.counts.Requeued++
		c.requeued(e)
	case patchbayv1.EventKind_EVENT_KIND_PROPOSAL_REFUSED:
		c.counts.Refused++
	default:
		c.presence(e)
	}
}

// find returns the work of an event, nil if it is from before.
func (c *Checker) find(e *patchbayv1.Event) *work {
	w := c.works[e.GetWork()]
	if w == nil && c.after == 0 {
		c.violation("event %d, %v, is about %q, which never came in", e.GetNumber(), e.GetKind(), e.GetWork())
	}
	return w
}

// agent returns the agent of an event.
func (c *Checker) agent(id string) *agent {
	a := c.agents[id]
	if a == nil {
		a = &agent{id: id, capacity: -1}
		c.agents[id] = a
	}
	return a
}

// reconfigured forgets what the config said of agents, which may be another
// now. The first config of all is the one the host told us.
func (c *Checker) reconfigured() {
	if c.number == 1 {
		return
	}
	for _, a := range c.agents {
		a.capacity = -1
	}
}

func (c *Checker) created(e *patchbayv1.Event) {
	c.counts.Created++
	if c.works[e.GetWork()] != nil {
		c.violation("event %d: %s came in twice", e.GetNumber(), e.GetWork())
		return
	}
	w := &work{id: e.GetWork(), queue: e.GetQueue(), state: patchbayv1.WorkState_WORK_STATE_WAITING}
	if created := e.GetCreated(); created != nil {
		w.size = milli(created.GetSize())
		if w.queue == "" {
			w.queue = created.GetQueue()
		}
	}
	w.straight = c.load.idle[w.queue] > c.load.waiting
	c.works[w.id] = w
	c.load.waiting++
}

func (c *Checker) offered(e *patchbayv1.Event) {
	c.counts.Offers++
	c.counts.Runtimes[e.GetDecision().GetRuntime()]++
	w := c.find(e)
	if w == nil {
		return
	}
	a := c.agent(e.GetAgent())
	if w.state != patchbayv1.WorkState_WORK_STATE_WAITING {
		c.violation("event %d: %s is offered to %s while it is %v", e.GetNumber(), w.id, a.id, w.state)
	}
	if c.assignments[e.GetAssignment()] != nil {
		c.violation("event %d: assignment %s was there before", e.GetNumber(), e.GetAssignment())
	}
	if a.told.signedIn && !a.signedIn || a.told.online && !a.online {
		c.violation("event %d: %s is offered to %s, who is not there", e.GetNumber(), w.id, a.id)
	}
	x := &assignment{id: e.GetAssignment(), work: w, agent: a}
	if e.GetDeadline() != nil {
		x.deadline = e.GetDeadline().AsTime()
		heap.Push(&c.deadlines, x)
	}
	c.assignments[x.id] = x
	if w.assignment != nil {
		c.release(w)
	}
	c.load.leave(w)
	w.state, w.assignment = patchbayv1.WorkState_WORK_STATE_OFFERED, x
	a.used += w.size
	a.held++
	c.load.update(a)
	if a.capacity >= 0 && a.used > a.capacity {
		c.violation("event %d: %s holds %d thousandths of a unit, and may hold %d", e.GetNumber(), a.id, a.used, a.capacity)
	}
	if a.capacity >= 0 && a.maxOpen > 0 && a.held > a.maxOpen {
		c.violation("event %d: %s holds %d assignments, and may hold %d", e.GetNumber(), a.id, a.held, a.maxOpen)
	}
}

// release takes the work from its agent.
func (c *Checker) release(w *work) {
	x := w.assignment
	if x == nil {
		return
	}
	x.ended, w.assignment = true, nil
	x.agent.used -= w.size
	x.agent.held--
	c.load.update(x.agent)
	delete(c.assignments, x.id)
}

// standing returns the assignment an event is about, if it stands, is that of
// the event's agent and work, and is open or not as it should be.
func (c *Checker) standing(e *patchbayv1.Event, open bool) *assignment {
	w := c.find(e)
	if w == nil {
		return nil
	}
	x := w.assignment
	switch {
	case x == nil || x.id != e.GetAssignment():
		c.violation("event %d, %v, is about %s, which does not stand: %s is %v", e.GetNumber(), e.GetKind(), e.GetAssignment(), w.id, w.state)
		return nil
	case e.GetAgent() != "" && e.GetAgent() != x.agent.id:
		c.violation("event %d, %v of %s, is by %s and not by %s", e.GetNumber(), e.GetKind(), x.id, e.GetAgent(), x.agent.id)
	case x.open != open:
		c.violation("event %d, %v of %s: it was %v", e.GetNumber(), e.GetKind(), x.id, w.state)
	}
	return x
}

func (c *Checker) accepted(e *patchbayv1.Event) {
	c.counts.Accepted++
	x := c.standing(e, false)
	if x == nil {
		return
	}
	if !x.deadline.IsZero() && c.at.Sub(x.deadline) > leeway {
		c.violation("event %d: %s was accepted at %v, its deadline was %v", e.GetNumber(), x.id, c.at, x.deadline)
	}
	x.open = true
	x.work.state = patchbayv1.WorkState_WORK_STATE_OPEN
}

// offerEnded puts the work of an offer that came to nothing back to waiting.
func (c *Checker) offerEnded(e *patchbayv1.Event) {
	if x := c.standing(e, false); x != nil {
		c.wait(x.work)
	}
}

// wait puts the work back to waiting.
func (c *Checker) wait(w *work) {
	c.release(w)
	w.state = patchbayv1.WorkState_WORK_STATE_WAITING
	c.load.waiting++
}

func (c *Checker) completed(e *patchbayv1.Event) {
	c.counts.Completed++
	if x := c.standing(e, true); x != nil {
		c.release(x.work)
		x.work.state = patchbayv1.WorkState_WORK_STATE_CLOSED
	}
}

// ended ends work that waits or is offered.
func (c *Checker) ended(e *patchbayv1.Event, state patchbayv1.WorkState) {
	w := c.find(e)
	if w == nil {
		return
	}
	if w.state != patchbayv1.WorkState_WORK_STATE_WAITING && w.state != patchbayv1.WorkState_WORK_STATE_OFFERED {
		c.violation("event %d, %v: %s was %v", e.GetNumber(), e.GetKind(), w.id, w.state)
	}
	c.load.leave(w)
	c.release(w)
	w.state = state
}

func (c *Checker) requeued(e *patchbayv1.Event) {
	w := c.find(e)
	if w == nil {
		return
	}
	if w.assignment == nil {
		c.violation("event %d: %s was requeued while it was %v", e.GetNumber(), w.id, w.state)
		return
	}
	c.wait(w)
}

// presence follows who is there.
func (c *Checker) presence(e *patchbayv1.Event) {
	if e.GetAgent() == "" {
		return
	}
	a := c.agent(e.GetAgent())
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_IN:
		a.signedIn, a.told.signedIn, a.status = true, true, e.GetStatus()
	case patchbayv1.EventKind_EVENT_KIND_AGENT_STATUS_CHANGED:
		a.status = e.GetStatus()
	case patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_OUT:
		a.signedIn, a.told.signedIn, a.status = false, true, ""
	case patchbayv1.EventKind_EVENT_KIND_AGENT_CONNECTED:
		a.online, a.told.online = true, true
	case patchbayv1.EventKind_EVENT_KIND_AGENT_DISCONNECTED:
		a.online, a.told.online = false, true
	}
	c.load.update(a)
}

// idleness knows who is free for what.
type idleness struct {
	status  string
	waiting int            // work that waits, in all queues
	idle    map[string]int // members of a queue who hold nothing and could take work
}

// update takes in a change of an agent.
func (l *idleness) update(a *agent) {
	idle := a.signedIn && a.online && a.status == l.status && a.held == 0
	if idle == a.idle {
		return
	}
	a.idle = idle
	step := -1
	if idle {
		step = 1
	}
	for _, q := range a.queues {
		l.idle[q] += step
	}
}

// leave takes in that work stops waiting.
func (l *idleness) leave(w *work) {
	if w.state == patchbayv1.WorkState_WORK_STATE_WAITING {
		l.waiting--
	}
}
