// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package hello is about the shortest strategy there is: who has waited longest
// goes to the agent who has been idle for longest.
//
// It is to be read, copied and changed.
package hello

import (
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return match.Score[struct{}]{
		Manifest: route.Manifest{Name: "hello", Version: "1.0.0", Deterministic: true},
		Score:    score,
	}.Plugin()
}

// score says how good it would be for the agent to take the work. It is asked
// only about those who may: the host's own rules have been applied.
func score(_ *struct{}, _ match.Work, agent match.Agent) int64 { return agent.Idle() }
