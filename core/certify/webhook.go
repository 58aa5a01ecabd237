// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	door "github.com/patchbay-cx/patchbay/core/strategy/remote/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// Webhook is a vendor's decision webhook.
type Webhook struct {
	// URL is where it is asked.
	URL string
	// Secrets sign what is asked. At least one is needed.
	Secrets []webhook.Secret
	// Allow lists networks that may be called beside public addresses.
	Allow []netip.Prefix
	// Candidates is how many candidates each item comes with at most; 0 means the
	// default.
	Candidates int
	// Reasons are those that answers may name.
	Reasons []route.Reason
}

// groupQuestion is what webhooks are asked, beside what all strategies are.
const groupQuestion = "questions"

// WebhookRequirements are all requirements for decision webhooks, in their order.
func WebhookRequirements() []Requirement { return requirementsOf(webhookTrials(nil)) }

// RunWebhook tries a decision webhook. Of the options, those that are about
// lines and programs say nothing. An error means that ctx ended, or that there is
// no secret; all else is in the report.
func RunWebhook(ctx context.Context, target Webhook, options Options) (*Report, error) {
	if len(target.Secrets) == 0 {
		return nil, errors.New("certify: a webhook is asked under a secret, and none is given")
	}
	options = options.withDefaults()
	s := &Stand{options: StandOptions{Strategy: "certify", MaxMessageBytes: 1 << 20}, door: door.Name, changed: make(chan struct{})}
	s.stop, s.cancel = context.WithCancel(ctx)
	if err := s.furnish(); err != nil {
		return nil, err
	}
	asked := door.New(s.doors, door.Options{
		Strategy: s.options.Strategy, URL: target.URL, Secrets: target.Secrets, Allow: target.Allow,
		Candidates: target.Candidates, Reasons: target.Reasons, Source: source, Agent: agent,
	})
	s.work.Go(func() { asked.Run(s.stop) })
	defer func() {
		s.cancel()
		_ = errors.Join(s.doors.Close(), s.lobby.Close())
		s.work.Wait()
	}()
	client := &http.Client{Timeout: options.Deadline, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	c := &course{stand: s, options: options, met: true}
	c.report.Router, c.report.Name, c.report.Door, c.report.View = webhook.Place(target.URL), "the webhook", door.Name, route.ViewCandidates
	c.options.Program = nil
	return c.run(ctx, webhookTrials(&asking{target: target, client: client}))
}

// Who says that it asks, and how long what is asked by hand may take.
const (
	longest = 10 * time.Second
	source  = "/certify"
	agent   = "patchbay-certify"
)

// webhookTrials are all requirements of webhooks: their own, and those of all
// strategies that can be tried on one that keeps nothing.
func webhookTrials(a *asking) []trial {
	one := func(id string, level Level, text, fix string, try func(*asking, context.Context, *course) error) trial {
		return trial{Requirement: Requirement{id, groupQuestion, level, text, fix}, try: func(c *course, ctx context.Context) error {
			return try(a, ctx, c)
		}}
	}
	list := []trial{
		one("question", Must, "It answers a signed question with 2xx and a reply as JSON.",
			"Take a POST of a CloudEvent whose data is the question; answer 200 and {\"proposals\": …}.", (*asking).question),
		one("signature", Must, "It refuses a question that is not signed, is signed by another secret, or was changed on the way.",
			"Verify webhook-signature over id, timestamp and the raw body before you read it; answer 401.", (*asking).signature),
		one("rotation", Must, "It takes a question with several signatures if one of them is good.",
			"Look at each signature in the list; while a secret is replaced there are two.", (*asking).rotation),
		one("old-question", Should, "It refuses a question that was signed long ago.",
			"Refuse what was signed more than five minutes from now.", (*asking).old),
		one("again", Must, "It answers the same question that comes again as it did the first time.",
			"Decide by what the question says; what was not answered in time is asked again, under the same webhook-id.", (*asking).again),
		one("unknown", Must, "It passes over members that it does not know.",
			"Do not fail on unknown members: a later host says more than this one.", (*asking).unknown),
		one("rubbish", Should, "It answers signed rubbish with 4xx, and goes on.",
			"Answer 400 to what cannot be read; 5xx says that it may be tried again.", (*asking).rubbish),
		one("together", Must, "It answers several questions at a time.",
			"Do not serve one request after the other: several hosts, and a host that begins anew, ask at the same time.", (*asking).together),
	}
	for _, t := range slices.Concat(contractTrials(), strainTrials()) {
		if !slices.Contains([]string{"manifest", "determinism", "gaps"}, t.ID) {
			list = append(list, t)
		}
	}
	return list
}

// asking asks a webhook by hand.
type asking struct {
	target Webhook
	client *http.Client

	mu    sync.Mutex
	count uint64
}

// answered is what came of a question.
type answered struct {
	code  int
	body  []byte
	reply document.Reply
}

// ask makes a question of an agent who is idle and an item that waits.
func (a *asking) ask() *door.Question {
	a.mu.Lock()
	a.count++
	turn := a.count
	a.mu.Unlock()
	now := routetest.Start
	return &door.Question{
		Strategy: "certify", Lease: uint64(now), Turn: turn, Deadline: time.Now().Add(longest).UTC().Truncate(time.Millisecond),
		Frame: &document.Turn{
			Kind: "candidates", Epoch: 1, Seq: turn, Now: now, Seed: 7, Budget: uint32(longest.Microseconds()),
			Channels: []document.Channel{{Name: "case"}},
			Queues:   []document.Queue{{Gen: 1, Version: 1, Name: "support", Model: "longest_idle", Flags: []string{}}},
			Agents: []document.Agent{
				idle(3, "anna", now-60_000), idle(5, "bert", now-30_000),
			},
			Work: []document.Work{{
				Ref: 2, Gen: 1, Revision: 4, Sequence: 1, RequestedAt: now - 5000, Priority: 1, Size: 1000, Channel: "case",
				State: "waiting", Flags: []string{}, Needs: []document.Need{}, Declined: []string{}, Attributes: map[string]string{},
			}},
			Items: []document.Item{{Candidates: []document.Candidate{{Takes: 1000}, {Agent: 1, Takes: 1000}}}},
		},
	}
}

func idle(ref uint32, name string, since int64) document.Agent {
	return document.Agent{
		Ref: ref, Gen: 1, Version: 1, Name: name, Channels: []string{"case"}, Status: "available", Flags: []string{"connected"},
		Capacity: 1000, IdleSince: since, SignedInAt: since, MaxOpen: 100, Members: []document.Member{{Tier: 1}},
		Skills: []document.Skill{}, StatusSince: since,
	}
}

// event is a question as it is posted, and its id.
func (a *asking) event(q *door.Question) (id string, body []byte, err error) {
	data, err := json.Marshal(q)
	if err != nil {
		return "", nil, err
	}
	id = fmt.Sprintf("ask_%d_%d", q.Lease, q.Turn)
	body, err = json.Marshal(&webhook.Event{ID: id, Source: source, Type: door.EventType, Subject: q.Strategy, Time: time.Now(), Data: data})
	return id, body, err
}

// post posts a body under headers that sign makes.
func (a *asking) post(ctx context.Context, body []byte, sign func(http.Header)) (*answered, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.target.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL cannot be used")
	}
	request.Header.Set("Content-Type", webhook.ContentType)
	request.Header.Set("User-Agent", agent)
	sign(request.Header)
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	out := &answered{code: response.StatusCode}
	out.body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return out, err
}

// signed signs as the host does.
func (a *asking) signed(id string, at time.Time, body []byte) func(http.Header) {
	return func(h http.Header) { webhook.Sign(h, a.target.Secrets, id, at, body) }
}

// good posts a question and wants a good answer. When says what is tried.
func (a *asking) good(ctx context.Context, c *course, when, id string, body []byte) (*answered, error) {
	out, err := a.post(ctx, body, a.signed(id, time.Now(), body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", when, err)
	}
	if out.code < 200 || out.code > 299 {
		c.find("%s is answered with %d %q", when, out.code, clip(out.body))
		return out, nil
	}
	if len(bytes.TrimSpace(out.body)) == 0 {
		return out, nil // nothing is proposed
	}
	decoder := json.NewDecoder(bytes.NewReader(out.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out.reply); err != nil {
		c.find("%s is answered with what is no reply: %v", when, err)
	}
	for _, p := range out.reply.Proposals {
		if p.Work != 2 || p.Revision != 4 || p.Agent != 3 && p.Agent != 5 {
			c.find("%s is answered with a proposal of work %d, revision %d, to agent %d; by ref, work 2 of revision 4 and agents 3 and 5 were meant",
				when, p.Work, p.Revision, p.Agent)
		}
	}
	return out, nil
}

func clip(text []byte) string {
	const most = 200
	return strings.ToValidUTF8(string(text[:min(len(text), most)]), "?")
}

// question asks by hand, and by the host's own door.
func (a *asking) question(ctx context.Context, c *course) error {
	id, body, err := a.event(a.ask())
	if err != nil {
		return err
	}
	if _, err := a.good(ctx, c, "a question", id, body); err != nil || len(c.findings) > 0 {
		return err
	}
	return c.works(ctx, "asked by the host's own door")
}

// signature posts questions that the host did not sign.
func (a *asking) signature(ctx context.Context, c *course) error {
	id, body, err := a.event(a.ask())
	if err != nil {
		return err
	}
	other := bytes.Replace(body, []byte("anna"), []byte("eve!"), 1)
	for _, way := range []struct {
		text string
		body []byte
		sign func(http.Header)
	}{
		{"a question without a signature", body, func(http.Header) {}},
		{"a question signed by another secret", body, func(h http.Header) {
			webhook.Sign(h, []webhook.Secret{webhook.NewSecret()}, id, time.Now(), body)
		}},
		{"a question that was changed on the way", other, a.signed(id, time.Now(), body)},
		{"a question under another webhook-id than the signature's", body, func(h http.Header) {
			a.signed(id, time.Now(), body)(h)
			h.Set(webhook.HeaderID, id+"0")
		}},
	} {
		if err := a.refuses(ctx, c, way.text, way.body, way.sign); err != nil {
			return err
		}
	}
	return nil
}

func (a *asking) refuses(ctx context.Context, c *course, text string, body []byte, sign func(http.Header)) error {
	out, err := a.post(ctx, body, sign)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	if out.code < 400 || out.code > 499 {
		c.find("%s is answered with %d, and not with 4xx", text, out.code)
	}
	return nil
}

func (a *asking) rotation(ctx context.Context, c *course) error {
	id, body, err := a.event(a.ask())
	if err != nil {
		return err
	}
	both := append([]webhook.Secret{webhook.NewSecret()}, a.target.Secrets...)
	out, err := a.post(ctx, body, func(h http.Header) { webhook.Sign(h, both, id, time.Now(), body) })
	if err == nil && (out.code < 200 || out.code > 299) {
		c.find("a question with two signatures, of which the second is good, is answered with %d %q", out.code, clip(out.body))
	}
	return err
}

func (a *asking) old(ctx context.Context, c *course) error {
	id, body, err := a.event(a.ask())
	if err != nil {
		return err
	}
	return a.refuses(ctx, c, "a question that was signed an hour ago", body, a.signed(id, time.Now().Add(-time.Hour), body))
}

func (a *asking) again(ctx context.Context, c *course) error {
	id, body, err := a.event(a.ask())
	if err != nil {
		return err
	}
	first, err := a.good(ctx, c, "a question", id, body)
	if err != nil {
		return err
	}
	second, err := a.good(ctx, c, "a question that comes again", id, body)
	if err != nil {
		return err
	}
	if !slices.Equal(first.reply.Proposals, second.reply.Proposals) {
		c.find("a question that comes again is answered otherwise than the first time")
	}
	return nil
}

func (a *asking) unknown(ctx context.Context, c *course) error {
	id, body, err := a.event(a.ask())
	if err != nil {
		return err
	}
	for _, member := range []string{`"specversion"`, `"frame"`, `"capacity"`, `"revision"`} {
		body = bytes.Replace(body, []byte(member), []byte(`"of_a_later_version":{"says":[1]},`+member), 1)
	}
	_, err = a.good(ctx, c, "a question with unknown members", id, body)
	return err
}

func (a *asking) rubbish(ctx context.Context, c *course) error {
	for _, body := range []string{"]", `{"specversion":"1.0","id":"x","source":"/certify","type":"` + door.EventType + `","data":{"frame":[]}}`} {
		if err := a.refuses(ctx, c, "signed rubbish", []byte(body), a.signed("rubbish", time.Now(), []byte(body))); err != nil {
			return err
		}
	}
	id, body, err := a.event(a.ask())
	if err != nil {
		return err
	}
	_, err = a.good(ctx, c, "a question after rubbish", id, body)
	return err
}

func (a *asking) together(ctx context.Context, c *course) error {
	const several = 8
	var each sync.WaitGroup
	defer each.Wait()
	errs := make([]error, several)
	for i := range errs {
		id, body, err := a.event(a.ask())
		if err != nil {
			return err
		}
		each.Go(func() {
			out, err := a.post(ctx, body, a.signed(id, time.Now(), body))
			if err == nil && (out.code < 200 || out.code > 299) {
				err = fmt.Errorf("it is answered with %d %q", out.code, clip(out.body))
			}
			errs[i] = err
		})
	}
	each.Wait()
	for _, err := range errs {
		if err != nil {
			c.find("one of %d questions at a time: %v", several, err)
		}
	}
	return nil
}
