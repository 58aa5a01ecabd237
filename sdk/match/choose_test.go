// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestNextWorkEqualsNext holds that to take the best of each is the plain rule,
// over random boards.
func TestNextWorkEqualsNext(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		var board route.Board
		index := match.New(&board)
		index.SetSmall(draw(17), 1+draw(16), draw(33), 1+draw(16), draw(4))
		plain := routetest.Plain(0)
		host := routetest.NewHost()
		for range rapid.IntRange(1, 20).Draw(t, "turns") {
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				routetest.Walk(host, draw)
			}
			var want, got route.Reply
			for _, turn := range host.Turns() {
				want.Reset()
				got.Reset()
				if err := plain.Turn(turn, &want); err != nil {
					t.Fatal(err)
				}
				if err := board.Apply(turn); err != nil {
					t.Fatal(err)
				}
				index.Apply(turn)
				if turn.Kind.Asks() {
					takeAll(t, index, &got)
				}
			}
			for i := range want.Proposals {
				want.Proposals[i].Score, want.Proposals[i].Reason = 0, 0
			}
			if !slices.Equal(want.Proposals, got.Proposals) {
				t.Fatalf("turn %d:\nplain %+v\nindex %+v", host.Seq(), want.Proposals, got.Proposals)
			}
			for _, p := range got.Proposals {
				host.Settle(host.Seq(), p)
			}
		}
	})
}

// takeAll takes for each work as many of the best as the queue asks.
func takeAll(t *rapid.T, index *match.Index, reply *route.Reply) {
	for {
		work, agents := index.NextWork(8)
		if work == nil {
			return
		}
		n := index.Take(work, agents...)
		if n == 0 {
			t.Fatalf("work %d cannot be taken by its best candidate", work.Ref)
		}
		for i, agent := range agents[:n] {
			reply.Proposals = append(reply.Proposals, route.Proposal{
				Work: work.Ref, Revision: work.Revision, Agent: agent.Ref, Rank: uint16(i),
			})
		}
	}
}

// chooser takes, holds and releases as chance has it, and says whether the index
// keeps what it promises.
type chooser struct {
	board route.Board
	index *match.Index
	held  map[uint32]hold // by ref of work
	shown map[uint32]bool // in this turn
	draw  func(int) int
}

// hold is what is known of work that was held.
type hold struct{ gen, revision uint32 }

// TestHold holds the index against what NextWork, Take, Hold and Release
// promise, over random boards.
func TestHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &chooser{held: map[uint32]hold{}}
		c.draw = func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		c.index = match.New(&c.board)
		c.index.SetSmall(c.draw(17), 1+c.draw(16), c.draw(33), 1+c.draw(16), c.draw(4))
		host := routetest.NewHost()
		for range rapid.IntRange(1, 20).Draw(t, "turns") {
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				routetest.Walk(host, c.draw)
			}
			var taken []route.Proposal
			for _, turn := range host.Turns() {
				if err := c.board.Apply(turn); err != nil {
					t.Fatal(err)
				}
				c.index.Apply(turn)
				c.forget()
				if turn.Kind.Asks() {
					taken = c.sweep(t)
					c.complete(t)
				}
			}
			for _, p := range taken {
				host.Settle(host.Seq(), p)
			}
		}
	})
}

// forget forgets holds of work that is another, or has changed.
func (c *chooser) forget() {
	if c.board.Changed().Reset {
		clear(c.held)
	}
	for _, refs := range [...][]uint32{c.board.Changed().WorkGone, c.board.Changed().Work} {
		for _, ref := range refs {
			delete(c.held, ref)
		}
	}
}

func (c *chooser) sweep(t *rapid.T) (taken []route.Proposal) {
	c.shown = map[uint32]bool{}
	released := 0
	for range 10_000 {
		work, agents := c.index.NextWork(1000)
		if work == nil {
			return taken
		}
		if again, _ := c.index.NextWork(3); again != work {
			t.Fatalf("work %d was not dealt with, and %+v follows", work.Ref, again)
		}
		c.checkCandidates(t, work, agents)
		if c.shown[work.Ref] && released == 0 {
			t.Fatalf("work %d comes twice in a turn", work.Ref)
		}
		c.shown[work.Ref] = true
		switch c.draw(4) {
		case 0:
			c.index.Hold(work, 0)
			c.held[work.Ref] = hold{work.Gen, work.Revision}
		case 1: // take and give back, then hold
			if released < 5 {
				c.index.Take(work, agents[c.draw(len(agents))])
				c.index.Release(work)
				released++
				continue
			}
			fallthrough
		default:
			agent := agents[c.draw(len(agents))]
			if c.index.Take(work, agent) != 1 {
				t.Fatalf("work %d cannot be taken by agent %d", work.Ref, agent.Ref)
			}
			delete(c.held, work.Ref)
			taken = append(taken, route.Proposal{Work: work.Ref, Revision: work.Revision, Agent: agent.Ref})
		}
	}
	t.Fatal("NextWork does not come to an end")
	return nil
}

// checkCandidates says that the agents are just those who can take the work.
func (c *chooser) checkCandidates(t *rapid.T, work *route.Work, agents []*route.Agent) {
	preferred := work.Agent != 0 && work.Flags&route.WorkRequired == 0 && work.PreferredUntil > c.board.Now()
	for agent := range c.board.AllAgents() {
		can, listed := c.index.CanTake(work, agent), slices.Contains(agents, agent)
		if can != listed {
			t.Fatalf("work %d, agent %d: can take it: %v, listed: %v", work.Ref, agent.Ref, can, listed)
		}
		if v := c.board.Eligible(work, agent); can && v != route.VerdictNone {
			t.Fatalf("work %d: agent %d is %v", work.Ref, agent.Ref, v)
		}
		if preferred && can && agent.Name != work.Agent && !slices.Contains(c.board.Declined(work), work.Agent) {
			t.Fatalf("work %d goes to agent %d, and not to the preferred one", work.Ref, agent.Ref)
		}
	}
}

// complete says that what was not shown in this turn was not to be shown.
func (c *chooser) complete(t *rapid.T) {
	for work := range c.board.AllWork() {
		if c.shown[work.Ref] {
			continue
		}
		_, held := c.held[work.Ref]
		for agent := range c.board.AllAgents() {
			if !c.index.CanTake(work, agent) {
				continue
			}
			if !held {
				t.Fatalf("work %d was not shown, but agent %d can take it", work.Ref, agent.Ref)
			}
			if slices.Contains(c.board.Changed().Agents, agent.Ref) {
				t.Fatalf("work %d was held and not shown, though agent %d has changed, who can take it", work.Ref, agent.Ref)
			}
		}
	}
}

// TestHoldUntil holds that work comes again when its time has come, and that
// WakeAt says so.
func TestHoldUntil(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	host.Work("w").In("support").On("case").Size(1000)
	var board route.Board
	index := match.New(&board)
	turn := func() *route.Work {
		for _, turn := range host.Turns() {
			if err := board.Apply(turn); err != nil {
				t.Fatal(err)
			}
			index.Apply(turn)
		}
		work, _ := index.NextWork(1)
		return work
	}
	work := turn()
	index.Hold(work, board.Now()+500)
	if again, _ := index.NextWork(1); again != nil {
		t.Fatalf("held, and comes again: %+v", again)
	}
	if at := index.WakeAt(); at != board.Now()+500 {
		t.Errorf("wakes at %d, want %d", at, board.Now()+500)
	}
	host.Wait(499)
	if again := turn(); again != nil {
		t.Fatal("it comes before its time")
	}
	host.Wait(1)
	if again := turn(); again == nil {
		t.Fatal("it does not come at its time")
	}
}

// TestSweepGoesOn holds that a turn which stops half-way is gone on with in the
// next, and that nothing which was passed over misses an agent.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	for _, id := range []string{"a", "b", "c"} {
		host.Work(id).In("support").On("case").Size(1000)
	}
	var board route.Board
	index := match.New(&board)
	var seen []uint32
	turn := func(looks int) {
		host.Wait(1)
		for _, turn := range host.Turns() {
			if err := board.Apply(turn); err != nil {
				t.Fatal(err)
			}
			index.Apply(turn)
		}
		for range looks {
			work, _ := index.NextWork(1)
			if work == nil {
				return
			}
			seen = append(seen, work.Ref)
			index.Hold(work, 0)
		}
	}
	turn(2)
	if at := index.WakeAt(); at != board.Now() {
		t.Errorf("stopped half-way, and wakes at %d, not now (%d)", at, board.Now())
	}
	host.Agent("bert").In("support").On("case") // a and b have not seen him
	turn(9)
	if at := index.WakeAt(); at != board.Now() {
		t.Errorf("an agent came half-way, and the index wakes at %d, not now (%d)", at, board.Now())
	}
	turn(9)
	turn(9) // nothing is new
	if want := []uint32{0, 1, 2, 0, 1, 2}; !slices.Equal(seen, want) {
		t.Errorf("looked at %v, want %v", seen, want)
	}
	if at := index.WakeAt(); at != 0 {
		t.Errorf("nothing is new, and it wakes at %d", at)
	}
}

// TestValue holds that what is worth more comes first, and the pending order
// decides among equals.
func TestValue(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case").Capacity(9000)
	host.Work("old").In("support").On("case").Size(1000).Age(5000)
	host.Work("new").In("support").On("case").Size(1000)
	host.Work("gold").In("support").On("case").Size(1000).Priority(9, 0)
	var board route.Board
	index := match.New(&board)
	index.Value(func(work *route.Work) int64 { return int64(work.Priority) })
	for _, turn := range host.Turns() {
		if err := board.Apply(turn); err != nil {
			t.Fatal(err)
		}
		index.Apply(turn)
	}
	var order []uint32
	for m, ok := index.Next(); ok; m, ok = index.Next() {
		order = append(order, m.Work.Ref)
	}
	if want := []uint32{2, 0, 1}; !slices.Equal(order, want) {
		t.Errorf("work came in the order %v, want %v", order, want)
	}
}
