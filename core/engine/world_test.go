// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Times of the scenarios, in milliseconds.
const (
	second engine.Time = 1000
	minute             = 60 * second
	start              = 1_700_000_000 * second
)

// centre is the workspace of the scenarios: a queue per decline rule, members
// ann, bob and cid everywhere, and specialists.
func centre() engine.Definition {
	everywhere := []string{"claims", "sales", "support"}
	return engine.Definition{
		Channels: []engine.Channel{
			{Name: "chat", Size: engine.Units(1000), OnDisconnect: engine.KeepOpen},
			{Name: "mail", Size: engine.Units(333)},
			{Name: "voice", Size: engine.Units(1000), OnDisconnect: engine.RequeueOpen},
		},
		Statuses: []engine.Status{
			{Name: "break"},
			{Name: "chatting", Channels: []string{"chat"}},
			{Name: "online", Channels: []string{"chat", "mail", "voice"}},
		},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "auto", Capacity: 3000, MaxOpen: 10, AutoAccept: true},
			{Name: "careful", Capacity: 1000, MaxOpen: 1, DeclineReasons: []string{"ill", "too hard"}, StatusAfterDecline: "break", StatusAfterTimeout: "break"},
			{Name: "few", Capacity: 9000, MaxOpen: 2},
			{Name: "standard", Capacity: 3000, MaxOpen: 10},
		},
		RoutingConfigs: []engine.RoutingConfig{
			{Name: "forever", Strategy: "queue", DeclineRule: engine.Forever},
			{Name: "last", Strategy: "queue", DeclineRule: engine.LastOnly, Priority: 3, Size: engine.Units(500)},
			{Name: "normal", Strategy: "queue", DeclineRule: engine.UntilExhausted, Priority: 5, PushTimeout: 20 * second},
		},
		Queues: []engine.QueueDefinition{
			{Name: "claims", Routing: "forever"},
			{Name: "empty", Routing: "normal"},
			{Name: "sales", Routing: "last"},
			{Name: "support", Routing: "normal", Within: 20 * second, Target: 800},
		},
		Agents: []engine.AgentDefinition{
			{ID: "ann", Name: "Ann", PresenceConfig: "standard", Queues: engine.Member(everywhere...)},
			{ID: "bob", PresenceConfig: "standard", Queues: engine.Member(everywhere...)},
			{ID: "cid", PresenceConfig: "standard", Queues: engine.Member(everywhere...)},
			{ID: "dot", PresenceConfig: "careful", Queues: engine.Member("support")},
			{ID: "eve", PresenceConfig: "auto", Queues: engine.Member("support")},
			{ID: "fay", PresenceConfig: "few", Queues: engine.Member("support")},
			{ID: "guy", PresenceConfig: "standard"},
		},
		Grace:           15 * second,
		KeepClosed:      60 * minute,
		KeepClosedItems: 100,
	}
}

// world runs a scenario. After every command it audits; at the end it replays
// all events and restores the state, and both must give the same workspace.
type world struct {
	*testing.T
	*engine.Engine
	at     engine.Time
	events []engine.Event
}

func newWorld(t *testing.T, change ...func(*engine.Definition)) *world {
	t.Helper()
	w := &world{T: t, Engine: engine.New(), at: start}
	d := centre()
	for _, c := range change {
		c(&d)
	}
	w.do(engine.Configure{Definition: d})
	t.Cleanup(w.finish)
	return w
}

// finish checks that the story can be told again.
func (w *world) finish() {
	again := engine.New()
	for _, ev := range w.events {
		if err := again.Replay(ev); err != nil {
			w.Fatalf("replay: %v", err)
		}
	}
	same(w, "replayed", w.Engine, again)
	same(w, "restored", w.Engine, restored(w, w.Engine))
}

// do makes a command happen and returns its result.
func (w *world) do(command engine.Command) engine.Result {
	w.Helper()
	number := w.Number()
	result, err := w.Step(w.at, command)
	if err != nil {
		w.Fatalf("%T%+v: %v", command, command, err)
	}
	for _, ev := range result.Events {
		number++
		if ev.Number != number {
			w.Fatalf("event %d comes after %d", ev.Number, number-1)
		}
	}
	w.events = append(w.events, result.Events...)
	w.sound()
	return result
}

// did makes a command happen and expects events of these kinds.
func (w *world) did(command engine.Command, kinds ...engine.Kind) []engine.Event {
	w.Helper()
	events := w.do(command).Events
	if got := kindsOf(events); !slices.Equal(got, kinds) {
		w.Fatalf("%T%+v led to %v, want %v", command, command, got, kinds)
	}
	return events
}

// refused expects a refusal, and that it changes nothing.
func (w *world) refused(command engine.Command, code engine.Code, field string) *engine.Refusal {
	w.Helper()
	before := picture(w, w.Engine)
	result, err := w.Step(w.at, command)
	var refusal *engine.Refusal
	if !errors.As(err, &refusal) {
		w.Fatalf("%T%+v: %v, want a refusal", command, command, err)
	}
	if refusal.Code != code || refusal.Field != field {
		w.Errorf("%T%+v was refused as %q for field %q (%v), want %q for %q", command, command, refusal.Code, refusal.Field, err, code, field)
	}
	if refusal.Message == "" {
		w.Errorf("%T: the refusal says nothing", command)
	}
	if len(result.Events) > 0 || result.Work != 0 || result.Duplicate || result.Verdicts != nil {
		w.Errorf("%T was refused with a result: %+v", command, result)
	}
	if !bytes.Equal(before, picture(w, w.Engine)) {
		w.Errorf("%T%+v was refused and changed something", command, command)
	}
	w.sound()
	return refusal
}

func (w *world) sound() {
	w.Helper()
	if next, found := w.Audit(0, 10); next != 0 || len(found) > 0 {
		w.Fatalf("audit: %v", found)
	}
}

// pass lets time go by, and the timers with it.
func (w *world) pass(by engine.Time) []engine.Event {
	w.Helper()
	w.at += by
	return w.do(engine.Tick{}).Events
}

// present signs agents in as online, with a connection.
func (w *world) present(agents ...string) {
	w.Helper()
	for _, agent := range agents {
		w.do(engine.Connect{Agent: agent})
		w.do(engine.SignIn{Agent: agent, Status: "online"})
	}
}

// arrives brings a chat into a queue.
func (w *world) arrives(queue string, change ...func(*engine.WorkSpec)) engine.WorkID {
	w.Helper()
	spec := engine.WorkSpec{Channel: "chat", Queue: queue}
	for _, c := range change {
		c(&spec)
	}
	result := w.do(engine.CreateWork{Spec: spec})
	if result.Work == 0 || result.Duplicate {
		w.Fatalf("created %v, duplicate %v", result.Work, result.Duplicate)
	}
	return result.Work
}

func (w *world) propose(id engine.WorkID, agent string) engine.Result {
	w.Helper()
	item, ok := w.Work(id)
	if !ok {
		w.Fatalf("%v is gone", id)
	}
	return w.do(engine.Propose{
		By:        engine.Decision{Strategy: "queue", Version: "1.0.0", Turn: 7},
		Proposals: []engine.Proposal{{Work: id, Revision: item.Revision, Agent: agent, Score: 9, Reason: "longest_idle"}},
	})
}

// offered proposes work for an agent, expects that it holds, and returns the
// assignment.
func (w *world) offered(id engine.WorkID, agent string) engine.AssignmentID {
	w.Helper()
	result := w.propose(id, agent)
	if result.Verdicts[0] != route.VerdictAcceptedByHost {
		w.Fatalf("%v for %s: %v", id, agent, result.Verdicts[0])
	}
	return result.Events[0].Assignment
}

// cannot proposes work for an agent and expects a verdict against it.
func (w *world) cannot(id engine.WorkID, agent string, want route.Verdict) {
	w.Helper()
	if got := w.propose(id, agent).Verdicts[0]; got != want {
		w.Fatalf("%v for %s: %v, want %v", id, agent, got, want)
	}
}

// declines offers the work to the agent, who declines.
func (w *world) declines(id engine.WorkID, agent string) {
	w.Helper()
	w.do(engine.Decline{Assignment: w.offered(id, agent), Agent: agent})
}

// opened offers the work to the agent, who accepts.
func (w *world) opened(id engine.WorkID, agent string) engine.AssignmentID {
	w.Helper()
	a := w.offered(id, agent)
	w.do(engine.Accept{Assignment: a, Agent: agent})
	return a
}

func (w *world) item(id engine.WorkID) *engine.Work {
	w.Helper()
	item, ok := w.Work(id)
	if !ok {
		w.Fatalf("%v is gone", id)
	}
	return item
}

func (w *world) agent(id string) *engine.Agent {
	w.Helper()
	a, ok := w.Agent(id)
	if !ok {
		w.Fatalf("agent %q is gone", id)
	}
	return a
}

// is expects the work's state and whom it is kept from.
func (w *world) is(id engine.WorkID, state engine.WorkState, excluded ...string) {
	w.Helper()
	item := w.item(id)
	if item.State != state || !slices.Equal(item.Excluded, excluded) {
		w.Fatalf("%v is %v and kept from %v, want %v and %v", id, item.State, item.Excluded, state, excluded)
	}
}

// tried expects the state of the work's last assignment.
func (w *world) tried(id engine.WorkID, state engine.AssignmentState) *engine.Assignment {
	w.Helper()
	tries := w.item(id).Assignments
	if len(tries) == 0 || tries[len(tries)-1].State != state {
		w.Fatalf("%v was tried as %+v, want %v last", id, tries, state)
	}
	return &tries[len(tries)-1]
}

// uses expects what an agent holds.
func (w *world) uses(agent string, used engine.Milli, held int) {
	w.Helper()
	if a := w.agent(agent); a.Used != used || len(a.Held) != held {
		w.Fatalf("%s uses %v for %v, want %v for %d", agent, a.Used, a.Held, used, held)
	}
}

// requires is an option of arrives.
func requires(agent string) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.RequiredAgent = agent }
}

func sized(size engine.Milli) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.Size = engine.Units(size) }
}

func expiring(at engine.Time) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.ExpiresAt = at }
}

func on(channel string) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.Channel = channel }
}

func keyed(key string) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.Key = key }
}

func kindsOf(events []engine.Event) []engine.Kind {
	var kinds []engine.Kind
	for _, ev := range events {
		kinds = append(kinds, ev.Kind)
	}
	return kinds
}

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// saved is all that is durable of a workspace.
type saved struct {
	State engine.State
	Work  []*engine.Work
}

func allWork(e *engine.Engine) []*engine.Work {
	var work []*engine.Work
	e.EachWork(0, func(w *engine.Work) bool {
		work = append(work, w)
		return true
	})
	return work
}

// canonical writes the same in the same bytes.
var canonical = sync.OnceValues(cbor.CanonicalEncOptions().EncMode)

// picture is all that is durable of a workspace, as bytes.
func picture(t fataler, e *engine.Engine) []byte {
	t.Helper()
	return encode(t, saved{State: e.State(), Work: allWork(e)})
}

// sketch is a picture without the definition, which is most of it.
func sketch(t fataler, e *engine.Engine) []byte {
	t.Helper()
	s := saved{State: e.State(), Work: allWork(e)}
	s.State.Definition = nil
	return encode(t, s)
}

func encode(t fataler, v any) []byte {
	t.Helper()
	mode, err := canonical()
	if err != nil {
		t.Fatalf("cbor: %v", err)
	}
	out, err := mode.Marshal(v)
	if err != nil {
		t.Fatalf("cbor: %v", err)
	}
	return out
}

// restored saves a workspace as bytes and restores another from them.
func restored(t fataler, e *engine.Engine) *engine.Engine {
	t.Helper()
	var back saved
	if err := cbor.Unmarshal(picture(t, e), &back); err != nil {
		t.Fatalf("cbor: %v", err)
	}
	again, err := engine.Restore(back.State, sequence(back.Work))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return again
}

func sequence(work []*engine.Work) iter.Seq2[*engine.Work, error] {
	return func(yield func(*engine.Work, error) bool) {
		for _, w := range work {
			if !yield(w, nil) {
				return
			}
		}
	}
}

// same expects two workspaces to be equal, also in what they derive.
func same(t fataler, how string, a, b *engine.Engine) {
	t.Helper()
	pa, pb := picture(t, a), picture(t, b)
	if !bytes.Equal(pa, pb) {
		da, _ := cbor.Diagnose(pa)
		db, _ := cbor.Diagnose(pb)
		t.Fatalf("the %s workspace differs:\n%s\n%s", how, da, db)
	}
	b.Hear(a) // what is estimated depends on the time
	if ba, bb := backlogs(a), backlogs(b); !slices.Equal(ba, bb) {
		t.Fatalf("the %s workspace has backlogs %+v, want %+v", how, bb, ba)
	}
}

// backlogs is what a workspace counts by queue, which is derived and not saved.
func backlogs(e *engine.Engine) []engine.Backlog {
	var list []engine.Backlog
	e.EachQueue(func(b engine.Backlog) bool {
		b.Queue, b.Routing = nil, nil
		list = append(list, b)
		return true
	})
	return list
}

// standing returns the assignment of the work that stands, the oldest if there
// are several; nil if there is none.
func standing(w *engine.Work) *engine.Assignment {
	for x := range w.Standing() {
		return x
	}
	return nil
}

// aged says since when the customer waits.
func aged(by engine.Time) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.RequestedAt = start - by }
}

// wants makes a required skill with a level in units.
func wants(skill string, level engine.Level) engine.Need {
	return engine.Need{Skill: skill, Level: level * 1000}
}

// extra makes an additional skill of a group.
func extra(skill string, group uint16) engine.Need {
	return engine.Need{Skill: skill, Additional: true, Group: group}
}

// happens lets time go by and expects events of these kinds.
func (w *world) happens(by engine.Time, kinds ...engine.Kind) []engine.Event {
	w.Helper()
	events := w.pass(by)
	if got := kindsOf(events); !slices.Equal(got, kinds) {
		w.Fatalf("after %d there is %v, want %v", by, got, kinds)
	}
	return events
}

// in expects the queue in which work waits.
func (w *world) in(id engine.WorkID, queue string) *engine.Work {
	w.Helper()
	item := w.item(id)
	if item.Queue != queue {
		w.Fatalf("%v is in %q, want %q", id, item.Queue, queue)
	}
	return item
}

// requiresNow expects the skills that are required at present, with levels in
// thousandths.
func (w *world) requiresNow(id engine.WorkID, want map[string]engine.Level) {
	w.Helper()
	got := make(map[string]engine.Level)
	for _, n := range w.item(id).Needs {
		if !n.Dropped {
			got[n.Skill] = n.Now
		}
	}
	if !maps.Equal(got, want) {
		w.Fatalf("%v requires %v, want %v", id, got, want)
	}
}

// defined changes the definition in force.
func (w *world) defined(change func(*engine.Definition)) {
	w.Helper()
	d := centre()
	change(&d)
	w.do(engine.Configure{Definition: d})
}
