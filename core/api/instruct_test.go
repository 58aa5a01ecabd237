// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Work is held, annotated, reprioritised, cleared, offered and withdrawn.
func TestVerbsOnWork(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, p *place, d door) {
		create(t, d, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support"})
		until := timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Millisecond))
		hold := &patchbayv1.HoldWorkRequest{Work: "w1", Revision: 1, Until: until, Reason: "awaits the credit check"}
		held := must(t, d, "HoldWork", hold, &patchbayv1.HoldWorkResponse{})
		if h := held.GetWork().GetHold(); h.GetReason() != hold.GetReason() || !h.GetUntil().AsTime().Equal(until.AsTime()) || h.GetSince() == nil ||
			held.GetRevision() != 2 || held.GetEvent() == 0 || held.GetDuplicate() {
			t.Errorf("held as %v", held)
		}
		ann := p.signIn("ann") // who is offered nothing
		again := must(t, d, "HoldWork", hold, &patchbayv1.HoldWorkResponse{})
		if !again.GetDuplicate() || again.GetEvent() != held.GetEvent() || again.GetRevision() != 2 {
			t.Errorf("held again as %v", again)
		}
		noted := must(t, d, "AnnotateWork", &patchbayv1.AnnotateWorkRequest{Work: "w1", Text: "called twice"}, &patchbayv1.AnnotateWorkResponse{})
		if notes := noted.GetWork().GetNotes(); len(notes) != 1 || notes[0].GetText() != "called twice" || noted.GetRevision() != 2 {
			t.Errorf("noted as %v", noted)
		}
		first := must(t, d, "ReprioritiseWork", &patchbayv1.ReprioritiseWorkRequest{Work: "w1", Revision: 2, Priority: 1, Reason: "vip"}, &patchbayv1.ReprioritiseWorkResponse{})
		if first.GetWork().GetPriority() != 1 || first.GetWork().GetState() != waiting {
			t.Errorf("reprioritised as %v", first)
		}
		cleared := must(t, d, "ClearWork", &patchbayv1.ClearWorkRequest{Work: "w1", Revision: 3, Reason: "checked"}, &patchbayv1.ClearWorkResponse{})
		if cleared.GetWork().GetHold() != nil || cleared.GetRevision() != 4 {
			t.Errorf("cleared as %v", cleared)
		}
		ann.offer()
		revision := get(t, d, "w1").GetRevision()
		back := must(t, d, "WithdrawWork", &patchbayv1.WithdrawWorkRequest{Work: "w1", Revision: revision, Agent: "ann", Reason: "mistaken"}, &patchbayv1.WithdrawWorkResponse{})
		if m := ann.next().GetEnded(); m.GetState() != withdrawn || m.GetReason() != "mistaken" || back.GetRevision() != revision+1 {
			t.Errorf("withdrawn as %v, %v", m, back)
		}
	})
}

func TestBadVerbsOnWork(t *testing.T) {
	t.Parallel()
	p := badCentre(t, api.Options{})
	before := p.call("GET", "/v1/status", "")["last_event"]
	for _, c := range []struct {
		path, body  string
		status      int
		code, field string
	}{
		{"/v1/work/w1/hold", `{}`, 400, "invalid", "reason"},
		{"/v1/work/w1/hold", `{"reason":"x","until":"2001-01-01T00:00:00Z"}`, 400, "invalid", "until"},
		{"/v1/work/w1/hold", `{"reason":"x","revision":7}`, 409, "stale", "revision"},
		{"/v1/work/w1/hold", `{"reason":"x","revision":-1}`, 400, "invalid", "revision"},
		{"/v1/work/w4/hold", `{"reason":"x"}`, 409, "wrong_state", ""},
		{"/v1/work/w99/hold", `{"reason":"x"}`, 404, "unknown_work", "work"},
		{"/v1/work/seven/clear", `{}`, 400, "invalid", "work"},
		{"/v1/work/w1/withdraw", `{}`, 409, "wrong_state", ""},
		{"/v1/work/w1/reprioritise", `{"priority":-1}`, 400, "invalid", "priority"},
		{"/v1/work/w1/annotate", `{}`, 400, "invalid", "text"},
	} {
		p.fails(p.request("POST", c.path, c.body), c.status, c.code, c.field)
	}
	if after := p.call("GET", "/v1/status", "")["last_event"]; after != before {
		t.Errorf("what was refused led to events: %v after %v", after, before)
	}
}

// Who may do what to whose work is as for all else.
func TestVerbsAreGuarded(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()})
	p.as("root").call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	p.as("ann").fails(p.as("ann").request("POST", "/v1/work/w1/hold", `{"reason":"x"}`), http.StatusForbidden, "forbidden", "")
	p.as("shop").fails(p.as("shop").request("POST", "/v1/work/w1/clear", `{}`), http.StatusForbidden, "forbidden", "work")
	work, _ := p.as("crm").call("POST", "/v1/work/w1/hold", `{"reason":"x"}`)["work"].(map[string]any)
	if hold, _ := work["hold"].(map[string]any); hold["by"] != "crm" {
		t.Errorf("held as %v", work)
	}
}

// holding is a strategy that proposes nothing and has things done.
type holding struct {
	firstFit
	instruct chan func(*strategyv1.Instruct)
	told     chan *strategyv1.Instructed
}

// Turn implements route.Strategy.
func (h *holding) Turn(turn *route.Turn, _ *route.Reply) error { return h.board.Apply(turn) }

// OnInstruct implements serve.Instructor.
func (h *holding) OnInstruct(instruct func(*strategyv1.Instruct)) { h.instruct <- instruct }

// Instructed implements serve.Instructor.
func (h *holding) Instructed(out *strategyv1.Instructed) { h.told <- out }

// A router has things done with work that its strategy decides for, in the
// strategy's name, and with no other.
func TestRouterInstructs(t *testing.T) {
	t.Parallel()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "vendor", Tokens: []string{sum(routerToken)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = doors.Close() })
	p := serveWorkspace(t, openVendor(t, doors), api.Options{Doors: doors})
	doors.Open()
	h := &holding{instruct: make(chan func(*strategyv1.Instruct), 1), told: make(chan *strategyv1.Instructed, 10)}
	routed(t, overGRPC(p, route.Plugin{Manifest: route.Manifest{Name: "holding"}, New: func() route.Strategy { return h }}))
	instruct := <-h.instruct
	p.vendorDecides()
	p.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	p.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`)
	for i, c := range []struct {
		in   *strategyv1.Instruct
		code string
	}{
		{&strategyv1.Instruct{Work: "w1", Revision: 1, Verb: strategyv1.Instruct_VERB_HOLD, Reason: "not yet"}, ""},
		{&strategyv1.Instruct{Work: "w1", Revision: 1, Verb: strategyv1.Instruct_VERB_CLEAR}, "stale"},
		{&strategyv1.Instruct{Work: "w1", Revision: 2, Verb: strategyv1.Instruct_VERB_WITHDRAW}, "wrong_state"},
		{&strategyv1.Instruct{Work: "w1", Verb: strategyv1.Instruct_VERB_CLEAR}, "invalid"},
		{&strategyv1.Instruct{Work: "one", Revision: 2, Verb: strategyv1.Instruct_VERB_CLEAR}, "invalid"},
		{&strategyv1.Instruct{Work: "w1", Revision: 2}, "invalid"},
		{&strategyv1.Instruct{Work: "w1", Revision: 2, Verb: 256 + strategyv1.Instruct_VERB_HOLD, Reason: "of no verb that there is"}, "invalid"},
		{&strategyv1.Instruct{Work: "w9", Revision: 2, Verb: strategyv1.Instruct_VERB_CLEAR}, "unknown_work"},
		{&strategyv1.Instruct{Work: "w2", Revision: 1, Verb: strategyv1.Instruct_VERB_CLEAR}, "not_yours"},
		{&strategyv1.Instruct{Work: "w1", Revision: 2, Verb: strategyv1.Instruct_VERB_REPRIORITISE, Priority: 2}, ""},
	} {
		c.in.Number = uint64(i)
		instruct(c.in)
		if out := <-h.told; out.GetNumber() != uint64(i) || out.GetCode() != c.code || (out.GetEvent() > 0) != (c.code == "") {
			t.Errorf("%v came to %v, want %q", c.in, out, c.code)
		}
	}
	work, _ := p.call("GET", "/v1/work/w1", "")["work"].(map[string]any)
	if hold, _ := work["hold"].(map[string]any); hold["by"] != "vendor" || hold["reason"] != "not yet" || fmt.Sprint(work["priority"]) != "2" {
		t.Errorf("w1 is %v", work)
	}
}

// vendorDecides waits until the strategy "vendor" decides for support.
func (p *place) vendorDecides() {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		queues, _, err := p.workspace.Deciders(context.Background())
		if err != nil {
			p.t.Fatal(err)
		}
		for _, q := range queues {
			if q.Queue == "support" && q.Deciding == "vendor" {
				return
			}
		}
	}
	p.t.Fatal("the vendor does not come to decide")
}

// openVendor opens a workspace in which the remote strategy "vendor" decides
// for support.
func openVendor(t *testing.T, doors *remote.Doors) *host.Workspace {
	t.Helper()
	d := definition()
	d.RoutingConfigs = append(d.RoutingConfigs, engine.RoutingConfig{Name: "remote", Strategy: "vendor", Fallback: "first"})
	for i := range d.Queues {
		if d.Queues[i].Name == "support" {
			d.Queues[i].Routing = "remote"
		}
	}
	d.Sort()
	server, err := journal.Open(t.Context(), journal.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	log, err := server.Log(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	first := route.Plugin{Manifest: route.Manifest{Name: "first"}, New: func() route.Strategy { return &firstFit{} }}
	workspace, err := host.Open(t.Context(), host.Options{
		Name: "test", Log: log, Definition: d, Seed: 1,
		Strategies: []strategy.Spec{
			{Name: "first", Runtime: "builtin", Source: "first", Limits: strategy.Limits{TurnDeadline: strategy.NoDeadline}},
			{Name: "vendor", Runtime: "remote", Limits: strategy.Limits{TurnDeadline: strategy.NoDeadline}},
		},
		Runtimes: map[string]strategy.Runtime{
			"builtin": builtin.New(map[string]route.Plugin{"first": first}), "remote": remote.New(doors),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = workspace.Close() })
	return workspace
}

// What has changed since is told apart from what is wrong.
func TestStaleOverGRPC(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	_, err := patchbayv1.NewWorkServiceClient(p.dial()).ClearWork(t.Context(), &patchbayv1.ClearWorkRequest{Work: "w1", Revision: 9})
	if status.Code(err) != codes.Aborted || reasonOf(err) != "stale" {
		t.Errorf("got %v", err)
	}
}
