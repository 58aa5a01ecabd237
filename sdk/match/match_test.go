// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// indexed is the least strategy there is over an Index.
type indexed struct {
	board route.Board
	index *match.Index
	limit int
}

func newIndexed(limit int) *indexed {
	s := &indexed{limit: limit}
	s.index = match.New(&s.board)
	return s
}

func (s *indexed) Configure([]byte) error { return nil }

func (s *indexed) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil {
		return err
	}
	s.index.Apply(turn)
	reply.Digest = s.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	for more := false; more || s.limit == 0 || len(reply.Proposals) < s.limit; {
		m, ok := s.index.Next()
		if !ok {
			break
		}
		more = m.More
		m.Propose(reply)
	}
	reply.WakeAt = s.index.WakeAt()
	return nil
}

// TestIndexEqualsPlainRule holds the index against the plain rule over random
// boards, changes, settlements, refusals, unsettled proposals, snapshots in
// pages, and limits on proposals that make it stop half-way.
func TestIndexEqualsPlainRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "limit")
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		plain, index := routetest.Plain(limit), newIndexed(limit)
		index.index.SetSmall(
			rapid.SampledFrom([]int{0, 1, 2, 16}).Draw(t, "few"),
			rapid.SampledFrom([]int{1, 16}).Draw(t, "tidy"),
			rapid.SampledFrom([]int{0, 1, 32}).Draw(t, "promote"),
			rapid.SampledFrom([]int{1, 2, 16}).Draw(t, "sets"),
			rapid.SampledFrom([]int{0, 1, 3, 63}).Draw(t, "demands"),
		)
		host := routetest.NewHost()
		var unsettled []proposed
		for range rapid.IntRange(1, 30).Draw(t, "turns") {
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				routetest.Walk(host, draw)
			}
			if draw(20) == 0 {
				host.Page(draw(4))
				host.Snapshot()
				unsettled = nil
			}
			var want, got route.Reply
			for _, turn := range host.Turns() {
				want.Reset()
				got.Reset()
				if err := plain.Turn(turn, &want); err != nil {
					t.Fatalf("plain: turn %d: %v", turn.Seq, err)
				}
				if err := index.Turn(turn, &got); err != nil {
					t.Fatalf("index: turn %d: %v", turn.Seq, err)
				}
			}
			if !slices.Equal(want.Proposals, got.Proposals) {
				t.Fatalf("turn %d:\nplain %+v\nindex %+v", host.Seq(), want.Proposals, got.Proposals)
			}
			if want.WakeAt != got.WakeAt {
				t.Fatalf("turn %d: plain wakes at %d, index at %d", host.Seq(), want.WakeAt, got.WakeAt)
			}
			for _, p := range got.Proposals {
				unsettled = append(unsettled, proposed{host.Seq(), p})
			}
			unsettled = settleSome(host, unsettled, draw)
		}
	})
}

// proposed is a proposal with the turn it was made in.
type proposed struct {
	seq      uint64
	proposal route.Proposal
}

// settleSome settles most proposals, refuses some without a cause, and returns
// those that are to be settled later.
func settleSome(host *routetest.Host, list []proposed, draw func(int) int) []proposed {
	var later []proposed
	for _, p := range list {
		switch draw(8) {
		case 0:
			later = append(later, p)
		case 1:
			host.Refuse(p.seq, p.proposal, route.VerdictNoCapacity)
		default:
			host.Settle(p.seq, p.proposal)
		}
	}
	return later
}

// TestHalfAChoice shows that of several agents for one work those who are not
// asked for before the next turn are free again, and the work is asked of
// nobody else until it is known what became of the others.
func TestHalfAChoice(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support").OfferTo(3)
	for _, name := range []string{"anna", "bert", "cleo"} {
		host.Agent(name).In("support").On("case")
	}
	host.Work("w1").In("support").On("case")
	var board route.Board
	index := match.New(&board)
	next := func() []string {
		t.Helper()
		for _, turn := range host.Turns() {
			if err := board.Apply(turn); err != nil {
				t.Fatal(err)
			}
			index.Apply(turn)
		}
		var pairs []string
		for m, ok := index.Next(); ok; m, ok = index.Next() {
			pairs = append(pairs, fmt.Sprintf("w%d %s %d %v", m.Work.Sequence, board.Word(m.Agent.Name), m.Rank, m.More))
			if m.Rank == 0 && m.Work.Sequence == 1 {
				break
			}
		}
		return pairs
	}
	if got := next(); !slices.Equal(got, []string{"w1 anna 0 true"}) {
		t.Fatalf("got %q", got)
	}
	host.Work("w2").In("support").On("case")
	if got := next(); !slices.Equal(got, []string{"w2 bert 0 true", "w2 cleo 1 false"}) {
		t.Errorf("got %q", got)
	}
}

// TestWeightedRandomKeepsToWeights shows over many draws that each agent gets
// its share.
func TestWeightedRandomKeepsToWeights(t *testing.T) {
	t.Parallel()
	const draws = 4000
	host, strategy := routetest.NewHost(), newIndexed(0)
	host.Queue("support").Model(route.ModelWeightedRandom)
	want := map[string]float64{"anna": 0.6, "bert": 0.3, "cleo": 0.1}
	for name, share := range want {
		host.Agent(name).In("support").On("case").Weight("support", uint16(share*100+0.5)).Capacity(draws).MaxOpen(draws)
	}
	for i := range draws {
		host.Work(fmt.Sprint(i)).In("support").On("case").Size(1)
	}
	var reply route.Reply
	if err := strategy.Turn(host.Turns()[0], &reply); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, p := range reply.Proposals {
		got[strategy.board.Word(strategy.board.Agent(p.Agent).Name)] += 1.0 / draws
	}
	for name, share := range want {
		if math.Abs(got[name]-share) > 0.025 { // three standard deviations and more
			t.Errorf("%s got %.3f, want %.3f", name, got[name], share)
		}
	}
}
