// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestOnlyWantedTablesAreSent gives two feeds the same history: one for a
// strategy that wants everything, one for a strategy that wants no lists.
func TestOnlyWantedTablesAreSent(t *testing.T) {
	t.Parallel()
	e := engine.New()
	do := func(command engine.Command) engine.Result {
		t.Helper()
		result, err := e.Step(1000, command)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	do(engine.Configure{Definition: engine.Definition{
		Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
		Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "one", Capacity: engine.Unit, MaxOpen: 1}},
		RoutingConfigs:  []engine.RoutingConfig{{Name: "plain", Model: route.ModelLeastActive, Strategy: "s"}},
		Queues:          []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
		Agents:          []engine.AgentDefinition{{ID: "anna", PresenceConfig: "one", Queues: engine.Member("support")}},
		Grace:           1000,
	}})
	do(engine.Connect{Agent: "anna"})
	do(engine.SignIn{Agent: "anna", Status: "available"})
	do(engine.CreateWork{Spec: engine.WorkSpec{
		Channel: "case", Queue: "support", Attributes: map[string]string{"topic": "loan"},
	}})
	filled := func(wants []route.Table) *route.Turn {
		f := newFeed(e, []string{"topic"})
		f.wants = wants
		f.setScope(scope{"support": {}}, true)
		f.settle(route.Settled{Seq: 1}, 0)
		turn := new(route.Turn)
		f.fill(turn)
		return turn
	}
	all, few := filled(nil), filled([]route.Table{route.TableAgent, route.TableWork, route.TableQueue})
	if len(all.Channels) != 1 || len(all.Members) != 1 || len(all.Attributes) != 1 || len(all.Settled) != 1 {
		t.Errorf("everything is %+v", all)
	}
	if len(few.Channels)+len(few.Members)+len(few.Attributes)+len(few.Settled) > 0 {
		t.Errorf("what was not wanted came: %+v", few)
	}
	if len(few.Agents) != 1 || len(few.Work) != 1 || len(few.Queues) != 1 {
		t.Errorf("the board is %+v", few)
	}
	var board route.Board
	if err := board.Apply(few); err != nil {
		t.Errorf("the board without lists is not taken: %v", err)
	}
}
