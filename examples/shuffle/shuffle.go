// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package shuffle is a strategy that serves anybody who waits, drawn anew
// whenever an agent is free, whatever the priorities. It shows how a strategy
// uses chance and stays the same in a replay: what it draws comes from the
// turn's seed alone.
//
// It knows the board and nothing else.
package shuffle

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// reasonDrawn is why this strategy proposes.
const reasonDrawn = 1

// most bounds what a turn proposes, so that none takes long; the host comes back
// for the rest.
const most = 16

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name: "shuffle", Version: "1.0.0", Deterministic: true,
			Reasons: []route.Reason{{Code: reasonDrawn, Name: "drawn", Text: "The lot fell on this, and the agent was free."}},
		},
		New: func() route.Strategy { return &strategy{} },
	}
}

// strategy is one instance: a board, and what it decides from it.
type strategy struct{ board route.Board }

// lot is a piece of work with what was drawn for it.
type lot struct {
	work  *route.Work
	drawn uint64
}

// Configure implements route.Strategy. There is nothing to set.
func (s *strategy) Configure([]byte) error { return nil }

// Turn implements route.Strategy. Nobody is asked twice in a turn, so that no
// proposal stands in another's way.
func (s *strategy) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil || !turn.Kind.Asks() {
		return err
	}
	asked := map[uint32]bool{}
	for _, lot := range s.lots(turn.Seed) {
		if len(asked) == most {
			break
		}
		for agent := range s.board.Candidates(lot.work) {
			if !asked[agent.Ref] {
				reply.Propose(lot.work, agent, 0, reasonDrawn)
				asked[agent.Ref] = true
				break
			}
		}
	}
	reply.Digest = s.board.Digest()
	return nil
}

// lots draws an order of all the work there is.
func (s *strategy) lots(seed uint64) []lot {
	lots := make([]lot, 0, s.board.WorkCount())
	for work := range s.board.AllWork() {
		lots = append(lots, lot{work, mix(seed ^ mix(work.Sequence))})
	}
	slices.SortFunc(lots, func(a, b lot) int {
		return cmp.Or(cmp.Compare(a.drawn, b.drawn), cmp.Compare(a.work.Sequence, b.work.Sequence))
	})
	return lots
}

// mix spreads neighbouring numbers far apart (the finalizer of splitmix64 by
// Steele, Lea and Flood).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
