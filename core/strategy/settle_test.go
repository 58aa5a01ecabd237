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

// at proposes the pairs of refs once, each work with its revision on the board.
func at(pairs ...route.Proposal) func(*player, *route.Turn, *route.Reply) error {
	return func(in *player, _ *route.Turn, reply *route.Reply) error {
		for _, p := range pairs {
			if w := in.board.Work(p.Work); w != nil && p.Revision == 0 {
				p.Revision = w.Revision
			}
			reply.Proposals = append(reply.Proposals, p)
		}
		pairs = nil
		return nil
	}
}

// TestVerdicts: what is wrong is refused with its reason, the rest stands. On
// the board of first, ann is agent 0 and bob agent 1.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	a, b, c := r.arrives("main"), r.arrives("main"), r.arrives("main")
	first.play = at(
		route.Proposal{Work: 99, Agent: 0},
		route.Proposal{Work: 0, Agent: 99},
		route.Proposal{Work: 1<<32 - 1, Agent: 1<<32 - 1},
		route.Proposal{Work: 0, Agent: 0, Revision: 9},
		route.Proposal{Work: 0, Agent: 0, Score: -3, Reason: 7},
		route.Proposal{Work: 0, Agent: 1}, // twice
		route.Proposal{Work: 1, Agent: 99, Rank: 0},
		route.Proposal{Work: 1, Agent: 1, Rank: 1, Reason: 8},
		route.Proposal{Work: 1, Agent: 0, Rank: 2}, // passed over: rank 1 held
		route.Proposal{Work: 2, Agent: 0},
	)
	from := len(r.events)
	r.run()
	same(t, "heard", verdicts(first.players[0].heard), []string{
		"2 99/0 unknown_work", "2 0/99 unknown_agent", "2 4294967295/4294967295 unknown_work", "2 0/0 stale",
		"2 0/0 accepted_by_host", "2 0/1 already_assigned", "2 1/99 unknown_agent", "2 1/1 accepted_by_host",
		"2 1/0 already_assigned", "2 2/0 accepted_by_host",
	})
	for i, want := range []struct {
		agent, reason string
		score         int32
	}{{"ann", "because", -3}, {"bob", "", 0}, {"ann", "", 0}} {
		x := r.standing([]engine.WorkID{a, b, c}[i])
		if x.Agent != want.agent || x.Decision.Reason != want.reason || x.Decision.Score != want.score || x.Decision.Version != "1.2.3" {
			t.Errorf("%d: %+v, want %+v", i, x, want)
		}
	}
	var record []string
	for i := from; i < len(r.events); i++ {
		if ev := &r.events[i]; ev.Kind == engine.KindProposalRefused {
			record = append(record, fmt.Sprintf("%v %s %v", ev.Work, ev.Agent, ev.Verdict))
		}
	}
	same(t, "on record", record, []string{
		"w0 ann unknown_work", "w1  unknown_agent", "w0  unknown_work", "w1 ann stale", "w1 bob already_assigned", "w2  unknown_agent",
	})
	if n := r.status("first").Counts; n.Proposals != 10 || n.Offers != 3 || n.Refusals != 7 {
		t.Errorf("%+v", n)
	}
	r.is("first", Active)
}

// The verdict row repeats what the proposal named, and says when.
func TestSettledRow(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	id := r.arrives("main")
	first.play = at(route.Proposal{Work: 0, Agent: 1})
	r.run()
	r.now += 700
	r.do(engine.Accept{Assignment: r.standing(id).ID, Agent: "bob"})
	r.run()
	offered := route.Settled{Seq: 2, Work: 0, Revision: 1, Agent: 1, Verdict: route.VerdictAcceptedByHost, At: int64(begin)}
	accepted := offered
	accepted.Verdict, accepted.At = route.VerdictAccepted, int64(begin+700)
	same(t, "heard", first.players[0].heard, []route.Settled{offered, accepted})
	if n := len(r.d.named["first"].feed.offers); n != 0 {
		t.Fatalf("%d offers await an outcome that has come", n)
	}
}

// What happens to work while a turn is under way: it may have changed, ended,
// or ended so long ago that the engine has forgotten it.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *engine.Definition) { d.KeepClosedItems = 1 })
	first, _ := r.pair()
	r.present("ann")
	var ids []engine.WorkID
	for range 3 {
		ids = append(ids, r.arrives("main"))
	}
	first.play = at(route.Proposal{Work: 0}, route.Proposal{Work: 1}, route.Proposal{Work: 2})
	job := r.d.Next(r.now)
	job.Run(context.Background())
	r.do(engine.CancelWork{Work: ids[0]})
	r.do(engine.CancelWork{Work: ids[1]})
	r.do(engine.SignOut{Agent: "ann"})
	if _, kept := r.e.Work(ids[0]); kept {
		t.Fatal("the engine should have forgotten")
	}
	r.finish(job)
	r.run()
	in := first.players[0]
	same(t, "heard", verdicts(in.heard), []string{"1 0/0 gone", "1 1/0 gone", "1 2/0 agent_unavailable"})
	if in.board.WorkCount() != 1 || in.board.AgentCount() != 0 {
		t.Fatalf("the board shows %d items and %d agents", in.board.WorkCount(), in.board.AgentCount())
	}
}

// Many items may end in one command, and the engine may forget some of them
// before their events are heard of. They leave the board all the same.
func TestForgottenAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *engine.Definition) { d.KeepClosedItems = 1 })
	first, _ := r.pair()
	for range 5 {
		r.do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "main", ExpiresAt: begin + 1000}})
	}
	r.run()
	board := &first.players[0].board
	if board.WorkCount() != 5 {
		t.Fatalf("the board shows %d items", board.WorkCount())
	}
	r.pass(1000)
	if board.WorkCount() != 0 {
		t.Fatalf("the board shows %d items that have ended", board.WorkCount())
	}
}

// TestOutcomes: the strategy that made an offer hears how it came out.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	answer := func(r *rig, id engine.WorkID) (engine.AssignmentID, string) {
		x := r.standing(id)
		return x.ID, x.Agent
	}
	for _, c := range []struct {
		name string
		do   func(r *rig, id engine.WorkID)
		want string
	}{
		{"accepted", func(r *rig, id engine.WorkID) {
			x, agent := answer(r, id)
			r.do(engine.Accept{Assignment: x, Agent: agent})
			r.run()
			r.do(engine.Complete{Assignment: x, Agent: agent})
		}, "accepted"},
		{"requeued when open", func(r *rig, id engine.WorkID) {
			x, agent := answer(r, id)
			r.do(engine.Accept{Assignment: x, Agent: agent})
			r.run()
			r.do(engine.RequeueWork{Work: id})
		}, "accepted"},
		{"declined", func(r *rig, id engine.WorkID) {
			x, agent := answer(r, id)
			r.do(engine.Decline{Assignment: x, Agent: agent})
		}, "declined"},
		{"timed out", func(r *rig, _ engine.WorkID) { r.pass(20 * second) }, "timed_out"},
		{"cancelled", func(r *rig, id engine.WorkID) { r.do(engine.CancelWork{Work: id}) }, "withdrawn"},
		{"abandoned", func(r *rig, id engine.WorkID) { r.do(engine.AbandonWork{Work: id}) }, "withdrawn"},
		{"expired", func(r *rig, _ engine.WorkID) { r.pass(5 * second) }, "withdrawn"},
		{"requeued", func(r *rig, id engine.WorkID) { r.do(engine.RequeueWork{Work: id}) }, "withdrawn"},
		{"signed out", func(r *rig, _ engine.WorkID) { r.do(engine.SignOut{Agent: "ann"}) }, "unavailable"},
		{"connection lost", func(r *rig, _ engine.WorkID) {
			r.do(engine.Disconnect{Agent: "ann"})
			r.pass(15 * second)
		}, "unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, first, _ := ready(t)
			first.play = at(route.Proposal{Work: 0, Agent: 0})
			spec := engine.WorkSpec{Channel: "chat", Queue: "main"}
			if c.name == "expired" {
				spec.ExpiresAt = r.now + 5*second
			}
			id := r.do(engine.CreateWork{Spec: spec}).Work
			r.run()
			same(t, "heard", verdicts(first.players[0].heard), []string{"2 0/0 accepted_by_host"})
			c.do(r, id)
			r.run()
			same(t, "heard", verdicts(first.players[0].heard), []string{"2 0/0 accepted_by_host", "2 0/0 " + c.want})
			r.pass(minute)
			if n := len(first.players[0].heard); n != 2 {
				t.Fatalf("heard more: %v", verdicts(first.players[0].heard))
			}
			if n := len(r.d.named["first"].feed.offers); n != 0 {
				t.Fatalf("%d offers await an outcome that has come", n)
			}
		})
	}
}

// An offer that is accepted in the same moment has an outcome too.
func TestAcceptedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, _ := r.pair()
	r.present("eve")
	first.play = greedy
	a, b := r.arrives("main"), r.arrives("main")
	r.run()
	if r.work(a).State != engine.Open || r.work(b).State != engine.Open {
		t.Fatal("eve accepts at once")
	}
	heard := verdicts(first.players[0].heard)
	slices.Sort(heard)
	same(t, "heard", heard, []string{"1 0/0 accepted", "1 0/0 accepted_by_host", "2 1/0 accepted", "2 1/0 accepted_by_host"})
	if n := len(r.d.named["first"].feed.offers); n != 0 {
		t.Fatalf("%d offers await an outcome that has come", n)
	}
}

// A new board knows nothing of what was proposed on the former one.
func TestSnapshotForgets(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	first.play = at(route.Proposal{Work: 0, Agent: 0})
	id := r.arrives("main")
	r.once() // the verdict is to be told in the next turn
	d := centre()
	d.Queues[0].Within = 0
	r.do(engine.Configure{Definition: d})
	r.run()
	r.do(engine.Accept{Assignment: r.standing(id).ID, Agent: "ann"})
	r.run()
	if heard := verdicts(first.players[0].heard); len(heard) > 0 {
		t.Fatalf("heard %v", heard)
	}
}
