// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/webhook/filter"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func created() *engine.Event {
	return &engine.Event{
		Number: 7, At: 1_767_225_600_000, Kind: engine.KindWorkCreated, Work: 42, Queue: "support",
		Created: &engine.WorkSpec{Channel: "chat", Customer: "c1", Attributes: map[string]string{"tier": "gold"}},
		Placed:  &engine.Placement{Queue: "support"},
	}
}

func moved() *engine.Event {
	return &engine.Event{
		Number: 8, At: 1_767_225_601_000, Kind: engine.KindWorkOverflowed, Work: 42, Queue: "support", Reason: "full",
		Placed: &engine.Placement{Queue: "sales"},
	}
}

func refused() *engine.Event {
	return &engine.Event{
		Number: 9, Kind: engine.KindProposalRefused, Work: 42, Assignment: 3, Agent: "ann", Queue: "support", Guest: true,
		Verdict: route.VerdictStale, Decision: &engine.Decision{Strategy: "vendor"}, Status: "s", Cause: engine.CausePushTimeout,
	}
}

func TestPicks(t *testing.T) {
	t.Parallel()
	for when, want := range map[string][3]string{ // of created, moved, refused: true, false or failed
		"":                             {"true", "true", "true"},
		"true":                         {"true", "true", "true"},
		`event.kind == "work_created"`: {"true", "false", "false"},
		`event.kind in ["work_created","work_overflowed"]`:     {"true", "true", "false"},
		`event.kind.startsWith("work_")`:                       {"true", "true", "false"},
		`event.queue == "support"`:                             {"true", "true", "true"},
		`event.to == "sales"`:                                  {"false", "true", "false"},
		`event.number > 7`:                                     {"false", "true", "true"},
		`event.at > timestamp("2026-01-01T00:00:00Z")`:         {"false", "true", "false"},
		`event.work == "w42" && event.assignment == "a3"`:      {"false", "false", "true"},
		`event.agent == "ann" || event.customer == "c1"`:       {"true", "false", "true"},
		`event.reason == "full"`:                               {"false", "true", "false"},
		`event.verdict == "stale"`:                             {"false", "false", "true"},
		`event.strategy == "vendor"`:                           {"false", "false", "true"},
		`event.guest`:                                          {"false", "false", "true"},
		`event.cause == "push_timeout" && event.status == "s"`: {"false", "false", "true"},
		`event.channel == "chat"`:                              {"true", "false", "false"},
		`event.attributes.tier == "gold"`:                      {"true", "failed", "failed"},
		`has(event.attributes.tier)`:                           {"true", "false", "false"},
		`event.attributes.?tier.orValue("") == "gold"`:         {"true", "false", "false"},
		`event.queue.matches("^s.*t$")`:                        {"true", "true", "true"},
	} {
		f, err := filter.Compile(when)
		if err != nil {
			t.Errorf("%s: %v", when, err)
			continue
		}
		for i, ev := range []*engine.Event{created(), moved(), refused()} {
			picks, err := f.Picks(ev)
			got := strconv.FormatBool(picks)
			if err != nil {
				got = "failed"
			}
			if got != want[i] {
				t.Errorf("%s of %v: %s, want %s (%v)", when, ev.Kind, got, want[i], err)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`event.kynd == "x"`:                     "line 1, column 1: events have no such field; they have number, at, kind,",
		`event`:                                 "events have no such field",
		`event.number`:                          "this is of type int; a condition must be of type bool",
		`event.kind ==`:                         "Syntax error",
		`event.kind == "work_compleeted"`:       `line 1, column 15: there is no kind of event "work_compleeted"; did you mean "work_completed"?`,
		`"nonsense" != event.kind`:              `there is no kind of event "nonsense"`,
		`event.kind in ["work_created", "x_y"]`: `there is no kind of event "x_y"`,
		`event.number == "7"`:                   "no matching overload",
		`event.queue.matches("(")`:              "invalid matches argument",
		"true\n&& event.number":                 "line 2",
		`open("/etc/passwd")`:                   "undeclared reference to 'open'",
		strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60): "",
		`event.queue == "` + strings.Repeat("x", 5000) + `"`:       "",
	} {
		_, err := filter.Compile(when)
		var fault *filter.Fault
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", when, err, want)
		}
	}
}

// A condition that would look at too much fails, and picks nothing.
func TestCost(t *testing.T) {
	t.Parallel()
	f, err := filter.Compile(`event.attributes.all(a, event.attributes.all(b, event.attributes.all(c, a + b + c != "x")))`)
	if err != nil {
		t.Fatal(err)
	}
	ev := created()
	for i := range 100 {
		ev.Created.Attributes[fmt.Sprint("name", i)] = "value"
	}
	if picks, err := f.Picks(ev); picks || err == nil {
		t.Errorf("%v, %v", picks, err)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`event.kind == "work_created" && has(event.attributes.tier)`)
	f.Add(`event.at.getHours() > 3`)
	f.Fuzz(func(t *testing.T, when string) {
		compiled, err := filter.Compile(when)
		if err != nil {
			return
		}
		for _, ev := range []*engine.Event{created(), moved(), refused()} {
			if picks, err := compiled.Picks(ev); picks && err != nil {
				t.Errorf("%q picks, and fails: %v", when, err)
			}
		}
	})
}

func ExampleCompile() {
	f, err := filter.Compile(`event.kind == "work_abandoned" && event.queue == "support"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Picks(&engine.Event{Kind: engine.KindWorkAbandoned, Queue: "support"}))
	// Output: true <nil>
}
