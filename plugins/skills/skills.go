// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package skills is the built-in strategy "skills": the work that is first in
// pending order goes, of all agents who hold the skills it requires now, to the
// best one by the model of its queue. Of whom it is asked, members of the queue
// or everybody with the skills, the queue says; work that requires none is
// asked of members, never of everybody.
//
// It knows what any third party's strategy knows: the board, and the turns that
// keep it in step. What it decides is package match's plain rule, which finds
// the rarest skill first; this package gives it a name.
package skills

import (
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Plugin returns the strategy's package. It has no settings; the model of each
// queue, and whether it asks by skills, comes with the board.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name:          "skills",
			Version:       "1.0.0",
			Tables:        match.Tables(),
			Reasons:       match.Reasons(),
			Deterministic: true,
		},
		New: func() route.Strategy { return match.NewRule("skills") },
	}
}
