// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"errors"
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// script answers turn after turn with the next of the given errors, and well
// once they have run out.
func script(errs ...error) func(*player, *route.Turn, *route.Reply) error {
	return func(*player, *route.Turn, *route.Reply) error {
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

// ready opens the workspace with ann and bob present and both strategies
// active and up to date.
func ready(t *testing.T) (r *rig, first, second *actor) {
	t.Helper()
	r = newRig(t)
	first, second = r.pair()
	r.present("ann", "bob")
	r.run()
	r.is("first", Active)
	r.is("second", Active)
	return r, first, second
}

func TestMissedDeadline(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	first.play = script(fault(FaultDeadline, "too slow"))
	id := r.arrives("main")
	if !r.once() {
		t.Fatal("there is no turn")
	}
	// Within the same Done.
	r.owned("main", "second")
	r.is("first", Probing)
	if first.players[0].closed > 0 {
		t.Fatal("the instance was not given its turn of grace")
	}
	second.play = greedy
	for range probeTurns {
		r.owned("main", "second")
		r.once()
	}
	r.owned("main", "first")
	r.is("first", Active)
	first.play = greedy
	r.run()
	r.recorded("first", "active: started", "probing: strategy: deadline: too slow", "active: answered 3 turns well")
	if by := r.standing(id).Decision; by.Strategy != "first" || by.Epoch != 1 || by.Reason != "because" || by.Score != 5 {
		t.Fatalf("offered by %+v", by)
	}
	if len(first.players) != 1 || first.players[0].closed > 0 {
		t.Fatal("the instance should have been kept")
	}
	r.pass(2 * strikeWindow)
	first.play = script(fault(FaultDeadline, "too slow"))
	r.arrives("main")
	r.run()
	if r.is("first", Active); len(first.players) != 1 {
		t.Fatal("it has earned another turn of grace")
	}
}

func TestMissedDeadlineTwice(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	late := fault(FaultDeadline, "too slow")
	first.play = script(late, nil, late, late) // the last one is the next instance's
	r.arrives("main")
	r.run()
	r.is("first", Down)
	r.owned("main", "second")
	if n := first.players[0].closed; n != 1 {
		t.Fatalf("the instance was closed %d times", n)
	}
	if s := r.status("first"); s.Epoch != 1 || s.Counts.Faults != 2 || s.Counts.LastFault != "strategy: deadline: too slow" {
		t.Fatalf("%+v", s)
	}
	at, ok := r.d.WakeAt()
	if !ok || at != r.now+backoffFirst {
		t.Fatalf("wakes at %d, %v; want the restart at %d", at, ok, r.now+backoffFirst)
	}
	r.pass(backoffFirst)
	r.is("first", Active)
	r.owned("main", "first")
	if s := r.status("first"); s.Epoch != 2 || s.Counts.Restarts != 1 {
		t.Fatalf("%+v", s)
	}
	r.recorded("first",
		"active: started", "probing: strategy: deadline: too slow", "down: strategy: deadline: too slow",
		"probing: restarted", "probing: strategy: deadline: too slow", "active: answered 3 turns well")
}

// A page answered in time is no proof: else who fails at the second page would
// be given grace for ever.
func TestMissedDeadlineInPages(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	r.d.named["first"].feed.rows = 2
	for range 9 {
		r.arrives("main")
	}
	first.play = func(_ *player, turn *route.Turn, _ *route.Reply) error {
		if turn.Kind == route.KindSnapshotMore || turn.Kind == route.KindDelta {
			return fault(FaultDeadline, "too slow")
		}
		return nil
	}
	r.run()
	r.is("first", Down)
	if n := r.status("first").Counts.Faults; n != 2 {
		t.Fatalf("%d faults", n)
	}
}

func TestSnapshotRefusedInPages(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	r.d.named["first"].feed.rows = 2
	for range 9 {
		r.arrives("main")
	}
	first.play = func(_ *player, turn *route.Turn, _ *route.Reply) error {
		if turn.Kind == route.KindSnapshotMore || turn.Kind == route.KindDelta {
			return route.ErrNeedSnapshot
		}
		return nil
	}
	r.run()
	r.is("first", Down)
	if s := r.status("first"); s.Counts.Resyncs != 4 || s.Counts.LastFault != "strategy: broken: asked for 4 snapshots in a row" {
		t.Fatalf("%+v", s.Counts)
	}
}

// TestFatal: whoever cannot go on is replaced in the same Done, restarted with
// a snapshot, and takes over again once it has proven itself.
func TestFatal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		why  string
	}{
		{"died", fault(FaultDied, "exit status 2"), "strategy: died: exit status 2"},
		{"trap", fault(FaultTrap, "unreachable"), "strategy: trap: unreachable"},
		{"memory", fault(FaultMemory, "wants 300 MiB"), "strategy: out_of_memory: wants 300 MiB"},
		{"broken", fault(FaultBroken, "oops"), "strategy: broken: oops"},
		{"no fault", errors.New("oops"), "strategy: broken: oops"},
		{"cut off", &Fault{Kind: FaultDeadline, Err: errors.New("cut off"), Gone: true}, "strategy: deadline: cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, first, second := ready(t)
			first.play, second.play = script(c.err), greedy
			id := r.arrives("main")
			r.once()
			r.is("first", Down)
			r.owned("main", "second")
			r.run()
			if by := r.standing(id).Decision.Strategy; by != "second" {
				t.Fatalf("offered by %q", by)
			}
			if first.players[0].closed != 1 {
				t.Fatalf("closed %d times", first.players[0].closed)
			}
			other := r.arrives("main")
			first.play = greedy
			r.pass(backoffFirst)
			r.is("first", Active)
			again := first.players[1]
			if again.epoch != 2 || !again.kinds[0].Resets() || again.closed > 0 {
				t.Fatalf("epoch %d, kinds %v, closed %d", again.epoch, again.kinds, again.closed)
			}
			if by := r.standing(other).Decision.Strategy; by != "second" {
				t.Fatalf("offered by %q", by)
			}
			r.recorded("first", "active: started", "down: "+c.why, "probing: restarted", "active: answered 3 turns well")
			r.do(engine.Accept{Assignment: r.standing(id).ID, Agent: r.standing(id).Agent})
			if heard := verdicts(again.heard); len(heard) > 0 {
				t.Fatalf("the new instance heard of what its forerunner proposed: %v", heard)
			}
			if first.players[0].closed != 1 {
				t.Fatalf("closed %d times", first.players[0].closed)
			}
		})
	}
}

// What a strategy proposes while it proves itself is not used, and it is told
// and asked again when it takes over, though nothing has happened since.
func TestProbing(t *testing.T) {
	t.Parallel()
	r, first, second := ready(t)
	first.play = script(fault(FaultDied, "gone"))
	id := r.arrives("main")
	r.once()
	first.play = func(in *player, turn *route.Turn, reply *route.Reply) error {
		if in.turns == 1 || len(turn.Settled) > 0 { // as sdk/match waits for its verdicts
			return greedy(in, turn, reply)
		}
		return nil
	}
	second.play = nil // the fallback leaves it to the first
	r.run()
	r.now += backoffFirst
	for range 1 + probeTurns {
		if state := r.work(id).State; state != engine.Waiting {
			t.Fatalf("%v while the strategy proves itself", state)
		}
		r.once()
	}
	r.owned("main", "first")
	r.run()
	again := first.players[1]
	same(t, "kinds", again.kinds[:probeTurns], []route.Kind{route.KindSnapshot, route.KindDelta, route.KindDelta})
	same(t, "heard", verdicts(again.heard)[:4], []string{
		"1 0/0 not_eligible", "2 0/0 not_eligible", "3 0/0 not_eligible", "4 0/0 accepted_by_host",
	})
	if by := r.standing(id).Decision; by.Strategy != "first" || by.Epoch != 2 || by.Turn != 4 {
		t.Fatalf("offered by %+v", by)
	}
	for i := range r.events {
		if r.events[i].Kind == engine.KindProposalRefused {
			t.Fatal("a probe is on record as a proposal")
		}
	}
}

// TestDropped: a reply that cannot be used is dropped whole and followed by a
// snapshot; the third within ten seconds opens the breaker.
func TestDropped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		play func(*player, *route.Turn, *route.Reply) error
		why  string
	}{
		{"rubbish", func(*player, *route.Turn, *route.Reply) error {
			return ReplyError(&route.FrameError{Offset: 3, Reason: "not a frame"})
		}, "strategy: rubbish: route: frame: at byte 3: not a frame"},
		{"other turn", func(_ *player, _ *route.Turn, reply *route.Reply) error {
			reply.Seq = 99
			return nil
		}, "strategy: wrong_turn: answered turn 99 of epoch 1 when asked turn %d of epoch 1"},
		{"other epoch", func(_ *player, _ *route.Turn, reply *route.Reply) error {
			reply.Epoch, reply.Seq = 0, 7
			return nil
		}, "strategy: wrong_turn: answered turn 7 of epoch 0 when asked turn %d of epoch 1"},
		{"too large", func(*player, *route.Turn, *route.Reply) error {
			return fault(FaultTooLarge, "reply of 2 MiB")
		}, "strategy: too_large: reply of 2 MiB"},
		{"too many", func(_ *player, _ *route.Turn, reply *route.Reply) error {
			reply.Proposals = append(reply.Proposals[:0], make([]route.Proposal, 5)...)
			return nil
		}, "strategy: too_large: made 5 proposals in one turn, 4 are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, first, _ := ready(t)
			r.d.named["first"].spec.Limits.ReplyProposals = 4
			why := func() string {
				if c.name == "other turn" || c.name == "other epoch" {
					return fmt.Sprintf(c.why, r.d.named["first"].seq)
				}
				return c.why
			}
			left := 1
			first.play = func(in *player, turn *route.Turn, reply *route.Reply) error {
				if left--; left < 0 {
					return nil
				}
				_ = greedy(in, turn, reply)
				return c.play(in, turn, reply)
			}
			id := r.arrives("main")
			r.once()
			r.is("first", Active)
			if got := r.status("first").Counts; got.LastFault != why() || got.Faults != 1 || got.Proposals != 0 {
				t.Fatalf("%+v, want the fault %q", got, why())
			}
			r.run()
			if kind := first.players[0].kinds[len(first.players[0].kinds)-1]; kind != route.KindSnapshot {
				t.Fatalf("a %v followed", kind)
			}
			if state := r.work(id).State; state != engine.Waiting {
				t.Fatalf("of a dropped reply, %v", state)
			}
			r.pass(strikeWindow) // exactly: still within
			left = 1
			r.arrives("main")
			r.run()
			r.is("first", Active)
			r.now++ // the first one is forgotten
			left = 1
			r.arrives("main")
			r.run()
			r.is("first", Active)
			left = 1
			r.arrives("main")
			r.run()
			r.is("first", Down)
			r.owned("main", "second")
			r.recorded("first", "active: started", "down: "+why())
			if first.players[0].closed != 1 {
				t.Fatalf("closed %d times", first.players[0].closed)
			}
		})
	}
}

// Strikes are an instance's own, and misses count too.
func TestStrikes(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	rubbish, late := fault(FaultRubbish, "?"), fault(FaultDeadline, "too slow")
	first.play = script(rubbish, rubbish, fault(FaultDied, "gone"))
	r.arrives("main")
	r.run()
	r.is("first", Down)
	first.play = script(rubbish, rubbish)
	r.pass(backoffFirst)
	r.is("first", Active)
	first.play = script(late)
	r.arrives("main")
	r.run()
	r.is("first", Down)
	first.play = script(rubbish, rubbish, rubbish)
	r.pass(2 * backoffFirst)
	r.is("first", Down)
	if s := r.status("first"); s.Epoch != 3 || s.Counts.LastFault != "strategy: rubbish: ?" {
		t.Fatalf("%+v", s)
	}
	r.pass(4 * backoffFirst)
	r.is("first", Active)
	first.play = script(rubbish, rubbish)
	r.arrives("main")
	r.pass(strikeWindow) // exactly: still within
	r.is("first", Active)
	first.play = script(rubbish)
	r.arrives("main")
	r.run()
	r.is("first", Down)
}

func TestNeedSnapshot(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	need := func(n int) {
		t.Helper()
		errs := make([]error, n)
		for i := range errs {
			errs[i] = route.ErrNeedSnapshot
		}
		first.play = script(errs...)
		r.arrives("main")
		r.run()
	}
	need(maxResyncs)
	r.is("first", Active)
	in := first.players[0]
	same(t, "kinds", in.kinds[len(in.kinds)-4:], []route.Kind{
		route.KindDelta, route.KindSnapshot, route.KindSnapshot, route.KindSnapshot,
	})
	need(maxResyncs) // not in a row with the former
	r.is("first", Active)
	if c := r.status("first").Counts; c.Resyncs != 6 || c.Faults != 0 {
		t.Fatalf("%+v", c)
	}
	need(maxResyncs + 1)
	r.is("first", Down)
	r.recorded("first", "active: started", "down: strategy: broken: asked for 4 snapshots in a row")
	snap := route.ErrNeedSnapshot
	first.play = script(snap, snap, fault(FaultDied, "gone"))
	r.pass(backoffFirst)
	r.is("first", Down)
	first.play = script(snap, snap, snap) // those of the former instance do not count
	r.pass(2 * backoffFirst)
	r.is("first", Active)
}

func TestDigestMismatch(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	wrong := 1
	first.play = func(in *player, turn *route.Turn, reply *route.Reply) error {
		_ = greedy(in, turn, reply)
		if wrong--; wrong >= 0 {
			reply.Digest++
		}
		return nil
	}
	id := r.arrives("main")
	r.once()
	if c := r.status("first").Counts; c.Resyncs != 1 || c.Proposals != 0 || c.Faults != 0 {
		t.Fatalf("%+v", c)
	}
	r.run()
	in := first.players[0]
	if kind := in.kinds[len(in.kinds)-2]; kind != route.KindSnapshot || r.work(id).State != engine.Offered {
		t.Fatalf("a %v followed, and the work is %v", kind, r.work(id).State)
	}
}

// A strategy that does not come up at the beginning is replaced from the first
// turn on, and takes over when it is well.
func TestStartFails(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"fault": fault(FaultStart, "checksum differs"), "no fault": errors.New("checksum differs"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.actors["first"] = &actor{play: greedy, begin: func(epoch uint64) error {
				if epoch < 3 {
					return err
				}
				return nil
			}}
			r.actors["second"] = &actor{play: greedy}
			r.desk(Spec{Name: "first"}, Spec{Name: "second"})
			r.present("ann")
			id := r.arrives("main")
			r.start()
			r.owned("main", "second")
			r.run()
			if by := r.standing(id).Decision.Strategy; by != "second" {
				t.Fatalf("offered by %q", by)
			}
			r.pass(backoffFirst)
			r.is("first", Down)
			r.pass(2 * backoffFirst)
			r.is("first", Active)
			r.owned("main", "first")
			why := "down: strategy: start: checksum differs"
			r.recorded("first", why, why, "probing: restarted", "active: answered 3 turns well")
		})
	}
}
