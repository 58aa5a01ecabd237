// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// mixed scores pairs as if by chance.
func mixed(seed uint64) match.Score[struct{}] {
	return match.Score[struct{}]{
		Manifest: route.Manifest{Name: "mixed", Version: "1.0.0", Deterministic: true},
		Score: func(_ *struct{}, work match.Work, agent match.Agent) int64 {
			score := scoreOf(seed, work.Sequence, agent.Agent.Ref)
			if score == 0 {
				return match.Never
			}
			return score
		},
	}
}

func scoreOf(seed, sequence uint64, agent uint32) int64 {
	return int64((sequence*2654435761 ^ uint64(agent)*40503 ^ seed*97) >> 3 % 5)
}

func TestRungConformance(t *testing.T) {
	t.Parallel()
	worst := match.Score[struct{}]{
		Manifest: route.Manifest{Name: "worst", Version: "1.0.0", Deterministic: true},
		Score:    func(_ *struct{}, _ match.Work, agent match.Agent) int64 { return -agent.Free() },
	}
	last := match.Pick[struct{}]{
		Manifest: route.Manifest{Name: "last", Version: "1.0.0", Deterministic: true},
		Pick: func(_ *struct{}, _ match.Work, candidates []match.Agent) match.Choice {
			slices.Reverse(candidates)
			return match.Offer(0, candidates...)
		},
	}
	for name, plugin := range map[string]route.Plugin{"score": worst.Plugin(), "pick": last.Plugin()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			routetest.Run(t, plugin)
		})
	}
}

// TestScoreEqualsBruteForce holds a Score against all pairs, over random
// boards: each work goes to who has the highest score of all who can take it.
func TestScoreEqualsBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		seed := uint64(draw(1000))
		strategy := mixed(seed).Plugin().New()
		var board route.Board
		host := routetest.NewHost()
		for range rapid.IntRange(1, 15).Draw(t, "turns") {
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				routetest.Walk(host, draw)
			}
			var reply route.Reply
			for _, turn := range host.Turns() {
				reply.Reset()
				if err := errors.Join(board.Apply(turn), strategy.Turn(turn, &reply)); err != nil {
					t.Fatal(err)
				}
			}
			checkScores(t, &board, seed, host, reply.Proposals)
		}
	})
}

// checkScores settles the proposals one by one; before each, nobody who could
// take the work by the host's rule may have a higher score, nor may work before
// it have been passed over.
func checkScores(t *rapid.T, board *route.Board, seed uint64, host *routetest.Host, proposals []route.Proposal) {
	for _, p := range proposals {
		work := board.Work(p.Work)
		mine := scoreOf(seed, work.Sequence, p.Agent)
		preferred := work.PreferredUntil > board.Now()
		for agent := range board.AllAgents() {
			other := p
			other.Agent = agent.Ref
			if !preferred && p.Rank == 0 && scoreOf(seed, work.Sequence, agent.Ref) > mine && host.Verdict(host.Seq(), &other) == route.VerdictNone {
				t.Fatalf("work %d goes to agent %d of score %d, and not to %d", p.Work, p.Agent, mine, agent.Ref)
			}
		}
		if verdict := host.Settle(host.Seq(), p)[0]; mine == 0 || verdict != route.VerdictAcceptedByHost {
			t.Fatalf("%+v of score %d: %v", p, mine, verdict)
		}
	}
}

// scored makes a host with two agents and two pieces of work.
func scored() *routetest.Host {
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case").Skill("english", 5000)
	host.Agent("bert").In("support").On("case").Tier("support", 2)
	host.Work("w1").In("support").On("case").Size(1000).Age(2000).Need("english", 1000, 0).Prefers("anna", 0)
	host.Work("w2").In("support").On("case").Size(500).Attribute("tier", "gold")
	return host
}

func TestWhatAFunctionSees(t *testing.T) {
	t.Parallel()
	var seen []string
	plugin := match.Pick[struct{}]{
		Manifest: route.Manifest{Name: "nosy"},
		Pick: func(_ *struct{}, work match.Work, candidates []match.Agent) match.Choice {
			needs := ""
			for skill, level := range work.Needs {
				needs += fmt.Sprint(skill, level)
			}
			seen = append(seen, fmt.Sprint(work.Queue(), " ", work.Channel(), " ", work.Waited(), " ", work.Size,
				" ", work.Attribute("tier"), work.Attribute("none"), " ", work.Preferred(), work.External(), " ", needs, " ", work.Now()))
			for _, agent := range candidates {
				seen = append(seen, fmt.Sprint(agent.Name(), " ", agent.Status(), " ", agent.Free(), " ", agent.Idle() >= 0,
					" ", agent.Level("english"), " ", agent.Tier(work)))
			}
			return match.Hold(0, 0)
		},
	}.Plugin()
	if offers, wakeAt, err := scored().Decide(plugin.New()); err != nil || wakeAt != 0 || len(offers) != 0 {
		t.Errorf("%v, wakes at %d, %v", offers, wakeAt, err)
	}
	now := fmt.Sprint(routetest.Start)
	want := []string{
		"support case 2000 1000  anna english1000 " + now, "anna available 1000 true 5000 1",
		"support case 0 500 gold   " + now, "anna available 1000 true 5000 1", "bert available 1000 true -1 2",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("saw\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// byTier orders by what the settings say a tier is worth.
type byTier struct {
	Worth map[string]int64 `json:"worth"`
}

func TestValueBySettings(t *testing.T) {
	t.Parallel()
	plugin := match.Score[byTier]{
		Manifest: route.Manifest{Name: "tiers"},
		Score:    func(*byTier, match.Work, match.Agent) int64 { return 0 },
		Value:    func(s *byTier, work match.Work) int64 { return s.Worth[work.Attribute("tier")] },
	}.Plugin()
	if !strings.Contains(plugin.Manifest.SettingsSchema, `"worth"`) {
		t.Errorf("schema %s", plugin.Manifest.SettingsSchema)
	}
	strategy := plugin.New()
	host := scored()
	host.Agent("bert").Connected(false)
	host.Work("w2").Size(1000)
	if err := strategy.Configure([]byte(`{"worth": {"gold": 5}}`)); err != nil {
		t.Fatal(err)
	}
	if offers, _, err := host.Decide(strategy); err != nil || fmt.Sprint(offers) != "[w2 -> anna]" {
		t.Errorf("%v, %v", offers, err)
	}
	if err := strategy.Configure([]byte(`{"worth": {"gold": -5}}`)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := host.Decide(strategy); !errors.Is(err, route.ErrNeedSnapshot) {
		t.Errorf("after other settings: %v, want a board anew", err)
	}
}

// TestReasonsOfRungs holds that reasons are filled in, and an author's stand.
func TestReasonsOfRungs(t *testing.T) {
	t.Parallel()
	mine := route.Reason{Code: match.ScoreReason, Name: "mine", Text: "Mine."}
	plugin := match.Score[struct{}]{
		Manifest: route.Manifest{Name: "x", Reasons: []route.Reason{mine}},
		Score:    func(*struct{}, match.Work, match.Agent) int64 { return 0 },
	}.Plugin()
	codes := map[uint16]bool{}
	for _, reason := range plugin.Manifest.Reasons {
		if codes[reason.Code] || reason.Name == "" || reason.Text == "" {
			t.Errorf("reason %+v", reason)
		}
		codes[reason.Code] = true
	}
	if plugin.Manifest.Reasons[0] != mine || !codes[uint16(match.WaitNobodyFree)] {
		t.Errorf("reasons %+v", plugin.Manifest.Reasons)
	}
}

// TestHeldWithAReason holds that a reason to wait becomes a note.
func TestHeldWithAReason(t *testing.T) {
	t.Parallel()
	strategy := match.Pick[struct{}]{
		Manifest: route.Manifest{Name: "x"},
		Pick: func(_ *struct{}, _ match.Work, _ []match.Agent) match.Choice {
			return match.Hold(9, 0)
		},
	}.Plugin().New()
	var reply route.Reply
	for _, turn := range scored().Turns() {
		if err := strategy.Turn(turn, &reply); err != nil {
			t.Fatal(err)
		}
	}
	if len(reply.Notes) != 2 || reply.Notes[0].Reason != 9 {
		t.Errorf("notes %+v", reply.Notes)
	}
}

func TestRungsWithoutFunctions(t *testing.T) {
	t.Parallel()
	for name, pack := range map[string]func() route.Plugin{
		"Score": match.Score[struct{}]{}.Plugin, "Pick": match.Pick[struct{}]{}.Plugin,
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, "no function") {
					t.Errorf("%s: %s", name, got)
				}
			}()
			pack()
		}()
	}
}

// TestCandidateByID holds that agents are found by id just if they are among the
// candidates, over random boards.
func TestCandidateByID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		host := routetest.NewHost()
		strategy := match.Pick[struct{}]{
			Manifest: route.Manifest{Name: "x"}, Candidates: 1000,
			Pick: func(_ *struct{}, work match.Work, candidates []match.Agent) match.Choice {
				for i := range 8 {
					id := fmt.Sprintf("a%d", i)
					agent, can := work.Candidate(id)
					listed := slices.ContainsFunc(candidates, func(a match.Agent) bool { return a.Name() == id })
					if can != listed || can && (agent.Name() != id || !work.Present(id)) {
						t.Fatalf("%s: can take it: %v, listed: %v, present: %v", id, can, listed, work.Present(id))
					}
				}
				return match.Offer(0, candidates[draw(len(candidates))])
			},
		}.Plugin().New()
		for range rapid.IntRange(1, 15).Draw(t, "turns") {
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				routetest.Walk(host, draw)
			}
			if draw(10) == 0 {
				host.Snapshot()
			}
			if _, _, err := host.Decide(strategy); err != nil {
				t.Fatal(err)
			}
		}
	})
}
