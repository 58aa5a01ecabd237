// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"fmt"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// naive is the strategy that looks at every agent, or at all that waits. Its
// board is filled by turns; it is asked without one.
type naive struct{ board route.Board }

var _ route.Strategy = (*naive)(nil)

// Configure implements route.Strategy.
func (n *naive) Configure([]byte) error { return nil }

// Turn implements route.Strategy: it keeps the board and proposes nothing.
func (n *naive) Turn(turn *route.Turn, _ *route.Reply) error { return n.board.Apply(turn) }

// agentFor returns the best agent for the work under longest idle.
func (n *naive) agentFor(work *route.Work) *route.Agent {
	var best *route.Agent
	for agent := range n.board.Candidates(work) {
		if best == nil || cmp.Or(cmp.Compare(agent.IdleSince, best.IdleSince),
			cmp.Compare(agent.SignedInAt, best.SignedInAt)) < 0 {
			best = agent
		}
	}
	return best
}

// workFor returns what is pending first of what the agent could take.
func (n *naive) workFor(agent *route.Agent) *route.Work {
	var first *route.Work
	for work := range n.board.AllWork() {
		if n.board.Eligible(work, agent) == route.VerdictNone && (first == nil || match.Before(work, first)) {
			first = work
		}
	}
	return first
}

// naive takes the same kinds of decisions by looking at everything.
func (d *decider) naive(s *site) (result [len(loads)]Latency, err error) {
	n := &naive{}
	s.strategy = n
	if err := s.snapshot(d.step); err != nil {
		return result, err
	}
	for _, load := range loads {
		var times []time.Duration
		for range naiveEach {
			took, err := s.naiveOne(n, load)
			if err != nil {
				return result, err
			}
			times = append(times, took)
		}
		result[load] = latencyOf(times)
	}
	for range 2 * naiveEach {
		if err := d.step(); err != nil {
			return result, err
		}
	}
	return result, nil
}

func (s *site) naiveOne(n *naive, load Load) (time.Duration, error) {
	if load == AgentFreed {
		agent := *n.board.Agent(s.busy[s.random.IntN(len(s.busy))])
		agent.Used, agent.Open = 0, 0
		start := time.Now()
		work := n.workFor(&agent)
		took := time.Since(start)
		if work == nil {
			return 0, fmt.Errorf("bench: %s: the plain scan found nothing", load)
		}
		return took, nil
	}
	s.begin(route.KindDelta)
	work, needs := s.callFor(s.idle[s.random.IntN(len(s.idle))], load)
	s.putWork(work, needs)
	if err := s.carry(); err != nil {
		return 0, err
	}
	start := time.Now()
	agent := n.agentFor(n.board.Work(work.Ref))
	took := time.Since(start)
	if agent == nil {
		return 0, fmt.Errorf("bench: %s: the plain scan found nobody", load)
	}
	s.begin(route.KindDelta)
	s.gone(work.Ref)
	return took, s.carry()
}
