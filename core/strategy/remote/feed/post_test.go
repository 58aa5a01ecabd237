// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Who led, did nothing and does not read either is hung up on all the same, so
// that another one leads.
func TestSilentAndStuck(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	r.subscribe(feed.Subscription{Router: "stuck"}) // which nobody reads
	r.subscribe(feed.Subscription{Router: "next", Rank: 1})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	_ = in.Close()
	r.lead()
	if led := r.doors.Routers()[0]; led.Name != "next" || led.Lease == 0 {
		t.Errorf("%+v leads", led)
	}
}

// One assignment that names more agents than an answer may is refused, and not a
// fault of the strategy.
func TestTooManyAgents(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	work, revision := sequence(t, &ev)
	agents := make([]string, 10_001)
	for i := range agents {
		agents[i] = fmt.Sprint("agent", i)
	}
	if got := wait(r, in, host, r.post(assign(&ev, work, revision, agents...))); codeOf(t, got.err) != "invalid" {
		t.Errorf("%v", got.err)
	}
}

// Notes are told of the queue's work alone, no more in one answer than there is
// room for, and do not pile up.
func TestNotes(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	work, _ := sequence(t, &ev)
	notes := func(queue string, n int) error {
		p := &feed.Post{Lease: ev.Lease, Queue: queue}
		for range n {
			p.Notes = append(p.Notes, feed.Note{Work: work, Reason: "lunch"})
		}
		return (<-r.post(p)).err
	}
	for _, c := range []struct {
		queue string
		posts int
		told  []int
	}{{"sales", 1, []int{0}}, {"support", 1, []int{1}}, {"", 10_001, []int{10_000, 1, 0}}} {
		if err := notes(c.queue, c.posts); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.told {
			if got := len(r.carry(in, host).Notes); got != want {
				t.Errorf("%d of queue %q: %d are told, want %d", c.posts, c.queue, got, want)
			}
		}
	}
	if err := notes("", 20_000); err != nil {
		t.Error(err)
	}
	if err := notes("", 1); codeOf(t, err) != "too_slow" {
		t.Errorf("one too many: %v", err)
	}
}

// A turn that is wanted at a time is wanted until then, whatever turns there are
// before.
func TestWakeAt(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	at := host.Now() + 1000
	if got := <-r.post(&feed.Post{Lease: ev.Lease, WakeAt: at}); got.err != nil {
		t.Fatal(got.err)
	}
	for i, want := range []int64{at, at, 0} {
		if i == 2 {
			host.Wait(1000)
		}
		host.Work(fmt.Sprint("more", i)).In("support").On("case")
		if got := r.carry(in, host).WakeAt; got != want {
			t.Errorf("turn %d: it wakes at %d, want %d", i, got, want)
		}
	}
}

// What was accepted stays so, whatever else is posted for the same work; and what
// is posted again since its verdict was lost knows in which turns it was proposed.
func TestPostedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(2)
	r.carry(in, host)
	ev := next(t, stream)
	work, revision := sequence(t, &ev)
	propose := func(agents ...string) (<-chan outcome, *route.Reply) {
		posted := r.post(assign(&ev, work, revision, agents...))
		for {
			if reply := r.carry(in, host); len(reply.Proposals) > 0 {
				return posted, reply
			}
		}
	}
	accepted, reply := propose("anna")
	host.Settle(host.Seq(), reply.Proposals...)
	r.carry(in, host)
	<-accepted
	refused, reply := propose("anna", "nobody")
	host.Refuse(host.Seq(), reply.Proposals[0], route.VerdictStale)
	r.carry(in, host)
	if got := <-refused; got.err != nil || got.results[0].Verdict != route.VerdictStale {
		t.Errorf("to somebody else: %+v, %v", got.results, got.err)
	}
	if got := <-r.post(assign(&ev, work, revision, "anna")); got.err != nil || !got.results[0].Again || got.results[0].Verdict != route.VerdictAcceptedByHost {
		t.Errorf("the first again: %+v, %v", got.results, got.err)
	}
	work, revision = ev.Work[1].Sequence, ev.Work[1].Revision
	lost, _ := propose("anna")
	_ = in.Close() // and the verdict never comes
	if got := <-lost; codeOf(t, got.err) != "fenced" {
		t.Errorf("%v", got.err)
	}
	in = r.lead()
	host.Restart()
	host.Snapshot()
	r.carry(in, host)
	for ev = next(t, stream); ev.Event.Kind != feed.KindSnapshot; {
		ev = next(t, stream)
	}
	again, reply := propose("anna")
	host.Refuse(host.Seq(), reply.Proposals[0], route.VerdictStale)
	r.carry(in, host)
	if got := <-again; got.err != nil || len(got.results[0].Turns) != 2 {
		t.Errorf("after a verdict was lost: %+v, %v", got.results, got.err)
	}
}

// The result of who decides for a class names it.
func TestResultOfClass(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{Class: "voice"})
	in, host := r.leadAs(strategy.Spec{Name: "x/voice", Of: "x", Class: "voice"}), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	got := wait(r, in, host, r.post(assign(&ev, 999, 1, "anna")))
	if got.err != nil || got.results[0].Strategy != "x" || got.results[0].Class != "voice" {
		t.Errorf("%+v, %v", got.results, got.err)
	}
}
