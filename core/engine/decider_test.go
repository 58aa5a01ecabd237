// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"errors"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// A canary's share of the work is what was asked for, whatever way ids are given
// out.
func TestCanaryTakesItsShare(t *testing.T) {
	t.Parallel()
	const ids = 100_000
	for _, share := range []uint16{1, 100, 1000, 5000, 9999, engine.WholeShare} {
		for _, stride := range []uint64{1, 2, 10, 1024} {
			canary, taken := engine.Canary{Share: share}, 0
			for i := range uint64(ids) {
				id := engine.WorkID(1 + i*stride)
				if canary.Takes(id) {
					taken++
				}
			}
			want := ids * int(share) / engine.WholeShare
			if slack := 5 + want/20 + 100; taken < want-slack || taken > want+slack {
				t.Errorf("a share of %d of every %dth item: %d of %d taken", share, stride, taken, ids)
			}
		}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	version := w.Config()
	before := w.Definition()
	to := engine.Deciders{Strategy: "vip", Canary: &engine.Canary{Strategy: "skills", Share: 1000, Guards: []string{"error_rate < 1%"}}}
	ev := w.did(engine.Decide{Queue: "support", To: to, Reason: "trial"}, engine.KindDecidersChanged)[0]
	if ev.Config != version+1 || w.Config() != version+1 {
		t.Errorf("version %d became %d, the event says %d", version, w.Config(), ev.Config)
	}
	to.Canary.Guards[0] = "changed afterwards"
	if got := deciders(w.Definition()); got.Strategy != "vip" || got.Canary.Guards[0] != "error_rate < 1%" {
		t.Errorf("in force: %+v", got)
	}
	if got := deciders(w.Definition()); got.Before == "" || got.Before == "vip" {
		t.Errorf("vip decides after %q", got.Before)
	}
	if former := deciders(before); former.Strategy != "" {
		t.Errorf("the former definition was changed: %+v", former)
	}
	if result := w.do(engine.Decide{Queue: "support", To: deciders(w.Definition())}); len(result.Events) != 0 {
		t.Errorf("nothing new was put on record: %+v", result.Events)
	}
}

func deciders(d *engine.Definition) engine.Deciders {
	for i := range d.Queues {
		if d.Queues[i].Name == "support" {
			return d.Queues[i].Deciders
		}
	}
	return engine.Deciders{}
}

func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		command engine.Decide
		code    engine.Code
		field   string
	}{
		{engine.Decide{Queue: "nowhere"}, engine.CodeUnknownQueue, "queue"},
		{engine.Decide{Queue: "support", To: engine.Deciders{Canary: &engine.Canary{Share: 1}}}, engine.CodeInvalid, "to.canary.strategy"},
		{engine.Decide{Queue: "support", To: engine.Deciders{Canary: &engine.Canary{Strategy: "a"}}}, engine.CodeInvalid, "to.canary.percent"},
		{engine.Decide{Queue: "support", To: engine.Deciders{Canary: &engine.Canary{Strategy: "a", Share: 10_001}}}, engine.CodeInvalid, "to.canary.percent"},
	} {
		_, err := w.Step(w.Now(), c.command)
		if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || refusal.Code != c.code || refusal.Field != c.field {
			t.Errorf("%+v: %v", c.command, err)
		}
	}
}
