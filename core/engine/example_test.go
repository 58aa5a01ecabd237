// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// A workspace takes commands with the time and answers with events; replaying
// the events gives the same workspace again.
func Example() {
	e, again := engine.New(), engine.New()
	now := engine.Time(1_700_000_000_000)
	for _, command := range []engine.Command{
		engine.Configure{Definition: engine.Definition{
			Channels:        []engine.Channel{{Name: "chat", Size: engine.Units(engine.Unit)}},
			Statuses:        []engine.Status{{Name: "online", Channels: []string{"chat"}}},
			PresenceConfigs: []engine.PresenceConfig{{Name: "normal", Capacity: 3 * engine.Unit, MaxOpen: 10}},
			RoutingConfigs:  []engine.RoutingConfig{{Name: "normal", Strategy: "queue"}},
			Queues:          []engine.QueueDefinition{{Name: "support", Routing: "normal"}},
			Agents:          []engine.AgentDefinition{{ID: "ann", PresenceConfig: "normal", Queues: engine.Member("support")}},
			Grace:           15_000,
		}},
		engine.Connect{Agent: "ann"},
		engine.SignIn{Agent: "ann", Status: "online"},
		engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}},
		engine.Propose{Proposals: []engine.Proposal{{Work: 1, Revision: 1, Agent: "ann"}}},
		engine.Accept{Assignment: 1, Agent: "ann"},
		engine.Decline{Assignment: 1, Agent: "ann"},
	} {
		result, err := e.Step(now, command)
		if err != nil {
			fmt.Println("refused:", err)
		}
		for _, ev := range result.Events {
			fmt.Println(ev.Number, ev.Kind)
			if err := again.Replay(ev); err != nil {
				fmt.Println(err)
			}
		}
	}
	w, _ := again.Work(1)
	fmt.Println(w.ID, "is", w.State, "at", w.Owner().Agent)
	// Output:
	// 1 configured
	// 2 agent_connected
	// 3 agent_signed_in
	// 4 work_created
	// 5 work_offered
	// 6 offer_accepted
	// refused: wrong_state: a1 is accepted; it can be declined only while offered
	// w1 is open at ann
}
