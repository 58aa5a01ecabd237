// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// rig is a strategy "x" with a feed, given turns by a test in place of a desk.
type rig struct {
	t     testing.TB
	doors *remote.Doors
	feeds *feed.Door
}

func newRig(t testing.TB, options feed.Options, linger time.Duration) *rig {
	t.Helper()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "x", Door: feed.DoorName, Classes: []string{"voice"}}, remote.Strategy{Name: "y"})
	if err != nil {
		t.Fatal(err)
	}
	doors.Open()
	r := &rig{t: t, doors: doors, feeds: feed.NewDoor(doors, options, feed.Strategy{Name: "x", Linger: linger})}
	t.Cleanup(func() {
		_ = r.feeds.Close()
		_ = doors.Close()
	})
	return r
}

// subscribe begins a feed that is closed with the test.
func (r *rig) subscribe(s feed.Subscription) *feed.Stream {
	r.t.Helper()
	s.Strategy = "x"
	stream, err := r.feeds.Subscribe(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(stream.Close)
	return stream
}

// lead starts the strategy; a subscriber has to be there.
func (r *rig) lead() strategy.Instance {
	r.t.Helper()
	return r.leadAs(strategy.Spec{Name: "x"})
}

func (r *rig) leadAs(spec strategy.Spec) strategy.Instance {
	r.t.Helper()
	spec.Runtime, spec.Limits.TurnDeadline = "remote", strategy.NoDeadline
	in, _, err := remote.New(r.doors).Start(r.t.Context(), spec, 7)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = in.Close() })
	return in
}

// carry gives the instance the host's turns, and returns the last reply.
func (r *rig) carry(in strategy.Instance, host *routetest.Host) *route.Reply {
	r.t.Helper()
	reply := new(route.Reply)
	for _, turn := range host.Turns() {
		reply.Reset()
		if err := in.Turn(r.t.Context(), turn, reply); err != nil {
			r.t.Fatalf("turn %d: %v", turn.Seq, err)
		}
	}
	return reply
}

// told is what an event says.
type told struct {
	feed.Event
	document.Turn
	Others []string
}

// next reads the next event, but for those that say that one stands by.
func next(t testing.TB, s *feed.Stream) told {
	t.Helper()
	for {
		ev := nextOf(t, s)
		if ev.Event.Kind != feed.KindStandby {
			return ev
		}
	}
}

func nextOf(t testing.TB, s *feed.Stream) told {
	t.Helper()
	ev, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := told{Event: ev}
	if err := json.Unmarshal(ev.Data, &out.Turn); err != nil {
		t.Fatal(err)
	}
	var more struct {
		Others []string `json:"others"`
	}
	if err := json.Unmarshal(ev.Data, &more); err != nil {
		t.Fatal(err)
	}
	out.Others = more.Others
	return out
}

// ends waits for the end of a stream, and returns the code that it ends with.
func ends(t testing.TB, s *feed.Stream) string {
	t.Helper()
	for {
		if _, err := s.Next(t.Context()); err != nil {
			return codeOf(t, err)
		}
	}
}

func codeOf(t testing.TB, err error) string {
	t.Helper()
	refused, ok := errors.AsType[*remote.Refusal](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	return refused.Code
}

// outcome is what came of a post.
type outcome struct {
	results []feed.Result
	err     error
}

// post posts while the test goes on.
func (r *rig) post(p *feed.Post) <-chan outcome {
	out := make(chan outcome, 1)
	ctx := r.t.Context()
	go func() {
		results, err := r.feeds.Assign(ctx, p)
		out <- outcome{results, err}
	}()
	return out
}

// woken has in's wishes for turns told.
func woken(in strategy.Instance) <-chan struct{} {
	wishes := make(chan struct{}, 1000)
	in.(strategy.Waker).OnWake(func() { wishes <- struct{}{} })
	return wishes
}

// greeting is a session that says hello.
type greeting struct{ said bool }

// Send implements remote.Link.
func (*greeting) Send(*strategyv1.SessionResponse) error { return nil }

// Recv implements remote.Link.
func (g *greeting) Recv() (*strategyv1.SessionRequest, error) {
	if g.said {
		return nil, io.EOF
	}
	g.said = true
	return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: &strategyv1.Hello{
		Strategy: "x", Manifest: &strategyv1.HandshakeResponse{Name: "m"},
	}}}, nil
}
