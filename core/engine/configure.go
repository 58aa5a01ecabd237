// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"reflect"
	"slices"
)

func (c Configure) decide(s *step) error {
	d := c.Definition.clone()
	d.Sort()
	names, err := d.index()
	if err != nil {
		return err
	}
	if err := s.replaceable(names); err != nil {
		return err
	}
	if s.config > 0 && reflect.DeepEqual(d, s.definition) {
		return nil
	}
	s.emit(Event{Kind: KindConfigured, Config: s.config + 1, Definition: d})
	for i := range d.Queues {
		s.reconsiderQueue(s.queues[d.Queues[i].Name])
	}
	return nil
}

// replaceable refuses a definition without something that is in use.
func (e *Engine) replaceable(names *index) error {
	for _, a := range e.roster {
		if names.agents[a.ID] == nil && (a.SignedIn() || a.Connected || len(a.Held) > 0) {
			return refuse(CodeInUse, "agents."+a.ID, "agent %q is %s and holds %d assignments; sign it out and finish its work first", a.ID, a.Status, len(a.Held))
		}
		if names.statuses[a.Status] == nil {
			return refuse(CodeInUse, "statuses."+a.Status, "agent %q is in status %q", a.ID, a.Status)
		}
	}
	for _, w := range e.inOrder {
		if w.forgotten || w.State.Ended() {
			continue
		}
		if _, ok := names.channels[w.Spec.Channel]; !ok {
			return refuse(CodeInUse, "channels."+w.Spec.Channel, "%v of channel %q is %v", w.ID, w.Spec.Channel, w.State)
		}
		if names.queues[w.Spec.Queue] == nil {
			return refuse(CodeInUse, "queues."+w.Spec.Queue, "%v is %v in queue %q", w.ID, w.State, w.Spec.Queue)
		}
		if agent := w.Spec.RequiredAgent; agent != "" && names.agents[agent] == nil {
			return refuse(CodeInUse, "agents."+agent, "%v requires agent %q", w.ID, agent)
		}
	}
	return nil
}

func (e *Engine) configured(ev *Event) {
	names, err := ev.Definition.index()
	if err != nil {
		panic("engine: a definition was not checked: " + err.Error())
	}
	e.config = ev.Config
	e.definition, e.names = ev.Definition, names
	e.seat()
	e.enqueue()
	for _, w := range e.inOrder {
		if q := e.queueOf(w); !w.State.Ended() && len(w.Excluded) > 1 && q.routing.DeclineRule == LastOnly {
			w.Excluded = slices.Clone(w.Excluded[len(w.Excluded)-1:])
			w.Revision++
		}
	}
}

// seat brings the roster in line with the definition.
func (e *Engine) seat() {
	for id := range e.agents {
		if e.names.agents[id] == nil {
			delete(e.agents, id)
		}
	}
	for id, definition := range e.names.agents {
		a := e.agents[id]
		if a == nil {
			a = &Agent{ID: id, Status: Offline}
			e.agents[id] = a
		}
		a.Definition = definition
		a.Presence = e.names.presence[definition.PresenceConfig]
		a.Channels = e.names.statuses[a.Status].bits
		a.Excess = max(0, a.Used-a.Presence.Capacity)
		a.Version++
		a.idle(e.now)
	}
	e.roster = e.roster[:0]
	for _, a := range e.agents {
		e.roster = append(e.roster, a)
	}
	slices.SortFunc(e.roster, func(a, b *Agent) int { return cmp.Compare(a.ID, b.ID) })
}

// enqueue derives the queues anew from definition, roster and work.
func (e *Engine) enqueue() {
	clear(e.queues)
	for name, definition := range e.names.queues {
		e.queues[name] = &queue{
			definition: definition, routing: e.names.routing[definition.Routing],
			present: make(map[*Agent]struct{}), excluding: make(map[WorkID]*Work),
		}
	}
	for _, a := range e.roster {
		for _, name := range a.Definition.Queues {
			q := e.queues[name]
			q.members = append(q.members, a)
			q.largest = max(q.largest, a.Presence.Capacity)
		}
		e.enroll(a)
	}
	for _, w := range e.inOrder {
		if q := e.queueOf(w); q != nil && !w.forgotten {
			q.enter(w)
		}
	}
}
