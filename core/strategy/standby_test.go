// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"testing"
)

func attended(t *testing.T) (r *rig, first *actor) {
	t.Helper()
	r = newRig(t)
	first = &actor{play: greedy}
	r.actors["first"], r.actors["second"] = first, &actor{play: greedy}
	r.desk(Spec{Name: "first", Standby: true}, Spec{Name: "second"})
	r.start()
	r.present("ann", "bob")
	r.run()
	return r, first
}

// The standby takes over at once, with a snapshot, in the same millisecond; the
// next one is started meanwhile.
func TestStandby(t *testing.T) {
	t.Parallel()
	r, first := attended(t)
	if n := len(first.players); n != 2 || first.players[1].turns != 0 || first.players[1].epoch != 2 {
		t.Fatalf("%d instances, the second of epoch %d with %d turns", n, first.players[1].epoch, first.players[1].turns)
	}
	if s := r.status("first"); s.Standby != "ready" || s.Epoch != 1 {
		t.Fatalf("%+v", s)
	}
	first.play = script(fault(FaultDied, "gone"))
	id := r.arrives("main")
	r.once()
	r.is("first", Down)
	r.owned("main", "second")
	first.play = greedy
	at := r.now
	r.run()
	if r.now != at {
		t.Fatal("time has passed")
	}
	r.is("first", Active)
	if s := r.status("first"); s.Epoch != 2 || s.Counts.Restarts != 1 || s.Standby != "ready" {
		t.Fatalf("%+v", s)
	}
	r.recorded("first", "active: started", "down: strategy: died: gone", "probing: restarted", "active: answered 3 turns well")
	if heir := first.players[1]; !heir.kinds[0].Resets() || heir.closed != 0 || first.players[0].closed != 1 || len(first.players) != 3 {
		t.Fatalf("kinds %v, closed %d and %d, %d instances", heir.kinds, heir.closed, first.players[0].closed, len(first.players))
	}
	if x := r.standing(id); x.Decision.Strategy != "first" || x.Decision.Epoch != 2 {
		t.Fatalf("offered by %+v", x.Decision)
	}
}

// Who falls again before it was well is given time, standby or not.
func TestStandbyIsNotWasted(t *testing.T) {
	t.Parallel()
	r, first := attended(t)
	first.play = always(fault(FaultTrap, "unreachable"))
	r.arrives("main")
	r.run()
	r.is("first", Down)
	if s := r.status("first"); s.Epoch != 2 || s.Counts.Faults != 2 {
		t.Fatalf("%+v", s)
	}
	if at, ok := r.d.WakeAt(); !ok || at != r.now+2*backoffFirst {
		t.Fatalf("wakes at %d, %v; want %d", at, ok, r.now+2*backoffFirst)
	}
	first.play = greedy
	r.pass(2 * backoffFirst)
	r.is("first", Active)
}

// A standby that does not start is no fault of the one that decides.
func TestStandbyDoesNotStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.actors["first"] = &actor{play: greedy, begin: func(epoch uint64) error {
		if epoch == 2 {
			return fault(FaultStart, "no room")
		}
		return nil
	}}
	r.actors["second"] = &actor{play: greedy}
	r.desk(Spec{Name: "first", Standby: true}, Spec{Name: "second"})
	r.start()
	r.run()
	if s := r.status("first"); s.State != Active || s.Standby != "strategy: start: no room" || s.Counts.Faults != 0 {
		t.Fatalf("%+v", s)
	}
	r.actors["first"].begin = nil
	r.pass(standbyPause)
	if s := r.status("first"); s.Standby != "ready" {
		t.Fatalf("%+v", s)
	}
}

// A standby that comes when it is not wanted any more is closed, as all are in
// the end.
func TestStandbyComesTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := &actor{play: script(fault(FaultDied, "gone"))}
	r.actors["first"], r.actors["second"] = first, &actor{play: greedy}
	r.desk(Spec{Name: "first", Standby: true}, Spec{Name: "second"})
	r.start()
	r.present("ann")
	slow := r.d.Next(r.now)
	if slow == nil || !slow.standby {
		t.Fatal("no standby is started")
	}
	slow.Run(context.Background())
	for range 20 { // it falls, and starts anew without the standby
		r.once()
	}
	r.is("first", Active)
	if s := r.status("first"); s.Epoch != 2 || s.Standby != "starting" {
		t.Fatalf("%+v", s)
	}
	r.finish(slow)
	r.run()
	if late := first.players[1]; late.epoch != 2 || late.turns != 0 || late.closed != 1 {
		t.Fatalf("the late one: %+v", late)
	}
	if s := r.status("first"); s.Standby != "ready" {
		t.Fatalf("%+v", s)
	}
	r.d.Close(context.Background())
	for i, in := range first.players {
		if in.closed != 1 {
			t.Errorf("instance %d was closed %d times", i, in.closed)
		}
	}
}
