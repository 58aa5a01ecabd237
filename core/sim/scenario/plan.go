// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// The names that a scenario's workspace is made of.
const (
	channelName  = "work"
	statusName   = "available"
	routingName  = "routing"
	strategyName = "strategy"
)

// begin is when every run begins: a Monday, so that days are whole.
const begin engine.Time = 1_704_067_200_000

// plan is a scenario made ready to be played. Classes and groups are in order
// of their names.
type plan struct {
	classes []class
	groups  []group
	model   route.Model
	// from is when counting begins, to when the run ends.
	from, to engine.Time
}

type class struct {
	Class
	name   string
	source source
	size   engine.Milli
	// groups are the ones that serve it, by number.
	groups []int
}

type group struct {
	Group
	name     string
	speed    float64
	capacity engine.Milli
	// service is by number of class.
	service []Distribution
}

// newPlan makes a plan of a scenario that is valid.
func newPlan(s *Scenario) (*plan, error) {
	p := &plan{}
	p.model, _ = modelNamed(s.Model)
	for _, name := range sortedKeys(s.Classes) {
		c := class{Class: s.Classes[name], name: name, source: newSource(s.Seed, name)}
		c.Queue, c.size = c.queue(name), milli(c.Size)
		p.classes = append(p.classes, c)
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
	case p.to-begin > engine.Time(maxSpan.Milliseconds()):
		return nil, Faults{{Path: "horizon", Message: "so many customers take more than ten years to come; ask for fewer"}}
	case p.from >= p.to:
		return nil, Faults{{Path: "warm_up", Message: "the warm-up takes as long as the horizon, which includes it"}}
	}
	return p, nil
}

func (p *plan) addGroup(name string, g Group) {
	number := len(p.groups)
	out := group{Group: g, name: name, speed: or(g.Speed, 1), capacity: milli(g.Capacity)}
	for i := range p.classes {
		c := &p.classes[i]
		own, ok := g.Service[c.name]
		if !ok {
			own = c.Service
		}
		out.service = append(out.service, own)
		if slices.Contains(g.Queues, c.Queue) && out.capacity >= c.size {
			c.groups = append(c.groups, number)
		}
	}
	p.groups = append(p.groups, out)
}

func milli(units float64) engine.Milli { return engine.Milli(or(units, 1)*float64(engine.Unit) + 0.5) }

// end returns when an extent is over: after its time, or when the last of its
// customers comes, whichever class that is of; or later than any run may last.
func (p *plan) end(e Extent) engine.Time {
	if e.Time > 0 {
		return begin + engine.Time(e.Time.Milliseconds())
	}
	streams := make([]*stream, len(p.classes))
	next := make([]engine.Time, len(p.classes))
	for i := range p.classes {
		streams[i] = p.stream(i)
		_, next[i] = streams[i].next()
	}
	at := begin
	for n := 0; n < e.Customers && at-begin <= engine.Time(maxSpan.Milliseconds()); n++ {
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
	return newStream(p.classes[class].source, begin, &p.classes[class].Arrivals)
}

// steady reports whether every class comes at one rate throughout.
func (p *plan) steady() bool {
	return !slices.ContainsFunc(p.classes, func(c class) bool { return len(c.Arrivals.Periods) > 0 })
}

// definition is the workspace's.
func (p *plan) definition() engine.Definition {
	def := engine.Definition{
		Channels:       []engine.Channel{{Name: channelName, Size: engine.Units(engine.Unit)}},
		Statuses:       []engine.Status{{Name: statusName, Channels: []string{channelName}}},
		RoutingConfigs: []engine.RoutingConfig{{Name: routingName, Model: p.model, Strategy: strategyName}},
		Grace:          1,
		// What has ended is in the ledger; the engine need not keep it.
		KeepClosedItems: 1,
	}
	for i := range p.classes {
		name := p.classes[i].Queue
		if !slices.ContainsFunc(def.Queues, func(q engine.QueueDefinition) bool { return q.Name == name }) {
			def.Queues = append(def.Queues, engine.QueueDefinition{Name: name, Routing: routingName})
		}
	}
	for i := range p.groups {
		g := &p.groups[i]
		def.PresenceConfigs = append(def.PresenceConfigs, engine.PresenceConfig{
			Name: g.name, Capacity: g.capacity, MaxOpen: 1<<16 - 1, AutoAccept: true,
		})
		for n := range g.Agents {
			def.Agents = append(def.Agents, engine.AgentDefinition{ID: g.agent(n), PresenceConfig: g.name, Queues: engine.Member(g.Queues...)})
		}
	}
	def.Sort()
	return def
}

// agent names the group's nth agent, from 0.
func (g *group) agent(n int) string { return fmt.Sprintf("%s-%05d", g.name, n+1) }

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
