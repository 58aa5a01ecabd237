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
//     tiers, channels, sizes and skills; work for one agent alone has its own
//     shelf.
//   - Agents stand in trees in the order of the queue's model, apart by
//     channels, tier, and what they have room for, so that the best one with
//     room is found without a look at those who are full. Each skill that some
//     work requires has trees of its own; the work looks into those of the
//     rarest. Where that is long and fruitless, the whole set of skills gets
//     trees.
//
// The package knows nothing of strategies' settings, of turns on the wire, or
// of the host. It reads no clock, draws no random numbers but from the seed of
// the turn, and nothing depends on the order of a map: the same turns give the
// same pairs.
package match

import "github.com/patchbay-cx/patchbay/sdk/route"

// Index finds the next pairs of work and agent on one board.
//
// What Next has yielded counts as taken, and the agent's capacity as used,
// until a turn says what became of the proposal or the work leaves the board.
//
// An Index is not safe for concurrent use.
type Index struct {
	board *route.Board
	now   int64
	seed  uint64

	items    []item   // by ref of work
	classes  []*class // by id; nil where free
	spare    []uint32 // free ids in classes
	byKey    map[string]*class
	key      []byte       // scratch
	needs    []route.Need // scratch
	declined []uint32     // scratch
	awake    *set[*class]
	current  *class // the class at hand in Next; it is awake, but not in the tree

	queues   map[uint32]*queue
	everyone []*crowd          // those of queues that ask by skills, one for each model
	personal map[uint32]*shelf // by dictionary id of the agent
	demands  demands

	ranks    []rank       // scratch
	sets     []*set[rank] // empty ones, to be used again
	seats    []seat       // by ref of agent
	byName   map[uint32]uint32
	holders  map[uint32]*holders // by dictionary id of the skill
	touched  []uint32            // agents out of their trees while a turn is applied
	standing []uint32            // agents who are to take their places in trees
	dirty    []uint32            // agents who may be able to take more than before

	small   sizes
	session uint64    // counts calls of prepare
	fresh   bool      // prepare has run since the last turn
	open    []opening // a heap of the shelves with agents who may be able to take more
	hopeful int       // of those agents, how many still can
	pivot   class     // scratch, to look up a place in a tree

	pending map[uint32]pending // by ref of work
	nth     uint64             // counts what Next has yielded
	choice  uint64             // counts choices of several agents for one work
	several bool               // such a choice is being made
	chosen  []chosen           // scratch
	matches []Match            // of the work that Next yielded last
	yielded int                // how many of them Next has yielded
	prefers preferences

	value   func(*route.Work) int64 // see Value
	applied uint64                  // counts turns
	tops    []rank                  // scratch
	agents  []*route.Agent          // scratch
	passed  []uint32                // what was held since the last sweep of NextWork ended
	holding int                     // how much of it is still
	swept   bool                    // NextWork has found nothing more in this turn
	missed  bool                    // agents have changed since work was passed
}

// sizes are those at which an index goes about things in another way.
type sizes struct {
	few     int // see fewAgents
	tidy    int // see tidyShelves
	promote int // see promoteAfter
	sets    int // see manySets
	demands int // see manyDemands
}

// chosen is an agent who is to be proposed.
type chosen struct {
	agent uint32
	score int32
}

// Match is a pair that Next yields.
type Match struct {
	// Work and Agent are the board's own rows, valid until its next Apply.
	Work  *route.Work
	Agent *route.Agent
	// Model is the one that picked the agent; an unknown one counts as least
	// active.
	Model route.Model
	// Score is what the model looked at, for people: the agent's used
	// milli-units before this offer (least active), the free ones (most
	// available), for how many seconds it has been idle (longest idle) or
	// without a new assignment (round robin), the sum of its levels in
	// thousandths (most and least skilled), its weight (weighted random).
	Score int32
	// Rank is 0 for the best agent; further ones, if the queue offers its work
	// to several at once, follow in the next pairs.
	Rank uint16
	// More says that the next pair is of the same work. They belong into one
	// reply; what is not asked for before the next turn is given up.
	More bool
}

// Propose adds the pair to the reply, with the model as its reason.
func (m *Match) Propose(reply *route.Reply) {
	reply.Proposals = append(reply.Proposals, route.Proposal{
		Work: m.Work.Ref, Revision: m.Work.Revision, Agent: m.Agent.Ref,
		Score: m.Score, Reason: uint16(m.Model), Rank: m.Rank,
	})
}

// New returns an index of the board, which must be empty or be given a
// snapshot before the index is used.
func New(board *route.Board) *Index {
	x := &Index{board: board, small: sizes{fewAgents, tidyShelves, promoteAfter, manySets, manyDemands}}
	x.reset()
	return x
}

func (x *Index) reset() {
	*x = Index{
		board: x.board, items: x.items[:0], seats: x.seats[:0],
		key: x.key, needs: x.needs, declined: x.declined,
		chosen: x.chosen, matches: x.matches[:0], ranks: x.ranks, choice: x.choice,
		byKey: map[string]*class{}, awake: newClassSet(),
		queues: map[uint32]*queue{}, personal: map[uint32]*shelf{}, demands: newDemands(),
		byName: map[uint32]uint32{}, holders: map[uint32]*holders{},
		pending: map[uint32]pending{}, prefers: newPreferences(),
		session: x.session, small: x.small, nth: x.nth,
		value: x.value, applied: x.applied, tops: x.tops, agents: x.agents, passed: x.passed[:0],
	}
}

// Apply follows the board after it has taken the turn without an error. It
// must be called for every such turn, pages of snapshots included.
func (x *Index) Apply(turn *route.Turn) {
	changed := x.board.Changed()
	if changed.Reset {
		x.reset()
	}
	x.now, x.seed, x.fresh = x.board.Now(), turn.Seed, false
	x.applied++
	x.setAside()
	x.giveUp()
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
	for _, ref := range changed.Agents {
		x.seats[ref].news = x.applied
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
	x.resume(len(changed.Agents) > 0)
}

// Next yields the next pair in pending order, and counts it as taken. It
// reports false when nothing that waits can be taken by anybody. A caller may
// stop earlier: after the next turn Next goes on where the plain rule would.
func (x *Index) Next() (Match, bool) {
	if x.yielded < len(x.matches) {
		x.yielded++
		return x.matches[x.yielded-1], true
	}
	if !x.fresh {
		x.prepare()
	}
	for {
		c := x.pop()
		if c == nil {
			x.seatAll()
			return Match{}, false
		}
		if x.choose(c) {
			return x.take(c), true
		}
		x.sleep(c)
	}
}

// WakeAt returns when the next turn is wanted even if nothing changes: when a
// preferred agent's time ends, or that for which work is held; at once, if work
// was held and NextWork has not come to an end. Unix milliseconds, 0 for never.
func (x *Index) WakeAt() int64 {
	if x.holding > 0 && (!x.swept || x.missed) {
		return x.now
	}
	return x.prefers.next()
}

// pop returns the class whose first work is first in pending order of all that
// are awake and of those asleep that somebody may serve now. It is in no tree
// any more. nil if there is none.
func (x *Index) pop() *class {
	for {
		if x.hopeful == 0 {
			x.closeAll()
		}
		c := x.current
		next, ok := x.awake.Min()
		fromSet := ok && (c == nil || next.first.compare(&c.first) < 0)
		if fromSet {
			c = next
		}
		if len(x.open) > 0 && (c == nil || x.open[0].at.compare(&c.first) < 0) {
			if c = x.rouse(c); c == nil {
				continue
			}
			x.setAside()
		} else if fromSet {
			x.awake.Remove(c)
			x.setAside()
		}
		x.current = nil
		if c != nil {
			c.place = nowhere
		}
		return c
	}
}

// setAside puts the class at hand back among the awake ones.
func (x *Index) setAside() {
	if x.current != nil {
		x.wake(x.current)
		x.current = nil
	}
}

// choose puts the best agents for the first work of the class into x.chosen, as
// many as its queue asks at once, and reports whether there is any.
func (x *Index) choose(c *class) bool {
	x.chosen = x.chosen[:0]
	if x.several = c.queue.offerTo > 1 && !c.personal; x.several {
		x.choice++
	}
	for range max(1, int(c.queue.offerTo)) {
		ref, found := x.best(c)
		if !found {
			break
		}
		x.chosen = append(x.chosen, chosen{ref, x.score(c, ref)})
		if !x.several {
			break
		}
		x.seats[ref].choice = x.choice
	}
	x.several = false
	return len(x.chosen) > 0
}

// take pairs the first work of the class with those who are chosen.
func (x *Index) take(c *class) Match {
	ref := c.heap[0]
	p := pending{seq: x.board.Seq()}
	x.matches, x.yielded = x.matches[:0], 1
	for i, who := range x.chosen {
		m := Match{
			Work: x.board.Work(ref), Agent: x.board.Agent(who.agent), Model: c.crowd.model,
			Score: who.score, Rank: uint16(i), More: i+1 < len(x.chosen),
		}
		made := x.claim(c, who.agent)
		if i == 0 {
			p.first = made
		} else {
			p.more = append(p.more, made)
		}
		x.matches = append(x.matches, m)
	}
	x.pending[ref] = p
	x.prefers.drop(ref)
	x.advance(c)
	return x.matches[0]
}

// advance takes the first work out of the class, which stands in no set.
func (x *Index) advance(c *class) {
	x.items[c.heap[0]].class = 0
	if c.remove(x.items, 0); len(c.heap) == 0 {
		x.disown(c)
	} else if c.first = x.spotOf(c); x.spent(c) {
		x.sleep(c)
	} else {
		x.current = c
	}
}
