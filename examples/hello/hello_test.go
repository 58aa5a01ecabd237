// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package hello_test

import (
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/examples/hello"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestConformance plays what holds for every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.Run(t, hello.Plugin())
}

// TestLongestFirst shows the rule itself: the age counts, not who came first,
// and the agent who has been idle for longest is asked.
func TestLongestFirst(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case").Idle(10_000)
	host.Agent("bert").In("support").On("case").Idle(60_000)
	host.Work("young").In("support").On("case").Size(1000)
	host.Work("old").In("support").On("case").Size(1000).Age(5000)
	offers, _, err := host.Decide(hello.Plugin().New())
	if got := fmt.Sprint(offers); err != nil || got != "[old -> bert young -> anna]" {
		t.Errorf("offered %s, %v", got, err)
	}
}
