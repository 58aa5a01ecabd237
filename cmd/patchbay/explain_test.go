// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func TestBar(t *testing.T) {
	t.Parallel()
	for want, at := range map[string][2]uint64{
		"[··········]   0 %, 0 of 50 events":   {0, 50},
		"[■■■■■·····]  50 %, 25 of 50 events":  {25, 50},
		"[■■■■■■■■■■] 100 %, 50 of 50 events":  {50, 50},
		"[■■■■■■■■■■] 100 %, 60 of 50 events":  {60, 50},
		"[■■■■■■■■■■] 100 %, 0 of 0 events":    {0, 0},
		"[■■········]  25 %, 50 of 200 events": {50, 200},
	} {
		if got := bar(at[0], at[1], 10); got != want {
			t.Errorf("%v is %q, want %q", at, got, want)
		}
	}
}

// TestPrintExplanation reads as a supervisor would.
func TestPrintExplanation(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.Local)
	at := func(seconds int) *timestamppb.Timestamp {
		return timestamppb.New(noon.Add(time.Duration(seconds) * time.Second))
	}
	x := &patchbayv1.Explanation{
		Work: &patchbayv1.Work{Id: "w42", State: patchbayv1.WorkState_WORK_STATE_WAITING, Queue: "support", RequestedAt: at(0)},
		Now:  at(200), Since: 117, Omitted: 7, WhyNot: "bob",
		Outlook: &patchbayv1.ExplainOutlook{
			Why:      []string{`of 12 members of queue "support", nobody can take it now, 9 are offline, 3 lack spanish 5 (all could take it but for that)`},
			Near:     []*patchbayv1.ExplainPassed{{Agent: "bob", Text: `bob lacks skill "spanish", of which level 5 is required`}},
			Position: 3,
			Coming:   []*patchbayv1.ExplainComing{{At: at(300), Name: "tier_opens", Text: "members of tier 2 are asked too (4 agents)"}},
		},
		Moments: []*patchbayv1.ExplainMoment{
			{Event: 120, At: at(12), Chosen: "ann", Text: "bob could have taken it, but ann ranked before (longest_idle: idle for 320 s against idle for 12 s)"},
			{At: at(200), Text: `bob lacks skill "spanish", of which level 5 is required`},
		},
		Steps: []*patchbayv1.ExplainStep{
			{At: at(0), Times: 1, Text: `came in on channel "chat" for queue "support"`},
			{Event: 120, At: at(12), Times: 1, Text: `offered to ann as a7 by strategy "queue": longest_idle, score 320`, Notes: []string{"ann comes first by longest_idle: idle for 320 s"}},
			{Event: 121, At: at(20), Times: 1, Text: "ann declined it: lunch"},
			{Event: 140, At: at(60), Times: 3, Text: `strategy "mine" proposed it for bob, refused as not_eligible`},
		},
	}
	var b strings.Builder
	if err := printExplanation(&b, x); err != nil {
		t.Fatal(err)
	}
	want := `w42 is waiting in queue "support", requested at 2026-03-02 12:00:00.000, 3m20s ago
The journal does not reach back to where it came in: what was before event 118 is told by what the work itself remembers.

Why it waits
  of 12 members of queue "support", nobody can take it now, 9 are offline, 3 lack spanish 5 (all could take it but for that)
    bob lacks skill "spanish", of which level 5 is required
  it is number 3 in its queue; how long that takes cannot be told, since nothing like it was accepted lately

What comes next
  12:05:00.000  members of tier 2 are asked too (4 agents)

Why not bob
  12:00:12.000  ann was chosen; bob could have taken it, but ann ranked before (longest_idle: idle for 320 s against idle for 12 s)
  now           bob lacks skill "spanish", of which level 5 is required

Its life
  12:00:00.000  came in on channel "chat" for queue "support"
  12:00:12.000  offered to ann as a7 by strategy "queue": longest_idle, score 320
                  ann comes first by longest_idle: idle for 320 s
  …             7 steps are left out
  12:00:20.000  ann declined it: lunch
  12:01:00.000  strategy "mine" proposed it for bob, refused as not_eligible (3 times)
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}
