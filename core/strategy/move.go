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
	// What comes, or goes as a whole: the slot from which agents are to be looked
	// at, and how far they and the work are told, through which the feed walks.
	agent  int
	agents telling
	work   telling
	// Other work of queues: the slot from which work is to be looked at, how far it
	// is told, and what of it is ahead.
	item   int
	others telling
	ahead  walk
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
// board, with the work in scope then, and has not gone since. It stays so over a
// restart, for a new instance answers before it is active.
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

// trust takes all that is in scope for answered, of who decides from the
// beginning.
func (f *feed) trust() {
	for queue := range f.scope {
		f.known[queue] = true
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
		m.queues, m.agents, m.work = make(map[string]change), telling{noted: true}, telling{noted: true}
	}
	largest, other := f.differ(former)
	until := f.engine.State().NextWork - 1
	m.item, m.others, m.ahead = 0, telling{}, walk{work: true, until: until}
	if largest == whole {
		m.agent, m.agents, m.work, f.walk = 0, telling{}, telling{}, walk{agents: true, work: true, until: until}
	} else if other {
		m.work, f.walk.item, f.walk.work, f.walk.until = telling{}, 0, false, until
	}
	for _, queue := range slices.Sorted(maps.Keys(m.queues)) {
		c := m.queues[queue]
		if _, comes := f.scope[queue]; comes {
			m.ahead.work = m.ahead.work && c != more
			if c == whole && largest == whole {
				f.walk.agents, f.walk.work = false, false
			}
		}
		if !f.queues.touch(queue) {
			f.queues.enter(queue)
		}
	}
}

// differ notes what becomes of queues that were in another scope, or are in this
// one. It returns the largest change, and whether other work is to come of a queue
// that is on its way.
func (f *feed) differ(former scope) (largest change, other bool) {
	note := func(queue string, c change) {
		other = other || c == more && f.move.queues[queue] == whole
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
	return largest, other
}

// proceed notes what of the move goes with the next turn: what of queues that
// stay goes or comes, and a few rows of what comes or goes as a whole. What is the
// strategy's already is not kept waiting.
func (f *feed) proceed() {
	m := &f.move
	looks, left := maxScan*f.rows, min(f.rows, moveRows)
	enter := func(w *engine.Work) { f.work.enter(w.ID) }
	if !m.others.noted {
		m.item, _ = f.work.sweep(m.item, f.rows, looks, func(id engine.WorkID) bool { // nobody is to propose it any more
			w, ok := f.engine.Work(id)
			return !ok || !f.hasWork(w)
		})
		f.walkWork(&m.ahead, f.rows, func(w *engine.Work) bool { return f.hasWork(w) && m.queues[w.Queue] == more }, enter)
		m.others = telling{noted: m.item >= len(f.work.slots) && m.ahead.work, last: f.work.noted()}
	}
	if !m.agents.noted {
		var noted int
		m.agent, noted = f.agents.sweep(m.agent, left, looks, f.strayed)
		left -= noted
		if m.agent >= len(f.agents.slots) {
			left -= f.walkAgents(left, func(a *engine.Agent) { f.agents.enter(a.ID) })
			m.agent = len(f.agents.slots) // those who have just come have not strayed
		}
		m.agents = telling{noted: m.agent >= len(f.agents.slots) && f.walk.agents, last: f.agents.noted()}
	}
	if !m.work.noted && f.walk.agents {
		f.walkWork(&f.walk, left, f.hasWork, enter)
		m.work = telling{noted: f.walk.work, last: f.work.noted()}
	}
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

// arrive ends the move, or what of it is about queues that stay, if the turn that
// is being filled brings the last of it.
func (f *feed) arrive() {
	m := &f.move
	if !f.moving() || !m.others.told(f.work.taken) {
		return
	}
	all := m.agents.told(f.agents.taken) && m.work.told(f.work.taken)
	for _, queue := range slices.Sorted(maps.Keys(m.queues)) {
		if !all && m.queues[queue] == whole {
			continue
		}
		if _, comes := f.scope[queue]; comes {
			f.complete(queue)
		}
		delete(m.queues, queue)
		f.queues.touch(queue)
	}
}
