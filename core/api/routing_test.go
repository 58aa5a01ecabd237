// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// vendorHost is a host in which routers decide for support by a feed, and a built-in
// strategy for sales.
type vendorHost struct {
	*place
	doors *remote.Doors
}

func withFeeds(t testing.TB, change ...func(*engine.RoutingConfig)) *vendorHost {
	t.Helper()
	return withClasses(t, nil, change...)
}

// withClasses is withFeeds with a vendor that is split by tier.
func withClasses(t testing.TB, tiers []string, change ...func(*engine.RoutingConfig)) *vendorHost {
	t.Helper()
	c, _ := openFeeds(t, t.TempDir(), tiers, change...)
	return c
}

// openFeeds opens the host of a folder until end is called, or the test ends.
func openFeeds(t testing.TB, dir string, tiers []string, change ...func(*engine.RoutingConfig)) (c *vendorHost, end func()) {
	t.Helper()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "vendor", Door: feed.DoorName, Classes: tiers})
	if err != nil {
		t.Fatal(err)
	}
	feeds := feed.NewDoor(doors, feed.Options{}, feed.Strategy{Name: "vendor"})
	ctx := context.Background()
	server, err := journal.Open(ctx, journal.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	log, err := server.Log(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	d := definition()
	far := engine.RoutingConfig{Name: "far", Priority: 5, Strategy: "vendor", PushTimeout: 600_000}
	for _, change := range change {
		change(&far)
	}
	d.RoutingConfigs = append(d.RoutingConfigs, far)
	for i := range d.Queues {
		if d.Queues[i].Name == "support" {
			d.Queues[i].Routing = "far"
		}
	}
	d.Sort()
	vendor := strategy.Spec{Name: "vendor", Runtime: "remote", Limits: strategy.Limits{TurnDeadline: strategy.NoDeadline}}
	if tiers != nil {
		vendor.Split = &strategy.Split{By: strategy.SplitByAttribute, Name: "tier", Classes: tiers}
	}
	plugin := route.Plugin{Manifest: route.Manifest{Name: "first"}, New: func() route.Strategy { return &firstFit{} }}
	workspace, err := host.Open(ctx, host.Options{
		Name: "test", Log: log, Definition: d, Seed: 1,
		Strategies: []strategy.Spec{
			{Name: "first", Runtime: "builtin", Source: "first"},
			vendor,
		},
		Runtimes: map[string]strategy.Runtime{
			"builtin": builtin.New(map[string]route.Plugin{"first": plugin}), "remote": remote.New(doors),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	doors.Open()
	end = sync.OnceFunc(func() {
		for _, closer := range []func() error{workspace.Close, feeds.Close, doors.Close, server.Close} {
			if err := closer(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(end)
	return &vendorHost{serveWorkspace(t, workspace, api.Options{Keys: keys(), Doors: doors, Feeds: feeds}), doors}, end
}

// present signs agents in, whose streams of offers stay open until the test ends.
func (c *vendorHost) present(names ...string) {
	c.t.Helper()
	c.connect(names...)
	for _, name := range names {
		c.as("root").call("POST", "/v1/agents/"+name+"/sign-in", `{"status":"available"}`)
	}
}

// connect opens streams of offers until the test ends.
func (c *vendorHost) connect(names ...string) {
	c.t.Helper()
	for _, name := range names {
		stream, err := patchbayv1.NewAgentServiceClient(c.dial()).StreamOffers(c.as("root").ctx(), &patchbayv1.StreamOffersRequest{Agent: name})
		if err != nil {
			c.t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			c.t.Fatal(err)
		}
	}
}

// subscriber reads a feed over HTTP.
type subscriber struct {
	t     testing.TB
	lines *bufio.Reader
	close func()
}

// subscribe begins a feed; the caller's key is the place's.
func (p *place) subscribe(path, after string) *subscriber {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	if after != "" {
		request.Header.Set("Last-Event-ID", after)
	}
	response, err := p.http.Do(request) //nolint:bodyclose // it is, when the feed is
	if err != nil {
		p.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(response.Body)
		p.t.Fatalf("%s: %d %s", path, response.StatusCode, text)
	}
	var once sync.Once
	s := &subscriber{t: p.t, lines: bufio.NewReader(response.Body), close: func() {
		once.Do(func() { cancel(); _ = response.Body.Close() })
	}}
	p.t.Cleanup(s.close)
	return s
}

// routingEvent is one event of a feed.
type routingEvent struct {
	id, name string
	Lease    uint64 `json:"lease,string"`
	Number   uint64 `json:"turn,string"`
	document.Turn
	Work []struct {
		ID string `json:"id"`
		document.Work
	} `json:"work"`
	Settled []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		document.Settled
	} `json:"settled"`
	Error struct{ Code string } `json:"error"`
}

// next reads the next event, but for those that say that one stands by.
func (s *subscriber) next() *routingEvent {
	s.t.Helper()
	for {
		ev := new(routingEvent)
		for {
			line, err := s.lines.ReadString('\n')
			if err != nil {
				s.t.Fatal(err)
			}
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch key {
			case "id":
				ev.id = value
			case "event":
				ev.name = value
			case "data":
				if err := json.Unmarshal([]byte(value), ev); err != nil {
					s.t.Fatalf("%v: %s", err, value)
				}
			}
			if line == "\n" {
				break
			}
		}
		if ev.name != "" && ev.name != "standby" {
			return ev
		}
	}
}

// until reads until an event tells of what is wanted.
func (s *subscriber) until(wanted func(*routingEvent) bool) *routingEvent {
	s.t.Helper()
	for {
		if ev := s.next(); wanted(ev) {
			return ev
		}
	}
}

func (p *place) assigned(body string) map[string]any {
	p.t.Helper()
	results := p.call("POST", "/v1/routing/support/assignments", body)["results"].([]any)
	if len(results) != 1 {
		p.t.Fatalf("%d results", len(results))
	}
	return results[0].(map[string]any)
}

// A vendor subscribes, gets what waits and who is there, and assigns it: with
// the assignment's id, the same if it is posted again, and with the reason on
// record.
func TestFeedAndAssign(t *testing.T) {
	t.Parallel()
	c := withFeeds(t)
	c.present("ann", "bob")
	crm, root := c.as("crm"), c.as("root")
	feed := crm.subscribe("/v1/routing/support/feed?router=blue", "")
	first := feed.next()
	if first.name != "snapshot" || first.Lease == 0 || first.id == "" || len(first.Agents) != 2 || first.Queues[0].Name != "support" {
		t.Fatalf("%+v", first)
	}
	root.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	ev := feed.until(func(ev *routingEvent) bool { return len(ev.Work) > 0 })
	if ev.Work[0].ID != "w1" || ev.Lease != first.Lease || ev.name != "delta" {
		t.Fatalf("%+v", ev)
	}
	body := fmt.Sprintf(`{"lease":"%d","work":"w1","revision":%d,"agents":["nobody","bob"],"reason":"knows the customer","score":87}`, ev.Lease, ev.Work[0].Revision)
	got := crm.assigned(body)
	if got["verdict"] != "VERDICT_ACCEPTED_BY_HOST" || got["agent"] != "bob" || got["assignment"] != "a1" || got["duplicate"] != false {
		t.Fatalf("%v", got)
	}
	if again := crm.assigned(body); again["duplicate"] != true || again["assignment"] != "a1" {
		t.Errorf("again %v", again)
	}
	settled := feed.until(func(ev *routingEvent) bool { return len(ev.Settled) > 0 }).Settled[0]
	if settled.Verdict != "accepted_by_host" || settled.ID != "w1" || settled.Name != "bob" {
		t.Errorf("%+v", settled)
	}
	work := root.call("GET", "/v1/work/w1", "")["work"].(map[string]any)
	decision := work["assignments"].([]any)[0].(map[string]any)["decision"].(map[string]any)
	if decision["strategy"] != "vendor" || decision["reason"] != "knows the customer" || decision["score"] != 87.0 || decision["runtime"] != "remote" {
		t.Errorf("on record %v", decision)
	}
	for _, r := range []struct{ body, verdict, words string }{
		{fmt.Sprintf(`{"lease":"%d","work":"w1","revision":1,"agent":"ann"}`, ev.Lease), "VERDICT_ALREADY_ASSIGNED", "at an agent already"},
		{fmt.Sprintf(`{"lease":"%d","work":"w99","revision":1,"agent":"ann"}`, ev.Lease), "VERDICT_UNKNOWN_WORK", "there is no work w99"},
	} {
		if got := crm.assigned(r.body); got["verdict"] != r.verdict || !strings.Contains(got["message"].(string), r.words) || got["assignment"] != "" {
			t.Errorf("%s: %v", r.body, got)
		}
	}
	status := root.call("GET", "/v1/status", "")["strategies"].([]any)
	var routers []any
	for _, s := range status {
		if s := s.(map[string]any); s["strategy"] == "vendor" {
			routers = s["routers"].([]any)
		}
	}
	if r := routers[0].(map[string]any); len(routers) != 1 || r["router"] != "blue" || r["door"] != "feed" || r["lease"] != fmt.Sprint(ev.Lease) || r["address"] != "127.0.0.1" {
		t.Errorf("in the status %v", routers)
	}
}

// Who decides for a class is told the assignment's id, too.
func TestAssignOfClass(t *testing.T) {
	t.Parallel()
	c := withClasses(t, []string{"gold"})
	c.present("ann")
	crm, root := c.as("crm"), c.as("root")
	feed := crm.subscribe("/v1/routing/support/feed?class=gold", "")
	lease := feed.next().Lease
	root.call("POST", "/v1/work", `{"channel":"case","queue":"support","attributes":{"tier":"gold"}}`)
	ev := feed.until(func(ev *routingEvent) bool { return len(ev.Work) > 0 })
	got := crm.assigned(fmt.Sprintf(`{"lease":"%d","work":"w1","revision":%d,"agent":"ann"}`, lease, ev.Work[0].Revision))
	if got["verdict"] != "VERDICT_ACCEPTED_BY_HOST" || got["assignment"] != "a1" {
		t.Errorf("%v", got)
	}
}

// Of several pieces of work each has its verdict.
func TestAssignSeveral(t *testing.T) {
	t.Parallel()
	c := withFeeds(t)
	c.present("ann")
	crm, root := c.as("crm"), c.as("root")
	feed := crm.subscribe("/v1/routing/-/feed", "")
	ev := feed.next()
	for range 4 {
		root.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	}
	root.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`)
	var list []string
	for _, work := range []string{"w1", "w2", "w3", "w5"} {
		list = append(list, fmt.Sprintf(`{"work":%q,"revision":1,"agent":"ann"}`, work))
	}
	list = append(list, `{"work":"w4","revision":1,"agent":"cid"}`, `{"work":"w4","revision":1,"agent":"who"}`)
	answer := crm.call("POST", "/v1/routing/-/assignments", fmt.Sprintf(`{"lease":"%d","assignments":[%s]}`, ev.Lease, strings.Join(list, ",")))
	var verdicts []string
	for _, r := range answer["results"].([]any) {
		r := r.(map[string]any)
		verdicts = append(verdicts, fmt.Sprint(r["work"], " ", strings.ToLower(strings.TrimPrefix(r["verdict"].(string), "VERDICT_"))))
	}
	// ann has room for two; sales is not the vendor's, and cid is not there.
	want := "w1 accepted_by_host, w2 accepted_by_host, w3 no_capacity, w5 not_eligible, w4 agent_unavailable, w4 unknown_agent"
	if got := strings.Join(verdicts, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The second subscriber stands by, and leads when the first goes; the first one's
// lease is over then, whatever it believes.
func TestTwoSubscribers(t *testing.T) {
	t.Parallel()
	c := withFeeds(t)
	c.present("ann")
	crm, root := c.as("crm"), c.as("root")
	blue := crm.subscribe("/v1/routing/support/feed?router=blue", "")
	one := blue.next()
	green := crm.subscribe("/v1/routing/support/feed?router=green", "")
	blue.close()
	root.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	two := green.until(func(ev *routingEvent) bool { return len(ev.Work) > 0 })
	if two.Lease <= one.Lease {
		t.Errorf("lease %d after %d", two.Lease, one.Lease)
	}
	post := func(lease uint64) *http.Request {
		return crm.request("POST", "/v1/routing/support/assignments", fmt.Sprintf(`{"lease":"%d","work":"w1","revision":1,"agent":"ann"}`, lease))
	}
	crm.fails(post(one.Lease), http.StatusConflict, "fenced", "")
	root.fails(root.request("POST", "/v1/routing/support/assignments", fmt.Sprintf(`{"lease":"%d","work":"w1","revision":1,"agent":"ann"}`, two.Lease)),
		http.StatusConflict, "fenced", "") // it is another key's
	if got := crm.assigned(fmt.Sprintf(`{"lease":"%d","work":"w1","revision":1,"agent":"ann"}`, two.Lease)); got["verdict"] != "VERDICT_ACCEPTED_BY_HOST" {
		t.Errorf("%v", got)
	}
	if again := crm.subscribe("/v1/routing/support/feed?router=green", two.id).next(); again.name != "delta" || again.Lease != two.Lease {
		t.Errorf("after the resume %+v", again)
	}
	if ended := green.next(); ended.name == "end" && ended.Error.Code != "replaced" {
		t.Errorf("%+v", ended)
	}
}

// What a subscriber leaves waiting goes to the fallback, and it is hung up on;
// what it posts then comes too late.
func TestLatePost(t *testing.T) {
	t.Parallel()
	c := withFeeds(t, func(far *engine.RoutingConfig) {
		far.Fallback, far.StallAfter, far.StallFallback = "first", 200, true
	})
	c.present("ann")
	crm, root := c.as("crm"), c.as("root")
	feed := crm.subscribe("/v1/routing/support/feed", "")
	lease := feed.next().Lease
	root.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	ended := feed.until(func(ev *routingEvent) bool { return ev.name == "end" })
	if ended.Error.Code != "silent" {
		t.Errorf("the feed ends with %q", ended.Error.Code)
	}
	for {
		work := root.call("GET", "/v1/work/w1", "")["work"].(map[string]any)
		if work["state"] == "WORK_STATE_OFFERED" {
			decision := work["assignments"].([]any)[0].(map[string]any)["decision"].(map[string]any)
			if decision["strategy"] != "first" {
				t.Errorf("decided by %v", decision)
			}
			break
		}
	}
	crm.fails(crm.request("POST", "/v1/routing/support/assignments", fmt.Sprintf(`{"lease":"%d","work":"w1","revision":1,"agent":"ann"}`, lease)),
		http.StatusConflict, "fenced", "")
}

// A storm of subscribers that come and go does not keep another queue waiting.
func TestStormOfSubscribers(t *testing.T) {
	t.Parallel()
	c := withFeeds(t)
	c.present("cid", "ann")
	root := c.as("root")
	stop := make(chan struct{})
	var storm sync.WaitGroup
	for range 4 {
		storm.Go(func() {
			crm := c.as("crm")
			for {
				select {
				case <-stop:
					return
				default:
				}
				request := crm.request("GET", "/v1/routing/support/feed", "")
				ctx, cancel := context.WithCancel(context.Background())
				response, err := crm.http.Do(request.WithContext(ctx))
				if err == nil {
					_, _ = response.Body.Read(make([]byte, 64))
					cancel()
					_ = response.Body.Close()
				}
				cancel()
			}
		})
	}
	for i := range 30 { // cid's offers open by themselves, two at a time
		id := fmt.Sprintf("w%d", i+1)
		root.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`)
		for {
			work := root.call("GET", "/v1/work/"+id, "")["work"].(map[string]any)
			if work["state"] == "WORK_STATE_OPEN" {
				assignment := work["assignments"].([]any)[0].(map[string]any)["id"].(string)
				root.call("POST", "/v1/assignments/"+assignment+"/complete", `{"agent":"cid"}`)
				break
			}
		}
	}
	close(stop)
	storm.Wait()
	if violations := root.call("GET", "/v1/status", "")["counters"].(map[string]any)["violations"]; violations != "0" {
		t.Errorf("%v violations", violations)
	}
}

func TestBadRouting(t *testing.T) {
	t.Parallel()
	c := withFeeds(t)
	crm, shop, ann := c.as("crm"), c.as("shop"), c.as("ann")
	for _, x := range []struct {
		p           *place
		path        string
		status      int
		code, field string
	}{
		{crm, "/v1/routing/none/feed", http.StatusNotFound, "unknown_queue", "queue"},
		{crm, "/v1/routing/sales/feed", http.StatusConflict, "no_feed", "queue"},
		{crm, "/v1/routing/support/feed?strategy=first", http.StatusConflict, "no_feed", "strategy"},
		{crm, "/v1/routing/support/feed?colour=red", http.StatusBadRequest, "unknown_parameter", "colour"},
		{crm, "/v1/routing/support/feed?after=x", http.StatusBadRequest, "invalid", ""},
		{shop, "/v1/routing/sales/feed?strategy=vendor", http.StatusForbidden, "forbidden", "strategy"},
		{shop, "/v1/routing/support/feed", http.StatusForbidden, "forbidden", "queue"},
		{shop, "/v1/routing/-/feed", http.StatusForbidden, "forbidden", "queue"},
		{ann, "/v1/routing/support/feed", http.StatusForbidden, "forbidden", ""},
	} {
		x.p.fails(x.p.request("GET", x.path, ""), x.status, x.code, x.field)
	}
	for body, field := range map[string]string{
		`{}`:            "lease",
		`{"lease":"1"}`: "work",
		`{"lease":"1","work":"x","revision":1,"agent":"ann"}`:                     "work",
		`{"lease":"1","work":"w1","agent":"ann"}`:                                 "revision",
		`{"lease":"1","work":"w1","revision":1}`:                                  "agent",
		`{"lease":"1","work":"w1","revision":1,"agent":"ann","agents":["bob"]}`:   "agents",
		`{"lease":"1","work":"w1","revision":1,"agents":["bob","bob"]}`:           "agents",
		`{"lease":"1","assignments":[{"work":"w1","revision":1}]}`:                "assignments[0].agent",
		`{"lease":"1","work":"w1","revision":1,"agent":"ann","assignments":[{}]}`: "assignments",
		`{"lease":"1","notes":[{"work":"w","reason":"lunch"}]}`:                   "notes[0].work",
	} {
		crm.fails(crm.request("POST", "/v1/routing/support/assignments", body), http.StatusBadRequest, "invalid", field)
	}
	crm.fails(crm.request("POST", "/v1/routing/support/assignments", `{"lease":"1","work":"w1","revision":1,"agent":"ann"}`), http.StatusConflict, "fenced", "")
	shop.fails(shop.request("POST", "/v1/routing/support/assignments", `{"lease":"1","work":"w1","revision":1,"agent":"ann"}`), http.StatusForbidden, "forbidden", "queue")
}

// A host without such a strategy says so, and over gRPC the same is to be had.
func TestRoutingOverGRPC(t *testing.T) {
	t.Parallel()
	none := serve(t, api.Options{})
	none.fails(none.request("GET", "/v1/routing/support/feed", ""), http.StatusConflict, "no_feed", "")
	none.fails(none.request("POST", "/v1/routing/support/assignments", `{"lease":"1","turn":"1"}`), http.StatusConflict, "no_feed", "")
	c := withFeeds(t)
	c.present("ann")
	c.as("root").call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	crm := c.as("crm")
	client := patchbayv1.NewRoutingServiceClient(crm.dial())
	ctx, cancel := context.WithCancel(crm.ctx())
	defer cancel()
	stream, err := client.StreamRouting(ctx, &patchbayv1.StreamRoutingRequest{Queue: "support"})
	if err != nil {
		t.Fatal(err)
	}
	var ev *patchbayv1.StreamRoutingResponse
	for ev.GetKind() != patchbayv1.RoutingEventKind_ROUTING_EVENT_KIND_SNAPSHOT {
		if ev, err = stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(ev.GetDocument(), `"id":"w1"`) || ev.GetLease() == 0 {
		t.Errorf("%v", ev)
	}
	answer, err := client.CreateAssignments(crm.ctx(), &patchbayv1.CreateAssignmentsRequest{
		Queue: "support", Lease: ev.GetLease(), Work: "w1", Revision: 1, Agent: "ann",
	})
	if err != nil || answer.GetResults()[0].GetVerdict() != patchbayv1.Verdict_VERDICT_ACCEPTED_BY_HOST {
		t.Errorf("%v, %v", answer, err)
	}
	_, err = client.CreateAssignments(crm.ctx(), &patchbayv1.CreateAssignmentsRequest{Queue: "support", Lease: 3, Work: "w1", Revision: 1, Agent: "ann"})
	if status.Code(err) != codes.FailedPrecondition || reasonOf(err) != "fenced" {
		t.Errorf("%v", err)
	}
}
