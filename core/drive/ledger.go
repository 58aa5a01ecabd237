// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"container/heap"
	"slices"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// apply brings the ledger up to one event and checks that it could happen.
func (c *Checker) apply(e *patchbayv1.Event) {
	c.count(e.GetKind())
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_CONFIGURED:
		c.reconfigured()
	case patchbayv1.EventKind_EVENT_KIND_WORK_CREATED:
		c.created(e)
	case patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED:
		c.offered(e)
	case patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED:
		c.accepted(e)
	case patchbayv1.EventKind_EVENT_KIND_OFFER_DECLINED, patchbayv1.EventKind_EVENT_KIND_OFFER_TIMED_OUT,
		patchbayv1.EventKind_EVENT_KIND_OFFER_UNAVAILABLE, patchbayv1.EventKind_EVENT_KIND_OFFER_WITHDRAWN:
		c.offerEnded(e)
	case patchbayv1.EventKind_EVENT_KIND_GUEST_LEFT:
		if x := c.standing(e, true); x != nil {
			c.release(x)
		}
	case patchbayv1.EventKind_EVENT_KIND_WORK_PAUSED, patchbayv1.EventKind_EVENT_KIND_WORK_RESUMED:
		c.rested(e)
	case patchbayv1.EventKind_EVENT_KIND_WRAP_UP_STARTED:
		if x := c.standing(e, true); x != nil {
			x.work.state = patchbayv1.WorkState_WORK_STATE_WRAP_UP
		}
	case patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED:
		c.completed(e)
	case patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED:
		c.ended(e, patchbayv1.WorkState_WORK_STATE_CANCELLED)
	case patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED:
		c.ended(e, patchbayv1.WorkState_WORK_STATE_ABANDONED)
	case patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED:
		c.ended(e, patchbayv1.WorkState_WORK_STATE_EXPIRED)
	default:
		c.moved(e)
	}
}

// moved follows work that is taken from its agent or to another queue.
func (c *Checker) moved(e *patchbayv1.Event) {
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_WORK_REQUEUED, patchbayv1.EventKind_EVENT_KIND_WORK_TRANSFERRED:
		c.taken(e)
	case patchbayv1.EventKind_EVENT_KIND_HANDED_OVER:
		if x := c.standing(e, true); x != nil {
			c.owned(e, x)
		}
	case patchbayv1.EventKind_EVENT_KIND_WORK_REOPENED:
		if w := c.find(e); w != nil {
			c.wait(w)
		}
	case patchbayv1.EventKind_EVENT_KIND_WORK_OVERFLOWED, patchbayv1.EventKind_EVENT_KIND_WORK_UPDATED:
	default:
		c.presence(e)
	}
	if w := c.works[e.GetWork()]; w != nil && e.GetPlaced().GetQueue() != "" {
		w.queue = e.GetPlaced().GetQueue()
	}
}

// count counts the event.
func (c *Checker) count(kind patchbayv1.EventKind) {
	counter := map[patchbayv1.EventKind]*int{
		patchbayv1.EventKind_EVENT_KIND_WORK_CREATED:      &c.counts.Created,
		patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED:      &c.counts.Offers,
		patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED:    &c.counts.Accepted,
		patchbayv1.EventKind_EVENT_KIND_OFFER_DECLINED:    &c.counts.Declined,
		patchbayv1.EventKind_EVENT_KIND_OFFER_TIMED_OUT:   &c.counts.TimedOut,
		patchbayv1.EventKind_EVENT_KIND_OFFER_UNAVAILABLE: &c.counts.Unavailable,
		patchbayv1.EventKind_EVENT_KIND_OFFER_WITHDRAWN:   &c.counts.Withdrawn,
		patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED:    &c.counts.Completed,
		patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED:    &c.counts.Cancelled,
		patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED:    &c.counts.Abandoned,
		patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED:      &c.counts.Expired,
		patchbayv1.EventKind_EVENT_KIND_WORK_REQUEUED:     &c.counts.Requeued,
		patchbayv1.EventKind_EVENT_KIND_WORK_TRANSFERRED:  &c.counts.Transferred,
		patchbayv1.EventKind_EVENT_KIND_HANDED_OVER:       &c.counts.Transferred,
		patchbayv1.EventKind_EVENT_KIND_WORK_OVERFLOWED:   &c.counts.Overflowed,
		patchbayv1.EventKind_EVENT_KIND_WORK_REOPENED:     &c.counts.Reopened,
		patchbayv1.EventKind_EVENT_KIND_PROPOSAL_REFUSED:  &c.counts.Refused,
	}[kind]
	if counter != nil {
		*counter++
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
	if c.works[e.GetWork()] != nil {
		c.violation("event %d: %s came in twice", e.GetNumber(), e.GetWork())
		return
	}
	w := &work{id: e.GetWork(), queue: e.GetQueue(), state: patchbayv1.WorkState_WORK_STATE_WAITING}
	if created := e.GetCreated(); created != nil && w.queue == "" {
		w.queue = created.GetQueue()
	}
	w.straight = c.load.idle[w.queue] > c.load.waiting
	c.works[w.id] = w
	c.load.waiting++
}

func (c *Checker) offered(e *patchbayv1.Event) {
	c.counts.Runtimes[e.GetDecision().GetRuntime()]++
	w := c.find(e)
	if w == nil {
		return
	}
	a := c.agent(e.GetAgent())
	if !c.offerable(w, e.GetGuest()) {
		c.violation("event %d: %s is offered to %s while it is %v", e.GetNumber(), w.id, a.id, w.state)
	}
	if c.assignments[e.GetAssignment()] != nil {
		c.violation("event %d: assignment %s was there before", e.GetNumber(), e.GetAssignment())
		return
	}
	for _, x := range w.standing {
		if x.agent == a {
			c.violation("event %d: %s is offered to %s, who has %s of it", e.GetNumber(), w.id, a.id, x.id)
		}
	}
	if a.told.signedIn && !a.signedIn || a.told.online && !a.online && e.GetDecision().GetReason() != started {
		c.violation("event %d: %s is offered to %s, who is not there", e.GetNumber(), w.id, a.id)
	}
	x := &assignment{id: e.GetAssignment(), work: w, agent: a, size: milli(e.GetSize()), guest: e.GetGuest()}
	if e.GetDeadline() != nil {
		x.deadline = e.GetDeadline().AsTime()
		heap.Push(&c.deadlines, x)
	}
	c.assignments[x.id] = x
	w.standing = append(w.standing, x)
	if !x.guest {
		c.load.leave(w)
		w.state = patchbayv1.WorkState_WORK_STATE_OFFERED
	}
	a.used += x.size
	a.held++
	c.load.update(a)
	c.checkLoad(e, a)
}

// started is the reason of the assignments of work that its agent started, who
// need not be listening.
const started = "agent_started"

// offerable reports whether work in its state may be offered once more.
func (c *Checker) offerable(w *work, guest bool) bool {
	switch w.state {
	case patchbayv1.WorkState_WORK_STATE_WAITING:
		return !guest
	case patchbayv1.WorkState_WORK_STATE_OFFERED:
		return !guest && len(w.standing) < c.offerTo[w.queue]
	case patchbayv1.WorkState_WORK_STATE_OPEN, patchbayv1.WorkState_WORK_STATE_PAUSED:
		return guest
	default:
		return false
	}
}

// checkLoad checks what the agent holds, unless that may exceed its capacity.
func (c *Checker) checkLoad(e *patchbayv1.Event, a *agent) {
	if a.capacity >= 0 && a.used > a.capacity && !e.GetGranted() {
		c.violation("event %d: %s holds %d thousandths of a unit, and may hold %d", e.GetNumber(), a.id, a.used, a.capacity)
	}
	if a.capacity >= 0 && a.maxOpen > 0 && a.held > a.maxOpen {
		c.violation("event %d: %s holds %d assignments, and may hold %d", e.GetNumber(), a.id, a.held, a.maxOpen)
	}
}

// release takes the assignment from its agent.
func (c *Checker) release(x *assignment) {
	x.ended = true
	x.work.standing = slices.DeleteFunc(x.work.standing, func(other *assignment) bool { return other == x })
	x.agent.used -= x.size
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
	x := c.assignments[e.GetAssignment()]
	switch {
	case x == nil || x.work != w:
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
	x := c.standing(e, false)
	if x == nil {
		return
	}
	if !x.deadline.IsZero() && c.at.Sub(x.deadline) > leeway {
		c.violation("event %d: %s was accepted at %v, its deadline was %v", e.GetNumber(), x.id, c.at, x.deadline)
	}
	x.open = true
	if !x.guest {
		c.owned(e, x)
	}
}

// owned makes the assignment the one of the agent who has the work.
func (c *Checker) owned(e *patchbayv1.Event, x *assignment) {
	for _, other := range x.work.standing {
		if other != x && other.open && !other.guest {
			c.violation("event %d: %s is open at %s and at %s", e.GetNumber(), x.work.id, other.agent.id, x.agent.id)
		}
	}
	c.load.leave(x.work)
	x.guest, x.work.state = false, patchbayv1.WorkState_WORK_STATE_OPEN
}

// offerEnded ends an offer that came to nothing. Unless another stands, its work
// waits again.
func (c *Checker) offerEnded(e *patchbayv1.Event) {
	x := c.standing(e, false)
	if x == nil {
		return
	}
	c.release(x)
	if !x.guest && x.work.state == patchbayv1.WorkState_WORK_STATE_OFFERED && len(x.work.standing) == 0 {
		c.wait(x.work)
	}
}

// wait puts the work back to waiting.
func (c *Checker) wait(w *work) {
	w.state = patchbayv1.WorkState_WORK_STATE_WAITING
	c.load.waiting++
}

// rested follows open work that rests, or goes on.
func (c *Checker) rested(e *patchbayv1.Event) {
	x := c.standing(e, true)
	if x == nil {
		return
	}
	size := milli(e.GetSize())
	x.agent.used += size - x.size
	x.size = size
	x.work.state = patchbayv1.WorkState_WORK_STATE_PAUSED
	if e.GetKind() == patchbayv1.EventKind_EVENT_KIND_WORK_RESUMED {
		x.work.state = patchbayv1.WorkState_WORK_STATE_OPEN
		c.checkLoad(e, x.agent)
	}
}

func (c *Checker) completed(e *patchbayv1.Event) {
	x := c.standing(e, true)
	if x == nil {
		return
	}
	c.release(x)
	x.work.state = patchbayv1.WorkState_WORK_STATE_CLOSED
	c.deserted(e, x.work)
}

// deserted checks that nobody has anything of the work any more.
func (c *Checker) deserted(e *patchbayv1.Event, w *work) {
	for _, x := range slices.Clone(w.standing) {
		c.violation("event %d, %v: %s still has %s of %s", e.GetNumber(), e.GetKind(), x.agent.id, x.id, w.id)
		c.release(x)
	}
}

// ended ends work that waits.
func (c *Checker) ended(e *patchbayv1.Event, state patchbayv1.WorkState) {
	w := c.find(e)
	if w == nil {
		return
	}
	if w.state != patchbayv1.WorkState_WORK_STATE_WAITING {
		c.violation("event %d, %v: %s was %v", e.GetNumber(), e.GetKind(), w.id, w.state)
	}
	for _, x := range slices.Clone(w.standing) {
		c.release(x)
	}
	c.load.leave(w)
	w.state = state
}

// taken puts work back to waiting that its agent has, if any does.
func (c *Checker) taken(e *patchbayv1.Event) {
	w := c.find(e)
	if w == nil {
		return
	}
	if e.GetKind() == patchbayv1.EventKind_EVENT_KIND_WORK_TRANSFERRED && e.GetAssignment() == "" && w.state == patchbayv1.WorkState_WORK_STATE_WAITING {
		return // it was nobody's
	}
	if x := c.standing(e, true); x != nil {
		c.release(x)
		c.wait(w)
	}
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
