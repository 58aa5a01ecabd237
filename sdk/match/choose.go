// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// What stands here is for those who choose agents in another way than the
// queue's model does. NextWork says what is to be decided and who could take
// it; Take, Hold and Release say what became of it. Next is the same with the
// choice made by the model. A turn uses one of both.

// Value sets a function by which work is ordered before everything else,
// highest first; work of the same value goes in pending order (see Before).
// It is asked when work comes onto the board or changes, so it may depend on
// the work's own row, attributes included, and on nothing else. Set it before
// the first turn; nil is the plain pending order.
func (x *Index) Value(value func(*route.Work) int64) { x.value = value }

func (x *Index) orderOf(work *route.Work) order {
	if x.value == nil {
		return orderOf(work, 0)
	}
	return orderOf(work, x.value(work))
}

// NextWork returns the first work in pending order that somebody can take now,
// and up to n of those who can, best first by the model of its queue. It
// returns nil when there is none, and what it last returned until Take or Hold
// has dealt with that.
//
// The cost is about that of Next for each agent returned; under the models
// most_skilled and weighted_random all who could take the work are looked at.
// The list is valid until the next call, the rows until the board's next Apply.
func (x *Index) NextWork(n int) (*route.Work, []*route.Agent) {
	if !x.fresh {
		x.prepare()
	}
	for {
		c := x.pop()
		if c == nil {
			x.seatAll()
			x.swept = true
			return nil, nil
		}
		if x.top(c, max(1, n)); len(x.tops) > 0 {
			x.current = c
			x.agents = x.agents[:0]
			for _, r := range x.tops {
				x.agents = append(x.agents, x.board.Agent(r.ref))
			}
			return x.board.Work(c.heap[0]), x.agents
		}
		x.sleep(c)
	}
}

// Take counts the work as taken by the agents, as Next does for what it yields:
// until a turn says what became of the proposals, or the work leaves the board.
// Of the list it counts those before the first who cannot take it (see CanTake),
// and no more than the queue offers its work to at once. It returns how many
// that are: so many are to be proposed. With 0 nothing has changed.
//
// The work must wait on the board and not be counted as taken already, else
// Take returns 0.
func (x *Index) Take(work *route.Work, agents ...*route.Agent) int {
	c, done := x.at(work)
	if c == nil {
		return 0
	}
	defer done()
	most := 1
	if !c.personal {
		most = max(1, int(c.queue.offerTo))
	}
	p, n := pending{seq: x.board.Seq()}, 0
	for _, agent := range agents {
		if n == most || !x.can(c, agent.Ref) || p.has(n, agent.Ref) {
			break
		}
		if made := x.claim(c, agent.Ref); n == 0 {
			p.first = made
		} else {
			p.more = append(p.more, made)
		}
		n++
	}
	if n > 0 {
		x.remove(work.Ref)
		x.unhold(work.Ref)
		x.prefers.drop(work.Ref)
		x.pending[work.Ref] = p
	}
	return n
}

// has reports whether one of the first n claims is on the agent.
func (p *pending) has(n int, agent uint32) bool {
	return n > 0 && (p.first.agent == agent || slices.ContainsFunc(p.more, func(c claim) bool { return c.agent == agent }))
}

// Hold passes the work over: NextWork does not return it again in this turn,
// nor in later ones until something about it changes, something about an agent
// changes who could take it, or the time until (Unix milliseconds; 0 for none)
// has come, which WakeAt takes into account.
func (x *Index) Hold(work *route.Work, until int64) {
	if x.pendingAt(work.Ref) {
		return
	}
	c, done := x.at(work)
	if c == nil {
		return
	}
	defer done()
	if at, ok := x.prefers.until[work.Ref]; ok && (until == 0 || at < until) {
		until = at
	}
	x.remove(work.Ref)
	x.prefers.set(work.Ref, until, until != 0)
	if it := &x.items[work.Ref]; !it.held {
		it.held = true
		x.holding++
		x.passed = append(x.passed, work.Ref)
	}
}

// unhold notes that the work is not held any more.
func (x *Index) unhold(ref uint32) {
	if it := &x.items[ref]; it.held {
		it.held = false
		x.holding--
	}
}

// Release undoes Take and Hold: the work waits as before, and NextWork returns
// it again in its turn.
func (x *Index) Release(work *route.Work) {
	x.setAside()
	x.swept = false
	if x.pendingAt(work.Ref) {
		x.release(work.Ref)
		x.reseat()
		x.fresh = false
		return
	}
	x.place(work.Ref)
}

// CanTake reports whether the agent can take the work now, what is counted as
// taken included. Work that is counted as taken itself can be taken by nobody.
func (x *Index) CanTake(work *route.Work, agent *route.Agent) bool {
	if x.pendingAt(work.Ref) {
		return false
	}
	c, done := x.at(work)
	if c == nil {
		return false
	}
	defer done()
	return x.can(c, agent.Ref)
}

func (x *Index) can(c *class, ref uint32) bool { return !c.queue.held && x.eligible(c, ref) }

// Takes returns how many milli-units of the agent's capacity the work takes.
func Takes(work *route.Work, agent *route.Agent) int32 {
	load := route.LoadOf(work, agent)
	return load.Takes()
}

func (x *Index) pendingAt(ref uint32) bool {
	_, taken := x.pending[ref]
	return taken
}

// at returns the class of the work, in which it need not stand, and what ends
// the use of it. nil if the work does not wait.
func (x *Index) at(work *route.Work) (c *class, done func()) {
	if !work.Waits() || x.pendingAt(work.Ref) || int64(work.Ref) >= int64(len(x.items)) {
		return nil, nil
	}
	if id := x.items[work.Ref].class; id != 0 {
		return x.classes[id-1], func() {}
	}
	c = x.classOf(work, false)
	return c, func() {
		if len(c.heap) == 0 && c.place == nowhere {
			x.disown(c)
		}
	}
}

// remove takes the work out of its class, if it is in one.
func (x *Index) remove(ref uint32) {
	it := &x.items[ref]
	if it.class == 0 {
		return
	}
	c := x.classes[it.class-1]
	if c == x.current && it.at == 0 {
		x.current = nil
		x.advance(c)
		return
	}
	x.setAside()
	x.pull(c, ref)
}

// resume decides about the work that was passed over, at the end of a turn's
// Apply. Once NextWork has come to an end it lies where changes find it; if
// agents have changed while it had not, nobody knows who has seen what, and all
// of it is looked at again.
func (x *Index) resume(changes bool) {
	swept := x.swept
	x.swept = false
	x.missed = x.holding > 0 && (x.missed || changes && !swept)
	if !swept {
		return
	}
	for _, ref := range x.passed {
		work := x.board.Work(ref)
		if !x.items[ref].held || work == nil {
			continue // something has become of it
		}
		x.unhold(ref)
		if x.missed {
			x.place(ref)
		} else {
			x.park(work)
		}
	}
	x.passed, x.missed = x.passed[:0], false
}

// park puts work that was held to sleep, though somebody could take it.
func (x *Index) park(work *route.Work) {
	c := x.classOf(work, true)
	o := x.orderOf(work)
	x.items[work.Ref] = item{order: o, class: c.id + 1}
	if len(c.heap) > 0 {
		x.lift(c)
		c.add(x.items, work.Ref)
		x.drop(c)
		return
	}
	c.add(x.items, work.Ref)
	c.place = isAsleep
	if c.shelf == nil || c.shelf.gone {
		c.shelf = x.shelfOf(c)
	}
	x.drop(c)
}
