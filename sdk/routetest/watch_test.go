// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestWatch shows that everything that happens is told, in order and with the
// script's names.
func TestWatch(t *testing.T) {
	t.Parallel()
	script, err := routetest.Parse("x.txt", `
queue support longest_idle held
agent "Anna B" in support on chat skills german:2.5 idle 2m
times 2 work w{n} in support on chat needs german:1 prefers "Anna B" for 1m
queue support opened
turn
refuse all no_capacity
cancel w2
turn
expect nothing
agent bert in support disconnected holding 1
work w1 declined none
turn
corrupt base
`)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	result, err := routetest.Watch(t.Context(), plainSuite(), script, func(h routetest.Happening) {
		switch {
		case h.Step != "":
			told = append(told, fmt.Sprintf("%d %s", h.Line, h.Step))
		case h.Exchange != nil:
			told = append(told, fmt.Sprintf("turn %d, %s: %s", h.Exchange.Seq, h.Exchange.Kind, strings.Join(h.Exchange.Rows, "; ")))
			for _, p := range h.Exchange.Proposals {
				told = append(told, fmt.Sprintf("%s -> %s %s", p.Work, p.Agent, p.Reason))
			}
			if h.Exchange.Error != "" {
				told = append(told, h.Exchange.Error)
			}
		case h.Settlement != nil:
			told = append(told, fmt.Sprint(*h.Settlement))
		default:
			told = append(told, "found "+h.Finding)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(told, "\n")
	for _, want := range []string{
		`3 agent "Anna B" in support on chat skills german:2.5 idle 2m` + "\n4 work w1 in support on chat needs german:1",
		"\n4 work w2 in", "turn 1, snapshot: queue support: longest_idle; agent Anna B: 0 of 1 in use, on chat, in support, holds german 2.5, idle for 2m0s; work w1: waits, in support, on chat, priority 0, size 1, age 0s, needs german 1, prefers Anna B, revision",
		"w1 -> Anna B longest_idle", "{w1 Anna B no_capacity}", "settled: w1 -> Anna B of turn 1: no_capacity", "work w2 is gone",
		"agent bert: 1 of 1 in use, on none, in support, not connected, 1 open", "route: board out of step",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing like %q in\n%s", want, got)
		}
	}
	if len(result.Findings) > 0 && !strings.Contains(got, "found ") {
		t.Errorf("%v, which was not told", result.Findings)
	}
}

// Watching a script shows what a strategy does, turn by turn.
func ExampleWatch() {
	script, err := routetest.Parse("one.txt", `
		queue support most_available
		agent anna in support on chat capacity 3
		work w1 in support on chat size 1
		turn
	`)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = routetest.Watch(context.Background(), plainSuite(), script, func(h routetest.Happening) {
		if h.Exchange != nil {
			for _, p := range h.Exchange.Proposals {
				fmt.Println("turn", h.Exchange.Seq, "proposes", p.Work, "to", p.Agent, "because", p.Reason)
			}
		}
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: turn 1 proposes w1 to anna because most_available
}
