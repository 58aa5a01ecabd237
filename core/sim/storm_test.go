// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/sim/verify"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// stormSeeds is how many seeds a run takes, unless PATCHBAY_SEEDS says
// otherwise; stormSteps is how many things happen under each.
const (
	stormSeeds = 24
	stormSteps = 600
)

// TestStorm plays random centres with every feature on, by real strategies that
// fail now and then, and holds the invariants after each step: nothing lost,
// nothing with two owners, nobody over capacity, counters equal the ledger, and
// nobody idle beside work they could be offered.
func TestStorm(t *testing.T) {
	t.Parallel()
	seeds := stormSeeds
	if testing.Short() {
		seeds = 6
	}
	first := uint64(1)
	if text := os.Getenv("PATCHBAY_SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("PATCHBAY_SEEDS: %v", err)
		}
		seeds = n
	}
	if text := os.Getenv("PATCHBAY_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("PATCHBAY_SEED: %v", err)
		}
		first, seeds = n, 1
	}
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			fingerprint := newStorm(t, seed).play()
			if seed == first && newStorm(t, seed).play() != fingerprint {
				t.Error("the same seed gave other events")
			}
		})
	}
}

// storm is one seed's story.
type storm struct {
	*testing.T
	*rand.Rand
	seed     uint64
	world    *sim.World
	flaky    bool // a strategy fails now and then
	slow     bool // strategies take time to answer
	events   []engine.Event
	created  []engine.WorkID
	ended    map[engine.WorkID]bool
	digest   uint64
	refused  int
	kinds    map[engine.Kind]int
	runtimes map[string]strategy.Runtime
}

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{
		T: t, Rand: rand.New(rand.NewPCG(seed, 0)), seed: seed, flaky: seed%3 == 0, slow: seed%4 == 1,
		ended: make(map[engine.WorkID]bool), kinds: make(map[engine.Kind]int),
	}
	d := s.definition()
	plugins := map[string]route.Plugin{"queue": queue.Plugin(), "skills": skills.Plugin(), "flaky": s.failing(skills.Plugin())}
	specs := []strategy.Spec{
		{Name: "first", Runtime: "builtin", Source: "queue"},
		{Name: "second", Runtime: "builtin", Source: "skills", MayExceed: s.IntN(4) == 0},
		{Name: "third", Runtime: "builtin", Source: "flaky"},
	}
	if !s.flaky {
		specs[2].Source = "skills"
	}
	switch seed % 5 {
	case 2:
		specs[2].Split = &strategy.Split{By: strategy.SplitByChannel, Classes: []string{"call", "mail"}}
	case 3:
		specs[2].Split = &strategy.Split{By: strategy.SplitByAttribute, Name: "tongue", Classes: []string{"de", "fr"}}
	}
	s.runtimes = map[string]strategy.Runtime{"builtin": builtin.New(plugins)}
	opts := sim.Options{
		Start: 1_790_000_000_000, Definition: d, Strategies: specs, Seed: seed, Watch: s.watch, Record: true, Runtimes: s.runtimes,
	}
	if thinking := rand.New(rand.NewPCG(seed, 1)); s.slow {
		opts.AnswerTime = func(time.Duration) engine.Time { return engine.Time(thinking.IntN(400)) }
	}
	world, err := sim.New(t.Context(), opts)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	s.world = world
	for i := range 8 {
		s.try(engine.Connect{Agent: fmt.Sprint("agent", i)})
		s.try(engine.SignIn{Agent: fmt.Sprint("agent", i), Status: "all"})
	}
	return s
}

var errStorm = errors.New("struck by lightning")

// failing breaks a strategy now and then, by the randomness of its turns.
func (s *storm) failing(plugin route.Plugin) route.Plugin {
	made := plugin.New
	plugin.New = func() route.Strategy { return &broken{Strategy: made()} }
	return plugin
}

type broken struct{ route.Strategy }

// Turn implements route.Strategy.
func (b *broken) Turn(turn *route.Turn, reply *route.Reply) error {
	if turn.Seed%40 == 0 {
		return errStorm
	}
	return b.Strategy.Turn(turn, reply)
}

func (s *storm) watch(ev *engine.Event) {
	s.kinds[ev.Kind]++
	s.events = append(s.events, *ev)
	h := fnv.New64a()
	fmt.Fprint(h, s.digest, ev.Number, ev.At, ev.Kind, ev.Work, ev.Assignment, ev.Agent, ev.Queue, ev.Status, ev.Reason, ev.Verdict, ev.Size)
	s.digest = h.Sum64()
	switch ev.Kind {
	case engine.KindWorkCreated:
		s.created = append(s.created, ev.Work)
	case engine.KindWorkCompleted, engine.KindWorkCancelled, engine.KindWorkAbandoned, engine.KindWorkExpired:
		s.ended[ev.Work] = true
	case engine.KindWorkReopened:
		delete(s.ended, ev.Work)
	case engine.KindProposalRefused:
		s.refused++
		if !s.flaky && !s.slow {
			s.Errorf("seed %d: event %d: %v of %v for %s was refused: %v", s.seed, ev.Number, ev.Decision.Strategy, ev.Work, ev.Agent, ev.Verdict)
		}
	}
}

func (s *storm) play() uint64 {
	s.Helper()
	defer s.world.Close()
	for step := range stormSteps {
		for range 1 + s.IntN(4) {
			s.act()
		}
		by := engine.Time(s.IntN(1500))
		if s.IntN(200) == 0 {
			by = engine.Time(s.IntN(3_600_000))
		}
		if err := s.world.Run(s.Context(), s.world.Now()+by); err != nil {
			s.Fatalf("seed %d, step %d: %v", s.seed, step, err)
		}
		s.check(step)
		if s.Failed() {
			s.FailNow()
		}
	}
	s.Logf("seed %d: %v", s.seed, s.kinds)
	s.verify()
	if s.kinds[engine.KindWorkOffered] == 0 {
		s.Errorf("seed %d: nothing was ever offered", s.seed)
	}
	return s.digest
}

// verify does all of it again from the record.
func (s *storm) verify() {
	s.Helper()
	report, err := verify.Run(s.Context(), past(s.events), verify.Options{Runtimes: s.runtimes})
	if err != nil {
		s.Fatalf("seed %d: %v", s.seed, err)
	}
	if d := report.Difference; d != nil {
		s.Fatalf("seed %d: done again, event %d differs: %+v", s.seed, d.Event, d)
	}
	if report.Turns == 0 || report.Skipped > 0 || report.Decisions == 0 || s.flaky != (report.Faults > 0) {
		s.Errorf("seed %d: %d turns, %d faults and %d decisions were done again, %d skipped", s.seed, report.Turns, report.Faults, report.Decisions, report.Skipped)
	}
}

// past is the events of a workspace from its very beginning.
type past []engine.Event

// Start implements verify.Source.
func (past) Start(context.Context) (*engine.Engine, error) { return engine.New(), nil }

// Events implements verify.Source.
func (p past) Events(context.Context) iter.Seq2[*engine.Event, error] {
	return func(yield func(*engine.Event, error) bool) {
		for i := range p {
			if !yield(&p[i], nil) {
				return
			}
		}
	}
}

func (s *storm) check(step int) {
	s.Helper()
	e := s.world.Engine()
	if _, found := e.Audit(0, 1000); len(found) > 0 {
		s.Fatalf("seed %d, step %d: %v", s.seed, step, found)
	}
	for _, id := range s.created {
		if w, ok := e.Work(id); !ok && !s.ended[id] || ok && w.State.Ended() != s.ended[id] {
			s.Fatalf("seed %d, step %d: %v was taken in and is lost", s.seed, step, id)
		}
	}
	if s.flaky || s.slow {
		return // while a strategy recovers something may wait
	}
	e.EachWork(0, func(w *engine.Work) bool {
		if w.State == engine.Waiting && (w.Agent == "" || w.Required || w.Until <= s.world.Now()) {
			s.stalled(step, w)
		}
		return true
	})
}

// stalled objects to somebody who could be offered what waits.
func (s *storm) stalled(step int, w *engine.Work) {
	e := s.world.Engine()
	e.EachAgent("", func(a *engine.Agent) bool {
		if e.Eligible(w, a) == route.VerdictNone {
			s.Fatalf("seed %d, step %d: %v waits in %s beside %s: %+v", s.seed, step, w.ID, w.Queue, a.ID, w.Placement)
		}
		return true
	})
}

func (s *storm) one(list ...string) string { return list[s.IntN(len(list))] }

func (s *storm) agent() string { return fmt.Sprint("agent", s.IntN(8)) }

func (s *storm) queue() string { return s.one("q0", "q1", "q2", "q3") }

func (s *storm) span(seconds int) engine.Time { return engine.Time(s.IntN(seconds*1000) + 1) }

func (s *storm) item() engine.WorkID {
	if len(s.created) == 0 {
		return 1
	}
	recent := s.created[max(0, len(s.created)-25):]
	return recent[s.IntN(len(recent))]
}

func (s *storm) needs() []engine.Need {
	var needs []engine.Need
	for i, name := range []string{"art", "law", "wit"} {
		if s.IntN(3) > 0 {
			continue
		}
		n := engine.Need{Skill: name, Level: engine.Level(s.IntN(9000))}
		if s.IntN(2) == 0 {
			n.Additional, n.Group = true, uint16(i)
		}
		if n.Level > 2000 && s.IntN(2) == 0 {
			n.Relax = []engine.Relaxation{{After: 5000, Level: n.Level - 1000}, {After: 20_000, Level: 0}}
		}
		needs = append(needs, n)
	}
	return needs
}

func (s *storm) spec() engine.WorkSpec {
	spec := engine.WorkSpec{
		Channel: s.one("call", "chat", "mail"), Queue: s.queue(), Needs: s.needs(),
		Attributes: map[string]string{"tongue": s.one("de", "fr", "en")}, Conversation: s.one("", "c1", "c2", "c3"),
	}
	switch s.IntN(6) {
	case 0:
		spec.RequiredAgent = s.agent()
	case 1:
		spec.RequiredAgent, spec.Backup, spec.PreferredFor = s.agent(), s.queue(), s.span(30)
	case 2:
		spec.PreferredAgent, spec.PreferredFor = s.agent(), s.span(30)
	case 3:
		spec.ExpiresAt = s.world.Now() + s.span(120)
	case 4:
		spec.RequestedAt = s.world.Now() - s.span(60)
	}
	if s.IntN(5) == 0 {
		spec.Size = engine.Percent(uint32(1 + s.IntN(route.WholePercent)))
	}
	return spec
}

// act does one thing that somebody in a centre does.
func (s *storm) act() {
	switch s.IntN(14) {
	case 0, 1, 2, 3:
		s.try(engine.CreateWork{Spec: s.spec()})
	case 4:
		name := s.agent()
		s.try(engine.Connect{Agent: name})
		s.try(engine.SignIn{Agent: name, Status: s.one("all", "all", "calls", "texts")})
	case 5, 6, 7:
		s.answer()
	case 8, 9:
		s.handle()
	case 10:
		s.presence()
	case 11:
		s.place()
	case 12:
		s.end()
	default:
		if s.IntN(10) == 0 {
			s.try(engine.Configure{Definition: s.definition()})
		}
	}
}

// held returns a standing assignment of somebody; 0 if they have none.
func (s *storm) held() (engine.AssignmentID, string) {
	name := s.agent()
	for range 5 { // or somebody who has one
		if a, _ := s.world.Engine().Agent(name); len(a.Held) > 0 {
			return a.Held[s.IntN(len(a.Held))], name
		}
		name = s.agent()
	}
	return 0, name
}

func (s *storm) answer() {
	id, name := s.held()
	switch s.IntN(6) {
	case 0:
		s.try(engine.Decline{Assignment: id, Agent: name, Reason: s.one("", "busy")})
	case 1, 2, 3:
		s.try(engine.Accept{Assignment: id, Agent: name})
	case 4:
		s.try(engine.Complete{Assignment: id, Agent: name})
	default:
		s.try(engine.FinishWrapUp{Assignment: id, Agent: name})
	}
}

func (s *storm) handle() {
	id, name := s.held()
	_, w, ok := s.world.Engine().Assignment(id)
	if !ok {
		return
	}
	commands := []engine.Command{
		engine.PauseWork{Work: w.ID},
		engine.ResumeWork{Work: w.ID},
		engine.DeactivateWork{Work: w.ID},
		engine.InviteAgent{Work: w.ID, Agent: s.agent()},
		engine.TransferWork{Work: w.ID, Agent: s.agent()},
		engine.Complete{Assignment: id, Agent: name},
		engine.ExtendWrapUp{Assignment: id, Agent: name},
		engine.StartWork{Agent: name, Spec: engine.WorkSpec{Channel: "mail", Queue: s.queue()}},
	}
	s.try(commands[s.IntN(len(commands))])
}

func (s *storm) presence() {
	name := s.agent()
	commands := []engine.Command{
		engine.SignOut{Agent: name},
		engine.Disconnect{Agent: name},
		engine.Connect{Agent: name},
		engine.SetStatus{Agent: name, Status: s.one("all", "calls", "texts", "busy")},
	}
	s.try(commands[s.IntN(len(commands))])
}

func (s *storm) place() {
	needs := s.needs()
	commands := []engine.Command{
		engine.TransferWork{Work: s.item(), Queue: s.queue()},
		engine.TransferWork{Work: s.item(), Needs: &needs},
		engine.TransferWork{Work: s.item(), Queue: s.queue(), RequestedAt: s.world.Now()},
		engine.UpdateWork{Work: s.item(), Reevaluate: true, Attributes: map[string]string{"tongue": s.one("de", "fr")}},
		engine.RequeueWork{Work: s.item(), Reason: "storm"},
		s.instruct(),
		s.instruct(),
		s.instruct(),
	}
	s.try(commands[s.IntN(len(commands))])
}

// instruct is what a router has done with work, which may have changed since.
func (s *storm) instruct() engine.Command {
	c := engine.Instruct{Work: s.item(), Verb: engine.Verb(1 + s.IntN(5)), By: "router", Reason: "storm", Priority: int32(s.IntN(3))}
	if s.IntN(3) > 0 {
		c.Until = s.world.Now() + s.span(20)
	}
	if w, ok := s.world.Engine().Work(c.Work); ok {
		c.Revision = w.Revision - uint32(s.IntN(8)/7)
	}
	return c
}

func (s *storm) end() {
	commands := []engine.Command{
		engine.CancelWork{Work: s.item()}, engine.AbandonWork{Work: s.item()}, engine.ReopenWork{Work: s.item()},
	}
	s.try(commands[s.IntN(len(commands))])
}

// try gives a command that may be refused, but in no other way.
func (s *storm) try(command engine.Command) {
	s.Helper()
	_, err := s.world.Do(command)
	if _, refused := errors.AsType[*engine.Refusal](err); err != nil && !refused {
		s.Fatalf("seed %d: %T%+v: %v", s.seed, command, command, err)
	}
}

func (s *storm) definition() engine.Definition {
	d := engine.Definition{
		Skills: []string{"art", "law", "wit"}, Grace: 15_000, KeepClosed: 3_600_000, KeepClosedItems: 200,
		Hours: []engine.Hours{{Name: "day", Zone: "Europe/Berlin", Weekly: []engine.Shift{{Days: 0x7f, Span: engine.Span{From: 300, To: 1200}}}}},
		Channels: []engine.Channel{
			{Name: "call", Size: engine.Percent(route.WholePercent), OnDisconnect: engine.RequeueOpen, WrapUp: engine.WrapUp{For: 8000, Extension: 4000, Extensions: 2}},
			{Name: "chat", Size: engine.Units(1000), Capacity: engine.ByStatus, PausedSize: engine.Units(200), ResumeOver: s.IntN(2) == 0, LastAgentFor: 4000},
			{Name: "mail", Size: engine.Units(500), Interruptible: true, Secondary: &engine.Secondary{Attribute: "tongue", Values: map[string]int32{"de": 1}, Otherwise: 2}},
		},
		Statuses: []engine.Status{
			{Name: "all", Channels: []string{"call", "chat", "mail"}},
			{Name: "calls", Channels: []string{"call"}},
			{Name: "texts", Channels: []string{"chat", "mail"}},
			{Name: "busy"},
		},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "auto", Capacity: 3000, Interruptible: 1000, MaxOpen: 5, AutoAccept: true},
			{Name: "plain", Capacity: 3000, Interruptible: 2000, MaxOpen: 6, MaxOffers: uint16(s.IntN(3)), StatusAfterTimeout: s.one("", "busy")},
		},
	}
	d.Channels[1].SkillRules = []engine.SkillRule{
		{Attribute: "tongue", Values: map[string][]engine.Need{"de": {{Skill: "art", Level: 1000}}}},
		{When: `work.attributes.tongue == "fr"`, Needs: []engine.Need{{Skill: "law", Additional: true}}},
	}
	for i := range 4 {
		d.RoutingConfigs = append(d.RoutingConfigs, engine.RoutingConfig{
			Name: fmt.Sprint("r", i), Priority: int32(s.IntN(3)), Model: route.Model(1 + s.IntN(7)),
			Strategy: s.one("first", "second", "third"), Fallback: "first", PushTimeout: engine.Time(s.IntN(3)) * 10_000,
			DeclineRule: engine.DeclineRule(s.IntN(3)), BySkills: s.IntN(2) == 0, DropAfter: engine.Time(s.IntN(2)) * 6000,
		})
		d.Queues = append(d.Queues, s.queueDefinition(i))
	}
	for i := range 8 {
		a := engine.AgentDefinition{ID: fmt.Sprint("agent", i), PresenceConfig: s.one("auto", "plain", "plain")}
		for _, q := range d.Queues {
			if s.IntN(2) == 0 {
				a.Queues = append(a.Queues, engine.Membership{Queue: q.Name, Tier: uint16(1 + s.IntN(len(q.Tiers)+1)), Weight: uint16(s.IntN(5))})
			}
		}
		for _, name := range d.Skills {
			if s.IntN(2) == 0 {
				a.Skills = append(a.Skills, engine.Skill{Name: name, Level: engine.Level(s.IntN(10_001))})
			}
		}
		d.Agents = append(d.Agents, a)
	}
	d.Flows = []engine.Flow{{Name: "intake", Channels: []string{"mail"}, Fallback: "q3", Steps: []engine.Step{
		{Name: "crowded", When: `waiting("q1") > 3 && agents_available("q2") > 0`, Queue: "q2", Last: true},
		{Name: "french", When: `work.attributes.tongue == "fr"`, Needs: []engine.Need{{Skill: "wit", Additional: true, Group: 3}}},
		{Name: "odd", When: `work.attributes.tongue == "en" && work.attributes.nothing == "x"`},
	}}}
	return d
}

func (s *storm) queueDefinition(i int) engine.QueueDefinition {
	q := engine.QueueDefinition{
		Name: fmt.Sprint("q", i), Routing: fmt.Sprint("r", i), OfferTo: uint16(s.IntN(4)), MaxWaiting: uint32(s.IntN(2) * 12),
	}
	if s.IntN(2) == 0 {
		q.Tiers = []engine.Time{3000, 9000}
	}
	if s.IntN(2) == 0 {
		q.Overflow = &engine.Overflow{To: fmt.Sprint("q", (i+1+s.IntN(3))%4), After: engine.Time(s.IntN(2)) * 15_000, At: uint32(s.IntN(2) * 6), WhenNobody: s.IntN(2) == 0}
	}
	if s.IntN(2) == 0 {
		q.Hours, q.Closed = "day", engine.ClosedRule(s.IntN(3))
		if q.Overflow == nil {
			q.Closed = min(q.Closed, engine.ClosedRefuse)
		}
	}
	if s.IntN(3) == 0 {
		q.Needs = []engine.Need{{Skill: s.one("art", "law"), Level: 500}}
	}
	return q
}
