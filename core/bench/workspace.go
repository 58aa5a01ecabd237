// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// WorkspaceReport is what a whole workspace of that size takes: the engine, the
// desk, and the strategy with its board and indexes.
type WorkspaceReport struct {
	Agents  int `json:"agents"`
	Waiting int `json:"waiting"`
	Skills  int `json:"skills"`
	// Bytes is what it holds on the heap.
	Bytes uint64 `json:"bytes"`
	// FillSeconds is how long it took until everybody was signed in and busy,
	// and all the rest waited.
	FillSeconds float64 `json:"fill_seconds"`
}

const (
	workspaceQueues = 50
	fillStep        = 10_000 // items between two looks at the context
)

// Workspace fills a workspace in virtual time: every agent is signed in, holds
// ten skills and has one item open; the rest of the work waits, and requires two
// skills. It blocks until that is done and returns ctx's error if that ends.
func Workspace(ctx context.Context, options DecideOptions, plugin route.Plugin) (*WorkspaceReport, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	before, began := heap(), time.Now()
	world, err := sim.New(ctx, sim.Options{
		Start: 1_700_000_000_000, Definition: workspaceDefinition(&options), Seed: options.Seed,
		Strategies: []strategy.Spec{{Name: "decides", Runtime: "builtin", Source: plugin.Manifest.Name}},
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{plugin.Manifest.Name: plugin})},
	})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer world.Close()
	f := filler{ctx: ctx, options: &options, world: world}
	if err := f.fill(); err != nil {
		return nil, err
	}
	report := &WorkspaceReport{
		Agents: options.Agents, Waiting: options.Waiting, Skills: options.Skills, FillSeconds: time.Since(began).Seconds(),
	}
	report.Bytes = heap() - before
	waiting := 0
	world.Engine().EachQueue(func(b engine.Backlog) bool {
		waiting += b.Waiting
		return true
	})
	if waiting != options.Waiting {
		return nil, fmt.Errorf("bench: %d items wait where %d should", waiting, options.Waiting)
	}
	return report, nil
}

// filler brings agents and work into a world.
type filler struct {
	ctx     context.Context
	options *DecideOptions
	world   *sim.World
}

func (f *filler) fill() error {
	for i := range f.options.Agents {
		id := workspaceAgent(i)
		for _, command := range []engine.Command{engine.Connect{Agent: id}, engine.SignIn{Agent: id, Status: "available"}} {
			if _, err := f.world.Do(command); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
		}
	}
	for i := range f.options.Agents + f.options.Waiting {
		spec := engine.WorkSpec{Channel: "case", Queue: workspaceQueue(i)}
		if busy := i < f.options.Agents; busy {
			spec.RequiredAgent = workspaceAgent(i)
		} else {
			spec.Needs = []engine.Need{f.need(i), f.need(i / 7)}
		}
		if _, err := f.world.Do(engine.CreateWork{Spec: spec}); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if i%fillStep == 0 || i == f.options.Agents-1 || i == f.options.Agents+f.options.Waiting-1 {
			if err := f.world.Run(f.ctx, f.world.Now()+1); err != nil {
				return err
			}
			f.tell(i)
		}
	}
	return nil
}

func (f *filler) tell(done int) {
	if f.options.Progress != nil {
		f.options.Progress(done, f.options.Agents+f.options.Waiting)
	}
}

func (f *filler) need(i int) engine.Need {
	return engine.Need{Skill: workspaceSkill(i % f.options.Skills), Level: engine.Level(1000 + i%4*1000)}
}

func workspaceAgent(i int) string { return fmt.Sprintf("agent-%06d", i) }
func workspaceQueue(i int) string { return fmt.Sprintf("queue-%02d", i%workspaceQueues) }
func workspaceSkill(i int) string { return fmt.Sprintf("skill-%04d", i) }

func workspaceDefinition(o *DecideOptions) engine.Definition {
	d := engine.Definition{
		Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
		Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "one", Capacity: engine.Unit, MaxOpen: 1, AutoAccept: true}},
		RoutingConfigs:  []engine.RoutingConfig{{Name: "skilled", Model: route.ModelLongestIdle, Strategy: "decides", BySkills: true}},
		Grace:           1000,
	}
	for i := range o.Skills {
		d.Skills = append(d.Skills, workspaceSkill(i))
	}
	for i := range workspaceQueues {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: workspaceQueue(i), Routing: "skilled"})
	}
	for i := range o.Agents {
		a := engine.AgentDefinition{
			ID: workspaceAgent(i), PresenceConfig: "one", Queues: engine.Member(workspaceQueue(i)),
		}
		for j := range 10 {
			a.Skills = append(a.Skills, engine.Skill{Name: workspaceSkill((i*7 + j*(o.Skills/10)) % o.Skills), Level: engine.Level(1000 * (1 + j%9))})
		}
		d.Agents = append(d.Agents, a)
	}
	return d
}
