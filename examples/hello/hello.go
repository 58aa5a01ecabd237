// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package hello is about the shortest strategy there is: who has waited longest
// goes to the first agent who may take it.
//
// It knows the board and nothing else. It is to be read, copied and changed.
package hello

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// reasonWaited is why this strategy proposes.
const reasonWaited = 1

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name: "hello", Version: "1.0.0", Deterministic: true,
			Reasons: []route.Reason{{Code: reasonWaited, Name: "waited_longest", Text: "This had waited longest, and the agent was free."}},
		},
		New: func() route.Strategy { return &strategy{} },
	}
}

// strategy is one instance: a board, and what it decides from it.
type strategy struct{ board route.Board }

// Configure implements route.Strategy. There is nothing to set.
func (s *strategy) Configure([]byte) error { return nil }

// Turn implements route.Strategy. Nobody is asked twice in a turn, so that no
// proposal stands in another's way, and a turn proposes a hundred at most, so
// that none takes long; the host comes back for the rest.
func (s *strategy) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil || !turn.Kind.Asks() {
		return err
	}
	asked := map[uint32]bool{}
	for _, work := range slices.SortedFunc(s.board.AllWork(), longest) {
		if len(asked) == 100 {
			break
		}
		for agent := range s.board.Candidates(work) {
			if !asked[agent.Ref] {
				reply.Propose(work, agent, 0, reasonWaited)
				asked[agent.Ref] = true
				break
			}
		}
	}
	reply.Digest = s.board.Digest()
	return nil
}

// longest orders work by how long it has waited, then as it came.
func longest(a, b *route.Work) int {
	return cmp.Or(cmp.Compare(a.RequestedAt, b.RequestedAt), cmp.Compare(a.Sequence, b.Sequence))
}
