// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/drive"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// story makes events from short words.
type story struct {
	number uint64
	at     time.Time
	events []*patchbayv1.Event
}

func (s *story) add(kind patchbayv1.EventKind, work, assignment, agent string) *patchbayv1.Event {
	s.number++
	e := &patchbayv1.Event{
		Number: s.number, At: timestamppb.New(s.at), Kind: kind, Work: work, Assignment: assignment, Agent: agent,
	}
	s.events = append(s.events, e)
	return e
}

// tell reads lines such as "offer w1 a1 ann 10s": a verb, work, assignment,
// agent, and for an offer how long it stands.
func tell(t *testing.T, lines ...string) []*patchbayv1.Event {
	t.Helper()
	s := &story{at: time.Unix(1_000_000, 0)}
	for _, line := range lines {
		f := append(strings.Fields(line), "", "", "", "", "")
		switch f[0] {
		case "wait":
			d, err := time.ParseDuration(f[1])
			if err != nil {
				t.Fatal(err)
			}
			s.at = s.at.Add(d)
		case "skip":
			s.number++
		case "present":
			s.add(patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_IN, "", "", f[1]).Status = "available"
			s.add(patchbayv1.EventKind_EVENT_KIND_AGENT_CONNECTED, "", "", f[1])
		case "lost":
			s.add(patchbayv1.EventKind_EVENT_KIND_AGENT_DISCONNECTED, "", "", f[1])
		case "left":
			s.add(patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_OUT, "", "", f[1])
		case "create":
			e := s.add(patchbayv1.EventKind_EVENT_KIND_WORK_CREATED, f[1], "", "")
			e.Queue, e.Created = "calls", &patchbayv1.Work{Id: f[1], Queue: "calls", Size: 1}
		case "invite":
			e := s.add(patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, f[1], f[2], f[3])
			e.Decision, e.Size, e.Guest = &patchbayv1.Decision{Reason: "invited"}, 1, true
		case "offer":
			e := s.add(patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, f[1], f[2], f[3])
			e.Decision, e.Size = &patchbayv1.Decision{Runtime: "builtin"}, 1
			if f[4] != "" {
				d, err := time.ParseDuration(f[4])
				if err != nil {
					t.Fatal(err)
				}
				e.Deadline = timestamppb.New(s.at.Add(d))
			}
		default:
			kind, ok := map[string]patchbayv1.EventKind{
				"accept":      patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED,
				"decline":     patchbayv1.EventKind_EVENT_KIND_OFFER_DECLINED,
				"time-out":    patchbayv1.EventKind_EVENT_KIND_OFFER_TIMED_OUT,
				"unavailable": patchbayv1.EventKind_EVENT_KIND_OFFER_UNAVAILABLE,
				"complete":    patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED,
				"cancel":      patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED,
				"abandon":     patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED,
				"expire":      patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED,
				"requeue":     patchbayv1.EventKind_EVENT_KIND_WORK_REQUEUED,
				"withdraw":    patchbayv1.EventKind_EVENT_KIND_OFFER_WITHDRAWN,
				"transfer":    patchbayv1.EventKind_EVENT_KIND_WORK_TRANSFERRED,
				"hand-over":   patchbayv1.EventKind_EVENT_KIND_HANDED_OVER,
				"guest-left":  patchbayv1.EventKind_EVENT_KIND_GUEST_LEFT,
				"wrap-up":     patchbayv1.EventKind_EVENT_KIND_WRAP_UP_STARTED,
				"pause":       patchbayv1.EventKind_EVENT_KIND_WORK_PAUSED,
				"resume":      patchbayv1.EventKind_EVENT_KIND_WORK_RESUMED,
				"reopen":      patchbayv1.EventKind_EVENT_KIND_WORK_REOPENED,
			}[f[0]]
			if !ok {
				t.Fatalf("no verb %q", f[0])
			}
			e := s.add(kind, f[1], f[2], f[3])
			if f[0] == "resume" {
				e.Size = 1
			}
		}
	}
	return s.events
}

func staff() []*patchbayv1.Agent {
	return []*patchbayv1.Agent{
		{Id: "ann", Capacity: 1, MaxOpen: 100, Memberships: []*patchbayv1.Membership{{Queue: "calls"}}},
		{Id: "bob", Capacity: 2.5, MaxOpen: 2, Memberships: []*patchbayv1.Membership{{Queue: "calls"}}},
	}
}

func TestChecker(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		story []string
		want  []string // parts of the violations, in order
	}{{
		name: "a day without fault",
		story: []string{
			"present ann", "create w1", "create w2", "create w3", "create w4",
			"offer w1 a1 ann 10s", "accept w1 a1 ann", "complete w1 a1 ann",
			"offer w2 a2 ann 10s", "wait 10s", "time-out w2 a2 ann", "offer w2 a3 ann", "decline w2 a3 ann",
			"offer w2 a4 ann", "withdraw w2 a4 ann", "abandon w2", "cancel w3", "expire w4",
			"create w5", "offer w5 a5 ann", "accept w5 a5 ann", "requeue w5 a5 ann", "offer w5 a6 ann",
			"unavailable w5 a6 ann", "left ann",
		},
	}, {
		name: "conferences, transfers, rests and wrap-up",
		story: []string{
			"present ann", "present bob", "create w1", "offer w1 a1 ann", "accept w1 a1 ann",
			"invite w1 a2 bob", "decline w1 a2 bob", "invite w1 a3 bob", "accept w1 a3 bob", "guest-left w1 a3 bob",
			"pause w1 a1 ann", "create w2", "offer w2 a4 ann", "accept w2 a4 ann", "transfer w2 a4 ann", "resume w1 a1 ann",
			"invite w1 a5 bob", "accept w1 a5 bob", "requeue w1 a1 ann", "hand-over w1 a5 bob", "wrap-up w1 a5 bob", "complete w1 a5 bob",
			"reopen w1", "offer w1 a6 ann", "cancel w2",
		},
	}, {
		name: "rests, and too much when it goes on",
		story: []string{
			"present ann", "create w1", "create w2", "offer w1 a1 ann", "accept w1 a1 ann", "pause w1 a1 ann",
			"offer w2 a2 ann", "resume w1 a1 ann",
		},
		want: []string{"ann holds 2000 thousandths of a unit, and may hold 1000"},
	}, {
		name:  "a guest in work that waits",
		story: []string{"present ann", "create w1", "invite w1 a1 ann"},
		want:  []string{"w1 is offered to ann while it is WORK_STATE_WAITING"},
	}, {
		name:  "abandoned behind the back of one who is offered it",
		story: []string{"present ann", "create w1", "offer w1 a1 ann", "abandon w1"},
		want:  []string{"w1 was WORK_STATE_OFFERED"},
	}, {
		name:  "completed behind the back of a guest",
		story: []string{"present ann", "present bob", "create w1", "offer w1 a1 ann", "accept w1 a1 ann", "invite w1 a2 bob", "complete w1 a1 ann"},
		want:  []string{"bob still has a2 of w1"},
	}, {
		name:  "open at two agents",
		story: []string{"present ann", "present bob", "create w1", "offer w1 a1 ann", "accept w1 a1 ann", "invite w1 a2 bob", "accept w1 a2 bob", "hand-over w1 a2 bob", "requeue w1 a1 ann"},
		want:  []string{"w1 is open at ann and at bob"},
	}, {
		name:  "two agents",
		story: []string{"present ann", "present bob", "create w1", "offer w1 a1 ann", "offer w1 a2 bob"},
		want:  []string{"w1 is offered to bob while it is WORK_STATE_OFFERED"},
	}, {
		name:  "over capacity",
		story: []string{"present ann", "create w1", "create w2", "offer w1 a1 ann", "offer w2 a2 ann"},
		want:  []string{"ann holds 2000 thousandths of a unit, and may hold 1000"},
	}, {
		name: "too many",
		story: []string{
			"present bob", "create w1", "create w2", "create w3", "offer w1 a1 bob", "offer w2 a2 bob", "complete w1 a1 bob", "offer w3 a3 bob",
		},
		want: []string{"WORK_COMPLETED of a1: it was WORK_STATE_OFFERED"},
	}, {
		name:  "too many and too much",
		story: []string{"present bob", "create w1", "create w2", "create w3", "offer w1 a1 bob", "offer w2 a2 bob", "offer w3 a3 bob"},
		want:  []string{"bob holds 3000", "bob holds 3 assignments, and may hold 2"},
	}, {
		name:  "offer that outlives its deadline",
		story: []string{"present ann", "create w1", "offer w1 a1 ann 10s", "wait 16s", "create w2"},
		want:  []string{"offer a1 of w1 to ann was to be answered by"},
	}, {
		name:  "accepted too late",
		story: []string{"present ann", "create w1", "offer w1 a1 ann 10s", "wait 16s", "accept w1 a1 ann"},
		want:  []string{"a1 was accepted at"},
	}, {
		name:  "a little late is not wrong",
		story: []string{"present ann", "create w1", "offer w1 a1 ann 10s", "wait 14s", "time-out w1 a1 ann"},
	}, {
		name:  "offered to somebody who is not there",
		story: []string{"create w1", "offer w1 a1 ann"},
		want:  []string{"w1 is offered to ann, who is not there"},
	}, {
		name:  "offered to somebody without a connection",
		story: []string{"present ann", "lost ann", "create w1", "offer w1 a1 ann"},
		want:  []string{"w1 is offered to ann, who is not there"},
	}, {
		name:  "records of turns are not in the feed",
		story: []string{"present ann", "skip", "skip", "create w1"},
	}, {
		name:  "backwards in time",
		story: []string{"present ann", "wait -1s", "create w1"},
		want:  []string{"the one before of"},
	}, {
		name:  "created twice, and unknown",
		story: []string{"create w1", "create w1", "cancel w2"},
		want:  []string{"w1 came in twice", `is about "w2", which never came in`},
	}, {
		name:  "accepted by another",
		story: []string{"present ann", "create w1", "offer w1 a1 ann", "accept w1 a1 bob"},
		want:  []string{"is by bob and not by ann"},
	}, {
		name:  "out of the grave",
		story: []string{"present ann", "create w1", "abandon w1", "offer w1 a1 ann", "accept w1 a1 ann", "abandon w1"},
		want:  []string{"w1 is offered to ann while it is WORK_STATE_ABANDONED", "w1 was WORK_STATE_OPEN"},
	}, {
		name:  "an assignment that does not stand",
		story: []string{"present ann", "create w1", "offer w1 a1 ann", "accept w1 a2 ann", "accept w1 a1 ann", "requeue w1 a1 ann", "requeue w1"},
		want:  []string{"is about a2, which does not stand", "WORK_REQUEUED, is about , which does not stand: w1 is WORK_STATE_WAITING"},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := drive.NewChecker(0, staff(), "available")
			for _, e := range tell(t, tt.story...) {
				c.Event(e)
			}
			v := c.Verdict()
			if v.Violations != len(tt.want) {
				t.Fatalf("%d violations, want %d: %q", v.Violations, len(tt.want), v.Examples)
			}
			for i, part := range tt.want {
				if !strings.Contains(v.Examples[i], part) {
					t.Errorf("violation %q, want one with %q", v.Examples[i], part)
				}
			}
		})
	}
}

// A checker that begins in the middle overlooks what is from before.
func TestCheckerInTheMiddle(t *testing.T) {
	t.Parallel()
	all := tell(t, "present ann", "create w1", "offer w1 a1 ann", "accept w1 a1 ann", "create w2", "complete w1 a1 ann", "offer w2 a2 ann")
	for from := range all {
		c := drive.NewChecker(uint64(from), staff(), "available")
		for _, e := range all[from:] {
			c.Event(e)
		}
		if v := c.Verdict(); v.Violations > 0 {
			t.Errorf("from event %d: %q", from+1, v.Examples)
		}
	}
}

func TestWhatIsAcknowledgedMustNotBePassedOver(t *testing.T) {
	t.Parallel()
	const created = patchbayv1.EventKind_EVENT_KIND_WORK_CREATED
	events := tell(t, "create w1", "skip", "create w3", "skip", "create w5")
	c := drive.NewChecker(0, staff(), "available")
	c.Acknowledge(2, created, "w2") // before the gap
	for _, e := range events {
		c.Event(e)
	}
	c.Acknowledge(4, created, "w4") // after it
	if v := c.Verdict(); v.Lost != 2 || v.Violations != 2 || !strings.Contains(v.Examples[0], "WORK_CREATED of w2 was acknowledged as event 2") {
		t.Errorf("%+v", v)
	}
}

func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	const created = patchbayv1.EventKind_EVENT_KIND_WORK_CREATED
	events := tell(t, "create w1", "create w2", "create w3")
	c := drive.NewChecker(0, staff(), "available")
	c.Acknowledge(1, created, "w1") // before the event
	c.Acknowledge(3, created, "w9") // wrong, before the event
	for _, e := range events[:2] {
		c.Event(e)
	}
	c.Acknowledge(2, created, "w2") // after the event
	c.Acknowledge(0, created, "w2") // nothing changed
	if v := c.Verdict(); v.Lost != 1 || v.Violations != 1 {
		t.Errorf("one is not there yet: %+v", v)
	}
	c.Event(events[2])
	c.Acknowledge(2, patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED, "w2")
	c.Acknowledge(4, created, "w4")
	v := c.Verdict()
	if v.Lost != 3 || v.Violations != 3 || v.Counts.Created != 3 || v.Events != 3 {
		t.Errorf("%+v", v)
	}
	for i, part := range []string{
		"WORK_CREATED of w9 was acknowledged as event 3, which is EVENT_KIND_WORK_CREATED of \"w3\"",
		"WORK_ABANDONED of w2 was acknowledged as event 2",
		"w4 was acknowledged as event 4, which the feed does not have",
	} {
		if !strings.Contains(v.Examples[i], part) {
			t.Errorf("%q should contain %q", v.Examples[i], part)
		}
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	c := drive.NewChecker(0, nil, "available")
	reached := make(chan error)
	go func() { reached <- c.Reach(context.Background(), 2) }()
	for _, e := range tell(t, "create w1", "create w2") {
		c.Event(e)
	}
	if err := <-reached; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Reach(ctx, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("reached what is not there: %v", err)
	}
}

// Work that came in while somebody was idle is told from work that had to wait.
func TestStraight(t *testing.T) {
	t.Parallel()
	c := drive.NewChecker(0, staff(), "available")
	for _, e := range tell(t,
		"create w1", "present ann", "create w2", "offer w1 a1 ann", "present bob", "create w3", "offer w2 a2 bob", "cancel w3",
		"accept w1 a1 ann", "complete w1 a1 ann", "create w4", "create w5",
	) {
		c.Event(e)
	}
	got := ""
	for i := range 5 {
		got += fmt.Sprint(c.Straight(fmt.Sprintf("w%d", i+1)), " ")
	}
	// w1: nobody there; w2: ann, but w1 waits; w3: bob, but w2 waits; w4: ann;
	// w5: w4 waits.
	if want := "false false false true false "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Whatever the feed says, the checker neither panics nor is silent about a feed
// that does not begin at the beginning.
func FuzzChecker(f *testing.F) {
	f.Add([]byte{15, 1, 18, 1, 2, 0, 3, 1, 4, 1, 8, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := drive.NewChecker(0, staff(), "available")
		for i := 0; i+1 < len(data); i += 2 {
			x := data[i+1]
			e := &patchbayv1.Event{
				Number: uint64(i/2 + 1), Kind: patchbayv1.EventKind(data[i] % 40),
				Work: fmt.Sprintf("w%d", x%3), Assignment: fmt.Sprintf("a%d", x/3%5), Agent: staff()[x/16%2].Id,
				At: timestamppb.New(time.Unix(int64(i), 0)),
			}
			c.Event(proto.CloneOf(e))
			if v := c.Verdict(); v.Events != i/2+1 {
				t.Fatalf("%d events after %d", v.Events, i/2+1)
			}
		}
	})
}
