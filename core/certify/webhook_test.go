// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/certify"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	door "github.com/patchbay-cx/patchbay/core/strategy/remote/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook"
)

// vendor is a decision webhook. Each of its fields is a fault.
type vendor struct {
	secret webhook.Secret

	trusts       bool // verifies nothing
	firstOnly    bool // looks at the first signature only
	ageless      bool // takes old questions
	counts       bool // answers by how often it was asked
	strict       bool // fails on unknown members
	breaks       bool // answers 500 to rubbish
	serves       bool // serves one request at a time, slowly
	byIndex      bool // proposes by index and not by ref
	saysNothing  bool // answers 204
	answersWords bool // answers with what is no JSON
	sleepy       bool // takes its time

	mu    sync.Mutex
	count int
	turn  sync.Mutex
}

var _ http.Handler = (*vendor)(nil)

// ServeHTTP implements http.Handler.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if v.serves {
		if !v.turn.TryLock() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer v.turn.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
	if v.sleepy {
		time.Sleep(40 * time.Millisecond)
	}
	if err := v.verify(r.Header, body); err != nil && !v.trusts {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var q door.Question
	if err := v.read(body, &q); err != nil {
		w.WriteHeader(map[bool]int{false: http.StatusBadRequest, true: http.StatusInternalServerError}[v.breaks])
		return
	}
	switch {
	case v.saysNothing:
		w.WriteHeader(http.StatusNoContent)
	case v.answersWords:
		_, _ = io.WriteString(w, "anna, please")
	default:
		text, err := json.Marshal(v.decide(&q))
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

func (v *vendor) verify(header http.Header, body []byte) error {
	if v.firstOnly {
		first, _, _ := strings.Cut(header.Get(webhook.HeaderSignature), " ")
		header = header.Clone()
		header.Set(webhook.HeaderSignature, first)
	}
	now := time.Now()
	if v.ageless && webhook.Verify(header, body, now.Add(-time.Hour), v.secret) == nil {
		return nil
	}
	return webhook.Verify(header, body, now, v.secret)
}

func (v *vendor) read(body []byte, q *door.Question) error {
	var event webhook.Event
	if err := json.Unmarshal(body, &event); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(event.Data))
	if v.strict {
		decoder.DisallowUnknownFields()
	}
	return decoder.Decode(q)
}

func (v *vendor) decide(q *door.Question) document.Reply {
	v.mu.Lock()
	v.count++
	count := v.count
	v.mu.Unlock()
	var reply document.Reply
	for _, item := range q.Frame.Items {
		for rank, candidate := range item.Candidates {
			p := document.Proposal{
				Work: q.Frame.Work[item.Work].Ref, Revision: q.Frame.Work[item.Work].Revision,
				Agent: q.Frame.Agents[candidate.Agent].Ref, Rank: uint16(rank),
			}
			if v.byIndex {
				p.Work, p.Agent = item.Work, candidate.Agent
			}
			if v.counts {
				p.Score = int32(count)
			}
			reply.Proposals = append(reply.Proposals, p)
		}
	}
	return reply
}

func triedWebhook(t *testing.T, v *vendor, options certify.Options) *certify.Report {
	t.Helper()
	v.secret = webhook.NewSecret()
	server := httptest.NewServer(v)
	defer server.Close()
	options.Each = func(r certify.Result) {
		var text bytes.Buffer
		_ = r.WriteText(&text)
		t.Log(strings.TrimSpace(text.String()))
	}
	report, err := certify.RunWebhook(t.Context(), certify.Webhook{
		URL: server.URL, Secrets: []webhook.Secret{v.secret}, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestGoodWebhook(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it plays the whole corpus")
	}
	report := triedWebhook(t, &vendor{}, quick())
	if !report.Certified || report.Failed+report.Warned+report.Skipped > 0 || len(report.Results) != len(certify.WebhookRequirements()) {
		t.Error(report.Verdict())
	}
}

func TestWebhookFaultsAreFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		requirement string
		vendor      *vendor
		words       string
	}{
		{"question", &vendor{answersWords: true}, "no reply"},
		{"question", &vendor{byIndex: true}, "by ref"},
		{"question", &vendor{saysNothing: true}, "proposes nothing"},
		{"signature", &vendor{trusts: true}, "another secret is answered with 200"},
		{"rotation", &vendor{firstOnly: true}, "two signatures"},
		{"old-question", &vendor{ageless: true}, "an hour ago"},
		{"again", &vendor{counts: true}, "otherwise than the first time"},
		{"unknown", &vendor{strict: true}, "unknown members is answered with 400"},
		{"rubbish", &vendor{breaks: true}, "answered with 500"},
		{"together", &vendor{serves: true}, "it is answered with 503"},
		{"budget", &vendor{sleepy: true}, "are granted"},
	} {
		t.Run(test.requirement, func(t *testing.T) {
			t.Parallel()
			options := quick(test.requirement)
			if test.requirement == "budget" {
				options.Budget = 5 * time.Millisecond
			}
			report := triedWebhook(t, test.vendor, options)
			at := slices.IndexFunc(report.Results, func(r certify.Result) bool { return r.ID == test.requirement })
			if got := report.Results[at]; got.Outcome != certify.Failed || !strings.Contains(strings.Join(got.Findings, "\n"), test.words) {
				t.Errorf("%s %q, want a finding with %q", got.Outcome, got.Findings, test.words)
			}
		})
	}
}

func TestWebhookWithoutSecret(t *testing.T) {
	t.Parallel()
	if _, err := certify.RunWebhook(t.Context(), certify.Webhook{URL: "https://example.com"}, quick()); err == nil {
		t.Error("a webhook is asked without a secret")
	}
}
