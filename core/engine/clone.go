// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"maps"
	"slices"
)

// clone returns a copy that shares no memory, with empty lists as nil.
func (d *Definition) clone() *Definition {
	c := *d
	c.Channels = copied(d.Channels)
	for i := range c.Channels {
		c.Channels[i].clone()
	}
	c.Statuses = copied(d.Statuses)
	for i := range c.Statuses {
		c.Statuses[i].Channels = copied(c.Statuses[i].Channels)
	}
	c.PresenceConfigs = copied(d.PresenceConfigs)
	for i := range c.PresenceConfigs {
		c.PresenceConfigs[i].DeclineReasons = copied(c.PresenceConfigs[i].DeclineReasons)
	}
	c.RoutingConfigs = copied(d.RoutingConfigs)
	for i := range c.RoutingConfigs {
		c.RoutingConfigs[i].Needs = clonedNeeds(c.RoutingConfigs[i].Needs)
	}
	c.Queues = copied(d.Queues)
	for i := range c.Queues {
		q := &c.Queues[i]
		q.Tiers, q.Needs, q.Overflow, q.Deciders = copied(q.Tiers), clonedNeeds(q.Needs), pointed(q.Overflow), q.Deciders.clone()
	}
	c.Agents = copied(d.Agents)
	for i := range c.Agents {
		c.Agents[i].Queues, c.Agents[i].Skills = copied(c.Agents[i].Queues), copied(c.Agents[i].Skills)
	}
	c.Skills = copied(d.Skills)
	c.Hours = copied(d.Hours)
	for i := range c.Hours {
		h := &c.Hours[i]
		h.Weekly, h.Holidays = copied(h.Weekly), copied(h.Holidays)
		for i := range h.Holidays {
			h.Holidays[i].Open = copied(h.Holidays[i].Open)
		}
	}
	c.Flows = copied(d.Flows)
	for i := range c.Flows {
		c.Flows[i].clone()
	}
	c.Profiles = copied(d.Profiles)
	for i := range c.Profiles {
		c.Profiles[i].Statuses = copied(c.Profiles[i].Statuses)
	}
	c.Strategies = copied(d.Strategies)
	for i := range c.Strategies {
		c.Strategies[i].clone()
	}
	return &c
}

func (c *Channel) clone() {
	if c.Secondary != nil {
		s := *c.Secondary
		s.Values = cloned(s.Values)
		c.Secondary = &s
	}
	c.SkillRules = copied(c.SkillRules)
	for i := range c.SkillRules {
		r := &c.SkillRules[i]
		r.Needs, r.Values = clonedNeeds(r.Needs), cloned(r.Values)
		for value, needs := range r.Values {
			r.Values[value] = clonedNeeds(needs)
		}
	}
}

func (f *Flow) clone() {
	f.Channels = copied(f.Channels)
	f.Steps = copied(f.Steps)
	for i := range f.Steps {
		s := &f.Steps[i]
		s.Priority, s.Needs, s.Overflow = pointed(s.Priority), clonedNeeds(s.Needs), pointed(s.Overflow)
	}
}

func clonedNeeds(needs []Need) []Need {
	out := copied(needs)
	for i := range out {
		out[i].Relax = copied(out[i].Relax)
	}
	return out
}

func copied[T any](list []T) []T { return append([]T(nil), list...) }

func pointed[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func cloned[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Sort brings every list whose order means nothing into the order of names,
// which Configure expects so that equal definitions are equal byte by byte.
func (d *Definition) Sort() {
	sortBy(d.Channels, channelName)
	sortBy(d.Statuses, statusName)
	sortBy(d.PresenceConfigs, presenceName)
	sortBy(d.RoutingConfigs, routingName)
	sortBy(d.Queues, queueName)
	sortBy(d.Agents, agentID)
	sortBy(d.Hours, hoursName)
	sortBy(d.Flows, flowName)
	sortBy(d.Strategies, strategyName)
	sortBy(d.Profiles, profileName)
	slices.Sort(d.Skills)
}

func sortBy[T any](list []T, name func(*T) string) {
	for i := 1; i < len(list); i++ { // which copies nothing where there is nothing to do
		if name(&list[i-1]) > name(&list[i]) {
			slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(name(&a), name(&b)) })
			return
		}
	}
}
