// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"time"
)

// helloWithin is how long a new connection has to show which protocol it
// speaks, or to finish its TLS handshake.
const helloWithin = 10 * time.Second

// split hands the connections of one listener to two: those that speak HTTP/2,
// which is gRPC, and those that speak HTTP/1.1.
//
// In the clear, HTTP/2 begins with a preface that no HTTP/1.1 request begins
// with. With TLS, the client's offer decides: a client that can do HTTP/1.1 is
// given that, one that offers only "h2" speaks gRPC.
type split struct {
	listener net.Listener
	tls      *tls.Config
	grpc     *lane
	http     *lane
	greeting sync.WaitGroup
}

// newSplit wraps a listener. A nil config means in the clear.
func newSplit(listener net.Listener, config *tls.Config) *split {
	s := &split{listener: listener, grpc: newLane(listener.Addr()), http: newLane(listener.Addr())}
	if config != nil {
		s.tls = choosing(config)
	}
	return s
}

// choosing returns a config that settles the protocol by what the client
// offers.
func choosing(config *tls.Config) *tls.Config {
	http1, http2, chooser := config.Clone(), config.Clone(), config.Clone()
	http1.NextProtos = []string{"http/1.1"}
	http2.NextProtos = []string{"h2"}
	chooser.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, "h2") && !slices.Contains(hello.SupportedProtos, "http/1.1") {
			return http2, nil
		}
		return http1, nil
	}
	return chooser
}

// run accepts connections until the listener is closed, and then waits for
// those that have not yet shown what they speak. It returns the listener's
// error.
func (s *split) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.greeting.Wait()
	defer cancel()
	for pause := time.Duration(0); ; {
		conn, err := s.listener.Accept()
		if err == nil {
			pause = 0
			s.greeting.Go(func() { s.greet(ctx, conn) })
			continue
		}
		// Too many open files, for one, passes.
		if passing, ok := err.(interface{ Temporary() bool }); !ok || !passing.Temporary() {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// greet finds out what a connection speaks and hands it on.
func (s *split) greet(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	_ = conn.SetDeadline(time.Now().Add(helloWithin))
	to, ready, err := s.recognize(ctx, conn)
	if err != nil || !stop() {
		_ = conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	to.hand(ready)
}

func (s *split) recognize(ctx context.Context, conn net.Conn) (*lane, net.Conn, error) {
	if s.tls != nil {
		secure := tls.Server(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, nil, err
		}
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return s.grpc, secure, nil
		}
		return s.http, secure, nil
	}
	reader := bufio.NewReaderSize(conn, 256)
	// "PRI" begins the preface, and no method of HTTP/1.1 does.
	first, err := reader.Peek(3)
	if err != nil {
		return nil, nil, err
	}
	ready := &peeked{Conn: conn, reader: reader}
	if string(first) == "PRI" {
		return s.grpc, ready, nil
	}
	return s.http, ready, nil
}

// peeked is a connection whose first bytes were read ahead.
type peeked struct {
	net.Conn
	reader *bufio.Reader // nil once what was read ahead is used up
}

// Read implements net.Conn.
func (p *peeked) Read(b []byte) (int, error) {
	if p.reader == nil {
		return p.Conn.Read(b)
	}
	if n := p.reader.Buffered(); n > 0 {
		return p.reader.Read(b[:min(n, len(b))])
	}
	p.reader = nil
	return p.Conn.Read(b)
}

// lane is one half of a split: a net.Listener that is handed its connections.
type lane struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

var _ net.Listener = (*lane)(nil)

func newLane(addr net.Addr) *lane {
	return &lane{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *lane) hand(conn net.Conn) {
	select {
	case l.conns <- conn:
	case <-l.closed:
		_ = conn.Close()
	}
}

// Accept implements net.Listener.
func (l *lane) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *lane) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *lane) Addr() net.Addr { return l.addr }
