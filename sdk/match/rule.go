// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// MaxProposals is about how many proposals a Rule makes in one turn at most:
// with so many, it looks at no further work. It goes on in the next turn, so
// that no turn takes long in any runtime.
const MaxProposals = 1024

// MaxNotes is how many notes a Rule writes in one turn at most.
const MaxNotes = 64

// Rule is the plain rule as a whole strategy, over a board and an Index of its
// own. It has no settings: how each queue picks agents comes with the board.
type Rule struct {
	name  string
	board route.Board
	index *Index
}

var _ route.Strategy = (*Rule)(nil)

// NewRule returns a strategy with an empty board. The name begins its errors.
func NewRule(name string) *Rule {
	r := &Rule{name: name}
	r.index = New(&r.board)
	return r
}

// Configure implements route.Strategy: there is nothing to set.
func (r *Rule) Configure(settings []byte) error {
	settings = bytes.TrimSpace(settings)
	if len(settings) == 0 {
		return nil
	}
	if settings[0] != '{' {
		return fmt.Errorf("%s: settings: %.20q is no JSON object: this strategy has no settings, so {} is right", r.name, settings)
	}
	var fields struct{}
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&fields); err != nil {
		return fmt.Errorf("%s: settings: %w: this strategy has none, so {} is right", r.name, err)
	}
	if decoder.More() {
		return fmt.Errorf("%s: settings: more than one JSON value: this strategy has no settings, so {} is right", r.name)
	}
	return nil
}

// Turn implements route.Strategy.
func (r *Rule) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := r.board.Apply(turn); err != nil {
		return err
	}
	r.index.Apply(turn)
	reply.Digest = r.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	for more := false; more || len(reply.Proposals) < MaxProposals; {
		m, ok := r.index.Next()
		if !ok {
			break
		}
		more = m.More
		m.Propose(reply)
	}
	note(r.index, &r.board, reply)
	reply.WakeAt = r.index.WakeAt()
	return nil
}

// note writes why the work that came or changed in this turn waits on.
func note(index *Index, board *route.Board, reply *route.Reply) {
	for _, ref := range board.Changed().Work {
		if len(reply.Notes) == MaxNotes {
			return
		}
		if why := index.Why(ref); why != WaitNone {
			reply.Notes = append(reply.Notes, route.Note{Work: ref, Reason: uint16(why)})
		}
	}
}

// Tables returns what a Rule, or another strategy over an Index, wants sent.
func Tables() []route.Table {
	return []route.Table{
		route.TableAgent, route.TableWork, route.TableQueue, route.TableMember, route.TableSkill,
		route.TableNeed, route.TableGone, route.TableSettled, route.TableWord, route.TableBytes,
		route.TableIDs,
	}
}

// Reasons returns the dictionary of a Rule's reasons: each model under its own
// number, for proposals, and each Wait, for notes.
func Reasons() []route.Reason {
	const of = "Of all who could take it, this agent "
	models := []string{
		route.ModelLeastActive:    of + "held the least; the score is how much, in thousandths of a unit.",
		route.ModelMostAvailable:  of + "had the most capacity free; the score is how much, in thousandths of a unit.",
		route.ModelLongestIdle:    of + "had been idle for longest; the score is for how many seconds.",
		route.ModelRoundRobin:     of + "had been without a new assignment for longest; the score is for how many seconds.",
		route.ModelMostSkilled:    of + "holds the skills it requires at the highest levels; the score is their sum, in thousandths.",
		route.ModelLeastSkilled:   of + "holds the lowest levels in all skills; the score is their sum, in thousandths.",
		route.ModelWeightedRandom: "Drawn from all who could take it, by their weights; the score is this agent's.",
	}
	waits := map[Wait]string{
		WaitHeld:        "Its queue is closed, and holds its work until it opens.",
		WaitAgentAbsent: "It is for one agent alone, who is not signed in.",
		WaitNoHolder:    "Nobody who is signed in holds all the skills that it requires, at their levels.",
		WaitNoMember:    "Nobody who is signed in is a member of its queue.",
		WaitNobodyFree:  "Nobody of whom it is asked can take it now.",
	}
	var list []route.Reason
	for model := route.ModelLeastActive; model <= route.ModelWeightedRandom; model++ {
		list = append(list, route.Reason{Code: uint16(model), Name: model.String(), Text: models[model]})
	}
	for why := WaitHeld; why <= WaitNobodyFree; why++ {
		list = append(list, route.Reason{Code: uint16(why), Name: why.String(), Text: waits[why]})
	}
	return list
}
