// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
)

const (
	now    engine.Time = 1_795_514_400_000 // 2026-11-24T10:00:00Z
	second engine.Time = 1000
	minute             = 60 * second
)

// room is what is known of one queue.
type room struct {
	online, available, waiting int
	wait                       engine.Time // 0 for not known
	open                       bool
}

// present is a present that a test makes up. It keeps what it was asked for.
type present struct {
	queues map[string]room
	asked  []string
}

var _ intake.Facts = (*present)(nil)

func (p *present) room(queue string) room {
	p.asked = append(p.asked, queue)
	return p.queues[queue]
}

func (p *present) AgentsIn(queue string) (online, available int) {
	r := p.room(queue)
	return r.online, r.available
}

func (p *present) WaitingIn(queue string) (waiting int, wait engine.Time, known bool) {
	r := p.room(queue)
	return r.waiting, r.wait, r.wait > 0
}

func (p *present) IsOpen(queue string) bool { return p.room(queue).open }

// today is a usual morning: support is busy, the night shift is closed.
func today() *present {
	return &present{queues: map[string]room{
		"support": {online: 4, available: 1, waiting: 6, wait: 90 * second, open: true},
		"sales":   {online: 2, available: 2, open: true},
		"vip":     {online: 1, open: true},
	}}
}

// desk is a definition with a few queues and people, and these flows.
func desk(flows ...engine.Flow) *engine.Definition {
	d := &engine.Definition{
		Channels:        []engine.Channel{{Name: "chat"}, {Name: "email"}, {Name: "voice"}},
		Statuses:        []engine.Status{{Name: "online", Channels: []string{"chat"}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "normal", Capacity: engine.Unit, MaxOpen: 10}},
		RoutingConfigs:  []engine.RoutingConfig{{Name: "normal", Strategy: "queue"}},
		Agents:          []engine.AgentDefinition{{ID: "ann", PresenceConfig: "normal"}, {ID: "bob", PresenceConfig: "normal"}},
		Skills:          []string{"english", "german", "refunds", "sales"},
		Grace:           15 * second,
		Flows:           flows,
	}
	for _, name := range []string{"support", "sales", "vip", "night", "lost"} {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: name, Routing: "normal"})
	}
	return d
}

// intakeOf is the flow named intake with these steps, which falls back to lost.
func intakeOf(steps ...engine.Step) engine.Flow {
	return engine.Flow{Name: "intake", Fallback: "lost", Steps: steps}
}

// compiled compiles a definition that must be sound in every respect.
func compiled(t testing.TB, d *engine.Definition) *intake.Plan {
	t.Helper()
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := intake.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refund is a chat of a German customer.
func refund() engine.WorkSpec {
	return engine.WorkSpec{
		Channel: "chat", Queue: "support", Customer: "c-7", RequestedAt: now - 8*minute,
		Attributes: map[string]string{"tier": "gold", "language": "de", "subject": "Refund, please"},
	}
}

func instant(t *testing.T, text string) engine.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Time(at.UnixMilli())
}
