// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/api"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func TestAKeyIsNeeded(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()})
	for _, header := range []string{"", "Bearer wrong", "Bearer", "Basic " + keyOf("root"), keyOf("root"), "Bearer " + sum(keyOf("root"))} {
		r := p.request("GET", "/v1/status", "")
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		p.fails(r, 401, "unauthenticated", "")
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", header)
		_, err := patchbayv1.NewHostServiceClient(p.dial()).GetStatus(ctx, &patchbayv1.GetStatusRequest{})
		if code, _ := reason(err); code != "unauthenticated" || status.Code(err) != codes.Unauthenticated {
			t.Errorf("over gRPC with %q: %v", header, err)
		}
	}
	p.fails(p.request("GET", "/v1/events", ""), 401, "unauthenticated", "")
	p.fails(p.request("GET", "/v1/status?key="+keyOf("root"), ""), 401, "unauthenticated", "")
	p.fails(p.as("root").request("GET", "/v1/status?key="+keyOf("root"), ""), 400, "unknown_parameter", "key")
	twice := p.request("GET", "/v1/status", "")
	twice.Header["Authorization"] = []string{"Bearer " + keyOf("root"), "Bearer " + keyOf("crm")}
	p.fails(twice, 401, "unauthenticated", "")
	p.as("root").call("GET", "/v1/status", "")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()})
	for _, c := range []struct{ verb, path, body, may string }{
		{"POST", "/v1/work", support, "boss crm root"},
		{"GET", "/v1/work", "", "boss crm root"},
		{"GET", "/v1/work/w1", "", "boss crm root"},
		{"POST", "/v1/work/w1/cancel", "", "boss crm root"},
		{"POST", "/v1/work/w1/abandon", "", "boss crm root"},
		{"POST", "/v1/work/w1/requeue", "", "boss root"},
		{"POST", "/v1/agents/ann/sign-in", `{"status":"break"}`, "ann boss root"},
		{"POST", "/v1/agents/ann/status", `{"status":"available"}`, "ann boss root"},
		{"POST", "/v1/agents/ann/sign-out", "", "ann boss root"},
		{"GET", "/v1/agents/ann", "", "ann boss root"},
		{"GET", "/v1/agents", "", "boss crm root"},
		{"POST", "/v1/assignments/a1/accept", "", "ann boss root"},
		{"POST", "/v1/assignments/a1/decline", "", "ann boss root"},
		{"POST", "/v1/assignments/a1/complete", "", "ann boss root"},
		{"GET", "/v1/status", "", "boss crm root"},
	} {
		for _, name := range []string{"ann", "boss", "crm", "root"} {
			allowed := strings.Contains(c.may, name)
			code, value := p.as(name).send(p.request2(name, c.verb, c.path, c.body))
			if forbidden := code == 403; forbidden == allowed {
				t.Errorf("%s: %s %s: %d %v", name, c.verb, c.path, code, value)
			}
		}
	}
	for name, may := range map[string]bool{"ann": false, "boss": true, "crm": true, "root": true} {
		if may {
			p.as(name).events("/v1/events", "").next()
		} else {
			p.fails(p.request2(name, "GET", "/v1/events", ""), 403, "forbidden", "")
		}
	}
	p.fails(p.request2("crm", "GET", "/v1/agents/ann/offers", ""), 403, "forbidden", "")
}

func TestAnAgentActsForItselfAlone(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()})
	ann := p.as("ann")
	p.as("boss").call("POST", "/v1/agents/bob/sign-in", `{"status":"available"}`)
	for _, path := range []string{"/sign-in", "/status"} {
		p.fails(p.request2("ann", "POST", "/v1/agents/bob"+path, `{"status":"break"}`), 403, "forbidden", "agent")
	}
	p.fails(p.request2("ann", "POST", "/v1/agents/bob/sign-out", ""), 403, "forbidden", "agent")
	p.fails(p.request2("ann", "GET", "/v1/agents/bob", ""), 403, "forbidden", "agent")
	p.fails(p.request2("ann", "GET", "/v1/agents/bob/offers", ""), 403, "forbidden", "agent")

	bob := p.as("boss").listen("bob")
	p.as("crm").call("POST", "/v1/work", support)
	assignment := bob.offer().GetAssignment().GetId()
	p.fails(p.request2("ann", "POST", "/v1/assignments/"+assignment+"/accept", ""), 403, "not_yours", "agent")
	p.fails(p.request2("ann", "POST", "/v1/assignments/"+assignment+"/accept", `{"agent":"bob"}`), 403, "forbidden", "agent")
	p.as("boss").call("POST", "/v1/assignments/"+assignment+"/accept", "")

	// Over gRPC the agent may be left out: it is the key's.
	client := patchbayv1.NewAgentServiceClient(p.dial())
	if _, err := client.SignIn(ann.ctx(), &patchbayv1.SignInRequest{Status: "available"}); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetAgent(ann.ctx(), &patchbayv1.GetAgentRequest{})
	if err != nil || got.GetAgent().GetId() != "ann" || got.GetAgent().GetStatus() != "available" {
		t.Errorf("got %v, %v", got, err)
	}
	p.as("boss").call("POST", "/v1/agents/ann/status", `{"status":"break"}`)
	if got, err = client.GetAgent(ann.ctx(), &patchbayv1.GetAgentRequest{}); err != nil || got.GetAgent().GetStatusCause() != patchbayv1.StatusCause_STATUS_CAUSE_SUPERVISOR {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = client.SignOut(ann.ctx(), &patchbayv1.SignOutRequest{Agent: "bob"})
	if code, field := reason(err); code != "forbidden" || field != "agent" {
		t.Errorf("signing out another: %v", err)
	}
	stream, err := client.StreamOffers(ann.ctx(), &patchbayv1.StreamOffersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := stream.Recv(); err != nil || first.GetSnapshot().GetAgent().GetId() != "ann" {
		t.Errorf("first %v, %v", first, err)
	}
}

func TestScopesOfQueues(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()})
	boss, lead, shop := p.as("boss"), p.as("lead"), p.as("shop")
	boss.call("POST", "/v1/work", support)                              // w1
	shop.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`) // w2
	boss.call("POST", "/v1/agents/cid/sign-in", `{"status":"break"}`)
	boss.call("POST", "/v1/agents/ann/sign-in", `{"status":"break"}`)

	p.fails(p.request2("shop", "POST", "/v1/work", support), 403, "forbidden", "queue")
	p.fails(p.request2("shop", "POST", "/v1/work/w1/cancel", ""), 403, "forbidden", "work")
	p.fails(p.request2("lead", "GET", "/v1/work/w2", ""), 403, "forbidden", "work")
	p.fails(p.request2("lead", "GET", "/v1/work?queue=sales", ""), 403, "forbidden", "queue")
	p.fails(p.request2("lead", "GET", "/v1/agents/cid", ""), 403, "forbidden", "agent")
	p.fails(p.request2("lead", "GET", "/v1/agents?queue=sales", ""), 403, "forbidden", "queue")
	p.fails(p.request2("lead", "POST", "/v1/agents/cid/sign-out", ""), 403, "forbidden", "agent")
	p.fails(p.request2("lead", "GET", "/v1/agents/cid/offers", ""), 403, "forbidden", "agent")
	p.fails(p.request2("lead", "GET", "/v1/events?queue=sales", ""), 403, "forbidden", "queue")

	if got := lead.pages("/v1/work", "?", "work"); got != "w1" {
		t.Errorf("lead lists work %q", got)
	}
	if got := shop.pages("/v1/agents", "?", "agents"); got != "cid dan/süd" {
		t.Errorf("shop lists agents %q", got)
	}
	if queues := lead.call("GET", "/v1/status", "")["queues"].([]any); len(queues) != 1 || queues[0].(map[string]any)["queue"] != "support" {
		t.Errorf("lead sees queues %v", queues)
	}
	lead.call("POST", "/v1/agents/ann/status", `{"status":"available"}`)
	lead.call("POST", "/v1/work/w1/cancel", "")
	names, _ := lead.events("/v1/events", "").upTo("work_cancelled")
	if got := strings.Join(names, " "); strings.Count(got, "work_created") != 1 || strings.Count(got, "agent_signed_in") != 1 {
		t.Errorf("lead is told %v", names)
	}
}
