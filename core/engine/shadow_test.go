// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// shadow is a second ledger, kept from the events alone, by what each kind is
// documented to mean. It shares no code with the engine, so that the two err
// apart.
type shadow struct {
	fataler
	number     uint64
	definition engine.Definition
	work       map[engine.WorkID]*shadowWork
	agents     map[string]*shadowAgent
	ended      []engine.WorkID
	created    int
	forgotten  int
	tries      engine.AssignmentID
}

type shadowWork struct {
	spec       engine.WorkSpec
	state      engine.WorkState
	excluded   []string
	declines   uint32
	assignment engine.AssignmentID // standing
	agent      string
	deadline   engine.Time
	endedAt    engine.Time
}

type shadowAgent struct {
	status    string
	connected bool
	grace     engine.Time
	held      map[engine.AssignmentID]engine.Milli
	cause     engine.Cause
	// Since when: signed in, in this status, idle; and last offered something.
	signedIn, changed, idle, assigned engine.Time
}

func newShadow(t fataler) *shadow {
	return &shadow{fataler: t, work: make(map[engine.WorkID]*shadowWork), agents: make(map[string]*shadowAgent)}
}

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

func (s *shadow) onDisconnect(channel string) engine.DisconnectRule {
	i := slices.IndexFunc(s.definition.Channels, func(c engine.Channel) bool { return c.Name == channel })
	return s.definition.Channels[i].OnDisconnect
}

func (s *shadow) used(agent string) engine.Milli {
	var sum engine.Milli
	for _, size := range s.agents[agent].held {
		sum += size
	}
	return sum
}

// able reports whether an agent could be offered the work but for load,
// connection and declines.
func (s *shadow) able(agent string, w *shadowWork) bool {
	return slices.Contains(s.listed(agent), w.spec.Channel) && slices.Contains(s.agentDefinition(agent).Queues, w.spec.Queue) &&
		(w.spec.RequiredAgent == "" || w.spec.RequiredAgent == agent) &&
		w.spec.Size <= s.presence(agent).Capacity
}

// eligible is the rule for offers, written out once more.
func (s *shadow) eligible(agent string, w *shadowWork) bool {
	a, ok := s.agents[agent]
	if !ok || w == nil || w.state != engine.Waiting {
		return false
	}
	p := s.presence(agent)
	return s.able(agent, w) && a.connected && !slices.Contains(w.excluded, agent) &&
		len(a.held) < int(p.MaxOpen) && int64(s.used(agent))+int64(w.spec.Size) <= int64(p.Capacity)
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

// see takes an event in, and objects if it should not have happened.
func (s *shadow) see(ev engine.Event) {
	s.Helper()
	if s.number++; ev.Number != s.number {
		s.Fatalf("event %d comes after %d", ev.Number, s.number-1)
	}
	switch ev.Kind {
	case engine.KindConfigured:
		s.configured(*ev.Definition)
	case engine.KindWorkCreated:
		if s.work[ev.Work] != nil || ev.Created.Queue != ev.Queue {
			s.Fatalf("%v was created twice or elsewhere", ev.Work)
		}
		s.work[ev.Work] = &shadowWork{spec: *ev.Created, state: engine.Waiting}
		s.created++
	case engine.KindProposalRefused, engine.KindStrategyChanged:
	case engine.KindAgentSignedIn, engine.KindAgentStatusChanged, engine.KindAgentSignedOut, engine.KindAgentConnected, engine.KindAgentDisconnected:
		s.seePresence(ev, s.agents[ev.Agent])
	default:
		s.seeWork(ev, s.work[ev.Work])
	}
	s.forget(ev.At)
	for id, a := range s.agents {
		switch {
		case len(a.held) > 0 || len(s.listed(id)) == 0:
			a.idle = 0
		case a.idle == 0:
			a.idle = ev.At
		}
	}
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

func (s *shadow) configured(d engine.Definition) {
	s.definition = d
	old := s.agents
	s.agents = make(map[string]*shadowAgent)
	for _, a := range d.Agents {
		s.agents[a.ID] = old[a.ID]
		if old[a.ID] == nil {
			s.agents[a.ID] = &shadowAgent{status: engine.Offline, held: make(map[engine.AssignmentID]engine.Milli)}
		}
		delete(old, a.ID)
	}
	for id, a := range old {
		if a.status != engine.Offline || a.connected || len(a.held) > 0 {
			s.Fatalf("agent %s disappeared while in use: %+v", id, a)
		}
	}
	for _, w := range s.work {
		if !w.state.Ended() && len(w.excluded) > 1 && s.routing(w.spec.Queue).DeclineRule == engine.LastOnly {
			w.excluded = w.excluded[len(w.excluded)-1:]
		}
	}
}

func (s *shadow) seePresence(ev engine.Event, a *shadowAgent) {
	s.Helper()
	if a == nil {
		s.Fatalf("%v of nobody: %+v", ev.Kind, ev)
	}
	if ev.Kind != engine.KindAgentConnected && ev.Kind != engine.KindAgentDisconnected {
		a.changed, a.cause = ev.At, ev.Cause
	}
	switch ev.Kind {
	case engine.KindAgentSignedIn:
		a.signedIn = ev.At
		s.must(ev, a.status == engine.Offline && ev.Status != engine.Offline && (ev.Deadline == 0) == a.connected)
		a.status, a.grace = ev.Status, ev.Deadline
	case engine.KindAgentStatusChanged:
		s.must(ev, a.status != engine.Offline && ev.Status != engine.Offline && a.status != ev.Status)
		a.status = ev.Status
	case engine.KindAgentSignedOut:
		s.must(ev, a.status != engine.Offline)
		s.must(ev, ev.Cause != engine.CauseConnectionLost || !a.connected && a.grace > 0 && ev.At >= a.grace)
		a.status, a.grace, a.signedIn = engine.Offline, 0, 0
		for _, w := range s.work {
			s.must(ev, w.agent != ev.Agent || w.state == engine.Open && s.onDisconnect(w.spec.Channel) == engine.KeepOpen)
		}
	case engine.KindAgentConnected:
		s.must(ev, !a.connected)
		a.connected, a.grace = true, 0
	case engine.KindAgentDisconnected:
		s.must(ev, a.connected && (ev.Deadline > 0) == (a.status != engine.Offline))
		a.connected, a.grace = false, ev.Deadline
	}
}

// must objects to an event that contradicts what went before.
func (s *shadow) must(ev engine.Event, ok bool) {
	s.Helper()
	if !ok {
		s.Fatalf("this cannot happen now: %+v", ev)
	}
}

func (s *shadow) seeWork(ev engine.Event, w *shadowWork) {
	s.Helper()
	s.must(ev, w != nil && !w.state.Ended() && ev.Queue == w.spec.Queue)
	if ev.Kind != engine.KindWorkOffered {
		s.must(ev, ev.Assignment == w.assignment && ev.Agent == w.agent)
	}
	switch ev.Kind {
	case engine.KindWorkOffered:
		s.offered(ev, w)
	case engine.KindOfferAccepted:
		s.must(ev, w.state == engine.Offered)
		w.state = engine.Open
		if s.routing(w.spec.Queue).DeclineRule != engine.Forever {
			w.excluded = nil
		}
	case engine.KindOfferDeclined, engine.KindOfferTimedOut:
		s.must(ev, w.state == engine.Offered && (ev.Kind == engine.KindOfferDeclined || ev.At >= w.deadline && w.deadline > 0))
		s.released(w, engine.Waiting)
		w.declines++
		s.excludes(ev.Agent, w)
	case engine.KindOfferUnavailable:
		s.must(ev, w.state == engine.Offered)
		s.released(w, engine.Waiting)
		w.declines++
	case engine.KindWorkRequeued:
		s.must(ev, w.assignment != 0)
		s.released(w, engine.Waiting)
	case engine.KindExclusionsCleared:
		s.must(ev, w.state == engine.Waiting && len(w.excluded) > 0 && s.exhausted(w))
		s.must(ev, s.routing(w.spec.Queue).DeclineRule == engine.UntilExhausted)
		w.excluded = nil
	default:
		s.seeEnd(ev, w)
	}
}

func (s *shadow) seeEnd(ev engine.Event, w *shadowWork) {
	s.Helper()
	ends := map[engine.Kind]engine.WorkState{
		engine.KindWorkCompleted: engine.Closed, engine.KindWorkCancelled: engine.Cancelled,
		engine.KindWorkAbandoned: engine.Abandoned, engine.KindWorkExpired: engine.Expired,
	}
	state, ok := ends[ev.Kind]
	s.must(ev, ok && (w.state == engine.Open) == (state == engine.Closed))
	s.must(ev, state != engine.Expired || w.spec.ExpiresAt > 0 && w.spec.ExpiresAt <= ev.At)
	s.released(w, state)
	w.endedAt = ev.At
	s.ended = append(s.ended, ev.Work)
}

func (s *shadow) offered(ev engine.Event, w *shadowWork) {
	s.Helper()
	s.must(ev, s.eligible(ev.Agent, w))
	s.must(ev, ev.Assignment == s.tries+1 && ev.Decision != nil)
	s.tries++
	var deadline engine.Time
	if timeout := s.routing(w.spec.Queue).PushTimeout; timeout > 0 && !s.presence(ev.Agent).AutoAccept {
		deadline = ev.At + timeout
	}
	s.must(ev, ev.Deadline == deadline)
	w.state, w.assignment, w.agent, w.deadline = engine.Offered, ev.Assignment, ev.Agent, ev.Deadline
	s.agents[ev.Agent].held[ev.Assignment] = w.spec.Size
	s.agents[ev.Agent].assigned = ev.At
}

// released takes the standing assignment, if any, from its agent.
func (s *shadow) released(w *shadowWork, state engine.WorkState) {
	if w.assignment != 0 {
		delete(s.agents[w.agent].held, w.assignment)
	}
	w.state, w.assignment, w.agent, w.deadline = state, 0, "", 0
}

func (s *shadow) excludes(agent string, w *shadowWork) {
	if s.routing(w.spec.Queue).DeclineRule == engine.LastOnly {
		w.excluded = nil
	}
	if !slices.Contains(w.excluded, agent) {
		w.excluded = append(slices.Clone(w.excluded), agent)
	}
}

func (s *shadow) forget(at engine.Time) {
	limit := int(s.definition.KeepClosedItems)
	for len(s.ended) > 0 {
		old := s.work[s.ended[0]].endedAt+s.definition.KeepClosed < at
		if !old && (limit == 0 || len(s.ended) <= limit) {
			return
		}
		delete(s.work, s.ended[0])
		s.ended = s.ended[1:]
		s.forgotten++
	}
}

// agrees compares the shadow with the engine.
func (s *shadow) agrees(e *engine.Engine) {
	s.Helper()
	counts := make(map[string]*[engine.Expired + 1]int)
	total := s.forgotten
	e.EachWork(0, func(item *engine.Work) bool {
		total++
		w := s.work[item.ID]
		if w == nil {
			s.Fatalf("%v should be forgotten, or never was", item.ID)
		}
		if counts[w.spec.Queue] == nil {
			counts[w.spec.Queue] = new([engine.Expired + 1]int)
		}
		counts[w.spec.Queue][w.state]++
		s.sameWork(item, w)
		return true
	})
	if total != s.created {
		s.Fatalf("%d items came in; %d are there or forgotten", s.created, total)
	}
	s.sameAgents(e)
	e.EachQueue(func(b engine.Backlog) bool {
		want := counts[b.Queue.Name]
		if want == nil {
			want = new([engine.Expired + 1]int)
		}
		if b.Waiting != want[engine.Waiting] || b.Offered != want[engine.Offered] || b.Open != want[engine.Open] {
			s.Fatalf("queue %s counts %+v, there are %v", b.Queue.Name, b, *want)
		}
		if oldest := s.oldest(b.Queue.Name); b.Oldest != oldest {
			s.Fatalf("in queue %s the oldest waits since %d, not %d", b.Queue.Name, oldest, b.Oldest)
		}
		return true
	})
}

func (s *shadow) oldest(queue string) engine.Time {
	var oldest engine.Time
	for _, w := range s.work {
		if w.spec.Queue == queue && w.state == engine.Waiting && (oldest == 0 || w.spec.RequestedAt < oldest) {
			oldest = w.spec.RequestedAt
		}
	}
	return oldest
}

func (s *shadow) sameWork(item *engine.Work, w *shadowWork) {
	s.Helper()
	var assignment engine.AssignmentID
	var agent string
	var deadline engine.Time
	if x := item.Standing(); x != nil {
		assignment, agent, deadline = x.ID, x.Agent, x.Deadline
	}
	if item.State != w.state || assignment != w.assignment || agent != w.agent || deadline != w.deadline || item.Declines != w.declines ||
		!slices.Equal(item.Excluded, w.excluded) || item.EndedAt != w.endedAt {
		s.Fatalf("%v is %+v, should be %+v", item.ID, item, w)
	}
	if w.state == engine.Waiting && len(w.excluded) > 0 && s.routing(w.spec.Queue).DeclineRule == engine.UntilExhausted && s.exhausted(w) {
		s.Fatalf("%v waits for nobody: all have declined, %v", item.ID, w.excluded)
	}
}

func (s *shadow) sameAgents(e *engine.Engine) {
	s.Helper()
	present := make(map[string]int)
	e.EachAgent("", func(a *engine.Agent) bool {
		want := s.agents[a.ID]
		if want == nil {
			s.Fatalf("agent %s should not be there", a.ID)
		}
		if a.Status != want.status || a.Connected != want.connected || a.GraceUntil != want.grace || a.Used != s.used(a.ID) || len(a.Held) != len(want.held) {
			s.Fatalf("agent %s is %+v, should be %+v", a.ID, a, want)
		}
		if a.IdleSince != want.idle || a.SignedInAt != want.signedIn || a.StatusSince != want.changed || a.AssignedAt != want.assigned || a.Cause != want.cause {
			s.Fatalf("agent %s has been %+v, should have been %+v", a.ID, a, want)
		}
		for _, id := range a.Held {
			if _, ok := want.held[id]; !ok {
				s.Fatalf("agent %s holds %v and should not", a.ID, id)
			}
		}
		if a.Excess != max(0, s.used(a.ID)-s.presence(a.ID).Capacity) {
			s.Fatalf("agent %s holds %v of %v, excess %v", a.ID, a.Used, s.presence(a.ID).Capacity, a.Excess)
		}
		for _, q := range a.Definition.Queues {
			if a.SignedIn() {
				present[q]++
			}
		}
		return true
	})
	e.EachQueue(func(b engine.Backlog) bool {
		if b.Present != present[b.Queue.Name] {
			s.Fatalf("queue %s has %d present, not %d", b.Queue.Name, present[b.Queue.Name], b.Present)
		}
		return true
	})
}

// nothingDue objects to anything that a tick at that time should have ended.
func (s *shadow) nothingDue(at engine.Time) {
	s.Helper()
	if next, ok := s.nextDue(); ok && next <= at {
		s.Fatalf("it is %d, and something was due at %d", at, next)
	}
}

// nextDue returns the next time at which something runs out.
func (s *shadow) nextDue() (at engine.Time, ok bool) {
	due := func(t engine.Time) {
		if t > 0 && (!ok || t < at) {
			at, ok = t, true
		}
	}
	for _, w := range s.work {
		due(w.deadline * engine.Time(b2i(w.state == engine.Offered)))
		due(w.spec.ExpiresAt * engine.Time(b2i(w.state == engine.Waiting || w.state == engine.Offered)))
	}
	for _, a := range s.agents {
		due(a.grace)
	}
	return at, ok
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
