// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// derived is what an engine makes of its definition and state, for comparison.
func derived(e *Engine) map[string]string {
	out := map[string]string{"pools": fmt.Sprint(e.pools), "waiting": fmt.Sprint(e.waiting)}
	for name, q := range e.queues {
		if q.stale {
			e.recount(q)
		}
		members, present := ids(q.members), []string{}
		for a := range q.present {
			present = append(present, a.ID)
		}
		slices.Sort(present)
		out["queue "+name] = fmt.Sprint(q.definition, *q.routing, q.closed, members, present, q.signedIn, q.available,
			q.pools, q.counts[Waiting:WrapUpWork+1], q.overflowing, slices.Sorted(maps.Keys(q.excluding)), q.unroutable)
		for _, w := range q.waiting {
			out["waiting "+w.ID.String()] = fmt.Sprint(w.Placement, w.Excluded, w.unroutable)
		}
	}
	for skill, holders := range e.holders {
		if list := ids(holders); len(list) > 0 {
			slices.Sort(list)
			out["skill "+skill] = fmt.Sprint(list)
		}
	}
	for _, list := range [][]*queue{e.bySkills, e.watched} {
		for i, q := range list {
			out[fmt.Sprint("list ", len(out), i)] = q.definition.Name
		}
	}
	for i, a := range e.roster {
		out["agent "+a.ID] = fmt.Sprint(i, a.Definition, *a.Presence, a.Channels, a.Skills, a.available, a.Excess, a.IdleSince)
	}
	return out
}

func ids(agents []*Agent) []string {
	list := make([]string, len(agents))
	for i, a := range agents {
		list[i] = a.ID
	}
	return list
}

// varied draws a definition of few names, so that they are often the same.
func varied(t *rapid.T, d Definition) Definition {
	d = *d.clone()
	pick := func(what string, most int) int { return rapid.IntRange(0, most).Draw(t, what) }
	name := func(prefix string, most int) string { return fmt.Sprint(prefix, pick(prefix, most)) }
	for range 1 + pick("changes", 3) {
		switch pick("kind", 5) {
		case 0:
			a := AgentDefinition{ID: name("a", 5), PresenceConfig: name("p", 1), Queues: Member(slices.Compact(slices.Sorted(slices.Values([]string{name("q", 1), name("q", 1)})))...)}
			if pick("skilled", 1) == 1 {
				a.Skills = []Skill{{Name: name("s", 2), Level: Level(1000 * pick("level", 9))}}
			}
			d.Agents = append(slices.DeleteFunc(d.Agents, func(b AgentDefinition) bool { return b.ID == a.ID }), a)
		case 1:
			gone := name("a", 5)
			d.Agents = slices.DeleteFunc(d.Agents, func(b AgentDefinition) bool { return b.ID == gone })
		case 2:
			q := &d.Queues[pick("queue", len(d.Queues)-1)]
			q.Routing, q.Tiers = name("r", 2), [][]Time{nil, {1000}, {1000, 5000}}[pick("tiers", 2)]
			if q.Overflow = nil; q.Name != "q0" && pick("overflows", 1) == 1 {
				q.Overflow = &Overflow{To: "q0", After: 3000, WhenNobody: pick("nobody", 1) == 1}
			}
		case 3:
			if len(d.Queues) == 3 {
				d.Queues = d.Queues[:2]
			} else {
				d.Queues = append(d.Queues, QueueDefinition{Name: "q2", Routing: name("r", 2)})
			}
		case 4:
			r := &d.RoutingConfigs[pick("routing", 2)]
			r.Priority, r.DeclineRule, r.BySkills = int32(pick("priority", 3)), DeclineRule(pick("rule", 2)), pick("by skills", 1) == 1
			r.Size = Units(Milli(500 * pick("size", 3)))
		case 5:
			d.Grace += 1000
		}
	}
	for i := range d.Agents { // nobody in a tier that is never asked
		for j := range d.Agents[i].Queues {
			d.Agents[i].Queues[j].Tier = 0
		}
	}
	return d
}

// TestAdjustDerivesTheSame holds that whatever changes in a definition, what is
// adjusted is what would be derived anew.
func TestAdjustDerivesTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e, at := New(), Time(1_700_000_000_000)
		do := func(c Command) Result {
			at += 700
			r, _ := e.Step(at, c) // what is refused changes nothing
			return r
		}
		d := Definition{
			Channels: []Channel{{Name: "chat", Size: Units(1000)}}, Statuses: []Status{{Name: "in", Channels: []string{"chat"}}},
			PresenceConfigs: []PresenceConfig{{Name: "p0", Capacity: 2000, MaxOpen: 2}, {Name: "p1", Capacity: 1000, MaxOpen: 1}},
			RoutingConfigs:  []RoutingConfig{{Name: "r0", Strategy: "x"}, {Name: "r1", Strategy: "x", BySkills: true}, {Name: "r2", Strategy: "x", DeclineRule: LastOnly}},
			Queues:          []QueueDefinition{{Name: "q0", Routing: "r0"}, {Name: "q1", Routing: "r1"}},
			Skills:          []string{"s0", "s1", "s2"}, Grace: 5000, KeepClosed: 2000,
		}
		do(Configure{Definition: varied(t, d)})
		narrow := 0
		for range 30 {
			agent := fmt.Sprint("a", rapid.IntRange(0, 5).Draw(t, "agent"))
			switch rapid.IntRange(0, 8).Draw(t, "do") {
			case 0, 1:
				spec := WorkSpec{Channel: "chat", Queue: fmt.Sprint("q", rapid.IntRange(0, 2).Draw(t, "queue"))}
				if rapid.Bool().Draw(t, "needs") {
					spec.Needs = []Need{{Skill: "s1", Level: 3000}}
				}
				do(CreateWork{Spec: spec})
			case 2:
				do(SignIn{Agent: agent, Status: "in"})
			case 3:
				do(Connect{Agent: agent})
			case 4:
				do(SignOut{Agent: agent})
				do(Disconnect{Agent: agent})
			case 5:
				for _, w := range slices.Clone(e.inOrder) {
					r := do(Propose{Proposals: []Proposal{{Work: w.ID, Revision: w.Revision, Agent: agent}}})
					if len(r.Verdicts) == 1 && r.Verdicts[0] == route.VerdictAcceptedByHost && rapid.Bool().Draw(t, "declines") {
						do(Decline{Assignment: r.Events[0].Assignment, Agent: agent})
					}
				}
			case 6:
				do(Tick{})
			default:
				before := e.definition
				if r := do(Configure{Definition: varied(t, *e.definition)}); len(r.Events) > 0 {
					if p := r.Events[0].Change.Patch; p.narrow() && p.Changes(before) > 0 {
						narrow++
					}
				}
			}
			again, err := Restore(e.State(), func(yield func(*Work, error) bool) {
				for _, w := range e.inOrder {
					if !w.forgotten && !yield(w.Clone(), nil) {
						return
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			got, want := derived(e), derived(again)
			for key, value := range want {
				if got[key] != value {
					t.Fatalf("%s is\n%s\nand derived anew\n%s", key, got[key], value)
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%d things are derived, %d anew", len(got), len(want))
			}
		}
		t.Logf("%d narrow changes", narrow)
	})
}

// TestVersionsLeadBack holds that every version that is remembered can be had
// again, and that a restored workspace remembers them, too.
func TestVersionsLeadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := New()
		d := Definition{
			Channels: []Channel{{Name: "chat"}}, PresenceConfigs: []PresenceConfig{{Name: "p0", Capacity: 1, MaxOpen: 1}, {Name: "p1", Capacity: 1, MaxOpen: 1}},
			RoutingConfigs: []RoutingConfig{{Name: "r0", Strategy: "x"}, {Name: "r1", Strategy: "x"}, {Name: "r2", Strategy: "x"}},
			Queues:         []QueueDefinition{{Name: "q0", Routing: "r0"}, {Name: "q1", Routing: "r1"}},
			Skills:         []string{"s0", "s1", "s2"}, Grace: 5000,
		}
		was := map[uint64]*Definition{}
		for i := range 12 {
			d = varied(t, d)
			if _, err := e.Step(Time(1000+i), Configure{Definition: d, By: "anna", Note: fmt.Sprint("change ", i)}); err != nil {
				continue
			}
			was[e.config] = e.definition.clone()
		}
		again, err := Restore(e.State(), func(func(*Work, error) bool) {})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []*Engine{e, again} {
			if len(e.Versions()) != len(was) {
				t.Fatalf("%d versions are remembered of %d", len(e.Versions()), len(was))
			}
			for config, want := range was {
				got, ok := e.DefinitionAt(config)
				if !ok || Diff(want, got).Changes(want) > 0 {
					t.Fatalf("version %d is\n%+v\nwas\n%+v", config, got, want)
				}
			}
			if _, ok := e.DefinitionAt(e.config + 1); ok {
				t.Fatal("there is a version of the future")
			}
		}
	})
}
