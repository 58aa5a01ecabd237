// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
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
