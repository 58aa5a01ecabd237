// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"fmt"
	"slices"
)

// followsDefinition prepares what an event of the past puts in force.
func (e *Engine) followsDefinition(ev *Event) error {
	d := ev.Definition
	if c := ev.Change; c != nil && c.Patch != nil {
		d = e.definition.Patched(c.Patch)
	}
	if d == nil {
		return fmt.Errorf("there is no definition")
	}
	names, err := d.index()
	if err != nil {
		return err
	}
	e.prepared = &prepared{definition: d, names: names}
	return e.replaceable(Diff(e.definition, d), names)
}

// configured puts the prepared definition in force.
func (e *Engine) configured(ev *Event) {
	former, change := e.definition, Change{}
	if ev.Change != nil {
		change = *ev.Change
	}
	if change.Source != "" {
		e.source = change.Source
	}
	if ev.Config == e.config {
		e.prepared = nil
		return
	}
	d, names := e.prepared.definition, e.prepared.names
	e.prepared = nil
	patch := change.Patch
	if patch == nil {
		patch = Diff(former, d)
	}
	if patch.narrow() && e.config > 0 {
		e.adjust(patch, d, names)
	} else {
		e.definition, e.names = d, names
		e.seat(patch)
		for _, w := range e.inOrder {
			e.refit(w)
		}
		e.enqueue()
	}
	e.config = ev.Config
	e.keepVersion(Version{Config: ev.Config, At: ev.At, By: change.By, Note: ev.Reason}, former)
}

// seat brings the whole roster in line with the definition.
func (e *Engine) seat(p *Patch) {
	for _, id := range p.Gone.Agents {
		delete(e.agents, id)
	}
	for i := range p.Set.Agents {
		e.seatOne(p.Set.Agents[i].ID)
	}
	e.roster = e.roster[:0]
	for _, a := range e.agents {
		e.roster = append(e.roster, a)
		e.point(a)
		a.Version++
	}
	slices.SortFunc(e.roster, byID)
}

func byID(a, b *Agent) int { return cmp.Compare(a.ID, b.ID) }

// seatOne takes over what is new or different of an agent.
func (e *Engine) seatOne(id string) *Agent {
	a := e.agents[id]
	if a == nil {
		a = &Agent{ID: id, Status: Offline}
		e.agents[id] = a
	}
	e.point(a)
	a.Skills, a.SkillsAt = a.Definition.valid(e.now), e.now
	a.Version++
	return a
}

// point leads an agent to its places in the definition.
func (e *Engine) point(a *Agent) {
	a.Definition = e.names.agents[a.ID]
	a.Presence = e.names.presence[a.Definition.PresenceConfig]
	a.Channels = e.names.statuses[a.Status].bits
	a.Excess = max(0, a.Used-a.Presence.Capacity)
	a.InterruptibleExcess = max(0, a.InterruptibleUsed-a.Presence.Interruptible)
	a.idle(e.now)
}

// refit fits work that is not done to what its queue and channel say now: whom
// its tier asks, whom a decline excludes, what comes first, and, while it waits,
// what it takes. What it requires was settled when it came.
func (e *Engine) refit(w *Work) {
	if w.State.Ended() {
		return
	}
	definition := e.names.queues[w.Queue]
	routing, channel := e.names.routing[definition.Routing], e.channelOf(w.Spec.Channel)
	w.retier(len(definition.Tiers))
	revision := w.Revision
	if len(w.Excluded) > 1 && routing.DeclineRule == LastOnly {
		w.Excluded = slices.Clone(w.Excluded[len(w.Excluded)-1:])
		revision++
	}
	priority, secondary, size := w.Priority, w.Secondary, w.Size
	w.Priority, w.Secondary = routing.Priority, channel.Secondary.of(w.Spec.Attributes)
	if w.Spec.Priority != nil {
		w.Priority = *w.Spec.Priority
	}
	if w.State == Waiting {
		w.Size = sizeOf(&w.Spec, routing, channel)
	}
	if w.Priority != priority || w.Secondary != secondary || w.Size != size {
		revision = w.Revision + 1
	}
	w.Revision = revision
}

// retier fits the tier to so many waits: all are asked where there are none, and
// only the first where there are again.
func (w *Work) retier(tiers int) {
	if tiers == 0 {
		w.Tier = 0
		return
	}
	w.Tier = min(max(w.Tier, 1), uint16(tiers)+1)
}

// enqueue derives the queues anew from definition, roster and work. Whether
// they are open, it takes over.
func (e *Engine) enqueue() {
	former := e.queues
	e.queues = make(map[string]*queue, len(e.names.queues))
	e.holders = make(map[string][]*Agent, len(e.names.skills))
	e.bySkills, e.watched, e.pools, e.waiting, e.longest = nil, nil, pools{}, 0, 0
	for i := range e.definition.Channels {
		if c := &e.definition.Channels[i]; c.LastAgentFor > 0 {
			e.longest = max(e.longest, c.within())
		}
	}
	for i := range e.definition.Queues {
		definition := &e.definition.Queues[i]
		q := newQueue()
		q.stale = true // until it is asked about
		if old := former[definition.Name]; old != nil {
			q.closed = old.closed
		}
		e.queues[definition.Name] = q
		e.lead(q, definition)
	}
	for _, q := range e.watched { // not before all queues are there, which other timers are about
		e.watch(q, e.now)
	}
	for _, a := range e.roster {
		e.join(a)
	}
	for _, w := range e.inOrder {
		if e.queueOf(w) != nil && !w.forgotten {
			e.enter(w)
		}
	}
}

func newQueue() *queue {
	return &queue{present: make(map[*Agent]struct{}), excluding: make(map[WorkID]*Work)}
}

// lead leads a queue to its places in the definition.
func (e *Engine) lead(q *queue, definition *QueueDefinition) {
	q.definition, q.routing, q.calendar = definition, e.names.routing[definition.Routing], e.names.hours[definition.Hours]
	if q.routing.BySkills {
		e.bySkills = append(e.bySkills, q)
	}
	if q.calendar != nil {
		e.watched = append(e.watched, q)
	}
}

// doubt says that nothing is known any more of who could take what waits.
func (q *queue) doubt() {
	q.stale = true
	clear(q.routability)
}

// join makes an agent known to queues and skills.
func (e *Engine) join(a *Agent) {
	e.pools.add(a.Presence)
	for i := range a.Definition.Queues {
		q := e.queues[a.Definition.Queues[i].Queue]
		if last := len(q.members) - 1; last < 0 || q.members[last].ID < a.ID {
			q.members = append(q.members, a)
		} else {
			at, _ := slices.BinarySearchFunc(q.members, a, byID)
			q.members = slices.Insert(q.members, at, a)
		}
		q.pools.add(a.Presence)
	}
	e.enroll(a)
	if a.SignedIn() {
		e.headcount(a, 1)
	}
	a.available = false
	e.reckon(a)
	e.learn(a)
}

// learn notes which skills the agent holds, or will, and sees to the next change;
// unlearn forgets them.
func (e *Engine) learn(a *Agent) {
	for i := range a.Definition.Skills {
		if s := &a.Definition.Skills[i]; s.Until == 0 || s.Until > a.SkillsAt {
			e.holders[s.Name] = append(e.holders[s.Name], a)
		}
	}
	if next := a.Definition.skillsChange(a.SkillsAt); next > 0 {
		e.schedule(timer{at: next, kind: validity, agent: a.ID})
	}
}

func (e *Engine) unlearn(a *Agent) {
	for i := range a.Definition.Skills {
		name := a.Definition.Skills[i].Name
		if at := slices.Index(e.holders[name], a); at >= 0 {
			e.holders[name] = slices.Delete(e.holders[name], at, at+1)
		}
	}
}
