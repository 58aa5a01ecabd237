// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// wants fails unless the work ended in a state, having gone through assignments
// in these.
func wants(t *testing.T, w *patchbayv1.Work, state string, assignments ...string) {
	t.Helper()
	var got []string
	for _, x := range w.GetAssignments() {
		got = append(got, x.GetAgent()+" "+strings.ToLower(strings.TrimPrefix(x.GetState().String(), "ASSIGNMENT_STATE_")))
	}
	if w.GetState().String() != "WORK_STATE_"+state || !slices.Equal(got, assignments) {
		t.Errorf("the work is %v, by %q; want %s, by %q", w.GetState(), got, state, assignments)
	}
}

func TestAnAgentAnswersAndTheCallerHangsUp(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	h := open(t, p, "-connect", "anna")
	p.call("c1")
	p.waits("c1")
	h.signIn("anna")
	phone := p.rings("PJSIP/anna")
	p.until("the phone shows who calls", func() bool { return p.channels[phone].callerID == "5551234" })
	p.answer(phone)
	p.talk("c1", phone)
	w := h.the("c1")
	wants(t, w, "OPEN", "anna accepted")
	if got := w.GetAttributes(); got["caller"] != "5551234" || got["caller_name"] != "Carla" || got["number"] != "200" || w.GetQueue() != "sales" {
		t.Errorf("the work is %v", w)
	}
	p.hangUp("c1")
	p.isGone(phone)
	wants(t, h.ends("c1"), "CLOSED", "anna completed")
	p.until("nothing is left", func() bool { return len(p.bridges) == 0 && len(p.channels) == 0 })
}

func TestTheAgentHangsUp(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	h := open(t, p, "-connect", "zoe@night", "-phone-of", "zoe@night=PJSIP/17")
	h.signIn("zoe@night")
	p.call("c1", "night")
	phone := p.rings("PJSIP/17")
	p.answer(phone)
	p.talk("c1", phone)
	p.hangUp(phone)
	p.isGone("c1")
	wants(t, h.ends("c1"), "CLOSED", "zoe@night completed")
	p.until("nothing is left", func() bool { return len(p.bridges) == 0 })
}

func TestTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	h := open(t, p, "-connect", "anna")
	p.call("waiting")
	p.waits("waiting")
	h.created("waiting")
	p.hangUp("waiting")
	wants(t, h.ends("waiting"), "ABANDONED")

	h.signIn("anna")
	p.call("ringing")
	phone := p.rings("PJSIP/anna")
	p.hangUp("ringing")
	p.isGone(phone)
	wants(t, h.ends("ringing"), "ABANDONED", "anna withdrawn")
}

func TestAPhoneIsNotAnswered(t *testing.T) {
	t.Parallel()
	for name, tried := range map[string]struct {
		args   []string
		status string // of dialling; "-" if it does not ring at all
		cause  int
		reason string
	}{
		"busy":             {nil, "", 17, "busy"},
		"rejected":         {nil, "", 21, "rejected"},
		"silent":           {nil, "", 19, "no answer"},
		"offline":          {nil, "", 20, "phone unreachable"},
		"otherwise":        {nil, "", 34, "not answered"},
		"dialled, busy":    {nil, "BUSY", 0, "busy"},
		"dialled, silent":  {nil, "NOANSWER", 0, "no answer"},
		"dialled, offline": {nil, "CHANUNAVAIL", 0, "phone unreachable"},
		"unplugged":        {[]string{"-phone-of", "anna=PJSIP/unplugged"}, "-", 0, "phone unreachable"},
		"no phone":         {[]string{"-phone", "", "-phone-of", "ben=PJSIP/ben"}, "-", 0, "no phone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPBX(t)
			h := open(t, p, append([]string{"-connect", "anna", "-connect", "ben"}, tried.args...)...)
			h.signIn("anna") // who is idle for longer, and so asked first
			h.signIn("ben")
			p.call("c1")
			if tried.status != "-" {
				p.refuse(p.rings("PJSIP/anna"), tried.status, tried.cause)
			}
			phone := p.rings("PJSIP/ben")
			p.answer(phone)
			p.talk("c1", phone)
			w := h.the("c1")
			wants(t, w, "OPEN", "anna declined", "ben accepted")
			if got := w.GetAssignments()[0].GetReason(); got != tried.reason {
				t.Errorf("anna declined because of %q", got)
			}
			p.hangUp("c1")
			h.ends("c1")
		})
	}
}

// TestTheHostTakesItBack has somebody withdraw what an agent's phone rings for,
// and what an agent talks about.
func TestTheHostTakesItBack(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	h := open(t, p, "-connect", "anna", "-connect", "ben")
	h.signIn("anna")
	works := patchbayv1.NewWorkServiceClient(h.conn)
	p.call("c1")
	phone := p.rings("PJSIP/anna")
	if _, err := works.CancelWork(t.Context(), &patchbayv1.CancelWorkRequest{Work: h.the("c1").GetId()}); err != nil {
		t.Fatal(err)
	}
	p.isGone(phone)
	p.isGone("c1")

	p.call("c2")
	phone = p.rings("PJSIP/anna")
	p.answer(phone)
	p.talk("c2", phone)
	h.signIn("ben")
	if _, err := works.TransferWork(t.Context(), &patchbayv1.TransferWorkRequest{Work: h.the("c2").GetId(), Agent: "ben"}); err != nil {
		t.Fatal(err)
	}
	p.isGone(phone)
	p.waits("c2")
	phone = p.rings("PJSIP/ben")
	p.answer(phone)
	p.talk("c2", phone)
	wants(t, h.the("c2"), "OPEN", "anna transferred", "ben accepted")
	// The agent says at the desktop that it is done.
	if _, err := patchbayv1.NewAgentServiceClient(h.conn).CompleteWork(t.Context(), &patchbayv1.CompleteWorkRequest{
		Assignment: h.the("c2").GetAssignments()[1].GetId(),
	}); err != nil {
		t.Fatal(err)
	}
	p.isGone("c2")
	p.isGone(phone)
}

// TestAnAgentClicksFirst has an offer accepted at the desktop before the phone is
// answered.
func TestAnAgentClicksFirst(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	h := open(t, p, "-connect", "anna")
	h.signIn("anna")
	p.call("c1")
	phone := p.rings("PJSIP/anna")
	if _, err := patchbayv1.NewAgentServiceClient(h.conn).AcceptOffer(t.Context(), &patchbayv1.AcceptOfferRequest{
		Assignment: h.the("c1").GetAssignments()[0].GetId(),
	}); err != nil {
		t.Fatal(err)
	}
	p.answer(phone)
	p.talk("c1", phone)
	wants(t, h.the("c1"), "OPEN", "anna accepted")
	p.hangUp("c1")
	wants(t, h.ends("c1"), "CLOSED", "anna completed")
}

// TestTheEventsAreLost has callers and agents hang up while nobody hears it.
func TestTheEventsAreLost(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	h := open(t, p, "-connect", "anna")
	h.signIn("anna")
	p.call("c1")
	phone := p.rings("PJSIP/anna")
	p.answer(phone)
	p.talk("c1", phone)
	p.call("c2")
	p.waits("c2")
	h.created("c2")
	p.lose(func() {
		p.hangUp(phone)
		p.hangUp("c2")
	})
	p.isGone("c1")
	wants(t, h.ends("c1"), "CLOSED", "anna completed")
	// Who is free again may have been offered the other call before it was found out.
	if w := h.ends("c2"); w.GetState() != patchbayv1.WorkState_WORK_STATE_ABANDONED {
		t.Errorf("the work is %v", w)
	}
}

// TestTheProgramEnds gives those who wait back to the dialplan, and lets those
// talk who talk.
func TestTheProgramEnds(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	h := open(t, p, "-connect", "anna")
	h.signIn("anna")
	p.call("talks")
	phone := p.rings("PJSIP/anna")
	p.answer(phone)
	p.talk("talks", phone)
	p.call("waits")
	p.waits("waits")
	h.created("waits")
	var stopping sync.WaitGroup
	stopping.Go(h.stop)
	p.until("who waits goes on in the dialplan", func() bool { return slices.Contains(p.dialplan, "waits") })
	wants(t, h.ends("waits"), "CANCELLED")
	wants(t, h.the("talks"), "OPEN", "anna accepted")
	p.hangUp("talks")
	stopping.Wait()
	wants(t, h.the("talks"), "CLOSED", "anna completed")
}

func TestAQueueThatIsNotThere(t *testing.T) {
	t.Parallel()
	p := newPBX(t)
	open(t, p)
	p.call("c1", "nowhere")
	p.until("the caller goes on in the dialplan", func() bool { return slices.Contains(p.dialplan, "c1") })
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "-phone or -phone-of is needed",
		"-phone PJSIP/anna":            "should have {agent}",
		"-phone P/{agent} -ari nobody": "-ari:",
		"-phone P/{agent} -ring 1ms":   "-ring:",
		"-phone-of anna":               "it should be AGENT=ENDPOINT",
		"-phone P/{agent} x":           "\"x\" is not understood",
	} {
		if _, err := read(strings.Fields(text), t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if o, err := read(strings.Fields("-phone-of anna=PJSIP/1 -ari https://pbx.test:8089/"), t.Output()); err != nil || o.ari != "https://pbx.test:8089" {
		t.Errorf("%+v, %v", o, err)
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
