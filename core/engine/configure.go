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
		s.openOrClose(s.queues[d.Queues[i].Name])
	}
	for i := range d.Queues {
		q := s.queues[d.Queues[i].Name]
		s.reconsiderQueue(q)
		s.desert(q)
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
		if err := names.keeps(w); err != nil {
			return err
		}
	}
	return nil
}

// keeps refuses a definition without something that the work is about.
func (x *index) keeps(w *Work) error {
	if _, ok := x.channels[w.Spec.Channel]; !ok {
		return refuse(CodeInUse, "channels."+w.Spec.Channel, "%v of channel %q is %v", w.ID, w.Spec.Channel, w.State)
	}
	for _, name := range []string{w.Queue, w.Backup} {
		if name != "" && x.queues[name] == nil {
			return refuse(CodeInUse, "queues."+name, "%v is %v in queue %q, or has it as its backup", w.ID, w.State, name)
		}
	}
	if w.Overflow != nil && x.queues[w.Overflow.To] == nil {
		return refuse(CodeInUse, "queues."+w.Overflow.To, "%v overflows to queue %q", w.ID, w.Overflow.To)
	}
	if w.Required && x.agents[w.Agent] == nil {
		return refuse(CodeInUse, "agents."+w.Agent, "%v requires agent %q", w.ID, w.Agent)
	}
	for i := range w.Needs {
		if !x.skills[w.Needs[i].Skill] {
			return refuse(CodeInUse, "skills."+w.Needs[i].Skill, "%v requires skill %q", w.ID, w.Needs[i].Skill)
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
	for _, w := range e.inOrder {
		w.retier(names)
	}
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
		a.Skills, a.SkillsAt = definition.valid(e.now), e.now
		a.Excess = max(0, a.Used-a.Presence.Capacity)
		a.InterruptibleExcess = max(0, a.InterruptibleUsed-a.Presence.Interruptible)
		a.Version++
		a.idle(e.now)
	}
	e.roster = e.roster[:0]
	for _, a := range e.agents {
		e.roster = append(e.roster, a)
	}
	slices.SortFunc(e.roster, func(a, b *Agent) int { return cmp.Compare(a.ID, b.ID) })
}

// retier fits the tier of work that is not done to what its queue has now: all
// are asked where there are none, and only the first where there are again.
func (w *Work) retier(names *index) {
	if w.State.Ended() {
		return
	}
	tiers := uint16(len(names.queues[w.Queue].Tiers))
	if tiers == 0 {
		w.Tier = 0
		return
	}
	w.Tier = min(max(w.Tier, 1), tiers+1)
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
		q := &queue{
			definition: definition, routing: e.names.routing[definition.Routing], calendar: e.names.hours[definition.Hours],
			present: make(map[*Agent]struct{}), excluding: make(map[WorkID]*Work),
		}
		if old := former[definition.Name]; old != nil {
			q.closed = old.closed
		}
		e.queues[definition.Name] = q
		if q.routing.BySkills {
			e.bySkills = append(e.bySkills, q)
		}
		if q.calendar != nil {
			e.watched = append(e.watched, q)
		}
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

// join makes an agent known to queues and skills.
func (e *Engine) join(a *Agent) {
	e.pools.add(a.Presence)
	for i := range a.Definition.Queues {
		q := e.queues[a.Definition.Queues[i].Queue]
		q.members = append(q.members, a)
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
