// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"reflect"
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
	closed     map[string]bool
	contacts   map[string]engine.Contact
	waits      map[string][]engine.Accepted
	told       engine.Time // the latest time that the workspace was told
	seen       map[string]int
	direct     bool // the transfer that follows is to an agent
}

type shadowWork struct {
	spec     engine.WorkSpec
	placed   engine.Placement
	state    engine.WorkState
	excluded []string
	declines uint32
	tries    map[engine.AssignmentID]*shadowTry // that stand
	last     string                             // who owned it last
	endedAt  engine.Time
	// OwnedUntil is when its last owner lost it; Lost says how its required agent
	// did, and LostAt when.
	ownedUntil, lostAt engine.Time
	lost               string
	hold               *engine.Hold
	notes              []engine.Note
	instructed         []engine.Instruction
}

// shadowTry is an assignment that stands.
type shadowTry struct {
	agent                                    string
	guest, accepted, interruptible, proposed bool
	size                                     engine.Milli
	deadline, wrapUp                         engine.Time
	extensions                               int
}

type shadowAgent struct {
	status    string
	connected bool
	grace     engine.Time
	held      map[engine.AssignmentID]*shadowTry
	cause     engine.Cause
	// Since when: signed in, in this status, idle; last offered something; and
	// when was looked at which skills are valid.
	signedIn, changed, idle, assigned, skillsAt engine.Time
}

func newShadow(t fataler) *shadow {
	return &shadow{
		fataler: t, work: make(map[engine.WorkID]*shadowWork), agents: make(map[string]*shadowAgent), closed: make(map[string]bool),
		contacts: make(map[string]engine.Contact), waits: make(map[string][]engine.Accepted), seen: make(map[string]int),
	}
}

// see takes an event in, and objects if it should not have happened.
func (s *shadow) see(ev engine.Event) {
	s.Helper()
	if s.number++; ev.Number != s.number {
		s.Fatalf("event %d comes after %d", ev.Number, s.number-1)
	}
	s.count(ev)
	switch ev.Kind {
	case engine.KindConfigured:
		s.configured(ev, s.defined(ev))
	case engine.KindWorkCreated:
		s.arrived(ev)
	case engine.KindProposalRefused, engine.KindStrategyChanged:
	case engine.KindTurnTaken, engine.KindStrategiesEmployed:
		s.must(ev, (ev.Turn != nil) != (ev.Employed != nil))
	case engine.KindDecidersChanged:
		s.must(ev, ev.Decided != nil && ev.Config > 0 && ev.Queue != "")
	case engine.KindQueueOpened, engine.KindQueueClosed:
		closes := ev.Kind == engine.KindQueueClosed
		s.must(ev, s.closed[ev.Queue] != closes && s.opens(ev.Queue, ev.At) != closes)
		s.closed[ev.Queue] = closes
	case engine.KindAgentSkillsChanged:
		a := s.agents[ev.Agent]
		next := s.skillsChange(ev.Agent)
		s.must(ev, next > 0 && next <= ev.At)
		a.skillsAt = ev.At
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

// count notes what was reached: kinds of events, and why they happened.
func (s *shadow) count(ev engine.Event) {
	s.seen[ev.Kind.String()]++
	switch ev.Kind {
	case engine.KindWorkCreated, engine.KindWorkOverflowed, engine.KindWorkTransferred:
		if ev.Reason != "" && ev.Reason != wrongDesk {
			s.seen[ev.Kind.String()+"/"+ev.Reason]++
		}
	case engine.KindWorkOffered:
		if ev.Decision.Strategy == "" {
			s.seen[ev.Kind.String()+"/"+ev.Decision.Reason]++
		}
		if w := s.work[ev.Work]; w != nil && w.state == engine.Offered {
			s.seen[ev.Kind.String()+"/to several"]++
		}
	}
	if ev.Guest {
		s.seen[ev.Kind.String()+"/guest"]++
	}
	if ev.Granted {
		s.seen[ev.Kind.String()+"/granted"]++
	}
}

// must objects to an event that contradicts what went before.
func (s *shadow) must(ev engine.Event, ok bool) {
	s.Helper()
	if !ok {
		s.Fatalf("this cannot happen now: %+v", ev)
	}
}

// defined returns the definition that an event puts in force.
func (s *shadow) defined(ev engine.Event) engine.Definition {
	s.Helper()
	if ev.Definition != nil {
		s.must(ev, ev.Change == nil || ev.Change.Patch == nil)
		return *ev.Definition
	}
	s.must(ev, ev.Change != nil && ev.Change.Patch != nil)
	set, gone := reflect.ValueOf(ev.Change.Patch.Set), reflect.ValueOf(ev.Change.Patch.Gone)
	before := reflect.ValueOf(s.definition)
	var after engine.Definition
	out := reflect.ValueOf(&after).Elem()
	for i := range out.NumField() {
		if out.Field(i).Kind() != reflect.Slice {
			out.Field(i).Set(set.Field(i))
			continue
		}
		out.Field(i).Set(patchedList(before.Field(i), set.Field(i), gone.FieldByName(out.Type().Field(i).Name)))
	}
	after.Sort()
	return after
}

// patchedList leaves out of a list what is gone or set anew, and adds the latter.
func patchedList(before, set, gone reflect.Value) reflect.Value {
	name := func(v reflect.Value) string {
		if v.Kind() == reflect.String {
			return v.String()
		}
		return v.Field(0).String()
	}
	out := set
	for i := range before.Len() {
		keep := true
		for j := range gone.Len() {
			keep = keep && gone.Index(j).String() != name(before.Index(i))
		}
		for j := range set.Len() {
			keep = keep && name(set.Index(j)) != name(before.Index(i))
		}
		if keep {
			out = reflect.Append(out.Slice3(0, out.Len(), out.Len()), before.Index(i))
		}
	}
	return out
}

func (s *shadow) configured(ev engine.Event, d engine.Definition) {
	s.Helper()
	former := make(map[string]engine.AgentDefinition)
	for _, a := range s.definition.Agents {
		former[a.ID] = a
	}
	s.definition = d
	old := s.agents
	s.agents = make(map[string]*shadowAgent)
	for _, a := range d.Agents {
		s.agents[a.ID] = old[a.ID]
		if old[a.ID] == nil {
			s.agents[a.ID] = &shadowAgent{status: engine.Offline, held: make(map[engine.AssignmentID]*shadowTry)}
		}
		if !reflect.DeepEqual(former[a.ID], a) {
			s.agents[a.ID].skillsAt = ev.At
		}
		delete(old, a.ID)
	}
	for id, a := range old {
		if a.status != engine.Offline || a.connected || len(a.held) > 0 {
			s.Fatalf("agent %s disappeared while in use: %+v", id, a)
		}
	}
	for name := range s.closed {
		if !slices.ContainsFunc(d.Queues, func(q engine.QueueDefinition) bool { return q.Name == name }) {
			delete(s.closed, name)
		}
	}
	for _, w := range s.work {
		if w.state.Ended() {
			continue
		}
		if len(w.excluded) > 1 && s.routing(w.placed.Queue).DeclineRule == engine.LastOnly {
			w.excluded = w.excluded[len(w.excluded)-1:]
		}
		fresh := s.place(w.spec, w.placed.Queue, w.placed.RequestedAt, ev.At)
		w.placed.Priority, w.placed.Secondary = fresh.Priority, fresh.Secondary
		if w.state == engine.Waiting {
			w.placed.Size = fresh.Size
		}
		switch tiers := len(s.queue(w.placed.Queue).Tiers); {
		case tiers == 0:
			w.placed.Tier = 0
		case w.placed.Tier == 0:
			w.placed.Tier = 1
		case int(w.placed.Tier) > tiers+1:
			w.placed.Tier = uint16(tiers) + 1
		}
	}
}

func (s *shadow) arrived(ev engine.Event) {
	s.Helper()
	s.must(ev, s.work[ev.Work] == nil && ev.Placed != nil && ev.Queue == ev.Placed.Queue)
	spec := *ev.Created
	requested := spec.RequestedAt
	if requested == 0 {
		requested = ev.At
	}
	queue, why := spec.Queue, ""
	if !spec.Outbound {
		queue, why = s.follow(spec, spec.Queue, "", requested, ev.At, nil)
		most, all := s.queue(queue).MaxWaiting, s.definition.MaxWaiting
		s.must(ev, most == 0 || s.counts(queue)[engine.Waiting] < int(most))
		s.must(ev, all == 0 || s.waiting() < int(all))
		s.must(ev, !s.closed[queue] || s.queue(queue).Closed != engine.ClosedRefuse)
	}
	want := s.place(spec, queue, requested, ev.At)
	if !spec.Outbound {
		if queue == spec.Queue {
			want.Overflow = spec.Overflow
		}
		want.Agent = spec.PreferredAgent
		if spec.RequiredAgent != "" {
			want.Agent, want.Required, want.Backup, want.Overflow = spec.RequiredAgent, true, spec.Backup, nil
		}
		if spec.PreferredFor > 0 {
			want.Until = ev.At + spec.PreferredFor
		}
	}
	s.placedAs(ev, want)
	s.must(ev, ev.Reason == why)
	s.work[ev.Work] = &shadowWork{spec: spec, placed: *ev.Placed, state: engine.Waiting, tries: make(map[engine.AssignmentID]*shadowTry)}
	s.created++
}

// placedAs objects to a placement that is not the one expected.
func (s *shadow) placedAs(ev engine.Event, want engine.Placement) {
	s.Helper()
	if !reflect.DeepEqual(*ev.Placed, want) {
		s.Fatalf("%v of %v placed it as %+v, should be %+v", ev.Kind, ev.Work, *ev.Placed, want)
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
			for _, x := range w.tries {
				s.must(ev, x.agent != ev.Agent || x.accepted && s.channel(w.spec.Channel).OnDisconnect == engine.KeepOpen)
			}
		}
	case engine.KindAgentConnected:
		s.must(ev, !a.connected)
		a.connected, a.grace = true, 0
	case engine.KindAgentDisconnected:
		s.must(ev, a.connected && (ev.Deadline > 0) == (a.status != engine.Offline))
		a.connected, a.grace = false, ev.Deadline
	}
}

// some counts the assignments of the work that stand and pass.
func (w *shadowWork) some(pass func(*shadowTry) bool) (n int) {
	for _, x := range w.tries {
		if pass(x) {
			n++
		}
	}
	return n
}

func (w *shadowWork) offers() int {
	return w.some(func(x *shadowTry) bool { return !x.accepted && !x.guest })
}
func (w *shadowWork) guests() int { return w.some(func(x *shadowTry) bool { return x.guest }) }
func (w *shadowWork) at(agent string) int {
	return w.some(func(x *shadowTry) bool { return x.agent == agent })
}

// owner returns who has the work.
func (w *shadowWork) owner() (id engine.AssignmentID, owner *shadowTry) {
	for n, x := range w.tries {
		if x.accepted && !x.guest {
			id, owner = n, x
		}
	}
	return id, owner
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

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
