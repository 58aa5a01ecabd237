// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/api"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// at follows names and indexes into decoded JSON; nil if something is missing.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

func TestExplainWork(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	ann := p.signIn("ann")
	p.call("POST", "/v1/work", `{"channel":"case","queue":"support","size":1.5}`)
	ann.offer()
	x := p.call("GET", "/v1/work/w1/explain?why_not=bob", "")["explanation"]
	for _, c := range []struct {
		path []any
		want any
	}{
		{[]any{"work", "id"}, "w1"},
		{[]any{"work", "state"}, "WORK_STATE_OFFERED"},
		{[]any{"complete"}, true},
		{[]any{"why_not"}, "bob"},
		{[]any{"moments", 0, "chosen"}, "ann"},
		{[]any{"moments", 0, "text"}, "bob is offline"},
		{[]any{"moments", 0, "obstacles", 0, "name"}, "offline"},
		{[]any{"moments", 0, "obstacles", 0, "verdict"}, "VERDICT_AGENT_UNAVAILABLE"},
		{[]any{"steps", 0, "kind"}, "EVENT_KIND_WORK_CREATED"},
		{[]any{"steps", 0, "text"}, `came in on channel "case" and waits in queue "support"`},
		{[]any{"steps", 1, "agent"}, "ann"},
		{[]any{"steps", 1, "assignment"}, "a1"},
		{[]any{"steps", 1, "times"}, 1.0},
		{[]any{"steps", 1, "state"}, "WORK_STATE_OFFERED"},
		{[]any{"steps", 1, "decision", "reason"}, "first_fit"},
		{[]any{"steps", 1, "choice", "model"}, "least_active"},
		{[]any{"steps", 1, "choice", "figure"}, "0 units used"},
		{[]any{"steps", 1, "choice", "survey", "asked"}, 2.0},
		{[]any{"steps", 1, "choice", "survey", "candidates"}, 1.0},
		{[]any{"steps", 1, "choice", "survey", "against", 0, "agents"}, 1.0},
		{[]any{"steps", 1, "choice", "passed", 0, "agent"}, "bob"},
		{[]any{"outlook", "coming", 0, "name"}, "offer_times_out"},
		{[]any{"outlook", "deciding"}, "first"},
	} {
		if got := at(x, c.path...); got != c.want {
			t.Errorf("%v is %v, want %v", c.path, got, c.want)
		}
	}
	p.call("POST", "/v1/work", `{"channel":"voice","queue":"support"}`)
	x = p.call("GET", "/v1/work/w2/explain", "")["explanation"]
	if why, _ := at(x, "outlook", "why", 0).(string); !strings.Contains(why, "1 has too little capacity free") || at(x, "outlook", "position") != 1.0 {
		t.Errorf("w2 waits as %v", at(x, "outlook"))
	}
	p.fails(p.request("GET", "/v1/work/w9/explain", ""), http.StatusNotFound, "unknown_work", "work")
	p.fails(p.request("GET", "/v1/work/nine/explain", ""), http.StatusBadRequest, "invalid", "work")
	p.fails(p.request("GET", "/v1/work/w1/explain?why_not=nobody", ""), http.StatusBadRequest, "unknown_agent", "why_not")
	p.fails(p.request("GET", "/v1/work/w1/explain?because=bob", ""), http.StatusBadRequest, "unknown_parameter", "because")
	p.fails(p.request("GET", "/v1/work/w9/explanation", ""), http.StatusNotFound, "unknown_work", "work")
}

func TestStreamExplanation(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	stream, err := patchbayv1.NewExplainServiceClient(p.dial()).StreamExplanation(p.ctx(), &patchbayv1.StreamExplanationRequest{Work: "w1", WhyNot: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	var last *patchbayv1.StreamExplanationResponse
	progress := 0
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := m.GetProgress(); p != nil {
			progress++
			if p.GetTotal() == 0 || p.GetDone() > p.GetTotal() {
				t.Errorf("progress %v", p)
			}
		}
		last = m
	}
	if last.GetExplanation().GetWork().GetId() != "w1" || progress == 0 {
		t.Errorf("after %d messages of progress the last is %v", progress, last)
	}
	response, err := p.http.Do(p.request("GET", "/v1/work/w1/explanation?why_not=ann", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	name := ""
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = event
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && name == "explanation" {
			var value any
			if err := json.Unmarshal([]byte(data), &value); err != nil || at(value, "explanation", "moments", 0, "text") != "ann is offline" {
				t.Errorf("%v: %s", err, data)
			}
			return
		}
	}
	t.Error("the stream ended without an explanation")
}

// Whoever may read work may have it explained, within their queues.
func TestWhoMayHaveWorkExplained(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()})
	p.as("root").call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`)
	p.as("root").call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
	for _, name := range []string{"root", "boss", "crm", "shop"} {
		p.as(name).call("GET", "/v1/work/w1/explain", "")
	}
	p.as("lead").call("GET", "/v1/work/w2/explain?why_not=ann", "")
	p.fails(p.request2("lead", "GET", "/v1/work/w1/explain", ""), http.StatusForbidden, "forbidden", "work")
	p.fails(p.request2("lead", "GET", "/v1/work/w2/explain?why_not=cid", ""), http.StatusForbidden, "forbidden", "why_not")
	p.fails(p.request2("shop", "GET", "/v1/work/w2/explanation", ""), http.StatusForbidden, "forbidden", "work")
	p.fails(p.request2("ann", "GET", "/v1/work/w2/explain", ""), http.StatusForbidden, "forbidden", "")
}
