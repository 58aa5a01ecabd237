// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// How many of each a definition has.
const (
	channels, statuses, presences, routings, queues, agents, skills = 3, 4, 3, 4, 4, 5, 3
)

// amount draws a size or capacity that divides well, or does not.
func (m *machine) amount(name string, list ...engine.Milli) engine.Milli {
	return list[m.pick(name, len(list))]
}

// size draws units or a share of capacity.
func (m *machine) size(name string, list ...engine.Milli) engine.Amount {
	if m.chance("share", 20) {
		percents := []uint32{1, 33_333, 50_000, 100_000}
		return engine.Percent(percents[m.pick("percent", len(percents))])
	}
	return engine.Units(m.amount(name, list...))
}

func (m *machine) definition(wild bool) engine.Definition {
	d := engine.Definition{
		Grace: engine.Time(m.int("grace", 1, 20_000)), KeepClosed: engine.Time(m.int("keep", 0, 60_000)),
		KeepClosedItems: uint32(m.int("keep items", 0, 6)), MaxWaiting: uint32(m.pick("max waiting", 3) * 6),
	}
	for i := range skills {
		d.Skills = append(d.Skills, fmt.Sprint("k", i+1))
	}
	d.Hours = []engine.Hours{m.hours("h1"), m.hours("h2")}
	for i := range channels {
		d.Channels = append(d.Channels, m.channel(i))
	}
	for i := range statuses {
		d.Statuses = append(d.Statuses, engine.Status{Name: fmt.Sprint("s", i+1), Channels: m.some("c", channels, 33*i)})
	}
	for i := range presences {
		d.PresenceConfigs = append(d.PresenceConfigs, m.presenceConfig(i))
	}
	for i := range routings {
		d.RoutingConfigs = append(d.RoutingConfigs, m.routing(i))
	}
	for i := range queues {
		d.Queues = append(d.Queues, m.queue(i))
	}
	for i := range agents {
		d.Agents = append(d.Agents, m.agent(i, d.Queues))
	}
	if wild {
		m.spoil(&d)
	}
	return d
}

// hours are open in some of the minutes in which a history runs: it begins at
// 7:13 of a Wednesday in Tokyo.
func (m *machine) hours(name string) engine.Hours {
	h := engine.Hours{Name: name, Zone: "Asia/Tokyo"}
	for from := uint16(7 * 60); from < 8*60; {
		to := from + uint16(m.pick("open", 20)) + 1
		h.Weekly = append(h.Weekly, engine.Shift{Days: 1 << 3, Span: engine.Span{From: from, To: to}})
		from = to + uint16(m.pick("closed", 4)) + 1
	}
	return h
}

func (m *machine) channel(i int) engine.Channel {
	c := engine.Channel{
		Name: fmt.Sprint("c", i+1), Size: m.size("size", 0, 1, 333, 500, 1000, 1500), OnDisconnect: engine.DisconnectRule(m.pick("rule", 2)),
		Interruptible: m.chance("interruptible", 25),
		// Whom a conversation returns to is told by its channel's first second.
		LastAgentFor: engine.Time(i) * 2000, LastAgentWithin: []engine.Time{0, 30_000, 0}[i],
	}
	if m.chance("by status", 50) {
		c.Capacity, c.PausedSize, c.ResumeOver = engine.ByStatus, m.size("paused", 0, 0, 0, 100, 2000), m.chance("resume over", 50)
	}
	if m.chance("wrap up", 50) {
		c.WrapUp.For = m.span("wrap-up")
		if m.chance("extends", 60) {
			c.WrapUp.Extension, c.WrapUp.Extensions = m.span("extension"), uint8(m.pick("extensions", 3))
		}
	}
	if m.chance("secondary", 40) {
		c.Secondary = &engine.Secondary{Attribute: "k", Values: map[string]int32{"v": 2, "w": -1}, Otherwise: int32(m.pick("otherwise", 2))}
	}
	return c
}

func (m *machine) presenceConfig(i int) engine.PresenceConfig {
	p := engine.PresenceConfig{
		Name: fmt.Sprint("p", i+1), Capacity: m.amount("capacity", 1, 500, 1000, 2000, 3000, 4000, 4000, 8000), MaxOpen: uint16(m.pick("max open", 8) + 1),
		Interruptible: m.amount("interruptible", 0, 2000, 4000, 4000), MaxOffers: uint16(m.pick("max offers", 5)),
	}
	switch m.pick("answers", 6) {
	case 0:
		p.AutoAccept = true
	case 1:
		p.DeclineReasons = []string{"ill"}
		p.StatusAfterDecline, p.StatusAfterTimeout = "s1", "s2"
	case 2:
		p.StatusAfterDecline = "s2"
	}
	return p
}

func (m *machine) routing(i int) engine.RoutingConfig {
	r := engine.RoutingConfig{
		Name: fmt.Sprint("r", i+1), Strategy: "queue", Priority: int32(i), Size: m.size("size", 0, 0, 0, 500, 2000),
		PushTimeout: engine.Time(m.pick("push", 3) * m.int("timeout", 1, 20_000)), DeclineRule: engine.DeclineRule(i % 3),
		BySkills: i >= 2,
	}
	if m.chance("needs", 12) {
		r.Needs = m.needs(1)
	}
	if m.chance("drops", 60) {
		r.DropAfter = m.span("drop")
	}
	return r
}

func (m *machine) queue(i int) engine.QueueDefinition {
	q := engine.QueueDefinition{
		Name: fmt.Sprint("q", i+1), Routing: m.known("r", routings), OfferTo: uint16(m.pick("offer to", 4)),
		Closed: engine.ClosedHold, MaxWaiting: uint32(max(0, m.pick("max waiting", 10)-5)) * 2,
	}
	for wait := m.span("tier"); m.chance("tiers", 30) && len(q.Tiers) < 3; wait += m.span("tier") {
		q.Tiers = append(q.Tiers, wait)
	}
	if m.chance("default skills", 25) {
		q.Needs = m.needs(2)
	}
	if m.chance("overflows", 50) {
		q.Overflow = m.overflow(i)
	}
	if m.chance("hours", 50) {
		q.Hours, q.Closed = m.known("h", 2), engine.ClosedRule(m.pick("closed", 2))
		if q.Overflow != nil {
			q.Closed = engine.ClosedRule(m.pick("closed", 3))
		}
	}
	return q
}

// overflow leads to another queue than that with the index.
func (m *machine) overflow(i int) *engine.Overflow {
	o := &engine.Overflow{To: fmt.Sprint("q", (i+1+m.pick("to", queues-1))%queues+1)}
	switch m.pick("why", 4) {
	case 0:
		o.After = m.span("after")
	case 1:
		o.At = uint32(m.pick("at", 3) + 1)
	case 2:
		o.WhenNobody = true
	default:
		o.After, o.At, o.WhenNobody = m.span("after"), 2, m.chance("nobody", 50)
	}
	return o
}

func (m *machine) agent(i int, in []engine.QueueDefinition) engine.AgentDefinition {
	a := engine.AgentDefinition{ID: fmt.Sprint("a", i+1), PresenceConfig: m.known("p", presences)}
	for _, name := range m.some("q", queues, 75) {
		at := slices.IndexFunc(in, func(q engine.QueueDefinition) bool { return q.Name == name })
		a.Queues = append(a.Queues, engine.Membership{
			Queue: name, Tier: uint16(m.pick("tier", len(in[at].Tiers)+2)), Weight: uint16(m.pick("weight", 3)),
		})
	}
	for _, name := range m.some("k", skills, 60) {
		k := engine.Skill{Name: name, Level: engine.Level(m.pick("level", 5) * 2000)}
		if m.chance("dated", 30) {
			k.From = m.at - 5*second + m.span("from")
			if m.chance("until", 60) {
				k.Until = k.From + m.span("until")
			}
		}
		a.Skills = append(a.Skills, k)
	}
	return a
}

// needs draws up to so many required skills, some additional or relaxing.
func (m *machine) needs(most int) []engine.Need {
	var needs []engine.Need
	for range m.pick("needs", most+1) + b2i(most == 1) {
		n := engine.Need{Skill: m.known("k", skills), Level: engine.Level(m.pick("level", 4) * 2000)}
		if m.chance("additional", 50) {
			n.Additional, n.Group = true, uint16(m.pick("group", 3))
		}
		if n.Level > 0 && m.chance("relaxes", 40) {
			n.Relax = []engine.Relaxation{{After: m.span("relax"), Level: n.Level / 2}}
			if m.chance("again", 50) {
				n.Relax = append(n.Relax, engine.Relaxation{After: n.Relax[0].After + m.span("relax")})
			}
		}
		needs = append(needs, n)
	}
	return needs
}

// spoil removes or breaks one thing, which may or may not be in use.
func (m *machine) spoil(d *engine.Definition) {
	leave := func(queue string) {
		for i := range d.Agents {
			d.Agents[i].Queues = slices.DeleteFunc(d.Agents[i].Queues, func(q engine.Membership) bool { return q.Queue == queue })
		}
		for i := range d.Queues {
			if o := d.Queues[i].Overflow; o != nil && o.To == queue {
				d.Queues[i].Overflow, d.Queues[i].Closed = nil, engine.ClosedHold
			}
		}
	}
	switch m.pick("spoil", 8) {
	case 0:
		d.Agents = slices.Delete(d.Agents, 0, m.int("agents", 1, 2))
	case 1:
		d.Queues = d.Queues[:3]
		leave("q4")
	case 2:
		d.Statuses = d.Statuses[:3]
	case 3:
		d.Channels = append([]engine.Channel{{Name: "a-first"}}, d.Channels...)
	case 4:
		d.Grace = 0
	case 5:
		d.Channels = d.Channels[:2]
		for i := range d.Statuses {
			d.Statuses[i].Channels = slices.DeleteFunc(d.Statuses[i].Channels, func(c string) bool { return c == "c3" })
		}
	case 6:
		d.Skills = d.Skills[:2]
		gone := func(n engine.Need) bool { return n.Skill == "k3" }
		for i := range d.Agents {
			d.Agents[i].Skills = slices.DeleteFunc(d.Agents[i].Skills, func(k engine.Skill) bool { return k.Name == "k3" })
		}
		for i := range d.Queues {
			d.Queues[i].Needs = slices.DeleteFunc(d.Queues[i].Needs, gone)
		}
		for i := range d.RoutingConfigs {
			d.RoutingConfigs[i].Needs = slices.DeleteFunc(d.RoutingConfigs[i].Needs, gone)
		}
	}
}

// spec draws what comes in.
func (m *machine) spec() engine.WorkSpec {
	spec := engine.WorkSpec{
		Channel: m.one("c", channels), Queue: m.one("q", queues), External: "x", Attributes: map[string]string{"k": "v"},
	}
	if m.chance("sized", 35) {
		spec.Size = m.size("sized", 1, 250, 500, 500, 1001, 2500, 4001, -1)
	}
	if m.chance("keyed", 30) {
		spec.Key = fmt.Sprint("k", m.pick("key", 8))
	}
	if m.chance("priority given", 20) {
		p := int32(m.pick("priority", 20) - 1)
		spec.Priority = &p
	}
	if m.chance("aged", 30) {
		spec.RequestedAt = m.at - engine.Time(m.pick("age", 30)-1)*second
	}
	if m.chance("target", 20) {
		spec.TargetAcceptAt = m.at + engine.Time(m.pick("by", 30))*second
	}
	if m.chance("expires", 30) {
		spec.ExpiresAt = m.at + engine.Time(m.pick("in", 60)-1)*second
	}
	if m.chance("skilled", 30) {
		spec.Needs = m.needs(3)
	}
	if m.chance("ruled", 15) {
		spec.Ruled = m.needs(2)
	}
	if m.chance("customer", 40) {
		spec.Customer = m.known("n", 3)
	}
	if m.chance("conversation", 40) {
		spec.Conversation = m.known("n", 3)
	}
	if m.chance("overflows", 10) {
		spec.Overflow = m.overflow(slices.Index([]string{"q0", "q1", "q2", "q3", "q4"}, spec.Queue))
	}
	m.forAgent(&spec)
	return spec
}

func (m *machine) forAgent(spec *engine.WorkSpec) {
	switch m.pick("for", 10) {
	case 0:
		spec.RequiredAgent = m.one("a", agents)
	case 1:
		spec.RequiredAgent, spec.Backup = m.one("a", agents), m.one("q", queues)
		if m.chance("for a time", 70) {
			spec.PreferredFor = m.span("required for")
		}
	case 2:
		spec.PreferredAgent, spec.PreferredFor = m.one("a", agents), m.span("preferred for")
	}
}
