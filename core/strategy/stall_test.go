// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func watched(t *testing.T, replace bool) (r *rig, first, second *actor) {
	t.Helper()
	r = newRig(t, func(d *engine.Definition) {
		d.RoutingConfigs[0].StallAfter, d.RoutingConfigs[0].StallFallback = 10*sec, replace
	})
	first, second = r.pair()
	r.present("ann")
	r.run()
	return r, first, second
}

const sec = engine.Time(1000)

func TestStallIsShown(t *testing.T) {
	t.Parallel()
	r, first, _ := watched(t, false)
	id := r.arrives("main")
	r.pass(10 * sec)
	if s := r.status("first"); s.Counts.Stalls != 0 || s.Stalled != "" {
		t.Fatalf("too early: %+v", s)
	}
	r.pass(2 * sec)
	want := `made no offer from queue "main" for 10s, though w1 could go to ann`
	if s := r.status("first"); s.State != Active || s.Counts.Stalls != 1 || s.Counts.Faults != 0 || s.Stalled != want {
		t.Fatalf("%+v", s)
	}
	r.recorded("first", "active: started", "active: stalled: "+want)
	r.pass(10 * sec)
	if s := r.status("first"); s.Counts.Stalls != 2 || len(r.record("first")) != 2 {
		t.Fatalf("%+v, %v", s, r.record("first"))
	}
	first.play = greedy
	r.arrives("main") // is reason for a turn
	r.run()
	if s := r.status("first"); s.Stalled != "" {
		t.Fatalf("%+v", s)
	}
	if x := r.standing(id); x.Decision.Strategy != "first" {
		t.Fatalf("%+v", x.Decision)
	}
}

func TestStallIsReplaced(t *testing.T) {
	t.Parallel()
	r, _, other := watched(t, true)
	other.play = greedy
	id := r.arrives("main")
	r.pass(12 * sec)
	if x := r.standing(id); x.Decision.Strategy != "second" {
		t.Fatalf("%+v", x.Decision)
	}
	record := r.record("first")
	if len(record) < 2 || !strings.HasPrefix(record[1], `down: strategy: stalled: made no offer from queue "main"`) {
		t.Fatalf("%v", record)
	}
}

// Nothing that could be offered is no stall, and neither is work that another
// agent is asked for first.
func TestNoStall(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(r *rig){
		"nobody free": func(r *rig) {
			r.do(engine.SetStatus{Agent: "ann", Status: "break"})
			r.arrives("main")
		},
		"nothing waits": func(*rig) {},
		"somebody preferred": func(r *rig) {
			r.do(engine.CreateWork{Spec: engine.WorkSpec{
				Channel: "chat", Queue: "main", PreferredAgent: "bob", PreferredFor: 60 * minute,
			}})
		},
		"another queue": func(r *rig) { r.arrives("other") },
		"comes and goes": func(r *rig) {
			id := r.arrives("main")
			for range 5 {
				r.pass(8 * sec)
				r.do(engine.SetStatus{Agent: "ann", Status: "break"})
				r.pass(2 * sec)
				r.do(engine.SetStatus{Agent: "ann", Status: "online"})
			}
			r.do(engine.CancelWork{Work: id})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _, _ := watched(t, false)
			arrange(r)
			r.pass(60 * sec)
			if s := r.status("first"); s.Counts.Stalls != 0 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// A stall is found however many others cannot be offered anything, for the
// search goes on where it ended.
func TestStallAmongMany(t *testing.T) {
	t.Parallel()
	r, _, _ := watched(t, false)
	r.do(engine.SignOut{Agent: "ann"})
	for range 100 {
		r.arrives("main")
	}
	r.do(engine.SignIn{Agent: "eve", Status: "online"})
	r.do(engine.Connect{Agent: "eve"})
	r.pass(13 * sec)
	if s := r.status("first"); s.Counts.Stalls != 1 || !strings.HasSuffix(s.Stalled, "could go to eve") {
		t.Fatalf("%+v", s)
	}
}

// It is found again from the record, though a look comes at other times then.
func TestStallIsRecorded(t *testing.T) {
	t.Parallel()
	r, _, _ := watched(t, true)
	r.d.Record()
	r.arrives("main")
	r.pass(12 * sec)
	var record *engine.Event
	for i := range r.events {
		if ev := &r.events[i]; ev.Kind == engine.KindTurnTaken && ev.Turn.Task == engine.TaskJudge {
			record = ev
		}
	}
	if record == nil || record.Turn.Fault != "stalled" || !strings.HasPrefix(record.Reason, "made no offer") {
		t.Fatalf("%+v", record)
	}
	again, _, _ := watched(t, true)
	again.now = record.At
	if !again.d.Repeat(record, again.step) {
		t.Fatal("it cannot be done again")
	}
	again.is("first", Down)
	if got, want := again.record("first")[1], r.record("first")[1]; got != want {
		t.Fatalf("again: %s, but then: %s", got, want)
	}
}
