// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// fate is what becomes of a message that crosses a line.
type fate uint8

const (
	pass      fate = iota // it arrives
	drop                  // it does not
	twice                 // it arrives two times
	cutBefore             // the line breaks and it does not arrive
	cutAfter              // it is sent, and the line breaks
)

// tap decides about the messages of all lines. Both functions may be nil; they
// are called by the goroutines of the lines and may block.
type tap struct {
	down func(l *line, m *strategyv1.SessionResponse) fate
	up   func(l *line, m *strategyv1.SessionRequest) fate
}

// errCut says that the kit itself broke the line.
var errCut = errors.New("certify: the line was cut")

// carrier is how a router is connected, below the doors.
type carrier interface {
	remote.Link

	// rubbish sends what is no message of the protocol, if it can be in a turn of
	// that lease.
	rubbish(lease, turn uint64) error
	// later sends a message of a later version, and then a ping of number oddPing
	// with something of a later version in it.
	later() error
}

// line is one connection of a router, with the kit's hand on it.
type line struct {
	stand   *Stand
	doors   *remote.Doors
	carrier carrier
	door    string
	sever   func() // breaks the connection below everything
	first   *strategyv1.SessionRequest
	lease   atomic.Uint64 // that it was told to lead under last
	broken  atomic.Bool

	mu sync.Mutex // guards sending
}

var (
	_ remote.Link   = (*line)(nil)
	_ remote.Keeper = (*line)(nil)
)

// Recall implements remote.Keeper: it is the carrier's, if that keeps anything.
func (l *line) Recall(memory any) any {
	if keeper, ok := l.carrier.(remote.Keeper); ok {
		return keeper.Recall(memory)
	}
	return nil
}

// cut breaks the line.
func (l *line) cut() {
	l.broken.Store(true)
	l.sever()
}

// Send implements remote.Link.
func (l *line) Send(m *strategyv1.SessionResponse) error {
	what := pass
	if t := l.stand.tapped(); t.down != nil {
		what = t.down(l, m)
	}
	if l.broken.Load() || what == cutBefore {
		l.cut()
		return errCut
	}
	if what == drop {
		return nil
	}
	err := l.send(m)
	if err == nil && what == twice {
		err = l.send(m)
	}
	if what == cutAfter {
		l.cut()
		err = errCut
	}
	return err
}

// send sends a message past the tap, and notes it.
func (l *line) send(m *strategyv1.SessionResponse) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lead := m.GetLead(); lead != nil {
		l.lease.Store(lead.GetLease())
	}
	at := l.stand.note(downward(l, m)) // before the answer is
	err := l.carrier.Send(m)
	l.stand.sent(at, err)
	return err
}

// past sends something that is no message of the host, past the tap.
func (l *line) past(send func(carrier) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return send(l.carrier)
}

// Recv implements remote.Link.
func (l *line) Recv() (*strategyv1.SessionRequest, error) {
	if m := l.first; m != nil {
		l.first = nil
		return m, nil
	}
	for {
		m, err := l.carrier.Recv()
		if err != nil {
			return nil, err
		}
		l.stand.note(upward(l, m))
		what := pass
		if t := l.stand.tapped(); t.up != nil {
			what = t.up(l, m)
		}
		switch {
		case l.broken.Load() || what == cutBefore || what == cutAfter:
			l.cut()
			return nil, errCut
		case what == pass:
			return m, nil
		}
	}
}

// downward is what is noted of a message of the host.
func downward(l *line, m *strategyv1.SessionResponse) happening {
	h := happening{line: l, door: l.door}
	switch m := m.GetMessage().(type) {
	case *strategyv1.SessionResponse_Welcome:
		h.what, h.lease, h.token, h.yes = "welcome", m.Welcome.GetLease(), m.Welcome.GetResumeToken(), m.Welcome.GetResumed()
	case *strategyv1.SessionResponse_Lead:
		h.what, h.lease = "lead", m.Lead.GetLease()
	case *strategyv1.SessionResponse_Ask:
		h.what, h.lease, h.turn = "ask", m.Ask.GetLease(), m.Ask.GetTurn()
	case *strategyv1.SessionResponse_Notice:
		h.what, h.lease, h.turn, h.text = "notice", m.Notice.GetLease(), m.Notice.GetTurn(), m.Notice.GetText()
	case *strategyv1.SessionResponse_Drained:
		h.what, h.lease = "drained", m.Drained.GetLease()
	case *strategyv1.SessionResponse_Ping:
		h.what, h.turn = "ping", m.Ping.GetNumber()
	}
	return h
}

// upward is what is noted of a message of the router.
func upward(l *line, m *strategyv1.SessionRequest) happening {
	h := happening{line: l, door: l.door}
	switch m := m.GetMessage().(type) {
	case *strategyv1.SessionRequest_Hello:
		h.what, h.text, h.resume = "hello", m.Hello.GetRouter(), m.Hello.GetResume()
	case *strategyv1.SessionRequest_Configured:
		h.what, h.lease = "configured", m.Configured.GetLease()
	case *strategyv1.SessionRequest_Answer:
		h.what, h.lease, h.turn, h.sum = "answer", m.Answer.GetLease(), m.Answer.GetTurn(), sha256.Sum256(m.Answer.GetFrame())
	case *strategyv1.SessionRequest_Pong:
		h.what, h.turn = "pong", m.Pong.GetNumber()
	case *strategyv1.SessionRequest_Leave:
		h.what, h.text = "leave", m.Leave.GetReason()
	}
	return h
}
