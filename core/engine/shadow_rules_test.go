// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func (s *shadow) queue(name string) engine.QueueDefinition {
	i := slices.IndexFunc(s.definition.Queues, func(q engine.QueueDefinition) bool { return q.Name == name })
	return s.definition.Queues[i]
}

func (s *shadow) routing(queue string) engine.RoutingConfig {
	name := s.queue(queue).Routing
	i := slices.IndexFunc(s.definition.RoutingConfigs, func(r engine.RoutingConfig) bool { return r.Name == name })
	return s.definition.RoutingConfigs[i]
}

func (s *shadow) agentDefinition(id string) engine.AgentDefinition {
	i := slices.IndexFunc(s.definition.Agents, func(a engine.AgentDefinition) bool { return a.ID == id })
	return s.definition.Agents[i]
}

func (s *shadow) presence(agent string) engine.PresenceConfig {
	name := s.agentDefinition(agent).PresenceConfig
	i := slices.IndexFunc(s.definition.PresenceConfigs, func(p engine.PresenceConfig) bool { return p.Name == name })
	return s.definition.PresenceConfigs[i]
}

func (s *shadow) channel(name string) engine.Channel {
	i := slices.IndexFunc(s.definition.Channels, func(c engine.Channel) bool { return c.Name == name })
	return s.definition.Channels[i]
}

// listed returns the channels of the agent's status.
func (s *shadow) listed(agent string) []string {
	for _, status := range s.definition.Statuses {
		if status.Name == s.agents[agent].status {
			return status.Channels
		}
	}
	return nil
}

func (s *shadow) isIn(agent string) bool { return s.agents[agent].status != engine.Offline }

// used sums up what the agent holds of both pools, but for one assignment.
func (s *shadow) used(agent string, but engine.AssignmentID) (primary, interruptible engine.Milli) {
	for id, x := range s.agents[agent].held {
		switch {
		case id == but:
		case x.interruptible:
			interruptible += x.size
		default:
			primary += x.size
		}
	}
	return primary, interruptible
}

func (s *shadow) offersOf(agent string) (n int) {
	for _, x := range s.agents[agent].held {
		n += b2i(!x.accepted)
	}
	return n
}

// takes is what an amount is for the agent: a share of its pool is rounded down,
// but is never nothing.
func (s *shadow) takes(agent string, size engine.Amount, interruptible bool) engine.Milli {
	if size.Percent == 0 {
		return size.Units
	}
	pool := s.presence(agent).Capacity
	if interruptible {
		pool = s.presence(agent).Interruptible
	}
	return max(1, engine.Milli(int64(pool)*int64(size.Percent)/100_000))
}

// fits reports whether the agent has that much free beside what it holds, but for
// one assignment: interruptible work needs it free in both pools.
func (s *shadow) fits(agent string, takes engine.Milli, interruptible bool, but engine.AssignmentID) bool {
	p := s.presence(agent)
	primary, other := s.used(agent, but)
	return p.Capacity-primary >= takes && (!interruptible || p.Interruptible-other >= takes)
}

// fitsEmpty reports whether the agent could hold it if it held nothing else.
func (s *shadow) fitsEmpty(agent, channel string, size engine.Amount) bool {
	interruptible := s.channel(channel).Interruptible
	takes, p := s.takes(agent, size, interruptible), s.presence(agent)
	return takes <= p.Capacity && (!interruptible || takes <= p.Interruptible)
}

// skills are the levels at which the agent holds skills that were valid when
// that was last looked at.
func (s *shadow) skills(agent string) map[string]engine.Level {
	out := make(map[string]engine.Level)
	at := s.agents[agent].skillsAt
	for _, k := range s.agentDefinition(agent).Skills {
		if at >= k.From && (k.Until == 0 || at < k.Until) {
			out[k.Name] = k.Level
		}
	}
	return out
}

// skillsChange is when that is to be looked at again; 0 for never.
func (s *shadow) skillsChange(agent string) (next engine.Time) {
	for _, k := range s.agentDefinition(agent).Skills {
		for _, at := range []engine.Time{k.From, k.Until} {
			if at > s.agents[agent].skillsAt && (next == 0 || at < next) {
				next = at
			}
		}
	}
	return next
}

// tier returns the agent's tier in the queue; 0 for who is no member.
func (s *shadow) tier(agent, queue string) int {
	for _, m := range s.agentDefinition(agent).Queues {
		if m.Queue == queue {
			return max(1, int(m.Tier))
		}
	}
	return 0
}

// suits reports whether the work may go to the agent, whatever the load.
func (s *shadow) suits(agent string, w *shadowWork) bool {
	needs := slices.DeleteFunc(slices.Clone(w.placed.Needs), func(n engine.Need) bool { return n.Dropped })
	skills := s.skills(agent)
	for _, n := range needs {
		if level, ok := skills[n.Skill]; !ok || level < n.Now {
			return false
		}
	}
	tier := s.tier(agent, w.placed.Queue)
	asked := tier > 0 && (w.placed.Tier == 0 || tier <= int(w.placed.Tier)) ||
		len(needs) > 0 && s.routing(w.placed.Queue).BySkills
	return asked && slices.Contains(s.listed(agent), w.spec.Channel) && (!w.placed.Required || w.placed.Agent == agent)
}

// able reports whether an agent could be offered the work but for load,
// connection and declines.
func (s *shadow) able(agent string, w *shadowWork) bool {
	return s.suits(agent, w) && s.fitsEmpty(agent, w.spec.Channel, w.placed.Size)
}

// eligible is the rule for offers, written out once more. Exceed leaves capacity
// out.
func (s *shadow) eligible(agent string, w *shadowWork, exceed bool) bool {
	a, ok := s.agents[agent]
	if !ok || w == nil || w.state.Ended() {
		return false
	}
	q, p := s.queue(w.placed.Queue), s.presence(agent)
	interruptible := s.channel(w.spec.Channel).Interruptible
	return s.suits(agent, w) && a.connected && !slices.Contains(w.excluded, agent) &&
		(!s.closed[q.Name] || q.Closed != engine.ClosedHold) && w.hold == nil &&
		len(a.held) < int(p.MaxOpen) && (p.MaxOffers == 0 || s.offersOf(agent) < int(p.MaxOffers)) &&
		(exceed || s.fits(agent, s.takes(agent, w.placed.Size, interruptible), interruptible, 0))
}

// exhausted reports whether all who could take the work have declined it.
func (s *shadow) exhausted(w *shadowWork) bool {
	for agent := range s.agents {
		if s.able(agent, w) && !slices.Contains(w.excluded, agent) {
			return false
		}
	}
	return true
}

// place says how work of that kind begins in a queue.
func (s *shadow) place(spec engine.WorkSpec, queue string, requested, at engine.Time) engine.Placement {
	q, r, c := s.queue(queue), s.routing(queue), s.channel(spec.Channel)
	p := engine.Placement{Queue: queue, Priority: r.Priority, RequestedAt: requested, QueuedAt: at}
	if spec.Priority != nil {
		p.Priority = *spec.Priority
	}
	none := engine.Amount{}
	switch {
	case spec.Size != none:
		p.Size = spec.Size
	case r.Size != none:
		p.Size = r.Size
	default:
		p.Size = c.Size
	}
	if c.Secondary != nil {
		p.Secondary = c.Secondary.Otherwise
		if n, ok := c.Secondary.Values[spec.Attributes[c.Secondary.Attribute]]; ok {
			p.Secondary = n
		}
	}
	p.Tier = uint16(b2i(len(q.Tiers) > 0))
	if p.Needs = s.needs(spec, queue); p.Needs == nil {
		return p
	}
	p.NeedsSince, p.DropSince = at, at
	if group := s.nextGroup(p.Needs); group >= 0 && r.DropAfter > 0 && at-requested >= r.DropAfter {
		for i := range p.Needs {
			p.Needs[i].Dropped = p.Needs[i].Additional && int(p.Needs[i].Group) == group
		}
	}
	return p
}

// needs are the skills of routing config, source and rules, or else the queue's.
func (s *shadow) needs(spec engine.WorkSpec, queue string) []engine.Need {
	q, r := s.queue(queue), s.routing(queue)
	all := slices.Concat(r.Needs, spec.Needs, spec.Ruled)
	if len(all) == 0 {
		all = q.Needs
	}
	byName := make(map[string]engine.Need)
	for _, n := range all {
		n.Now, n.Dropped = n.Level, false
		known, ok := byName[n.Skill]
		if !ok {
			byName[n.Skill] = n
			continue
		}
		strict := known
		if n.Level > known.Level {
			strict = n
		}
		strict.Additional = n.Additional && known.Additional
		strict.Group = min(n.Group, known.Group) * uint16(b2i(strict.Additional))
		byName[n.Skill] = strict
	}
	var out []engine.Need
	for _, name := range s.definition.Skills {
		if n, ok := byName[name]; ok {
			out = append(out, n)
		}
	}
	return out
}

// somebody reports whether one who passes could ever take such work.
func (s *shadow) somebody(queue string, spec engine.WorkSpec, p engine.Placement, pass func(string) bool) bool {
	for agent := range s.agents {
		if pass(agent) && s.could(agent, queue, spec, p) {
			return true
		}
	}
	return false
}

// could reports whether the agent could take such work at some time, as it is
// configured.
func (s *shadow) could(agent, queue string, spec engine.WorkSpec, p engine.Placement) bool {
	served := slices.ContainsFunc(s.definition.Statuses, func(st engine.Status) bool { return slices.Contains(st.Channels, spec.Channel) })
	if !served || !s.fitsEmpty(agent, spec.Channel, p.Size) || p.Required && p.Backup == "" && p.Agent != agent {
		return false
	}
	r := s.routing(queue)
	// The work passes through stages, each with one group of additional skills
	// fewer. It is enough to be asked in one.
	needs := slices.DeleteFunc(slices.Clone(p.Needs), func(n engine.Need) bool { return n.Dropped && n.Additional && r.DropAfter > 0 })
	for {
		if s.holdsEver(agent, needs) && (s.tier(agent, queue) > 0 || r.BySkills && len(needs) > 0) {
			return true
		}
		group := s.nextGroup(needs)
		if r.DropAfter == 0 || group < 0 {
			return false
		}
		needs = slices.DeleteFunc(needs, func(n engine.Need) bool { return n.Additional && int(n.Group) == group })
	}
}

// holdsEver reports whether the agent holds the skills, now or later, at the
// lowest levels that are required.
func (s *shadow) holdsEver(agent string, needs []engine.Need) bool {
	for _, n := range needs {
		least := n.Level
		for _, step := range n.Relax {
			least = min(least, step.Level)
		}
		if !slices.ContainsFunc(s.agentDefinition(agent).Skills, func(k engine.Skill) bool {
			return k.Name == n.Skill && k.Level >= least && (k.Until == 0 || k.Until > s.agents[agent].skillsAt)
		}) {
			return false
		}
	}
	return true
}

// opens reports whether the queue's hours say that it is open: in these tests
// all hours are Tokyo's, nine hours ahead of UTC without any change of clocks.
func (s *shadow) opens(queue string, at engine.Time) bool {
	name := s.queue(queue).Hours
	if name == "" {
		return true
	}
	i := slices.IndexFunc(s.definition.Hours, func(h engine.Hours) bool { return h.Name == name })
	local := at/minute + 9*60
	of, weekday := uint16(local%(24*60)), (local/(24*60)+4)%7 // 1970 began on a Thursday
	for _, shift := range s.definition.Hours[i].Weekly {
		if shift.Days>>weekday&1 == 1 && shift.From <= of && of < shift.To {
			return true
		}
	}
	return false
}

// opensOrCloses is when the queue is to be opened or closed next, within a
// quarter of an hour.
func (s *shadow) opensOrCloses(queue string, from engine.Time) (at engine.Time, ok bool) {
	for at := from; at < from+15*minute; at = (at/minute + 1) * minute {
		if s.opens(queue, at) == s.closed[queue] {
			return at, true
		}
	}
	return 0, false
}
