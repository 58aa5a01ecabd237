// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/api"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func TestBadRequestsOverREST(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.call("POST", "/v1/agents/bob/sign-in", `{"status":"break"}`)
	p.call("POST", "/v1/work", support)
	before := p.call("GET", "/v1/status", "")["last_event"]
	for _, c := range []struct {
		verb, path, body string
		status           int
		code, field      string
	}{
		{"POST", "/v1/work", `{"channel":"case"}`, 400, "invalid", "queue"},
		{"POST", "/v1/work", `{"queue":"support"}`, 400, "invalid", "channel"},
		{"POST", "/v1/work", `{"channel":"case","queue":"none"}`, 400, "unknown_queue", "queue"},
		{"POST", "/v1/work", `{"channel":"fax","queue":"support"}`, 400, "unknown_channel", "channel"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","required_agent":"zoe"}`, 400, "unknown_agent", "required_agent"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","colour":"red"}`, 400, "unknown_field", "colour"},
		{"POST", "/v1/work", `{"channel":7,"queue":"support"}`, 400, "invalid", "channel"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size":0}`, 400, "invalid", "size"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size":-1}`, 400, "invalid", "size"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size":0.0001}`, 400, "invalid", "size"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size":1.2345}`, 400, "invalid", "size"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size":"NaN"}`, 400, "invalid", "size"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size":99}`, 400, "size_too_large", "size"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","priority":-1}`, 400, "invalid", "priority"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","priority":1.5}`, 400, "invalid", "priority"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","attributes":{"":"x"}}`, 400, "invalid", `attributes[""]`},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","attributes":{"a":{}}}`, 400, "invalid", "attributes"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","requested_at":"yesterday"}`, 400, "invalid", "requested_at"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","requested_at":"2999-01-01T00:00:00Z"}`, 400, "invalid", "requested_at"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","requested_at":"1969-01-01T00:00:00Z"}`, 400, "invalid", "requested_at"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","expires_at":"2001-01-01T00:00:00Z"}`, 400, "invalid", "expires_at"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support"`, 400, "invalid_json", ""},
		{"POST", "/v1/work", `{"channel":"case","channel":"case","queue":"support"}`, 400, "invalid_json", ""},
		{"POST", "/v1/work", `{"channel":"case","queue":"support"} {}`, 400, "invalid_json", ""},
		{"POST", "/v1/work", `[1]`, 400, "invalid_json", ""},
		{"POST", "/v1/work", `null`, 400, "invalid_json", ""},
		{"POST", "/v1/work", "{\"channel\":\"\xff\"}", 400, "invalid", "channel"},
		{"POST", "/v1/work", `{"external":"` + strings.Repeat("x", api.MaxRequestBytes) + `"}`, 413, "too_large", ""},
		{"POST", "/v1/work?queue=support", support, 400, "unknown_parameter", ""},
		{"POST", "/v1/work", "", 400, "invalid", "channel"},
		{"DELETE", "/v1/work", "", 405, "wrong_method", ""},
		{"GET", "/v1/work", `{"queue":"support"}`, 400, "invalid", ""},
		{"GET", "/v1/work?colour=red", "", 400, "unknown_parameter", "colour"},
		{"GET", "/v1/work?state=tuesday", "", 400, "invalid", "state"},
		{"GET", "/v1/work?state=99", "", 400, "invalid", "state"},
		{"GET", "/v1/work?state=1", "", 400, "invalid", "state"},
		{"GET", "/v1/work?page_size=abc", "", 400, "invalid", "page_size"},
		{"GET", "/v1/work?page_size=1001", "", 400, "invalid", "page_size"},
		{"GET", "/v1/work?page_size=1&page_size=2", "", 400, "invalid", "page_size"},
		{"GET", "/v1/work?page_token=x", "", 400, "invalid", "page_token"},
		{"GET", "/v1/work?queue=none", "", 400, "unknown_queue", "queue"},
		{"GET", "/v1/work?queue=%ff", "", 400, "invalid", "queue"},
		{"GET", "/v1/work/42", "", 400, "invalid", "work"},
		{"GET", "/v1/work/w0", "", 400, "invalid", "work"},
		{"GET", "/v1/work/%ff", "", 400, "invalid", "work"},
		{"GET", "/v1/work/w9", "", 404, "unknown_work", "work"},
		{"GET", "/v1/work/w1?work=w2", "", 400, "unknown_parameter", "work"},
		{"POST", "/v1/work/w9/cancel", "", 404, "unknown_work", "work"},
		{"POST", "/v1/work/w1/cancel", `{"work":"w2"}`, 400, "unknown_field", "work"},
		{"POST", "/v1/work/w1/requeue", "", 409, "wrong_state", ""},
		{"POST", "/v1/work/w1/explode", "", 404, "unknown_path", ""},
		{"GET", "/v1", "", 404, "unknown_path", ""},
		{"GET", "/", "", 404, "unknown_path", ""},
		{"GET", "/v1/agents?queue=none", "", 400, "unknown_queue", "queue"},
		{"GET", "/v1/agents/zoe", "", 404, "unknown_agent", "agent"},
		{"POST", "/v1/agents/zoe/sign-in", `{"status":"available"}`, 404, "unknown_agent", "agent"},
		{"POST", "/v1/agents/ann/sign-in", `{"status":"asleep"}`, 400, "unknown_status", "status"},
		{"POST", "/v1/agents/ann/sign-in", `{"status":"offline"}`, 400, "unknown_status", "status"},
		{"POST", "/v1/agents/ann/sign-in", `{}`, 400, "invalid", "status"},
		{"POST", "/v1/agents/bob/sign-in", `{"status":"available"}`, 409, "already_signed_in", "agent"},
		{"POST", "/v1/agents/ann/status", `{"status":"break"}`, 409, "not_signed_in", "agent"},
		{"POST", "/v1/agents/ann/sign-out", "", 409, "not_signed_in", "agent"},
		{"POST", "/v1/agents/bob/sign-out", "\v", 400, "invalid_json", ""},
		{"POST", "/v1/assignments/a1/accept", "", 404, "unknown_assignment", "assignment"},
		{"POST", "/v1/assignments/w1/accept", "", 400, "invalid", "assignment"},
		{"POST", "/v1/assignments/a1/decline", `{"agent":"ann"}`, 404, "unknown_assignment", "assignment"},
	} {
		p.fails(p.request(c.verb, c.path, c.body), c.status, c.code, c.field)
	}
	if after := p.call("GET", "/v1/status", "")["last_event"]; after != before {
		t.Errorf("refused requests made events: %v before, %v after", before, after)
	}
}

func TestBadHeadersOverREST(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	media := p.request("POST", "/v1/work", support)
	media.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	p.fails(media, 415, "wrong_media_type", "")
	site := p.request("POST", "/v1/work", support)
	site.Header.Set("Origin", "https://example.com")
	p.fails(site, 403, "forbidden", "")
	rebound := p.request("GET", "/v1/status", "")
	rebound.Host = "example.com"
	p.fails(rebound, 403, "forbidden", "")
	named := p.request("GET", "/v1/status", "")
	named.Host = "localhost:80"
	if code, value := p.send(named); code != http.StatusOK {
		t.Errorf("as localhost: %d %v", code, value)
	}
	override := p.request("POST", "/v1/work", support)
	override.Header.Set("X-Http-Method-Override", "GET")
	if code, value := p.send(override); code != http.StatusOK || value["work"].(map[string]any)["id"] != "w1" {
		t.Errorf("a method is not to be overridden: %d %v", code, value)
	}
}

func TestNotYours(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.signIn("ann")
	p.call("POST", "/v1/work", support)
	offers := p.events("/v1/agents/ann/offers", "") // replaces the stream over gRPC
	if first := offers.next(); !strings.Contains(first.data, `"a1"`) {
		offers.upTo("offered")
	}
	p.fails(p.request("POST", "/v1/assignments/a1/accept", `{"agent":"bob"}`), 403, "not_yours", "agent")
	p.fails(p.request("POST", "/v1/assignments/a1/complete", ""), 409, "wrong_state", "")
}

func TestBadRequestsOverGRPC(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	conn := p.dial()
	work, agents := patchbayv1.NewWorkServiceClient(conn), patchbayv1.NewAgentServiceClient(conn)
	ctx := t.Context()
	create := func(change func(*patchbayv1.CreateWorkRequest)) func() error {
		return func() error {
			r := &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support"}
			change(r)
			_, err := work.CreateWork(ctx, r)
			return err
		}
	}
	for _, c := range []struct {
		name        string
		call        func() error
		kind        codes.Code
		code, field string
	}{
		{"no queue", create(func(r *patchbayv1.CreateWorkRequest) { r.Queue = "" }), codes.InvalidArgument, "invalid", "queue"},
		{"unknown queue", create(func(r *patchbayv1.CreateWorkRequest) { r.Queue = "none" }), codes.InvalidArgument, "unknown_queue", "queue"},
		{"fine size", create(func(r *patchbayv1.CreateWorkRequest) { r.Size = new(1.00005) }), codes.InvalidArgument, "invalid", "size"},
		{"bad time", create(func(r *patchbayv1.CreateWorkRequest) { r.ExpiresAt = &timestamppb.Timestamp{Nanos: -1} }), codes.InvalidArgument, "invalid", "expires_at"},
		{"unknown field", create(func(r *patchbayv1.CreateWorkRequest) { r.ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 0x01}) }), codes.InvalidArgument, "unknown_field", ""},
		{"unknown work", func() error {
			_, err := work.GetWork(ctx, &patchbayv1.GetWorkRequest{Work: "w7"})
			return err
		}, codes.NotFound, "unknown_work", "work"},
		{"no agent", func() error {
			_, err := agents.GetAgent(ctx, &patchbayv1.GetAgentRequest{})
			return err
		}, codes.InvalidArgument, "invalid", "agent"},
		{"nobody signs in", func() error {
			_, err := agents.SignIn(ctx, &patchbayv1.SignInRequest{Status: "available"})
			return err
		}, codes.InvalidArgument, "invalid", "agent"},
		{"nobody listens", func() error {
			stream, err := agents.StreamOffers(ctx, &patchbayv1.StreamOffersRequest{Agent: "zoe"})
			if err != nil {
				return err
			}
			_, err = stream.Recv()
			return err
		}, codes.NotFound, "unknown_agent", "agent"},
		{"bad kind", func() error {
			stream, err := patchbayv1.NewFeedServiceClient(conn).StreamEvents(ctx, &patchbayv1.StreamEventsRequest{Kinds: []patchbayv1.EventKind{99}})
			if err != nil {
				return err
			}
			_, err = stream.Recv()
			return err
		}, codes.InvalidArgument, "invalid", "kinds[0]"},
		{"wrong state", func() error {
			_, err := agents.SignOut(ctx, &patchbayv1.SignOutRequest{Agent: "ann"})
			return err
		}, codes.FailedPrecondition, "not_signed_in", "agent"},
		{"unknown service", func() error {
			return conn.Invoke(ctx, "/patchbay.v1.NoService/Call", &patchbayv1.GetStatusRequest{}, &patchbayv1.GetStatusResponse{})
		}, codes.Unimplemented, "unknown_method", ""},
		{"unknown method", func() error {
			return conn.Invoke(ctx, "/patchbay.v1.HostService/Explode", &patchbayv1.GetStatusRequest{}, &patchbayv1.GetStatusResponse{})
		}, codes.Unimplemented, "unknown_method", ""},
	} {
		err := c.call()
		if code, field := reason(err); status.Code(err) != c.kind || code != c.code || field != c.field {
			t.Errorf("%s: got %v (code %q, field %q), want %v, %q, %q", c.name, err, code, field, c.kind, c.code, c.field)
		}
	}
}
