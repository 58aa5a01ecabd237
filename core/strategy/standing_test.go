// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// muster is a runtime that notes as what its instances were started.
type muster struct {
	Runtime
	started []Standing
}

// Start implements Runtime.
func (m *muster) Start(ctx context.Context, spec Spec, epoch uint64) (Instance, route.Manifest, error) {
	m.started = append(m.started, Standing{Post: spec.Post, Epoch: epoch})
	return m.Runtime.Start(ctx, spec, epoch)
}

// last is as what the last instance was started.
func (m *muster) last() Standing {
	if len(m.started) == 0 {
		return Standing{}
	}
	return m.started[len(m.started)-1]
}

// mustered is a desk of strategies "first", "second" and "third" that are noted.
func mustered(t tb) (r *rig, first, second, third *muster) {
	t.Helper()
	r = newRig(t)
	r.desk(Spec{Name: "first"}, Spec{Name: "second"}, Spec{Name: "third"})
	noted := func(name string) *muster {
		m := &muster{Runtime: r.actors[name]}
		r.d.runtimes["scripted-"+name], r.d.named[name].runtime = m, m
		return m
	}
	first, second, third = noted("first"), noted("second"), noted("third")
	r.start()
	return r, first, second, third
}

// may expects that who stands there may instruct about the work.
func (r *rig) may(by Standing, id engine.WorkID) {
	r.Helper()
	if err := r.d.Instructs(by, id); err != nil {
		r.Fatalf("%+v about %v: %v", by, id, err)
	}
}

// mayNot expects that it may not, in these words.
func (r *rig) mayNot(by Standing, id engine.WorkID, words string) {
	r.Helper()
	err := r.d.Instructs(by, id)
	refused, ok := errors.AsType[*engine.Refusal](err)
	if !ok || refused.Code != engine.CodeNotYours || !strings.Contains(refused.Message, words) {
		r.Fatalf("%+v about %v: %v, want %q", by, id, err, words)
	}
}

// Who decides may instruct; neither its shadow, nor who is to take over, nor who
// was taken over from, nor the fallback while it only stands by.
func TestInstructsByPost(t *testing.T) {
	t.Parallel()
	r, first, second, _ := mustered(t)
	id := r.arrives("main")
	r.run()
	leads := first.last()
	r.may(leads, id)
	r.mayNot(second.last(), id, `second, epoch 1, does not decide for w1 now, which is in queue "main": first does, epoch 1`)
	r.mayNot(Standing{}, id, "who asks does not decide")
	r.mayNot(Standing{Post: leads.Post, Epoch: 2}, id, "first, epoch 2, does not decide")

	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Shadow: "first"}})
	r.run()
	if first.last() == leads {
		t.Fatal("the shadow was not started")
	}
	r.may(leads, id)
	r.mayNot(first.last(), id, "first (shadow of main), epoch 1, does not decide for w1")
	r.do(engine.Decide{Queue: "main"})
	r.run()

	first.Runtime.(*actor).play = func(*player, *route.Turn, *route.Reply) error { return nil }
	specs := []Spec{
		{Name: "first", Runtime: "scripted-first", Settings: []byte(`{"a":1}`)},
		{Name: "second", Runtime: "scripted-second"},
		{Name: "third", Runtime: "scripted-third"},
	}
	if err := r.d.Engage(specs); err != nil {
		t.Fatal(err)
	}
	if err := r.d.Reconfigure(); err != nil {
		t.Fatal(err)
	}
	for shadow := first.last(); first.last() == shadow; {
		if !r.once() {
			t.Fatal("the successor is not started")
		}
	}
	next := first.last()
	r.may(leads, id)
	r.mayNot(next, id, "first (next), epoch 2, does not decide for w1")
	r.run()
	r.may(next, id)
	r.mayNot(leads, id, "does not decide for w1")
}

// An instance that was replaced may not instruct, nor one that has still to prove
// itself; while there is none, its fallback may.
func TestInstructsByEpoch(t *testing.T) {
	t.Parallel()
	r, first, second, _ := mustered(t)
	id := r.arrives("main")
	r.run()
	leads := first.last()
	r.may(leads, id)
	play := first.Runtime.(*actor)
	play.play = func(*player, *route.Turn, *route.Reply) error { return fault(FaultTrap, "it traps") }
	r.arrives("main")
	r.once()
	r.is("first", Down)
	r.mayNot(leads, id, "second does")
	r.may(second.last(), id)
	play.play = nil
	r.now += 1000
	r.do(engine.Tick{})
	for r.status("first").State != Probing {
		if !r.once() {
			t.Fatal("it is not started again")
		}
	}
	again := first.last()
	r.mayNot(again, id, "first, epoch 2, does not decide")
	r.run()
	r.is("first", Active)
	r.may(again, id)
	r.mayNot(leads, id, "first, epoch 1, does not decide")
	r.mayNot(second.last(), id, "first does, epoch 2")
	r.may(leads, 99) // of which the engine knows nothing
	r.do(engine.CancelWork{Work: id, Reason: "done"})
	r.may(leads, id)
}

// A canary may instruct about what falls to it, the others about the rest.
func TestInstructsOfCanary(t *testing.T) {
	t.Parallel()
	r, first, _, third := mustered(t)
	canary := engine.Canary{Strategy: "third", Share: 5000}
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: &canary}})
	r.run()
	taken := 0
	for range 40 {
		id := r.arrives("main")
		own, other := first, third
		if canary.Takes(id) {
			own, other = third, first
			taken++
		}
		r.may(own.last(), id)
		r.mayNot(other.last(), id, "does not decide for "+id.String())
	}
	if taken == 0 || taken == 40 {
		t.Errorf("%d of 40 fall to the canary", taken)
	}
}

// Each class may instruct about its own work, while it decides for it.
func TestInstructsOfClass(t *testing.T) {
	t.Parallel()
	r, first := divided(t)
	all := map[string]*muster{}
	for _, p := range r.d.posts {
		m := &muster{Runtime: p.runtime}
		all[p.spec.Name], p.runtime = m, m
	}
	r.start()
	r.run()
	gold, none := r.arrivesOf("gold"), r.arrivesOf("bronze")
	r.may(all["first/gold"].last(), gold)
	r.mayNot(all["first/silver"].last(), gold, "first/silver, epoch 1, does not decide for w1 now, which is in queue \"main\": first/gold does")
	r.mayNot(all["first"].last(), gold, "first/gold does")
	r.may(all["first"].last(), none)
	r.mayNot(all["first/gold"].last(), none, "first does")
	first["gold"].play = func(*player, *route.Turn, *route.Reply) error { return fault(FaultTrap, "it traps") }
	r.arrivesOf("gold")
	for r.status("first/gold").State == Active {
		if !r.once() {
			t.Fatal("gold does not fail")
		}
	}
	r.mayNot(all["first/gold"].last(), gold, "first does")
	r.may(all["first"].last(), gold)
}

// Whatever happens, at most one of all that was ever started may instruct about a
// piece of work, and it is the one whose offers of it would be made.
func TestInstructsProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, first, second, third := mustered(t)
		all := []*muster{first, second, third}
		names := []string{"", "first", "second", "third"}
		var items []engine.WorkID
		for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				items = append(items, r.arrives(rapid.SampledFrom([]string{"main", "other"}).Draw(t, "queue")))
			case 1:
				to := engine.Deciders{
					Strategy: rapid.SampledFrom(names).Draw(t, "strategy"), Shadow: rapid.SampledFrom(names).Draw(t, "shadow"),
				}
				if name := rapid.SampledFrom(names).Draw(t, "canary"); name != "" {
					to.Canary = &engine.Canary{Strategy: name, Share: uint16(rapid.IntRange(1, engine.WholeShare).Draw(t, "share"))}
				}
				r.try(engine.Decide{Queue: "main", To: to, Reason: fmt.Sprint(step)})
			case 2:
				a := rapid.SampledFrom(all).Draw(t, "who").Runtime.(*actor)
				if a.play = nil; rapid.Bool().Draw(t, "fails") {
					a.play = func(*player, *route.Turn, *route.Reply) error { return fault(FaultTrap, "it traps") }
				}
			case 3:
				for range rapid.IntRange(1, 8).Draw(t, "jobs") {
					r.once()
				}
			default:
				r.pass(engine.Time(rapid.IntRange(1, 2000).Draw(t, "ms")))
			}
			for _, id := range items {
				r.oneInstructs(all, id)
			}
		}
	})
}

// oneInstructs expects that of all that was ever started the one in charge of the
// work may instruct about it, and no other.
func (r *rig) oneInstructs(all []*muster, id engine.WorkID) {
	r.Helper()
	name, decided := r.d.DecidedBy(r.work(id))
	may := 0
	for i, m := range all {
		for _, by := range m.started {
			if r.d.Instructs(by, id) != nil {
				continue
			}
			may++
			if want := []string{"first", "second", "third"}[i]; want != name || r.status(want).Epoch != by.Epoch {
				r.Fatalf("%v is decided by %q, but %s, %+v, may instruct", id, name, want, by)
			}
		}
	}
	if decided != (may == 1) {
		r.Fatalf("%v: %d may instruct, decided for: %v", id, may, decided)
	}
}
