// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package pushy is a strategy that minds no rule: whatever waits it proposes to
// everybody, one after the other, may they take it or not. What comes of that is
// the host's to settle.
package pushy

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name: "pushy", Version: "0.1.0", Deterministic: true,
			Reasons: []route.Reason{{Code: 1, Name: "push", Text: "Somebody has to take it."}},
		},
		New: func() route.Strategy { return &pushy{} },
	}
}

type pushy struct{ board route.Board }

// Configure implements route.Strategy: there is nothing to set.
func (*pushy) Configure([]byte) error { return nil }

// Turn implements route.Strategy.
func (p *pushy) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := p.board.Apply(turn); err != nil {
		return err
	}
	reply.Digest = p.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	agents := slices.SortedFunc(p.board.AllAgents(), func(a, b *route.Agent) int {
		return cmp.Compare(p.board.Word(a.Name), p.board.Word(b.Name))
	})
	for work := range p.board.AllWork() {
		if work.State != route.WorkWaiting {
			continue
		}
		for i, agent := range agents {
			reply.Proposals = append(reply.Proposals, route.Proposal{
				Work: work.Ref, Revision: work.Revision, Agent: agent.Ref, Rank: uint16(i), Reason: 1,
			})
		}
	}
	return nil
}
