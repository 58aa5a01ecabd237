// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package hello_test

import (
	"context"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/examples/hello"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestConformance plays what holds for every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	plugin := hello.Plugin()
	routetest.Run(t, routetest.Suite{
		Strategy: plugin.Manifest.Name, Reasons: plugin.Manifest.Reasons,
		Open: func(context.Context) (routetest.Carrier, error) {
			strategy := plugin.New()
			return routetest.Direct(strategy), strategy.Configure([]byte("{}"))
		},
	})
}

// TestLongestFirst shows the rule itself: the age counts, not who came first.
func TestLongestFirst(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	host.Work("young").In("support").On("case").Size(1000)
	host.Work("old").In("support").On("case").Size(1000).Age(5000)
	strategy := hello.Plugin().New()
	var offered []uint32
	for range 2 {
		var reply route.Reply
		for _, turn := range host.Turns() {
			if err := strategy.Turn(turn, &reply); err != nil {
				t.Fatal(err)
			}
		}
		for _, proposal := range reply.Proposals {
			offered = append(offered, proposal.Work)
			host.Settle(host.Seq(), proposal)
		}
		if len(offered) == 1 {
			host.Accept("old") // panics if it is not the one that is offered
			host.Complete("old")
		}
	}
	if !slices.Equal(offered, []uint32{1, 0}) {
		t.Errorf("work was offered in the order %v, want 1 (old), 0 (young)", offered)
	}
}
