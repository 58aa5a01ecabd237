// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package vip_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/examples/vip"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestConformance plays what holds for every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.Run(t, vip.Plugin())
}

func TestHeadStart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ settings, want string }{
		"default":    {`{}`, "gold silver longest plain"},
		"other":      {`{"head_start": {"gold": "1m"}}`, "longest silver gold plain"},
		"none":       {`{"head_start": {}}`, "longest silver gold plain"},
		"other name": {`{"attribute": "level"}`, "longest silver gold plain"},
		"below zero": {`{"head_start": {"silver": "-10m"}}`, "longest gold plain silver"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := routetest.NewHost()
			host.Queue("support")
			host.Agent("anna").In("support").On("case").Capacity(4000)
			work := func(name, tier string, ago int64) {
				host.Work(name).In("support").On("case").Size(1000).Age(ago).Attribute("tier", tier)
			}
			work("plain", "", 1000)
			work("gold", "gold", 1500)
			work("silver", "silver", 90_000)
			work("longest", "tin", 170_000)
			strategy := vip.Plugin().New()
			if err := strategy.Configure([]byte(test.settings)); err != nil {
				t.Fatal(err)
			}
			offers, _, err := host.Decide(strategy)
			var order []string
			for _, offer := range offers {
				order = append(order, offer.Work)
			}
			if got := strings.Join(order, " "); err != nil || got != test.want {
				t.Errorf("order %s, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestBestAgentsAreKept(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("star").In("support").On("case").Idle(90_000).Skill("vip", 9000)
	host.Agent("good").In("support").On("case").Idle(60_000).Skill("vip", 5000)
	host.Agent("new").In("support").On("case").Idle(1000)
	host.Work("plain").In("support").On("case").Size(1000).Age(3_600_000)
	host.Work("gold").In("support").On("case").Size(1000).Attribute("tier", "gold")
	offers, _, err := host.Decide(vip.Plugin().New())
	if got := fmt.Sprint(offers); err != nil || got != "[plain -> new gold -> star]" {
		t.Errorf("offered %s, %v", got, err)
	}
	if offers[0].Score != 0 || offers[1].Score != 9000 {
		t.Errorf("scores %d and %d, want 0 and 9000", offers[0].Score, offers[1].Score)
	}
}
