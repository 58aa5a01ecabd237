// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// State is a workspace at rest, but for its work, which may be too much for one
// value: EachWork gives it, and Restore takes it, one by one.
type State struct {
	Number         uint64       `cbor:"1,keyasint"`
	Now            Time         `cbor:"2,keyasint"`
	Config         uint64       `cbor:"3,keyasint"`
	NextWork       WorkID       `cbor:"4,keyasint"`
	NextAssignment AssignmentID `cbor:"5,keyasint"`
	Definition     *Definition  `cbor:"6,keyasint"`
	Agents         []*Agent     `cbor:"7,keyasint,omitempty"`
	Ended          []WorkID     `cbor:"8,keyasint,omitempty"`
	// Closed lists the queues that are closed.
	Closed []string `cbor:"9,keyasint,omitempty"`
	// Waits are what waits are estimated from, Contacts whom conversations
	// return to.
	Waits    []Waits   `cbor:"10,keyasint,omitempty"`
	Contacts []Contact `cbor:"11,keyasint,omitempty"`
	// Versions are the definitions that are remembered, Source what the host was
	// started with.
	Versions []Version `cbor:"12,keyasint,omitempty"`
	Source   string    `cbor:"13,keyasint,omitempty"`
}

// State returns the state. It shares memory with the engine: it must be used up
// before the next Step.
func (e *Engine) State() State {
	return State{
		Number: e.number, Now: e.now, Config: e.config, NextWork: e.nextWork, NextAssignment: e.nextAssignment,
		Definition: e.definition, Agents: e.roster, Ended: e.ended,
		Closed: e.closed(), Waits: e.waits.all(), Contacts: e.memory(), Versions: e.versions, Source: e.source,
	}
}

// Restore makes an engine of a state and its work in order of ids. It takes
// both over. An error says in what way they do not fit together.
func Restore(state State, work iter.Seq2[*Work, error]) (*Engine, error) {
	e := New()
	e.number, e.now, e.told, e.config = state.Number, state.Now, state.Now, state.Config
	e.nextWork, e.nextAssignment = state.NextWork, state.NextAssignment
	e.versions, e.source = state.Versions, state.Source
	if state.Config > 0 {
		if state.Definition == nil {
			return nil, errors.New("engine: restore: there is no definition")
		}
		names, err := state.Definition.index()
		if err != nil {
			return nil, fmt.Errorf("engine: restore: %w", err)
		}
		e.definition, e.names = state.Definition, names
	}
	if err := e.restoreAgents(state.Agents); err != nil {
		return nil, err
	}
	e.enqueue()
	if err := e.restoreMemory(&state); err != nil {
		return nil, err
	}
	for w, err := range work {
		if err != nil {
			return nil, fmt.Errorf("engine: restore: %w", err)
		}
		if err := e.restoreWork(w); err != nil {
			return nil, err
		}
	}
	e.ended = slices.Clone(state.Ended)
	for _, id := range e.ended {
		if w := e.work[id]; w == nil || !w.State.Ended() {
			return nil, fmt.Errorf("engine: restore: %v is said to have ended, but is missing or has not", id)
		}
	}
	return e, nil
}

// closed lists the queues that are closed.
func (e *Engine) closed() (names []string) {
	for i := range e.definition.Queues {
		if name := e.definition.Queues[i].Name; e.queues[name].closed {
			names = append(names, name)
		}
	}
	return names
}

func (e *Engine) restoreMemory(state *State) error {
	for _, name := range state.Closed {
		if e.queues[name] == nil {
			return fmt.Errorf("engine: restore: queue %q is said to be closed, but is not defined", name)
		}
		e.setClosed(e.queues[name], true)
	}
	for _, c := range state.Contacts {
		e.contacts[c.Key] = c
	}
	e.lastContacts = slices.Clone(state.Contacts)
	return e.waits.restore(state.Waits)
}

func (e *Engine) restoreAgents(agents []*Agent) error {
	for _, a := range agents {
		definition := e.names.agents[a.ID]
		if definition == nil || e.names.statuses[a.Status] == nil {
			return fmt.Errorf("engine: restore: agent %q or its status %q is not defined", a.ID, a.Status)
		}
		a.Definition = definition
		a.Presence = e.names.presence[definition.PresenceConfig]
		a.Channels = e.names.statuses[a.Status].bits
		e.agents[a.ID] = a
		e.roster = append(e.roster, a)
		if a.GraceUntil > 0 {
			e.schedule(timer{at: a.GraceUntil, kind: grace, agent: a.ID})
		}
	}
	slices.SortFunc(e.roster, func(a, b *Agent) int { return cmp.Compare(a.ID, b.ID) })
	if len(e.agents) != len(e.names.agents) || len(e.roster) != len(e.agents) {
		return fmt.Errorf("engine: restore: %d agents are defined and %d are there", len(e.names.agents), len(e.roster))
	}
	return nil
}

func (e *Engine) restoreWork(w *Work) error {
	switch {
	case w.ID >= e.nextWork || len(e.inOrder) > 0 && e.inOrder[len(e.inOrder)-1].ID >= w.ID:
		return fmt.Errorf("engine: restore: %v is out of order", w.ID)
	case w.State < Waiting || w.State > Expired || w.State.Owned() != (w.Owner() != nil) || (w.State == Offered) != w.offered():
		return fmt.Errorf("engine: restore: %v is %v, and its assignments say otherwise", w.ID, w.State)
	case !w.State.Ended() && (e.queueOf(w) == nil || !e.hasChannel(w.Spec.Channel)):
		return fmt.Errorf("engine: restore: queue %q or channel %q of %v is not defined", w.Queue, w.Spec.Channel, w.ID)
	}
	e.adopt(w)
	return nil
}

// offered reports whether an offer to be its owner stands.
func (w *Work) offered() bool {
	for x := range w.Standing() {
		if x.State == AssignmentOffered && !x.Guest {
			return true
		}
	}
	return false
}
