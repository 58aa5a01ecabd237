// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// restless is an actor whose instances can ask for turns, and name reasons of
// their own.
type restless struct {
	*actor
	wake func()
}

type restlessPlayer struct {
	Instance
	of *restless
}

func (r *restless) Start(ctx context.Context, spec Spec, epoch uint64) (Instance, route.Manifest, error) {
	in, manifest, err := r.actor.Start(ctx, spec, epoch)
	return &restlessPlayer{in, r}, manifest, err
}

func (p *restlessPlayer) OnWake(wake func()) { p.of.wake = wake }
func (p *restlessPlayer) Reason(code uint16) string {
	return map[uint16]string{9: "a word of its own"}[code]
}

// A strategy that asks for a turn gets one, though nothing has changed and its
// last proposal was refused a moment ago; what it asks while a turn is under way
// brings the next one.
func TestWake(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asks := &restless{}
	offer := false
	r.desk(Spec{Name: "first", Runtime: "test"}, Spec{Name: "second", Runtime: "test"})
	asks.actor = r.actors["first"]
	asks.play = func(in *player, _ *route.Turn, reply *route.Reply) error {
		for work := range in.board.AllWork() {
			for agent := range in.board.Candidates(work) {
				if offer {
					reply.Propose(work, agent, 1, 9)
				}
				break
			}
		}
		return nil
	}
	r.d.named["first"].runtime = asks
	var woken []uint32
	r.d.OnWake(func(post uint32) { woken = append(woken, post) })
	r.start()
	r.present("ann")
	id := r.arrives("main")
	r.run()
	turns := asks.turns
	if r.run(); asks.turns != turns || r.work(id).State != engine.Waiting {
		t.Fatalf("%d turns, then %d; the work is %v", turns, asks.turns, r.work(id).State)
	}
	offer = true
	asks.wake()
	if len(woken) != 1 {
		t.Fatalf("told of %v", woken)
	}
	r.d.Wake(woken[0])
	r.d.Wake(12345) // nobody
	r.run()
	if asks.turns != turns+2 { // the second brings what became of it
		t.Errorf("%d turns, want %d", asks.turns, turns+2)
	}
	if x := r.standing(id); x == nil || x.Decision.Reason != "a word of its own" {
		t.Errorf("%+v", x)
	}
}

// A strategy to which no queue is left is given the turn that it asks for, too:
// whoever waits for what becomes of a proposal learns that it comes to nothing.
func TestWakeWithoutQueues(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *engine.Definition) { d.Queues[1].Routing = "normal" }) // second only stands in
	asks := &restless{}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	asks.actor = r.actors["second"]
	r.d.named["second"].runtime = asks
	r.d.OnWake(r.d.Wake)
	r.start()
	r.run()
	turns := asks.turns
	asks.wake()
	r.run()
	if asks.turns != turns+1 {
		t.Errorf("%d turns, then %d", turns, asks.turns)
	}
}

// Played again, a turn that was asked for is given, though nothing has changed.
func TestWakeAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, _ := r.pair()
	r.run()
	turns := first.turns
	job := r.d.Again(context.Background(), &engine.Event{
		At: r.now, Decision: &engine.Decision{Epoch: 1}, Turn: &engine.Turn{Task: engine.TaskTurn, Post: r.d.named["first"].number},
	})
	if job == nil {
		t.Fatal("there is no such turn")
	}
	job.Run(context.Background())
	r.finish(job)
	if first.turns != turns+1 {
		t.Errorf("%d turns, then %d", turns, first.turns)
	}
}

// pestered is a desk whose strategy "first" asks for turns as often as it can.
func pestered(t tb) (r *rig, asks *restless, pester func()) {
	t.Helper()
	r, asks = newRig(t), &restless{}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"})
	asks.actor = r.actors["first"]
	r.d.named["first"].runtime = asks
	r.d.OnWake(r.d.Wake)
	r.start()
	r.run()
	return r, asks, func() {
		for range 10 {
			asks.wake()
			r.run()
		}
		r.now++
		r.do(engine.Tick{})
		r.run()
	}
}

// A strategy that asks for turns all the time gets some at once and then 100 a
// second; what it asked for last is not forgotten, and after a rest it is heard
// at once.
func TestWakeIsPaced(t *testing.T) {
	t.Parallel()
	r, asks, pester := pestered(t)
	asked := func(span engine.Time) int {
		before := asks.turns
		for end := r.now + span; r.now < end; {
			pester()
		}
		return asks.turns - before
	}
	if n := asked(1); n < 2 || n > callsAtOnce {
		t.Errorf("%d turns in the first millisecond", n)
	}
	asked(second)
	if n := asked(10 * second); n != int(10*second/callPause) {
		t.Errorf("%d turns in ten seconds", n)
	}
	turns := asks.turns
	r.pass(minute)
	if asks.turns != turns+1 {
		t.Errorf("%d turns for what was asked last", asks.turns-turns)
	}
	if n := asked(1); n < 2 {
		t.Errorf("%d turns after a rest", n)
	}
}

// Who asks all the time is told of what changes at once all the same, and a call
// of which an offer comes does not count.
func TestWakeDoesNotHoldUp(t *testing.T) {
	t.Parallel()
	r, asks, pester := pestered(t)
	r.present("ann", "bob", "cid", "eve")
	for range 1000 {
		pester()
	}
	asks.play = greedy
	for range 100 {
		id := r.arrives("main")
		r.run()
		x := r.standing(id)
		if x == nil {
			t.Fatalf("%v is not offered at once", id)
		}
		r.do(engine.Accept{Assignment: x.ID, Agent: x.Agent})
		r.do(engine.Complete{Assignment: x.ID, Agent: x.Agent})
		turns := asks.turns
		asks.wake()
		r.run()
		if asks.turns == turns {
			t.Fatal("after an offer it is not heard at once")
		}
		r.now++
		r.do(engine.Tick{})
	}
}
