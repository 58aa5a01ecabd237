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
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// MaxProposals is how many proposals the strategy makes in one turn at most.
// With more to do than that it goes on in the next turn, so that no turn takes
// long in any runtime.
const MaxProposals = 1024

// Plugin returns the strategy's package. It has no settings; the model of each
// queue comes with the board.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name:    "queue",
			Version: "1.0.0",
			Tables: []route.Table{
				route.TableAgent, route.TableWork, route.TableQueue, route.TableMember, route.TableSkill,
				route.TableNeed, route.TableGone, route.TableSettled, route.TableWord, route.TableBytes,
				route.TableIDs,
			},
			Reasons:       reasons(),
			Deterministic: true,
		},
		New: func() route.Strategy { return newStrategy() },
	}
}

// reasons lists one reason for each model, under the model's own number.
func reasons() []route.Reason {
	return []route.Reason{
		{
			Code: uint16(route.ModelLeastActive), Name: route.ModelLeastActive.String(),
			Text: "Of all who could take it, this agent held the least; the score is how much, in thousandths of a unit.",
		},
		{
			Code: uint16(route.ModelMostAvailable), Name: route.ModelMostAvailable.String(),
			Text: "Of all who could take it, this agent had the most capacity free; the score is how much, in thousandths of a unit.",
		},
		{
			Code: uint16(route.ModelLongestIdle), Name: route.ModelLongestIdle.String(),
			Text: "Of all who could take it, this agent had been idle for longest; the score is for how many seconds.",
		},
	}
}

// strategy is one instance.
type strategy struct {
	board route.Board
	index *match.Index
}

var _ route.Strategy = (*strategy)(nil)

func newStrategy() *strategy {
	s := &strategy{}
	s.index = match.New(&s.board)
	return s
}

// Configure implements route.Strategy: there is nothing to set.
func (s *strategy) Configure(settings []byte) error {
	settings = bytes.TrimSpace(settings)
	if len(settings) == 0 {
		return nil
	}
	if settings[0] != '{' {
		return fmt.Errorf("queue: settings: %.20q is no JSON object: this strategy has no settings, so {} is right", settings)
	}
	var fields struct{}
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&fields); err != nil {
		return fmt.Errorf("queue: settings: %w: this strategy has none, so {} is right", err)
	}
	if decoder.More() {
		return errors.New("queue: settings: more than one JSON value: this strategy has no settings, so {} is right")
	}
	return nil
}

// Turn implements route.Strategy.
func (s *strategy) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil {
		return err
	}
	s.index.Apply(turn)
	reply.Digest = s.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	for range MaxProposals {
		m, ok := s.index.Next()
		if !ok {
			break
		}
		reply.Propose(m.Work, m.Agent, m.Score, reason(m.Model))
	}
	reply.WakeAt = s.index.WakeAt()
	return nil
}

// reason returns the code for a model. What is unknown is routed as, and
// called, least active.
func reason(model route.Model) uint16 {
	switch model {
	case route.ModelMostAvailable, route.ModelLongestIdle:
		return uint16(model)
	default:
		return uint16(route.ModelLeastActive)
	}
}
