// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestDecidersProperty changes who decides at random, with faults and while jobs
// are under way, and shows that all is well once that is over.
func TestDecidersProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMayhem(t)
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {}, "arrives": m.arrives, "decide": m.decide, "engage": m.engage, "begin": m.begin,
			"end": m.end, "fault": m.fault, "pass": m.pass, "guard": func(*rapid.T) { m.d.Guard(m.step) },
		})
		m.calm(t)
	})
}

// mayhem is a workspace in which all of that happens.
type mayhem struct {
	*rig
	names  []string
	faults map[string]int // of the turns and starts to come
	listed []Spec
	jobs   []*Job // under way
}

func newMayhem(t *rapid.T) *mayhem {
	m := &mayhem{names: []string{"first", "second", "third"}, faults: make(map[string]int)}
	m.rig = newRig(t, roomy)
	for _, name := range m.names {
		m.actors[name] = &actor{
			begin: func(uint64) error {
				if m.fails(name) != nil {
					return fault(FaultStart, "mayhem")
				}
				return nil
			},
			play: func(in *player, turn *route.Turn, reply *route.Reply) error {
				if err := m.fails(name); err != nil {
					return err
				}
				return greedy(in, turn, reply)
			},
		}
		m.listed = append(m.listed, Spec{Name: name, Standby: name == "second"})
	}
	m.desk(m.listed...)
	third := &stamped{actor: m.actors["third"], stamp: "v1"} // it rests
	m.d.runtimes["scripted-third"], m.d.named["third"].runtime = third, third
	m.listed = slices.Clone(m.d.specs)
	m.start()
	m.present("ann", "bob")
	return m
}

// roomy leaves agents room for all that comes.
func roomy(d *engine.Definition) {
	for i := range d.PresenceConfigs {
		d.PresenceConfigs[i].Capacity, d.PresenceConfigs[i].MaxOpen = 1_000_000, 1000
	}
	for i := range d.RoutingConfigs {
		d.RoutingConfigs[i].PushTimeout = 0
	}
}

func (m *mayhem) fails(name string) error {
	if m.faults[name] == 0 {
		return nil
	}
	m.faults[name]--
	return fault([]FaultKind{FaultDied, FaultDeadline, FaultRubbish}[m.faults[name]%3], "mayhem")
}

func (m *mayhem) queue(t *rapid.T) string {
	return rapid.SampledFrom([]string{"main", "other"}).Draw(t, "queue")
}

func (m *mayhem) arrives(t *rapid.T) {
	m.do(engine.CreateWork{Spec: engine.WorkSpec{
		Channel: rapid.SampledFrom([]string{"chat", "mail"}).Draw(t, "channel"), Queue: m.queue(t),
		Attributes: map[string]string{"tier": rapid.SampledFrom([]string{"gold", "silver", "bronze"}).Draw(t, "tier")},
	}})
}

// splits draws how a strategy's work is divided.
func splits(t *rapid.T) *Split {
	return rapid.SampledFrom([]*Split{
		nil, nil, {By: SplitByChannel, Classes: []string{"chat"}}, {By: SplitByAttribute, Name: "tier", Classes: []string{"gold", "silver"}},
	}).Draw(t, "split")
}

func (m *mayhem) fault(t *rapid.T) {
	m.faults[rapid.SampledFrom(m.names).Draw(t, "who")] += rapid.IntRange(1, 4).Draw(t, "times")
}

func (m *mayhem) pass(t *rapid.T) {
	m.now += engine.Time(rapid.IntRange(1, 2000).Draw(t, "ms"))
	m.do(engine.Tick{})
}

func (m *mayhem) decide(t *rapid.T) {
	var names []string
	for _, spec := range m.listed {
		names = append(names, spec.Name)
	}
	some := rapid.SampledFrom(append(names, "", ""))
	to := engine.Deciders{Strategy: some.Draw(t, "strategy"), Shadow: some.Draw(t, "shadow")}
	if name := some.Draw(t, "canary"); name != "" {
		to.Canary = &engine.Canary{Strategy: name, Share: uint16(rapid.IntRange(1, engine.WholeShare).Draw(t, "share"))}
	}
	m.do(engine.Decide{Queue: m.queue(t), To: to, Reason: "mayhem"})
}

// engage lists other versions, or one strategy less, as a host does when a
// config is applied, or is refused after all.
func (m *mayhem) engage(t *rapid.T) {
	specs := slices.Clone(m.listed)
	if len(specs) < len(m.names) {
		specs = slices.Clone(m.d.specs[:0])
		for _, name := range m.names {
			specs = append(specs, Spec{Name: name, Runtime: "scripted-" + name, Standby: name == "second"})
		}
	}
	for i := range specs {
		specs[i].Source = fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "version"))
		specs[i].Split = splits(t)
	}
	if rapid.Bool().Draw(t, "less") {
		at := rapid.IntRange(0, len(specs)-1).Draw(t, "who")
		specs = slices.Delete(specs, at, at+1)
	}
	if err := m.d.Engage(specs); err != nil {
		t.Fatal(err)
	}
	if rapid.IntRange(0, 3).Draw(t, "refused") == 0 {
		if err := m.d.Engage(m.listed); err != nil {
			t.Fatal(err)
		}
		if err := m.d.EmployAnew(m.step); err != nil {
			t.Fatal(err)
		}
		return
	}
	m.listed = specs
	definition := centre()
	roomy(&definition)
	for i := range definition.RoutingConfigs {
		c := &definition.RoutingConfigs[i]
		c.Strategy, c.Fallback = specs[0].Name, specs[len(specs)-1].Name
	}
	m.do(engine.Configure{Definition: definition})
}

// begin gives a job and has it run.
func (m *mayhem) begin(t *rapid.T) {
	if job := m.d.Next(m.now); job != nil {
		job.Run(t.Context())
		m.jobs = append(m.jobs, job)
	}
}

// end hands one back.
func (m *mayhem) end(t *rapid.T) {
	if len(m.jobs) > 0 {
		at := rapid.IntRange(0, len(m.jobs)-1).Draw(t, "job")
		job := m.jobs[at]
		m.jobs = slices.Delete(m.jobs, at, at+1)
		m.finish(job)
	}
}

// settled checks that whoever is able to decides for what names it, and that no
// queue is on its way any more.
func (m *mayhem) settled(t *rapid.T) {
	d := m.d
	for i := range m.e.Definition().Queues {
		queue, routing := routed(m.e.Definition(), m.e.Definition().Queues[i].Name)
		main := d.named[cmp.Or(queue.Deciders.Strategy, routing.Strategy)]
		if owner, _ := d.Owner(queue.Name); main.state == Active && owner != main.spec.Name {
			t.Errorf("%s could decide for %s, and %q does", main.title(), queue.Name, owner)
		}
		if trial := d.trials[queue.Name]; trial != nil && trial.post.state == Active && !trial.decides {
			t.Errorf("%s could decide as the canary of %s", trial.post.title(), queue.Name)
		}
		for i, p := range d.parts(main) {
			if p != nil && p.state == Active && d.splits[queue.Name].by[i] != p {
				t.Errorf("%s could decide for its class of %s", p.title(), queue.Name)
			}
		}
	}
	for _, p := range d.posts {
		if p.state == Active && p.shadows == "" && p.feed.moving() {
			t.Errorf("queues of %s are still on their way: %v", p.title(), p.feed.move.queues)
		}
	}
}

// calm lets all faults end, and looks at what is left.
func (m *mayhem) calm(t *rapid.T) {
	clear(m.faults)
	for _, job := range m.jobs {
		m.finish(job)
	}
	m.rig.pass(minute)
	m.settled(t)
	if err := m.d.Engage(m.listed); err != nil { // what failed meanwhile is tried again
		t.Fatal(err)
	}
	if err := m.d.EmployAnew(m.step); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m.rig.pass(minute)
	}
	m.e.EachWork(0, func(w *engine.Work) bool {
		if w.State == engine.Waiting {
			by, _ := m.d.DecidedBy(w)
			t.Errorf("%v in %s still waits; %q decides", w.ID, w.Queue, by)
		}
		return true
	})
	m.remain(t)
	if open := m.open(); open != m.held() {
		t.Errorf("%d instances are open, the desk holds %d", open, m.held())
	}
	m.d.Close(t.Context())
	if open := m.open(); open != 0 {
		t.Errorf("%d instances are open after the end", open)
	}
}

// remain expects the listed strategies, and a shadow for each that is named.
func (m *mayhem) remain(t *rapid.T) {
	var want, got []string
	for _, spec := range expanded(m.listed) {
		want = append(want, spec.Name+" "+spec.Source)
	}
	definition := m.e.Definition()
	for i := range definition.Queues {
		if q := &definition.Queues[i]; q.Deciders.Shadow != "" {
			at := slices.IndexFunc(m.listed, func(s Spec) bool { return s.Name == q.Deciders.Shadow })
			want = append(want, q.Deciders.Shadow+" (shadow of "+q.Name+") "+m.listed[at].Source)
		}
	}
	for _, p := range m.d.posts {
		got = append(got, p.title()+" "+p.spec.Source)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("posts %q, want %q", got, want)
	}
}

// open counts the instances that have been started and not closed.
func (m *mayhem) open() (n int) {
	for _, a := range m.actors {
		for _, in := range a.players {
			if in.closed == 0 {
				n++
			}
		}
	}
	return n
}

// held counts the instances that the desk has.
func (m *mayhem) held() (n int) {
	for _, p := range m.d.posts {
		if p.instance != nil {
			n++
		}
		if p.standby != nil {
			n++
		}
		n += len(p.retired)
	}
	return n
}
