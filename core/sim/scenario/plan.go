// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// The names that a scenario's workspace is made of.
const (
	channelName   = "work"
	statusName    = "available"
	breakName     = "break"
	finishingName = "finishing"
	routingName   = "routing"
	strategyName  = "strategy"

	routeByQueue  = "queue"
	routeBySkills = "skills"
)

// begin is when every run begins: midnight on a Monday, so that days are whole.
const begin engine.Time = 1_704_067_200_000

// plan is one replication of a scenario made ready to be played. Classes and
// groups are in order of their names.
type plan struct {
	*Scenario
	seed    uint64
	factor  float64
	classes []class
	groups  []group
	queues  []string
	// from is when counting begins, to when the run ends; step is how long a
	// part of the finer series is.
	from, to, step engine.Time
	// label names an agent; see Options.
	label func(group string, n int) string
}

type class struct {
	Class
	name     string
	source   source
	queue    int // by number
	needs    []engine.Need
	patience *law
	delay    *law
}

// recorded returns what is recorded of a customer; nil if nothing is.
func (c *class) recorded(number uint64) *Customer {
	if len(c.Customers) == 0 {
		return nil
	}
	return &c.Customers[number-1]
}

type group struct {
	Group
	name     string
	speed    float64
	capacity engine.Milli
	status   string
	roster   *roster
	// service is by number of class.
	service []*law
}

// newPlan makes a plan of a scenario that is valid.
func newPlan(s *Scenario, replication int) (*plan, error) {
	seed := replicationSeed(s.Seed, replication)
	p := &plan{Scenario: s, seed: seed, factor: s.DayFactor.factor(seed), label: label}
	p.queues = s.queues()
	for _, name := range sortedKeys(s.Classes) {
		p.addClass(name, s.Classes[name])
	}
	for _, name := range sortedKeys(s.Groups) {
		p.addGroup(name, s.Groups[name])
	}
	p.from, p.to = begin, begin
	if s.WarmUp != (Extent{}) {
		p.from = p.end(s.WarmUp)
	}
	p.to = p.end(s.Horizon)
	switch {
	case p.to-begin > maxSpan.engine():
		return nil, Faults{{Path: "horizon", Message: "so many customers take more than ten years to come, or never come; ask for fewer"}}
	case p.from >= p.to:
		return nil, Faults{{Path: "warm_up", Message: "the warm-up takes as long as the horizon, which includes it"}}
	}
	p.step = max(p.period()/pointsPerPeriod, 1)
	return p, nil
}

// points returns how many points the finer series has.
func (p *plan) points() int { return int((p.to - p.from + p.step - 1) / p.step) }

// point returns which of them a moment belongs to.
func (p *plan) point(at engine.Time) int {
	return min(max(int((at-p.from)/p.step), 0), p.points()-1)
}

// pointsPerPeriod is how much finer the series is than the periods.
const pointsPerPeriod = 6

// period returns the length of the periods that results are given for: as asked
// for, or such that there are at most 48.
func (p *plan) period() engine.Time {
	if p.Period > 0 {
		return p.Period.engine()
	}
	const minute, most = 60_000, 48
	for _, minutes := range []engine.Time{1, 5, 15, 30, 60, 120, 240, 480, 1440} {
		if (p.to - p.from) <= minutes*minute*most {
			return minutes * minute
		}
	}
	days := engine.Time(1)
	for (p.to - p.from) > days*1440*minute*most {
		days *= 7
	}
	return days * 1440 * minute
}

func (p *plan) addClass(name string, c Class) {
	out := class{Class: c, name: name, source: newSource(p.seed, name), needs: c.Skills.engine()}
	for _, customer := range c.Customers {
		out.Arrivals.Times = append(out.Arrivals.Times, customer.Arrived)
	}
	out.queue = slices.Index(p.queues, c.queue(name))
	if c.Patience != nil {
		out.patience = c.Patience.law()
	}
	if c.Retrials != nil {
		out.delay = c.Retrials.Delay.law()
	}
	p.classes = append(p.classes, out)
}

func (p *plan) addGroup(name string, g Group) {
	out := group{Group: g, name: name, speed: or(g.Speed, 1), capacity: milli(g.Capacity), status: statusName, roster: newRoster(&g)}
	if len(g.Channels) > 0 {
		out.status = statusName + " " + name
	}
	for i := range p.classes {
		own, ok := g.Service[p.classes[i].name]
		if !ok {
			own = p.classes[i].Service
		}
		out.service = append(out.service, own.law())
	}
	p.groups = append(p.groups, out)
}

// end returns when an extent is over: after its time, or when the last of its
// customers comes, whichever class that is of; or later than any run may last.
func (p *plan) end(e Extent) engine.Time {
	if e.Time > 0 {
		return begin + e.Time.engine()
	}
	streams := make([]*stream, len(p.classes))
	next := make([]engine.Time, len(p.classes))
	for i := range p.classes {
		streams[i] = p.stream(i)
		_, next[i] = streams[i].next()
	}
	at := begin
	for n := 0; n < e.Customers && at-begin <= maxSpan.engine(); n++ {
		first := 0
		for i := range next {
			if next[i] < next[first] {
				first = i
			}
		}
		at = next[first]
		_, next[first] = streams[first].next()
	}
	return at
}

func (p *plan) stream(class int) *stream {
	return newStream(p.classes[class].source, begin, &p.classes[class].Arrivals, p.factor)
}

// steady reports whether nothing varies over the run but by chance.
func (p *plan) steady() bool {
	return !slices.ContainsFunc(p.classes, func(c class) bool { return c.Arrivals.Rate == 0 }) &&
		!slices.ContainsFunc(p.groups, func(g group) bool { return !g.roster.steady() })
}

// zeroAnswers reports whether whoever can take waiting work is given it at once.
func (p *plan) zeroAnswers() bool { return p.AnswerTime.zero() && !p.Strategy.Holds }

// definition is the workspace's.
func (p *plan) definition() engine.Definition {
	def := engine.Definition{
		Statuses: []engine.Status{{Name: breakName}, {Name: finishingName}},
		RoutingConfigs: []engine.RoutingConfig{{
			Name: routingName, Model: modelNamed(p.Model), Strategy: strategyName,
			BySkills: p.RouteBy == routeBySkills, DropAfter: p.DropAdditionalSkillsAfter.engine(),
		}},
		Grace:      1,
		MaxWaiting: uint32(p.MaxWaiting),
		// What has ended is in the ledger; the engine need not keep it.
		KeepClosedItems: 1,
		Skills:          p.skills(),
	}
	channels := make(map[string]bool)
	for i := range p.classes {
		channels[p.classes[i].channel()] = true
	}
	for _, name := range sortedKeys(channels) {
		def.Channels = append(def.Channels, engine.Channel{Name: name, Size: engine.Units(engine.Unit)})
	}
	def.Statuses = append(def.Statuses, engine.Status{Name: statusName, Channels: sortedKeys(channels)})
	for _, name := range p.queues {
		def.Queues = append(def.Queues, engine.QueueDefinition{
			Name: name, Routing: routingName, MaxWaiting: uint32(p.Queues[name].MaxWaiting),
		})
	}
	for i := range p.groups {
		p.groups[i].define(&def, p.label)
	}
	def.Sort()
	return def
}

// define adds the group's agents to a definition.
func (g *group) define(def *engine.Definition, label func(string, int) string) {
	def.PresenceConfigs = append(def.PresenceConfigs, engine.PresenceConfig{
		Name: g.name, Capacity: g.capacity, MaxOpen: 1<<16 - 1, AutoAccept: true,
	})
	if g.status != statusName {
		def.Statuses = append(def.Statuses, engine.Status{Name: g.status, Channels: slices.Sorted(slices.Values(g.Channels))})
	}
	memberships := engine.Member(slices.Sorted(slices.Values(g.Queues))...)
	for i := range memberships {
		memberships[i].Weight = g.Weight
	}
	var skills []engine.Skill
	for _, name := range sortedKeys(g.Skills) {
		skills = append(skills, engine.Skill{Name: name, Level: g.Skills[name].engine()})
	}
	for n := range g.roster.seats {
		def.Agents = append(def.Agents, engine.AgentDefinition{
			ID: label(g.name, n), PresenceConfig: g.name, Queues: memberships, Skills: skills,
		})
	}
}

// skills lists every skill that is named.
func (p *plan) skills() []string {
	names := make(map[string]bool)
	for i := range p.classes {
		for name := range p.classes[i].Skills {
			names[name] = true
		}
		for _, customer := range p.classes[i].Customers {
			for name := range customer.Skills {
				names[name] = true
			}
		}
	}
	for i := range p.groups {
		for name := range p.groups[i].Skills {
			names[name] = true
		}
	}
	return sortedKeys(names)
}

// label names a group's nth agent, from 0.
func label(group string, n int) string { return fmt.Sprintf("%s-%05d", group, n+1) }

// modelNamed finds a model by its stable name; empty is least_active.
func modelNamed(name string) route.Model {
	for m := route.ModelLeastActive; m <= route.ModelWeightedRandom; m++ {
		if m.String() == name {
			return m
		}
	}
	return route.ModelLeastActive
}

// spec is what the desk employs.
func (s *Strategy) spec() (strategy.Spec, error) {
	spec := strategy.Spec{
		Name: strategyName, Runtime: or(s.Runtime, "builtin"), Source: or(s.Source, "queue"), SHA256: s.SHA256,
	}
	if len(s.Settings) == 0 {
		return spec, nil
	}
	settings, err := json.Marshal(s.Settings)
	if err != nil {
		return spec, Faults{{Path: "strategy.settings", Message: "they cannot be written as JSON: " + err.Error()}}
	}
	spec.Settings = settings
	return spec, nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
