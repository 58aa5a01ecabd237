// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/examples/lifo"
	"github.com/patchbay-cx/patchbay/examples/shuffle"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a run by any strategy there is, linked in.
func options() scenario.Options {
	return scenario.Options{Runtimes: map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{
		"queue": queue.Plugin(), "skills": skills.Plugin(), "lifo": lifo.Plugin(), "shuffle": shuffle.Plugin(),
	})}}
}

// load reads a scenario of package scenario's, to be played so often with so
// many customers; 0 for as many as it says.
func load(t *testing.T, file string, replications, customers int) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load("../scenario/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	s.Replications = replications
	if customers > 0 {
		s.Horizon.Customers, s.WarmUp.Customers = customers, customers/10
	}
	return s
}
