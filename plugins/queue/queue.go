// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package queue is the built-in strategy "queue": the work that is first in
// pending order goes to the best agent by the model of its queue. The host
// falls back on it when another strategy is unwell.
//
// It knows what any third party's strategy knows: the board, and the turns that
// keep it in step. What it decides is package match's plain rule; this package
// gives it a name, reasons for people, and a bound on how much one turn takes.
package queue

import (
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// MaxProposals is with how many proposals the strategy ends a turn. With more
// to do than that it goes on in the next turn, so that no turn takes long in
// any runtime.
const MaxProposals = match.MaxProposals

// Plugin returns the strategy's package. It has no settings; the model of each
// queue comes with the board.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name:          "queue",
			Version:       "1.0.0",
			Tables:        match.Tables(),
			Reasons:       match.Reasons(),
			Deterministic: true,
		},
		New: func() route.Strategy { return match.NewRule("queue") },
	}
}
