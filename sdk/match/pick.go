// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/patchbay-cx/patchbay/sdk/route"

// Choice is what a Pick decides about one piece of work.
type Choice struct {
	// Agents are whom to offer it, best first; a queue that offers its work to
	// several at once asks the first of them, others just the first. Nobody at
	// all holds the work: it waits until something about it or its candidates
	// changes, or Until.
	Agents []Agent
	// Score says how good the choice is, for people.
	Score int32
	// Reason is a code of the manifest's reasons: why this agent, or why the
	// work waits. 0 says nothing.
	Reason uint16
	// Until is a time (Unix milliseconds) at which work that is held is to be
	// decided on again though nothing changes; 0 for none.
	Until int64
}

// Offer is the choice of these agents, best first.
func Offer(reason uint16, agents ...Agent) Choice { return Choice{Agents: agents, Reason: reason} }

// Hold is the choice to let the work wait, until that time at the latest (Unix
// milliseconds; 0 for as long as nothing changes).
func Hold(reason uint16, until int64) Choice { return Choice{Reason: reason, Until: until} }

// Pick is the second rung of the ladder: a strategy that is one function, from a
// piece of work and those who could take it to a choice. All else is done by
// this package, as for Score, and at the same cost.
type Pick[S any] struct {
	// Manifest says what the strategy is. Its SettingsSchema is filled in from
	// S, and reasons are added where their codes are free.
	Manifest route.Manifest
	// Pick chooses among the candidates, who stand in the order of the model of
	// the work's queue; there is at least one, and each can take the work now.
	// The list may be rearranged, and is valid until Pick returns. It must
	// depend on its arguments alone.
	Pick func(settings *S, work Work, candidates []Agent) Choice
	// Value orders the work, as in Score.
	Value func(settings *S, work Work) int64
	// Candidates is how many there are at most for each work, the first by the
	// model of its queue; 0 means 64.
	Candidates int
}

// Plugin returns the strategy's package. It panics if Pick is nil, or if S
// cannot be settings.
func (p Pick[S]) Plugin() route.Plugin {
	if p.Pick == nil {
		panic("match: Pick: " + p.Manifest.Name + " has no function")
	}
	return plugin(p.Manifest, nil, func() *rung[S] {
		return newRung(p.Candidates, p.Value, func(settings *S, work Work, agents []Agent, _ int) Choice {
			return p.Pick(settings, work, agents)
		})
	})
}
