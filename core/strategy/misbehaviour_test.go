// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// first is the turn in which a misbehaving strategy begins to.
const first = 6

// row is what the host does of one way of misbehaving.
type row struct {
	way string
	// outcome plays it, and holds what the host promises of such a way.
	outcome func(c *centre, want string)
	// says is the fault in words, by runtime; "" is for all others. What ends in
	// an ellipsis is how it begins, for stack traces follow.
	says map[string]string
	// deadline is that of turns; 0 means an hour.
	deadline time.Duration
}

// all is a fault that reads the same in every runtime.
func all(text string) map[string]string { return map[string]string{"": text} }

// rows has a row for every way there is; TestEveryWayHasARow sees to that.
func rows() []row {
	const (
		short  = 300 * time.Millisecond
		lost   = `strategy: died: remote: the connection of router "vendor" was lost, and it did not come back in time`
		silent = `strategy: deadline: remote: router "vendor" did not answer in time`
	)
	rubbish := func(text string) map[string]string { return all("strategy: rubbish: route: frame: at byte " + text) }
	return []row{
		{"dies_at_start", neverStarts, map[string]string{
			"builtin": `strategy: start: builtin: "misbehaving" refuses its settings: strategy: trap: builtin: panic: misbehaving: it dies at start…`,
			"process": "strategy: start: process: FILE: configure: …",
			"wasm":    "strategy: start: wasm: FILE: configure: …",
			"remote":  `strategy: start: remote: router "vendor" went away when it was to lead; no other router is connected for strategy "odd"`,
		}, 0},
		{"refuses_settings", neverStarts, map[string]string{
			"builtin": `strategy: start: builtin: "misbehaving" refuses its settings: weights.age: must not be negative`,
			"process": "strategy: start: process: FILE: it refuses its settings: weights.age: must not be negative",
			"wasm":    "strategy: start: wasm: FILE: it refuses its settings: weights.age: must not be negative",
			"remote":  `strategy: start: remote: router "vendor": it refuses its settings: weights.age: must not be negative`,
		}, 0},
		{"hangs_at_start", neverStarts, map[string]string{
			"builtin": `strategy: start: builtin: "misbehaving" refuses its settings: it did not answer in time`,
			"remote":  `strategy: start: remote: router "vendor" did not say in time whether it takes its settings; no other router is connected for strategy "odd"`,
			"":        "strategy: start: RUNTIME: FILE: it did not start in time: context deadline exceeded",
		}, 0},
		{"rubbish_manifest", neverStarts, map[string]string{
			"process": "strategy: start: process: FILE: handshake: its manifest has no name",
			"wasm":    "strategy: start: wasm: FILE: its manifest has no name",
			"remote":  `strategy: start: remote: no router is connected for strategy "odd"`,
		}, 0},
		{"endless_manifest", neverStarts, map[string]string{
			"process": "strategy: start: process: FILE: handshake: rpc error: code = ResourceExhausted desc = grpc: received message larger than max (8389915 vs. 4194304)",
			"wasm":    "strategy: start: wasm: FILE: manifest: its answer of 8390240 bytes is longer than 4194304",
		}, 0},
		{"panics", restarts, map[string]string{
			"builtin": "strategy: trap: builtin: panic: misbehaving: it panics\n…",
			"process": "strategy: died: process: it ended with exit status 2; the last it printed:\npanic: misbehaving: it panics…",
			"wasm":    "strategy: trap: wasm: wasm error: unreachable\nwasm stack trace:\n…",
			"remote":  lost,
		}, 0},
		{"traps", restarts, map[string]string{
			"builtin": "strategy: trap: builtin: panic: runtime error: invalid memory address or nil pointer dereference\n…",
			"process": "strategy: died: process: it ended with exit status 2; the last it printed:\npanic: runtime error: invalid memory address or nil pointer dereference…",
			"wasm":    "strategy: trap: wasm: wasm error: unreachable\nwasm stack trace:\n…",
			"remote":  lost,
		}, 0},
		{"exits", restarts, map[string]string{
			"process": "strategy: died: process: it ended with exit status 3",
			"wasm":    "strategy: trap: wasm: module closed with exit_code(3)",
		}, 0},
		{"hoards", restarts, map[string]string{
			// A program that gets no more memory dies in more ways than can be told
			// apart: in the midst of a collection, it may not even say of what.
			"process": "strategy: …",
			"wasm":    "strategy: out_of_memory: wasm: wasm error: unreachable\nwasm stack trace:\n…",
		}, 0},
		{"fails", restarts, map[string]string{
			"builtin": "strategy: broken: misbehaving: the index is broken",
			"":        "strategy: broken: route: reply: internal: misbehaving: the index is broken",
		}, 0},
		{"closes_stream", restarts, map[string]string{
			"process": "strategy: died: process: it closed the stream: rpc error: code = Unknown desc = misbehaving: no more turns today",
			"remote":  lost,
		}, 0},
		{"loops", late, map[string]string{
			"wasm":   "strategy: deadline: wasm: it did not answer in time: context deadline exceeded",
			"remote": silent,
			"":       "strategy: deadline: RUNTIME: it is still at an earlier turn",
		}, short},
		{"sleeps", late, map[string]string{"remote": silent, "": "strategy: deadline: RUNTIME: it is still at an earlier turn"}, short},
		{"late_once", graced, map[string]string{"remote": silent, "": "strategy: deadline: RUNTIME: it did not answer in time"}, 2 * time.Second},
		{"wrong_turn", dropped, all("strategy: wrong_turn: RUNTIME: it answered turn 7 of epoch 1, but turn 8 of epoch 1 was asked"), 0},
		{"wrong_epoch", dropped, all("strategy: wrong_turn: RUNTIME: it answered turn 8 of epoch 0, but turn 8 of epoch 1 was asked"), 0},
		{"answers_twice", answersTwice, all("strategy: wrong_turn: RUNTIME: it answered turn 6 of epoch 1, but turn 7 of epoch 1 was asked"), 0},
		{"stutters", dropped, rubbish("3: 3 bytes are less than the header's 64"), 0},
		{"says_nothing", dropped, rubbish("0: 0 bytes are less than the header's 64"), 0},
		{"bad_magic", dropped, rubbish("0: magic 0x50545448 is not 0x314e5254"), 0},
		{"lying_counts", dropped, rubbish("…"), 0},
		{"echoes", dropped, rubbish("6: kind 2 is not that of a reply"), 0},
		{"too_many_proposals", dropped, all("strategy: too_large: made 20000 proposals in one turn, 10000 are allowed"), 0},
		{"too_many_bytes", dropped, map[string]string{
			"process": "strategy: too_large: process: its reply is longer than 1048576 bytes",
			"wasm":    "strategy: too_large: wasm: its reply of 4194368 bytes is longer than 1048576",
			"remote":  "strategy: too_large: remote: its reply has 4194368 bytes, 1048576 are allowed",
		}, 0},
		{"wrong_digest", resynced, all("strategy: broken: asked for 4 snapshots in a row"), 0},
		{"asks_for_snapshots", resynced, all("strategy: broken: asked for 4 snapshots in a row"), 0},
		{"unknown_work", refused(route.VerdictUnknownWork), nil, 0},
		{"unknown_agent", refused(route.VerdictUnknownAgent), nil, 0},
		{"stale", refused(route.VerdictStale), nil, 0},
		{"ineligible", refused(route.VerdictChannelMismatch), nil, 0},
		{"twice", refused(route.VerdictAlreadyAssigned), nil, 0},
		{"stalls", stalls, all(`strategy: stalled: made no offer from queue "support" for …`), 0},
		{"slow", isSlow, nil, time.Second},
		{"returns", returns, map[string]string{
			"builtin": `strategy: start: builtin: "misbehaving" is still at a call of its former start; it is not started again before that has returned`,
			"remote":  silent,
		}, short},
		{"floods_log", floods, nil, 0},
		{"prints", goesOn, nil, 0},
		{"opens_files", restarts, all("strategy: broken: route: reply: internal: misbehaving: after …"), 0},
		{"forks", restarts, all("strategy: limit: process: it ended with signal: killed: it has started …"), 0},
		{"leaves_a_child", goesOn, nil, 0},
		{"burns", restarts, all("strategy: limit: process: it ended with signal: killed: it has used up the 1s of processor time that it may"), 0},
		{"will_not_end", endsAllTheSame, nil, 0},
		{"never_sleeps", neverSleeps, nil, 0},
	}
}

func TestEveryWayHasARow(t *testing.T) {
	t.Parallel()
	ways, table := misbehaving.Ways(), rows()
	for i := range max(len(ways), len(table)) {
		if i >= len(ways) || i >= len(table) || ways[i].Name != table[i].way {
			t.Fatalf("ways and rows differ from number %d on: %v and %v", i, ways[min(i, len(ways)-1)], table[min(i, len(table)-1)].way)
		}
	}
}

// TestMisbehaviour has a real engine and a real desk served by a strategy that
// misbehaves, in each way and each runtime in which it can.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it builds plugins; leave out -short")
	}
	for _, carrier := range carriers() {
		for _, r := range rows() {
			if way, _ := misbehaving.Find(r.way); !way.Possible(carrier.name) {
				continue
			}
			t.Run(r.way+"/"+carrier.name, func(t *testing.T) {
				t.Parallel()
				c := newCentre(t, carrier, r)
				r.outcome(c, c.fault(r.says))
				c.whole()
			})
		}
	}
}

// neverStarts: what does not start leaves its queue to the fallback, and is
// tried again with growing pauses.
func neverStarts(c *centre, want string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way})
	c.said(want)
	c.is(strategy.Down)
	for range 3 {
		c.round()
	}
	if n := c.decided["queue 1"]; n != 3 || len(c.decided) != 1 {
		c.t.Fatalf("decided: %v", c.decided)
	}
	starts := c.status().Epoch
	c.pass(time.Second)
	if s := c.status(); s.Epoch <= starts || s.State != strategy.Down || s.Counts.Turns != 0 {
		c.t.Fatalf("after a second: %+v", s)
	}
}

// restarts: who dies is replaced within the same turn, started again, proves
// itself, and decides again.
func restarts(c *centre, want string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Epochs: 1})
	c.untilFault()
	c.is(strategy.Down)
	c.owned("queue")
	c.said(want)
	c.round() // the fallback decides
	c.recovers()
	if got, want := c.record(), []string{
		"active: started", "down: " + c.status().Counts.LastFault, "probing: restarted", "active: answered 3 turns well",
	}; strings.Join(got, "\n") != strings.Join(want, "\n") {
		c.t.Fatalf("on record:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s := c.status(); s.Counts.Faults != 1 || s.Counts.Restarts != 1 {
		c.t.Fatalf("%+v", s.Counts)
	}
}

// late: who misses its deadline loses its queue at once. A guest is cut off;
// another has a turn of grace, and is then ended.
func late(c *centre, want string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Epochs: 1})
	c.untilFault()
	c.owned("queue")
	for n := 0; c.status().State != strategy.Down; n++ {
		if n == 100 {
			c.t.Fatalf("still %v", c.status().State)
		}
		c.round()
	}
	c.said(want)
	c.free() // or a builtin would never be started again
	c.recovers()
}

// graced: who misses one deadline is asked again while the fallback decides, and
// goes on without a restart.
func graced(c *centre, want string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Turns: 1, Epochs: 1})
	c.untilFault()
	c.said(want)
	c.is(strategy.Probing)
	c.owned("queue")
	if queue := c.decided["queue 1"]; queue != 0 {
		c.t.Fatalf("the fallback has decided %d already", queue)
	}
	c.recovers()
	if s := c.status(); c.kind == "builtin" && (s.Epoch != 1 || s.Counts.Restarts != 0) {
		c.t.Fatalf("it was started again: %+v", s)
	}
}

// dropped: a reply that cannot be used is dropped whole and counted; with the
// third the breaker opens.
func dropped(c *centre, want string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Epochs: 1})
	proposals := c.untilFault()
	if s := c.status(); s.State != strategy.Active || s.Counts.Faults != 1 || s.Counts.Proposals != proposals {
		c.t.Fatalf("after the first: %v, %+v; it had made %d proposals before", s.State, s.Counts, proposals)
	}
	c.owned("odd")
	for n := 0; c.status().Counts.Faults < 3; n++ {
		if n == 100 {
			c.t.Fatalf("%+v", c.status().Counts)
		}
		if !c.once() {
			c.round()
		}
	}
	c.is(strategy.Down)
	c.owned("queue")
	c.said(want)
	c.recovers()
}

// answersTwice: the second answer to a turn is not taken for one to the next.
func answersTwice(c *centre, want string) {
	c.t.Helper()
	if c.kind == "remote" { // where answers name their turn
		goesOn(c, "")
		if n := c.runtime.(reviver).told(strategyv1.Notice_CODE_DUPLICATE); n == 0 {
			c.t.Fatal("it was not told that its second answers do not count")
		}
		return
	}
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Turns: 1, Epochs: 1})
	c.untilFault()
	c.said(want)
	c.is(strategy.Active)
	c.round()
	before := c.decided["odd 1"]
	c.round()
	if s := c.status(); c.decided["odd 1"] != before+1 || s.Counts.Faults != 1 {
		c.t.Fatalf("%v, %+v", c.decided, s.Counts)
	}
}

// resynced: who has lost step is given a snapshot, and who then still has is
// broken.
func resynced(c *centre, want string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Turns: 2, Epochs: 1})
	for n := 0; c.status().Counts.Resyncs < 2; n++ {
		if n == 100 {
			c.t.Fatalf("%+v", c.status().Counts)
		}
		c.round()
	}
	if s := c.status(); s.State != strategy.Active || s.Counts.Faults != 0 || c.decided["queue 1"] != 0 {
		c.t.Fatalf("two snapshots are no fault: %v, %+v, %v", s.State, s.Counts, c.decided)
	}
	d := newCentre(c.t, c.carrier, c.row)
	d.opens(misbehaving.Settings{Way: c.row.way, From: first, Epochs: 1})
	d.untilFault()
	d.is(strategy.Down)
	d.owned("queue")
	d.said(want)
	d.recovers()
	d.whole()
}

// refused: what does not hold is refused with its reason, and the rest stands.
func refused(verdict route.Verdict) func(*centre, string) {
	return func(c *centre, _ string) {
		c.t.Helper()
		c.opens(misbehaving.Settings{Way: c.row.way, From: first})
		for range 12 {
			c.round()
		}
		s := c.status()
		if s.State != strategy.Active || s.Counts.Faults != 0 || s.Counts.Refusals == 0 || c.decided["odd 1"] != 12 {
			c.t.Fatalf("%v, %+v, decided %v", s.State, s.Counts, c.decided)
		}
		if c.refusals[verdict] == 0 || len(c.refusals) != 1 {
			c.t.Fatalf("refused: %v, want only %v", c.refusals, verdict)
		}
	}
}

// stalls: who proposes nothing though it could is shown and counted, and
// replaced if the routing config says so.
func stalls(c *centre, want string) {
	c.t.Helper()
	c.definition.RoutingConfigs[0].StallAfter, c.definition.RoutingConfigs[0].StallFallback = 10_000, true
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Epochs: 1})
	for c.status().Counts.Turns < first {
		c.round()
	}
	id := c.arrives("support")
	c.run()
	c.pass(9 * time.Second)
	if s := c.status(); s.Counts.Stalls != 0 || s.Stalled != "" || c.work(id).State != engine.Waiting {
		c.t.Fatalf("too early: %+v, %q", s.Counts, s.Stalled)
	}
	c.pass(3 * time.Second)
	if s := c.status(); s.Counts.Stalls != 1 || s.Counts.Faults != 1 {
		c.t.Fatalf("%+v", s.Counts)
	}
	c.said(want)
	if w := c.work(id); w.State == engine.Waiting {
		c.t.Fatal("the fallback has not offered it")
	}
	c.serve()
	c.recovers()

	shown := newCentre(c.t, c.carrier, c.row)
	shown.definition.RoutingConfigs[0].StallAfter = 10_000
	shown.opens(misbehaving.Settings{Way: c.row.way, From: first, Turns: 30})
	for shown.status().Counts.Turns < first {
		shown.round()
	}
	shown.arrives("support")
	shown.run()
	shown.pass(25 * time.Second)
	s := shown.status()
	if s.State != strategy.Active || s.Counts.Faults != 0 || s.Counts.Stalls != 2 || !strings.HasPrefix(s.Stalled, `made no offer from queue "support" for 1`) {
		c.t.Fatalf("%v, %+v, %q", s.State, s.Counts, s.Stalled)
	}
	if record := shown.record(); len(record) != 2 || !strings.HasPrefix(record[1], "active: stalled: made no offer") {
		c.t.Fatalf("on record: %v", record)
	}
	for n := 0; shown.status().Stalled != ""; n++ { // until it proposes again
		if n == 100 {
			c.t.Fatal("the stall is still shown")
		}
		shown.arrives("support")
		shown.run()
		shown.serve()
	}
	shown.whole()
}

// isSlow: who is slow but answers in time goes on, and is counted.
func isSlow(c *centre, _ string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first})
	for n := 0; c.status().Counts.Slow == 0; n++ {
		if n == 1000 {
			c.t.Fatalf("%+v", c.status())
		}
		c.round()
	}
	if c.decided["odd 1"] == 0 {
		c.t.Fatalf("decided: %v", c.decided)
	}
}

// returns: who answers when it has long been replaced is not heard, and not
// started twice meanwhile.
func returns(c *centre, want string) {
	c.t.Helper()
	if c.kind == "remote" {
		lateIsTold(c, want)
		return
	}
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Turns: 1, Epochs: 1})
	c.untilFault()
	for n := 0; c.status().State != strategy.Down; n++ {
		if n == 100 {
			c.t.Fatalf("still %v", c.status().State)
		}
		c.round()
	}
	c.pass(time.Second)
	c.said(want)
	offers := c.status().Counts.Offers
	c.free() // now it answers
	if s := c.status(); s.Counts.Offers != offers {
		c.t.Fatalf("its late answer has made %d offers", s.Counts.Offers-offers)
	}
	c.recovers()
}

// goesOn: it does what it should not, but decides well, and so goes on.
func goesOn(c *centre, _ string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Turns: 3})
	for range 12 {
		c.round()
	}
	if s := c.status(); s.State != strategy.Active || s.Counts.Faults != 0 || c.decided["odd 1"] != 12 {
		c.t.Fatalf("%v, %+v, decided %v", s.State, s.Counts, c.decided)
	}
}

// floods: what it prints beyond its limit is dropped, and said so.
func floods(c *centre, _ string) {
	c.t.Helper()
	goesOn(c, "")
	c.desk.Close(c.t.Context())
	text := c.log.String()
	if n := strings.Count(text, "msg=\"misbehaving: spam\""); n < 100 || n > 15_000 {
		c.t.Fatalf("%d lines of 30,000 are in the log", n)
	}
	if !strings.Contains(text, "the strategy logs too much; lines were dropped") {
		c.t.Fatal("the log does not say that lines were dropped")
	}
}

// endsAllTheSame: who ignores that it is told to end is ended.
func endsAllTheSame(c *centre, _ string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way})
	for range 3 {
		c.round()
	}
	c.definition.RoutingConfigs[0].Strategy = "queue"
	c.do(engine.Configure{Definition: c.definition})
	c.run()
	c.is(strategy.Idle)
	c.owned("queue")
	c.round()
}

// neverSleeps: who asks for a turn at once after each turn gets one a
// millisecond at most.
func neverSleeps(c *centre, _ string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first})
	for range first {
		c.round()
	}
	before := c.status().Counts.Turns
	c.pass(100 * time.Millisecond)
	if n := c.status().Counts.Turns - before; n < 50 || n > 102 {
		c.t.Fatalf("%d turns in 100 ms", n)
	}
	c.round()
	if s := c.status(); s.Counts.Faults != 0 || len(c.decided) != 1 {
		c.t.Fatalf("%+v, decided %v", s.Counts, c.decided)
	}
}

// fault returns the text that the runtime has for it.
func (c *centre) fault(says map[string]string) string {
	text, ok := says[c.kind]
	if !ok {
		text = says[""]
	}
	return text
}

// said expects the last fault in words.
func (c *centre) said(want string) {
	c.t.Helper()
	want = strings.NewReplacer("FILE", c.spec.Source, "RUNTIME", c.kind).Replace(want)
	got := c.status().Counts.LastFault
	if begin, cut := strings.CutSuffix(want, "…"); cut && strings.HasPrefix(got, begin) && want != "" {
		return
	}
	if got != want {
		c.t.Fatalf("its last fault:\n%s\nwant:\n%s", got, want)
	}
}

func (c *centre) is(want strategy.State) {
	c.t.Helper()
	if s := c.status(); s.State != want {
		c.t.Fatalf("it is %v, want %v; its last fault: %s", s.State, want, s.Counts.LastFault)
	}
}

// owned expects who decides for the queue.
func (c *centre) owned(want string) {
	c.t.Helper()
	if name, _ := c.desk.Owner("support"); name != want {
		c.t.Fatalf("support is decided by %q, want %q", name, want)
	}
}

// record returns what is on record of the strategy's states.
func (c *centre) record() (out []string) {
	for i := range c.events {
		if ev := &c.events[i]; ev.Kind == engine.KindStrategyChanged && ev.Decision.Strategy == "odd" {
			out = append(out, fmt.Sprintf("%s: %s", ev.Status, ev.Reason))
		}
	}
	return out
}
