// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func TestOfferable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.arrives("support")
	bob := engine.Pairing{Work: id, Agent: "bob"}
	if w.Offerable(bob) {
		t.Error("bob is offline")
	}
	w.present("bob")
	if !w.Offerable(bob) {
		t.Error("bob could have it")
	}
	for _, p := range []engine.Pairing{{Work: id + 1, Agent: "bob"}, {Work: id, Agent: "nobody"}, {}} {
		if w.Offerable(p) {
			t.Errorf("%+v is offerable", p)
		}
	}
	w.propose(id, "bob")
	if w.Offerable(bob) {
		t.Error("it is offered")
	}
}

// While somebody is preferred, others are not asked.
func TestOfferableToThePreferred(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("support", func(s *engine.WorkSpec) { s.PreferredAgent, s.PreferredFor = "ann", 20*second })
	if w.Offerable(engine.Pairing{Work: id, Agent: "bob"}) || !w.Offerable(engine.Pairing{Work: id, Agent: "ann"}) {
		t.Error("only ann is asked")
	}
	w.pass(20 * second)
	if !w.Offerable(engine.Pairing{Work: id, Agent: "bob"}) {
		t.Error("everybody is asked by now")
	}
}

// A search goes on where the one before ended, finds what there is, and begins
// anew once it has been through.
func TestFindOfferable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if found, next, tried := w.FindOfferable("nowhere", engine.Search{}, 9); found != (engine.Pairing{}) || next != (engine.Search{}) || tried != 0 {
		t.Errorf("%+v, %+v, %d", found, next, tried)
	}
	for range 3 {
		w.arrives("support")
	}
	members := 6 // of support
	var from engine.Search
	var found engine.Pairing
	tried := 0
	for range members * 3 / 2 {
		var n int
		found, from, n = w.FindOfferable("support", from, 2)
		if tried += n; found.Work != 0 {
			t.Fatalf("%+v could be offered, while nobody is there", found)
		}
	}
	if tried != members*3 || from != (engine.Search{}) {
		t.Errorf("%d pairs were tried, and it goes on from %+v", tried, from)
	}
	w.present("fay")
	for range members * 3 / 2 {
		if found, from, _ = w.FindOfferable("support", from, 2); found.Work != 0 {
			break
		}
	}
	if found.Agent != "fay" || !w.Offerable(found) {
		t.Errorf("found %+v", found)
	}
}
