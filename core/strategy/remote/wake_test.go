// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func (p *pipe) wake(lease uint64) {
	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Wake{Wake: &strategyv1.Wake{Lease: lease}}})
}

// A router that leads can ask for a turn, one whose lease is over cannot.
func TestWake(t *testing.T) {
	t.Parallel()
	doors := newDoors(t, remote.Options{})
	p, _ := connected(t, doors, "a", 0)
	p.wake(3)
	if n := p.hear().GetNotice(); n.GetCode() != strategyv1.Notice_CODE_FENCED || n.GetLease() != 3 {
		t.Errorf("one that stands by: %v", n)
	}
	in, lead := led(t, doors, p, strategy.Spec{})
	woken := make(chan struct{})
	in.(strategy.Waker).OnWake(func() { woken <- struct{}{} })
	p.wake(lead.GetLease())
	<-woken
	p.wake(lead.GetLease() - 1)
	if n := p.hear().GetNotice(); n.GetCode() != strategyv1.Notice_CODE_FENCED {
		t.Errorf("of another lease: %v", n)
	}
}

// What an answer says of its codes holds for that answer.
func TestReasonsOfAnswer(t *testing.T) {
	t.Parallel()
	doors := newDoors(t, remote.Options{})
	p, _ := connected(t, doors, "a", 0)
	in, lead := led(t, doors, p, strategy.Spec{})
	for seq, reasons := range [][]*strategyv1.Reason{{{Code: 9, Name: "knows the customer"}}, nil} {
		seq := uint64(seq + 1)
		turn := turned(context.Background(), in, snapshot(seq))
		ask := p.hear().GetAsk()
		p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{Answer: &strategyv1.Answer{
			Lease: lead.GetLease(), Turn: ask.GetTurn(), Frame: replyFrame(t, &route.Reply{Epoch: 7, Seq: seq}), Reasons: reasons,
		}}})
		if err := <-turn; err != nil {
			t.Fatal(err)
		}
		want := ""
		if reasons != nil {
			want = reasons[0].GetName()
		}
		if got := in.(strategy.Explainer).Reason(9); got != want {
			t.Errorf("turn %d: %q, want %q", seq, got, want)
		}
	}
}
