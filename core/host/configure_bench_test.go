// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// largest is a workspace of the largest size there is to be.
func largest(agents int) engine.Definition {
	d := definition(agents)
	d.Queues = nil
	for i := range 1000 {
		d.Skills = append(d.Skills, fmt.Sprintf("s%03d", i))
	}
	for i := range 100 {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: fmt.Sprintf("q%02d", i), Routing: "plain"})
	}
	for i := range d.Agents {
		a := &d.Agents[i]
		a.ID, a.Queues = fmt.Sprintf("a%06d", i), engine.Member(fmt.Sprintf("q%02d", i%100), fmt.Sprintf("q%02d", (i+7)%100))
		for j := range 10 {
			a.Skills = append(a.Skills, engine.Skill{Name: fmt.Sprintf("s%03d", (i*7+j*97)%1000), Level: 5000})
		}
	}
	d.Sort()
	return d
}

// BenchmarkApply puts a definition in force that differs a little from that of a
// workspace with 100,000 agents and a million waiting items: what the loop is at
// without a break, and how long it takes in all until the strategy knows the new
// board.
func BenchmarkApply(b *testing.B) {
	const agents, waiting = 100_000, 1_000_000
	e, at := engine.New(), engine.Time(1_700_000_000_000)
	var desk *strategy.Desk
	step := func(c engine.Command) engine.Result {
		r, err := e.Step(at, c)
		if err != nil {
			b.Fatal(err)
		}
		for i := range r.Events {
			if desk == nil {
				break
			}
			if r.Events[i].Kind == engine.KindConfigured {
				if err := desk.Reconfigure(); err != nil {
					b.Fatal(err)
				}
			}
			desk.Observe(&r.Events[i])
		}
		return r
	}
	first := largest(agents)
	step(engine.Configure{Definition: first})
	for i := range waiting {
		step(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: fmt.Sprintf("q%02d", i%100)}})
	}
	desk, err := strategy.NewDesk(e, queueStrategy(), builtins(nil), 1)
	if err != nil {
		b.Fatal(err)
	}
	settled := func() {
		for job := desk.Next(at); job != nil; job = desk.Next(at) {
			job.Run(context.Background())
			desk.Done(at, job, step)
		}
	}
	desk.Start(context.Background(), at, step)
	settled()
	other := largest(agents)
	other.RoutingConfigs[0].Priority = 3
	other.Agents[77].Skills = other.Agents[77].Skills[:5]
	var commands [2]engine.Configure
	for i, d := range []engine.Definition{other, first} {
		if commands[i], err = (engine.Configure{Definition: d}).Prepare(); err != nil {
			b.Fatal(err)
		}
	}
	var held time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		step(commands[n%2])
		held += time.Since(began)
		settled()
		n++
	}
	b.ReportMetric(float64(held.Milliseconds())/float64(n), "held-ms/op")
	desk.Close(context.Background())
}
