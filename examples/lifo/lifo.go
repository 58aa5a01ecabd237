// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package lifo is a strategy that serves whoever came last first, whatever the
// priorities. Nobody should want it: it is there to be compared, since the mean
// wait is that of first come, first served, and all else is worse.
//
// It knows the board and nothing else.
package lifo

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// reasonLast is why this strategy proposes.
const reasonLast = 1

// most bounds what a turn proposes, so that none takes long; the host comes back
// for the rest.
const most = 16

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name: "lifo", Version: "1.0.0", Deterministic: true,
			Reasons: []route.Reason{{Code: reasonLast, Name: "came_last", Text: "This came last, and the agent was free."}},
		},
		New: func() route.Strategy { return &strategy{} },
	}
}

// strategy is one instance: a board, and what it decides from it.
type strategy struct{ board route.Board }

// Configure implements route.Strategy. There is nothing to set.
func (s *strategy) Configure([]byte) error { return nil }

// Turn implements route.Strategy. Nobody is asked twice in a turn, so that no
// proposal stands in another's way.
func (s *strategy) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil || !turn.Kind.Asks() {
		return err
	}
	asked := map[uint32]bool{}
	for _, work := range slices.SortedFunc(s.board.AllWork(), last) {
		if len(asked) == most {
			break
		}
		for agent := range s.board.Candidates(work) {
			if !asked[agent.Ref] {
				reply.Propose(work, agent, 0, reasonLast)
				asked[agent.Ref] = true
				break
			}
		}
	}
	reply.Digest = s.board.Digest()
	return nil
}

// last orders work by who came last.
func last(a, b *route.Work) int {
	return cmp.Or(cmp.Compare(b.RequestedAt, a.RequestedAt), cmp.Compare(b.Sequence, a.Sequence))
}
