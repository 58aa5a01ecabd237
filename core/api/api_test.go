// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const support = `{"channel":"case","queue":"support"}`

func TestADayOverREST(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Version: "9.9"})
	ann := p.signIn("ann")
	created := p.call("POST", "/v1/work", `{"channel":"case","queue":"support","external":"case 7","attributes":{"tier":"gold"},
		"size":1.5,"priority":2,"idempotency_key":"k1","requested_at":"2020-01-02T03:04:05.678Z"}`)
	work := created["work"].(map[string]any)
	if work["id"] != "w1" || work["state"] != "WORK_STATE_WAITING" || work["size"] != 1.5 || work["priority"] != 2.0 ||
		work["requested_at"] != "2020-01-02T03:04:05.678Z" || created["duplicate"] != false {
		t.Errorf("created %v", created)
	}
	again := p.call("POST", "/v1/work", `{"channel":"case","queue":"support","idempotency_key":"k1"}`)
	if again["duplicate"] != true || again["work"].(map[string]any)["id"] != "w1" {
		t.Errorf("created again %v", again)
	}
	offer := ann.offer()
	if offer.GetWork().GetAttributes()["tier"] != "gold" || offer.GetAssignment().GetDecision().GetRuntime() != "builtin" ||
		offer.GetAssignment().GetSize() != 1.5 || offer.GetAssignment().GetDeadline() == nil {
		t.Errorf("offered %v", offer)
	}
	assignment := offer.GetAssignment().GetId()
	p.call("POST", "/v1/assignments/"+assignment+"/accept", "")
	if m := ann.next(); m.GetAccepted().GetAssignment() != assignment {
		t.Errorf("after accepting: %v", m)
	}
	got := p.call("GET", "/v1/work/w1", "")["work"].(map[string]any)
	if got["state"] != "WORK_STATE_OPEN" || got["assignments"].([]any)[0].(map[string]any)["agent"] != "ann" {
		t.Errorf("open work is %v", got)
	}
	p.call("POST", "/v1/assignments/"+assignment+"/complete", `{"agent":"ann"}`)
	if m := ann.next(); m.GetEnded().GetState() != patchbayv1.AssignmentState_ASSIGNMENT_STATE_COMPLETED {
		t.Errorf("after completing: %v", m)
	}
	p.call("POST", "/v1/agents/ann/status", `{"status":"break"}`)
	if agent := p.call("GET", "/v1/agents/ann", "")["agent"].(map[string]any); agent["status"] != "break" || agent["connected"] != true ||
		agent["status_cause"] != "STATUS_CAUSE_AGENT" {
		t.Errorf("agent %v", agent)
	}
	p.call("POST", "/v1/agents/ann/sign-out", "{}")
	state := p.call("GET", "/v1/status", "")
	counters := state["counters"].(map[string]any)
	if state["version"] != "9.9" || counters["completed"] != "1" || counters["violations"] != "0" || len(state["queues"].([]any)) != 2 {
		t.Errorf("status %v", state)
	}
	if st := state["strategies"].([]any)[0].(map[string]any); st["state"] != "STRATEGY_STATE_ACTIVE" || st["version"] != "1.2.3" {
		t.Errorf("strategy %v", st)
	}
}

func TestADayOverGRPC(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	work := patchbayv1.NewWorkServiceClient(p.dial())
	bob := p.signIn("bob")
	ctx := t.Context()
	created, err := work.CreateWork(ctx, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support"})
	if err != nil {
		t.Fatal(err)
	}
	first := bob.offer().GetAssignment().GetId()
	if _, err := bob.DeclineOffer(ctx, &patchbayv1.DeclineOfferRequest{Assignment: first}); status.Code(err).String() != "InvalidArgument" {
		t.Errorf("declined without a reason: %v", err)
	}
	if _, err := bob.DeclineOffer(ctx, &patchbayv1.DeclineOfferRequest{Assignment: first, Agent: "bob", Reason: "busy"}); err != nil {
		t.Fatal(err)
	}
	second := bob.offer().GetAssignment().GetId() // nobody else is left, so all are asked again
	if _, err := bob.AcceptOffer(ctx, &patchbayv1.AcceptOfferRequest{Assignment: second}); err != nil {
		t.Fatal(err)
	}
	if again, err := bob.AcceptOffer(ctx, &patchbayv1.AcceptOfferRequest{Assignment: second}); err != nil || again.GetEvent() != 0 {
		t.Errorf("accepted twice: %v, %v", again, err)
	}
	if _, err := work.RequeueWork(ctx, &patchbayv1.RequeueWorkRequest{Work: created.GetWork().GetId(), Reason: "wrong"}); err != nil {
		t.Fatal(err)
	}
	third := bob.offer()
	if _, err := work.CancelWork(ctx, &patchbayv1.CancelWorkRequest{Work: third.GetWork().GetId(), Reason: "done elsewhere"}); err != nil {
		t.Fatal(err)
	}
	if m := bob.next(); m.GetEnded().GetState() != patchbayv1.AssignmentState_ASSIGNMENT_STATE_WITHDRAWN || m.GetEnded().GetReason() != "work_cancelled" {
		t.Errorf("after cancelling: %v", m)
	}
	if _, err := bob.SetStatus(ctx, &patchbayv1.SetStatusRequest{Agent: "bob", Status: "break"}); err != nil {
		t.Fatal(err)
	}
	if m := bob.next(); m.GetStatus().GetStatus() != "break" {
		t.Errorf("after a break: %v", m)
	}
	left, err := work.CreateWork(ctx, &patchbayv1.CreateWorkRequest{Channel: "voice", Queue: "support"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := work.AbandonWork(ctx, &patchbayv1.AbandonWorkRequest{Work: left.GetWork().GetId()}); err != nil {
		t.Fatal(err)
	}
	got, err := work.GetWork(ctx, &patchbayv1.GetWorkRequest{Work: created.GetWork().GetId()})
	if err != nil || got.GetWork().GetState() != patchbayv1.WorkState_WORK_STATE_CANCELLED || len(got.GetWork().GetAssignments()) != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := bob.SignOut(ctx, &patchbayv1.SignOutRequest{Agent: "bob"}); err != nil {
		t.Fatal(err)
	}
	if m := bob.next(); m.GetStatus().GetStatus() != engine.Offline {
		t.Errorf("after signing out: %v", m)
	}
	agent, err := bob.GetAgent(ctx, &patchbayv1.GetAgentRequest{Agent: "bob"})
	if err != nil || agent.GetAgent().GetSignedIn() || agent.GetAgent().GetDeclineReasons()[0] != "busy" {
		t.Errorf("agent %v, %v", agent, err)
	}
	state, err := patchbayv1.NewHostServiceClient(p.dial()).GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil || state.GetCounters().GetOffers() != 3 || state.GetCounters().GetAbandoned() != 1 || state.GetQueues()[1].GetDeciding() != "first" {
		t.Errorf("status %v, %v", state, err)
	}
}

// What signing out takes from the agent is recorded before it, and the answer
// names the event of the signing out.
func TestSignOutNamesItsOwnEvent(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	bob := p.signIn("bob")
	ctx := t.Context()
	if _, err := patchbayv1.NewWorkServiceClient(p.dial()).CreateWork(ctx, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support"}); err != nil {
		t.Fatal(err)
	}
	bob.offer()
	answer, err := bob.SignOut(ctx, &patchbayv1.SignOutRequest{Agent: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := patchbayv1.NewFeedServiceClient(p.dial()).StreamEvents(ctx, &patchbayv1.StreamEventsRequest{
		Kinds: []patchbayv1.EventKind{patchbayv1.EventKind_EVENT_KIND_OFFER_UNAVAILABLE, patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_OUT},
	})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := feed.Recv()
	if err != nil || taken.GetEvent().GetKind() != patchbayv1.EventKind_EVENT_KIND_OFFER_UNAVAILABLE {
		t.Fatalf("first %v, %v", taken, err)
	}
	left, err := feed.Recv()
	if err != nil || left.GetEvent().GetNumber() != answer.GetEvent() {
		t.Errorf("the answer names event %d, the signing out is %v, %v", answer.GetEvent(), left, err)
	}
}

func TestAStreamThatIsReplacedEnds(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	first := p.signIn("ann")
	p.call("POST", "/v1/work", support)
	first.offer()
	second, err := first.StreamOffers(t.Context(), &patchbayv1.StreamOffersRequest{Agent: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := second.Recv()
	if err != nil || len(snapshot.GetSnapshot().GetHeld()) != 1 || snapshot.GetSnapshot().GetHeld()[0].GetWork().GetId() != "w1" ||
		snapshot.GetSnapshot().GetAgent().GetName() != "Ann Lee" {
		t.Errorf("snapshot %v, %v", snapshot, err)
	}
	for err = nil; err == nil; {
		_, err = first.stream.Recv()
	}
	if code, _ := reason(err); code != "replaced" {
		t.Errorf("the first stream ended with %v", err)
	}
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	for i := range 5 {
		queue := []string{"support", "sales"}[i%2]
		p.call("POST", "/v1/work", `{"channel":"case","queue":"`+queue+`"}`)
	}
	p.call("POST", "/v1/work/w3/cancel", `{"reason":"test"}`)
	for query, want := range map[string]string{
		"":                                      "w1 w2 w3 w4 w5",
		"?page_size=2":                          "w1 w2 w3 w4 w5",
		"?page_size=5":                          "w1 w2 w3 w4 w5",
		"?queue=support":                        "w1 w3 w5",
		"?queue=support&page_size=1":            "w1 w3 w5",
		"?state=cancelled":                      "w3",
		"?state=WORK_STATE_WAITING&queue=sales": "w2 w4",
		"?state=open":                           "",
	} {
		if got := p.pages("/v1/work", query, "work"); got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
	p.call("POST", "/v1/agents/bob/sign-in", `{"status":"break"}`)
	for query, want := range map[string]string{
		"":                            "ann bob cid dan/süd",
		"?page_size=1":                "ann bob cid dan/süd",
		"?queue=support":              "ann bob",
		"?queue=sales&page_size=1":    "cid dan/süd",
		"?status=break":               "bob",
		"?status=offline&page_size=3": "ann cid dan/süd",
	} {
		if got := p.pages("/v1/agents", query, "agents"); got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
	if agent := p.call("GET", "/v1/agents/dan%2Fs%C3%BCd", "")["agent"].(map[string]any); agent["id"] != "dan/süd" {
		t.Errorf("agent %v", agent)
	}
}

// pages reads all pages of a list, which must be full but for the last and not
// empty unless there is nothing, and returns the ids.
func (p *place) pages(path, query, list string) string {
	p.t.Helper()
	var ids []string
	for token := ""; ; {
		url := path + query
		if token != "" {
			url += "&page_token=" + strings.ReplaceAll(token, "/", "%2F")
		}
		page := p.call("GET", url, "")
		items := page[list].([]any)
		if len(items) == 0 && len(ids) > 0 {
			p.t.Errorf("%s: an empty page", url)
		}
		for _, item := range items {
			ids = append(ids, item.(map[string]any)["id"].(string))
		}
		if token, _ = page["next_page_token"].(string); token == "" {
			return strings.Join(ids, " ")
		}
	}
}

func TestServeRefusesToBeInsecure(t *testing.T) {
	t.Parallel()
	workspace := openWorkspace(t)
	for name, opts := range map[string]api.Options{"neither": {}, "no TLS": {Keys: keys()}, "no keys": {TLS: testTLS(t)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := api.New(workspace, opts)
			if err != nil {
				t.Fatal(err)
			}
			listener, err := net.Listen("tcp", "0.0.0.0:0")
			if err != nil {
				t.Fatal(err)
			}
			err = server.Serve(t.Context(), listener)
			if !isInsecure(err) {
				t.Errorf("Serve: %v", err)
			}
			if _, err := listener.Accept(); err == nil {
				t.Error("the listener is still open")
			}
		})
	}
}

func TestNewRefusesBadKeys(t *testing.T) {
	t.Parallel()
	workspace := openWorkspace(t)
	good := sum("x")
	for want, list := range map[string][]api.Key{
		"there is no role":      {{Name: "k", SHA256: good, Role: "king"}},
		"64 hex digits":         {{Name: "k", SHA256: "abc", Role: api.RoleAdmin}},
		"names its agent":       {{Name: "k", SHA256: good, Role: api.RoleAgent}},
		"limited to queues":     {{Name: "k", SHA256: good, Role: api.RoleAdmin, Queues: []string{"support"}}},
		"the name is there":     {{Name: "k", SHA256: good, Role: api.RoleAdmin}, {Name: "k", SHA256: sum("y"), Role: api.RoleAdmin}},
		"it is the same key as": {{Name: "k", SHA256: good, Role: api.RoleAdmin}, {Name: "l", SHA256: good, Role: api.RoleAdmin}},
	} {
		if _, err := api.New(workspace, api.Options{Keys: list}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	ann := p.signIn("ann")
	feed := p.events("/v1/events", "")
	if e := feed.next(); e.name != "configured" {
		t.Fatalf("first event %+v", e)
	}
	p.stop()
	var err error
	for err == nil {
		_, err = ann.stream.Recv()
	}
	if code, _ := reason(err); code != "shutting_down" {
		t.Errorf("the stream of offers ended with %v", err)
	}
	last := feed.drain()
	if last.name != "end" || !strings.Contains(last.data, "shutting_down") {
		t.Errorf("the feed ended with %+v", last)
	}
	select {
	case err := <-p.served:
		p.served <- err
	case <-time.After(time.Minute):
		t.Error("Serve did not return")
	}
}

func TestHealthAndDocument(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()}) // neither needs a key
	// Once what it begins with is on disk, health is quick.
	if err := p.workspace.View(t.Context(), func(*engine.Engine) {}); err != nil {
		t.Fatal(err)
	}
	if health := p.call("GET", "/healthz", ""); health["alive"] != true || health["durable"] != true {
		t.Errorf("health %v", health)
	}
	response, err := p.http.Do(p.request("GET", "/openapi.json", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Equal(text, api.OpenAPI()) {
		t.Errorf("the document is %d bytes, %v", len(text), err)
	}
	p.fails(p.request("POST", "/healthz", ""), 405, "wrong_method", "")
	p.fails(p.request("DELETE", "/openapi.json", ""), 405, "wrong_method", "")
	if err := p.workspace.Close(); err != nil {
		t.Fatal(err)
	}
	if code, health := p.send(p.request("GET", "/healthz", "")); code != 503 || health["durable"] != false || health["alive"] != true {
		t.Errorf("health of a closed workspace: %d %v", code, health)
	}
	p.fails(p.as("root").request("POST", "/v1/work", support), 503, "shutting_down", "")
}

func TestEventsThatAreNoLongerKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 { // each end writes a snapshot, and the last two are kept
		workspace, end := openIn(t, dir)
		for range 3 {
			spec := engine.WorkSpec{Channel: "case", Queue: "support"}
			if _, err := workspace.Do(t.Context(), engine.CreateWork{Spec: spec}); err != nil {
				t.Fatal(err)
			}
		}
		end()
	}
	workspace, end := openIn(t, dir)
	t.Cleanup(end)
	p := serveWorkspace(t, workspace, api.Options{})
	feed := p.events("/v1/events", "") // from the oldest that is kept
	if e := feed.next(); e.name == "end" {
		t.Errorf("the feed from the oldest event ended with %+v", e)
	}
	feed = p.events("/v1/events?after=1", "")
	last := feed.drain()
	if last.name != "end" || !strings.Contains(last.data, "events_gone") {
		t.Errorf("the feed ended with %+v", last)
	}
	after := p.call("GET", "/v1/status", "")["last_event"].(string)
	feed = p.events("/v1/events?after="+after, "")
	p.call("POST", "/v1/work", support)
	if e := feed.next(); e.name != "work_created" {
		t.Errorf("after %s came %+v", after, e)
	}
}
