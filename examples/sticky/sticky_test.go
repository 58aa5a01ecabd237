// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package sticky_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/examples/sticky"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestConformance plays what holds for every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.Run(t, sticky.Plugin())
}

// desk is a host with two agents, of whom anna is busy, and a customer whom she
// served last.
func desk(t *testing.T, settings string) (*routetest.Host, route.Strategy) {
	t.Helper()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case").Holding(1000, 1)
	host.Agent("bert").In("support").On("case")
	host.Work("w1").In("support").On("case").Size(1000).Attribute("served_by", "anna")
	strategy := sticky.Plugin().New()
	if err := strategy.Configure([]byte(settings)); err != nil {
		t.Fatal(err)
	}
	return host, strategy
}

// expect takes a turn and compares what comes of it.
func expect(t *testing.T, host *routetest.Host, strategy route.Strategy, want string, wait int64) {
	t.Helper()
	offers, wakeAt, err := host.Decide(strategy)
	if got := fmt.Sprint(offers); err != nil || got != want {
		t.Errorf("offered %s, %v; want %s", got, err, want)
	}
	if wait > 0 && wakeAt != host.Now()+wait || wait == 0 && wakeAt != 0 {
		t.Errorf("wakes at %d, want %d", wakeAt, host.Now()+wait)
	}
}

func TestGoesBackToWhoServedLast(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{}`)
	expect(t, host, strategy, "[]", 30_000)
	host.Wait(10_000)
	host.Agent("anna").Holding(0, 0)
	expect(t, host, strategy, "[w1 -> anna]", 0)
}

func TestWaitsNoLongerThanItIsWorth(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{"wait": "5s"}`)
	expect(t, host, strategy, "[]", 5000)
	host.Wait(4999)
	expect(t, host, strategy, "[]", 1)
	host.Wait(1)
	expect(t, host, strategy, "[w1 -> bert]", 0)
}

func TestDoesNotWaitForWhoIsAway(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{"attribute": "owner"}`)
	host.Work("w1").Attribute("owner", "zoe")
	host.Work("w2").In("support").On("case").Size(1000)
	host.Agent("carl").In("support").On("case").Idle(1)
	expect(t, host, strategy, "[w1 -> bert w2 -> carl]", 0)
}

// Who waits for an agent does not stand in the way of those behind.
func TestWaitingDelaysNobody(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{}`)
	host.Work("w2").In("support").On("case").Size(1000)
	expect(t, host, strategy, "[w2 -> bert]", 30_000)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`{"wait": "2h"}`:     `wait: 2h is wrong: it must be a duration such as "200ms", 0s to 1h`,
		`{"attribute": ""}`:  `attribute: 0 characters is wrong`,
		`{"waiting": "10s"}`: `waiting: there is no such setting; there are attribute, wait`,
	} {
		err := sticky.Plugin().New().Configure([]byte(settings))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", settings, err, want)
		}
	}
}
