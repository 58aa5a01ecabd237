// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import "github.com/patchbay-cx/patchbay/core/engine"

// walk is how far a board has come with what it takes from the engine: through
// the agents in order of ids, and through the work there was when it began.
// Turns look for their rows as they are filled, so that beginning takes no time.
// What is still ahead in a snapshot need not be noted when it changes.
type walk struct {
	agent  string        // the last one looked at
	agents bool          // all are behind
	item   engine.WorkID // the last one looked at
	until  engine.WorkID // the last one there was
	work   bool          // all is behind
}

// walkAgents takes up to limit of the agents that are still ahead, and returns
// how many it took: those who belong on the board and are not there.
func (f *feed) walkAgents(limit int, take func(*engine.Agent)) (taken int) {
	if f.walk.agents {
		return 0
	}
	seen := 0
	f.walk.agents = true
	f.engine.EachAgent(f.walk.agent, func(a *engine.Agent) bool {
		if taken == limit || seen == maxScan*f.rows {
			f.walk.agents = false
			return false
		}
		seen++
		f.walk.agent = a.ID
		if _, there := f.agents.refs[a.ID]; !there && f.hasAgent(a) {
			take(a)
			taken++
		}
		return true
	})
	return taken
}

// walkWork does the same for work that belongs on the board, on a walk of its own
// if need be.
func (f *feed) walkWork(at *walk, limit int, belongs func(*engine.Work) bool, take func(*engine.Work)) (taken int) {
	if at.work {
		return 0
	}
	seen := 0
	at.work = true
	f.engine.EachCurrent(at.item, func(w *engine.Work) bool {
		switch {
		case w.ID > at.until:
			return false
		case taken == limit || seen == maxScan*f.rows:
			at.work = false
			return false
		}
		seen++
		at.item = w.ID
		if _, there := f.work.refs[w.ID]; !there && belongs(w) {
			take(w)
			taken++
		}
		return true
	})
	return taken
}
