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

// change is what becomes of a queue when a board follows from another scope.
// Of two changes the larger is what is to be done.
type change uint8

const (
	less  change = iota + 1 // some of its work goes
	more                    // other work of it comes
	whole                   // it comes as a whole, or goes
)

// move is how a board follows when other queues, or other work of them, come
// into its scope while its strategy is at work: some rows with each turn. It
// sweeps what is on the board, and walks through what is not yet.
//
// What comes, or goes as a whole, is on the board as held until all of it has
// come, or gone.
type move struct {
	queues map[string]change // that move
	agent  int               // the slot from which agents are to be looked at
	item   int               // and work
	agents telling
	work   telling
}

// telling is how far the rows of a table are told that a move is about.
type telling struct {
	noted bool   // all are on the list of changes
	last  uint64 // how many have been put on it up to the last of them
}

// told reports whether all are, when so many have been taken off the list.
func (t telling) told(taken uint64) bool { return t.noted && taken >= t.last }

// moving reports whether the board has not yet all, and nothing but, what is in
// its scope, though no snapshot is under way.
func (f *feed) moving() bool { return len(f.move.queues) > 0 }

// holds reports whether the strategy has answered for the queue: it was on the
// board as a whole, and has not gone since.
func (f *feed) holds(queue string) bool { return f.known[queue] }

// brings reports whether the queue is on the board as a whole, or comes with the
// next snapshot.
func (f *feed) brings(queue string) bool {
	_, known := f.known[queue]
	return known || f.next != route.KindDelta
}

// complete notes that the queue is on the board as a whole with the turn that is
// being filled.
func (f *feed) complete(queue string) {
	if _, known := f.known[queue]; !known {
		f.known[queue], f.unanswered = false, true
	}
}

// answer notes that the turn filled last is answered, and reports whether that
// is the first for some queue.
func (f *feed) answer() (first bool) {
	if !f.unanswered {
		return false
	}
	f.unanswered = false
	for queue := range f.known {
		f.known[queue] = true
	}
	return true
}

// shows reports whether a row for the queue is on the board.
func (f *feed) shows(queue string) bool {
	_, ok := f.scope[queue]
	return ok || f.move.queues[queue] == whole
}

// held reports whether nothing of the queue is to be proposed.
func (f *feed) held(queue string) bool { return f.engine.Held(queue) || f.move.queues[queue] >= more }

// begin has the board follow from another scope. Of what was under way, only
// what the change is about begins anew.
func (f *feed) begin(former scope) {
	m := &f.move
	if !f.moving() {
		m.queues, m.agents = make(map[string]change), telling{noted: true}
	}
	largest := f.differ(former)
	f.walk.item, f.walk.until, f.walk.work = 0, f.engine.State().NextWork-1, true
	m.item, m.work = 0, telling{}
	if largest == whole {
		f.walk.agent, f.walk.agents = "", true
		m.agent, m.agents = 0, telling{}
	}
	for _, queue := range slices.Sorted(maps.Keys(m.queues)) {
		c := m.queues[queue]
		if _, comes := f.scope[queue]; comes {
			f.walk.work = f.walk.work && c == less
			f.walk.agents = f.walk.agents && (c != whole || largest != whole)
		}
		if !f.queues.touch(queue) {
			f.queues.enter(queue)
		}
	}
}

// differ notes what becomes of queues that were in another scope, or are in this
// one, and returns the largest change.
func (f *feed) differ(former scope) (largest change) {
	note := func(queue string, c change) {
		f.move.queues[queue], largest = max(f.move.queues[queue], c), max(largest, c)
	}
	for queue, part := range former {
		now, stays := f.scope[queue]
		switch {
		case !stays:
			delete(f.known, queue)
			note(queue, whole)
		case now == part:
		case part == share{}: // all of it
			note(queue, less)
		default:
			note(queue, more)
		}
	}
	for queue := range f.scope {
		if _, stays := former[queue]; !stays {
			note(queue, whole)
		}
	}
	return largest
}

// proceed notes what of the move goes with the next turn: a few rows of what
// comes or goes as a whole. What is the strategy's already and has other work is
// not kept waiting.
func (f *feed) proceed() {
	m := &f.move
	looks, left := maxScan*f.rows, min(f.rows, moveRows)
	if !m.agents.noted {
		var noted int
		m.agent, noted = f.agents.sweep(m.agent, left, looks, f.strayed)
		left -= noted
		left -= f.walkAgents(left, func(a *engine.Agent) { f.agents.enter(a.ID) })
		m.agents = telling{noted: m.agent >= len(f.agents.slots) && f.walk.agents, last: f.agents.noted()}
	}
	if m.work.noted {
		return
	}
	m.item, _ = f.work.sweep(m.item, f.rows, looks, func(id engine.WorkID) bool { // nobody is to propose it any more
		w, ok := f.engine.Work(id)
		return !ok || !f.hasWork(w)
	})
	others := f.otherWork()
	if others {
		left = f.rows
	}
	if others || f.walk.agents {
		f.walkWork(left, func(w *engine.Work) { f.work.enter(w.ID) })
	}
	m.work = telling{noted: m.item >= len(f.work.slots) && f.walk.work, last: f.work.noted()}
}

// otherWork reports whether other work comes of a queue that is the strategy's
// already.
func (f *feed) otherWork() bool {
	for _, c := range f.move.queues {
		if c == more {
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
		if f.move.queues[a.Definition.Queues[i].Queue] == whole {
			return true
		}
	}
	return false
}

// arrive ends the move, or what of it is about work alone, if the turn that is
// being filled brings the last of it.
func (f *feed) arrive() {
	if !f.moving() || !f.move.work.told(f.work.taken) {
		return
	}
	all := f.move.agents.told(f.agents.taken)
	for _, queue := range slices.Sorted(maps.Keys(f.move.queues)) {
		if !all && f.move.queues[queue] == whole {
			continue
		}
		if _, comes := f.scope[queue]; comes {
			f.complete(queue)
		}
		delete(f.move.queues, queue)
		f.queues.touch(queue)
	}
}
