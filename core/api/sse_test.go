// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/api"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// event is one Server-Sent Event as it was read.
type event struct{ id, name, data string }

// events is an open stream of Server-Sent Events.
type events struct {
	t     testing.TB
	body  io.ReadCloser
	lines *bufio.Reader
}

func (p *place) events(path, lastID string) *events {
	p.t.Helper()
	// What never comes should fail its test, not hang it.
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	p.t.Cleanup(cancel)
	r := p.request("GET", path, "").WithContext(ctx)
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	response, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	if media := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || media != "text/event-stream" {
		text, _ := io.ReadAll(response.Body)
		p.t.Fatalf("%s: %s, %s: %s", path, response.Status, media, text)
	}
	p.t.Cleanup(func() { _ = response.Body.Close() })
	return &events{t: p.t, body: response.Body, lines: bufio.NewReader(response.Body)}
}

// read returns the next event, io.EOF at the end.
func (s *events) read() (event, error) {
	var e event
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.name != "" {
				return e, nil
			}
		}
	}
}

func (s *events) next() event {
	s.t.Helper()
	e, err := s.read()
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// drain reads to the end and returns the last event.
func (s *events) drain() event {
	s.t.Helper()
	var last event
	for {
		e, err := s.read()
		if errors.Is(err, io.EOF) {
			return last
		}
		if err != nil {
			s.t.Fatal(err)
		}
		last = e
	}
}

// upTo reads until an event of that name and returns all names.
func (s *events) upTo(name string) (names []string, last event) {
	s.t.Helper()
	for {
		last = s.next()
		names = append(names, last.name)
		if last.name == name {
			return names, last
		}
	}
}

func TestEventsResumeAfterTheLastID(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	first := p.events("/v1/events?kinds=work_created&kinds=work_cancelled", "")
	p.call("POST", "/v1/work", support)
	created := first.next()
	var value map[string]any
	if err := json.Unmarshal([]byte(created.data), &value); err != nil {
		t.Fatal(err)
	}
	work, _ := value["created"].(map[string]any)
	if created.name != "work_created" || value["work"] != "w1" || value["number"] != created.id || work["priority"] != 5.0 {
		t.Errorf("event %+v", created)
	}
	if _, ok := value["agent"]; ok {
		t.Errorf("fields that do not apply should be left out: %s", created.data)
	}
	_ = first.body.Close()
	p.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`)
	p.call("POST", "/v1/work/w1/cancel", "")
	second := p.events("/v1/events?after=0&kinds=work_created&kinds=work_cancelled", created.id)
	if e := second.next(); e.name != "work_created" || !strings.Contains(e.data, `"w2"`) {
		t.Errorf("after %s came %+v", created.id, e)
	}
	if e := second.next(); e.name != "work_cancelled" || !strings.Contains(e.data, `"w1"`) {
		t.Errorf("then came %+v", e)
	}
	sales := p.events("/v1/events?queue=sales", "")
	if e := sales.next(); e.name != "work_created" || !strings.Contains(e.data, `"w2"`) {
		t.Errorf("of sales came %+v", e)
	}
}

func TestOffersAsServerSentEvents(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.call("POST", "/v1/agents/cid/sign-in", `{"status":"available"}`)
	stream := p.events("/v1/agents/cid/offers", "")
	if first := stream.next(); first.name != "snapshot" || first.id != "" || !strings.Contains(first.data, `"cid"`) {
		t.Errorf("first %+v", first)
	}
	p.call("POST", "/v1/work", `{"channel":"case","queue":"sales"}`)
	names, last := stream.upTo("accepted") // cid's offers open by themselves
	if strings.Join(names, " ") != "offered accepted" || last.id == "" || !strings.Contains(last.data, `"a1"`) {
		t.Errorf("came %v, last %+v", names, last)
	}
	p.call("POST", "/v1/agents/cid/sign-out", "")
	if e := stream.next(); e.name != "status" || !strings.Contains(e.data, `"offline"`) {
		t.Errorf("after signing out came %+v", e)
	}
}

func TestAStreamThatCannotBeginIsAnError(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.fails(p.request("GET", "/v1/agents/nobody/offers", ""), 404, "unknown_agent", "agent")
	p.fails(p.request("GET", "/v1/events?queue=none", ""), 400, "unknown_queue", "queue")
	p.fails(p.request("GET", "/v1/events?after=1000", ""), 400, "invalid", "after")
	p.fails(p.request("GET", "/v1/events?kinds=tuesday", ""), 400, "invalid", "kinds")
	bad := p.request("GET", "/v1/events", "")
	bad.Header.Set("Last-Event-ID", "x")
	p.fails(bad, 400, "invalid", "Last-Event-ID")
}

func TestEventsOverGRPC(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.call("POST", "/v1/work", support)
	stream, err := patchbayv1.NewFeedServiceClient(p.dial()).StreamEvents(t.Context(), &patchbayv1.StreamEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m.GetEvent().GetNumber() <= last {
			t.Fatalf("event %d after %d", m.GetEvent().GetNumber(), last)
		}
		last = m.GetEvent().GetNumber()
		if m.GetEvent().GetKind() == patchbayv1.EventKind_EVENT_KIND_WORK_CREATED {
			return
		}
	}
}
