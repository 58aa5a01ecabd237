// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"log/slog"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// TestAHostThatWasStoppedIsLateNotWrong audits after a pause in which an offer
// ran out, before the timer came to it.
func TestAHostThatWasStoppedIsLateNotWrong(t *testing.T) {
	t.Parallel()
	l := &loop{
		Workspace: &Workspace{logger: slog.New(slog.DiscardHandler)},
		engine:    engine.New(), batch: new(batch), clock: newClock(0),
	}
	ago := l.now() - 60_000
	for _, command := range []engine.Command{
		engine.Configure{Definition: engine.Definition{
			Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
			Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}},
			PresenceConfigs: []engine.PresenceConfig{{Name: "one", Capacity: engine.Unit, MaxOpen: 1}},
			RoutingConfigs:  []engine.RoutingConfig{{Name: "plain", Strategy: "queue", PushTimeout: 1000}},
			Queues:          []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
			Agents:          []engine.AgentDefinition{{ID: "a1", PresenceConfig: "one", Queues: engine.Member("support")}},
			Grace:           1000,
		}},
		engine.Connect{Agent: "a1"},
		engine.SignIn{Agent: "a1", Status: "available"},
		engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}},
		engine.Propose{Proposals: []engine.Proposal{{Work: 1, Revision: 1, Agent: "a1"}}},
	} {
		if _, err := l.engine.Step(ago, command); err != nil {
			t.Fatal(err)
		}
	}
	if w, _ := l.engine.Work(1); w.State != engine.Offered {
		t.Fatalf("the work is %v", w.State)
	}
	l.settle(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}}) // now it is a minute later
	if l.audit(); l.violations != 0 {
		t.Errorf("%d violations", l.violations)
	}
	if w, _ := l.engine.Work(1); w.State != engine.Waiting {
		t.Errorf("the work is %v", w.State)
	}
}
