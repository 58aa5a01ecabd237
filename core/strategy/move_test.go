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
// first's, other is second's, and third is whoever's fallback it is made.
func crowded(t *testing.T, agents int, edits ...func(*engine.Definition)) *rig {
	t.Helper()
	r := newRig(t, append(edits, roomy, func(d *engine.Definition) {
		for i := range agents {
			d.Agents = append(d.Agents, engine.AgentDefinition{
				ID: fmt.Sprintf("many%03d", i), PresenceConfig: "standard", Queues: engine.Member("main", "other"),
			})
		}
	})...)
	for _, name := range []string{"first", "second", "third"} {
		r.actors[name] = &actor{play: greedy}
	}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"}, Spec{Name: "third"})
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
// stale, and nothing worse.
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
	same(t, "heard", verdicts(r.actors["second"].players[0].heard), []string{"3 0/1 stale"})
}

// TestCanaryOfLessInHand shows that no canary fails for what it proposed while it
// was given less of the work.
func TestCanaryOfLessInHand(t *testing.T) {
	t.Parallel()
	const agents = 30
	r := crowded(t, agents)
	canary := func(share uint16) {
		r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: &engine.Canary{Strategy: "second", Share: share}}})
	}
	status := func(status string) {
		for i := range agents {
			r.do(engine.SetStatus{Agent: fmt.Sprintf("many%03d", i), Status: status})
		}
	}
	canary(5000)
	r.run()
	status("break")
	for range 2 * agents {
		r.arrives("main")
	}
	r.run()
	status("online")
	job := r.jobOf("second")
	canary(500)
	r.finish(job)
	if trial := r.d.Trials()[0]; len(job.post.reply.Proposals) >= agents/2 || trial.Canary.Proposals == 0 || trial.Canary.Refusals != 0 {
		t.Fatalf("%d proposals were for use; its record is %+v", len(job.post.reply.Proposals), trial.Canary)
	}
	r.d.Guard(r.step)
	if trials := r.d.Trials(); len(trials) != 1 {
		t.Fatalf("the trial has ended: %v", r.changes())
	}
}

// jobOf runs jobs up to one of the strategy, which is under way then.
func (r *rig) jobOf(strategy string) *Job {
	r.Helper()
	for job := r.d.Next(r.now); job != nil; job = r.d.Next(r.now) {
		job.Run(context.Background())
		if job.post.title() == strategy {
			return job
		}
		r.finish(job)
	}
	r.Fatalf("%s has nothing to do", strategy)
	return nil
}

// TestMoveFails shows that the former strategy has the queue back for good if the
// one that takes over dies of its first turns with it, whatever happens meanwhile.
func TestMoveFails(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(r *rig){
		"in the middle": func(r *rig) { r.once() },
		"after its board began anew": func(r *rig) {
			r.once()
			d := *r.e.Definition()
			d.Skills = []string{"art", "law", "tea"}
			r.do(engine.Configure{Definition: d})
			r.finish(r.jobOf("first"))
		},
		"in its last turn, while somebody else is put in charge elsewhere": func(r *rig) {
			for range 2 {
				r.finish(r.jobOf("second"))
			}
			r.actors["second"].play = dying
			job := r.jobOf("second")
			r.do(engine.Decide{Queue: "other", To: engine.Deciders{Shadow: "first"}})
			r.owned("main", "first")
			r.finish(job)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := crowded(t, 2*moveRows+1, func(d *engine.Definition) {
				for i := range d.RoutingConfigs {
					d.RoutingConfigs[i].Fallback = "third"
				}
			})
			r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}})
			meanwhile(r)
			r.owned("main", "first")
			r.actors["second"].play = dying
			id := r.arrives("main")
			r.run()
			r.owned("main", "first")
			if queue, _ := routed(r.e.Definition(), "main"); queue.Deciders.Strategy != "" || r.decidedBy(id) != "first" {
				t.Fatalf("%q is to decide, and %s did", queue.Deciders.Strategy, r.decidedBy(id))
			}
		})
	}
}

// TestPressedFails shows that the former strategy has the queue back although the
// one that was to take over had to, before all of it was there, and died of that.
func TestPressedFails(t *testing.T) {
	t.Parallel()
	r := crowded(t, 2*moveRows+1, func(d *engine.Definition) {
		for i := range d.RoutingConfigs {
			d.RoutingConfigs[i].Fallback = ""
		}
	})
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}})
	r.finish(r.jobOf("second"))
	r.actors["first"].play = dying
	r.arrives("main")
	r.finish(r.jobOf("first"))
	r.owned("main", "second")
	r.actors["first"].play, r.actors["second"].play = greedy, dying
	r.finish(r.jobOf("second"))
	if queue, _ := routed(r.e.Definition(), "main"); queue.Deciders.Strategy != "" {
		t.Fatalf("%q is to decide", queue.Deciders.Strategy)
	}
	r.pass(minute)
	r.owned("main", "first")
}

func dying(*player, *route.Turn, *route.Reply) error { return fault(FaultDied, "boom") }

// TestMoveOfWork shows that a strategy that gets the rest of a queue's work
// decides for none of it before it has seen the most urgent.
func TestMoveOfWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.actors["first"], r.actors["second"] = &actor{}, &actor{}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	r.d.named["second"].feed.rows = 8
	r.start()
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: &engine.Canary{Strategy: "second", Share: 100}}})
	r.run()
	for range 40 {
		r.arrives("main")
	}
	urgent := r.do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "main", Priority: new(int32)}}).Work
	r.present("bob")
	r.run()
	r.actors["second"].play = func(in *player, _ *route.Turn, reply *route.Reply) error {
		var best *route.Work
		for w := range in.board.AllWork() {
			if w.State == route.WorkWaiting && (best == nil || w.Priority < best.Priority) {
				best = w
			}
		}
		for a := range in.board.Candidates(best) {
			reply.Propose(best, a, 5, 7)
		}
		return nil
	}
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}})
	second := r.actors["second"].players[0]
	if r.owned("main", "second"); second.board.WorkCount() > 8 {
		t.Fatalf("it has %d items already", second.board.WorkCount())
	}
	for range 100 {
		r.once()
		if w := r.work(urgent); w.State == engine.Offered {
			return
		}
		r.e.EachWork(0, func(w *engine.Work) bool {
			if w.State == engine.Offered {
				t.Fatalf("%v was offered before %v, with %d items on the board", w.ID, urgent, second.board.WorkCount())
			}
			return true
		})
	}
	t.Fatal("nothing is offered")
}

// TestOutcomeAfterMove shows that a strategy hears what became of its offers
// though the queue is not its own any more, or is again.
func TestOutcomeAfterMove(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"gone": false, "gone and back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := crowded(t, 2*moveRows)
			r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}})
			r.run()
			id := r.arrives("main")
			r.run()
			second := r.actors["second"].players[0]
			before := len(second.heard)
			r.do(engine.Decide{Queue: "main"})
			for owner := "second"; owner != "first"; owner, _ = r.d.Owner("main") {
				r.once()
			}
			offer := r.standing(id)
			r.do(engine.Accept{Assignment: offer.ID, Agent: offer.Agent})
			if back {
				r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}})
			}
			r.run()
			if len(second.heard) != before+1 || second.heard[before].Verdict != route.VerdictAccepted || len(r.d.named["second"].feed.offers) != 0 {
				t.Fatalf("it heard %v; %d offers are left", verdicts(second.heard[before:]), len(r.d.named["second"].feed.offers))
			}
		})
	}
}

// TestMoveAmongChanges shows that a queue comes though shares of others change all
// the time.
func TestMoveAmongChanges(t *testing.T) {
	t.Parallel()
	r := crowded(t, 5*moveRows)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}})
	for i := range 12 {
		r.finish(r.jobOf("second"))
		r.do(engine.Decide{Queue: "other", To: engine.Deciders{Canary: &engine.Canary{Strategy: "first", Share: uint16(1 + i%2)}}})
	}
	r.owned("main", "second")
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

// TestNoLullForOffers shows that work that may be offered to more agents than it
// is waits for nothing either.
func TestNoLullForOffers(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *engine.Definition) { d.Queues[0].OfferTo = 2 })
	r.actors["first"], r.actors["second"] = &actor{play: greedy}, &actor{}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	r.start()
	r.d.Lull(20)
	r.present("bob")
	r.run()
	r.pass(30)
	r.arrives("main")
	r.run()
	r.pass(30)
	turns := r.actors["first"].turns
	r.present("ann")
	r.run()
	if r.actors["first"].turns == turns {
		t.Fatal("it is not told at once who came")
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
