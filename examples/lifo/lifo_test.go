// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package lifo_test

import (
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/examples/lifo"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestConformance plays what holds for every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.Run(t, lifo.Plugin())
}

// TestLastFirst shows the rule itself: the youngest goes first, and among those
// of one age who came last.
func TestLastFirst(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	for _, agent := range []string{"anna", "bert", "carl"} {
		host.Agent(agent).In("support").On("case")
	}
	host.Work("old").In("support").On("case").Size(1000).Age(5000)
	host.Work("young").In("support").On("case").Size(1000)
	host.Work("youngest").In("support").On("case").Size(1000)
	strategy := lifo.Plugin().New()
	var reply route.Reply
	for _, turn := range host.Turns() {
		if err := strategy.Turn(turn, &reply); err != nil {
			t.Fatal(err)
		}
	}
	var offered []uint32
	for _, proposal := range reply.Proposals {
		offered = append(offered, proposal.Work)
	}
	if want := []uint32{2, 1, 0}; !slices.Equal(offered, want) {
		t.Errorf("work was offered in the order %v, want %v: youngest, young, old", offered, want)
	}
}
