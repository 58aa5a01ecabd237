// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package vip is a strategy that serves customers by what they are worth, and
// keeps its best agents for the best customers.
//
// A customer's tier gives a head start: it counts as if the customer had waited
// that much longer. So gold goes before silver, but nobody waits for ever behind
// a stream of gold.
package vip

import (
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Settings are what an admin may set.
type Settings struct {
	Attribute string                    `json:"attribute" default:"tier" min:"1" desc:"The attribute of work that holds the customer's tier."`
	HeadStart map[string]route.Duration `json:"head_start" default:"{\"gold\": \"10m\", \"silver\": \"3m\"}" desc:"For each tier, how much longer its customers count as having waited; 0 for tiers that are not named."`
	Skill     string                    `json:"skill" default:"vip" desc:"The skill by which agents are kept for customers with a head start: those who hold it highest go to them first, and to all others last."`
}

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return match.Score[Settings]{
		Manifest: route.Manifest{
			Name: "vip", Version: "1.0.0", Deterministic: true,
			Reasons: []route.Reason{{
				Code: match.ScoreReason, Name: "by_tier",
				Text: "By the customer's tier: the score is the agent's level in the skill kept for tiers, in thousandths, less than zero for customers without one.",
			}},
		},
		Value: value,
		Score: score,
	}.Plugin()
}

// value orders the work: whoever has waited longest, head start included. Since
// all grow older at the same pace, the time itself does not matter.
func value(s *Settings, work match.Work) int64 { return int64(headStart(s, work)) - work.RequestedAt }

// score chooses the agent.
func score(s *Settings, work match.Work, agent match.Agent) int64 {
	level := max(0, agent.Level(s.Skill))
	if headStart(s, work) > 0 {
		return level
	}
	return -level
}

func headStart(s *Settings, work match.Work) route.Duration {
	return s.HeadStart[work.Attribute(s.Attribute)]
}
