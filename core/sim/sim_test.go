// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestOptionsAreNotChanged holds that specs may be shared by worlds, and be
// used for a host afterwards.
func TestOptionsAreNotChanged(t *testing.T) {
	t.Parallel()
	specs := []strategy.Spec{{
		Name: "queue", Runtime: "builtin", Source: "queue", Limits: strategy.Limits{TurnDeadline: time.Second},
	}}
	world, err := sim.New(t.Context(), sim.Options{
		Start: 1_000_000,
		Definition: engine.Definition{
			Channels:       []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
			RoutingConfigs: []engine.RoutingConfig{{Name: "plain", Strategy: "queue"}},
			Queues:         []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
			Grace:          1000,
		},
		Strategies: specs,
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})},
	})
	if err != nil {
		t.Fatal(err)
	}
	world.Close()
	if got := specs[0].Limits.TurnDeadline; got != time.Second {
		t.Errorf("the caller's deadline has become %v", got)
	}
}
