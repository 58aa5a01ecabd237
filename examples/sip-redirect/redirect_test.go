// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func TestACallGoesToTheChosenAgent(t *testing.T) {
	t.Parallel()
	h := open(t, "-queue", "sales", "-number", "300=night")
	h.signIn("zoe@night")
	call := newPhone(t, h.sip).dial("300")
	r, queued := call.final()
	if r.code != 302 || r.Get("Contact") != "<sip:zoe%40night@phones.test>" || queued == 0 {
		t.Errorf("after %d times 182 the answer is %d, %v", queued, r.code, r.MIMEHeader)
	}
	w := h.the(call.callID)
	if r.Get("X-Patchbay-Work") != w.GetId() || r.Get("X-Patchbay-Assignment") != w.GetAssignments()[0].GetId() {
		t.Errorf("the answer names %v; the work is %v", r.MIMEHeader, w)
	}
	if got := w.GetAttributes(); got["caller"] != "carla" || got["caller_name"] != "Carla" || got["number"] != "300" || w.GetQueue() != "night" {
		t.Errorf("the work is %v", w)
	}
}

func TestACallerWhoHangsUpHasAbandoned(t *testing.T) {
	t.Parallel()
	h := open(t, "-queue", "sales")
	call := newPhone(t, h.sip).dial("200")
	if r := call.read(); r.code != 182 {
		t.Fatalf("the first answer is %d", r.code)
	}
	call.send("CANCEL", "")
	if r, _ := call.final(); r.code != 487 {
		t.Errorf("the answer is %d", r.code)
	}
	h.stop() // waits until the call is over
	if w := h.the(call.callID); w.GetState() != patchbayv1.WorkState_WORK_STATE_ABANDONED {
		t.Errorf("the work is %v", w)
	}
}

func TestNobodyIsThere(t *testing.T) {
	t.Parallel()
	for name, tried := range map[string]struct {
		args []string
		code int
		at   string
	}{
		"no voicemail": {nil, 480, ""},
		"voicemail":    {[]string{"-voicemail", "sip:voicemail@phones.test"}, 302, "<sip:voicemail@phones.test>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, append(tried.args, "-queue", "sales", "-patience", "300ms")...)
			call := newPhone(t, h.sip).dial("200")
			if r, _ := call.final(); r.code != tried.code || r.Get("Contact") != tried.at {
				t.Errorf("the answer is %d, %v", r.code, r.MIMEHeader)
			}
			if w := h.the(call.callID); w.GetState() != patchbayv1.WorkState_WORK_STATE_CANCELLED || w.GetReason() != "no agent in time" {
				t.Errorf("the work is %v", w)
			}
		})
	}
}

// TestACallComesBack has a phone not take its call: the caller tries again, as
// proxies do, and the next agent gets it, with the age it had.
func TestACallComesBack(t *testing.T) {
	t.Parallel()
	h := open(t, "-queue", "sales")
	h.signIn("anna")
	call := newPhone(t, h.sip).dial("200")
	first, _ := call.final()
	if first.code != 302 || first.Get("Contact") != "<sip:anna@phones.test>" {
		t.Fatalf("the first answer is %d, %v", first.code, first.MIMEHeader)
	}
	h.signIn("ben")
	second, _ := call.again().final()
	if second.code != 302 || second.Get("Contact") != "<sip:ben@phones.test>" {
		t.Errorf("the second answer is %d, %v", second.code, second.MIMEHeader)
	}
	w := h.the(call.callID)
	if x := w.GetAssignments(); len(x) != 2 || x[0].GetState() != patchbayv1.AssignmentState_ASSIGNMENT_STATE_DECLINED || x[0].GetReason() != "no answer" {
		t.Errorf("the work is %v", w)
	}
}

// TestAnOpenCallComesBack is the same for one that its agent had taken.
func TestAnOpenCallComesBack(t *testing.T) {
	t.Parallel()
	h := open(t, "-queue", "sales")
	anna := h.signIn("anna")
	call := newPhone(t, h.sip).dial("200")
	first, _ := call.final()
	id := first.Get("X-Patchbay-Assignment")
	if _, err := anna.client.AcceptOffer(t.Context(), &patchbayv1.AcceptOfferRequest{Assignment: id}); err != nil {
		t.Fatal(err)
	}
	second, _ := call.again().final()
	if second.code != 302 || second.Get("X-Patchbay-Assignment") == id || second.Get("X-Patchbay-Work") != first.Get("X-Patchbay-Work") {
		t.Errorf("the second answer is %d, %v", second.code, second.MIMEHeader)
	}
	// Once it is done, the same Call-ID is another call.
	next := second.Get("X-Patchbay-Assignment")
	if _, err := anna.client.AcceptOffer(t.Context(), &patchbayv1.AcceptOfferRequest{Assignment: next}); err != nil {
		t.Fatal(err)
	}
	if _, err := anna.client.CompleteWork(t.Context(), &patchbayv1.CompleteWorkRequest{Assignment: next}); err != nil {
		t.Fatal(err)
	}
	third, _ := call.again().final()
	if third.code != 302 || third.Get("X-Patchbay-Work") == first.Get("X-Patchbay-Work") {
		t.Errorf("the third answer is %d, %v", third.code, third.MIMEHeader)
	}
}

func TestAnAgentWithoutPhone(t *testing.T) {
	t.Parallel()
	h := open(t, "-queue", "sales", "-contact", "", "-contact-of", "ben=sip:ben@192.0.2.7:5070")
	h.signIn("anna")
	call := newPhone(t, h.sip).dial("200")
	if r := call.read(); r.code != 182 {
		t.Fatalf("the first answer is %d", r.code)
	}
	h.until(patchbayv1.EventKind_EVENT_KIND_OFFER_DECLINED, h.created(call.callID))
	h.signIn("ben")
	if r, _ := call.final(); r.code != 302 || r.Get("Contact") != "<sip:ben@192.0.2.7:5070>" {
		t.Errorf("the answer is %d, %v", r.code, r.MIMEHeader)
	}
}

func TestSomebodyElseCancels(t *testing.T) {
	t.Parallel()
	h := open(t, "-queue", "sales")
	call := newPhone(t, h.sip).dial("200")
	if r := call.read(); r.code != 182 {
		t.Fatalf("the first answer is %d", r.code)
	}
	created := h.created(call.callID)
	if _, err := patchbayv1.NewWorkServiceClient(h.conn).CancelWork(t.Context(), &patchbayv1.CancelWorkRequest{Work: created}); err != nil {
		t.Fatal(err)
	}
	if r, _ := call.final(); r.code != 480 {
		t.Errorf("the answer is %d", r.code)
	}
}

func TestTheProgramEnds(t *testing.T) {
	t.Parallel()
	h := open(t, "-queue", "sales")
	call := newPhone(t, h.sip).dial("200")
	if r := call.read(); r.code != 182 {
		t.Fatalf("the first answer is %d", r.code)
	}
	h.created(call.callID)
	var stopping sync.WaitGroup
	stopping.Go(h.stop)
	defer stopping.Wait()
	if r, _ := call.final(); r.code != 503 || r.Get("Retry-After") == "" {
		t.Errorf("the answer is %d, %v", r.code, r.MIMEHeader)
	}
	if w := h.the(call.callID); w.GetState() != patchbayv1.WorkState_WORK_STATE_CANCELLED {
		t.Errorf("the work is %v", w)
	}
}

func TestRequestsThatAreNoCalls(t *testing.T) {
	t.Parallel()
	h := open(t, "-number", "200=sales", "-number", "201=nowhere")
	p := newPhone(t, h.sip)
	for _, tried := range []struct {
		method string
		code   int
	}{{"OPTIONS", 200}, {"BYE", 481}, {"CANCEL", 481}, {"SUBSCRIBE", 405}} {
		d := &dialled{phone: p, callID: "no call " + tried.method, branch: "z9hG4bK-" + tried.method, called: "200"}
		d.send(tried.method, "")
		if r := p.read(); r.code != tried.code || r.method() != tried.method {
			t.Errorf("%s is answered %d, %v", tried.method, r.code, r.MIMEHeader)
		}
	}
	for _, unknown := range []string{"999", "201"} {
		if r, _ := newPhone(t, h.sip).dial(unknown).final(); r.code != 404 {
			t.Errorf("a call to %s is answered %d", unknown, r.code)
		}
	}
	// The same request by two ways.
	call := newPhone(t, h.sip).dial("200")
	if r := call.read(); r.code != 182 {
		t.Fatalf("the first answer is %d", r.code)
	}
	fork := *call
	fork.phone, fork.branch = newPhone(t, h.sip), call.branch+"-fork"
	fork.send("INVITE", "")
	if r, _ := fork.final(); r.code != 482 {
		t.Errorf("the fork is answered %d", r.code)
	}
}

// TestAThousandCalls has SIPp make 1,000 calls to twenty agents. Every one is
// sent to the phone of the agent whom the host chose: what callers were told
// and what the host has on record are compared.
func TestAThousandCalls(t *testing.T) {
	t.Parallel()
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		if os.Getenv("PATCHBAY_TELEPHONY") == "required" {
			t.Fatal(err)
		}
		t.Skip("skipped: SIPp is not installed (Debian: sip-tester)")
	}
	const calls = 1000
	h := open(t, "-queue", "support")
	var desks sync.WaitGroup
	for i := 1; i <= 20; i++ {
		d := h.signIn(fmt.Sprintf("agent-%02d", i))
		desks.Go(func() {
			if err := d.work(); err != nil && t.Context().Err() == nil {
				t.Errorf("%s: %v", d.agent, err)
			}
		})
	}
	t.Cleanup(desks.Wait) // the test's context ends before
	log := filepath.Join(t.TempDir(), "sipp.log")
	scenario, err := filepath.Abs(filepath.Join("testdata", "caller.xml"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), sipp, "-sf", scenario, "-s", "100", "-i", "127.0.0.1", "-nostdin",
		"-m", fmt.Sprint(calls), "-r", "200", "-l", "200", "-timeout", "120s", "-timeout_error", "-trace_logs", "-log_file", log, h.sip)
	command.Dir = t.TempDir()
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	told, decided := toldBy(t, log), h.decided(calls)
	byAgent := make(map[string]int)
	for call, agent := range decided {
		if want := "sip:" + agent + "@phones.test"; told[call] != want {
			t.Errorf("call %s was sent to %q; the host chose %s", call, told[call], agent)
		}
		byAgent[agent]++
	}
	if len(told) != calls || len(decided) != calls || len(byAgent) < 2 {
		t.Errorf("%d callers were told an address, the host decided about %d, for %d agents", len(told), len(decided), len(byAgent))
	}
	t.Logf("%d calls to %d agents: %v", len(decided), len(byAgent), byAgent)
}

// toldBy reads what callers were told, by Call-ID.
func toldBy(t *testing.T, log string) map[string]string {
	t.Helper()
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	told := make(map[string]string)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "redirected" {
			told[fields[1]] = fields[2]
		}
	}
	return told
}

// decided reads from the feed which agent got which call, by Call-ID.
func (h *house) decided(calls int) map[string]string {
	h.t.Helper()
	stream, err := patchbayv1.NewFeedServiceClient(h.conn).StreamEvents(h.t.Context(), &patchbayv1.StreamEventsRequest{
		Kinds: []patchbayv1.EventKind{patchbayv1.EventKind_EVENT_KIND_WORK_CREATED, patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	callOf, agentOf := make(map[string]string), make(map[string]string)
	for len(agentOf) < calls {
		m, err := stream.Recv()
		if err != nil {
			h.t.Fatal(err)
		}
		switch ev := m.GetEvent(); ev.GetKind() {
		case patchbayv1.EventKind_EVENT_KIND_WORK_CREATED:
			callOf[ev.GetWork()] = ev.GetCreated().GetExternal()
		default:
			agentOf[callOf[ev.GetWork()]] = ev.GetAgent()
		}
	}
	return agentOf
}

// created waits until there is work of a call and returns its id.
func (h *house) created(callID string) string {
	h.t.Helper()
	stream, err := patchbayv1.NewFeedServiceClient(h.conn).StreamEvents(h.t.Context(), &patchbayv1.StreamEventsRequest{
		Kinds: []patchbayv1.EventKind{patchbayv1.EventKind_EVENT_KIND_WORK_CREATED},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			h.t.Fatal(err)
		}
		if ev := m.GetEvent(); ev.GetCreated().GetExternal() == callID {
			return ev.GetWork()
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "-queue or -number is needed",
		"-queue q":                          "-contact or -contact-of is needed",
		"-queue q -contact sip:x@y":         "should have {agent}",
		"-queue q -contact tel:{agent}":     "is not an address",
		"-queue q -contact-of anna":         "it should be NAME=VALUE",
		"-queue q -contact-of anna=phone":   "is not an address",
		"-queue q -contact sip:{agent}@y x": "\"x\" is not understood",
		"-queue q -contact sip:{agent}@y -patience -1s":     "-patience: it should be above 0",
		"-queue q -contact sip:{agent}@y -voicemail nobody": "-voicemail:",
	} {
		if _, err := read(strings.Fields(text), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := read(strings.Fields("-number 1=q -contact-of anna=sips:anna@192.0.2.1:5061"), t.Output()); err != nil {
		t.Error(err)
	}
}

func TestAKeyIsNotSentInTheClear(t *testing.T) {
	t.Setenv("PATCHBAY_KEY", "secret")
	if _, err := (&options{host: "192.0.2.1:7460"}).dial(); err == nil || !strings.Contains(err.Error(), "in the clear") {
		t.Error(err)
	}
	conn, err := (&options{host: net.JoinHostPort("127.0.0.1", "1")}).dial()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
