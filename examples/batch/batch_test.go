// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package batch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/examples/batch"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestConformance plays what holds for every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.Run(t, batch.Plugin())
}

// desk is a host with two agents who speak german, one much better.
func desk(t *testing.T, settings string) (*routetest.Host, route.Strategy) {
	t.Helper()
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case").Skill("german", 9000)
	host.Agent("bert").In("support").On("case").Skill("german", 2000).Skill("french", 9000)
	strategy := batch.Plugin().New()
	if err := strategy.Configure([]byte(settings)); err != nil {
		t.Fatal(err)
	}
	return host, strategy
}

func german(host *routetest.Host, name, tier string) {
	host.Work(name).In("support").On("case").Size(1000).Need("german", 1000, 0).Attribute("tier", tier)
}

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

// Who came first does not take the best agent from who is worth more.
func TestBestTogether(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{}`)
	german(host, "plain", "")
	expect(t, host, strategy, "[]", 200)
	host.Wait(150)
	german(host, "gold", "gold")
	expect(t, host, strategy, "[]", 50)
	host.Wait(50)
	expect(t, host, strategy, "[plain -> bert gold -> anna]", 0)
}

// The next window begins with the next work, not with the last one's end.
func TestWindows(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{"window": "1s"}`)
	german(host, "one", "")
	expect(t, host, strategy, "[]", 1000)
	host.Wait(1000)
	expect(t, host, strategy, "[one -> anna]", 0)
	host.Wait(5000)
	german(host, "two", "")
	expect(t, host, strategy, "[]", 1000)
}

func TestNoWindow(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{"window": "0s"}`)
	german(host, "one", "")
	expect(t, host, strategy, "[one -> anna]", 0)
}

// Under load it decides at once, and everybody who could work does.
func TestGreedyUnderLoad(t *testing.T) {
	t.Parallel()
	host, strategy := desk(t, `{}`)
	for i := range 60 {
		host.Agent(fmt.Sprintf("agent%02d", i)).In("support").On("case").Skill("german", uint32(1000+i))
	}
	for i := range 100 {
		german(host, fmt.Sprintf("work%03d", i), "")
	}
	offers, wakeAt, err := host.Decide(strategy)
	if err != nil || len(offers) != 62 || wakeAt != 0 {
		t.Errorf("%d offers to 62 agents, wakes at %d, %v", len(offers), wakeAt, err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	err := batch.Plugin().New().Configure([]byte(`{"window": "1m", "worth": {"gold": "much"}}`))
	for _, want := range []string{"window: 1m is wrong: it must be a duration", `worth.gold: "much" is wrong: it must be a whole number`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
