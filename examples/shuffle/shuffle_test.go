// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shuffle_test

import (
	"strconv"
	"testing"

	"github.com/patchbay-cx/patchbay/examples/shuffle"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestConformance plays what holds for every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.Run(t, shuffle.Plugin())
}

// TestEverybodyIsDrawn shows the rule itself: of ten who wait, one agent is
// given each about as often, and the same seed draws the same one.
func TestEverybodyIsDrawn(t *testing.T) {
	t.Parallel()
	const waiting, turns = 10, 2000
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	for i := range waiting {
		host.Work("w" + strconv.Itoa(i)).In("support").On("case").Size(1000)
	}
	snapshot := host.Turns()
	drawn := func(seed uint64) uint32 {
		strategy := shuffle.Plugin().New()
		var reply route.Reply
		for _, turn := range snapshot {
			turn.Seed = seed
			if err := strategy.Turn(turn, &reply); err != nil {
				t.Fatal(err)
			}
		}
		if len(reply.Proposals) != 1 {
			t.Fatalf("seed %d: %d proposals for one agent", seed, len(reply.Proposals))
		}
		return reply.Proposals[0].Work
	}
	counts := make([]int, waiting)
	for seed := range uint64(turns) {
		counts[drawn(seed)]++
	}
	for work, n := range counts {
		if n < 150 || n > 250 { // 200 ± 3.7 standard deviations
			t.Errorf("work %d was drawn %d times of %d, want about %d", work, n, turns, turns/waiting)
		}
	}
	if first, again := drawn(7), drawn(7); first != again {
		t.Errorf("the same seed draws %d and then %d", first, again)
	}
}
