// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// always fails every turn.
func always(err error) func(*player, *route.Turn, *route.Reply) error {
	return func(*player, *route.Turn, *route.Reply) error { return err }
}

// guarded opens the workspace with first in quarantine after three falls.
func guarded(t *testing.T) (r *rig, first *actor) {
	t.Helper()
	r = newRig(t)
	first = &actor{}
	r.actors["first"], r.actors["second"] = first, &actor{play: greedy}
	r.desk(Spec{Name: "first", QuarantineAfter: 3}, Spec{Name: "second"})
	r.start()
	r.present("ann", "bob")
	r.run()
	return r, first
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	r, first := guarded(t)
	first.play = always(fault(FaultTrap, "unreachable"))
	r.arrives("main")
	r.pass(10 * second)
	r.is("first", Quarantined)
	r.owned("main", "second")
	why := "strategy: trap: unreachable"
	r.recorded("first", "active: started", "down: "+why, "probing: restarted", "down: "+why, "probing: restarted",
		"quarantined: failed 3 times in a row; the last time: "+why)
	if n := len(first.players); n != 3 {
		t.Fatalf("%d starts", n)
	}
	r.pass(60 * minute)
	r.is("first", Quarantined)
	if n := len(first.players); n != 3 {
		t.Fatalf("%d starts: it was started in quarantine", n)
	}
	first.play = greedy
	if err := r.d.Release(r.now, "first", "admin root", r.step); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.is("first", Active)
	r.owned("main", "first")
	record := r.record("first")
	same(t, "record", record[len(record)-3:], []string{
		"down: released by admin root", "probing: restarted", "active: answered 3 turns well",
	})
	for name, want := range map[string]string{
		"first": `wrong_state: strategy: strategy "first" is active; only one that is quarantined can be released`,
		"third": `unknown_strategy: strategy: there is no strategy "third"`,
	} {
		if err := r.d.Release(r.now, name, "x", r.step); err == nil || err.Error() != want {
			t.Errorf("release of %s: %v, want %s", name, err, want)
		}
	}
}

// Falls that lie apart, each after the strategy was well, are never too many,
// and neither are starts that fail: they harm nobody.
func TestNoQuarantine(t *testing.T) {
	t.Parallel()
	r, first := guarded(t)
	for range 5 {
		first.play = script(fault(FaultDied, "gone"))
		r.arrives("main")
		r.pass(2 * minute)
		r.is("first", Active)
	}
	first.begin = func(uint64) error { return fault(FaultStart, "checksum differs") }
	first.play = script(fault(FaultDied, "gone"))
	r.arrives("main")
	r.pass(60 * minute)
	r.is("first", Down)
}

// stamped is an actor with a package that may change.
type stamped struct {
	*actor
	stamp string
}

// Stamp implements Stamper.
func (s *stamped) Stamp(Spec) string { return s.stamp }

// A strategy in quarantine is released when its file changes.
func TestQuarantineEndsWithTheFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := &stamped{actor: &actor{play: always(fault(FaultDied, "gone"))}, stamp: "one"}
	r.actors["second"] = &actor{play: greedy}
	d, err := NewDesk(r.e, []Spec{{Name: "first", Runtime: "stamped", QuarantineAfter: 2}, {Name: "second", Runtime: "plain"}},
		map[string]Runtime{"stamped": first, "plain": r.actors["second"]}, 42)
	if err != nil {
		t.Fatal(err)
	}
	r.d = d
	r.start()
	r.present("ann")
	r.arrives("main")
	r.pass(5 * minute)
	r.is("first", Quarantined)
	first.stamp, first.play = "two", greedy
	r.pass(lookEvery)
	r.is("first", Active)
	record := r.record("first")
	if got := record[len(record)-3]; got != "down: released: its file has changed" {
		t.Fatalf("%q in %v", got, record)
	}
}

func TestFileStamp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plugin")
	if got := FileStamp(path); got != "missing" {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	one := FileStamp(path)
	if err := os.WriteFile(path, []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if three := FileStamp(path); one == three || one != FileStamp(path)[:0]+one || !strings.HasPrefix(three, "5 ") {
		t.Errorf("%q, then %q", one, three)
	}
}

// The turn of which a strategy died twice is written down, once, and can be
// read again.
func TestFrameIsKept(t *testing.T) {
	t.Parallel()
	r, first := guarded(t)
	folder := filepath.Join(t.TempDir(), "post-mortem")
	r.d.KeepFrames(folder)
	first.play = func(in *player, turn *route.Turn, reply *route.Reply) error {
		if in.board.WorkCount() > 0 {
			return fault(FaultTrap, "unreachable")
		}
		return greedy(in, turn, reply)
	}
	r.d.named["second"].spec.MayExceed = false
	r.actors["second"].play = nil // the work stays, so that the board does
	r.arrives("main")
	r.pass(10 * second)
	r.is("first", Quarantined)
	files, err := filepath.Glob(filepath.Join(folder, "first-*.frame"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if kept := r.status("first").Kept; kept != files[0] {
		t.Errorf("the status names %q, not %q", kept, files[0])
	}
	frame, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var turn route.Turn
	if err := route.DecodeTurn(frame, &turn); err != nil || len(turn.Work) != 1 || turn.Kind != route.KindSnapshot || turn.Epoch < 2 {
		t.Errorf("%v: %+v", err, turn)
	}
	text, err := os.ReadFile(files[0] + ".txt")
	if err != nil || !strings.Contains(string(text), "Strategy first (scripted-first ") || !strings.Contains(string(text), "strategy: trap: unreachable") {
		t.Errorf("%v: %s", err, text)
	}
	if got := fileName("../a:b/c"); got != "_._a_b_c" {
		t.Errorf("a strategy's file is called %q", got)
	}
}

// Without a folder nothing is written, and different deaths are not the same.
func TestFrameIsNotKept(t *testing.T) {
	t.Parallel()
	r, first := guarded(t)
	folder := t.TempDir()
	r.d.KeepFrames(folder)
	first.play = script(fault(FaultTrap, "unreachable"))
	r.arrives("main")
	r.pass(minute)
	first.play = script(fault(FaultTrap, "unreachable"))
	r.arrives("main")
	r.pass(minute)
	if files, _ := filepath.Glob(filepath.Join(folder, "*")); len(files) > 0 || r.status("first").Kept != "" {
		t.Errorf("%v", files)
	}
	r.is("first", Active)
}

// A release is an input, and can be done again from the record.
func TestReleaseIsRecorded(t *testing.T) {
	t.Parallel()
	r, first := guarded(t)
	r.d.Record()
	first.play = always(fault(FaultDied, "gone"))
	r.arrives("main")
	r.pass(10 * second)
	if err := r.d.Release(r.now, "first", "root", r.step); err != nil {
		t.Fatal(err)
	}
	var record *engine.Event
	for i := range r.events {
		if ev := &r.events[i]; ev.Kind == engine.KindTurnTaken && ev.Turn.Task == engine.TaskRelease {
			record = ev
		}
	}
	if record == nil || record.Reason != "released by root" || record.Decision.Strategy != "first" {
		t.Fatalf("%+v", record)
	}
	r.run()
	r.pass(10 * second)
	r.is("first", Quarantined)
	if !r.d.Repeat(record, r.step) {
		t.Fatal("it cannot be done again")
	}
	r.is("first", Down)
	if r.d.Repeat(&engine.Event{Kind: engine.KindTurnTaken, Decision: record.Decision, Turn: &engine.Turn{Task: engine.TaskTurn}}, r.step) {
		t.Fatal("a turn is not done again by Repeat")
	}
}
