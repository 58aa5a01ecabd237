// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package stub is a strategy that decides nothing: it answers each row of work
// in a turn with the next row of an agent. What a turn takes beyond that is its
// carrier's. It is for measurements, keeps no board, and knows the contract
// only.
package stub

import "github.com/patchbay-cx/patchbay/sdk/route"

// Plugin returns the package.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{Name: "stub", Version: "1.0.0", Deterministic: true},
		New:      func() route.Strategy { return strategy{} },
	}
}

type strategy struct{}

// Configure implements route.Strategy.
func (strategy) Configure([]byte) error { return nil }

// Turn implements route.Strategy.
func (strategy) Turn(turn *route.Turn, reply *route.Reply) error {
	for i := range turn.Work {
		if len(turn.Agents) > 0 {
			reply.Propose(&turn.Work[i], &turn.Agents[i%len(turn.Agents)], 0, 0)
		}
	}
	return nil
}
