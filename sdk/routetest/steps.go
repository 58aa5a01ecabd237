// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"fmt"
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// step reads what follows the verb.
func (f *fields) step(verb string) (run func(*player), asks bool, err error) {
	switch verb {
	case "expect":
		return f.expect(), true, nil
	case "refuse":
		work, verdict := f.word("work"), f.verdict()
		return func(p *player) { p.refuse(work, verdict) }, true, nil
	case "hold":
		work := f.word("work")
		return func(p *player) { p.hold(work) }, true, nil
	case "settle":
		work := f.word("work")
		return func(p *player) { p.settleHeld(work) }, false, nil
	}
	for _, read := range []func(string) func(*player){f.scene, f.traffic, f.outcome} {
		if run := read(verb); run != nil {
			return run, false, nil
		}
	}
	return nil, false, fmt.Errorf("there is no such step")
}

// scene reads the steps that say who and what is there.
func (f *fields) scene(verb string) func(*player) {
	switch verb {
	case "queue":
		return f.queue()
	case "agent":
		return f.agent()
	case "work":
		return f.work()
	case "channel":
		name := f.word("channel")
		return func(p *player) { p.host.channel(name) }
	case "close-queue":
		name := f.word("queue")
		return func(p *player) { p.host.CloseQueue(name) }
	case "sign-out":
		name := f.word("agent")
		return func(p *player) { p.host.SignOut(name) }
	case "cancel":
		name := f.word("work")
		return func(p *player) { p.host.Cancel(name) }
	case "wait":
		ms := f.duration("how long")
		return func(p *player) { p.host.Wait(ms) }
	case "resend":
		return f.resend()
	default:
		return nil
	}
}

// traffic reads the steps that carry turns.
func (f *fields) traffic(verb string) func(*player) {
	switch verb {
	case "turn":
		return (*player).turn
	case "until-quiet":
		return (*player).untilQuiet
	case "snapshot":
		return func(p *player) { p.host.Snapshot() }
	case "restart":
		return func(p *player) { p.host.Restart() }
	case "page":
		rows := f.natural("rows", 31)
		return func(p *player) { p.host.Page(int(rows)) }
	case "corrupt":
		what := f.word("what")
		switch what {
		case "base", "epoch", "generation", "digest", "repeat", "page":
		default:
			f.fail("%q: base, epoch, generation, digest, repeat or page is wanted", what)
		}
		return func(p *player) { p.corrupt(what) }
	default:
		return nil
	}
}

// outcome reads the steps that say what becomes of offers.
func (f *fields) outcome(verb string) func(*player) {
	var end func(h *Host, work, agent string)
	switch verb {
	case "complete":
		work := f.word("work")
		return func(p *player) { p.host.Complete(work) }
	case "accept":
		end = (*Host).AcceptBy
	case "decline":
		end = declined(route.VerdictDeclined)
	case "timeout":
		end = declined(route.VerdictTimedOut)
	case "lose":
		end = declined(route.VerdictUnavailable)
	case "withdraw":
		end = declined(route.VerdictWithdrawn)
	default:
		return nil
	}
	work, agent := f.word("work"), ""
	if f.keyword("by") {
		agent = f.word("agent")
	}
	return func(p *player) { end(p.host, work, agent) }
}

func declined(verdict route.Verdict) func(h *Host, work, agent string) {
	return func(h *Host, work, agent string) { h.DeclineBy(work, agent, verdict) }
}

func (f *fields) resend() func(*player) {
	what, name := f.word("agent or work"), f.word("name")
	switch what {
	case "agent":
		return func(p *player) { p.host.agents.must(name).Resend() }
	case "work":
		return func(p *player) { p.host.work.must(name).Resend() }
	default:
		f.fail("%q: agent or work is wanted", what)
		return func(*player) {}
	}
}

func (f *fields) verdict() route.Verdict {
	name := f.word("verdict")
	for v := route.VerdictAcceptedByHost; v <= route.VerdictUnavailable; v++ {
		if v.String() == name {
			return v
		}
	}
	f.fail("%q is no verdict", name)
	return 0
}

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

func (f *fields) expect() func(*player) {
	if f.keyword("nothing") {
		return func(p *player) { p.expectCount(0) }
	}
	if f.keyword("wake") {
		if f.keyword("never") {
			return func(p *player) { p.expectWake(0) }
		}
		ms := f.duration("when")
		return func(p *player) { p.expectWake(p.host.now + ms) }
	}
	if len(f.words) == 2 && (f.words[1] == "proposals" || f.words[1] == "offered") {
		n := int(f.natural("how many", 31))
		if f.word("what") == "offered" {
			return func(p *player) { p.expectOffered(n) }
		}
		return func(p *player) { p.expectCount(n) }
	}
	e := expectation{work: f.word("work")}
	if f.keyword("waits") {
		reason := f.word("reason")
		return func(p *player) { p.expectNote(e.work, reason) }
	}
	if !f.keyword("->") {
		f.fail("WORK -> AGENT, WORK waits, nothing, wake, or N proposals is wanted")
	}
	e.agent = f.word("agent")
	if f.keyword("reason") {
		e.reason = f.word("reason")
	}
	if f.keyword("score") {
		score := int32(f.integer("score", 32))
		e.score = &score
	}
	if f.keyword("rank") {
		rank := uint16(f.natural("rank", 16))
		e.rank = &rank
	}
	return func(p *player) { p.expectNext(e) }
}
