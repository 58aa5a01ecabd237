// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestMain makes the random runs longer than rapid would; the command line has
// the last word.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.steps", "120"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// machine drives a workspace at random, and beside it the shadow, a follower
// that replays each event from its bytes, and a twin that was restored at some
// time from the bytes of the state.
type machine struct {
	*rapid.T
	main, follower, twin *engine.Engine
	shadow               *shadow
	at                   engine.Time
	now                  []byte // picture of the main workspace
}

func TestAnyHistoryKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{T: t, main: engine.New(), follower: engine.New(), shadow: newShadow(t), at: start}
		m.now = picture(t, m.main)
		m.do(engine.Configure{Definition: m.definition(false)})
		for range 4 {
			m.create()
			m.signIn()
		}
		t.Repeat(map[string]func(*rapid.T){
			"":    func(*rapid.T) { m.check() },
			"act": func(*rapid.T) { m.act() },
		})
	})
}

// act does one thing, the usual ones more often.
func (m *machine) act() {
	actions := []struct {
		weight int
		do     func()
	}{
		{20, m.create},
		{25, m.propose},
		{25, m.answer},
		{6, m.end},
		{8, m.presence},
		{6, m.signIn},
		{4, m.time},
		{8, m.tick},
		{2, m.configure},
		{2, func() { m.twin = restored(m, m.main) }},
	}
	at := m.pick("action", 106)
	for _, a := range actions {
		if at -= a.weight; at < 0 {
			a.do()
			return
		}
	}
}

// do runs a command on the workspace and on its twin, and shows the events to
// the shadow and the follower.
func (m *machine) do(command engine.Command) (engine.Result, error) {
	m.Helper()
	result, err := m.step(command)
	for _, ev := range result.Events {
		m.shadow.see(ev)
	}
	return result, err
}

func (m *machine) step(command engine.Command) (engine.Result, error) {
	m.Helper()
	before := m.now
	result, err := m.main.Step(m.at, command)
	var refusal *engine.Refusal
	if err != nil && (!errors.As(err, &refusal) || refusal.Code == "" || refusal.Message == "") {
		m.Fatalf("%T: %v is not a refusal", command, err)
	}
	m.now = picture(m, m.main)
	if len(result.Events) == 0 && !bytes.Equal(before, m.now) {
		m.Fatalf("%T%+v changed something without an event", command, command)
	}
	wire := m.encode(result.Events)
	if m.twin != nil {
		other, otherErr := m.twin.Step(m.at, command)
		if fmt.Sprint(otherErr) != fmt.Sprint(err) || !bytes.Equal(wire, m.encode(other.Events)) ||
			other.Work != result.Work || other.Duplicate != result.Duplicate || !slices.Equal(other.Verdicts, result.Verdicts) {
			m.Fatalf("%T%+v: the restored workspace says %+v, %v; the first %+v, %v", command, command, other, otherErr, result, err)
		}
	}
	var events []engine.Event
	if err := cbor.Unmarshal(wire, &events); err != nil {
		m.Fatalf("%v", err)
	}
	for _, ev := range events {
		if err := m.follower.Replay(ev); err != nil {
			m.Fatalf("%v", err)
		}
	}
	return result, err
}

// audit objects to whatever is found, but for one rule.
func (m *machine) audit(but string) {
	m.Helper()
	next, found := m.main.Audit(0, 3)
	found = slices.DeleteFunc(found, func(v engine.Violation) bool { return v.Rule == but })
	if next != 0 || len(found) > 0 {
		m.Fatalf("audit: %v", found)
	}
}

func (m *machine) encode(events []engine.Event) []byte {
	m.Helper()
	mode, err := cbor.CanonicalEncOptions().EncMode()
	if err != nil {
		m.Fatalf("%v", err)
	}
	out, err := mode.Marshal(events)
	if err != nil {
		m.Fatalf("%v", err)
	}
	return out
}

// check holds after every step.
func (m *machine) check() {
	m.Helper()
	m.audit(engine.RuleDeadline) // time may have passed without a tick
	m.shadow.agrees(m.main)
	m.same("replayed", m.follower)
	if m.twin != nil {
		m.same("restored", m.twin)
	}
	if due, ok := m.shadow.nextDue(); ok {
		if at, timer := m.main.NextTimer(); !timer || at > due {
			m.Fatalf("something is due at %d, the next timer at %d, %v", due, at, timer)
		}
	}
}

// same expects another workspace to be equal to the main one.
func (m *machine) same(how string, other *engine.Engine) {
	m.Helper()
	if !bytes.Equal(m.now, picture(m, other)) || !slices.Equal(backlogs(m.main), backlogs(other)) {
		same(m, how, m.main, other)
	}
}

func (m *machine) int(name string, from, to int) int {
	return rapid.IntRange(from, to).Draw(m.T, name)
}

// even draws 0 to 1023, all alike; rapid's own ranges prefer small numbers.
var even = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 10 {
		n = n<<1 | b2i(rapid.Bool().Draw(t, "bit"))
	}
	return n
})

// pick draws 0 to n-1, all alike.
func (m *machine) pick(name string, n int) int { return even.Draw(m.T, name) * n / 1024 }

// chance is true so many times in a hundred.
func (m *machine) chance(name string, percent int) bool { return m.pick(name, 100) >= 100-percent }

// one draws a name such as "q2", with a small chance of one that is unknown.
func (m *machine) one(prefix string, count int) string {
	if m.chance("unknown", 3) {
		return prefix + "0"
	}
	return fmt.Sprint(prefix, m.pick(prefix, count)+1)
}

func (m *machine) some(prefix string, count, percent int) []string {
	var names []string
	for i := range count {
		if m.chance(prefix, percent) {
			names = append(names, fmt.Sprint(prefix, i+1))
		}
	}
	return names
}

// amount draws a size or capacity that divides well, or does not.
func (m *machine) amount(name string, list ...engine.Milli) engine.Milli {
	return list[m.pick(name, len(list))]
}

// How many of each a definition has.
const (
	channels, statuses, presences, routings, queues, agents = 3, 4, 3, 4, 3, 5
)

func (m *machine) definition(wild bool) engine.Definition {
	d := engine.Definition{
		Grace: engine.Time(m.int("grace", 1, 20_000)), KeepClosed: engine.Time(m.int("keep", 0, 60_000)),
		KeepClosedItems: uint32(m.int("keep items", 0, 6)),
	}
	for i := range channels {
		d.Channels = append(d.Channels, engine.Channel{
			Name: fmt.Sprint("c", i+1), Size: m.amount("size", 0, 1, 333, 500, 1000, 1500), OnDisconnect: engine.DisconnectRule(m.pick("rule", 2)),
		})
	}
	for i := range statuses {
		d.Statuses = append(d.Statuses, engine.Status{Name: fmt.Sprint("s", i+1), Channels: m.some("c", channels, 33*i)})
	}
	for i := range presences {
		p := engine.PresenceConfig{
			Name: fmt.Sprint("p", i+1), Capacity: m.amount("capacity", 1, 500, 1000, 2000, 3000, 4000), MaxOpen: uint16(m.pick("max open", 5) + 1),
		}
		switch m.pick("answers", 5) {
		case 0:
			p.AutoAccept = true
		case 1:
			p.DeclineReasons = []string{"ill"}
			p.StatusAfterDecline, p.StatusAfterTimeout = "s1", "s2"
		case 2:
			p.StatusAfterDecline = "s2"
		}
		d.PresenceConfigs = append(d.PresenceConfigs, p)
	}
	for i := range routings {
		d.RoutingConfigs = append(d.RoutingConfigs, engine.RoutingConfig{
			Name: fmt.Sprint("r", i+1), Strategy: "queue", Priority: int32(i), Size: m.amount("size", 0, 0, 0, 500, 2000),
			PushTimeout: engine.Time(m.pick("push", 3) * m.int("timeout", 1, 20_000)), DeclineRule: engine.DeclineRule(i % 3),
		})
	}
	for i := range queues {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: fmt.Sprint("q", i+1), Routing: fmt.Sprint("r", m.pick("routing", routings)+1)})
	}
	for i := range agents {
		d.Agents = append(d.Agents, engine.AgentDefinition{
			ID: fmt.Sprint("a", i+1), PresenceConfig: fmt.Sprint("p", m.pick("presence", presences)+1), Queues: m.some("q", queues, 75),
		})
	}
	if wild {
		m.spoil(&d)
	}
	return d
}

// spoil removes or breaks one thing, which may or may not be in use.
func (m *machine) spoil(d *engine.Definition) {
	switch m.pick("spoil", 7) {
	case 0:
		d.Agents = slices.Delete(d.Agents, 0, m.int("agents", 1, 2))
	case 1:
		d.Queues = d.Queues[:2]
		for i := range d.Agents {
			d.Agents[i].Queues = slices.DeleteFunc(d.Agents[i].Queues, func(q string) bool { return q == "q3" })
		}
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
	}
}

func (m *machine) configure() {
	if m.chance("seldom", 30) {
		m.do(engine.Configure{Definition: m.definition(m.chance("wild", 50))})
	}
}

func (m *machine) create() {
	spec := engine.WorkSpec{
		Channel: m.one("c", channels), Queue: m.one("q", queues), Size: m.amount("sized", 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 250, 500, 500, 1001, 2500, 4001, -1),
		External: "x", Attributes: map[string]string{"k": "v"},
	}
	if m.chance("keyed", 30) {
		spec.Key = fmt.Sprint("k", m.pick("key", 8))
	}
	if m.chance("priority given", 20) {
		p := int32(m.pick("priority", 20) - 1)
		spec.Priority = &p
	}
	if m.chance("required", 20) {
		spec.RequiredAgent = m.one("a", agents)
	}
	if m.chance("aged", 30) {
		spec.RequestedAt = m.at - engine.Time(m.pick("age", 30)-1)*second
	}
	if m.chance("expires", 30) {
		spec.ExpiresAt = m.at + engine.Time(m.pick("in", 60)-1)*second
	}
	known := m.known(spec.Key)
	result, err := m.do(engine.CreateWork{Spec: spec})
	if err == nil && result.Duplicate != (known != 0) || result.Duplicate && result.Work != known {
		m.Fatalf("key %q: %+v, it names %v", spec.Key, result, known)
	}
}

// known returns the work that has the key.
func (m *machine) known(key string) engine.WorkID {
	for id, w := range m.shadow.work {
		if key != "" && w.spec.Key == key {
			return id
		}
	}
	return 0
}

func (m *machine) anyWork() engine.WorkID {
	return engine.WorkID(m.pick("work", m.shadow.created+1) + 1)
}

// propose proposes a batch, mostly sensible, and checks each verdict against
// the shadow: what is accepted is eligible, what is eligible is accepted.
func (m *machine) propose() {
	var proposals []engine.Proposal
	for range m.pick("proposals", 5) + 1 {
		proposals = append(proposals, m.proposal())
	}
	revisions := m.revisions()
	result, err := m.step(engine.Propose{By: engine.Decision{Strategy: "queue"}, Proposals: proposals})
	if err != nil || len(result.Verdicts) != len(proposals) {
		m.Fatalf("%+v, %v", result, err)
	}
	events := result.Events
	next := func() engine.Event {
		if len(events) == 0 {
			m.Fatalf("an event is missing for %+v: %+v", proposals, result)
		}
		ev := events[0]
		events = events[1:]
		m.shadow.see(ev)
		return ev
	}
	placed := make(map[engine.WorkID]bool)
	for i, p := range proposals {
		verdict := result.Verdicts[i]
		if p.Rank > 0 && placed[p.Work] {
			if verdict != route.VerdictAlreadyAssigned {
				m.Fatalf("%+v after an offer: %v", p, verdict)
			}
			continue
		}
		fine := p.Refused == 0 && p.Revision == revisions[p.Work] && m.shadow.eligible(p.Agent, m.shadow.work[p.Work])
		if fine != (verdict == route.VerdictAcceptedByHost) {
			m.Fatalf("%+v: %v, the shadow says %v", p, verdict, fine)
		}
		if ev := next(); ev.Work != p.Work || ev.Agent != p.Agent || (ev.Kind == engine.KindWorkOffered) != fine || !fine && ev.Verdict != verdict {
			m.Fatalf("%+v: %v became %+v", p, verdict, ev)
		}
		if fine && m.shadow.presence(p.Agent).AutoAccept {
			if ev := next(); ev.Kind != engine.KindOfferAccepted {
				m.Fatalf("%+v was not accepted at once: %+v", p, ev)
			}
		}
		placed[p.Work] = placed[p.Work] || fine
	}
	if len(events) > 0 {
		m.Fatalf("too many events: %+v", events)
	}
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

func (m *machine) proposal() engine.Proposal {
	p := engine.Proposal{Work: m.anyWork(), Agent: m.one("a", agents), Rank: uint16(m.pick("rank", 3)), Score: 5, Reason: "because"}
	if pairs := m.pairs(); len(pairs) > 0 && m.chance("sensible", 70) {
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
func (m *machine) pairs() []engine.Proposal {
	var pairs []engine.Proposal
	for _, w := range allWork(m.main) {
		for _, a := range m.main.State().Agents {
			if m.shadow.eligible(a.ID, m.shadow.work[w.ID]) {
				pairs = append(pairs, engine.Proposal{Work: w.ID, Agent: a.ID})
			}
		}
	}
	return pairs
}

func (m *machine) answer() {
	var standing []*engine.Assignment
	for _, w := range allWork(m.main) {
		if x := w.Standing(); x != nil {
			standing = append(standing, x)
		}
	}
	id, agent := engine.AssignmentID(m.pick("assignment", int(m.shadow.tries)+1)+1), m.one("a", agents)
	if len(standing) > 0 && m.chance("sensible", 90) {
		x := standing[m.pick("standing", len(standing))]
		id, agent = x.ID, x.Agent
	}
	switch m.pick("answer", 5) {
	case 0:
		m.do(engine.Accept{Assignment: id, Agent: agent})
	case 1:
		m.do(engine.Complete{Assignment: id, Agent: agent})
	default:
		m.do(engine.Decline{Assignment: id, Agent: agent, Reason: rapid.SampledFrom([]string{"ill", "ill", ""}).Draw(m.T, "reason")})
	}
}

func (m *machine) end() {
	id := m.anyWork()
	switch m.pick("end", 6) {
	case 0:
		m.do(engine.CancelWork{Work: id, Reason: "solved"})
	case 1:
		m.do(engine.AbandonWork{Work: id})
	default:
		m.do(engine.RequeueWork{Work: id, Reason: "again"})
	}
}

func (m *machine) signIn() {
	agent := m.one("a", agents)
	m.do(engine.Connect{Agent: agent})
	if a, ok := m.main.Agent(agent); ok && a.SignedIn() {
		m.do(engine.SetStatus{Agent: agent, Status: "s4"})
		return
	}
	m.do(engine.SignIn{Agent: agent, Status: m.one("s", statuses)})
}

func (m *machine) presence() {
	agent, status := m.one("a", agents), m.one("s", statuses)
	switch m.pick("presence", 10) {
	case 0:
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
		m.do(engine.RecordStrategy{By: engine.Decision{Strategy: "queue"}, State: "active"})
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
