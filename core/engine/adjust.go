// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
)

// adjust puts a definition in force that differs little from the one before:
// what the patch does not touch is left as it is.
func (e *Engine) adjust(p *Patch, d *Definition, names *index) {
	e.leaveQueues(p)
	e.definition, e.names = d, names
	e.arrange(p)
	for _, a := range e.roster {
		a.Definition = names.agents[a.ID]
		a.Presence = names.presence[a.Definition.PresenceConfig]
	}
	e.takeSeats(p)
	e.resettle()
}

// leaveQueues takes the agents that the patch touches out of everything derived
// from their definitions, and those it removes off the roster.
func (e *Engine) leaveQueues(p *Patch) {
	for i := range p.Set.Agents {
		if a := e.agents[p.Set.Agents[i].ID]; a != nil {
			e.part(a)
		}
	}
	for _, id := range p.Gone.Agents {
		e.part(e.agents[id])
		delete(e.agents, id)
	}
	if len(p.Gone.Agents) > 0 {
		e.roster = slices.DeleteFunc(e.roster, func(a *Agent) bool { return e.agents[a.ID] == nil })
	}
}

// part is the opposite of join.
func (e *Engine) part(a *Agent) {
	if a.SignedIn() {
		e.headcount(a, -1)
	}
	for i := range a.Definition.Queues {
		q := e.queues[a.Definition.Queues[i].Queue]
		if at, ok := slices.BinarySearchFunc(q.members, a, byID); ok {
			q.members = slices.Delete(q.members, at, at+1)
		}
		delete(q.present, a)
		if a.available {
			q.available--
		}
		q.regrouped = true
	}
	e.unlearn(a)
}

// takeSeats seats the agents that the patch touches, and tells their queues.
func (e *Engine) takeSeats(p *Patch) {
	if len(p.Set.Agents)+len(p.Gone.Agents) == 0 {
		return
	}
	fresh := false
	for i := range p.Set.Agents {
		id := p.Set.Agents[i].ID
		known := e.agents[id] != nil
		a := e.seatOne(id)
		if !known {
			e.roster = append(e.roster, a)
			fresh = true
		}
		e.join(a)
		for j := range a.Definition.Queues {
			e.queues[a.Definition.Queues[j].Queue].regrouped = true
		}
	}
	if fresh {
		slices.SortFunc(e.roster, byID)
	}
	e.pools = pools{}
	for _, a := range e.roster {
		e.pools.add(a.Presence)
	}
	for _, q := range e.bySkills { // whose work goes to whoever holds what it requires
		q.doubt()
	}
}

// arrange brings the queues in line with the definition, and marks those whose
// rules have changed.
func (e *Engine) arrange(p *Patch) {
	for _, name := range p.Gone.Queues {
		delete(e.queues, name)
	}
	e.bySkills, e.watched = nil, nil
	for i := range e.definition.Queues {
		definition := &e.definition.Queues[i]
		q := e.queues[definition.Name]
		if q == nil {
			q = newQueue()
			e.queues[definition.Name] = q
			q.fresh = true
		}
		changed := found(p.Set.Queues, definition.Name, queueName) != nil && (q.fresh || !q.definition.sameRules(definition))
		rerouted := found(p.Set.RoutingConfigs, definition.Routing, routingName) != nil
		q.ruled = changed || rerouted
		e.lead(q, definition)
	}
	for i := range e.definition.Queues { // not before all are there, which other timers are about
		if q := e.queues[e.definition.Queues[i].Name]; q.ruled {
			e.watch(q, e.now)
		}
	}
}

// resettle fits what waits and is open to queues whose rules have changed, and
// has the others find out anew what they can no longer be sure of.
func (e *Engine) resettle() {
	ruled := false
	for _, q := range e.queues {
		if q.regrouped {
			q.pools = pools{}
			for _, a := range q.members {
				q.pools.add(a.Presence)
			}
		}
		if q.regrouped || q.ruled {
			q.doubt()
		}
		ruled = ruled || q.ruled
	}
	if ruled {
		for _, w := range e.inOrder {
			if q := e.queueOf(w); q != nil && q.ruled && !w.forgotten {
				e.resettleWork(q, w)
			}
		}
	}
	for _, q := range e.queues {
		q.regrouped, q.ruled, q.fresh = false, false, false
	}
}

func (e *Engine) resettleWork(q *queue, w *Work) {
	if q.fresh {
		e.enter(w) // it ended here when there was a queue of that name before
		return
	}
	delete(q.excluding, w.ID)
	e.refit(w)
	if q.clears(w) {
		q.excluding[w.ID] = w
	}
	if at := e.due(w); at != 0 {
		e.schedule(timer{at: at, kind: waits, id: uint64(w.ID)})
	}
}
