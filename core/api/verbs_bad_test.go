// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/patchbay-cx/patchbay/core/api"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// badCentre is a company in which w1 and w2 wait for nobody, w3 waits in a full
// queue, ann has w4 open and is connected, and bob is on a break.
func badCentre(t *testing.T, opts api.Options) *place {
	t.Helper()
	p := serveCentre(t, opts)
	root := p
	if len(opts.Keys) > 0 {
		root = p.as("root")
	}
	root.call("POST", "/v1/work", `{"channel":"case","queue":"empty"}`)
	root.call("POST", "/v1/work", `{"channel":"case","queue":"empty"}`)
	root.call("POST", "/v1/work", `{"channel":"case","queue":"full"}`)
	ann := root.signIn("ann")
	root.call("POST", "/v1/work", `{"channel":"chat","queue":"support"}`)
	root.call("POST", "/v1/assignments/"+ann.offer().GetAssignment().GetId()+"/accept", "")
	root.call("POST", "/v1/agents/bob/sign-in", `{"status":"break"}`)
	return p
}

// What is refused says where and why, and changes nothing.
func TestBadVerbs(t *testing.T) {
	t.Parallel()
	p := badCentre(t, api.Options{})
	before := p.call("GET", "/v1/status", "")["last_event"]
	long := strings.Repeat("x", 1025)
	for _, c := range []struct {
		verb, path, body string
		status           int
		code, field      string
	}{
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size":1,"size_percent":10}`, 400, "invalid", "size_percent"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size_percent":0}`, 400, "invalid", "size_percent"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size_percent":100.5}`, 400, "invalid", "size_percent"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","size_percent":0.0001}`, 400, "invalid", "size_percent"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"latin"}]}`, 400, "unknown_skill", "skills"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"level":3}]}`, 400, "invalid", "skills[0].skill"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"german","level":11}]}`, 400, "invalid", "skills[0].level"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"german","level":1.00005}]}`, 400, "invalid", "skills"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"german","level_now":1}]}`, 400, "invalid", "skills"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"german","priority":2}]}`, 400, "invalid", "skills"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"german","level":3,"relax":[{"level":2}]}]}`, 400, "invalid", "skills[0].relax[0].after"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"german","level":3,"relax":[{"after":"5s","level":4}]}]}`, 400, "invalid", "skills"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"german","level":3,"relax":[{"after":"-5s","level":2}]}]}`, 400, "invalid", "skills"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","preferred_agent":"ann"}`, 400, "invalid", "preferred_for"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","preferred_agent":"zoe","preferred_for":"5s"}`, 400, "unknown_agent", "preferred_agent"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","preferred_agent":"ann","required_agent":"ann","preferred_for":"5s"}`, 400, "invalid", "preferred_agent"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","preferred_agent":"ann","preferred_for":"0.0005s"}`, 400, "invalid", "preferred_for"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","preferred_agent":"ann","preferred_for":"soon"}`, 400, "invalid", "preferred_for"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","preferred_for":"5s"}`, 400, "invalid", "preferred_for"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","backup_queue":"sales"}`, 400, "invalid", "backup_queue"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","required_agent":"ann","backup_queue":"none"}`, 400, "unknown_queue", "backup_queue"},
		{"POST", "/v1/work", `{"channel":"case","queue":"night"}`, 409, "queue_closed", "queue"},
		{"POST", "/v1/work", `{"channel":"case","queue":"full"}`, 409, "queue_full", "queue"},
		{"POST", "/v1/work", `{"channel":"case","queue":"support","outbound":true}`, 400, "unknown_field", "outbound"},
		{"GET", "/v1/work?unroutable=perhaps", "", 400, "invalid", "unroutable"},

		{"POST", "/v1/agents/ann/work", `{"channel":"case"}`, 400, "invalid", "queue"},
		{"POST", "/v1/agents/ann/work", `{"queue":"support"}`, 400, "invalid", "channel"},
		{"POST", "/v1/agents/zoe/work", support, 404, "unknown_agent", "agent"},
		{"POST", "/v1/agents/cid/work", support, 409, "not_signed_in", "agent"},
		{"POST", "/v1/agents/ann/work", `{"channel":"case","queue":"support","size":2}`, 409, "no_capacity", "agent"},
		{"POST", "/v1/agents/ann/work", `{"channel":"case","queue":"support","requested_at":"2020-01-01T00:00:00Z"}`, 400, "unknown_field", "requested_at"},

		{"GET", "/v1/estimated-wait", "", 400, "invalid", "queue"},
		{"GET", "/v1/estimated-wait?queue=support&work=w1", "", 400, "invalid", "queue"},
		{"GET", "/v1/estimated-wait?queue=none", "", 400, "unknown_queue", "queue"},
		{"GET", "/v1/estimated-wait?work=w99", "", 404, "unknown_work", "work"},
		{"GET", "/v1/estimated-wait?work=x", "", 400, "invalid", "work"},
		{"GET", "/v1/estimated-wait?work=w1&skills=german", "", 400, "invalid", "skills"},
		{"GET", "/v1/estimated-wait?queue=support&skills=latin", "", 400, "unknown_skill", "skills"},

		{"POST", "/v1/work/w1/update", `{"priority":-1}`, 400, "invalid", "priority"},
		{"POST", "/v1/work/w99/update", `{"priority":1}`, 404, "unknown_work", "work"},
		{"POST", "/v1/work/w1/update", `{"skills":[{"skill":"latin"}]}`, 400, "unknown_skill", "skills"},
		{"POST", "/v1/work/w1/update", `{"skills":[{"skill":"german"}],"clear_skills":true}`, 400, "invalid", "clear_skills"},
		{"POST", "/v1/work/w1/update", `{"target_accept_at":"2040-01-01T00:00:00Z","clear_target_accept_at":true}`, 400, "invalid", "clear_target_accept_at"},
		{"POST", "/v1/work/w1/update", `{"target_accept_at":"1960-01-01T00:00:00Z"}`, 400, "invalid", "target_accept_at"},
		{"POST", "/v1/work/w1/update", `{"attributes":{"":"x"}}`, 400, "invalid", `attributes[""]`},
		{"POST", "/v1/work/w1/update", `{"queue":"sales"}`, 400, "unknown_field", "queue"},

		{"POST", "/v1/work/w1/transfer", `{}`, 400, "invalid", "queue"},
		{"POST", "/v1/work/w1/transfer", `{"queue":"none"}`, 400, "unknown_queue", "queue"},
		{"POST", "/v1/work/w1/transfer", `{"queue":"night"}`, 409, "queue_closed", "queue"},
		{"POST", "/v1/work/w1/transfer", `{"agent":"zoe"}`, 400, "unknown_agent", "agent"},
		{"POST", "/v1/work/w1/transfer", `{"agent":"cid"}`, 409, "agent_unavailable", "agent"},
		{"POST", "/v1/work/w4/transfer", `{"agent":"ann"}`, 409, "wrong_state", "agent"},
		{"POST", "/v1/work/w1/transfer", `{"queue":"sales","requested_at":"2999-01-01T00:00:00Z"}`, 400, "invalid", "requested_at"},
		{"POST", "/v1/work/w1/transfer", `{"skills":[{"skill":"german","level":-1}]}`, 400, "invalid", "skills[0].level"},
		{"POST", "/v1/work/w1/transfer", `{"queue":"sales","by":"ann"}`, 403, "not_yours", "by"},
		{"POST", "/v1/work/w4/transfer", `{"queue":"sales","reason":"` + long + `"}`, 400, "invalid", "reason"},
		{"POST", "/v1/work/w99/transfer", `{"queue":"sales"}`, 404, "unknown_work", "work"},

		{"POST", "/v1/work/w4/invite", `{}`, 400, "invalid", "agent"},
		{"POST", "/v1/work/w4/invite", `{"agent":"zoe"}`, 400, "unknown_agent", "agent"},
		{"POST", "/v1/work/w4/invite", `{"agent":"ann"}`, 409, "wrong_state", "agent"},
		{"POST", "/v1/work/w4/invite", `{"agent":"bob"}`, 409, "agent_unavailable", "agent"},
		{"POST", "/v1/work/w1/invite", `{"agent":"ann"}`, 409, "wrong_state", ""},
		{"POST", "/v1/work/w4/invite", `{"agent":"bob","by":"bob"}`, 403, "not_yours", "by"},

		{"POST", "/v1/work/w1/pause", "", 409, "wrong_state", ""},
		{"POST", "/v1/work/w4/pause", `{"by":"bob"}`, 403, "not_yours", "by"},
		{"POST", "/v1/work/w99/pause", "", 404, "unknown_work", "work"},
		{"POST", "/v1/work/w1/resume", "", 409, "wrong_state", ""},
		{"POST", "/v1/work/4/resume", "", 400, "invalid", "work"},
		{"POST", "/v1/work/w1/deactivate", "", 409, "wrong_state", ""},
		{"POST", "/v1/work/w4/reopen", "", 409, "wrong_state", ""},
		{"POST", "/v1/assignments/a1/finish-wrap-up", "", 409, "wrong_state", ""},
		{"POST", "/v1/assignments/a1/extend-wrap-up", `{"agent":"bob"}`, 403, "not_yours", "agent"},
		{"POST", "/v1/assignments/a9/extend-wrap-up", "", 404, "unknown_assignment", "assignment"},
		{"POST", "/v1/assignments/w1/finish-wrap-up", "", 400, "invalid", "assignment"},
	} {
		p.fails(p.request(c.verb, c.path, c.body), c.status, c.code, c.field)
	}
	if after := p.call("GET", "/v1/status", "")["last_event"]; after != before {
		t.Errorf("refused requests made events: %v before, %v after", before, after)
	}
}

// The same refusals have the same codes over gRPC, where unlike in paths
// anything can be left out.
func TestBadVerbsOverGRPC(t *testing.T) {
	t.Parallel()
	p := badCentre(t, api.Options{})
	d := grpcDoor{p, p.dial()}
	for _, c := range []struct {
		method      string
		request     proto.Message
		kind        codes.Code
		code, field string
	}{
		{"StartWork", &patchbayv1.StartWorkRequest{Channel: "case", Queue: "support"}, codes.InvalidArgument, "invalid", "agent"},
		{"UpdateWork", &patchbayv1.UpdateWorkRequest{}, codes.InvalidArgument, "invalid", "work"},
		{"TransferWork", &patchbayv1.TransferWorkRequest{Queue: "sales"}, codes.InvalidArgument, "invalid", "work"},
		{"TransferWork", &patchbayv1.TransferWorkRequest{Work: "w1", Agent: "bob"}, codes.FailedPrecondition, "agent_unavailable", "agent"},
		{"InviteAgent", &patchbayv1.InviteAgentRequest{Work: "w4", Agent: "zoe"}, codes.InvalidArgument, "unknown_agent", "agent"},
		{"PauseWork", &patchbayv1.PauseWorkRequest{Work: "w4", By: "bob"}, codes.PermissionDenied, "not_yours", "by"},
		{"ResumeWork", &patchbayv1.ResumeWorkRequest{Work: "w1"}, codes.FailedPrecondition, "wrong_state", ""},
		{"ReopenWork", &patchbayv1.ReopenWorkRequest{Work: "w9"}, codes.NotFound, "unknown_work", "work"},
		{"ExtendWrapUp", &patchbayv1.ExtendWrapUpRequest{}, codes.InvalidArgument, "invalid", "assignment"},
		{
			"CreateWork", &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support", PreferredAgent: "ann", PreferredFor: &durationpb.Duration{Seconds: 1, Nanos: -1}},
			codes.InvalidArgument, "invalid", "preferred_for",
		},
		{
			"CreateWork", &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support", PreferredAgent: "ann", PreferredFor: &durationpb.Duration{Seconds: 1 << 38}},
			codes.InvalidArgument, "invalid", "preferred_for",
		},
	} {
		err := d.ask(c.method, c.request, &patchbayv1.GetStatusResponse{})
		if code, field := reason(err); status.Code(err) != c.kind || code != c.code || field != c.field {
			t.Errorf("%s(%v): got %v (code %q, field %q), want %v, %q, %q", c.method, c.request, err, code, field, c.kind, c.code, c.field)
		}
	}
}

// Agents touch what they have, supervisors and routers what is in their queues,
// wherever it has been or is to go.
func TestWhoMayDoWhatToWork(t *testing.T) {
	t.Parallel()
	p := badCentre(t, api.Options{Keys: keys()})
	root := p.as("root")
	root.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`) // w5
	for _, c := range []struct {
		key, path, body string
		status          int
		code, field     string
	}{
		{"ann", "/v1/work/w1/pause", "", 403, "not_yours", "by"},
		{"ann", "/v1/work/w4/pause", `{"by":"bob"}`, 403, "forbidden", "by"},
		{"ann", "/v1/work/w4/update", `{"priority":1}`, 403, "forbidden", ""},
		{"ann", "/v1/work/w4/deactivate", "", 403, "forbidden", ""},
		{"ann", "/v1/work/w5/transfer", `{"queue":"support"}`, 403, "not_yours", "by"},
		{"ann", "/v1/agents/bob/work", support, 403, "forbidden", "agent"},
		{"lead", "/v1/work/w5/pause", "", 403, "forbidden", "work"},
		{"lead", "/v1/work/w5/transfer", `{"queue":"support"}`, 403, "forbidden", "work"},
		{"lead", "/v1/work/w4/transfer", `{"queue":"sales"}`, 403, "forbidden", "queue"},
		{"lead", "/v1/work/w4/transfer", `{"agent":"cid"}`, 403, "forbidden", "agent"},
		{"lead", "/v1/work/w4/invite", `{"agent":"cid"}`, 403, "forbidden", "agent"},
		{"lead", "/v1/work/w4/invite", `{"agent":"zoe"}`, 400, "unknown_agent", "agent"},
		{"lead", "/v1/agents/cid/work", support, 403, "forbidden", "agent"},
		{"lead", "/v1/agents/ann/work", `{"channel":"case","queue":"sales"}`, 403, "forbidden", "queue"},
		{"shop", "/v1/work", `{"channel":"web"}`, 403, "forbidden", "queue"},
		{"shop", "/v1/work", `{"channel":"case","queue":"sales","required_agent":"cid","backup_queue":"support"}`, 403, "forbidden", "backup_queue"},
		{"shop", "/v1/work/w4/update", `{"priority":1}`, 403, "forbidden", "work"},
		{"crm", "/v1/work/w4/invite", `{"agent":"bob"}`, 403, "forbidden", ""},
		{"crm", "/v1/agents/ann/work", support, 403, "forbidden", ""},
	} {
		p.fails(p.request2(c.key, "POST", c.path, c.body), c.status, c.code, c.field)
	}
	p.fails(p.request2("shop", "GET", "/v1/estimated-wait?queue=support", ""), 403, "forbidden", "queue")
	p.fails(p.request2("lead", "GET", "/v1/estimated-wait?work=w5", ""), 403, "forbidden", "work")
	ann, lead := p.as("ann"), p.as("lead")
	ann.call("POST", "/v1/work/w4/pause", "")
	ann.call("POST", "/v1/work/w4/resume", `{"by":"ann"}`)
	lead.call("POST", "/v1/work/w4/pause", `{"by":"ann"}`)
	lead.call("POST", "/v1/work/w4/resume", "")
	ann.call("POST", "/v1/agents/ann/work", support)
	p.fails(ann.request("POST", "/v1/agents/ann/work", `{"channel":"case","queue":"support","idempotency_key":"k"}`), 409, "no_capacity", "agent")
	ann.call("POST", "/v1/work/w4/transfer", `{"queue":"sales"}`)
	p.fails(lead.request("POST", "/v1/work/w4/requeue", ""), 403, "forbidden", "work") // it has left her queues
	p.fails(lead.request("GET", "/v1/work/w4", ""), 403, "forbidden", "work")
	p.fails(ann.request("POST", "/v1/work/w4/transfer", `{"queue":"support"}`), 403, "not_yours", "by")
}

// An idempotency key does not show an agent work of others.
func TestAKeyOfAnothersWork(t *testing.T) {
	t.Parallel()
	p := badCentre(t, api.Options{Keys: keys()})
	p.as("root").call("POST", "/v1/work", `{"channel":"case","queue":"sales","idempotency_key":"k"}`)
	p.fails(p.request2("ann", "POST", "/v1/agents/ann/work", `{"channel":"case","queue":"support","idempotency_key":"k"}`), 403, "not_yours", "idempotency_key")
}

// Both queues hear of work that goes from one to the other.
func TestBothQueuesHearOfAMove(t *testing.T) {
	t.Parallel()
	p := badCentre(t, api.Options{Keys: keys()})
	p.as("root").call("POST", "/v1/work/w1/transfer", `{"queue":"sales","reason":"there"}`)
	p.as("root").call("POST", "/v1/work/w1/transfer", `{"queue":"support"}`)
	feed := p.as("lead").events("/v1/events?kinds=work_transferred", "")
	if e := feed.next(); !strings.Contains(e.data, `"placed"`) || !strings.Contains(e.data, `"sales"`) || !strings.Contains(e.data, `"support"`) {
		t.Errorf("support hears %+v", e)
	}
	feed = p.as("shop").events("/v1/events?kinds=work_transferred&queue=sales", "")
	if e := feed.next(); !strings.Contains(e.data, `"there"`) {
		t.Errorf("sales hears first %+v", e)
	}
	if e := feed.next(); !strings.Contains(e.data, `"support"`) {
		t.Errorf("sales hears then %+v", e)
	}
}
