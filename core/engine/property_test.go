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
	"strconv"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// TestMain makes the random runs longer than rapid would, and fewer where they
// are dear; the command line has the last word.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.steps": "120", "rapid.checks": strconv.Itoa(100 / dear)} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
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
	now                  []byte // sketch of the main workspace
	config               uint64 // the definition with which all were equal
}

func newMachine(t *rapid.T) *machine {
	m := &machine{T: t, main: engine.New(), follower: engine.New(), shadow: newShadow(t), at: start}
	m.now = sketch(t, m.main)
	m.do(engine.Configure{Definition: m.definition(false)})
	for range 4 {
		m.create()
		m.signIn()
	}
	return m
}

func TestAnyHistoryKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"":    func(*rapid.T) { m.check() },
			"act": func(*rapid.T) { m.act() },
		})
	})
}

// What is never reached is not tested: a fixed set of random histories comes to
// each kind of event, and to each way in which the interesting ones happen.
func TestRandomHistoriesReachEverything(t *testing.T) {
	t.Parallel()
	if testing.Short() || dear > 1 {
		t.Skip("it takes many histories to come to everything")
	}
	const histories, steps = 200, 180
	seen := make(map[string]int)
	history := rapid.Custom(func(t *rapid.T) map[string]int {
		m := newMachine(t)
		for range steps {
			m.act()
		}
		m.check()
		return m.shadow.seen
	})
	for seed := range histories {
		for what, n := range history.Example(seed) {
			seen[what] += n
		}
	}
	for _, k := range everyKind() {
		if seen[k.String()] == 0 {
			t.Errorf("%v is never reached", k)
		}
	}
	for _, what := range []string{
		"work_created/closed", "work_created/full", "work_created/nobody_signed_in",
		"work_overflowed/waited", "work_overflowed/nobody_signed_in", "work_overflowed/full", "work_overflowed/closed",
		"work_overflowed/required_agent_did_not_take_it", "work_overflowed/required_agent_is_gone",
		"work_transferred/closed", "work_transferred/full", "work_transferred/nobody_signed_in",
		"wrap_up_started/more", "wrap_up_started/as it was", "wrap_up_started/granted", "work_reopened/required",
		"work_offered/invited", "work_offered/transferred", "work_offered/agent_started", "work_offered/reopened",
		"work_offered/to several", "work_offered/granted", "work_resumed/granted",
		"verb/hold", "verb/clear", "verb/withdraw", "verb/reprioritise", "verb/annotate", "hold_ended/by itself",
		"offer_accepted/guest", "offer_declined/guest", "offer_timed_out/guest", "offer_unavailable/guest", "offer_withdrawn/guest",
	} {
		if seen[what] == 0 {
			t.Errorf("%s is never reached", what)
		}
	}
	for _, what := range sorted(seen) {
		t.Logf("%6d %s", seen[what], what)
	}
}

func sorted(seen map[string]int) []string {
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// act does one thing, the usual ones more often.
func (m *machine) act() {
	actions := []struct {
		weight int
		do     func()
	}{
		{18, m.create},
		{28, m.propose},
		{28, m.answer},
		{22, m.progress},
		{20, m.direct},
		{4, m.update},
		{6, m.instruct},
		{6, m.end},
		{8, m.presence},
		{6, m.signIn},
		{4, m.time},
		{10, m.tick},
		{2, m.configure},
		{2, m.decide},
		{2, func() { m.twin = restored(m, m.main) }},
	}
	at := m.pick("action", 166)
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
	m.stays(command, result.Events)
	return result, err
}

// stays objects to work that came back, or asks for something else, and waits
// where nobody is for it although it should have been sent on. It looks at one
// item alone: others may have changed since what there was to decide by.
func (m *machine) stays(command engine.Command, events []engine.Event) {
	m.Helper()
	switch command.(type) {
	case engine.RequeueWork, engine.Decline, engine.SignOut, engine.ReopenWork, engine.UpdateWork:
	default:
		return
	}
	about := make(map[engine.WorkID]bool)
	for _, ev := range events {
		about[ev.Work] = true
	}
	delete(about, 0)
	for id := range about {
		if len(about) == 1 && m.shadow.shouldMove(m.shadow.work[id], events[0].At) {
			m.Fatalf("%T%+v left %v where nobody is for it: %+v", command, command, id, m.shadow.work[id])
		}
	}
}

func (m *machine) step(command engine.Command) (engine.Result, error) {
	m.Helper()
	before := m.now
	m.shadow.told = max(m.shadow.told, m.at)
	result, err := m.main.Step(m.at, command)
	var refusal *engine.Refusal
	if err != nil && (!errors.As(err, &refusal) || refusal.Code == "" || refusal.Message == "") {
		m.Fatalf("%T: %v is not a refusal", command, err)
	}
	m.now = sketch(m, m.main)
	if len(result.Events) == 0 && !bytes.Equal(before, m.now) {
		m.Fatalf("%T%+v changed something without an event", command, command)
	}
	wire := encode(m, result.Events)
	if m.twin != nil {
		other, otherErr := m.twin.Step(m.at, command)
		if fmt.Sprint(otherErr) != fmt.Sprint(err) || !bytes.Equal(wire, encode(m, other.Events)) ||
			other.Work != result.Work || other.Duplicate != result.Duplicate || other.Instruction != result.Instruction || !slices.Equal(other.Verdicts, result.Verdicts) {
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

// check holds after every step.
func (m *machine) check() {
	m.Helper()
	m.audit(engine.RuleDeadline) // time may have passed without a tick
	m.shadow.agrees(m.main)
	m.same("replayed", m.follower)
	if m.twin != nil {
		m.same("restored", m.twin)
	}
	m.config = m.main.Config()
	if due, what, ok := m.shadow.nextDue(); ok {
		if at, timer := m.main.NextTimer(); !timer || at > due {
			m.Fatalf("%s is due at %d, the next timer at %d, %v", what, due, at, timer)
		}
	}
}

// same expects another workspace to be equal to the main one.
func (m *machine) same(how string, other *engine.Engine) {
	m.Helper()
	other.Hear(m.main)
	if m.config != m.main.Config() || !bytes.Equal(m.now, sketch(m, other)) || !slices.Equal(backlogs(m.main), backlogs(other)) {
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
	return m.known(prefix, count)
}

func (m *machine) known(prefix string, count int) string {
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

// span draws a time in which something may happen while a history runs.
func (m *machine) span(name string) engine.Time {
	list := []engine.Time{1, 500, 1000, 3000, 5000, 10_000, 20_000, 45_000}
	return list[m.pick(name, len(list))]
}
