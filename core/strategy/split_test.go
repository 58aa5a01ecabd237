// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// byClass starts a scripted strategy for each class of one that is split.
type byClass map[string]*actor

// Start implements Runtime.
func (b byClass) Start(ctx context.Context, spec Spec, epoch uint64) (Instance, route.Manifest, error) {
	return b[spec.Class].Start(ctx, spec, epoch)
}

func absent(uint64) error {
	return &Fault{Kind: FaultStart, Err: fmt.Errorf("no router is connected"), Absent: true}
}

// divided is a workspace whose strategy "first" is split by the attribute "tier"
// into gold and silver, and everybody proposes.
func divided(t tb) (*rig, byClass) {
	t.Helper()
	r := newRig(t, func(d *engine.Definition) {
		for i := range d.PresenceConfigs {
			d.PresenceConfigs[i].Capacity, d.PresenceConfigs[i].MaxOpen = 1000_000, 1000
		}
		for i := range d.RoutingConfigs {
			d.RoutingConfigs[i].PushTimeout = 0
		}
	})
	first := byClass{"": {play: greedy}, "gold": {play: greedy}, "silver": {play: greedy}}
	fallback := &actor{play: greedy}
	r.actors["second"] = fallback
	d, err := NewDesk(r.e, []Spec{
		{Name: "first", Runtime: "by-class", Split: &Split{By: SplitByAttribute, Name: "tier", Classes: []string{"gold", "silver"}}},
		{Name: "second", Runtime: "scripted"},
	}, map[string]Runtime{"by-class": first, "scripted": fallback}, 42)
	if err != nil {
		r.Fatal(err)
	}
	r.d = d
	return r, first
}

func (r *rig) arrivesOf(tier string) engine.WorkID {
	r.Helper()
	spec := engine.WorkSpec{Channel: "chat", Queue: "main"}
	if tier != "" {
		spec.Attributes = map[string]string{"tier": tier}
	}
	return r.do(engine.CreateWork{Spec: spec}).Work
}

// decides expects who decides for work of each tier: gold, silver, bronze, and
// of none.
func (r *rig) decides(want ...string) {
	r.Helper()
	for i, tier := range []string{"gold", "silver", "bronze", ""} {
		id := r.arrivesOf(tier)
		by, _ := r.d.DecidedBy(r.work(id))
		r.run()
		if decided := r.decidedBy(id); decided != want[i] || by != want[i] {
			r.Fatalf("%q is decided by %s, and said to be by %s; want %s", tier, decided, by, want[i])
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	r, first := divided(t)
	r.start()
	r.present("ann", "bob")
	r.run()
	r.decides("first/gold", "first/silver", "first", "first")
	same(t, "queues of gold", r.status("first/gold").Queues, []string{"main"})
	same(t, "classes", r.d.Classed("main"), []string{"first/gold", "first/silver"})
	// A class without a router is for those without a class.
	first["gold"].begin = absent
	first["gold"].play = func(*player, *route.Turn, *route.Reply) error { return fault(FaultDied, "the line broke") }
	r.arrivesOf("gold")
	r.run()
	r.is("first/gold", Down)
	r.decides("first", "first/silver", "first", "first")
	// Without those it is for the fallback, and the other class goes on.
	first[""].begin = absent
	first[""].play = first["gold"].play
	r.arrivesOf("bronze")
	r.run()
	r.decides("second", "first/silver", "second", "second")
	r.owned("main", "second")
	// A router comes back, and takes its class over once it has proven itself.
	first["gold"].begin, first["gold"].play = nil, greedy
	r.pass(second)
	r.decides("first/gold", "first/silver", "second", "second")
	first[""].begin, first[""].play = nil, greedy
	r.pass(second)
	r.decides("first/gold", "first/silver", "first", "first")
}

// What is on a board is what its class is of, also when that changes.
func TestSplitBoards(t *testing.T) {
	t.Parallel()
	r, first := divided(t)
	for _, a := range first {
		a.play = nil
	}
	r.start()
	r.present("ann")
	ids := []engine.WorkID{r.arrivesOf("gold"), r.arrivesOf("silver"), r.arrivesOf("")}
	r.run()
	boards := func(want string) {
		t.Helper()
		var got []string
		for _, class := range []string{"gold", "silver", ""} {
			in := first[class].players[len(first[class].players)-1]
			for w := range in.board.AllWork() {
				got = append(got, fmt.Sprintf("%s:w%d", cmp.Or(class, "rest"), w.Sequence))
			}
		}
		slices.Sort(got)
		if joined := strings.Join(got, " "); joined != want {
			t.Fatalf("on the boards is %s, want %s", joined, want)
		}
	}
	boards("gold:w1 rest:w3 silver:w2")
	r.do(engine.UpdateWork{Work: ids[0], Attributes: map[string]string{"tier": "silver"}})
	r.do(engine.UpdateWork{Work: ids[2], Attributes: map[string]string{"tier": "gold"}})
	r.run()
	boards("gold:w3 silver:w1 silver:w2")
}

// A class proposes for its own work alone: what has changed its class since is
// stale, and what was never of it is not its own.
func TestSplitProposals(t *testing.T) {
	t.Parallel()
	r, first := divided(t)
	r.start()
	r.present("ann")
	r.run()
	first["silver"].play = nil
	id := r.arrivesOf("gold")
	job := r.d.Next(r.now)
	for job != nil && job.post.title() != "first/gold" {
		job.Run(context.Background())
		r.finish(job)
		job = r.d.Next(r.now)
	}
	job.Run(context.Background())
	r.do(engine.UpdateWork{Work: id, Attributes: map[string]string{"tier": "silver"}})
	r.finish(job)
	if w := r.work(id); w.State != engine.Waiting {
		t.Errorf("%v is %v", id, w.State)
	}
	if refused := r.status("first/gold").Counts.Refusals; refused != 1 {
		t.Errorf("%d refusals", refused)
	}
}

// A class is no strategy that somebody could name, and comes and goes with the
// strategy it is a part of.
func TestSplitIsConfigured(t *testing.T) {
	t.Parallel()
	r, _ := divided(t)
	r.start()
	r.present("ann")
	r.run()
	err := r.d.CheckDeciders(&engine.Deciders{Strategy: "first/gold"})
	if err == nil || strings.Contains(err.Error(), "there are first, first/gold") {
		t.Errorf("got %v", err)
	}
	for _, to := range []engine.Deciders{{Shadow: "first"}, {Canary: &engine.Canary{Strategy: "first", Share: 1}}} {
		if err := r.d.CheckDeciders(&to); err == nil || !strings.Contains(err.Error(), `"first" is split into classes, and as a`) {
			t.Errorf("got %v", err)
		}
	}
	if err := r.d.CheckDeciders(&engine.Deciders{Strategy: "first", Shadow: "second"}); err != nil {
		t.Error(err)
	}
	specs := []Spec{
		{Name: "first", Runtime: "by-class", Split: &Split{By: SplitByAttribute, Name: "tier", Classes: []string{"gold"}}},
		{Name: "second", Runtime: "scripted"},
	}
	if err := r.d.Engage(specs); err != nil {
		t.Fatal(err)
	}
	if err := r.d.Reconfigure(); err != nil {
		t.Fatal(err)
	}
	r.pass(second)
	r.decides("first/gold", "first", "first", "first")
	for _, s := range r.d.Status() {
		if s.Name == "first/silver" {
			t.Errorf("silver is still there: %+v", s)
		}
	}
	specs[0].Split = nil
	if err := r.d.Engage(specs); err != nil {
		t.Fatal(err)
	}
	if err := r.d.Reconfigure(); err != nil {
		t.Fatal(err)
	}
	r.pass(second)
	r.decides("first", "first", "first", "first")
	if n := len(r.d.Status()); n != 2 {
		t.Errorf("%d strategies are left", n)
	}
}

// With a canary, the classes are those of the rest.
func TestSplitBesideACanary(t *testing.T) {
	t.Parallel()
	r, _ := divided(t)
	r.start()
	r.present("ann")
	r.run()
	canary := engine.Canary{Strategy: "second", Share: 5000}
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: &canary}})
	r.run()
	seen := make(map[string]int)
	for range 40 {
		id := r.arrivesOf("gold")
		r.run()
		want := "first/gold"
		if canary.Takes(id) {
			want = "second"
		}
		by := r.decidedBy(id)
		if seen[by]++; by != want {
			t.Fatalf("%v is decided by %s, want %s", id, by, want)
		}
	}
	if len(seen) != 2 {
		t.Errorf("decided by %v", seen)
	}
}

// Whatever happens to whom, all work that somebody could take is decided by the
// one whose it is.
func TestSplitProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, first := divided(t)
		r.start()
		r.present("ann", "bob")
		r.run()
		parts := map[string]string{"gold": "first/gold", "silver": "first/silver", "": "first"}
		well := map[string]bool{"gold": true, "silver": true, "": true}
		for range 12 {
			class := rapid.SampledFrom([]string{"gold", "silver", ""}).Draw(t, "class")
			if well[class] = rapid.Bool().Draw(t, "well"); well[class] {
				first[class].begin, first[class].play = nil, greedy
			} else {
				first[class].begin = absent
				first[class].play = func(*player, *route.Turn, *route.Reply) error { return fault(FaultDied, "gone") }
				r.arrivesOf(class) // it is seen to be gone
			}
			r.pass(2 * second)
			for _, tier := range []string{"gold", "silver", "bronze"} {
				want := "second"
				if _, is := parts[tier]; is && well[tier] {
					want = parts[tier]
				} else if well[""] {
					want = "first"
				}
				id := r.arrivesOf(tier)
				r.run()
				if by := r.decidedBy(id); by != want {
					t.Fatalf("%s is decided by %s, want %s (%v)", tier, by, want, well)
				}
			}
		}
	})
}

// A strategy's class does not stall for leaving work that is of no class, which
// nobody decides for; and that does not hide what it leaves of its own.
func TestSplitStalls(t *testing.T) {
	t.Parallel()
	r, first := divided(t)
	definition := *r.e.Definition()
	definition.RoutingConfigs = slices.Clone(definition.RoutingConfigs)
	for i := range definition.RoutingConfigs {
		definition.RoutingConfigs[i].StallAfter, definition.RoutingConfigs[i].StallFallback = 10*second, true
	}
	r.do(engine.Configure{Definition: definition})
	first[""].begin, r.actors["second"].begin = absent, absent
	r.start()
	r.present("ann")
	r.run()
	r.arrivesOf("bronze")
	r.pass(25 * second)
	if s := r.status("first/gold"); s.State != Active || s.Counts.Stalls+s.Counts.Faults != 0 {
		t.Fatalf("gold is %v: %+v", s.State, s.Counts)
	}
	first["gold"].play = nil
	r.arrivesOf("gold")
	r.pass(25 * second)
	if s := r.status("first/gold"); s.Counts.Stalls == 0 {
		t.Errorf("gold is %v: %+v", s.State, s.Counts)
	}
}

// A shadow sees what the strategy sees in whose turns it is compared.
func TestSplitBesideAShadow(t *testing.T) {
	t.Parallel()
	r, first := divided(t)
	r.start()
	r.present("ann")
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Shadow: "second"}})
	r.run()
	first["gold"].play = nil
	r.arrivesOf("gold")
	r.run()
	r.arrivesOf("bronze")
	r.run()
	if report, _ := r.d.Shadow("main"); report.Extra != 0 || report.Agreed+report.Differed != 1 {
		t.Errorf("%+v", report)
	}
}

// A canary that stands in for the rest, too, leaves the classes what is theirs.
func TestSplitBesideACanaryThatStandsIn(t *testing.T) {
	t.Parallel()
	r, first := divided(t)
	first[""].begin = absent
	r.start()
	r.present("ann")
	r.run()
	canary := engine.Canary{Strategy: "second", Share: 5000}
	r.do(engine.Decide{Queue: "main", To: engine.Deciders{Canary: &canary}})
	r.run()
	r.owned("main", "second")
	first["gold"].play = nil
	for range 20 {
		id := r.arrivesOf("gold")
		r.run()
		if waits := r.work(id).State == engine.Waiting; waits == canary.Takes(id) {
			t.Errorf("%v waits: %v", id, waits)
		}
		id = r.arrivesOf("bronze")
		r.run()
		if by := r.decidedBy(id); by != "second" {
			t.Errorf("%v is decided by %s", id, by)
		}
	}
	if s := r.status("second"); s.Counts.Wrong+s.Counts.Refusals != 0 {
		t.Errorf("%+v", s.Counts)
	}
}
