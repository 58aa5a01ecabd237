// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"maps"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// moveRows is how many rows of a queue that comes or goes a turn carries: so few
// that what else it is about does not wait for them.
const moveRows = 64

// move is how a board follows when other queues, or other work of them, come
// into its scope while its strategy is at work: some rows with each turn. It
// sweeps what is on the board, and walks through what is not yet.
//
// A queue that comes as a whole or goes is on the board as held until all of it
// has come, or gone. What comes is whole when it is held no more.
type move struct {
	queues map[string]bool // that move; true for a whole one, false if it is other work of it
	agent  int             // the slot from which agents are to be looked at
	item   int             // and work
	// What the last of it is, once all is noted: so many changes of agents, and of
	// work.
	noted        bool
	agents, work uint64
}

// moving reports whether the board has not yet all, and nothing but, what is in
// its scope, though no snapshot is under way.
func (f *feed) moving() bool { return len(f.move.queues) > 0 }

// holds reports whether the queue is on the board, or comes with the next
// snapshot: all that is in scope of it, or will be when its own changes have been
// told.
func (f *feed) holds(queue string) bool {
	_, ok := f.scope[queue]
	return ok && !f.move.queues[queue]
}

// shows reports whether a row for the queue is on the board.
func (f *feed) shows(queue string) bool {
	_, ok := f.scope[queue]
	return ok || f.move.queues[queue]
}

// begin has the board follow from another scope. What was under way begins anew.
func (f *feed) begin(former scope) {
	if f.move.queues == nil {
		f.move.queues = make(map[string]bool)
	}
	for queue, part := range former {
		if now, stays := f.scope[queue]; !stays || now != part {
			f.move.queues[queue] = f.move.queues[queue] || !stays
		}
	}
	for queue := range f.scope {
		if _, stays := former[queue]; !stays {
			f.move.queues[queue] = true
		}
	}
	f.move.agent, f.move.item, f.move.noted = 0, 0, false
	f.walk = walk{agents: true, work: true, until: f.engine.State().NextWork - 1}
	for _, queue := range slices.Sorted(maps.Keys(f.move.queues)) {
		if _, comes := f.scope[queue]; comes {
			f.walk.work = false
			f.walk.agents = f.walk.agents && !f.move.queues[queue]
		}
		if f.move.queues[queue] && !f.queues.touch(queue) {
			f.queues.enter(queue)
		}
	}
}

// proceed notes what of the move goes with the next turn.
func (f *feed) proceed() {
	m := &f.move
	if m.noted {
		return
	}
	looks := maxScan * f.rows
	m.item, _ = f.work.sweep(m.item, f.rows, looks, func(id engine.WorkID) bool { // nobody is to propose it any more
		w, ok := f.engine.Work(id)
		return !ok || !f.hasWork(w)
	})
	left := f.rows
	if f.moves() {
		left = min(left, moveRows)
		var noted int
		m.agent, noted = f.agents.sweep(m.agent, left, looks, f.strayed)
		left -= noted
		left -= f.walkAgents(left, func(a *engine.Agent) { f.agents.enter(a.ID) })
	} else {
		m.agent = len(f.agents.slots)
	}
	f.walkWork(left, func(w *engine.Work) { f.work.enter(w.ID) })
	m.noted = m.agent >= len(f.agents.slots) && m.item >= len(f.work.slots) && f.walk.agents && f.walk.work
	m.agents, m.work = f.agents.noted(), f.work.noted()
}

// moves reports whether a queue comes or goes as a whole.
func (f *feed) moves() bool {
	for _, whole := range f.move.queues {
		if whole {
			return true
		}
	}
	return false
}

// strayed reports whether the agent's row has to be told anew, or taken back.
func (f *feed) strayed(id string) bool {
	a, ok := f.engine.Agent(id)
	if !ok || !f.hasAgent(a) {
		return true
	}
	for i := range a.Definition.Queues {
		if f.move.queues[a.Definition.Queues[i].Queue] {
			return true
		}
	}
	return false
}

// arrive ends the move if the turn that is being filled brings the last of it.
func (f *feed) arrive() {
	if !f.moving() || !f.move.noted || f.agents.taken < f.move.agents || f.work.taken < f.move.work {
		return
	}
	moved := slices.Sorted(maps.Keys(f.move.queues))
	f.arrived = true
	clear(f.move.queues)
	for _, queue := range moved {
		f.queues.touch(queue)
	}
	maps.DeleteFunc(f.offers, func(id engine.AssignmentID, _ route.Settled) bool { // of what is not shown any more
		_, w, ok := f.engine.Assignment(id)
		return !ok || !f.hasWork(w)
	})
}
