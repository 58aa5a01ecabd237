// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// instruct has something done as the router.
func (p *pipe) instruct(lease, number uint64) {
	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Instruct{Instruct: &strategyv1.Instruct{
		Lease: lease, Number: number, Work: "w1", Revision: 3, Verb: strategyv1.Instruct_VERB_CLEAR,
	}}})
}

func (p *pipe) instructed(t testing.TB, number uint64, code string) *strategyv1.Instructed {
	t.Helper()
	out := p.hear().GetInstructed()
	if out.GetNumber() != number || out.GetCode() != code || (code == "") != (out.GetText() == "") {
		t.Fatalf("instructed: %v, want number %d and code %q", out, number, code)
	}
	return out
}

// The router that leads has things done, in the order in which it says so; one
// that stands by, or led once, has not.
func TestInstruct(t *testing.T) {
	t.Parallel()
	doors := newDoors(t, remote.Options{})
	type call struct {
		strategy string
		in       *strategyv1.Instruct
		lead     func() (strategy.Standing, bool)
	}
	calls := make(chan call, 10)
	doors.OnInstruct(func(_ context.Context, name string, in *strategyv1.Instruct, lead func() (strategy.Standing, bool)) *strategyv1.Instructed {
		calls <- call{name, in, lead}
		return &strategyv1.Instructed{Revision: in.GetRevision() + 1, Event: 9}
	})
	leader, _ := connected(t, doors, "leader", 0)
	leader.instruct(5, 1)
	leader.instructed(t, 1, "fenced")
	in, lead := led(t, doors, leader, strategy.Spec{Post: 3})
	standby, _ := connected(t, doors, "standby", 1)
	standby.instruct(lead.GetLease(), 1)
	standby.instructed(t, 1, "fenced")
	for number := range uint64(5) {
		leader.instruct(lead.GetLease(), number)
	}
	var last call
	for number := range uint64(5) {
		if out := leader.instructed(t, number, ""); out.GetRevision() != 4 || out.GetEvent() != 9 || out.GetLease() != lead.GetLease() {
			t.Errorf("%v", out)
		}
		if last = <-calls; last.strategy != "x" || last.in.GetNumber() != number || last.in.GetVerb() != strategyv1.Instruct_VERB_CLEAR {
			t.Errorf("%+v", last)
		}
	}
	if by, leads := last.lead(); !leads || by != (strategy.Standing{Post: 3, Epoch: 7}) {
		t.Errorf("the router leads as %+v, %v", by, leads)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if by, leads := last.lead(); leads {
		t.Errorf("a router whose lease is over leads as %+v", by)
	}
	if leader.hear().GetDrained() == nil {
		t.Fatal("the router is not drained")
	}
	leader.instruct(lead.GetLease(), 7)
	leader.instructed(t, 7, "fenced")
}

func TestInstructUnheard(t *testing.T) {
	t.Parallel()
	doors := newDoors(t, remote.Options{})
	p, _ := connected(t, doors, "leader", 0)
	_, lead := led(t, doors, p, strategy.Spec{})
	p.instruct(lead.GetLease(), 1)
	p.instructed(t, 1, "unavailable")
}

// A router that says too much too fast is told so, and goes on.
func TestInstructTooMany(t *testing.T) {
	t.Parallel()
	doors := newDoors(t, remote.Options{})
	release, began := make(chan struct{}), make(chan struct{}, 1000)
	doors.OnInstruct(func(context.Context, string, *strategyv1.Instruct, func() (strategy.Standing, bool)) *strategyv1.Instructed {
		began <- struct{}{}
		<-release
		return &strategyv1.Instructed{}
	})
	p, _ := connected(t, doors, "leader", 0)
	_, lead := led(t, doors, p, strategy.Spec{})
	p.instruct(lead.GetLease(), 0)
	<-began
	for number := uint64(1); number <= 257; number++ {
		p.instruct(lead.GetLease(), number)
	}
	p.instructed(t, 257, "limit")
	close(release)
	for number := range uint64(257) {
		p.instructed(t, number, "")
	}
}

// holder is a strategy that has whatever it sees held, and tells what came of
// it.
type holder struct {
	instruct func(*strategyv1.Instruct)
	told     chan *strategyv1.Instructed
}

// OnInstruct implements serve.Instructor.
func (h *holder) OnInstruct(instruct func(*strategyv1.Instruct)) { h.instruct = instruct }

// Instructed implements serve.Instructor.
func (h *holder) Instructed(out *strategyv1.Instructed) { h.told <- out }

// Configure implements route.Strategy.
func (*holder) Configure([]byte) error { return nil }

// Turn implements route.Strategy.
func (h *holder) Turn(turn *route.Turn, _ *route.Reply) error {
	h.instruct(&strategyv1.Instruct{Number: turn.Seq, Work: "w1", Revision: 1, Verb: strategyv1.Instruct_VERB_HOLD, Reason: "not yet"})
	return nil
}

// A router in Go has things done too.
func TestInstructFromGo(t *testing.T) {
	t.Parallel()
	doors := newDoors(t, remote.Options{})
	doors.OnInstruct(func(_ context.Context, _ string, in *strategyv1.Instruct, lead func() (strategy.Standing, bool)) *strategyv1.Instructed {
		if _, leads := lead(); !leads || in.GetReason() != "not yet" {
			return &strategyv1.Instructed{Code: "invalid", Text: "what?"}
		}
		return &strategyv1.Instructed{Revision: 2}
	})
	told := make(chan *strategyv1.Instructed, 10)
	plugin := route.Plugin{Manifest: route.Manifest{Name: "holder"}, New: func() route.Strategy { return &holder{told: told} }}
	newDoor(t, doors).router(t, plugin, "go")
	got := <-start(t, doors, strategy.Spec{})
	if got.err != nil {
		t.Fatal(got.err)
	}
	defer got.instance.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := <-turned(ctx, got.instance, snapshot(1)); err != nil {
		t.Fatal(err)
	}
	if out := <-told; out.GetNumber() != 1 || out.GetRevision() != 2 || out.GetCode() != "" {
		t.Errorf("%v", out)
	}
}
