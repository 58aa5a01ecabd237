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
