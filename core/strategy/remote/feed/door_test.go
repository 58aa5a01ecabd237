// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// support is a queue with an agent and so many pieces of work.
func support(items int) *routetest.Host {
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case").Capacity(100_000)
	for i := range items {
		host.Work(fmt.Sprint("item", i)).In("support").On("case")
	}
	return host
}

// sequence is the number of the first work that an event tells of.
func sequence(t testing.TB, ev *told) (work uint64, revision uint32) {
	t.Helper()
	if len(ev.Work) == 0 {
		t.Fatalf("%s tells of no work", ev.Data)
	}
	return ev.Work[0].Sequence, ev.Work[0].Revision
}

func assign(ev *told, work uint64, revision uint32, agents ...string) *feed.Post {
	return &feed.Post{Lease: ev.Lease, Assignments: []feed.Assignment{{Work: work, Revision: revision, Agents: agents, Reason: "best", Score: 9}}}
}

// A post has the host ask, is proposed, and is answered with the verdict.
func TestAssign(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{Queue: "support", Router: "blue"})
	in, host := r.lead(), support(2)
	wishes := woken(in)
	r.carry(in, host)
	ev := next(t, stream)
	if ev.Event.Kind != feed.KindSnapshot || ev.Lease == 0 || len(ev.Agents) != 1 || len(ev.Work) != 2 || len(ev.Queues) != 1 || ev.ID == "" {
		t.Fatalf("snapshot %s, id %q", ev.Data, ev.ID)
	}
	work, revision := sequence(t, &ev)
	posted := r.post(assign(&ev, work, revision, "nobody", "anna"))
	<-wishes // the post wants a turn
	reply := r.carry(in, host)
	if len(reply.Proposals) != 1 || reply.Proposals[0].Score != 9 || in.(strategy.Explainer).Reason(reply.Proposals[0].Reason) != "best" {
		t.Fatalf("proposals %+v", reply.Proposals)
	}
	<-wishes // and one for the verdict
	host.Settle(host.Seq(), reply.Proposals...)
	r.carry(in, host)
	got := <-posted
	if got.err != nil || got.results[0].Verdict != route.VerdictAcceptedByHost || got.results[0].Again || got.results[0].Strategy != "x" {
		t.Fatalf("%+v, %v", got.results, got.err)
	}
	if c := got.results[0].Choices; c[0].Verdict != route.VerdictUnknownAgent || c[1].Verdict != route.VerdictAcceptedByHost {
		t.Errorf("choices %+v", c)
	}
	ev = next(t, stream)
	if ev.Event.Kind != feed.KindDelta || len(ev.Settled) != 1 || ev.Settled[0].Verdict != "accepted_by_host" || ev.Work[0].State != "offered" {
		t.Errorf("delta %s", ev.Data)
	}
	// The same again has the same result, and reaches nobody.
	again := <-r.post(assign(&ev, work, revision, "nobody", "anna"))
	if again.err != nil || !again.results[0].Again || again.results[0].Verdict != route.VerdictAcceptedByHost || !slices.Equal(again.results[0].Turns, got.results[0].Turns) {
		t.Errorf("%+v, %v", again.results, again.err)
	}
	// What is not there is said at once, in the turn that is asked for.
	for _, p := range []struct {
		post *feed.Post
		want route.Verdict
	}{
		{assign(&ev, 999, 1, "anna"), route.VerdictUnknownWork},
		{assign(&ev, work, revision, "nobody"), route.VerdictUnknownAgent},
		{&feed.Post{Lease: ev.Lease, Queue: "sales", Assignments: []feed.Assignment{{Work: work, Revision: 1, Agents: []string{"anna"}}}}, route.VerdictNotEligible},
	} {
		posted := r.post(p.post)
		for len(wishes) > 0 {
			<-wishes
		}
		r.carry(in, host)
		if got := wait(r, in, host, posted); got.err != nil || got.results[0].Verdict != p.want || len(got.results[0].Turns) != 0 {
			t.Errorf("%+v, %v, want %v", got.results, got.err, p.want)
		}
	}
}

// wait carries turns until a post has its answer.
func wait(r *rig, in strategy.Instance, host *routetest.Host, posted <-chan outcome) outcome {
	for {
		select {
		case got := <-posted:
			return got
		case <-time.After(time.Millisecond): // however long it takes, it is waited for
			r.carry(in, host)
		}
	}
}

// Refused is refused: the same is tried anew, and may be taken then.
func TestRefusedIsTriedAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	work, revision := sequence(t, &ev)
	for _, verdict := range []route.Verdict{route.VerdictNoCapacity, route.VerdictAcceptedByHost} {
		posted := r.post(assign(&ev, work, revision, "anna"))
		var reply *route.Reply
		for reply == nil || len(reply.Proposals) == 0 {
			reply = r.carry(in, host)
		}
		if verdict == route.VerdictAcceptedByHost {
			host.Settle(host.Seq(), reply.Proposals...)
		} else {
			host.Refuse(host.Seq(), reply.Proposals[0], verdict)
		}
		r.carry(in, host)
		if got := <-posted; got.err != nil || got.results[0].Verdict != verdict || got.results[0].Again {
			t.Errorf("%+v, %v, want %v", got.results, got.err, verdict)
		}
	}
}

// While the host does not use what is proposed, it is proposed again; after
// that, not eligible is not eligible.
func TestProving(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	wishes := woken(in)
	r.carry(in, host)
	ev := next(t, stream)
	work, revision := sequence(t, &ev)
	posted := r.post(assign(&ev, work, revision, "anna"))
	<-wishes
	times := 0
	for {
		reply := r.carry(in, host)
		if len(reply.Proposals) > 0 {
			times++
			host.Refuse(host.Seq(), reply.Proposals[0], route.VerdictNotEligible)
		}
		if len(posted) > 0 {
			break
		}
		if times > 10 {
			t.Fatal("it is proposed for ever")
		}
	}
	got := <-posted
	if got.err != nil || got.results[0].Verdict != route.VerdictNotEligible || len(got.results[0].Turns) != times || times < 2 || times > 4 {
		t.Errorf("proposed %d times: %+v, %v", times, got.results, got.err)
	}
}

// One leads and the other stands by. The lease of one that went is over, and
// what it posts late is refused.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{Patience: time.Millisecond}, 0)
	first := r.subscribe(feed.Subscription{Router: "blue", Key: "k"})
	second := r.subscribe(feed.Subscription{Router: "green", Key: "k", Rank: 3})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, first)
	if standby := nextOf(t, second); standby.Event.Kind != feed.KindStandby || standby.Lease != 0 {
		t.Fatalf("the second is told %s", standby.Data)
	}
	routers := r.doors.Routers()
	if len(routers) != 2 || routers[0].Name != "blue" || routers[0].Lease != ev.Lease || routers[0].Door != "feed" || routers[1].Lease != 0 || routers[1].Rank != 3 {
		t.Errorf("routers %+v", routers)
	}
	first.Close()
	host.Restart()
	host.Snapshot()
	reply := r.carry(in, host)
	if len(reply.Proposals) != 0 {
		t.Errorf("proposals %+v", reply.Proposals)
	}
	led := next(t, second)
	if led.Event.Kind != feed.KindSnapshot || led.Lease <= ev.Lease {
		t.Fatalf("the second leads under %d, the first did under %d", led.Lease, ev.Lease)
	}
	work, revision := sequence(t, &ev)
	if got := <-r.post(assign(&ev, work, revision, "anna")); codeOf(t, got.err) != "fenced" {
		t.Errorf("the first: %v", got.err)
	}
	// The lease alone is not enough: it is another key's.
	stranger := assign(&led, work, revision, "anna")
	stranger.Key = "other"
	if got := <-r.post(stranger); codeOf(t, got.err) != "fenced" {
		t.Errorf("a stranger: %v", got.err)
	}
}

// A feed that is lost goes on where it was: exactly what was missed is told, and
// a snapshot if that is not kept.
func TestResume(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{Events: 3}, 0)
	stream := r.subscribe(feed.Subscription{Queue: "support", Key: "k"})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	stream.Close()
	work, revision := sequence(t, &ev)
	lost := assign(&ev, work, revision, "anna")
	lost.Key = "k"
	if got := <-r.post(lost); codeOf(t, got.err) != "not_connected" {
		t.Errorf("while nobody reads: %v", got.err)
	}
	carried := make(chan struct{})
	go func() { // this turn waits until the subscriber is back
		defer close(carried)
		host.Work("one more").In("support").On("case")
		r.carry(in, host)
	}()
	back := r.subscribe(feed.Subscription{Queue: "support", Key: "k", After: ev.ID})
	<-carried
	delta := next(t, back)
	if delta.Event.Kind != feed.KindDelta || delta.Lease != ev.Lease || delta.BaseSeq != ev.Seq || len(delta.Work) != 1 {
		t.Fatalf("after the resume %s", delta.Data)
	}
	for i := range 5 { // nobody reads meanwhile
		host.Work(fmt.Sprint("more", i)).In("support").On("case")
		r.carry(in, host)
	}
	third := r.subscribe(feed.Subscription{Queue: "support", Key: "k", After: delta.ID})
	if code := ends(t, back); code != "replaced" {
		t.Errorf("the second stream ends with %s", code)
	}
	all := next(t, third)
	if all.Event.Kind != feed.KindSnapshot || len(all.Work) != 7 || all.Lease != ev.Lease {
		t.Errorf("after too much %s", all.Data)
	}
	if counts := r.doors.Routers()[0].Counts; counts.Resumes != 1 {
		t.Errorf("counts %+v", counts)
	}
	// An id of somebody else is none of this feed: it begins anew, and stands by.
	other := r.subscribe(feed.Subscription{Queue: "support", Key: "other", After: all.ID})
	if ev := nextOf(t, other); ev.Event.Kind != feed.KindStandby {
		t.Errorf("a stranger is told %s", ev.Data)
	}
}

// A feed of one queue tells of that queue, and which others there are.
func TestOneQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{Queue: "sales"})
	in, host := r.lead(), support(3)
	host.Queue("sales")
	host.Agent("bob").In("sales").On("case")
	host.Work("call").In("sales").On("case")
	r.carry(in, host)
	ev := next(t, stream)
	if len(ev.Work) != 1 || len(ev.Agents) != 1 || ev.Agents[0].Name != "bob" || len(ev.Queues) != 1 || !slices.Equal(ev.Others, []string{"support"}) {
		t.Errorf("%s", ev.Data)
	}
	host.Work("item9").In("support").On("case") // is not told
	r.carry(in, host)
	host.Agent("anna").In("sales")
	r.carry(in, host)
	if delta := next(t, stream); len(delta.Work) != 0 || len(delta.Agents) != 1 || delta.Agents[0].Name != "anna" || delta.BaseSeq != ev.Seq {
		t.Errorf("%s", delta.Data)
	}
}

// Who led and did nothing while work waited is hung up on when it does not lead
// any more; who did something goes on, and stands by.
func TestSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{Patience: time.Millisecond}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	next(t, stream)
	_ = in.Close()
	if code := ends(t, stream); code != "silent" {
		t.Errorf("it ends with %s", code)
	}
	stream.Close()
	stream = r.subscribe(feed.Subscription{})
	in, host = r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	posted := r.post(&feed.Post{Lease: ev.Lease, Notes: []feed.Note{{Work: ev.Work[0].Sequence, Reason: "lunch"}}})
	if got := <-posted; got.err != nil {
		t.Error(got.err)
	}
	_ = in.Close()
	if ev := nextOf(t, stream); ev.Event.Kind != feed.KindStandby {
		t.Errorf("it is told %s", ev.Data)
	}
}

// What is under way when the lease ends is fenced.
func TestFencedUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	wishes := woken(in)
	r.carry(in, host)
	ev := next(t, stream)
	work, revision := sequence(t, &ev)
	posted := r.post(assign(&ev, work, revision, "anna"))
	<-wishes
	_ = in.Close()
	if got := <-posted; codeOf(t, got.err) != "fenced" {
		t.Errorf("%v", got.err)
	}
}

// A caller that goes does not take back what it posted.
func TestCallerGoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	in, host := r.lead(), support(1)
	r.carry(in, host)
	ev := next(t, stream)
	work, revision := sequence(t, &ev)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.feeds.Assign(ctx, assign(&ev, work, revision, "anna")); err == nil {
		t.Error("it has an answer")
	}
	if reply := r.carry(in, host); len(reply.Proposals) != 1 {
		t.Errorf("proposals %+v", reply.Proposals)
	}
}

func TestNotLetIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	for _, c := range []struct {
		s    feed.Subscription
		code string
	}{
		{feed.Subscription{Strategy: "y"}, "unauthenticated"},
		{feed.Subscription{Strategy: "x", After: "seven"}, "invalid"},
	} {
		if _, err := r.feeds.Subscribe(t.Context(), c.s); codeOf(t, err) != c.code {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
	for range 32 {
		r.subscribe(feed.Subscription{})
	}
	if _, err := r.feeds.Subscribe(t.Context(), feed.Subscription{Strategy: "x"}); codeOf(t, err) != "too_many_routers" {
		t.Errorf("one too many: %v", err)
	}
	if got := <-r.post(&feed.Post{Lease: 9}); codeOf(t, got.err) != "fenced" {
		t.Errorf("%v", got.err)
	}
}

// A strategy with a feed lets in no other routers, even if it has no token.
func TestNoSessions(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	if door, ok := r.doors.Door("x"); door != feed.DoorName || !ok {
		t.Errorf("door %q", door)
	}
	if name := r.doors.Unguarded(); name != "y" {
		t.Errorf("%q has no token", name)
	}
	err := r.doors.Serve(t.Context(), &greeting{}, "grpc", "there")
	if codeOf(t, err) != "unauthenticated" {
		t.Errorf("%v", err)
	}
}

// Close ends feeds, and says why.
func TestClose(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{}, 0)
	stream := r.subscribe(feed.Subscription{})
	_ = r.feeds.Close()
	if code := ends(t, stream); code != "shutting_down" {
		t.Errorf("it ends with %s", code)
	}
	if _, err := r.feeds.Subscribe(t.Context(), feed.Subscription{Strategy: "x"}); codeOf(t, err) != "shutting_down" {
		t.Errorf("%v", err)
	}
}

var _ remote.Link = (*greeting)(nil)
