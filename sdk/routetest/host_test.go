// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestHostAndBoardAgree walks at random and shows that a board that follows the
// host by deltas equals one that starts from a snapshot in pages, in digest and
// in what is eligible, and that host and board judge every pair alike.
func TestHostAndBoardAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		host := routetest.NewHost()
		var board route.Board
		for range rapid.IntRange(1, 15).Draw(t, "turns") {
			for range draw(10) {
				routetest.Walk(host, draw)
			}
			if draw(10) == 0 {
				host.Page(draw(5))
				host.Snapshot()
			}
			for _, turn := range host.Turns() {
				if err := board.Apply(turn); err != nil {
					t.Fatalf("turn %d: %v", turn.Seq, err)
				}
			}
			if board.Digest() != host.Digest() {
				t.Fatalf("turn %d: digest %#x on the board, %#x at the host", host.Seq(), board.Digest(), host.Digest())
			}
			var proposals []route.Proposal
			for work := range board.AllWork() {
				for agent := range board.AllAgents() {
					p := route.Proposal{Work: work.Ref, Revision: work.Revision, Agent: agent.Ref}
					if got, want := board.Eligible(work, agent), host.Verdict(host.Seq(), &p); got != want {
						t.Fatalf("turn %d: work %d, agent %d: board %s, host %s", host.Seq(), work.Ref, agent.Ref, got, want)
					}
					proposals = append(proposals, p)
				}
			}
			if len(proposals) > 0 {
				host.Settle(host.Seq(), proposals[draw(len(proposals))])
			}
		}
	})
}

// TestSettleTellsSlotsApart shows that a proposal is not settled for another
// that has got the slot since, though ref and revision are the same.
func TestSettleTellsSlotsApart(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Agent("anna").In("support").On("case")
	host.Work("w1").In("support").On("case")
	turn := host.Turns()[0]
	proposal := route.Proposal{Work: turn.Work[0].Ref, Revision: turn.Work[0].Revision, Agent: turn.Agents[0].Ref}
	host.Cancel("w1")
	host.Work("w2").In("support").On("case")
	if got := host.Settle(host.Seq(), proposal)[0]; got != route.VerdictGone {
		t.Errorf("the work's slot was used again: %s", got)
	}
	turn = host.Turns()[0]
	proposal.Work, proposal.Revision = turn.Work[0].Ref, turn.Work[0].Revision
	host.SignOut("anna")
	host.Agent("bert").In("support").On("case")
	if got := host.Settle(host.Seq(), proposal)[0]; got != route.VerdictAgentUnavailable {
		t.Errorf("the agent's slot was used again: %s", got)
	}
}

// A host reads like the domain.
func ExampleHost() {
	host := routetest.NewHost()
	host.Queue("support").Model(route.ModelMostAvailable)
	host.Agent("anna").Capacity(5000).In("support").On("chat")
	host.Agent("bert").Capacity(8000).Holding(4000, 2).In("support").On("chat")
	host.Work("w1").In("support").On("chat").Size(1000).Age(20_000)

	strategy := routetest.Plain(0)
	var reply route.Reply
	for _, turn := range host.Turns() {
		if err := strategy.Turn(turn, &reply); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(len(reply.Proposals), "proposal, for agent", reply.Proposals[0].Agent, "with", reply.Proposals[0].Score, "free")
	fmt.Println(host.Settle(host.Seq(), reply.Proposals...))
	// Output:
	// 1 proposal, for agent 0 with 5000 free
	// [accepted_by_host]
}
