// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestWhy goes through the reasons for waiting.
func TestWhy(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	host.Queue("closed").Held(true)
	host.Queue("open").BySkills(true)
	host.Agent("anna").In("support").On("case").Skill("german", 3000).Holding(1000, 1)
	host.Agent("bert").In("support").On("case").Skill("tax", 3000)
	for i := range 100 {
		host.Agent(fmt.Sprintf("c%d", i)).On("case").Skill("c", 1000).Skill("d", 1000)
	}
	var wants []match.Wait
	work := func(want match.Wait, queue string) *routetest.Work {
		wants = append(wants, want)
		return host.Work(fmt.Sprintf("w%d", len(wants))).In(queue).On("case")
	}
	work(match.WaitHeld, "closed").Requires("zoe")
	work(match.WaitAgentAbsent, "support").Requires("zoe").Need("latin", 0, 0)
	work(match.WaitNobodyFree, "support").Requires("anna")
	work(match.WaitNoHolder, "support").Need("latin", 1000, 0)
	work(match.WaitNoHolder, "support").Need("tax", 3001, 0)
	work(match.WaitNoHolder, "support").Need("tax", 1, 0).Need("german", 1, 0)
	work(match.WaitNobodyFree, "support").Need("german", 1, 0)
	work(match.WaitNobodyFree, "open").Need("c", 1001, 0).Need("d", 1000, 0) // too many to be sure
	work(match.WaitNoMember, "empty")
	work(match.WaitNoMember, "open")
	work(match.WaitNone, "support") // bert takes it
	work(match.WaitNobodyFree, "support")

	var board route.Board
	index := match.New(&board)
	turn := host.Turns()[0]
	if err := board.Apply(turn); err != nil {
		t.Fatal(err)
	}
	index.Apply(turn)
	if why := index.Why(11); why != match.WaitNone {
		t.Errorf("before Next: %s", why)
	}
	for _, ok := index.Next(); ok; _, ok = index.Next() {
	}
	for ref, want := range wants {
		if got := index.Why(uint32(ref)); got != want {
			t.Errorf("w%d waits: %s, want %s", ref+1, got, want)
		}
	}
	if why := index.Why(1 << 20); why != match.WaitNone {
		t.Errorf("no work: %s", why)
	}
}

func TestWaitNames(t *testing.T) {
	t.Parallel()
	if match.WaitNone.String() != "none" || match.Wait(99).String() != "wait(99)" {
		t.Errorf("%s, %s", match.WaitNone, match.Wait(99))
	}
}
