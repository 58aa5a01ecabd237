// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// centre is a workspace in which there is something to change.
func centre() engine.Definition {
	d := definition(0)
	d.Skills = []string{"dutch", "english"}
	d.Channels = []engine.Channel{
		{Name: "case", Size: engine.Units(engine.Unit)},
		{Name: "chat", Size: engine.Units(engine.Unit), Secondary: &engine.Secondary{Attribute: "segment", Values: map[string]int32{"gold": 0}, Otherwise: 5}},
	}
	d.Statuses = []engine.Status{{Name: "available", Channels: []string{"case", "chat"}}, {Name: "break"}}
	d.PresenceConfigs = append(d.PresenceConfigs, engine.PresenceConfig{Name: "wide", Capacity: 5 * engine.Unit, MaxOpen: 10})
	d.RoutingConfigs = []engine.RoutingConfig{
		{Name: "plain", Strategy: "queue", Fallback: "queue", Priority: 5},
		{Name: "skilled", Strategy: "queue", Fallback: "queue", Priority: 5, BySkills: true},
	}
	d.Queues = []engine.QueueDefinition{
		{Name: "claims", Routing: "skilled"}, {Name: "sales", Routing: "plain"}, {Name: "support", Routing: "plain"}, {Name: "spare", Routing: "plain"},
	}
	d.Agents = []engine.AgentDefinition{
		{ID: "ann", PresenceConfig: "two", Queues: engine.Member("support"), Skills: []engine.Skill{{Name: "dutch", Level: 5000}}},
		{ID: "bob", PresenceConfig: "wide", Queues: engine.Member("sales", "support")},
		{ID: "cid", PresenceConfig: "two", Queues: engine.Member("sales", "claims")},
	}
	d.Strategies = []engine.StrategyDefinition{{Name: "queue", Runtime: "builtin", Source: "queue"}}
	d.Sort()
	return d
}

// sour is a strategy that does not end well.
type sour struct{ route.Strategy }

func (sour) Close() error { return errors.New("it did not end well") }

// planned opens it, with work that waits: nobody is connected.
func planned(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), def: centre(), options: func(o *host.Options) {
		o.Runtimes = builtins(map[string]func() route.Strategy{"sour": func() route.Strategy { return sour{queue.Plugin().New()} }})
		o.Specs = func(d *engine.Definition) ([]strategy.Spec, error) {
			var specs []strategy.Spec
			for _, s := range d.Strategies {
				specs = append(specs, strategy.Spec{Name: s.Name, Runtime: s.Runtime, Source: s.Source})
			}
			return specs, nil
		}
	}}
	p.open(host.Options{})
	t.Cleanup(p.close)
	priority := int32(1)
	dutch := []engine.Need{{Skill: "dutch", Level: 3000}}
	for _, spec := range []engine.WorkSpec{
		{Channel: "case", Queue: "support"},
		{Channel: "case", Queue: "support"},
		{Channel: "case", Queue: "support", Needs: dutch},
		{Channel: "case", Queue: "support", Priority: &priority},
		{Channel: "chat", Queue: "support", Attributes: map[string]string{"segment": "gold"}},
		{Channel: "case", Queue: "sales"},
		{Channel: "chat", Queue: "sales"},
		{Channel: "case", Queue: "sales", Size: engine.Units(4 * engine.Unit)},
		{Channel: "case", Queue: "claims", Needs: dutch},
		{Channel: "case", Queue: "claims"},
	} {
		if _, err := p.Do(t.Context(), engine.CreateWork{Spec: spec}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// happening is what is seen of a waiting item.
type happening struct {
	queue               string
	priority, secondary int32
	size                engine.Amount
	tier                uint16
	stuck               bool
}

func seen(t *testing.T, p *place) map[engine.WorkID]happening {
	t.Helper()
	out := make(map[engine.WorkID]happening)
	err := p.View(t.Context(), func(e *engine.Engine) {
		e.EachWork(0, func(w *engine.Work) bool {
			_, stuck := e.Unroutable(w)
			out[w.ID] = happening{w.Queue, w.Priority, w.Secondary, w.Size, w.Tier, stuck}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// outcome counts what became of the items, as effects do.
func outcome(before, after map[engine.WorkID]happening) map[string]int {
	out := make(map[string]int)
	for id, is := range after {
		was := before[id]
		count := func(kind, queue string, happened bool) {
			if happened {
				out[kind+" "+queue]++
			}
		}
		stayed := was.queue == is.queue
		count("moved", was.queue, !stayed)
		count("order", is.queue, stayed && (was.priority != is.priority || was.secondary != is.secondary))
		count("size", is.queue, stayed && was.size != is.size)
		count("tier", is.queue, stayed && was.tier != is.tier)
		count("unroutable", is.queue, !was.stuck && is.stuck)
		count("routable", is.queue, was.stuck && !is.stuck)
	}
	return out
}

// planted is a change and what a plan must say of it.
type planted struct {
	name    string
	change  func(*engine.Definition)
	lines   []string
	effects []string
}

func plantedChanges() []planted {
	queue := func(name string, change func(*engine.QueueDefinition)) func(*engine.Definition) {
		return func(d *engine.Definition) {
			at := slices.IndexFunc(d.Queues, func(q engine.QueueDefinition) bool { return q.Name == name })
			change(&d.Queues[at])
		}
	}
	agent := func(at int, change func(*engine.AgentDefinition)) func(*engine.Definition) {
		return func(d *engine.Definition) { change(&d.Agents[at]) }
	}
	return []planted{
		{"nothing", func(*engine.Definition) {}, nil, nil},
		{
			"priority", func(d *engine.Definition) { d.RoutingConfigs[0].Priority = 0 },
			[]string{"routing config plain: priority from 5 to 0"},
			[]string{"3 items in queue sales change order: priority 0 instead of 5", "4 items in queue support change order: priority 0 instead of 5"},
		},
		{
			"secondary priority", func(d *engine.Definition) { d.Channels[1].Secondary.Otherwise = 9 },
			[]string{"channel chat: secondary_priority from {attribute: segment, values: {gold: 0}, otherwise: 5} to {attribute: segment, values: {gold: 0}, otherwise: 9}"},
			[]string{"1 item in queue sales changes order: secondary priority 9 instead of 5"},
		},
		{
			"another routing config", queue("support", func(q *engine.QueueDefinition) { q.Routing = "skilled" }),
			[]string{"queue support: routing from plain to skilled"},
			nil,
		},
		{
			"a skill nobody holds any more", agent(0, func(a *engine.AgentDefinition) { a.Skills = nil }),
			[]string{"agent ann: loses skill dutch"},
			[]string{`1 item in queue claims becomes unroutable: skill "dutch" has no holder`, `1 item in queue support becomes unroutable: skill "dutch" has no holder`},
		},
		{
			"a level too low", agent(0, func(a *engine.AgentDefinition) { a.Skills[0].Level = 1000 }),
			[]string{"agent ann: skill dutch from level 5 to 1"},
			[]string{`1 item in queue claims becomes unroutable: nobody who could take it otherwise holds "dutch" at level 3`, `1 item in queue support becomes unroutable: nobody who could take it otherwise holds "dutch" at level 3`},
		},
		{
			"nobody in a queue", agent(2, func(a *engine.AgentDefinition) { a.Queues = engine.Member("sales") }),
			[]string{"agent cid: leaves queue claims"},
			[]string{`1 item in queue claims becomes unroutable: queue "claims" has no members`},
		},
		{
			"less capacity", func(d *engine.Definition) { d.PresenceConfigs[1].Capacity = 3 * engine.Unit },
			[]string{"presence config wide: capacity from 5 to 3"},
			[]string{"1 item in queue sales becomes unroutable: it takes 4, more than anybody who could take it may hold"},
		},
		{
			"a removed agent", func(d *engine.Definition) { d.Agents = d.Agents[1:] },
			[]string{"agent ann is removed"},
			[]string{`1 item in queue claims becomes unroutable: skill "dutch" has no holder`, `1 item in queue support becomes unroutable: skill "dutch" has no holder`},
		},
		{
			"a new agent", func(d *engine.Definition) {
				d.Agents = append(d.Agents, engine.AgentDefinition{ID: "dora", PresenceConfig: "two", Queues: engine.Member("spare")})
			},
			[]string{"agent dora is new (in spare)"},
			nil,
		},
		{
			"size of a channel", func(d *engine.Definition) { d.Channels[0].Size = engine.Units(2 * engine.Unit) },
			[]string{"channel case: size from 1 to 2"},
			[]string{"2 items in queue claims take 2 instead of 1", "1 item in queue sales takes 2 instead of 1", "4 items in queue support take 2 instead of 1"},
		},
		{
			"size of a routing config", func(d *engine.Definition) { d.RoutingConfigs[1].Size = engine.Percent(50_000) },
			[]string{"routing config skilled: size from nothing to 50%"},
			[]string{"2 items in queue claims take 50% instead of 1"},
		},
		{
			"tiers", queue("sales", func(q *engine.QueueDefinition) { q.Tiers = []engine.Time{30_000} }),
			[]string{"queue sales: tiers from nothing to [30s]"},
			[]string{"3 items in queue sales are offered to tier 1 instead of all members"},
		},
		{
			"overflow", queue("sales", func(q *engine.QueueDefinition) { q.Overflow = &engine.Overflow{To: "support", WhenNobody: true} }),
			[]string{"queue sales: overflow from nothing to {to: support, when_nobody: true}"},
			[]string{"3 items of queue sales move to support: nobody signed in"},
		},
		{
			"hours", func(d *engine.Definition) {
				d.Hours = []engine.Hours{{Name: "never", Zone: "UTC"}}
				d.Queues[1].Hours = "never"
			},
			[]string{"hours never is new", "queue sales: hours from nothing to never"},
			[]string{"queue sales closes at once; 3 items wait there"},
		},
		{
			"a new queue", func(d *engine.Definition) {
				d.Queues = append(d.Queues, engine.QueueDefinition{Name: "vip", Routing: "skilled"})
			},
			[]string{"queue vip is new (routing config skilled)"},
			nil,
		},
		{
			"a removed queue", func(d *engine.Definition) {
				d.Queues = slices.DeleteFunc(d.Queues, func(q engine.QueueDefinition) bool { return q.Name == "spare" })
			},
			[]string{"queue spare is removed"},
			nil,
		},
		{
			"a channel nobody takes", func(d *engine.Definition) { d.Statuses[0].Channels = []string{"case"} },
			[]string{"status available: channels from [case, chat] to [case]"},
			[]string{`1 item in queue sales becomes unroutable: no presence status lists channel "chat"`, `1 item in queue support becomes unroutable: no presence status lists channel "chat"`},
		},
		{
			"another strategy", func(d *engine.Definition) {
				d.Strategies = append(d.Strategies, engine.StrategyDefinition{Name: "other", Runtime: "builtin", Source: "queue"})
				d.RoutingConfigs[0].Strategy = "other"
			},
			[]string{"strategy other is new (builtin queue)", "routing config plain: strategy from queue to other"},
			nil,
		},
		{
			"scalars", func(d *engine.Definition) { d.Grace, d.MaxWaiting = 90_000, 50 },
			[]string{"connection_grace from 1m0s to 1m30s", "max_waiting from 0 to 50"},
			nil,
		},
		{
			"several at once", func(d *engine.Definition) {
				d.Agents[0].Skills, d.Agents[1].Skills = nil, []engine.Skill{{Name: "english", Level: 2000}}
				d.RoutingConfigs[1].Priority = 2
			},
			[]string{"routing config skilled: priority from 5 to 2", "agent ann: loses skill dutch", "agent bob: gains skill english at level 2"},
			[]string{
				`1 item in queue claims becomes unroutable: skill "dutch" has no holder`, `1 item in queue support becomes unroutable: skill "dutch" has no holder`,
				"2 items in queue claims change order: priority 2 instead of 5",
			},
		},
	}
}

// TestPlanSaysWhatHappens compares what plans say of changes, word by word, and
// then puts each in force and compares what they said with what happened.
func TestPlanSaysWhatHappens(t *testing.T) {
	t.Parallel()
	changes := plantedChanges()
	if len(changes) < 20 {
		t.Fatalf("only %d changes are planted", len(changes))
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := planned(t)
			d := centre()
			c.change(&d)
			before := seen(t, p)
			plan, err := p.Plan(t.Context(), host.Change{Definition: d})
			if err != nil || plan.Refused != nil {
				t.Fatal(err, plan.Refused)
			}
			var lines, effects []string
			said := make(map[string]int)
			for _, l := range plan.Lines {
				lines = append(lines, l.Text)
			}
			for _, e := range plan.Effects {
				effects = append(effects, e.Text)
				if said[e.Kind+" "+e.Queue] += e.Count; e.Kind == "closed" {
					delete(said, e.Kind+" "+e.Queue)
				}
			}
			if !slices.Equal(lines, c.lines) {
				t.Errorf("it says that this changes:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(c.lines, "\n"))
			}
			if !slices.Equal(effects, c.effects) {
				t.Errorf("it says that this happens:\n%s\nwant:\n%s", strings.Join(effects, "\n"), strings.Join(c.effects, "\n"))
			}
			if again := seen(t, p); !maps.Equal(before, again) {
				t.Error("the plan changed something")
			}
			version, err := p.Configure(t.Context(), host.Change{Definition: d, If: plan.Config, By: "tester", Note: c.name})
			if err != nil {
				t.Fatal(err)
			}
			if want := plan.Config + uint64(min(len(c.lines), 1)); version != want {
				t.Errorf("version %d, want %d", version, want)
			}
			if happened := outcome(before, seen(t, p)); !maps.Equal(happened, said) {
				t.Errorf("what happened is %v, and it said %v", happened, said)
			}
			p.onRecord(t, version, c)
		})
	}
}

// onRecord holds that the change is on record, and can be taken back whole.
func (p *place) onRecord(t *testing.T, version uint64, c planted) {
	t.Helper()
	versions, current, err := p.Versions(t.Context())
	if err != nil || current != version {
		t.Fatalf("version %d is in force, %v; want %d", current, err, version)
	}
	if last := versions[len(versions)-1]; version > 1 && (last.By != "tester" || last.Note != c.name || last.Config != version) {
		t.Errorf("on record is %+v", last)
	}
	first, _, err := p.Definition(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if lines := host.Compare(first, new(centre())); len(lines) > 0 {
		t.Errorf("the first version is remembered as another: %v", lines)
	}
	if _, err := p.Configure(t.Context(), host.Change{Definition: *first}); err != nil {
		t.Errorf("it cannot be taken back: %v", err)
	}
}

// TestConfigureIsDone holds that a change that is in force is said to be, though
// an instance that was started to see whether it does does not end well.
func TestConfigureIsDone(t *testing.T) {
	t.Parallel()
	p := planned(t)
	d := centre()
	d.Strategies = append(d.Strategies, engine.StrategyDefinition{Name: "sour", Runtime: "builtin", Source: "sour"})
	if version, err := p.Configure(t.Context(), host.Change{Definition: d, If: 1}); version != 2 || err != nil {
		t.Errorf("version %d, %v", version, err)
	}
}

// TestConfigureOrNothing holds that what cannot be put in force changes nothing.
func TestConfigureOrNothing(t *testing.T) {
	t.Parallel()
	p := planned(t)
	try := func(change func(*engine.Definition), ifVersion uint64) (*host.Plan, error) {
		d := centre()
		change(&d)
		plan, err := p.Plan(t.Context(), host.Change{Definition: d})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Configure(t.Context(), host.Change{Definition: d, If: ifVersion})
		return plan, err
	}
	for name, c := range map[string]struct {
		change func(*engine.Definition)
		want   string
	}{
		"a queue in use": {func(d *engine.Definition) {
			d.Queues = d.Queues[:2]
			for i := range d.Agents {
				d.Agents[i].Queues = nil
			}
		}, "has it as its backup"},
		"not whole":      {func(d *engine.Definition) { d.Queues[0].Routing = "nowhere" }, "there is no routing config"},
		"no such plugin": {func(d *engine.Definition) { d.Strategies[0].Source = "nothing" }, "nothing"},
		"no such runtime": {func(d *engine.Definition) {
			d.Strategies = append(d.Strategies, engine.StrategyDefinition{Name: "x", Runtime: "tape"})
		}, `there is no runtime "tape"`},
		"a bad condition": {func(d *engine.Definition) {
			d.Flows = []engine.Flow{{Name: "f", Fallback: "sales", Steps: []engine.Step{{Name: "s", When: "1 +"}}}}
		}, "ends too early"},
	} {
		plan, err := try(c.change, 0)
		if err == nil || plan.Refused == nil || !strings.Contains(fmt.Sprint(err), c.want) || !strings.Contains(fmt.Sprint(plan.Refused), c.want) {
			t.Errorf("%s: %v, and the plan says %v", name, err, plan.Refused)
		}
	}
	if _, err := try(func(d *engine.Definition) { d.Grace = 1000 }, 7); !errors.Is(err, host.ErrOtherVersion) {
		t.Errorf("for another version: %v", err)
	}
	if _, current, err := p.Versions(context.Background()); current != 1 || err != nil {
		t.Errorf("version %d is in force, %v", current, err)
	}
	if _, _, err := p.Definition(t.Context(), 9); !errors.Is(err, host.ErrNoVersion) {
		t.Errorf("a version of the future: %v", err)
	}
}
