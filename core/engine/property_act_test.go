// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"reflect"
	"slices"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func (m *machine) configure() {
	if m.chance("seldom", 30) {
		m.do(engine.Configure{Definition: m.definition(m.chance("wild", 50))})
	}
}

// decide changes who decides for a queue, which nothing else depends on.
func (m *machine) decide() {
	known := m.shadow.definition.Queues
	command := engine.Decide{Queue: known[m.pick("q", len(known))].Name, To: engine.Deciders{Strategy: m.known("s", 3)}, Reason: "tried"}
	if m.chance("canary", 50) {
		command.To.Canary = &engine.Canary{Strategy: "vip", Share: uint16(m.pick("share", engine.WholeShare) + 1)}
	}
	if _, err := m.do(command); err != nil {
		m.Fatalf("%+v: %v", command, err)
	}
}

// create brings work in, or has an agent start it.
func (m *machine) create() {
	spec := m.spec()
	named := m.named(spec.Key)
	preferred := m.returnsTo(spec)
	var command engine.Command = engine.CreateWork{Spec: spec}
	outbound := m.chance("outbound", 15)
	if outbound {
		command = engine.StartWork{Agent: m.one("a", agents), Spec: spec}
	}
	result, err := m.do(command)
	if err == nil && result.Duplicate != (named != 0) || result.Duplicate && result.Work != named {
		m.Fatalf("key %q: %+v, it names %v", spec.Key, result, named)
	}
	if err != nil || result.Duplicate {
		return
	}
	if outbound && (spec.RequiredAgent != "" || spec.PreferredAgent != "" || spec.Backup != "") {
		m.Fatalf("somebody started work that is for somebody: %+v", spec)
	}
	want := spec
	want.Outbound = outbound
	if preferred.Agent != "" && !outbound {
		want.PreferredAgent, want.PreferredFor = preferred.Agent, m.shadow.channel(spec.Channel).LastAgentFor
	}
	if got := *result.Events[0].Created; !reflect.DeepEqual(got, want) && (preferred.Key != "perhaps" || !reflect.DeepEqual(got, spec)) {
		m.Fatalf("%+v was created as %+v", want, got)
	}
}

// named returns the work that has the key.
func (m *machine) named(key string) engine.WorkID {
	for id, w := range m.shadow.work {
		if key != "" && w.spec.Key == key {
			return id
		}
	}
	return 0
}

// returnsTo says who is to be preferred for a returning conversation. Its Key is
// "perhaps" if that may have been forgotten, when what is kept was changed.
func (m *machine) returnsTo(spec engine.WorkSpec) (to engine.Contact) {
	if spec.Channel == "c0" || spec.Channel == "c1" || spec.RequiredAgent != "" || spec.PreferredAgent != "" {
		return to
	}
	within := 30 * second
	if spec.Channel == "c3" {
		within, to.Key = 24*60*minute, "perhaps"
	}
	for _, key := range []string{" conversation " + spec.Conversation, " customer " + spec.Customer} {
		c, ok := m.shadow.contacts[spec.Channel+key]
		if !ok || c.At+within < max(m.at, m.main.Now()) {
			continue
		}
		if a := m.shadow.agents[c.Agent]; a != nil && a.status != engine.Offline {
			to.Agent = c.Agent
			return to
		}
	}
	return to
}

func (m *machine) anyWork() engine.WorkID {
	return engine.WorkID(m.pick("work", m.shadow.created+1) + 1)
}

// workIn draws work in one of the states, if there is any.
func (m *machine) workIn(states ...engine.WorkState) engine.WorkID {
	var fitting []engine.WorkID
	for _, w := range allWork(m.main) {
		for _, state := range states {
			if w.State == state {
				fitting = append(fitting, w.ID)
			}
		}
	}
	if len(fitting) == 0 || m.chance("any", 10) {
		return m.anyWork()
	}
	return fitting[m.pick("fitting", len(fitting))]
}

// propose proposes a batch, mostly sensible, and checks each verdict against
// the shadow: what is accepted is eligible, what is eligible is accepted.
func (m *machine) propose() {
	exceed := m.chance("may exceed", 15)
	var proposals []engine.Proposal
	for range m.pick("proposals", 5) + 1 {
		proposals = append(proposals, m.proposal(exceed))
	}
	if w, ok := m.main.Work(proposals[0].Work); ok && m.chance("several", 40) {
		for i, agent := range []string{"a1", "a2", "a3", "a4", "a5"} {
			proposals = append(proposals, engine.Proposal{Work: w.ID, Revision: w.Revision, Agent: agent, Rank: uint16(i)})
		}
	}
	revisions := m.revisions()
	result, err := m.step(engine.Propose{By: engine.Decision{Strategy: "queue"}, Proposals: proposals, MayExceed: exceed})
	if err != nil || len(result.Verdicts) != len(proposals) {
		m.Fatalf("%+v, %v", result, err)
	}
	s := &settled{machine: m, result: result, revisions: revisions, offered: make(map[engine.WorkID]bool), exceed: exceed}
	for i, p := range proposals {
		s.one(p, result.Verdicts[i])
	}
	if len(s.result.Events) > 0 {
		m.Fatalf("too many events: %+v", s.result.Events)
	}
}

// settled goes through what a batch of proposals came to.
type settled struct {
	*machine
	result    engine.Result
	revisions map[engine.WorkID]uint32
	offered   map[engine.WorkID]bool
	exceed    bool
}

func (s *settled) next(p engine.Proposal) engine.Event {
	if len(s.result.Events) == 0 {
		s.Fatalf("an event is missing for %+v: %+v", p, s.result)
	}
	ev := s.result.Events[0]
	s.result.Events = s.result.Events[1:]
	return ev
}

func (s *settled) one(p engine.Proposal, verdict route.Verdict) {
	w := s.shadow.work[p.Work]
	fine := p.Refused == 0 && w != nil && p.Revision == s.revisions[p.Work] && s.shadow.eligible(p.Agent, w, s.exceed)
	switch {
	case w == nil || w.state == engine.Waiting:
	case w.state == engine.Offered && s.offered[p.Work] && w.at(p.Agent) == 0:
		fine = fine && w.offers() < int(s.shadow.queue(w.placed.Queue).OfferTo)
	default:
		fine = false
	}
	if fine != (verdict == route.VerdictAcceptedByHost) {
		s.Fatalf("%+v: %v, the shadow says %v", p, verdict, fine)
	}
	if !fine && p.Rank > 0 && s.offered[p.Work] {
		return // it was only to be tried if another did not hold
	}
	fits := fine && s.shadow.eligible(p.Agent, w, false)
	ev := s.next(p)
	if ev.Work != p.Work || ev.Agent != p.Agent || (ev.Kind == engine.KindWorkOffered) != fine || !fine && ev.Verdict != verdict || ev.Granted != (fine && !fits) {
		s.Fatalf("%+v: %v became %+v", p, verdict, ev)
	}
	s.shadow.see(ev)
	if fine && s.shadow.presence(p.Agent).AutoAccept {
		for {
			ev := s.next(p)
			s.shadow.see(ev)
			if ev.Kind == engine.KindOfferAccepted {
				break
			}
			s.shadow.must(ev, ev.Kind == engine.KindOfferWithdrawn && ev.Reason == "accepted_by_another")
		}
	}
	s.offered[p.Work] = s.offered[p.Work] || fine
}

// revisions is the revision of all work before a batch. What fits it is stale
// within the batch only once the work no longer waits.
func (m *machine) revisions() map[engine.WorkID]uint32 {
	out := make(map[engine.WorkID]uint32)
	m.main.EachWork(0, func(w *engine.Work) bool {
		out[w.ID] = w.Revision
		return true
	})
	return out
}

func (m *machine) proposal(exceed bool) engine.Proposal {
	p := engine.Proposal{Work: m.anyWork(), Agent: m.one("a", agents), Rank: uint16(m.pick("rank", 3)), Score: 5, Reason: "because"}
	if pairs := m.pairs(exceed); len(pairs) > 0 && m.chance("sensible", 70) {
		pair := pairs[m.pick("pair", len(pairs))]
		p.Work, p.Agent, p.Rank = pair.Work, pair.Agent, 0
	}
	if w, ok := m.main.Work(p.Work); ok {
		p.Revision = w.Revision
	}
	switch m.pick("rubbish", 24) {
	case 21:
		p.Revision--
	case 22:
		p.Revision++
	case 23:
		p.Refused = route.VerdictUnknownAgent
	}
	return p
}

// pairs lists what could be offered to whom.
func (m *machine) pairs(exceed bool) []engine.Proposal {
	var pairs []engine.Proposal
	for _, w := range allWork(m.main) {
		for _, a := range m.main.State().Agents {
			if item := m.shadow.work[w.ID]; item.state == engine.Waiting && m.shadow.eligible(a.ID, item, exceed) {
				pairs = append(pairs, engine.Proposal{Work: w.ID, Agent: a.ID})
			}
		}
	}
	return pairs
}

// assignment draws one that stands and passes, mostly.
func (m *machine) assignment(pass func(*engine.Work, *engine.Assignment) bool) (id engine.AssignmentID, agent string) {
	var fitting []*engine.Assignment
	for _, w := range allWork(m.main) {
		for x := range w.Standing() {
			if pass(w, x) {
				fitting = append(fitting, x)
			}
		}
	}
	id, agent = engine.AssignmentID(m.pick("assignment", int(m.shadow.tries)+1)+1), m.one("a", agents)
	if len(fitting) > 0 && m.chance("sensible", 90) {
		x := fitting[m.pick("standing", len(fitting))]
		id, agent = x.ID, x.Agent
	}
	return id, agent
}

func (m *machine) answer() {
	id, agent := m.assignment(func(_ *engine.Work, x *engine.Assignment) bool { return x.State == engine.AssignmentOffered })
	if m.chance("accepts", 50) {
		m.do(engine.Accept{Assignment: id, Agent: agent})
		return
	}
	m.do(engine.Decline{Assignment: id, Agent: agent, Reason: rapid.SampledFrom([]string{"ill", "ill", ""}).Draw(m.T, "reason")})
}

// progress is what is done with work that an agent has.
func (m *machine) progress() {
	switch m.pick("progress", 14) {
	case 0, 1, 2:
		rests := m.chance("rests", 50)
		id, agent := m.assignment(func(w *engine.Work, x *engine.Assignment) bool {
			return x.State == engine.AssignmentAccepted && (!rests || w.State == engine.Paused)
		})
		m.do(engine.Complete{Assignment: id, Agent: agent})
	case 3, 4, 5:
		id, agent := m.assignment(func(w *engine.Work, _ *engine.Assignment) bool { return w.State == engine.WrapUpWork })
		if m.chance("finishes", 35) {
			m.do(engine.FinishWrapUp{Assignment: id, Agent: agent})
		} else {
			m.do(engine.ExtendWrapUp{Assignment: id, Agent: agent})
		}
	case 6, 7:
		m.do(engine.PauseWork{Work: m.workIn(engine.Open), Reason: "lunch"})
	case 8, 9, 10:
		m.do(engine.ResumeWork{Work: m.workIn(engine.Paused)})
	case 11:
		m.do(engine.DeactivateWork{Work: m.workIn(engine.Open)})
	default:
		m.do(engine.ReopenWork{Work: m.workIn(engine.Closed)})
	}
}

// wrongDesk is why work is transferred.
const wrongDesk = "wrong desk"

// direct is what goes to an agent or elsewhere because somebody says so.
func (m *machine) direct() {
	open := []engine.WorkState{engine.Open, engine.Paused}
	if m.chance("invites", 60) {
		m.do(engine.InviteAgent{Work: m.workIn(open...), Agent: m.one("a", agents)})
		return
	}
	c := engine.TransferWork{Work: m.workIn(engine.Waiting, engine.Offered, engine.Open, engine.Open, engine.Paused), Reason: wrongDesk}
	handsOver := false
	switch m.pick("to", 6) {
	case 0, 1:
		c.Queue = m.one("q", queues)
	case 2:
		c.Agent = m.one("a", agents)
	case 3: // hand it over to a guest
		id, agent := m.assignment(func(_ *engine.Work, x *engine.Assignment) bool {
			return x.Guest && x.State == engine.AssignmentAccepted
		})
		if x, w, ok := m.main.Assignment(id); ok && x.Guest {
			c.Work, c.Agent, handsOver = w.ID, agent, m.chance("as it is", 80)
		}
	case 4:
		c.Queue, c.Agent = m.one("q", queues), m.one("a", agents)
	}
	if !handsOver && m.chance("skills", 35) {
		needs := m.needs(2)
		c.Needs = &needs
	}
	if !handsOver && m.chance("new age", 30) {
		c.RequestedAt = m.at - engine.Time(m.pick("age", 20)-1)*second
	}
	if m.chance("attributes", 30) {
		c.Attributes, c.Transcript = map[string]string{"k": "", "by": "bot"}, "said"
	}
	m.shadow.direct = c.Agent != ""
	m.do(c)
}

func (m *machine) update() {
	c := engine.UpdateWork{Work: m.workIn(engine.Waiting, engine.Offered, engine.Open)}
	if m.chance("priority", 40) {
		p := int32(m.pick("priority", 10) - 1)
		c.Priority = &p
	}
	if m.chance("attributes", 40) {
		c.Attributes = map[string]string{"k": []string{"v", "w", ""}[m.pick("value", 3)]}
	}
	if m.chance("target", 20) {
		at := m.at + engine.Time(m.pick("by", 20))
		c.TargetAcceptAt = &at
	}
	if m.chance("skills", 40) {
		needs := m.needs(2)
		c.Needs = &needs
	}
	if m.chance("ruled", 20) {
		needs := m.needs(2)
		c.Ruled, c.Taken = &needs, []engine.Taken{{Step: "rules/one"}}
	}
	var before []engine.Taken
	if w := m.shadow.work[c.Work]; w != nil {
		before = w.spec.Intake
	}
	if _, err := m.do(c); err == nil && !slices.Equal(m.shadow.work[c.Work].spec.Intake, slices.Concat(before, c.Taken)) {
		m.Fatalf("%+v led to %+v after %+v", c, m.shadow.work[c.Work].spec.Intake, before)
	}
}

func (m *machine) end() {
	switch m.pick("end", 6) {
	case 0:
		m.do(engine.CancelWork{Work: m.anyWork(), Reason: "solved"})
	case 1:
		m.do(engine.AbandonWork{Work: m.anyWork()})
	default:
		m.do(engine.RequeueWork{Work: m.workIn(engine.Offered, engine.Open, engine.Paused), Reason: "again"})
	}
}

func (m *machine) signIn() {
	agent := m.one("a", agents)
	m.do(engine.Connect{Agent: agent})
	if a, ok := m.main.Agent(agent); ok && a.SignedIn() {
		m.do(engine.SetStatus{Agent: agent, Status: "s4"})
		return
	}
	status := "s4"
	if m.chance("another", 30) {
		status = m.one("s", statuses)
	}
	m.do(engine.SignIn{Agent: agent, Status: status})
}

func (m *machine) presence() {
	agent, status := m.one("a", agents), m.one("s", statuses)
	switch m.pick("presence", 10) {
	case 0:
		if m.chance("required", 70) {
			_, agent = m.assignment(func(w *engine.Work, x *engine.Assignment) bool {
				return x.State == engine.AssignmentAccepted && w.Required && w.Backup != ""
			})
		}
		m.do(engine.SignOut{Agent: agent})
	case 1:
		m.do(engine.Disconnect{Agent: agent})
	case 2:
		m.do(engine.SignIn{Agent: agent, Status: status})
	case 3:
		if m.chance("all", 30) {
			m.do(engine.DisconnectAll{})
		}
	case 4:
		by := engine.Decision{Strategy: "queue", Epoch: 1}
		m.do(engine.RecordEmployed{Employed: engine.Employed{Seed: 7}})
		m.do(engine.RecordStrategy{By: by, State: "active"})
		m.do(engine.RecordTurn{By: by, Turn: engine.Turn{Task: engine.TaskStart}})
	case 5, 6, 7:
		m.do(engine.SetStatus{Agent: agent, Status: status, Cause: engine.Cause(m.pick("cause", 8))})
	default:
		m.do(engine.Connect{Agent: agent})
	}
}

// time passes unseen, and now and then the clock is set back.
func (m *machine) time() {
	steps := []engine.Time{0, 1, 10, 1000, 2000, 5000, 20_000, -3000}
	m.at += steps[m.pick("by", len(steps))]
}

func (m *machine) tick() {
	m.time()
	m.do(engine.Tick{})
	m.audit("")
	m.shadow.nothingDue(max(m.at, m.main.Now()))
}
