// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

func (f *fields) queue() func(*player) {
	name := f.word("queue")
	var set []func(*Queue)
	for f.more() {
		set = append(set, f.queueField())
	}
	return func(p *player) {
		q := p.host.Queue(name)
		for _, set := range set {
			set(q)
		}
	}
}

func (f *fields) queueField() func(*Queue) {
	switch key := f.word("field"); key {
	case "by-skills", "by-membership":
		return func(q *Queue) { q.BySkills(key == "by-skills") }
	case "held", "opened":
		return func(q *Queue) { q.Held(key == "held") }
	case "offer-to":
		n := uint16(f.natural(key, 16))
		return func(q *Queue) { q.OfferTo(n) }
	default:
		for model := route.ModelLeastActive; model <= route.ModelWeightedRandom; model++ {
			if model.String() == key {
				return func(q *Queue) { q.Model(model) }
			}
		}
		f.fail("%q is no model, and no field of a queue", key)
		return nil
	}
}

func (f *fields) agent() func(*player) {
	name := f.word("agent")
	var set []func(*Agent)
	for f.more() {
		set = append(set, f.agentField())
	}
	return func(p *player) {
		a := p.host.Agent(name)
		for _, set := range set {
			set(a)
		}
	}
}

func (f *fields) agentField() func(*Agent) {
	switch key := f.word("field"); key {
	case "capacity":
		n := f.milli(key)
		return func(a *Agent) { a.Capacity(n) }
	case "holding":
		n := f.milli(key)
		return func(a *Agent) { a.Holding(n, max(a.row.Open, 1)) }
	case "open":
		n := uint16(f.natural(key, 16))
		return func(a *Agent) { a.Holding(a.row.Used, n) }
	case "most":
		n := uint32(f.natural(key, 32))
		return func(a *Agent) { a.MaxOpen(n) }
	case "most-offers":
		n := uint16(f.natural(key, 16))
		return func(a *Agent) { a.MaxOffers(n) }
	case "interruptible":
		n := f.milli(key)
		return func(a *Agent) { a.Interruptible(n, a.row.InterruptibleUsed) }
	case "connected", "disconnected":
		return func(a *Agent) { a.Connected(key == "connected") }
	case "on":
		list := f.list(key)
		return func(a *Agent) { a.On(list...) }
	case "skills":
		return f.skills()
	case "idle", "signed-in", "assigned":
		return f.timeField(key)
	default:
		return f.memberField(key)
	}
}

// memberField reads the fields of an agent that say what it does in queues.
func (f *fields) memberField(key string) func(*Agent) {
	switch key {
	case "in":
		list := f.list(key)
		return func(a *Agent) { a.In(list...) }
	case "tier":
		tier, queue := f.inQueue(key)
		return func(a *Agent) { a.Tier(queue, tier) }
	case "weight":
		weight, queue := f.inQueue(key)
		return func(a *Agent) { a.Weight(queue, weight) }
	default:
		f.fail("%q is no field of an agent", key)
		return nil
	}
}

// inQueue reads a number and the queue in which it holds.
func (f *fields) inQueue(key string) (n uint16, queue string) {
	n = uint16(f.natural(key, 16))
	if !f.keyword("in") {
		f.fail("%s N in QUEUE is wanted", key)
	}
	return n, f.word("queue")
}

func (f *fields) timeField(key string) func(*Agent) {
	ms := f.duration(key)
	switch key {
	case "idle":
		return func(a *Agent) { a.Idle(ms) }
	case "signed-in":
		return func(a *Agent) { a.SignedIn(ms) }
	default:
		return func(a *Agent) { a.Assigned(ms) }
	}
}

func (f *fields) skills() func(*Agent) {
	type skill struct {
		name  string
		level uint32
	}
	var list []skill
	for _, text := range f.list("skills") {
		name, level, _ := strings.Cut(text, ":")
		list = append(list, skill{name, f.level(level)})
	}
	return func(a *Agent) {
		for _, s := range list {
			a.Skill(s.name, s.level)
		}
	}
}

func (f *fields) level(text string) uint32 {
	n, ok := parseMilli(text)
	if !ok || n < 0 || n > 10_000 {
		f.fail("%q is no level from 0 to 10", text)
	}
	return uint32(n)
}

func (f *fields) work() func(*player) {
	name := f.word("work")
	var set []func(*Work)
	for f.more() {
		set = append(set, f.workField())
	}
	return func(p *player) {
		w := p.host.Work(name)
		for _, set := range set {
			set(w)
		}
	}
}

func (f *fields) workField() func(*Work) {
	switch key := f.word("field"); key {
	case "in":
		name := f.word("queue")
		return func(w *Work) { w.In(name) }
	case "on":
		name := f.word("channel")
		return func(w *Work) { w.On(name) }
	case "needs":
		return f.needs()
	case "drops":
		name := f.word("skill")
		return func(w *Work) { w.Drop(name) }
	case "requires":
		name := f.word("agent")
		return func(w *Work) { w.Requires(name) }
	case "held", "unheld":
		return func(w *Work) { w.Held(key == "held") }
	case "prefers":
		name := f.word("agent")
		if !f.keyword("for") {
			f.fail("prefers AGENT for DURATION is wanted")
		}
		ms := f.duration("for")
		return func(w *Work) { w.Prefers(name, ms) }
	case "declined":
		list := f.list(key)
		return func(w *Work) { w.Declined(list...) }
	case "attribute":
		name, value := f.word("name"), f.word("value")
		return func(w *Work) { w.Attribute(name, value) }
	case "tier":
		n := uint16(f.natural(key, 16))
		return func(w *Work) { w.Tier(n) }
	case "size", "percent", "primary", "interruptible":
		return f.loadField(key)
	default:
		return f.orderField(key)
	}
}

// loadField reads the fields of work that say what it takes.
func (f *fields) loadField(key string) func(*Work) {
	switch key {
	case "size":
		n := f.milli(key)
		return func(w *Work) { w.Size(n) }
	case "percent":
		n := f.milli(key)
		if n < 0 {
			f.fail("%s: a share is no less than nothing", key)
		}
		return func(w *Work) { w.Percent(uint32(n)) }
	default:
		return func(w *Work) { w.Interruptible(key == "interruptible") }
	}
}

// orderField reads the fields of work that the pending order looks at.
func (f *fields) orderField(key string) func(*Work) {
	switch key {
	case "priority":
		n := int32(f.integer(key, 32))
		return func(w *Work) { w.Priority(n, w.row.Secondary) }
	case "secondary":
		n := int32(f.integer(key, 32))
		return func(w *Work) { w.Priority(w.row.Priority, n) }
	case "age":
		ms := f.duration(key)
		return func(w *Work) { w.Age(ms) }
	case "target":
		ms := f.duration(key)
		return func(w *Work) { w.Target(ms) }
	case "sequence":
		n := f.natural(key, 64)
		return func(w *Work) { w.Sequence(n) }
	default:
		f.fail("%q is no field of work", key)
		return nil
	}
}

func (f *fields) needs() func(*Work) {
	var list []func(*Work)
	for _, text := range f.list("needs") {
		name, rest, _ := strings.Cut(text, ":")
		level, dropped, _ := strings.Cut(rest, ":")
		n, flags := f.level(level), route.NeedFlags(0)
		switch dropped {
		case "":
		case "dropped":
			flags = route.NeedAdditional | route.NeedDropped
		default:
			f.fail("%q: only dropped can follow a level", dropped)
		}
		list = append(list, func(w *Work) { w.Need(name, n, flags) })
	}
	return func(w *Work) {
		if len(list) == 0 {
			w.NeedNothing()
		}
		for _, add := range list {
			add(w)
		}
	}
}
