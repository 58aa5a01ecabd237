// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"io"
	"sync"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// link is the connection of a router to the doors, within the host.
type link struct {
	router   *router
	up       chan *strategyv1.SessionRequest
	ended    chan struct{}
	once     sync.Once
	welcomed chan struct{}
	served   chan struct{} // closed when the doors have let go
	err      error         // with which they did; once served is closed
}

var _ remote.Link = (*link)(nil)

// pending is how many messages may wait for the doors, which take each at once:
// there is one answer to a turn, one wish for a turn, a word on settings.
const pending = 64

// open connects the router, whose lock is held.
func (r *router) open(address string) *link {
	l := &link{
		router: r, up: make(chan *strategyv1.SessionRequest, pending), ended: make(chan struct{}),
		welcomed: make(chan struct{}), served: make(chan struct{}),
	}
	hello := &strategyv1.Hello{
		Strategy: r.sub.Strategy, Router: r.sub.Router, Rank: r.sub.Rank, Class: r.sub.Class,
		Manifest: &strategyv1.HandshakeResponse{Name: DoorName, Version: r.door.options.Version},
	}
	if r.token != "" {
		hello.Resume = &strategyv1.Resume{Token: r.token, Lease: r.lease, Applied: r.applied}
	}
	l.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: hello}})
	r.door.serving.Go(func() {
		l.err = r.door.doors.Serve(r.door.stop, l, DoorName, address)
		l.hangUp()
		close(l.served)
		r.lost(l)
	})
	return l
}

// say sends a message to the host.
func (l *link) say(m *strategyv1.SessionRequest) {
	select {
	case l.up <- m:
	case <-l.ended:
	}
}

// hangUp breaks the connection.
func (l *link) hangUp() { l.once.Do(func() { close(l.ended) }) }

// leave ends the session for good.
func (l *link) leave(why string) {
	l.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Leave{Leave: &strategyv1.Leave{Reason: why}}})
	l.hangUp()
}

// Recv implements remote.Link. What was said before the connection broke is
// heard.
func (l *link) Recv() (*strategyv1.SessionRequest, error) {
	select {
	case m := <-l.up:
		return m, nil
	default:
	}
	select {
	case m := <-l.up:
		return m, nil
	case <-l.ended:
		select {
		case m := <-l.up:
			return m, nil
		default:
			return nil, io.EOF
		}
	}
}

// Send implements remote.Link.
func (l *link) Send(m *strategyv1.SessionResponse) error {
	r := l.router
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != l {
		return io.EOF
	}
	switch m := m.GetMessage().(type) {
	case *strategyv1.SessionResponse_Welcome:
		r.welcome(m.Welcome)
		close(l.welcomed)
	case *strategyv1.SessionResponse_Lead:
		r.lead(m.Lead)
	case *strategyv1.SessionResponse_Ask:
		r.ask(m.Ask)
	case *strategyv1.SessionResponse_Drained:
		r.drained(m.Drained)
	case *strategyv1.SessionResponse_Notice:
		if m.Notice.GetCode() == strategyv1.Notice_CODE_LATE {
			r.proving = proofTurns // the fallback decides for some turns
		}
	case *strategyv1.SessionResponse_Ping:
		l.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Pong{Pong: &strategyv1.Pong{Number: m.Ping.GetNumber()}}})
	}
	return nil
}
