// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/examples/hello"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// linked returns a trial of a plugin in the same program.
func linked(plugin route.Plugin) kit.Trial {
	name := plugin.Manifest.Name
	return kit.Trial{
		Deadline: time.Minute, // a busy machine is no reason to cut a turn off
		Runtime:  builtin.New(map[string]route.Plugin{name: plugin}),
		File:     kit.Linked(name),
		Budget:   time.Minute, // the machine is not what is tested
	}
}

func TestTrialOfGoodPlugins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		plugin      route.Plugin
		ownRules    bool
		leastToPlay int
	}{{hello.Plugin(), false, 35}, {queue.Plugin(), true, 90}} {
		t.Run(test.plugin.Manifest.Name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("skipped: the whole corpus takes long with the race detector; leave out -short")
			}
			trial := linked(test.plugin)
			var told []string
			trial.Each = func(c kit.Case) { told = append(told, c.Name) }
			report, err := trial.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range report.Cases {
				names = append(names, c.Name)
				if len(c.Findings) > 0 {
					t.Errorf("%s: %v", c.Name, c.Findings)
				}
			}
			if report.Failed != 0 || len(names) < test.leastToPlay || !slices.Equal(told, names) {
				t.Errorf("%d failed of %v; told %v", report.Failed, names, told)
			}
			if slices.Contains(names, "queue-skills") != test.ownRules || !slices.Contains(names, "any-day") || !slices.Contains(names, "day-1") {
				t.Errorf("played %v", names)
			}
			if report.Name != test.plugin.Manifest.Name || report.Version != "1.0.0" {
				t.Errorf("report of %s %s", report.Name, report.Version)
			}
		})
	}
}

// twisted is the hello strategy with a twist to its turns.
type twisted struct {
	route.Strategy

	board route.Board
	twist func(board *route.Board, reply *route.Reply) error
}

func (s *twisted) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.Strategy.Turn(turn, reply); err != nil {
		return err
	}
	if err := s.board.Apply(turn); err != nil {
		return err
	}
	return s.twist(&s.board, reply)
}

// TestTrialFinds shows that what is wrong is found, in the corpus and in random
// days.
func TestTrialFinds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it plays much, which takes long with the race detector; leave out -short")
	}
	var made atomic.Int64 // strategies of "chance", of which no two are alike
	for _, test := range []struct {
		name    string
		twist   func() func(*route.Board, *route.Reply) error
		finding map[string]string // by case
	}{
		{
			name: "ineligible",
			twist: func() func(*route.Board, *route.Reply) error {
				return func(board *route.Board, reply *route.Reply) error {
					for work := range board.AllWork() {
						for agent := range board.AllAgents() {
							if board.Eligible(work, agent) == route.VerdictChannelMismatch {
								reply.Propose(work, agent, 0, 0)
							}
						}
					}
					return nil
				}
			},
			finding: map[string]string{
				"any-ineligible": "which does not hold: channel_mismatch", "day-1": "does not hold: channel_mismatch",
			},
		},
		{
			name: "chance",
			twist: func() func(*route.Board, *route.Reply) error {
				n := made.Add(1)
				return func(_ *route.Board, reply *route.Reply) error {
					reply.WakeAt = n
					return nil
				}
			},
			finding: map[string]string{
				"any-day": "the same turns brought other replies the second time",
				"day-2":   "turn 1: the same turns brought another reply the second time; the plugin is not deterministic",
			},
		},
		{
			name: "broken",
			twist: func() func(*route.Board, *route.Reply) error {
				return func(board *route.Board, _ *route.Reply) error {
					if board.WorkCount() > 2 {
						return errors.New("out of ideas")
					}
					return nil
				}
			},
			finding: map[string]string{"any-day": "out of ideas", "day-1": "out of ideas"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			report, err := linked(route.Plugin{
				Manifest: route.Manifest{Name: test.name, Version: "1"},
				New: func() route.Strategy {
					return &twisted{Strategy: hello.Plugin().New(), twist: test.twist()}
				},
			}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if report.Failed < len(test.finding) || report.Failed > len(report.Cases) {
				t.Errorf("%d of %d failed", report.Failed, len(report.Cases))
			}
			for name, want := range test.finding {
				if got := strings.Join(findings(report, name), "\n"); !strings.Contains(got, want) {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

func findings(report *kit.Report, name string) []string {
	for _, c := range report.Cases {
		if c.Name == name {
			return c.Findings
		}
	}
	return []string{"there is no such case"}
}

// hung answers no turn.
type hung struct{}

func (hung) Turn(ctx context.Context, _ *route.Turn, _ *route.Reply) error {
	<-ctx.Done()
	return &strategy.Fault{Kind: strategy.FaultDeadline, Err: ctx.Err()}
}

func (hung) Close() error { return nil }

func TestTrialCutsTurnsOff(t *testing.T) {
	t.Parallel()
	trial := kit.Trial{
		Runtime:  runtime(func() (strategy.Instance, error) { return hung{}, nil }),
		File:     &kit.File{},
		Deadline: time.Millisecond,
	}
	report, err := trial.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Failed < len(report.Cases)-1 || !strings.Contains(findings(report, "any-snapshot")[0], "turn 1, which follows on, was answered with: strategy: deadline") {
		t.Errorf("%d of %d failed, any-snapshot with %v", report.Failed, len(report.Cases), findings(report, "any-snapshot"))
	}
	// What hangs is not waited for in every case.
	if got := findings(report, "day-1")[0]; got != "not tried: 4 turns before were not answered within 1ms" {
		t.Errorf("day 1: %s", got)
	}
}

// TestTrialStarts shows what it means when a plugin does not start: nothing can
// be tried, or a finding if it did before.
func TestTrialStarts(t *testing.T) {
	t.Parallel()
	starts := 0
	trial := kit.Trial{File: &kit.File{}, Runtime: runtime(func() (strategy.Instance, error) {
		if starts++; starts == 1 {
			return hung{}, nil
		}
		return nil, errors.New("not again")
	})}
	report, err := trial.Run(t.Context())
	if err != nil || report.Failed < len(report.Cases)-1 || !strings.Contains(findings(report, "any-day")[0], "not again") {
		t.Errorf("second start: %+v, %v", report, err)
	}
	refused := errors.New("refused")
	trial.Runtime = runtime(func() (strategy.Instance, error) { return nil, refused })
	if _, err := trial.Run(t.Context()); !errors.Is(err, refused) {
		t.Errorf("first start: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := linked(hello.Plugin()).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

func TestWriteJUnit(t *testing.T) {
	t.Parallel()
	report := &kit.Report{
		Name: "mine", Failed: 1, File: kit.File{Runtime: "wasm"},
		Cases: []kit.Case{
			{Group: "deltas", Name: "any-day", Seconds: 0.25},
			{Group: "determinism", Name: "day-1", Seconds: 1, Findings: []string{`a <b> & "c"`, "d\x00"}},
		},
	}
	var b bytes.Buffer
	if err := kit.WriteJUnit(&b, report); err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1">
  <testsuite name="patchbay plugin mine as wasm: deltas" tests="1" failures="0" time="0.250">
    <testcase classname="mine.wasm" name="any-day" time="0.250"></testcase>
  </testsuite>
  <testsuite name="patchbay plugin mine as wasm: determinism" tests="1" failures="1" time="1.000">
    <testcase classname="mine.wasm" name="day-1" time="1.000">
      <failure message="a &lt;b&gt; &amp; &#34;c&#34;">a &lt;b&gt; &amp; &#34;c&#34;&#xA;d` + "\uFFFD" + `</failure>
    </testcase>
  </testsuite>
</testsuites>
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if err := xml.Unmarshal(b.Bytes(), new(struct{})); err != nil {
		t.Error(err)
	}
	if err := kit.WriteJUnit(broken{}, report); err == nil {
		t.Error("a failing writer is no error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

// A plugin that is linked in is tried as one in a file is.
func ExampleTrial() {
	trial := kit.Trial{
		Runtime: builtin.New(map[string]route.Plugin{"hello": hello.Plugin()}),
		File:    kit.Linked("hello"),
		Budget:  time.Second,
	}
	report, err := trial.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Name, "failed", report.Failed)
	// Output: hello failed 0
}
