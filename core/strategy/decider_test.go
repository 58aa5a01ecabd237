// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// trio is a workspace with a third strategy, which no routing config names, and
// in which everybody proposes.
func trio(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, func(d *engine.Definition) {
		for i := range d.PresenceConfigs {
			d.PresenceConfigs[i].Capacity, d.PresenceConfigs[i].MaxOpen = 1000_000, 1000
		}
		for i := range d.RoutingConfigs {
			d.RoutingConfigs[i].PushTimeout = 0
		}
	})
	for _, name := range []string{"first", "second", "third"} {
		r.actors[name] = &actor{play: greedy}
	}
	r.desk(Spec{Name: "first"}, Spec{Name: "second"}, Spec{Name: "third"})
	r.start()
	r.present("ann", "bob")
	r.run()
	r.is("third", Idle)
	return r
}

// decidedBy returns who proposed the offer of the work.
func (r *rig) decidedBy(id engine.WorkID) string {
	r.Helper()
	for i := len(r.events) - 1; i >= 0; i-- {
		if ev := &r.events[i]; ev.Kind == engine.KindWorkOffered && ev.Work == id {
			return ev.Decision.Strategy
		}
	}
	r.Fatalf("%v was not offered", id)
	return ""
}

// changes returns why deciders changed, in order.
func (r *rig) changes() (why []string) {
	for i := range r.events {
		if ev := &r.events[i]; ev.Kind == engine.KindDecidersChanged {
			why = append(why, ev.Reason)
		}
	}
	return why
}

// TestSwap shows that the former strategy decides until the new one has proven
// itself, and the new one from then on.
func TestSwap(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "third"}, Reason: "swap"})
	for r.status("third").State != Active {
		r.owned("main", "first")
		id := r.arrives("main")
		r.once() // by first, which is first by name, too
		if by := r.decidedBy(id); by != "first" {
			t.Fatalf("%v was decided by %s", id, by)
		}
		for range 4 {
			r.once()
		}
	}
	r.run()
	r.owned("main", "third")
	id := r.arrives("main")
	r.run()
	if by := r.decidedBy(id); by != "third" {
		t.Errorf("%v was decided by %s", id, by)
	}
	r.is("first", Active) // the fallback of "other" still
	r.recorded("third", "probing: started", "active: answered 3 turns well")
}

// TestSwapToNobody shows that nothing changes if the new strategy does not run.
func TestSwapToNobody(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.actors["third"].begin = func(uint64) error { return fault(FaultStart, "no such file") }
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "third"}, Reason: "swap"})
	r.run()
	r.owned("main", "first")
	same(t, "changes", r.changes(), []string{"swap", "third did not take over from first: strategy: start: no such file"})
	if to := r.e.Definition().Queues[0].Deciders; to.Strategy != "" {
		t.Errorf("main is still to be decided by %q", to.Strategy)
	}
	r.pass(10 * second)
	r.is("third", Idle)
	id := r.arrives("main")
	r.run()
	if by := r.decidedBy(id); by != "first" {
		t.Errorf("%v was decided by %s", id, by)
	}
}

// TestCanary shows that a canary decides for its share and for nothing else,
// and that the rest goes on.
func TestCanary(t *testing.T) {
	t.Parallel()
	r := trio(t)
	canary := &engine.Canary{Strategy: "third", Share: 3000}
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: canary}})
	r.run()
	r.owned("main", "first")
	for range 100 {
		id := r.arrives("main")
		r.run()
		want := "first"
		if canary.Takes(id) {
			want = "third"
		}
		if by := r.decidedBy(id); by != want {
			t.Fatalf("%v was decided by %s, want %s", id, by, want)
		}
	}
	trials := r.d.Trials()
	if len(trials) != 1 || trials[0].Canary.Turns == 0 || trials[0].Baseline.Turns == 0 || trials[0].Canary.Errors != 0 {
		t.Errorf("trials: %+v", trials)
	}
	r.d.Guard(r.step)
	if got := r.changes(); len(got) != 1 {
		t.Errorf("changes: %q", got)
	}
	r.do(engine.Decide{Queue: "main"})
	r.run()
	r.is("third", Idle)
	for range 20 {
		id := r.arrives("main")
		r.run()
		if by := r.decidedBy(id); by != "first" {
			t.Fatalf("%v was decided by %s", id, by)
		}
	}
}

// TestGuardsRollBack shows that a canary that fails, or proposes what cannot be,
// is taken back, and why.
func TestGuardsRollBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, guard string
		play        func(*player, *route.Turn, *route.Reply) error
		want        string
	}{
		{"dies", "", func(in *player, turn *route.Turn, reply *route.Reply) error {
			if in.turns == 5 {
				return fault(FaultDied, "exit status 7")
			}
			return greedy(in, turn, reply)
		}, `canary third rolled back: guard "error_rate < 1%" does not hold: error_rate is`},
		{"wrong", "", func(in *player, _ *route.Turn, reply *route.Reply) error {
			for w := range in.board.AllWork() {
				reply.Proposals = append(reply.Proposals, route.Proposal{Work: w.Ref, Revision: w.Revision, Agent: 99})
			}
			return nil
		}, `canary third rolled back: guard "error_rate < 1%" does not hold`},
		{"refused", "refusal_rate <= 50%", func(in *player, _ *route.Turn, reply *route.Reply) error {
			for w := range in.board.AllWork() {
				reply.Proposals = append(reply.Proposals, route.Proposal{Work: w.Ref, Revision: w.Revision + 1, Agent: 0})
			}
			return nil
		}, `canary third rolled back: guard "refusal_rate <= 50%" does not hold: refusal_rate is 100.00%`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := trio(t)
			r.actors["third"].play = c.play
			canary := &engine.Canary{Strategy: "third", Share: 5000}
			if c.guard != "" {
				canary.Guards = []string{c.guard}
			}
			r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: canary}})
			for range 20 {
				r.arrives("main")
				for range 5 {
					r.once()
				}
			}
			r.d.Guard(r.step)
			got := r.changes()
			if len(got) != 2 || !strings.HasPrefix(got[1], c.want) {
				t.Fatalf("changes: %q", got)
			}
			if c.name == "dies" && !strings.Contains(got[1], "exit status 7") {
				t.Errorf("the record does not say what happened: %q", got[1])
			}
			r.pass(minute)
			r.e.EachWork(0, func(w *engine.Work) bool {
				if w.State == engine.Waiting {
					t.Errorf("%v still waits", w.ID)
				}
				return true
			})
		})
	}
}

// TestShadow shows that a shadow is compared, turn by turn, and never used.
func TestShadow(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Shadow: "third"}})
	r.run()
	for range 10 {
		r.arrives("main")
		r.run()
	}
	report, ok := r.d.Shadow("main")
	if !ok || report.Beside != "first" || report.Strategy != "third" || report.Agreed != 10 || report.Differed+report.Held+report.Extra+report.Failed != 0 {
		t.Errorf("the same strategy as its own shadow: %+v", report)
	}
	other := 0
	r.actors["third"].play = func(in *player, _ *route.Turn, reply *route.Reply) error {
		for w := range in.board.AllWork() {
			candidates := slices.Collect(in.board.Candidates(w))
			if other++; w.State == route.WorkWaiting && other%2 == 0 {
				reply.Propose(w, candidates[len(candidates)-1], 9, 7)
			}
		}
		return nil
	}
	for range 10 {
		id := r.arrives("main")
		r.run()
		if by := r.decidedBy(id); by != "first" {
			t.Fatalf("%v was decided by %s", id, by)
		}
	}
	report, _ = r.d.Shadow("main")
	if report.Agreed != 10 || report.Differed == 0 || report.Differed+report.Held != 10 || uint64(len(report.Examples)) != 10 {
		t.Errorf("another: %+v", report)
	}
	if last := report.Examples[9]; last.Decided.Reason != "because" || last.Decided.Agent == "" || last.Turn == 0 {
		t.Errorf("an example: %+v", last)
	}
	if n := report.Why[Reasons{Decided: "because", Shadow: "because"}] + report.Why[Reasons{Decided: "because"}]; n != 10 {
		t.Errorf("reasons: %v", report.Why)
	}
	r.do(engine.Decide{Queue: "main"})
	r.run()
	if _, still := r.d.Shadow("main"); still || len(r.d.Status()) != 3 {
		t.Errorf("the shadow is still there: %+v", r.d.Status())
	}
}

// TestShadowSooner shows what a shadow would have offered that was left waiting.
func TestShadowSooner(t *testing.T) {
	t.Parallel()
	r := trio(t)
	hold := true
	r.actors["first"].play = func(in *player, turn *route.Turn, reply *route.Reply) error {
		if hold {
			return nil
		}
		return greedy(in, turn, reply)
	}
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Shadow: "third"}})
	r.run()
	r.arrives("main")
	r.run()
	r.now += 5 * second
	hold = false
	r.arrives("main")
	r.run()
	report, _ := r.d.Shadow("main")
	if report.Extra != 1 || report.Sooner != 1 || report.SoonerBy.Seconds() != 5 {
		t.Errorf("%+v", report)
	}
}

// TestShadowFails shows that a shadow's faults are its own.
func TestShadowFails(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.actors["third"].play = func(in *player, _ *route.Turn, _ *route.Reply) error {
		if in.turns > 2 {
			return fault(FaultDied, "gone")
		}
		return nil
	}
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Shadow: "third"}})
	for range 10 {
		id := r.arrives("main")
		r.run()
		if by := r.decidedBy(id); by != "first" {
			t.Fatalf("%v was decided by %s", id, by)
		}
	}
	report, _ := r.d.Shadow("main")
	if report.Failed == 0 || report.Missed == 0 {
		t.Errorf("%+v", report)
	}
	r.is("first", Active)
	if len(r.record("third")) != 0 {
		t.Errorf("on record of third, which decides nothing: %q", r.record("third"))
	}
	if len(r.record("third (shadow of main)")) == 0 {
		t.Error("nothing is on record of the shadow")
	}
}

// TestUpgrade shows that a new version takes over between two turns, without
// anything being offered by two, and that the former one goes on if it fails.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	r := trio(t)
	specs := func(version string) []Spec {
		return []Spec{
			{Name: "first", Runtime: "scripted-first", Source: version},
			{Name: "second", Runtime: "scripted-second"},
			{Name: "third", Runtime: "scripted-third"},
		}
	}
	upgrade := func(version string) {
		if err := r.d.Engage(specs(version)); err != nil {
			t.Fatal(err)
		}
		if err := r.d.Reconfigure(); err != nil {
			t.Fatal(err)
		}
	}
	upgrade("2")
	for r.status("first").Epoch == 1 {
		r.owned("main", "first")
		r.arrives("main")
		for range 4 {
			r.once()
		}
	}
	r.run()
	r.owned("main", "first")
	players := r.actors["first"].players
	if len(players) != 2 || players[0].closed != 1 || players[1].closed != 0 {
		t.Fatalf("%d instances", len(players))
	}
	if last := r.record("first"); last[len(last)-1] != "active: took over from version 1.2.3, epoch 1" {
		t.Errorf("on record: %q", last)
	}

	r.actors["first"].begin = func(uint64) error { return errors.New("wrong checksum") }
	upgrade("3")
	r.run()
	r.owned("main", "first")
	r.is("first", Active)
	if last := r.record("first"); last[len(last)-1] != "active: goes on, as its successor failed: strategy: start: wrong checksum" {
		t.Errorf("on record: %q", last)
	}
	id := r.arrives("main")
	r.run()
	if by := r.decidedBy(id); by != "first" || r.status("first").Epoch != 2 {
		t.Errorf("%v was decided by %s, epoch %d", id, by, r.status("first").Epoch)
	}
	if n := len(r.d.Status()); n != 3 {
		t.Errorf("%d strategies are left", n)
	}
	r.d.Close(t.Context())
}

// TestEngage adds a strategy and takes one away.
func TestEngage(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.actors["fourth"] = &actor{play: greedy}
	r.d.runtimes["scripted-fourth"] = r.actors["fourth"]
	if err := r.d.Engage([]Spec{{Name: "fourth", Runtime: "nothing"}}); err == nil || !strings.Contains(err.Error(), `there is no runtime "nothing"`) {
		t.Fatalf("%v", err)
	}
	r.owned("main", "first")
	if err := r.d.Engage([]Spec{{Name: "fourth", Runtime: "scripted-fourth"}, {Name: "second", Runtime: "scripted-second"}}); err != nil {
		t.Fatal(err)
	}
	definition := centre()
	for i := range definition.RoutingConfigs {
		definition.RoutingConfigs[i].Strategy, definition.RoutingConfigs[i].Fallback = "fourth", "second"
	}
	r.do(engine.Configure{Definition: definition})
	r.run()
	r.owned("main", "fourth")
	r.owned("other", "fourth")
	var names []string
	for _, s := range r.d.Status() {
		names = append(names, fmt.Sprint(s.Name, " ", s.State))
	}
	same(t, "strategies", names, []string{"fourth active", "second active"})
	if r.actors["first"].players[0].closed != 1 {
		t.Error("first was not closed")
	}
}

// TestCanaryStandsIn shows that a canary that is the fallback, too, decides for
// all of the work while its strategy is down.
func TestCanaryStandsIn(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: &engine.Canary{Strategy: "second", Share: 5000}}})
	r.run()
	r.actors["first"].begin = func(uint64) error { return fault(FaultStart, "gone") }
	r.actors["first"].play = func(*player, *route.Turn, *route.Reply) error { return fault(FaultDied, "gone") }
	for range 20 {
		id := r.arrives("main")
		r.run()
		if by := r.decidedBy(id); by != "second" {
			t.Fatalf("%v was decided by %s", id, by)
		}
	}
}

// TestFormerGoesOnWhileOthersChange shows that a queue keeps its former strategy
// while the new one starts, whatever else is decided meanwhile.
func TestFormerGoesOnWhileOthersChange(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.do(engine.Decide{Queue: "other", To: engine.Deciders{Strategy: "third"}})
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "third"}})
	r.owned("other", "second")
	r.owned("main", "first")
	r.run()
	r.owned("other", "third")
	r.owned("main", "third")
}

// TestSwapToTheFallback shows that a queue has a fallback even then.
func TestSwapToTheFallback(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Strategy: "second"}})
	r.run()
	r.owned("main", "second")
	r.actors["second"].begin = func(uint64) error { return fault(FaultStart, "gone") }
	r.actors["second"].play = func(*player, *route.Turn, *route.Reply) error { return fault(FaultDied, "gone") }
	id := r.arrives("main")
	r.run()
	r.owned("main", "first")
	if by := r.decidedBy(id); by != "first" {
		t.Errorf("%v was decided by %s", id, by)
	}
}

// TestShadowSleeps shows that what a shadow wishes to be woken for, it is not.
func TestShadowSleeps(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Shadow: "third"}})
	r.run()
	r.arrives("main")
	r.run()
	turns := r.actors["third"].turns
	r.pass(10 * second)
	if r.actors["third"].turns != turns {
		t.Error("it was given turns of its own")
	}
	if at, wakes := r.d.WakeAt(); wakes && at <= r.now {
		t.Errorf("the desk is to be woken at %d; it is %d", at, r.now)
	}
}

// TestCanaryGuards shows what guards go by: a fault counts when it comes, however
// well it goes on, and so does a start that fails; turns in which a canary
// proves itself do not.
func TestCanaryGuards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, guard string
		actor       actor
		want        string
	}{
		{"crashes on its 100th turn", "", actor{play: func(in *player, turn *route.Turn, reply *route.Reply) error {
			if in.turns == 100 {
				return fault(FaultTrap, "unreachable")
			}
			return greedy(in, turn, reply)
		}}, `canary third rolled back: guard "error_rate < 1%" does not hold: error_rate is 1.00%; its last fault: strategy: trap: unreachable`},
		{
			"never starts", "",
			actor{begin: func(uint64) error { return fault(FaultStart, "no such file") }},
			`canary third rolled back: guard "error_rate < 1%" does not hold: error_rate is 100.00%; its last fault: strategy: start: no such file`,
		},
		{"good", "refusal_rate <= 0%", actor{play: greedy}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := trio(t)
			*r.actors["third"] = c.actor
			r.do(engine.SignOut{Agent: "ann"})
			r.do(engine.SignOut{Agent: "bob"})
			r.arrives("main") // which it proposes while it proves itself
			canary := &engine.Canary{Strategy: "third", Share: engine.WholeShare}
			if c.guard != "" {
				canary.Guards = []string{c.guard}
			}
			r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: canary}})
			r.present("ann", "bob")
			r.run()
			for range 150 {
				r.arrives("main")
				r.run()
			}
			r.pass(10 * second) // long since restarted
			r.d.Guard(r.step)
			got := r.changes()
			switch {
			case c.want == "" && len(got) != 1, c.want != "" && (len(got) != 2 || got[1] != c.want):
				t.Errorf("changes: %q, want %q", got, c.want)
			}
		})
	}
}

// TestRefusedEngage shows that nothing changes if an Engage is taken back.
func TestRefusedEngage(t *testing.T) {
	t.Parallel()
	r := trio(t)
	former := slices.Clone(r.d.specs)
	if err := r.d.Engage(former[1:]); err != nil {
		t.Fatal(err)
	}
	if err := r.d.Engage(former); err != nil {
		t.Fatal(err)
	}
	if err := r.d.EmployAnew(r.step); err != nil {
		t.Fatal(err)
	}
	r.owned("main", "first")
	r.run()
	if n := len(r.actors["first"].players); n != 1 || len(r.d.Status()) != 3 {
		t.Errorf("%d instances of first, %d strategies", n, len(r.d.Status()))
	}
}

// TestShadowFollowsItsStrategy shows that a shadow is renewed when the strategy
// that it is a copy of changes, even while that one itself is idle.
func TestShadowFollowsItsStrategy(t *testing.T) {
	t.Parallel()
	r := trio(t)
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Shadow: "third"}})
	r.run()
	specs := slices.Clone(r.d.specs)
	specs[2].Source = "2"
	if err := r.d.Engage(specs); err != nil {
		t.Fatal(err)
	}
	if err := r.d.EmployAnew(r.step); err != nil {
		t.Fatal(err)
	}
	r.run()
	if s := r.d.shadows["main"]; s.post.spec.Source != "2" || s.post.state != Active || len(r.d.Status()) != 4 {
		t.Errorf("%+v, %d strategies", s.post.spec, len(r.d.Status()))
	}
}
