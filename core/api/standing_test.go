// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// party is a router of the strategy "vendor" that has things done, over the
// session and over REST.
type party struct {
	*place
	doors    *remote.Doors
	name     string
	instruct func(*strategyv1.Instruct)
	told     chan *strategyv1.Instructed
	number   uint64
	leave    func()
}

// withParties serves a host for whose strategy "vendor" parties may join.
func withParties(t *testing.T) *party {
	t.Helper()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "vendor", Tokens: []string{sum(routerToken)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = doors.Close() })
	p := serveWorkspace(t, openVendor(t, doors), api.Options{Doors: doors, Keys: keys()})
	doors.Open()
	return &party{place: p.as("root"), doors: doors}
}

// joins has another router come, and waits until it leads.
func (p *party) joins(name string) *party {
	p.t.Helper()
	joined := &party{place: p.place, doors: p.doors, name: name, told: make(chan *strategyv1.Instructed, 10)}
	begun := make(chan func(*strategyv1.Instruct), 10)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	plugin := route.Plugin{Manifest: route.Manifest{Name: name}, New: func() route.Strategy {
		return &holding{instruct: begun, told: joined.told}
	}}
	go func() { ended <- overGRPC(p.place, plugin)(ctx) }()
	joined.leave = func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("%s: %v", name, err)
		}
		ended <- nil
	}
	p.t.Cleanup(joined.leave)
	joined.instruct = <-begun
	return joined
}

// annotates has the work annotated by both ways, and expects that code; "" if it
// is to be done.
func (p *party) annotates(lease uint64, work, code string) {
	p.t.Helper()
	p.number++
	p.instruct(&strategyv1.Instruct{
		Number: p.number, Work: work, Revision: 1, Verb: strategyv1.Instruct_VERB_ANNOTATE, Reason: fmt.Sprint(p.name, p.number),
	})
	if out := <-p.told; out.GetNumber() != p.number || out.GetCode() != code || (out.GetText() != "") != (code != "") {
		p.t.Errorf("%s on %s, over the session: %v, want %q", p.name, work, out, code)
	}
	p.posts(lease, work, code)
}

// posts has the work annotated over REST, under a lease.
func (p *party) posts(lease uint64, work, code string) {
	p.t.Helper()
	p.number++
	request := p.request("POST", "/v1/work/"+work+"/annotate", fmt.Sprintf(`{"lease":"%d","text":"%s %d"}`, lease, p.name, p.number))
	switch code {
	case "":
		if status, body := p.send(request); status != http.StatusOK {
			p.t.Errorf("%s on %s, over REST: %d %v", p.name, work, status, body)
		}
	case "fenced":
		p.fails(request, http.StatusConflict, code, "")
	default:
		p.fails(request, http.StatusForbidden, code, "work")
	}
}

// newest is the lease of whoever came to lead last.
func (p *party) newest() (lease uint64) {
	for _, r := range p.doors.Routers() {
		lease = max(lease, r.Lease)
	}
	return lease
}

// decide changes who decides for a queue.
func (p *party) decide(queue string, to engine.Deciders) {
	p.t.Helper()
	if _, err := p.workspace.Do(p.t.Context(), engine.Decide{Queue: queue, To: to}); err != nil {
		p.t.Fatal(err)
	}
}

// The router that decides may have things done. That of its shadow may not,
// though it leads for a strategy of the same name; nor one whose lease is over.
func TestShadowDoesNotInstruct(t *testing.T) {
	t.Parallel()
	host := withParties(t)
	leader := host.joins("leader")
	leads := leader.newest()
	host.vendorDecides()
	host.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	leader.annotates(leads, "w1", "")
	host.decide("support", engine.Deciders{Shadow: "vendor"})
	shadow := host.joins("shadow")
	shadows := shadow.newest()
	if shadows <= leads {
		t.Fatalf("the shadow leads under %d, after %d", shadows, leads)
	}
	shadow.annotates(shadows, "w1", "not_yours")
	leader.annotates(leads, "w1", "")
	leader.posts(7, "w1", "fenced")
	leader.leave()
	leader.posts(leads, "w1", "fenced") // nobody leads under it any more
	if notes := host.call("GET", "/v1/work/w1", "")["work"].(map[string]any)["notes"].([]any); len(notes) != 4 {
		t.Errorf("noted %v", notes)
	}
}

// The router of a canary may have things done with what falls to the canary.
func TestCanaryInstructsAboutItsShare(t *testing.T) {
	t.Parallel()
	host := withParties(t)
	router := host.joins("vendor")
	host.vendorDecides()
	lease := router.newest()
	canary := engine.Canary{Strategy: "vendor", Share: 5000}
	host.decide("sales", engine.Deciders{Canary: &canary})
	codes := map[string]int{}
	for id := engine.WorkID(1); id <= 12; id++ {
		host.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`)
		code := "not_yours"
		if canary.Takes(id) {
			code = ""
		}
		codes[code]++
		router.annotates(lease, id.String(), code)
	}
	if len(codes) != 2 {
		t.Errorf("of 12 %v", codes)
	}
}

// A lease does not widen what a key may do.
func TestLeaseIsNoKey(t *testing.T) {
	t.Parallel()
	host := withParties(t)
	router := host.joins("vendor")
	host.vendorDecides()
	host.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	body := fmt.Sprintf(`{"lease":"%d","text":"x"}`, router.newest())
	host.as("shop").fails(host.as("shop").request("POST", "/v1/work/w1/annotate", body), http.StatusForbidden, "forbidden", "work")
	host.as("crm").call("POST", "/v1/work/w1/annotate", body)
	host.fails(host.request("POST", "/v1/work/w9/annotate", body), http.StatusNotFound, "unknown_work", "work")
}

// Where there are no routers, there is no lease.
func TestLeaseWithoutRouters(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	p.fails(p.request("POST", "/v1/work/w1/clear", `{"lease":"5"}`), http.StatusConflict, "fenced", "")
}
