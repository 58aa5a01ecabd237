// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestAnswersTakeVirtualTime gives a strategy half a second to answer: what it
// proposes is settled then, on the state as it has become.
func TestAnswersTakeVirtualTime(t *testing.T) {
	t.Parallel()
	const start = engine.Time(1_700_000_000_000)
	var told []string
	turns := 0
	options := sim.Options{
		Start: start,
		Definition: engine.Definition{
			Channels:        []engine.Channel{{Name: "call", Size: engine.Units(engine.Unit)}},
			Statuses:        []engine.Status{{Name: "on", Channels: []string{"call"}}},
			PresenceConfigs: []engine.PresenceConfig{{Name: "plain", Capacity: engine.Unit, MaxOpen: 1, AutoAccept: true}},
			RoutingConfigs:  []engine.RoutingConfig{{Name: "plain", Strategy: "queue"}},
			Queues:          []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
			Agents:          []engine.AgentDefinition{{ID: "anna", PresenceConfig: "plain", Queues: engine.Member("support")}},
			Grace:           1000,
		},
		Strategies: []strategy.Spec{{Name: "queue", Runtime: "builtin", Source: "queue"}},
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})},
		AnswerTime: func(took time.Duration) engine.Time {
			if took < 0 {
				t.Errorf("a turn took %v", took)
			}
			turns++
			return 500
		},
		Watch: func(ev *engine.Event) {
			switch ev.Kind {
			case engine.KindWorkOffered, engine.KindProposalRefused, engine.KindWorkAbandoned:
				told = append(told, fmt.Sprintf("%d %v %v %v", ev.At-start, ev.Kind, ev.Work, ev.Verdict))
			}
		},
	}
	world, err := sim.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	do := func(command engine.Command) {
		if _, err := world.Do(command); err != nil {
			t.Errorf("%T: %v", command, err)
		}
	}
	create := engine.CreateWork{Spec: engine.WorkSpec{Channel: "call", Queue: "support"}}
	world.At(start+10_000, func() {
		do(engine.Connect{Agent: "anna"})
		do(engine.SignIn{Agent: "anna", Status: "on"})
	})
	world.At(start+20_000, func() { do(create) }) // leaves while the strategy thinks
	world.At(start+20_200, func() { do(engine.AbandonWork{Work: 1}) })
	world.At(start+30_000, func() { do(create) })
	if err := world.Run(t.Context(), start+60_000); err != nil {
		t.Fatal(err)
	}
	none := route.VerdictNone
	want := []string{
		fmt.Sprintf("20200 %v w1 %v", engine.KindWorkAbandoned, none),
		fmt.Sprintf("20500 %v w1 %v", engine.KindProposalRefused, route.VerdictGone),
		fmt.Sprintf("30500 %v w2 %v", engine.KindWorkOffered, none),
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if turns < 4 {
		t.Errorf("asked for %d answer times", turns)
	}
}
