// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// A router that wakes the host 10,000 times a second gets a turn at once, and
// then 100 a second: none is lost, and the last wake is heard.
func TestWakeFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{Ping: time.Hour})
		f := newFloor(t, doors)
		f.called = make(chan uint32, 1)
		f.desk.OnWake(func(post uint32) {
			select {
			case f.called <- post:
			default:
			}
		})
		p, _ := connected(t, doors, "flood", 0)
		var asked atomic.Int64
		lead := make(chan uint64, 1)
		go func() {
			lead <- p.follow(t).GetLease()
			for m := p.hear(); m != nil; m = p.hear() {
				if m.GetAsk() != nil {
					asked.Add(1)
					p.reply(t, m.GetAsk())
				}
			}
		}()
		never := time.NewTicker(time.Hour)
		defer never.Stop()
		runs := func(span time.Duration) (asks int64) {
			before, end := asked.Load(), time.Now().Add(span)
			f.run(t.Context(), never, func() bool { return !time.Now().Before(end) && f.running == 0 })
			return asked.Load() - before
		}
		runs(time.Second)
		lease := <-lead
		if asks := runs(time.Minute); asks != 0 {
			t.Fatalf("%d turns though nothing happens and nobody asks", asks)
		}
		flooding, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			for flooding.Err() == nil {
				p.wake(lease)
				time.Sleep(100 * time.Microsecond)
			}
		}()
		if asks := runs(time.Millisecond); asks == 0 {
			t.Error("the first wake is not heard at once")
		}
		runs(time.Second)
		for range 5 {
			if asks := runs(time.Second); asks < 90 || asks > 110 {
				t.Errorf("%d turns in a second of 10,000 wakes, want 100", asks)
			}
		}
		stop()
		<-over
		if asks := runs(time.Second); asks > 2 {
			t.Errorf("%d turns after the last wake", asks)
		}
		p.wake(lease)
		if asks := runs(time.Second); asks != 1 {
			t.Errorf("%d turns for a single wake", asks)
		}
		p.hangUp()
		f.desk.Close(t.Context())
	})
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
