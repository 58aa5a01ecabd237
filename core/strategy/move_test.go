// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// crowded is a workspace of many agents, who all belong to both queues; main is
// first's and other is second's.
func crowded(t *testing.T, agents int) *rig {
	t.Helper()
	r := newRig(t, roomy, func(d *engine.Definition) {
		for i := range agents {
			d.Agents = append(d.Agents, engine.AgentDefinition{
				ID: fmt.Sprintf("many%03d", i), PresenceConfig: "standard", Queues: engine.Member("main", "other"),
			})
		}
	})
	r.actors["first"], r.actors["second"] = &actor{play: greedy}, &actor{play: greedy}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	r.start()
	for i := range agents {
		r.present(fmt.Sprintf("many%03d", i))
	}
	r.run()
	return r
}

// TestMove shows that a strategy that gets another queue goes on deciding for
// the one it has, a few rows at a time, while the former strategy does so for
// the other, up to the turn in which it has all of it; and that it gives a queue
// back in the same way.
func TestMove(t *testing.T) {
	t.Parallel()
	const agents = 5*moveRows + 7
	r := crowded(t, agents)
	second := r.actors["second"].players[0]
	before := len(second.kinds)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}, Reason: "swap"})
	moved := false
	for range 8 {
		ours, theirs := r.arrives("other"), r.arrives("main")
		for turns := second.turns; second.turns == turns; { // first comes first
			r.once()
		}
		if by := r.decidedBy(ours); by != "second" {
			t.Fatalf("%v in other was decided by %s", ours, by)
		}
		owner, _ := r.d.Owner("main")
		if by := r.decidedBy(theirs); !moved && by != "first" || moved && by != "second" {
			t.Fatalf("%v in main was decided by %s, and %s is its owner", theirs, by, owner)
		}
		moved = owner == "second"
		if q := second.queue("main"); q == nil || moved == (q.Flags&route.QueueHeld != 0) {
			t.Fatalf("main on second's board is %+v; second decides for it: %v", q, moved)
		}
	}
	if !moved || len(second.kinds) != before+8 || slices.ContainsFunc(second.kinds[before:], func(k route.Kind) bool { return k != route.KindDelta }) {
		t.Fatalf("second decides for main: %v; its turns: %v", moved, second.kinds[before:])
	}
	r.owned("main", "second")

	r.do(engine.Decide{Queue: "main", Reason: "back"})
	r.run()
	r.owned("main", "first")
	if second.queue("main") != nil || second.board.QueueCount() != 1 || second.board.AgentCount() != agents {
		t.Fatalf("second still sees %d queues and %d agents", second.board.QueueCount(), second.board.AgentCount())
	}
	for a := range second.board.AllAgents() {
		if members := second.board.Members(a); len(members) != 1 || second.board.Queue(members[0].Queue) == nil {
			t.Fatalf("%s is in %v", second.board.Word(a.Name), members)
		}
	}
	if kinds := second.kinds[before:]; slices.Contains(kinds, route.KindSnapshot) {
		t.Fatalf("its turns: %v", kinds)
	}
}

// queue returns what the board shows of a queue.
func (in *player) queue(name string) *route.Queue {
	for q := range in.board.AllQueues() {
		if in.board.Word(q.Name) == name {
			return q
		}
	}
	return nil
}

// TestMoveInHand shows that what is proposed for a queue that has just gone is
// stale, and nothing worse: no canary fails for it.
func TestMoveInHand(t *testing.T) {
	t.Parallel()
	r := crowded(t, 3)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}, Reason: "swap"})
	r.run()
	r.do(engine.SignOut{Agent: "many000"})
	id := r.arrives("main")
	job := r.d.Next(r.now)
	job.Run(context.Background())
	if len(job.post.reply.Proposals) != 1 || job.post.title() != "second" {
		t.Fatalf("%s proposed %v", job.post.title(), job.post.reply.Proposals)
	}
	second := r.d.named["second"]
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: &engine.Canary{Strategy: "second", Share: 1}}})
	for r.once() { // first gets its board, and decides
	}
	r.finish(job)
	r.run()
	if by := r.decidedBy(id); by != "first" || second.counts.Wrong != 0 {
		t.Fatalf("%v was decided by %s; second was wrong %d times", id, by, second.counts.Wrong)
	}
}

// TestMoveInterrupted shows that a strategy whose board begins anew while a queue
// comes decides for that queue in the end.
func TestMoveInterrupted(t *testing.T) {
	t.Parallel()
	r := crowded(t, 3*moveRows)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}, Reason: "swap"})
	r.once()
	second := r.d.named["second"]
	if !second.feed.moving() {
		t.Fatal("nothing comes")
	}
	r.actors["second"].play = func(*player, *route.Turn, *route.Reply) error { return route.ErrNeedSnapshot }
	r.once()
	r.actors["second"].play = greedy
	r.owned("main", "first")
	r.run()
	r.owned("main", "second")
}

// TestLull shows that what nothing waits for is told together, a little later,
// and at once when work comes.
func TestLull(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, _ := r.pair()
	r.d.Lull(20)
	r.run()
	turns := first.turns
	r.present("ann", "bob")
	r.run()
	if at, ok := r.d.WakeAt(); first.turns != turns || !ok || at != r.now+20 {
		t.Fatalf("%d turns, and awake at %v, %v", first.turns-turns, at-r.now, ok)
	}
	r.pass(20)
	if board := &first.players[0].board; first.turns != turns+1 || board.AgentCount() != 2 {
		t.Fatalf("%d turns, %d agents", first.turns-turns, board.AgentCount())
	}
	r.present("eve")
	r.run()
	r.arrives("main")
	r.run()
	if board := &first.players[0].board; first.turns != turns+2 || board.AgentCount() != 3 || board.WorkCount() != 1 {
		t.Fatalf("%d turns, %d agents, %d items", first.turns-turns, board.AgentCount(), board.WorkCount())
	}
}

// TestLend shows that an instance that was started to see whether it does takes
// over, and that nothing is started again for that.
func TestLend(t *testing.T) {
	t.Parallel()
	r, m := resting(t)
	spec := r.d.named["first"].spec
	of := &stamped{actor: r.actors["first"], stamp: "v1"}
	r.d.runtimes[spec.Runtime] = of
	spec.Source = "another"
	proven, err := Prove(t.Context(), of, spec)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := Prove(t.Context(), m, Spec{Name: "unknown"})
	if err != nil {
		t.Fatal(err)
	}
	started := len(of.players)
	if err := r.d.Engage([]Spec{spec, r.d.named["second"].spec, r.d.named["third"].spec}); err != nil {
		t.Fatal(err)
	}
	if err := r.d.EmployAnew(r.step); err != nil {
		t.Fatal(err)
	}
	if left := r.d.Lend(r.now, []*Proven{proven, unknown}); len(left) != 1 || left[0] != unknown || left[0].Close() != nil {
		t.Fatalf("left over: %v", left)
	}
	r.run()
	last := of.players[started-1]
	if p := r.d.named["first"]; p.spec.Source != "another" || p.state != Active || len(of.players) != started || last.turns == 0 || last.closed != 0 {
		t.Fatalf("%+v; %d were started, the last was given %d turns", p.spec, len(of.players)-started+1, last.turns)
	}
	of.begin = func(uint64) error { return fault(FaultStart, "no") }
	if _, err := Prove(t.Context(), of, spec); err == nil {
		t.Error("what does not start is proven")
	}
}
