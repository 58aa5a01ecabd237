// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
)

// An assignment was made of a turn if all that names the turn is the same; of a
// turn with the same numbers before the host was restarted it was not.
func TestOfferedBy(t *testing.T) {
	t.Parallel()
	w := &engine.Work{Assignments: []engine.Assignment{
		{ID: 7, Agent: "ann", OfferedAt: 1000, Decision: engine.Decision{Strategy: "vendor", Epoch: 1, Turn: 4}},
		{ID: 8, Agent: "bob", OfferedAt: 1000, Decision: engine.Decision{Strategy: "vendor/voice", Epoch: 1, Turn: 4}},
	}}
	for _, c := range []struct {
		agent, class string
		turn         feed.Turn
		want         engine.AssignmentID
	}{
		{"ann", "", feed.Turn{Epoch: 1, Number: 4, At: 999}, 7},
		{"ann", "", feed.Turn{Epoch: 1, Number: 4, At: 1000}, 7},
		{"ann", "", feed.Turn{Epoch: 1, Number: 4, At: 1001}, 0},
		{"ann", "", feed.Turn{Epoch: 2, Number: 4, At: 999}, 0},
		{"ann", "", feed.Turn{Epoch: 1, Number: 5, At: 999}, 0},
		{"ann", "voice", feed.Turn{Epoch: 1, Number: 4, At: 999}, 0},
		{"bob", "voice", feed.Turn{Epoch: 1, Number: 4, At: 999}, 8},
		{"bob", "", feed.Turn{Epoch: 1, Number: 4, At: 999}, 0},
	} {
		got := offeredBy(w, &feed.Result{Strategy: "vendor", Class: c.class, Turns: []feed.Turn{c.turn}}, c.agent)
		if got == nil && c.want != 0 || got != nil && got.ID != c.want {
			t.Errorf("%s of class %q in %+v: %+v, want %v", c.agent, c.class, c.turn, got, c.want)
		}
	}
	if offeredBy(nil, &feed.Result{}, "ann") != nil {
		t.Error("of work that is forgotten")
	}
}
