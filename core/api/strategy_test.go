// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// serveTwo serves a workspace with another strategy, which nothing names yet.
func serveTwo(t *testing.T, opts api.Options) *place {
	t.Helper()
	ctx := context.Background()
	server, err := journal.Open(ctx, journal.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	log, err := server.Log(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	plugin := route.Plugin{Manifest: route.Manifest{Name: "first"}, New: func() route.Strategy { return &firstFit{} }}
	workspace, err := host.Open(ctx, host.Options{
		Name: "test", Log: log, Definition: definition(), Seed: 1,
		Strategies: []strategy.Spec{
			{Name: "first", Runtime: "builtin", Source: "first"}, {Name: "other", Runtime: "builtin", Source: "first"},
		},
		Runtimes: map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"first": plugin})},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := workspace.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return serveWorkspace(t, workspace, opts)
}

// deciders writes who is to decide for support, as the list has it.
func (p *place) deciders() string {
	p.t.Helper()
	for _, item := range p.call("GET", "/v1/strategies", "")["queues"].([]any) {
		if q := item.(map[string]any); q["queue"] == "support" {
			canary, _ := q["canary"].(map[string]any)
			return fmt.Sprintf("%v before=%v shadow=%v canary=%v", q["strategy"], q["before"], q["shadow"], canary["strategy"])
		}
	}
	return "none"
}

func TestStrategiesOverREST(t *testing.T) {
	t.Parallel()
	p := serveTwo(t, api.Options{Keys: keys()})
	root, boss, lead := p.as("root"), p.as("boss"), p.as("lead")
	if n := len(boss.call("GET", "/v1/strategies", "")["strategies"].([]any)); n != 2 {
		t.Errorf("%d strategies", n)
	}
	if queues := lead.call("GET", "/v1/strategies", "")["queues"].([]any); len(queues) != 1 {
		t.Errorf("lead sees %v", queues)
	}
	for _, c := range []struct{ call, body, want string }{
		{"shadow", `{"strategy":"other"}`, "first before= shadow=other canary=<nil>"},
		{"shadow", `{}`, "first before= shadow= canary=<nil>"},
		{"canary", `{"strategy":"other","percent":12.5,"guards":["error_rate < 50%"]}`, "first before= shadow= canary=other"},
		{"rollback", `{"reason":"enough"}`, "first before= shadow= canary=<nil>"},
		{"canary", `{"strategy":"other","percent":100}`, "first before= shadow= canary=other"},
		{"promote", `{}`, "other before=first shadow= canary=<nil>"},
		{"rollback", `{}`, "first before=other shadow= canary=<nil>"},
		{"shadow", `{"strategy":"other"}`, "first before=other shadow=other canary=<nil>"},
		{"promote", `{}`, "other before=first shadow= canary=<nil>"},
		{"swap", `{"strategy":"first"}`, "first before=other shadow= canary=<nil>"},
	} {
		done := root.call("POST", "/v1/queues/support/"+c.call, c.body)
		if q := done["queue"].(map[string]any); q["queue"] != "support" || done["event"] == "0" {
			t.Errorf("%s %s: %v", c.call, c.body, done)
		}
		if got := boss.deciders(); got != c.want {
			t.Errorf("after %s %s: %s, want %s", c.call, c.body, got, c.want)
		}
	}
	if done := root.call("POST", "/v1/queues/support/swap", `{"strategy":"first"}`); done["event"] != "0" {
		t.Errorf("what decides already: %v", done)
	}
	last := boss.call("GET", "/v1/config/history?limit=1", "")["versions"].([]any)[0].(map[string]any)
	if last["by"] != "root" || last["note"] != "swap" {
		t.Errorf("on record: %v", last)
	}
	root.call("POST", "/v1/queues/support/shadow", `{"strategy":"other"}`)
	if report := lead.call("GET", "/v1/queues/support/shadow", ""); report["shadow"] != "other" || report["deciding"] != "first" || report["since"] == nil {
		t.Errorf("report: %v", report)
	}
}

func TestBadStrategiesOverREST(t *testing.T) {
	t.Parallel()
	p := serveTwo(t, api.Options{Keys: keys()})
	root := p.as("root")
	for _, c := range []struct {
		queue, call, body string
		status            int
		code, field       string
	}{
		{"none", "swap", `{"strategy":"other"}`, http.StatusNotFound, "unknown_queue", "queue"},
		{"support", "swap", `{}`, http.StatusBadRequest, "invalid", "strategy"},
		{"support", "swap", `{"strategy":"othr"}`, http.StatusNotFound, "unknown_strategy", "strategy"},
		{"support", "shadow", `{"strategy":"othr"}`, http.StatusNotFound, "unknown_strategy", "strategy"},
		{"support", "canary", `{"strategy":"other"}`, http.StatusBadRequest, "invalid", "percent"},
		{"support", "canary", `{"strategy":"other","percent":101}`, http.StatusBadRequest, "invalid", "percent"},
		{"support", "canary", `{"strategy":"other","percent":"NaN"}`, http.StatusBadRequest, "invalid", "percent"},
		{"support", "canary", `{"strategy":"first","percent":5}`, http.StatusBadRequest, "invalid", "strategy"},
		{"support", "canary", `{"strategy":"other","percent":5,"guards":["eror_rate < 1%"]}`, http.StatusBadRequest, "invalid", "guards"},
		{"support", "promote", `{}`, http.StatusConflict, "no_trial", "queue"},
		{"support", "rollback", `{}`, http.StatusConflict, "no_trial", "queue"},
	} {
		root.fails(root.request("POST", "/v1/queues/"+c.queue+"/"+c.call, c.body), c.status, c.code, c.field)
	}
	root.fails(root.request("GET", "/v1/queues/support/shadow", ""), http.StatusNotFound, "no_trial", "queue")
	lead, boss, ann := p.as("lead"), p.as("boss"), p.as("ann")
	if code, _ := lead.send(lead.request("GET", "/v1/queues/sales/shadow", "")); code != http.StatusNotFound && code != http.StatusForbidden {
		t.Errorf("another's queue: %d", code)
	}
	for _, call := range []string{"swap", "shadow", "canary", "promote", "rollback"} {
		boss.fails(boss.request("POST", "/v1/queues/support/"+call, `{}`), http.StatusForbidden, "forbidden", "")
	}
	ann.fails(ann.request("GET", "/v1/strategies", ""), http.StatusForbidden, "forbidden", "")
	if got := boss.deciders(); got != "first before= shadow= canary=<nil>" {
		t.Errorf("something changed: %s", got)
	}
}

func TestStrategiesOverGRPC(t *testing.T) {
	t.Parallel()
	p := serveTwo(t, api.Options{})
	s, ctx := patchbayv1.NewStrategyServiceClient(p.dial()), p.ctx()
	must := func(q interface {
		GetQueue() *patchbayv1.QueueDeciders
	}, err error,
	) *patchbayv1.QueueDeciders {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return q.GetQueue()
	}
	canary := &patchbayv1.StartCanaryRequest{Queue: "support", Strategy: "other", Percent: 0.01}
	q := must(s.StartCanary(ctx, canary)).GetCanary()
	if q.GetStrategy() != "other" || q.GetPercent() != 0.01 || !slices.Equal(q.GetGuards(), strategy.DefaultGuards()) || q.GetSince() == nil {
		t.Errorf("canary %v", q)
	}
	if q := must(s.RollBackStrategy(ctx, &patchbayv1.RollBackStrategyRequest{Queue: "support"})); q.GetCanary() != nil || q.GetStrategy() != "first" {
		t.Errorf("rolled back %v", q)
	}
	if q := must(s.ShadowStrategy(ctx, &patchbayv1.ShadowStrategyRequest{Queue: "support", Strategy: "other"})); q.GetShadow() != "other" {
		t.Errorf("shadowed %v", q)
	}
	report, err := s.GetShadowReport(ctx, &patchbayv1.GetShadowReportRequest{Queue: "support"})
	if err != nil || report.GetShadow() != "other" || report.GetQueue() != "support" {
		t.Errorf("report %v, %v", report, err)
	}
	if q := must(s.PromoteStrategy(ctx, &patchbayv1.PromoteStrategyRequest{Queue: "support"})); q.GetStrategy() != "other" || q.GetBefore() != "first" || q.GetShadow() != "" {
		t.Errorf("promoted %v", q)
	}
	if q := must(s.SwapStrategy(ctx, &patchbayv1.SwapStrategyRequest{Queue: "support", Strategy: "first"})); q.GetStrategy() != "first" || q.GetBefore() != "other" {
		t.Errorf("swapped %v", q)
	}
	list, err := s.ListStrategies(ctx, &patchbayv1.ListStrategiesRequest{})
	if err != nil || len(list.GetQueues()) != 2 || len(list.GetStrategies()) < 2 {
		t.Errorf("list %v, %v", list, err)
	}
	for _, c := range []struct {
		err         error
		kind        codes.Code
		code, field string
	}{
		{failed(s.SwapStrategy(ctx, &patchbayv1.SwapStrategyRequest{Queue: "none", Strategy: "first"})), codes.NotFound, "unknown_queue", "queue"},
		{failed(s.SwapStrategy(ctx, &patchbayv1.SwapStrategyRequest{Queue: "support", Strategy: "x"})), codes.NotFound, "unknown_strategy", "strategy"},
		{failed(s.ShadowStrategy(ctx, &patchbayv1.ShadowStrategyRequest{})), codes.InvalidArgument, "invalid", "queue"},
		{failed(s.StartCanary(ctx, &patchbayv1.StartCanaryRequest{Queue: "support", Strategy: "other"})), codes.InvalidArgument, "invalid", "percent"},
		{failed(s.PromoteStrategy(ctx, &patchbayv1.PromoteStrategyRequest{Queue: "support"})), codes.FailedPrecondition, "no_trial", "queue"},
		{failed(s.RollBackStrategy(ctx, &patchbayv1.RollBackStrategyRequest{Queue: "sales"})), codes.FailedPrecondition, "no_trial", "queue"},
		{failed(s.GetShadowReport(ctx, &patchbayv1.GetShadowReportRequest{Queue: "support"})), codes.NotFound, "no_trial", "queue"},
	} {
		if code, field := reason(c.err); status.Code(c.err) != c.kind || code != c.code || field != c.field {
			t.Errorf("got %v (code %q, field %q), want %v, %q, %q", c.err, code, field, c.kind, c.code, c.field)
		}
	}
}

// failed is the error of a call.
func failed(_ any, err error) error { return err }
