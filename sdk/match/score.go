// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"math"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Never is the score of a pair that is not to be.
const Never = math.MinInt64

// ScoreReason is the code of the reason that a Score gives for its proposals:
// "best_score", unless the manifest has another of that code.
const ScoreReason = 1

// Score is the first rung of the ladder: a strategy that is one function, from a
// piece of work and an agent who could take it to a number. All else is done by
// this package: who could take it by the host's own rules, in which order work
// is decided, what earlier choices of the turn take, relaxation of skills and
// tiers, preferred agents, and that nobody is looked at for whom nothing has
// changed.
//
// S is the type of the settings, as route.Settings describes; struct{} for a
// strategy without.
//
//	match.Score[struct{}]{
//		Manifest: route.Manifest{Name: "calm", Version: "1.0.0"},
//		Score:    func(_ *struct{}, work match.Work, agent match.Agent) int64 { return agent.Free() },
//	}.Plugin()
//
// # Cost
//
// The function is called when work comes to be decided: when it arrives or
// changes, and when an agent comes free who could take it; for that work, and
// for Candidates agents at most. Work that nobody can take costs nothing. A turn
// makes 256 proposals at most and goes on in the next.
type Score[S any] struct {
	// Manifest says what the strategy is. Its SettingsSchema is filled in from
	// S, and reasons are added where their codes are free.
	Manifest route.Manifest
	// Score says how good it would be for the agent to take the work: the
	// highest has it; among equals who comes first by the queue's model; nobody
	// whose score is Never. It must depend on its arguments alone. Work whose
	// agents are all Never waits, until something about it or them changes.
	Score func(settings *S, work Work, agent Agent) int64
	// Value, if it is not nil, orders the work: highest first, the host's
	// pending order (see Before) among equals. It is asked when work arrives or
	// changes and may not depend on the time, nor on anything but the work.
	Value func(settings *S, work Work) int64
	// Candidates is how many agents are looked at for each work, the first by
	// the model of its queue; 0 means 64.
	Candidates int
}

// Plugin returns the strategy's package. It panics if Score is nil, or if S
// cannot be settings.
func (s Score[S]) Plugin() route.Plugin {
	if s.Score == nil {
		panic("match: Score: " + s.Manifest.Name + " has no function")
	}
	reason := route.Reason{Code: ScoreReason, Name: "best_score", Text: "Of all who could take it, this agent had the highest score."}
	return plugin(s.Manifest, []route.Reason{reason}, func() *rung[S] {
		return newRung(s.Candidates, s.Value, s.choose)
	})
}

// choose chooses by the scores.
func (s Score[S]) choose(settings *S, work Work, agents []Agent, most int) Choice {
	var best []Agent
	var scores []int64
	for _, agent := range agents {
		score := s.Score(settings, work, agent)
		if score == Never {
			continue
		}
		at := len(best)
		for at > 0 && score > scores[at-1] {
			at--
		}
		if at < most {
			best, scores = insert(best, at, agent, most), insert(scores, at, score, most)
		}
	}
	if best == nil {
		return Choice{}
	}
	return Choice{Agents: best, Score: clamp(scores[0]), Reason: ScoreReason}
}

// insert inserts v at index at into a list that keeps most elements.
func insert[T any](list []T, at int, v T, most int) []T {
	if len(list) < most {
		list = append(list, v)
	}
	copy(list[at+1:], list[at:])
	list[at] = v
	return list
}
