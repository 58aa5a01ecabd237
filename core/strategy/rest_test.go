// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// mortal starts instances that may end while nobody asks them anything, from a
// package with a stamp.
type mortal struct {
	stamped
	dead bool
}

// Start implements Runtime.
func (m *mortal) Start(ctx context.Context, spec Spec, epoch uint64) (Instance, route.Manifest, error) {
	in, manifest, err := m.stamped.Start(ctx, spec, epoch)
	return &mortalPlayer{Instance: in, of: m}, manifest, err
}

type mortalPlayer struct {
	Instance
	of *mortal
}

// Alive implements Mortal.
func (p *mortalPlayer) Alive() bool { return !p.of.dead }

// resting has "third", which is started from a package, decide for main and then
// rest, because first does again.
func resting(t *testing.T) (*rig, *mortal) {
	t.Helper()
	r := newRig(t)
	m := &mortal{stamped: stamped{actor: &actor{play: greedy}, stamp: "v1"}}
	r.actors["first"], r.actors["second"], r.actors["third"] = &actor{play: greedy}, &actor{play: greedy}, m.actor
	r.desk(Spec{Name: "first"}, Spec{Name: "second"}, Spec{Name: "third"})
	r.d.runtimes["scripted-third"] = m
	r.d.named["third"].runtime = m
	r.start()
	r.present("ann", "bob")
	r.swaps("third")
	r.swaps("first")
	r.is("third", Idle)
	if s := r.status("third"); s.Standby != "resting" || s.Epoch != 1 || m.players[0].closed != 0 {
		t.Fatalf("%+v, closed %d", s, m.players[0].closed)
	}
	return r, m
}

// swaps has a strategy decide for main.
func (r *rig) swaps(name string) {
	r.Helper()
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: name}, Reason: "swap"})
	r.run()
	r.owned("main", name)
}

// TestRest shows that what was swapped away rests, and goes on without a start.
func TestRest(t *testing.T) {
	t.Parallel()
	r, m := resting(t)
	r.pass(restMost - 1)
	turns := m.players[0].turns
	r.swaps("third")
	id := r.arrives("main")
	r.run()
	if by := r.decidedBy(id); by != "third" {
		t.Errorf("%v was decided by %s", id, by)
	}
	if s := r.status("third"); len(m.players) != 1 || s.Epoch != 2 || s.Standby != "" {
		t.Fatalf("%d instances, %+v", len(m.players), s)
	}
	if kinds := m.players[0].kinds; !kinds[turns].Resets() {
		t.Errorf("after it has rested it is given a turn of kind %v first", kinds[turns])
	}
	if x := r.standing(id); x.Decision.Epoch != 2 {
		t.Errorf("offered by %+v", x.Decision)
	}
}

// TestRestEnds shows that an instance rests for a minute at most, and no longer
// than anybody could need it.
func TestRestEnds(t *testing.T) {
	t.Parallel()
	t.Run("in time", func(t *testing.T) {
		t.Parallel()
		r, m := resting(t)
		if at, ok := r.d.WakeAt(); !ok || at != r.now+restMost {
			t.Fatalf("wakes at %d, %v", at-r.now, ok)
		}
		r.pass(restMost)
		if m.players[0].closed != 1 || r.status("third").Standby != "" {
			t.Fatalf("closed %d times, %+v", m.players[0].closed, r.status("third"))
		}
		r.swaps("third")
		if len(m.players) != 2 || m.players[1].epoch != 2 {
			t.Errorf("%d instances", len(m.players))
		}
	})
	t.Run("not listed", func(t *testing.T) {
		t.Parallel()
		r, m := resting(t)
		if err := r.d.Engage(r.d.specs[:2]); err != nil {
			t.Fatal(err)
		}
		r.run()
		if m.players[0].closed != 1 || len(r.d.posts) != 2 {
			t.Errorf("closed %d times, %d posts", m.players[0].closed, len(r.d.posts))
		}
	})
	t.Run("another spec", func(t *testing.T) {
		t.Parallel()
		r, m := resting(t)
		specs := append([]Spec(nil), r.d.specs...)
		specs[2].Settings = []byte(`{"x":1}`)
		if err := r.d.Engage(specs); err != nil {
			t.Fatal(err)
		}
		r.run()
		if m.players[0].closed != 1 {
			t.Errorf("closed %d times", m.players[0].closed)
		}
	})
	t.Run("with the host", func(t *testing.T) {
		t.Parallel()
		r, m := resting(t)
		r.d.Close(t.Context())
		if m.players[0].closed != 1 {
			t.Errorf("closed %d times", m.players[0].closed)
		}
	})
}

// TestRestIsNotTrusted shows that what is not what would be started now, or does
// not run any more, is started anew, and that this is no failure.
func TestRestIsNotTrusted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mortal){
		"another package": func(m *mortal) { m.stamp = "v2" },
		"it has died":     func(m *mortal) { m.dead = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, m := resting(t)
			change(m)
			r.swaps("third")
			if s := r.status("third"); len(m.players) != 2 || m.players[0].closed != 1 || s.Epoch != 2 || s.Counts.Faults != 0 {
				t.Errorf("%d instances, the first closed %d times, %+v", len(m.players), m.players[0].closed, s)
			}
		})
	}
}

// TestOnlyTheWellRest shows that who was late lately is started anew.
func TestOnlyTheWellRest(t *testing.T) {
	t.Parallel()
	r, m := resting(t)
	r.swaps("third")
	m.play = script(fault(FaultDeadline, "late"))
	r.arrives("main")
	r.once()
	m.play = greedy
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "first"}, Reason: "swap"})
	r.run()
	r.is("third", Idle)
	if m.players[0].closed != 1 || r.status("third").Standby != "" {
		t.Errorf("closed %d times, %+v", m.players[0].closed, r.status("third"))
	}
}
