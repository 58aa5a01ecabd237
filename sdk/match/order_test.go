// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestBefore goes through the pending order: each line is before the next.
func TestBefore(t *testing.T) {
	t.Parallel()
	inOrder := []route.Work{
		{Priority: math.MinInt32, Secondary: 9, RequestedAt: 9, Sequence: 9},
		{Priority: -1, Secondary: 9, RequestedAt: 9, Sequence: 9},
		{Priority: 0, Secondary: -1, RequestedAt: 9, Sequence: 9},
		{Priority: 0, Secondary: 0, TargetAcceptAt: -5, RequestedAt: 9},
		{Priority: 0, Secondary: 0, TargetAcceptAt: 5, RequestedAt: 9},
		{Priority: 0, Secondary: 0, TargetAcceptAt: 6, RequestedAt: 1},
		{Priority: 0, Secondary: 0, RequestedAt: 1, Sequence: 9},
		{Priority: 0, Secondary: 0, RequestedAt: 2, Sequence: 1},
		{Priority: 0, Secondary: 0, RequestedAt: 2, Sequence: 2},
		{Priority: 0, Secondary: 0, RequestedAt: 2, Sequence: math.MaxUint64},
		{Priority: 0, Secondary: 1},
		{Priority: math.MaxInt32},
	}
	for i := range inOrder {
		for j := range inOrder {
			if got := match.Before(&inOrder[i], &inOrder[j]); got != (i < j) {
				t.Errorf("Before(%d, %d) = %v", i, j, got)
			}
		}
	}
}

// An index yields the pairs that follow from what changed.
func ExampleIndex() {
	host := routetest.NewHost()
	host.Queue("support").Model(route.ModelLongestIdle)
	host.Agent("anna").In("support").On("chat").Idle(60_000)
	host.Agent("bert").In("support").On("chat").Idle(90_000)
	host.Work("w1").In("support").On("chat")
	host.Work("vip").In("support").On("chat").Priority(-1, 0)

	var board route.Board
	index := match.New(&board)
	for _, turn := range host.Turns() {
		if err := board.Apply(turn); err != nil {
			fmt.Println(err)
			return
		}
		index.Apply(turn)
	}
	for m, ok := index.Next(); ok; m, ok = index.Next() {
		fmt.Printf("w%d to %s, idle for %d s\n", m.Work.Sequence, board.Word(m.Agent.Name), m.Score)
	}
	// Output:
	// w2 to bert, idle for 90 s
	// w1 to anna, idle for 60 s
}
