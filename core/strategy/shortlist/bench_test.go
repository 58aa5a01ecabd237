// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shortlist_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// centre is a board of agents of one unit, all in one queue, as turns of it.
type centre struct {
	turn route.Turn
	next uint32
}

const agents = 10_000

func newCentre() *centre {
	c := &centre{}
	t := &c.turn
	t.Epoch, t.Seq, t.Kind, t.Now = 1, 1, route.KindSnapshot, 1_700_000_000_000
	word := func(text string) uint32 {
		t.Words = append(t.Words, route.Word{ID: uint32(len(t.Words) + 1), Text: route.Span{At: uint32(len(t.Bytes)), N: uint32(len(text))}})
		t.Bytes = append(t.Bytes, text...)
		return uint32(len(t.Words))
	}
	t.Queues = []route.Queue{{Gen: 1, Version: 1, Name: word("support"), Model: route.ModelLongestIdle}}
	t.Members = []route.Member{{Tier: 1}}
	skill := word("english")
	t.Skills = []route.Skill{{Name: skill, Level: 5000}}
	for ref := range uint32(agents) {
		t.Agents = append(t.Agents, route.Agent{
			Ref: ref, Gen: 1, Version: 1, Name: word(fmt.Sprint("agent", ref)), Channels: 1, Flags: route.AgentConnected,
			Capacity: 1000, IdleSince: t.Now - int64(ref%997)*1000, SignedInAt: 1, MaxOpen: 9,
			Members: route.Span{N: 1}, Skills: route.Span{N: 1},
		})
	}
	return c
}

// step makes the turn in which n pieces of work arrive, and what was proposed
// before is settled and gone: the agents are free again.
func (c *centre) step(reply *route.Reply, n int) {
	t := &c.turn
	seq := t.Seq
	t.Reset()
	t.Epoch, t.Seq, t.BaseSeq, t.Kind, t.Now = 1, seq+1, seq, route.KindDelta, 1_700_000_000_000+int64(seq)
	for _, p := range reply.Proposals {
		t.Settled = append(t.Settled, route.Settled{Seq: seq, Work: p.Work, Revision: p.Revision, Agent: p.Agent, Verdict: route.VerdictGone})
	}
	for ref := range uint32(n) {
		if c.next > 0 {
			t.WorkGone = append(t.WorkGone, route.Gone{Ref: ref, Gen: c.next})
		}
		t.Work = append(t.Work, route.Work{
			Ref: ref, Gen: c.next + 1, Revision: 1, Sequence: uint64(c.next)*1000 + uint64(ref), RequestedAt: t.Now,
			Size: 1000, State: route.WorkWaiting,
		})
	}
	c.next++
}

// benchTurns measures turns in which n pieces of work arrive.
func benchTurns(b *testing.B, turn func(context.Context, *route.Turn, *route.Reply) error, n int) {
	b.Helper()
	c, ctx := newCentre(), context.Background()
	var reply route.Reply
	if err := turn(ctx, &c.turn, &reply); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.step(&reply, n)
		reply.Reset()
		if err := turn(ctx, &c.turn, &reply); err != nil {
			b.Fatal(err)
		}
		if len(reply.Proposals) != n {
			b.Fatalf("%d proposals for %d items", len(reply.Proposals), n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
}

// BenchmarkView is the same strategy, who has been idle for longest, over the
// board and over candidates, linked in, among 10,000 idle agents: what the view
// costs.
func BenchmarkView(b *testing.B) {
	board := match.Score[struct{}]{
		Manifest: route.Manifest{Name: "guest"}, Candidates: route.DefaultCandidates,
		Score: func(_ *struct{}, _ match.Work, agent match.Agent) int64 { return agent.Idle() },
	}.Plugin()
	candidates := pluginOf(longestIdle)
	candidates.Manifest.Candidates = route.DefaultCandidates
	for _, n := range []int{1, 256} {
		for name, plugin := range map[string]route.Plugin{"board": board, "candidates": candidates, "rule": {
			Manifest: route.Manifest{Name: "guest"}, New: func() route.Strategy { return match.NewRule("guest") },
		}} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				var runtime strategy.Runtime = builtin.New(map[string]route.Plugin{"guest": plugin})
				if name == "candidates" {
					runtime = runtimeOf(plugin)
				}
				in, _, err := runtime.Start(context.Background(), strategy.Spec{Source: "guest"}, 1)
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = in.Close() }()
				benchTurns(b, in.Turn, n)
			})
		}
	}
}

// longestIdle proposes whoever of the candidates has been idle for longest.
func longestIdle(t *route.Turn, reply *route.Reply) error {
	for _, item := range t.Items {
		var best *route.Agent
		for _, candidate := range route.Of(t.Candidates, item.Candidates) {
			if agent := &t.Agents[candidate.Agent]; best == nil || agent.IdleSince < best.IdleSince {
				best = agent
			}
		}
		reply.Propose(&t.Work[item.Work], best, 0, 0)
	}
	return nil
}
