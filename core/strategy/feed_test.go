// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestPages: a snapshot of more rows than a turn holds comes in pages, and what
// happens in between is not lost, be it behind the walk or ahead of it.
func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ids := make([]engine.WorkID, 2*maxRows+100)
	for i := range ids {
		ids[i] = r.arrives("main")
	}
	r.present("bob")
	first, _ := r.pair()
	r.once()
	in := first.players[0]
	count := func(agents, work int) {
		t.Helper()
		if in.board.AgentCount() != agents || in.board.WorkCount() != work {
			t.Fatalf("%d agents and %d items on the board, want %d and %d", in.board.AgentCount(), in.board.WorkCount(), agents, work)
		}
	}
	count(1, maxRows-1)
	pending := func(want int) {
		t.Helper()
		f := r.d.named["first"].feed
		if got := f.work.pending() + f.agents.pending(); got != want {
			t.Fatalf("%d changes are pending, want %d", got, want)
		}
	}
	r.do(engine.CancelWork{Work: ids[0]})            // behind: to be taken off
	r.do(engine.CancelWork{Work: ids[2*maxRows]})    // ahead: never to be seen
	r.present("ann")                                 // behind: to be added
	r.do(engine.CancelWork{Work: r.arrives("main")}) // came and went
	late := r.arrives("main")                        // after all others
	pending(4)
	r.do(engine.SignOut{Agent: "bob"})
	pending(5)
	ahead := ids[2*maxRows+1]
	r.do(engine.Propose{Proposals: []engine.Proposal{{Work: ahead, Revision: 1, Agent: "ann"}}})
	if r.work(ahead).State != engine.Offered {
		t.Fatal("ann should have it")
	}
	pending(5)
	r.once()
	count(1, 2*maxRows-1) // pages take what is ahead first
	r.once()
	count(1, len(ids)-2+1)
	pending(0)
	same(t, "kinds", in.kinds, []route.Kind{route.KindSnapshotFirst, route.KindSnapshotMore, route.KindSnapshotLast})
	if in.board.Agent(0) != nil || in.board.Work(0) != nil || !in.board.Ready() {
		t.Fatal("bob and the first item should be gone")
	}
	latest := uint64(0)
	for w := range in.board.AllWork() {
		latest = max(latest, w.Sequence)
	}
	if latest != uint64(late) {
		t.Fatalf("the latest item is %d, want %v", latest, late)
	}
	if first.turns != 3 {
		t.Fatalf("%d turns", first.turns)
	}
}

// An agent who signs in behind the walk is not forgotten, one ahead of it not
// sent twice.
func TestAgentsInPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.present("bob")
	first, _ := r.pair()
	f := r.d.named["first"].feed
	f.rows = 1
	r.once()
	if f.walk.agent != "bob" || f.walk.agents {
		t.Fatalf("%+v", f.walk)
	}
	r.present("ann", "eve")
	if f.agents.pending() != 1 {
		t.Fatalf("%d agents are noted", f.agents.pending())
	}
	r.run()
	board := &first.players[0].board
	var names []string
	for a := range board.AllAgents() {
		names = append(names, board.Word(a.Name))
	}
	same(t, "agents", names, []string{"bob", "ann", "eve"})
}

// A snapshot ends however much changes meanwhile, and changes of agents do not
// crowd out those of work, nor the other way round.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var ids []engine.WorkID
	for range 40 {
		ids = append(ids, r.arrives("main"))
	}
	r.present("ann", "bob", "eve")
	first, _ := r.pair()
	f := r.d.named["first"].feed
	f.rows = 4
	load := func() { // more changes per turn than a turn holds
		for _, id := range ids {
			w := r.work(id)
			f.touchWork(id, w)
		}
		for _, name := range []string{"ann", "bob", "eve"} {
			a, _ := r.e.Agent(name)
			f.touchAgent(a)
		}
	}
	for !f.walk.work {
		load()
		r.once()
	}
	in := first.players[0]
	if want := (40 + 3 + 3) / 4; first.turns != want || in.board.WorkCount() != 40 || in.board.AgentCount() != 3 {
		t.Fatalf("%d turns, want %d; %d items, %d agents", first.turns, want, in.board.WorkCount(), in.board.AgentCount())
	}
	var turns []string
	first.play = func(_ *player, turn *route.Turn, _ *route.Reply) error {
		turns = append(turns, fmt.Sprintf("%d+%d", len(turn.Agents), len(turn.Work)))
		return nil
	}
	for range 4 {
		load()
		r.once()
	}
	same(t, "agents and work", turns, []string{"2+2", "2+2", "2+2", "2+2"})
}

// Pages look at so many agents and items, whether they are on the board or not.
func TestScan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 100 {
		r.arrives("other")
	}
	last := r.arrives("main")
	first, _ := r.pair()
	r.d.named["first"].feed.rows = 4
	r.run()
	in := first.players[0]
	same(t, "kinds", in.kinds, []route.Kind{
		route.KindSnapshotFirst, route.KindSnapshotMore, route.KindSnapshotMore, route.KindSnapshotLast,
	})
	if w := in.board.Work(0); w == nil || w.Sequence != uint64(last) {
		t.Fatalf("%+v", w)
	}
}

// A slot is used again under a higher generation, and the empty string needs no
// word.
func TestSlots(t *testing.T) {
	t.Parallel()
	r, first, _ := ready(t)
	old := r.arrives("main")
	r.run()
	r.do(engine.AbandonWork{Work: old})
	r.run()
	in := first.players[0]
	if in.board.Work(0) != nil {
		t.Fatal("it is still there")
	}
	r.arrives("main")
	r.run()
	if w := in.board.Work(0); w == nil || w.Gen != 1 || w.Sequence != uint64(old)+1 {
		t.Fatalf("%+v", w)
	}
	if id := r.d.named["first"].feed.word(new(route.Turn), ""); id != 0 {
		t.Fatalf("word %d", id)
	}
}

// Two attributes of one name in the settings are one.
func TestAttributeOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.desk(Spec{Name: "first", Attributes: []string{"b", "a", "b"}}, Spec{Name: "second"})
	r.start()
	r.do(engine.CreateWork{Spec: engine.WorkSpec{
		Channel: "chat", Queue: "main", Attributes: map[string]string{"a": "1", "b": "", "c": "3"},
	}})
	r.run()
	board := &r.actors["first"].players[0].board
	w := board.Work(0)
	if n := len(board.Attributes(w)); n != 2 {
		t.Fatalf("%d attributes", n)
	}
	for name, want := range map[string]string{"a": "1", "b": ""} {
		if got, ok := board.Attribute(w, name); !ok || got != want {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}
