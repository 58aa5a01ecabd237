// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// large is a workspace of the largest size there is to be: so many agents, each
// with ten of a thousand skills and in two of a hundred queues.
func large(agents int) engine.Definition {
	d := engine.Definition{
		Channels:        []engine.Channel{{Name: "chat"}},
		Statuses:        []engine.Status{{Name: "online", Channels: []string{"chat"}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "standard", Capacity: 3000, MaxOpen: 100}},
		RoutingConfigs: []engine.RoutingConfig{
			{Name: "plain", Strategy: "queue", Size: engine.Units(1000), Priority: 5},
			{Name: "skilled", Strategy: "skills", Size: engine.Units(1000), BySkills: true},
		},
		Grace: 15_000, KeepClosed: 1000,
	}
	for i := range 1000 {
		d.Skills = append(d.Skills, fmt.Sprintf("s%03d", i))
	}
	for i := range 100 {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: fmt.Sprintf("q%02d", i), Routing: []string{"plain", "skilled"}[i%2]})
	}
	for i := range agents {
		a := engine.AgentDefinition{ID: fmt.Sprintf("a%06d", i), PresenceConfig: "standard"}
		a.Queues = engine.Member(fmt.Sprintf("q%02d", i%100), fmt.Sprintf("q%02d", (i+7)%100))
		for j := range 10 {
			a.Skills = append(a.Skills, engine.Skill{Name: fmt.Sprintf("s%03d", (i*7+j*97)%1000), Level: engine.Level(1000 * (1 + (i+j)%10))})
		}
		d.Agents = append(d.Agents, a)
	}
	d.Sort()
	return d
}

// BenchmarkConfigure changes a little of a large workspace, back and forth.
func BenchmarkConfigure(b *testing.B) {
	const agents, waiting = 100_000, 1_000_000
	e := engine.New()
	first := large(agents)
	mustStep(b, e, start, engine.Configure{Definition: first})
	for i := range agents {
		mustStep(b, e, start, engine.Connect{Agent: fmt.Sprintf("a%06d", i)})
		mustStep(b, e, start, engine.SignIn{Agent: fmt.Sprintf("a%06d", i), Status: "online"})
	}
	for i := range waiting {
		spec := engine.WorkSpec{Channel: "chat", Queue: fmt.Sprintf("q%02d", i%100)}
		if i%2 == 1 {
			spec.Needs = []engine.Need{{Skill: fmt.Sprintf("s%03d", i%1000), Level: 3000}}
		}
		mustStep(b, e, start+engine.Time(i/10), engine.CreateWork{Spec: spec})
	}
	at := start + waiting/10
	for _, c := range []struct {
		name   string
		change func(*engine.Definition)
	}{
		{"queue", func(d *engine.Definition) { d.Queues[3].Within = 20_000 }},
		{"agent", func(d *engine.Definition) { d.Agents[500].Skills = d.Agents[500].Skills[:9] }},
		{"priority", func(d *engine.Definition) { d.RoutingConfigs[0].Priority = 3 }},
	} {
		other := large(agents)
		c.change(&other)
		there, err := engine.Configure{Definition: other}.Prepare()
		if err != nil {
			b.Fatal(err)
		}
		back, err := engine.Configure{Definition: first}.Prepare()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				mustStep(b, e, at, []engine.Configure{there, back}[i%2])
			}
		})
		b.Run(c.name+"/prepare", func(b *testing.B) {
			for b.Loop() {
				if _, err := (engine.Configure{Definition: other}).Prepare(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
