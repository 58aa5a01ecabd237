// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func mustStep(b *testing.B, e *engine.Engine, at engine.Time, c engine.Command) engine.Result {
	b.Helper()
	r, err := e.Step(at, c)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// busy returns a workspace with ann present and so much work waiting.
func busy(b *testing.B, waiting int) *engine.Engine {
	b.Helper()
	e := engine.New()
	d := centre()
	d.KeepClosedItems = 10_000
	mustStep(b, e, start, engine.Configure{Definition: d})
	mustStep(b, e, start, engine.Connect{Agent: "ann"})
	mustStep(b, e, start, engine.SignIn{Agent: "ann", Status: "online"})
	for i := range waiting {
		mustStep(b, e, start+engine.Time(i), engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support", External: "crm/1"}})
	}
	return e
}

// BenchmarkCycle is the whole life of an item: created, proposed, accepted,
// completed; with much else waiting and without.
func BenchmarkCycle(b *testing.B) {
	for _, waiting := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			e := busy(b, waiting)
			by := engine.Decision{Strategy: "queue", Version: "1.0.0", Runtime: "builtin"}
			at := start + engine.Time(waiting)
			b.ReportAllocs()
			for b.Loop() {
				at++
				w := mustStep(b, e, at, engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}}).Work
				r := mustStep(b, e, at, engine.Propose{By: by, Proposals: []engine.Proposal{{Work: w, Revision: 1, Agent: "ann"}}})
				if r.Verdicts[0] != route.VerdictAcceptedByHost {
					b.Fatal(r.Verdicts)
				}
				a := r.Events[0].Assignment
				mustStep(b, e, at, engine.Accept{Assignment: a, Agent: "ann"})
				mustStep(b, e, at, engine.Complete{Assignment: a, Agent: "ann"})
				mustStep(b, e, at, engine.Tick{})
			}
		})
	}
}

// BenchmarkCreate brings an item in where a million wait, and says what a
// waiting item takes of memory.
func BenchmarkCreate(b *testing.B) {
	const waiting = 1_000_000
	before := live()
	e := busy(b, waiting)
	perItem := float64(live()-before) / waiting
	at := start + engine.Time(waiting)
	b.ReportAllocs()
	for b.Loop() {
		at++
		mustStep(b, e, at, engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}})
	}
	b.ReportMetric(perItem, "B/item")
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkAudit is what the invariants cost a small workspace each time.
func BenchmarkAudit(b *testing.B) {
	e := busy(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, found := e.Audit(0, 100); found != nil {
			b.Fatal(found)
		}
	}
}

// BenchmarkReplay is what an event costs a restart.
func BenchmarkReplay(b *testing.B) {
	e := engine.New()
	var events []engine.Event
	do := func(c engine.Command) {
		events = append(events, mustStep(b, e, start, c).Events...)
	}
	do(engine.Configure{Definition: centre()})
	do(engine.Connect{Agent: "ann"})
	do(engine.SignIn{Agent: "ann", Status: "online"})
	for i := range engine.WorkID(10_000) {
		do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}})
		do(engine.Propose{Proposals: []engine.Proposal{{Work: i + 1, Revision: 1, Agent: "ann"}}})
		do(engine.Accept{Assignment: engine.AssignmentID(i + 1), Agent: "ann"})
		do(engine.Complete{Assignment: engine.AssignmentID(i + 1), Agent: "ann"})
	}
	b.ReportAllocs()
	for b.Loop() {
		again := engine.New()
		for _, ev := range events {
			if err := again.Replay(ev); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}

// BenchmarkPresence has an agent come and go beside 100 items that others
// declined, in a queue most of whose many members are away.
func BenchmarkPresence(b *testing.B) {
	const members, there, declined = 50_000, 10, 100
	d := centre()
	presence := d.Agents[0].PresenceConfig
	name := func(i int) string { return fmt.Sprintf("z%05d", i) }
	for i := range members {
		d.Agents = append(d.Agents, engine.AgentDefinition{ID: name(i), PresenceConfig: presence, Queues: engine.Member("support")})
	}
	e := engine.New()
	mustStep(b, e, start, engine.Configure{Definition: d})
	for i := members - there; i < members; i++ {
		mustStep(b, e, start, engine.Connect{Agent: name(i)})
		mustStep(b, e, start, engine.SignIn{Agent: name(i), Status: "online"})
	}
	for i := range declined {
		agent := name(members - 1 - i%(there-1))
		w := mustStep(b, e, start, engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}}).Work
		r := mustStep(b, e, start, engine.Propose{Proposals: []engine.Proposal{{Work: w, Revision: 1, Agent: agent}}})
		if r.Verdicts[0] != route.VerdictAcceptedByHost {
			b.Fatal(r.Verdicts)
		}
		mustStep(b, e, start, engine.Decline{Assignment: r.Events[0].Assignment, Agent: agent, Reason: "busy"})
	}
	b.ReportAllocs()
	for b.Loop() {
		mustStep(b, e, start, engine.SignIn{Agent: name(0), Status: "online"})
		mustStep(b, e, start, engine.SignOut{Agent: name(0)})
	}
}

// BenchmarkLarge is settling and the life of work where ten thousand agents are
// there and as many items wait.
func BenchmarkLarge(b *testing.B) {
	const agents = 10_000
	d := centre()
	presence := d.Agents[0].PresenceConfig
	name := func(i int) string { return fmt.Sprintf("z%05d", i) }
	for i := range agents {
		d.Agents = append(d.Agents, engine.AgentDefinition{ID: name(i), PresenceConfig: presence, Queues: engine.Member("support")})
	}
	d.KeepClosedItems = 10_000
	e := engine.New()
	mustStep(b, e, start, engine.Configure{Definition: d})
	for i := range agents {
		mustStep(b, e, start, engine.Connect{Agent: name(i)})
		mustStep(b, e, start, engine.SignIn{Agent: name(i), Status: "online"})
		mustStep(b, e, start, engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}})
	}
	at, n := start, 0
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			at++
			mustStep(b, e, at, engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}})
		}
	})
	b.Run("settle", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			at++
			n++
			agent := name(n % agents)
			w := mustStep(b, e, at, engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}}).Work
			r := mustStep(b, e, at, engine.Propose{By: engine.Decision{Strategy: "queue"}, Proposals: []engine.Proposal{{Work: w, Revision: 1, Agent: agent}}})
			a := r.Events[0].Assignment
			mustStep(b, e, at, engine.Accept{Assignment: a, Agent: agent})
			mustStep(b, e, at, engine.Complete{Assignment: a, Agent: agent})
		}
	})
}
