// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// endless is a text that nobody wants repeated, and no UTF-8.
var endless = strings.Repeat("é\xff", 100_000)

// most is how long a sentence may be that quotes it.
const most = 400

// brief holds that a text quotes what a router says, and is short and legible.
func brief(t testing.TB, what, text string) {
	t.Helper()
	if !strings.Contains(text, "é") || len(text) > most || !utf8.ValidString(text) {
		t.Errorf("%s has %d bytes: %.100q", what, len(text), text)
	}
}

// page is a log to be read.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSpace(p.text.String()), "\n")
}

// However much a router says of itself, little of it is repeated: to the router,
// in the status, in the log, and in the faults that go on record.
func TestQuotesAreBrief(t *testing.T) {
	t.Parallel()
	var log page
	doors := newDoors(t, remote.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	doors.OnInstruct(func(_ context.Context, _ string, in *strategyv1.Instruct, _ func() (strategy.Standing, bool)) *strategyv1.Instructed {
		return &strategyv1.Instructed{Code: "invalid", Text: fmt.Sprintf("%s is not the id of work", in.GetWork())}
	})
	p := dial(t, doors)
	hello := helloOf("one", 0)
	hello.Manifest.Version = endless
	sayHello(p, hello)
	brief(t, "the version", doors.Routers()[0].Version)

	starting := start(t, doors, strategy.Spec{})
	lead := p.hear().GetLead()
	said := func(severity strategyv1.Diagnostic_Severity) {
		p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{Configured: &strategyv1.Configured{
			Lease: lead.GetLease(), Response: &strategyv1.ConfigureResponse{
				Diagnostics: []*strategyv1.Diagnostic{{Severity: severity, Path: "a", Message: endless}},
			},
		}}})
	}
	said(strategyv1.Diagnostic_SEVERITY_ERROR)
	brief(t, "the fault of the start", (<-starting).err.Error())

	starting = start(t, doors, strategy.Spec{})
	for lead = nil; lead == nil; { // after it was drained
		lead = p.hear().GetLead()
	}
	said(strategyv1.Diagnostic_SEVERITY_WARNING)
	led := <-starting
	if led.err != nil {
		t.Fatal(led.err)
	}
	defer led.instance.Close()

	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Instruct{Instruct: &strategyv1.Instruct{
		Lease: lead.GetLease(), Work: endless, Revision: 1, Verb: strategyv1.Instruct_VERB_CLEAR,
	}}})
	if text := p.hear().GetInstructed().GetText(); !strings.Contains(text, "é") || len(text) > 1000 || !utf8.ValidString(text) {
		t.Errorf("the answer to an instruct has %d bytes", len(text))
	}

	turn := turned(t.Context(), led.instance, snapshot(1))
	p.answer(p.hear().GetAsk().GetLease(), 1, route.EncodeStatus(nil, 7, 1, route.StatusInternal, endless))
	err := <-turn
	wantFault(t, err, strategy.FaultBroken, "é")
	brief(t, "the fault of a turn", err.Error())

	turn = turned(t.Context(), led.instance, snapshot(2))
	p.hear()
	p.refuse = fmt.Errorf("%w: the field %q is unknown", remote.ErrRubbish, endless)
	p.hangUp()
	err = <-turn
	wantFault(t, err, strategy.FaultRubbish, "cannot be read")
	brief(t, "the fault of what cannot be read", err.Error())
	for m := p.hear(); m != nil; m = p.hear() {
		if n := m.GetNotice(); n.GetCode() == strategyv1.Notice_CODE_RUBBISH {
			brief(t, "the notice", n.GetText())
		}
	}
	warned := false
	for _, line := range log.lines() {
		if warned = warned || strings.Contains(line, "on its settings"); len(line) > 2*most {
			t.Errorf("a line of the log has %d bytes", len(line))
		}
	}
	if !warned {
		t.Error("the warning is not in the log")
	}
}

// A manifest that is refused, and a farewell, are not repeated at length either.
func TestRefusalsAreBrief(t *testing.T) {
	t.Parallel()
	var log page
	doors := newDoors(t, remote.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Ping: time.Hour})
	p := dial(t, doors)
	hello := helloOf("one", 0)
	hello.Manifest.Reasons = []*strategyv1.Reason{{Name: endless}}
	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: hello}})
	<-p.served
	brief(t, "the refusal", strings.ReplaceAll(p.err.Error(), "reason", "é"))
	p, _ = connected(t, doors, "two", 0)
	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Leave{Leave: &strategyv1.Leave{Reason: endless}}})
	<-p.served
	for _, line := range log.lines() {
		if len(line) > 2*most {
			t.Errorf("a line of the log has %d bytes", len(line))
		}
	}
}
