// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// metropolis is a workspace beyond the largest contact centre known: 100,000
// agents signed in, a million items waiting.
func metropolis(b *testing.B) *rig {
	b.Helper()
	const queues, agents, items = 20, 100_000, 1_000_000
	r := newRig(b, func(d *engine.Definition) {
		d.Queues, d.Agents = nil, nil
		for i := range queues {
			d.Queues = append(d.Queues, engine.QueueDefinition{Name: fmt.Sprintf("queue-%02d", i), Routing: "normal"})
		}
		for i := range agents {
			d.Agents = append(d.Agents, engine.AgentDefinition{
				ID: fmt.Sprintf("agent-%06d", i), PresenceConfig: "standard",
				Queues: engine.Member(d.Queues[i%queues].Name, d.Queues[(i+1)%queues].Name),
			})
		}
	})
	for i := range agents {
		id := fmt.Sprintf("agent-%06d", i)
		r.do(engine.Connect{Agent: id})
		r.do(engine.SignIn{Agent: id, Status: "online"})
	}
	for i := range items {
		r.do(engine.CreateWork{Spec: engine.WorkSpec{
			Channel: "chat", Queue: fmt.Sprintf("queue-%02d", i%queues),
			Attributes: map[string]string{"language": "en", "secret": "x"},
		}})
	}
	r.events = nil
	return r
}

// BenchmarkDesk measures what one strategy costs its workspace's loop.
func BenchmarkDesk(b *testing.B) {
	r := metropolis(b)
	r.desk(Spec{Name: "first", Attributes: []string{"language"}}, Spec{Name: "second"})
	r.silent("first") // the strategy's own time does not count
	r.silent("second")
	r.start()
	p := r.d.named["first"]
	seen := func(turn *route.Turn) int { return len(turn.Work) + len(turn.Agents) }
	for p.nextTurn(r.now, 1); p.feed.next != route.KindDelta; p.nextTurn(r.now, 1) {
	}
	b.Run("snapshot page", func(b *testing.B) {
		p.feed.reset()
		b.ReportAllocs()
		rows := 0
		for b.Loop() {
			if p.nextTurn(r.now, 1); p.feed.next == route.KindDelta {
				b.StopTimer()
				p.feed.reset()
				b.StartTimer()
			}
			rows += seen(&p.turn)
		}
		b.ReportMetric(float64(rows)/float64(b.N), "rows/op")
	})
	b.Run("whole snapshot", func(b *testing.B) {
		b.ReportAllocs()
		var reset time.Duration
		for b.Loop() {
			began := time.Now()
			p.feed.reset() // of a full board
			reset += time.Since(began)
			for p.nextTurn(r.now, 1); p.feed.next != route.KindDelta; p.nextTurn(r.now, 1) {
			}
		}
		b.ReportMetric(float64(reset.Nanoseconds())/float64(b.N), "reset-ns/op")
	})
	for p.feed.pending() {
		p.nextTurn(r.now, 1)
	}
	for _, rows := range []int{1, 256} {
		events := make([]engine.Event, rows)
		for i := range events {
			id := engine.WorkID(1 + i*3571)
			w, _ := r.e.Work(id)
			events[i] = engine.Event{
				Kind: engine.KindWorkOffered, Work: id, Queue: w.Queue, Agent: fmt.Sprintf("agent-%06d", i*353), Assignment: 1,
			}
		}
		b.Run(fmt.Sprintf("observe %d", rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range events {
					r.d.Observe(&events[i])
				}
			}
		})
		b.Run(fmt.Sprintf("observe and turn %d", rows), func(b *testing.B) {
			b.ReportAllocs()
			sent := 0
			for b.Loop() {
				for i := range events {
					r.d.Observe(&events[i])
				}
				p.nextTurn(r.now, 1)
				sent += seen(&p.turn)
			}
			b.ReportMetric(float64(sent)/float64(b.N), "rows/op")
		})
	}
}
