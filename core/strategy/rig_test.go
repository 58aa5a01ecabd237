// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// BuiltIn is a folder for what the tests build, while they run.
var BuiltIn string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "pb")
	if err != nil {
		panic(err)
	}
	BuiltIn = folder
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// Times of the scenarios, in milliseconds.
const (
	second engine.Time = 1000
	minute             = 60 * second
	begin              = 1_700_000_000 * second
)

// centre is the workspace of the scenarios: queue "main" is for strategy
// "first", "other" for "second", and each is the other's fallback.
func centre() engine.Definition {
	return engine.Definition{
		Channels: []engine.Channel{
			{Name: "chat", Size: engine.Units(1000), OnDisconnect: engine.RequeueOpen},
			{Name: "mail", Size: engine.Units(300)},
		},
		Skills: []string{"art", "law"},
		Statuses: []engine.Status{
			{Name: "break"},
			{Name: "online", Channels: []string{"chat", "mail"}},
			{Name: "writing", Channels: []string{"mail"}},
		},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "auto", Capacity: 2000, Interruptible: 1000, MaxOpen: 10, AutoAccept: true},
			{Name: "standard", Capacity: 2000, Interruptible: 2000, MaxOpen: 3, StatusAfterTimeout: "break"},
		},
		RoutingConfigs: []engine.RoutingConfig{
			{Name: "normal", Strategy: "first", Fallback: "second", PushTimeout: 20 * second, Model: route.ModelLongestIdle, Priority: 5},
			{Name: "reverse", Strategy: "second", Fallback: "first", Model: route.ModelLeastActive},
		},
		Queues: []engine.QueueDefinition{
			{Name: "main", Routing: "normal", Within: 20 * second},
			{Name: "other", Routing: "reverse"},
		},
		Agents: []engine.AgentDefinition{
			{ID: "ann", PresenceConfig: "standard", Queues: engine.Member("main", "other")},
			{ID: "bob", PresenceConfig: "standard", Queues: engine.Member("main")},
			{ID: "cid", PresenceConfig: "standard", Queues: engine.Member("other")},
			{ID: "eve", PresenceConfig: "auto", Queues: engine.Member("main")},
		},
		Grace: 15 * second, KeepClosed: 60 * minute, KeepClosedItems: 100,
	}
}

// tb is what a rig needs of a test, be it one of package testing or of rapid.
type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// rig is a workspace without a host: one loop, virtual time, and strategies
// that are functions.
type rig struct {
	tb
	e      *engine.Engine
	d      *Desk
	now    engine.Time
	events []engine.Event
	actors map[string]*actor
}

// actor scripts one strategy over all its starts.
type actor struct {
	// begin says whether it starts; nil for always.
	begin func(epoch uint64) error
	// play answers a turn after the board has taken it; nil for no proposals.
	play func(in *player, turn *route.Turn, reply *route.Reply) error
	// rude skips the board and what the SDK does for a strategy.
	rude    bool
	players []*player
	turns   int
}

// player is one instance.
type player struct {
	epoch  uint64
	actor  *actor
	board  route.Board
	turns  int
	closed int
	kinds  []route.Kind
	heard  []route.Settled
}

func (a *actor) Start(_ context.Context, spec Spec, epoch uint64) (Instance, route.Manifest, error) {
	if a.begin != nil {
		if err := a.begin(epoch); err != nil {
			return nil, route.Manifest{}, err
		}
	}
	in := &player{epoch: epoch, actor: a}
	a.players = append(a.players, in)
	return in, route.Manifest{Name: spec.Name, Version: "1.2.3", Reasons: []route.Reason{{Code: 7, Name: "because"}}}, nil
}

func (in *player) Turn(_ context.Context, turn *route.Turn, reply *route.Reply) error {
	in.turns++
	in.actor.turns++
	in.kinds = append(in.kinds, turn.Kind)
	in.heard = append(in.heard, turn.Settled...)
	reply.Epoch, reply.Seq = turn.Epoch, turn.Seq
	if !in.actor.rude {
		if err := in.board.Apply(turn); err != nil {
			return ReplyError(err)
		}
		reply.Digest = in.board.Digest()
	}
	if in.actor.play != nil {
		return in.actor.play(in, turn, reply)
	}
	return nil
}

func (in *player) Close() error {
	in.closed++
	return nil
}

// greedy proposes for every waiting item the first agent who may have it and
// is not yet spoken for.
func greedy(in *player, turn *route.Turn, reply *route.Reply) error {
	if !turn.Kind.Asks() {
		return nil
	}
	taken := make(map[uint32]bool)
	for w := range in.board.AllWork() {
		if w.State != route.WorkWaiting {
			continue
		}
		for a := range in.board.Candidates(w) {
			if !taken[a.Ref] {
				taken[a.Ref] = true
				reply.Propose(w, a, 5, 7)
				break
			}
		}
	}
	return nil
}

// newRig opens the workspace; the desk comes later.
func newRig(t tb, change ...func(*engine.Definition)) *rig {
	t.Helper()
	r := &rig{tb: t, e: engine.New(), now: begin, actors: make(map[string]*actor)}
	d := centre()
	for _, c := range change {
		c(&d)
	}
	r.do(engine.Configure{Definition: d})
	return r
}

// desk makes the desk with a scripted strategy per spec.
func (r *rig) desk(specs ...Spec) *Desk {
	r.Helper()
	runtimes := make(map[string]Runtime)
	for i := range specs {
		name := specs[i].Name
		if r.actors[name] == nil {
			r.actors[name] = new(actor)
		}
		specs[i].Runtime = "scripted-" + name
		runtimes[specs[i].Runtime] = r.actors[name]
	}
	d, err := NewDesk(r.e, specs, runtimes, 42)
	if err != nil {
		r.Fatal(err)
	}
	r.d = d
	return d
}

// pair makes the desk of strategies "first" and "second" and starts it.
func (r *rig) pair() (first, second *actor) {
	r.Helper()
	first, second = new(actor), new(actor)
	r.actors["first"], r.actors["second"] = first, second
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	r.start()
	return first, second
}

func (r *rig) silent(name string) { r.actors[name].rude = true }

func (r *rig) start() { r.d.Start(context.Background(), r.now, r.step) }

// step decides a command as a host's loop does.
func (r *rig) step(command engine.Command) engine.Result {
	r.Helper()
	result, err := r.e.Step(r.now, command)
	if err != nil {
		r.Fatalf("%T: %v", command, err)
	}
	r.spread(result)
	return result
}

func (r *rig) spread(result engine.Result) {
	r.events = append(r.events, result.Events...)
	if r.d == nil {
		return
	}
	for i := range result.Events {
		if result.Events[i].Kind == engine.KindConfigured {
			if err := r.d.Configured(&result.Events[i]); err != nil {
				r.Fatal(err)
			}
		}
		r.d.Observe(&result.Events[i])
	}
}

// do makes a command happen, without any turn.
func (r *rig) do(command engine.Command) engine.Result {
	r.Helper()
	return r.step(command)
}

// try makes a command happen that may be refused.
func (r *rig) try(command engine.Command) {
	r.Helper()
	result, err := r.e.Step(r.now, command)
	var refusal *engine.Refusal
	if err != nil && !errors.As(err, &refusal) {
		r.Fatalf("%T: %v", command, err)
	}
	r.spread(result)
}

// once runs one job, if there is one.
func (r *rig) once() bool {
	r.Helper()
	r.d.Watch(r.now, r.step)
	job := r.d.Next(r.now)
	if job == nil {
		return false
	}
	job.Run(context.Background())
	r.finish(job)
	return true
}

func (r *rig) finish(job *Job) {
	r.Helper()
	r.d.Done(r.now, job, r.step)
	if _, found := r.e.Audit(0, 1000); len(found) > 0 {
		r.Fatalf("audit: %v", found)
	}
}

// run runs jobs until there are none, and fails if that never comes.
func (r *rig) run() {
	r.Helper()
	for range 10_000 {
		if !r.once() {
			if !r.d.Settled(r.now) {
				r.Fatal("there is nothing to do, but the desk is not settled")
			}
			return
		}
	}
	r.Fatal("the desk spins")
}

// pass lets time go by to the millisecond, as timers and wishes come due.
func (r *rig) pass(by engine.Time) {
	r.Helper()
	until := r.now + by
	r.run()
	for range 10_000 {
		at := until
		if t, ok := r.e.NextTimer(); ok {
			at = min(at, max(t, r.now))
		}
		if t, ok := r.d.WakeAt(); ok {
			at = min(at, max(t, r.now))
		}
		r.now = at
		r.do(engine.Tick{})
		r.run()
		if r.now == until {
			return
		}
	}
	r.Fatal("time does not pass")
}

// present signs agents in as online, with a connection.
func (r *rig) present(agents ...string) {
	r.Helper()
	for _, agent := range agents {
		r.do(engine.Connect{Agent: agent})
		r.do(engine.SignIn{Agent: agent, Status: "online"})
	}
}

func (r *rig) arrives(queue string) engine.WorkID {
	r.Helper()
	return r.do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: queue}}).Work
}

func (r *rig) work(id engine.WorkID) *engine.Work {
	r.Helper()
	w, ok := r.e.Work(id)
	if !ok {
		r.Fatalf("there is no %v", id)
	}
	return w
}

// standing returns the one assignment of the work that stands.
func (r *rig) standing(id engine.WorkID) *engine.Assignment {
	r.Helper()
	for x := range r.work(id).Standing() {
		return x
	}
	r.Fatalf("%v has no assignment that stands", id)
	return nil
}

// owned expects who decides for the queue; "" for nobody.
func (r *rig) owned(queue, want string) {
	r.Helper()
	name, ok := r.d.Owner(queue)
	if name != want || ok != (want != "") {
		r.Fatalf("queue %q is decided by %q, %v; want %q", queue, name, ok, want)
	}
}

func (r *rig) status(name string) Status {
	r.Helper()
	for _, s := range r.d.Status() {
		if s.Name == name {
			return s
		}
	}
	r.Fatalf("there is no status of %q", name)
	return Status{}
}

func (r *rig) is(name string, want State) {
	r.Helper()
	if got := r.status(name).State; got != want {
		r.Fatalf("%s is %v, want %v; its last fault: %q", name, got, want, r.status(name).Counts.LastFault)
	}
}

// record returns the changes of the strategy's state that are on record, as
// "state: reason".
func (r *rig) record(name string) []string {
	var out []string
	for i := range r.events {
		if ev := &r.events[i]; ev.Kind == engine.KindStrategyChanged && ev.Decision.Strategy == name {
			out = append(out, ev.Status+": "+ev.Reason)
		}
	}
	return out
}

// recorded expects exactly these changes since the strategy started.
func (r *rig) recorded(name string, want ...string) {
	r.Helper()
	if got := r.record(name); !slices.Equal(got, want) {
		r.Fatalf("on record of %s:\n\t%s\nwant:\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// verdicts writes settled rows as "seq work/agent verdict".
func verdicts(rows []route.Settled) []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = fmt.Sprintf("%d %d/%d %v", rows[i].Seq, rows[i].Work, rows[i].Agent, rows[i].Verdict)
	}
	return out
}

func same[T comparable](t tb, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func fault(kind FaultKind, text string) error { return &Fault{Kind: kind, Err: errors.New(text)} }
