// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package reservation_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook/reservation"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func definition() engine.Definition {
	d := engine.Definition{
		Channels: []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
		Statuses: []engine.Status{{Name: "available", Channels: []string{"case"}}},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "plain", Capacity: 200 * engine.Unit, MaxOpen: 200, DeclineReasons: []string{"busy"}},
		},
		RoutingConfigs: []engine.RoutingConfig{{Name: "plain", Priority: 5, Strategy: "queue", PushTimeout: 600_000, DeclineRule: engine.Forever}},
		Queues:         []engine.QueueDefinition{{Name: "sales", Routing: "plain"}, {Name: "support", Routing: "plain"}},
		Agents: []engine.AgentDefinition{
			{ID: "ann", PresenceConfig: "plain", Queues: engine.Member("support")},
			{ID: "cid", PresenceConfig: "plain", Queues: engine.Member("sales")},
		},
		Grace: 600_000, KeepClosed: 3_600_000,
	}
	d.Sort()
	return d
}

// place is a workspace with callbacks.
type place struct {
	t         *testing.T
	workspace *host.Workspace
	feed      *host.Feed
	log       *lines
}

// lines is what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.more <- struct{}{} }()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func openWorkspace(t *testing.T) *place {
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
	workspace, err := host.Open(ctx, host.Options{
		Name: "test", Log: log, Definition: definition(), Seed: 1, NoRecord: true,
		Strategies: []strategy.Spec{{Name: "queue", Runtime: "builtin", Source: "queue"}},
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := workspace.Close(); err != nil {
			t.Error(err)
		}
		_ = server.Close()
	})
	p := &place{t: t, workspace: workspace, feed: workspace.Feed(0), log: &lines{more: make(chan struct{}, 100)}}
	for _, agent := range []string{"ann", "cid"} {
		p.do(engine.SignIn{Agent: agent, Status: "available"})
		stream, err := workspace.Attach(ctx, agent)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stream.Close)
	}
	return p
}

func (p *place) do(command engine.Command) {
	p.t.Helper()
	if _, err := p.workspace.Do(p.t.Context(), command); err != nil {
		p.t.Fatal(err)
	}
}

// asks opens callbacks that post to a server.
func (p *place) asks(url string, secret webhook.Secret, callbacks ...reservation.Callback) *reservation.Desk {
	p.t.Helper()
	for i := range callbacks {
		callbacks[i].URL, callbacks[i].Secrets = url, []webhook.Secret{secret}
		callbacks[i].Timeout = cmp.Or(callbacks[i].Timeout, time.Hour)
		callbacks[i].Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	return p.asksOf(callbacks...)
}

// asksOf opens callbacks as they are.
func (p *place) asksOf(callbacks ...reservation.Callback) *reservation.Desk {
	p.t.Helper()
	desk, err := reservation.Open(p.t.Context(), reservation.Options{
		Workspace: p.workspace, Callbacks: callbacks, Source: "/workspaces/test",
		EncodeEvent: func(ev *engine.Event) (json.RawMessage, error) {
			return json.Marshal(map[string]any{"kind": ev.Kind.String(), "agent": ev.Agent, "assignment": ev.Assignment.String()})
		},
		EncodeWork: func(_ *engine.Engine, w *engine.Work) (json.RawMessage, error) {
			return json.Marshal(map[string]any{"id": w.ID.String(), "queue": w.Queue})
		},
		Logger: slog.New(slog.NewTextHandler(p.log, nil)),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = desk.Close() })
	return desk
}

// until returns the next event of a kind.
func (p *place) until(kind engine.Kind) engine.Event {
	p.t.Helper()
	for {
		events, err := p.feed.Next(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		for i := range events {
			if events[i].Kind == kind {
				p.feed = p.workspace.Feed(events[i].Number)
				return events[i]
			}
		}
	}
}

func work(queue string) engine.CreateWork {
	return engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: queue}}
}

// answering is a server that checks each question and gives one answer, the
// first time; later offers stand.
func answering(t *testing.T, secret webhook.Secret, answer string) (url string, asked chan webhook.Event) {
	t.Helper()
	asked = make(chan webhook.Event, 100)
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = webhook.Verify(r.Header, body, time.Now(), secret)
		}
		var ev webhook.Event
		if err == nil {
			err = json.Unmarshal(body, &ev)
		}
		if err != nil {
			t.Errorf("a question is wrong: %v", err)
		}
		once.Do(func() { _, _ = io.WriteString(w, answer) })
		asked <- ev
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// TestAnswersAreDone: each verb has done what it says.
func TestAnswersAreDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		kind   engine.Kind
		holds  func(*engine.Event) bool
	}{
		"accept":   {`{"verb":"accept"}`, engine.KindOfferAccepted, func(ev *engine.Event) bool { return ev.Agent == "ann" }},
		"decline":  {`{"verb":"decline","reason":"busy"}`, engine.KindOfferDeclined, func(ev *engine.Event) bool { return ev.Reason == "busy" }},
		"withdraw": {`{"verb":"withdraw","reason":"x"}`, engine.KindOfferWithdrawn, func(ev *engine.Event) bool { return ev.Reason == "x" }},
		"requeue":  {`{"verb":"requeue"}`, engine.KindOfferWithdrawn, func(ev *engine.Event) bool { return ev.Agent == "ann" }},
		"queue": {`{"verb":"transfer","queue":"sales"}`, engine.KindWorkTransferred, func(ev *engine.Event) bool {
			to, moved := ev.GoesTo()
			return moved && to == "sales"
		}},
		"agent": {`{"verb":"transfer","agent":"cid"}`, engine.KindWorkTransferred, func(*engine.Event) bool { return true }},
		"hold":  {`{"verb":"hold","reason":"credit check"}`, engine.KindOfferWithdrawn, func(ev *engine.Event) bool { return ev.Reason == "credit check" }},
		"reprioritise": {`{"verb":"reprioritise","priority":2}`, engine.KindWorkUpdated, func(ev *engine.Event) bool {
			return ev.Placed != nil && ev.Placed.Priority == 2
		}},
		"annotate": {`{"verb":"annotate","reason":"a regular"}`, engine.KindWorkAnnotated, func(ev *engine.Event) bool { return ev.Reason == "a regular" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, secret := openWorkspace(t), webhook.NewSecret()
			url, asked := answering(t, secret, c.answer)
			p.asks(url, secret, reservation.Callback{Queue: "support"})
			p.do(work("support"))
			ev := <-asked
			var q reservation.Question
			if err := json.Unmarshal(ev.Data, &q); err != nil {
				t.Fatal(err)
			}
			if ev.Type != reservation.EventType || ev.Subject != "a1" || ev.Source != "/workspaces/test" ||
				string(q.Event) != `{"agent":"ann","assignment":"a1","kind":"work_offered"}` || string(q.Work) != `{"id":"w1","queue":"support"}` {
				t.Errorf("asked %+v: %s, %s", ev, q.Event, q.Work)
			}
			if did := p.until(c.kind); !c.holds(&did) || did.Work != 1 {
				t.Errorf("it did %+v", did)
			}
		})
	}
}

// TestOfferStands: without an answer, or with one that means nothing or comes to
// nothing, the agent has the offer.
func TestOfferStands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ answer, words string }{
		"nothing":          {"", ""},
		"stand":            {`{"verb":"stand"}`, ""},
		"rubbish":          {"<html>", "the answer cannot be read"},
		"no such queue":    {`{"verb":"transfer","queue":"nowhere"}`, "unknown_queue"},
		"no reason":        {`{"verb":"decline"}`, "reason_required"},
		"no verb":          {`{"verb":"fly"}`, `no verb \"fly\"`},
		"hold unexplained": {`{"verb":"hold"}`, "reason_required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, secret := openWorkspace(t), webhook.NewSecret()
			url, asked := answering(t, secret, c.answer)
			desk := p.asks(url, secret, reservation.Callback{Strategy: "queue"})
			p.do(work("support"))
			<-asked
			if c.words != "" {
				<-p.log.more
			}
			if err := desk.Close(); err != nil {
				t.Error(err)
			}
			if got := p.log.String(); c.words == "" && got != "" || !strings.Contains(got, c.words) {
				t.Errorf("logged %s, want %s", got, c.words)
			}
			p.do(engine.Accept{Assignment: 1, Agent: "ann"})
		})
	}
}

// TestWhoIsAsked: a queue's callback counts before a strategy's, and offers of
// other queues are nobody's.
func TestWhoIsAsked(t *testing.T) {
	t.Parallel()
	p, secret := openWorkspace(t), webhook.NewSecret()
	byQueue, queues := answering(t, secret, "")
	byStrategy, strategies := answering(t, secret, "")
	p.asks(byQueue, secret, reservation.Callback{Queue: "sales"})
	two := p.asks(byStrategy, secret, reservation.Callback{Strategy: "queue"}, reservation.Callback{Strategy: "other"})
	p.do(work("support"))
	if ev := <-strategies; ev.Subject != "a1" {
		t.Errorf("the strategy's is asked about %s", ev.Subject)
	}
	p.do(work("sales"))
	if ev := <-queues; ev.Subject != "a2" {
		t.Errorf("the queue's is asked about %s", ev.Subject)
	}
	<-strategies // two desks: each asks by itself
	_ = two.Close()
	both := openWorkspace(t)
	url, asked := answering(t, secret, "")
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the strategy's is asked as well") }))
	t.Cleanup(other.Close)
	desk := both.asks(url, secret, reservation.Callback{Strategy: "queue"}, reservation.Callback{Queue: "sales"})
	both.do(work("sales"))
	if ev := <-asked; ev.Subject != "a1" {
		t.Errorf("asked about %s", ev.Subject)
	}
	_ = desk.Close()
	if len(asked) != 0 {
		t.Error("it is asked twice")
	}
}

// TestStandingOffers: an offer that was made before is asked about at the start,
// under the same id as it would have been.
func TestStandingOffers(t *testing.T) {
	t.Parallel()
	p, secret := openWorkspace(t), webhook.NewSecret()
	url, asked := answering(t, secret, "")
	desk := p.asks(url, secret, reservation.Callback{Queue: "support"})
	p.do(work("support"))
	first := <-asked
	_ = desk.Close()
	p.asks(url, secret, reservation.Callback{Queue: "support"})
	if second := <-asked; second.ID != first.ID || !strings.HasPrefix(first.ID, "offer_a1_") {
		t.Errorf("asked as %s, then as %s", first.ID, second.ID)
	}
}

// TestOneIsDown: a callback that does not answer holds up no other.
func TestOneIsDown(t *testing.T) {
	t.Parallel()
	p, secret := openWorkspace(t), webhook.NewSecret()
	down := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(down.Close)
	url, asked := answering(t, secret, "")
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	p.asksOf(
		reservation.Callback{Queue: "support", URL: down.URL, Secrets: []webhook.Secret{secret}, Allow: allow, Timeout: time.Hour},
		reservation.Callback{Queue: "sales", URL: url, Secrets: []webhook.Secret{secret}, Allow: allow},
	)
	for range 150 { // more than are asked about at once
		p.do(work("support"))
	}
	p.do(work("sales"))
	<-asked
}

// TestTooLate: an answer that comes when the offer is over has nothing done.
func TestTooLate(t *testing.T) {
	t.Parallel()
	p, secret := openWorkspace(t), webhook.NewSecret()
	asked, over := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-over
		fmt.Fprint(w, `{"verb":"decline","reason":"busy"}`)
	}))
	t.Cleanup(server.Close)
	p.asks(server.URL, secret, reservation.Callback{Queue: "support", Timeout: time.Minute})
	p.do(work("support"))
	<-asked
	p.do(engine.Accept{Assignment: 1, Agent: "ann"})
	close(over)
	<-p.log.more
	if got := p.log.String(); !strings.Contains(got, "the answer comes too late") {
		t.Errorf("logged %s", got)
	}
	p.do(engine.Complete{Assignment: 1, Agent: "ann"})
}
