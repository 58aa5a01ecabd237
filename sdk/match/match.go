// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package match puts the work on a board into order and finds each the right
// agent, at a cost that follows what changed and not how much waits.
//
// An Index stands beside a route.Board. After each turn it follows the board's
// changes, and Next then yields pair after pair, exactly as this plain rule
// would: go through all waiting work in pending order (see Before); offer each
// to the best agent who is eligible (see route.Board.Eligible) by the model of
// its queue; count what earlier offers take.
//
// How it keeps the cost down:
//
//   - Work of which the same agents are eligible forms a class with one heap.
//     A class that found no agent sleeps on a shelf until an agent comes along
//     who may serve it. What nobody can take delays nobody.
//   - An agent who can take more looks only at the shelves of its own queues,
//     channels, sizes and skills; work for one agent alone has its own shelf.
//   - Agents stand in trees in the order of the queue's model, apart by
//     channels and free capacity, so that the best one with enough is found
//     without a look at those who are full.
//
// The package knows nothing of strategies' settings, of turns on the wire, or
// of the host. It reads no clock, draws no random numbers, and nothing depends
// on the order of a map: the same turns give the same pairs.
package match

import (
	"math"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Index finds the next pairs of work and agent on one board.
//
// What Next has yielded counts as taken, and the agent's capacity as used,
// until a turn says what became of the proposal or the work leaves the board.
//
// An Index is not safe for concurrent use.
type Index struct {
	board *route.Board
	now   int64

	items   []item   // by ref of work
	classes []*class // by id; nil where free
	spare   []uint32 // free ids in classes
	byKey   map[string]*class
	key     []byte // scratch
	awake   *set[*class]
	current *class // the class at hand in Next; it is awake, but not in the tree

	queues   map[uint32]*queue
	personal map[uint32]*shelf // by dictionary id of the agent

	benches []*bench // empty ones, to be used again
	seats   []seat   // by ref of agent
	byName  map[uint32]uint32
	holders map[uint32]int // agents who hold a skill
	touched []uint32       // agents out of their trees while a turn is applied
	dirty   []uint32       // agents who may be able to take more than before

	few     int      // see fewAgents
	tidy    int      // see tidyShelves
	session uint64   // counts calls of prepare
	fresh   bool     // prepare has run since the last turn
	active  []*shelf // shelves with agents who may be able to take more
	pivot   class    // scratch, to look up a place in a tree

	pending map[uint32]pending // by ref of work
	prefers preferences
}

// pending is a proposal of which it is not known yet what became of it.
type pending struct {
	seq      uint64
	size     int64
	agent    uint32
	agentGen uint32
}

// Match is a pair that Next yields.
type Match struct {
	// Work and Agent are the board's own rows, valid until its next Apply.
	Work  *route.Work
	Agent *route.Agent
	// Model is the one that picked the agent.
	Model route.Model
	// Score is what the model looked at, for people: the agent's used
	// milli-units before this offer (least active), the free ones (most
	// available), or for how many seconds it has been idle (longest idle).
	Score int32
}

// New returns an index of the board, which must be empty or be given a
// snapshot before the index is used.
func New(board *route.Board) *Index {
	x := &Index{board: board, few: fewAgents, tidy: tidyShelves}
	x.reset()
	return x
}

func (x *Index) reset() {
	*x = Index{
		board: x.board, items: x.items[:0], seats: x.seats[:0], key: x.key,
		byKey: map[string]*class{}, awake: newClassSet(),
		queues: map[uint32]*queue{}, personal: map[uint32]*shelf{},
		byName: map[uint32]uint32{}, holders: map[uint32]int{},
		pending: map[uint32]pending{}, prefers: newPreferences(),
		session: x.session, few: x.few, tidy: x.tidy,
	}
}

// Apply follows the board after it has taken the turn without an error. It
// must be called for every such turn, pages of snapshots included.
func (x *Index) Apply(turn *route.Turn) {
	changed := x.board.Changed()
	if changed.Reset {
		x.reset()
	}
	x.now, x.fresh = x.board.Now(), false
	if x.current != nil {
		x.wake(x.current)
		x.current = nil
	}
	for i := range turn.Settled {
		x.settle(&turn.Settled[i])
	}
	for _, ref := range changed.WorkGone {
		x.release(ref)
	}
	for _, refs := range [...][]uint32{changed.QueuesGone, changed.Queues} {
		for _, ref := range refs {
			x.remodel(ref)
		}
	}
	for _, refs := range [...][]uint32{changed.AgentsGone, changed.Agents} {
		for _, ref := range refs {
			x.touch(ref)
		}
	}
	x.reseat()
	for _, refs := range [...][]uint32{changed.WorkGone, changed.Work} {
		for _, ref := range refs {
			x.place(ref)
		}
	}
	for ref, ok := x.prefers.due(x.now); ok; ref, ok = x.prefers.due(x.now) {
		x.place(ref)
	}
}

// Next yields the next pair in pending order, and counts it as taken. It
// reports false when nothing that waits can be taken by anybody. A caller may
// stop earlier: after the next turn Next goes on where the plain rule would.
func (x *Index) Next() (Match, bool) {
	if !x.fresh {
		x.prepare()
	}
	for {
		c := x.pop()
		if c == nil {
			return Match{}, false
		}
		if s := c.candidateOf(x.session); s != nil {
			c.candidate = nil
			x.advance(s, &c.first)
		}
		ref, found := x.best(c)
		if !found {
			x.sleep(c)
			continue
		}
		return x.take(c, ref), true
	}
}

// WakeAt returns when the next turn is wanted even if nothing changes, because
// a preferred agent's time ends then: Unix milliseconds, 0 for never.
func (x *Index) WakeAt() int64 { return x.prefers.next() }

// pop returns the awake class whose first work is first in pending order, in no
// tree any more; nil if there is none.
func (x *Index) pop() *class {
	c := x.current
	x.current = nil
	next, ok := x.awake.Min()
	switch {
	case !ok:
	case c == nil:
		x.awake.Remove(next)
		c = next
	case next.first.compare(&c.first) < 0:
		x.awake.Remove(next)
		x.wake(c)
		c = next
	}
	if c != nil {
		c.place = nowhere
	}
	return c
}

// take pairs the first work of the class with the agent.
func (x *Index) take(c *class, agent uint32) Match {
	ref := c.heap[0]
	s := &x.seats[agent]
	m := Match{Work: x.board.Work(ref), Agent: x.board.Agent(agent), Model: c.queue.model}
	m.Score = s.score(m.Model, x.now)
	x.pending[ref] = pending{
		seq: x.board.Seq(), size: c.size, agent: agent, agentGen: s.gen,
	}
	x.unlist(agent)
	s.pendingUsed += c.size
	s.pendingOpen++
	s.pendingAt = x.now
	x.list(agent)
	x.prefers.drop(ref)
	x.items[ref].class = 0
	if c.remove(x.items, 0); len(c.heap) == 0 {
		x.disown(c)
	} else {
		c.first, x.current = x.spotOf(c), c
	}
	return m
}

// settle ends the pending proposal that the row speaks of. Whether the host
// took it or not, the board's rows say now what is so.
func (x *Index) settle(row *route.Settled) {
	if p, ok := x.pending[row.Work]; ok && p.seq == row.Seq && p.agent == row.Agent {
		x.release(row.Work)
	}
}

// release ends a pending proposal: the work and the agent are as the board
// shows them.
func (x *Index) release(ref uint32) {
	p, ok := x.pending[ref]
	if !ok {
		return
	}
	delete(x.pending, ref)
	if s := &x.seats[p.agent]; s.gen == p.agentGen {
		x.touch(p.agent)
		s.pendingUsed -= p.size
		s.pendingOpen--
	}
	x.place(ref)
}

// clamp returns v as an int32, or the nearest there is.
func clamp(v int64) int32 {
	return int32(max(math.MinInt32, min(math.MaxInt32, v)))
}
