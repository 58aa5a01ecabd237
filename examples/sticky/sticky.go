// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package sticky is a strategy that brings customers back to the agent who
// served them last. If that agent is signed in but busy, the customer waits a
// while before anybody else is asked.
//
// Who served a customer last is known to the CRM, which gives it with the work
// as an attribute.
package sticky

import (
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Why this strategy decides as it does.
const (
	reasonKnown = 1 + iota
	reasonAnybody
	reasonWaits
)

// Settings are what an admin may set.
type Settings struct {
	Attribute string         `json:"attribute" default:"served_by" min:"1" desc:"The attribute of work that holds the id of the agent who served this customer last."`
	Wait      route.Duration `json:"wait" default:"30s" min:"0s" max:"1h" desc:"How long a customer waits for that agent before anybody else is asked."`
}

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return match.Pick[Settings]{
		Manifest: route.Manifest{
			Name: "sticky", Version: "1.0.0", Deterministic: true,
			Reasons: []route.Reason{
				{Code: reasonKnown, Name: "served_last", Text: "This agent served the customer last."},
				{Code: reasonAnybody, Name: "anybody", Text: "Nobody knows this customer, or the wait for that agent is over."},
				{Code: reasonWaits, Name: "waits_for_known", Text: "It waits for the agent who served this customer last, who is busy."},
			},
		},
		Pick: pick,
	}.Plugin()
}

// pick decides about one piece of work. It is asked again when somebody comes
// free who could take the work, and when the wait is over.
func pick(s *Settings, work match.Work, candidates []match.Agent) match.Choice {
	known := work.Attribute(s.Attribute)
	if agent, free := work.Candidate(known); free {
		return match.Offer(reasonKnown, agent)
	}
	over := work.RequestedAt + int64(s.Wait)
	if work.Present(known) && work.Now() < over {
		return match.Hold(reasonWaits, over)
	}
	return match.Offer(reasonAnybody, candidates...)
}
