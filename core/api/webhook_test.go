// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook/outbound"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// hooked serves a workspace that tells a receiver, "crm", when work is created.
// The receiver answers with the status that refuse holds, and hands over what it
// takes.
func hooked(t *testing.T) (p *place, taken chan webhook.Event, refuse *atomic.Int64) {
	t.Helper()
	workspace := openWorkspace(t)
	taken, refuse = make(chan webhook.Event, 100), &atomic.Int64{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code := refuse.Load(); code != 0 {
			w.WriteHeader(int(code))
			return
		}
		body, err := io.ReadAll(r.Body)
		var ev webhook.Event
		if err == nil {
			err = json.Unmarshal(body, &ev)
		}
		if err != nil {
			t.Error(err)
		}
		taken <- ev
	}))
	t.Cleanup(receiver.Close)
	courier, err := outbound.Open(outbound.Options{
		Hooks: []outbound.Hook{{
			Name: "crm", URL: receiver.URL + "/in?key=hush", Secrets: []string{webhook.NewSecret().Reveal()}, FromStart: true,
			When: `event.kind == "work_created"`, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		}},
		Dir: t.TempDir(), Last: 1 << 40, Source: "/workspaces/test", Encode: api.EncodeEvent,
		Feed:      func(after uint64) outbound.Feed { return workspace.Feed(after) },
		Forgotten: func(error) bool { return false }, Over: func(error) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := courier.Close(); err != nil {
			t.Error(err)
		}
	})
	return serveWorkspace(t, workspace, api.Options{Keys: keys(), Webhooks: courier}).as("root"), taken, refuse
}

// until waits until the webhook fares so.
func (p *place) until(holds func(*patchbayv1.WebhookStatus) bool) *patchbayv1.WebhookStatus {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	client := patchbayv1.NewWebhookServiceClient(p.dial())
	for ctx := p.ctx(); ; <-tick.C {
		list, err := client.ListWebhooks(ctx, &patchbayv1.ListWebhooksRequest{})
		if err != nil || len(list.GetWebhooks()) != 1 {
			p.t.Fatalf("%v, %v", list, err)
		}
		if holds(list.GetWebhooks()[0]) {
			return list.GetWebhooks()[0]
		}
	}
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	p, taken, refuse := hooked(t)
	create := func() { p.call("POST", "/v1/work", `{"channel":"case","queue":"support","external":"x"}`) }
	create()
	ev := <-taken
	var data struct{ Kind, Work, Queue string }
	if err := json.Unmarshal(ev.Data, &data); err != nil || data.Kind != "EVENT_KIND_WORK_CREATED" || data.Work != "w1" || data.Queue != "support" {
		t.Errorf("%s: %+v, %v", ev.Data, data, err)
	}
	if ev.Type != "dev.patchbay.work_created" || ev.Subject != "w1" {
		t.Errorf("%+v", ev)
	}
	p.call("POST", "/v1/webhooks/crm/test", `{}`)
	if ev := <-taken; ev.Type != "dev.patchbay.test" {
		t.Errorf("%+v", ev)
	}

	refuse.Store(http.StatusTeapot)
	if answer := p.call("POST", "/v1/webhooks/crm/test", `{}`); answer["taken"] == true || answer["error"] != "webhook: the receiver answers 418" {
		t.Errorf("%v", answer)
	}
	create()
	create()
	s := p.until(func(s *patchbayv1.WebhookStatus) bool { return s.GetDead() == 2 })
	if s.GetWaiting() != 0 || s.GetDelivered() != 1 || s.GetFailed() != 2 || s.GetSecrets() != 1 || s.GetLastErrorAt() == nil ||
		s.GetWhen() != `event.kind == "work_created"` || s.GetUrl() == "" || len(s.GetUrl()) > len("http://127.0.0.1:65535/in") {
		t.Errorf("%v", s)
	}
	dead := p.call("GET", "/v1/webhooks/crm/dead?limit=1", "")["letters"].([]any)
	letter := dead[0].(map[string]any)
	if len(dead) != 1 || letter["kind"] != "work_created" || letter["subject"] != "w2" || letter["attempts"] != float64(1) ||
		letter["error"] != "webhook: the receiver answers 418" || !json.Valid([]byte(letter["body"].(string))) {
		t.Errorf("%v", dead)
	}
	refuse.Store(0)
	if answer := p.call("POST", "/v1/webhooks/crm/redeliver", fmt.Sprintf(`{"events":[%q]}`, letter["event"])); answer["count"] != float64(1) || answer["left"] != float64(1) {
		t.Errorf("%v", answer)
	}
	if ev := <-taken; ev.Subject != "w2" {
		t.Errorf("%+v", ev)
	}
	p.call("POST", "/v1/webhooks/crm/redeliver", `{}`)
	if ev := <-taken; ev.Subject != "w3" {
		t.Errorf("%+v", ev)
	}
	answer := p.call("POST", "/v1/webhooks/crm/rotate", `{"keep":"60s"}`)
	if _, err := webhook.ParseSecret(answer["secret"].(string)); err != nil || answer["until"] == "" {
		t.Errorf("%v, %v", answer, err)
	}
	if s := p.until(func(*patchbayv1.WebhookStatus) bool { return true }); s.GetSecrets() != 2 {
		t.Errorf("%v", s)
	}
}

func TestWebhooksAreForAdmins(t *testing.T) {
	t.Parallel()
	p, _, _ := hooked(t)
	for _, who := range []string{"ann", "boss", "crm"} {
		p.fails(p.request2(who, "GET", "/v1/webhooks", ""), http.StatusForbidden, "forbidden", "")
		p.fails(p.request2(who, "POST", "/v1/webhooks/crm/rotate", "{}"), http.StatusForbidden, "forbidden", "")
	}
	p.fails(p.request("GET", "/v1/webhooks/none/dead", ""), http.StatusNotFound, "unknown_webhook", "webhook")
	p.fails(p.request("POST", "/v1/webhooks/none/test", "{}"), http.StatusNotFound, "unknown_webhook", "webhook")
	p.fails(p.request("POST", "/v1/webhooks/none/rotate", "{}"), http.StatusNotFound, "unknown_webhook", "webhook")
	p.fails(p.request("POST", "/v1/webhooks/crm/redeliver", `{"events":["4"]}`), http.StatusNotFound, "unknown_webhook", "events")
	p.fails(p.request("POST", "/v1/webhooks/crm/rotate", `{"keep":"-1s"}`), http.StatusBadRequest, "invalid", "keep")
	p.fails(p.request("GET", "/v1/webhooks/crm/dead?limit=1001", ""), http.StatusBadRequest, "invalid", "limit")
}

func TestNoWebhooks(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	if answer := p.call("GET", "/v1/webhooks", ""); len(answer["webhooks"].([]any)) != 0 {
		t.Errorf("%v", answer)
	}
	p.fails(p.request("GET", "/v1/webhooks/crm/dead", ""), http.StatusNotFound, "unknown_webhook", "webhook")
	for _, verb := range []string{"redeliver", "rotate", "test"} {
		p.fails(p.request("POST", "/v1/webhooks/crm/"+verb, "{}"), http.StatusNotFound, "unknown_webhook", "webhook")
	}
}
