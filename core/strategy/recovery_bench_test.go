// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// BenchmarkRecovery measures, with 10,000 agents, from the crash of a strategy to
// where it decides again: start, snapshot, and the turns by which it proves
// itself. Without a standby the first restart comes 100 ms after the crash; these
// are not counted.
func BenchmarkRecovery(b *testing.B) {
	for _, carrier := range carriers() {
		if carrier.name == "remote" {
			continue // how long a vendor's program takes to start is not ours to say
		}
		for _, standby := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/standby=%t", carrier.name, standby), func(b *testing.B) {
				benchRecovery(b, carrier, standby)
			})
		}
	}
}

func benchRecovery(b *testing.B, by carrier, standby bool) {
	b.Helper()
	c := newCentre(b, by, row{way: "panics"})
	for i := range 10_000 {
		c.definition.Agents = append(c.definition.Agents, engine.AgentDefinition{
			ID: fmt.Sprintf("extra%05d", i), PresenceConfig: "one", Queues: engine.Member("support"),
		})
	}
	c.change = func(spec *strategy.Spec) { spec.Standby = standby }
	c.opens(misbehaving.Settings{Way: "panics", From: 8})
	for i := range 10_000 {
		agent := fmt.Sprintf("extra%05d", i)
		c.do(engine.Connect{Agent: agent})
		c.do(engine.SignIn{Agent: agent, Status: "writing"})
	}
	var times []time.Duration
	for b.Loop() {
		c.pass(70 * time.Second) // it is well, and its standby there
		times = append(times, c.crash())
	}
	b.ReportMetric(median(times), "ms/recovery")
	b.ReportMetric(0, "ns/op")
}

// crash goes on until the strategy has died, and then until it decides again.
func (c *centre) crash() time.Duration {
	c.t.Helper()
	died := c.status().Counts.Faults
	for c.status().Counts.Faults == died {
		c.now += 10
		c.arrives("support")
		for c.status().Counts.Faults == died && c.job() {
		}
		if c.status().Counts.Faults == died {
			c.serve()
		}
	}
	began := time.Now()
	for c.status().State != strategy.Active {
		if at, ok := c.desk.WakeAt(); ok {
			c.now = max(c.now, at)
		}
		if !c.job() {
			c.t.Fatalf("it does not come back: %+v", c.status())
		}
	}
	took := time.Since(began)
	c.run()
	c.serve()
	c.events = c.events[:0]
	return took
}

// job runs one job without looking at the invariants, which takes its time.
func (c *centre) job() bool {
	job := c.desk.Next(c.now)
	if job == nil {
		return false
	}
	job.Run(c.t.Context())
	c.desk.Done(c.now, job, c.step)
	return true
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2]) / float64(time.Millisecond)
}
