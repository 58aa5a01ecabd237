// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// crooked is the plain strategy with a twist to its turns.
type crooked struct {
	route.Strategy
	board route.Board
	twist func(c *crooked, turn *route.Turn, reply *route.Reply) error
	n     int
}

func (c *crooked) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := c.Strategy.Turn(turn, reply); err != nil {
		return err
	}
	if err := c.board.Apply(turn); err != nil {
		return err
	}
	c.n++
	return c.twist(c, turn, reply)
}

// TestFindings shows that each way of not keeping the contract is found, and by
// what.
func TestFindings(t *testing.T) {
	t.Parallel()
	runs := 0 // of the strategy that is not deterministic, played in order
	for _, test := range []struct {
		name   string
		script string
		twist  func(c *crooked, turn *route.Turn, reply *route.Reply) error
		want   string
	}{
		{
			name: "ineligible", script: "any-ineligible.txt",
			twist: func(c *crooked, _ *route.Turn, reply *route.Reply) error {
				for work := range c.board.AllWork() {
					reply.Propose(work, c.board.Agent(0), 0, 0)
				}
				return nil
			},
			want: "any-ineligible.txt:14: channel -> anna is proposed, which does not hold: channel_mismatch",
		},
		{
			name: "twice", script: "any-day.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Proposals = append(reply.Proposals, reply.Proposals...)
				return nil
			},
			want: "w1 -> anna was proposed, which does not hold after the proposals before it: already_assigned",
		},
		{
			name: "stale", script: "any-day.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				for i := range reply.Proposals {
					reply.Proposals[i].Revision--
				}
				return nil
			},
			want: "is proposed, which does not hold: stale",
		},
		{
			name: "unknown", script: "any-day.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Proposals = append(reply.Proposals, route.Proposal{Work: 1 << 20, Agent: 1 << 21})
				return nil
			},
			want: "? -> ? is proposed, which does not hold: unknown_work",
		},
		{
			name: "seq", script: "any-empty.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Seq++
				return nil
			},
			want: "any-empty.txt:3: turn 1 of epoch 1 was answered as turn 2 of epoch 1",
		},
		{
			name: "digest", script: "any-day.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Digest ^= 0xff
				return nil
			},
			want: "the rows that were sent give",
		},
		{
			name: "pages", script: "any-pages.txt",
			twist: func(_ *crooked, turn *route.Turn, reply *route.Reply) error {
				if !turn.Kind.Asks() {
					reply.Proposals = append(reply.Proposals, route.Proposal{})
				}
				return nil
			},
			want: "a page of a snapshot that goes on, was answered with proposals",
		},
		{
			name: "broken", script: "any-day.txt",
			twist: func(c *crooked, _ *route.Turn, _ *route.Reply) error {
				if c.n > 2 {
					return errors.New("out of ideas")
				}
				return nil
			},
			want: "any-day.txt:14: turn 3, which follows on, was answered with: out of ideas",
		},
		{
			name: "snapshot for no reason", script: "any-day.txt",
			twist: func(c *crooked, _ *route.Turn, _ *route.Reply) error {
				if c.n > 1 {
					return route.ErrNeedSnapshot
				}
				return nil
			},
			want: "turn 2, which follows on, was answered with: route: board out of step",
		},
		{
			name: "chance", script: "any-day.txt",
			twist: func(c *crooked, _ *route.Turn, reply *route.Reply) error {
				if c.n == 1 {
					runs++
				}
				reply.WakeAt = int64(runs)
				return nil
			},
			want: "the same turns brought other replies the second time",
		},
		{
			name: "wrong agent", script: "queue-tie-sign-in.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Proposals[0].Agent = 0
				return nil
			},
			want: "queue-tie-sign-in.txt:7: w1 -> bert was expected, w1 -> anna came",
		},
		{
			name: "wrong reason", script: "queue-least-active.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Proposals[0].Reason = 3
				return nil
			},
			want: `queue-least-active.txt:8: w1 -> bert: reason least_active was expected, "longest_idle" (3) came`,
		},
		{
			name: "wrong score", script: "queue-least-active.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Proposals[0].Score = 7
				return nil
			},
			want: "queue-least-active.txt:8: w1 -> bert: score 2500 was expected, 7 came",
		},
		{
			name: "nothing", script: "queue-least-active.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.Proposals = nil
				return nil
			},
			want: "queue-least-active.txt:8: w1 -> bert is not proposed",
		},
		{
			name: "too eager", script: "queue-unsettled.txt",
			twist: func(c *crooked, _ *route.Turn, reply *route.Reply) error {
				if c.n == 3 {
					reply.Propose(c.board.Work(0), c.board.Agent(0), 0, 0)
				}
				return nil
			},
			want: "queue-unsettled.txt:14: 0 proposals were expected, 1 came",
		},
		{
			name: "wake", script: "queue-preferred.txt",
			twist: func(_ *crooked, _ *route.Turn, reply *route.Reply) error {
				reply.WakeAt = 0
				return nil
			},
			want: "queue-preferred.txt:8: the next turn was to be wanted at",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			suite := plainSuite()
			suite.Open = func(context.Context) (routetest.Carrier, error) {
				return routetest.Direct(&crooked{Strategy: routetest.Plain(0), twist: test.twist}), nil
			}
			result, err := routetest.Play(t.Context(), suite, script(t, test.script))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(result.Findings, func(f routetest.Finding) bool {
				return strings.Contains(f.String(), test.want)
			}) {
				t.Errorf("want a finding with %q, got %v", test.want, result.Findings)
			}
		})
	}
}

// gullible takes turns as they come: it never asks for a snapshot, and keeps
// spans into turns.
type gullible struct{ strategy route.Strategy }

func (g gullible) Turn(_ context.Context, turn *route.Turn, reply *route.Reply) error {
	reply.Epoch, reply.Seq = turn.Epoch, turn.Seq
	reply.Digest = 1
	if turn.Kind.Resets() {
		return g.strategy.Turn(turn, &route.Reply{})
	}
	return nil
}

// TestCorruptTurnsAreFound shows for each kind of turn that does not follow on
// that taking it is found.
func TestCorruptTurnsAreFound(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"base", "epoch", "repeat", "generation", "digest", "missing-page"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite := routetest.Suite{Open: func(context.Context) (routetest.Carrier, error) {
				return gullible{routetest.Plain(0)}, nil
			}}
			result, err := routetest.Play(t.Context(), suite, script(t, "any-"+name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			for _, finding := range result.Findings {
				if strings.Contains(finding.Text, "no snapshot was asked for although") {
					asked++
				}
			}
			if asked != 2 { // for the turn itself, and for the next one
				t.Errorf("got %d findings about it: %v", asked, result.Findings)
			}
		})
	}
}

// TestOpenFails shows that a strategy that cannot be opened is an error, and no
// finding.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	suite := routetest.Suite{Open: func(context.Context) (routetest.Carrier, error) { return nil, refused }}
	if _, err := routetest.Check(t.Context(), suite); !errors.Is(err, refused) {
		t.Errorf("Check: %v", err)
	}
	if _, err := routetest.Transcript(t.Context(), suite); !errors.Is(err, refused) {
		t.Errorf("Transcript: %v", err)
	}
}

// TestCheckEndsWithContext shows that a context that ended ends the check.
func TestCheckEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := routetest.Check(ctx, plainSuite()); !errors.Is(err, context.Canceled) {
		t.Errorf("Check: %v", err)
	}
}

func script(t *testing.T, name string) *routetest.Script {
	t.Helper()
	scripts, err := routetest.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return scripts[0]
}
