// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/socket"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
)

// StandOptions say what a router finds at the stand.
type StandOptions struct {
	// Strategy is the name that routers say in their hello. Default "certify".
	Strategy string
	// Token is the secret that they show; empty lets everybody in.
	Token string
	// TLS is the stand's certificate; nil speaks in the clear.
	TLS *tls.Config
	// MaxMessageBytes is the longest message that is taken over gRPC; over the
	// WebSocket it is eight times as long. Default 1 MiB, which is a host's.
	MaxMessageBytes int
	// HostVersion is told to routers.
	HostVersion string
	// Logger hears who comes, leads and goes; nil for silence.
	Logger *slog.Logger
}

// SocketPath is where routers that speak JSON open their WebSocket, as at a
// host.
const SocketPath = socket.Path

// helloWithin is how long a new connection may take to say who it is.
const helloWithin = 10 * time.Second

// Stand is where the router that is tried comes in: one port with a host's two
// doors, and everything between them and the router in the kit's hand. Make one
// with Open. It is safe for concurrent use.
type Stand struct {
	options  StandOptions
	door     string       // the one by which routers come; empty if they dial
	listener net.Listener // nil if they do not
	server   *http.Server
	grpc     *grpc.Server
	stop     context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup // the server
	serving  sync.WaitGroup // its lines

	mu      sync.Mutex
	doors   *remote.Doors            // for the router that is tried
	lobby   *remote.Doors            // for all others that are connected meanwhile
	lines   []*line                  // that stand
	known   map[string]*remote.Doors // by resume token
	tap     tap
	gate    gate
	all     bool // everybody comes in by the doors, nobody stays in the lobby
	dials   int
	log     []happening
	changed chan struct{}
}

// gate says what becomes of a router that dials.
type gate uint8

const (
	opened  gate = iota // it comes in
	slammed             // it is hung up on before it can say anything
	refused             // it is told that it is never let in
	greeted             // the next one is hung up on when it has said hello
)

// Open opens a stand behind the listener, which it takes over. Close it after
// use.
func Open(listener net.Listener, options StandOptions) (*Stand, error) {
	options.Strategy = cmp.Or(options.Strategy, "certify")
	options.MaxMessageBytes = cmp.Or(options.MaxMessageBytes, 1<<20)
	s := &Stand{options: options, listener: listener, changed: make(chan struct{}), known: make(map[string]*remote.Doors)}
	s.stop, s.cancel = context.WithCancel(context.Background())
	if err := s.furnish(); err != nil {
		return nil, err
	}
	s.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(options.MaxMessageBytes))
	strategygrpc.RegisterRouterServiceServer(s.grpc, &service{stand: s})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.server = &http.Server{
		Handler: s, Protocols: protocols, ReadHeaderTimeout: helloWithin, ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connection{}, conn)
		},
	}
	s.work.Go(func() {
		if options.TLS != nil {
			s.server.TLSConfig = options.TLS.Clone()
			_ = s.server.ServeTLS(listener, "", "") // it ends with Close
			return
		}
		_ = s.server.Serve(listener) // as above
	})
	return s, nil
}

// furnish makes doors without anybody behind them.
func (s *Stand) furnish() error {
	room := remote.Strategy{Name: s.options.Strategy, Door: s.door}
	if s.options.Token != "" {
		sum := sha256.Sum256([]byte(s.options.Token))
		room.Tokens = []string{hex.EncodeToString(sum[:])}
	}
	options := remote.Options{
		HostVersion: s.options.HostVersion, Logger: s.options.Logger, MaxReplyBytes: s.options.MaxMessageBytes - 4096,
	}
	doors, err := remote.NewDoors(options, room)
	if err != nil {
		return err
	}
	lobby, err := remote.NewDoors(options, room)
	if err != nil {
		return errors.Join(err, doors.Close())
	}
	doors.Open()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doors, s.lobby = doors, lobby
	clear(s.known)
	return nil
}

// restart is a host that ends and begins anew: it knows nobody any more. If all,
// nobody is sent to the lobby from now on.
func (s *Stand) restart(all bool) error {
	s.mu.Lock()
	doors, lobby := s.doors, s.lobby
	s.all = all
	s.mu.Unlock()
	if err := s.furnish(); err != nil {
		return err
	}
	return errors.Join(doors.Close(), lobby.Close())
}

// Address is where the stand listens.
func (s *Stand) Address() string { return s.listener.Addr().String() }

// Strategy is the name that routers say in their hello.
func (s *Stand) Strategy() string { return s.options.Strategy }

// SocketURL is where routers that speak JSON open their WebSocket.
func (s *Stand) SocketURL() string {
	if s.options.TLS != nil {
		return "wss://" + s.Address() + SocketPath
	}
	return "ws://" + s.Address() + SocketPath
}

// Close hangs up on everybody and waits until nothing is served.
func (s *Stand) Close() error {
	s.cancel()
	doors, lobby := s.places()
	err := errors.Join(doors.Close(), lobby.Close())
	for _, l := range s.standing() {
		l.cut()
	}
	err = errors.Join(err, s.server.Close())
	s.serving.Wait()
	s.grpc.Stop()
	s.work.Wait()
	return err
}

func (s *Stand) places() (doors, lobby *remote.Doors) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doors, s.lobby
}

// connection is the key under which a request has its connection.
type connection struct{}

// ServeHTTP implements http.Handler: gRPC, and the WebSocket.
func (s *Stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		s.grpc.ServeHTTP(w, r)
	case r.URL.Path == SocketPath:
		s.socket(w, r)
	default:
		http.Error(w, "routers open a WebSocket at "+SocketPath+", or call patchbay.strategy.v1.RouterService over gRPC", http.StatusNotFound)
	}
}

// severer breaks the connection of a request, as a network does.
func severer(ctx context.Context) func() {
	conn, _ := ctx.Value(connection{}).(net.Conn)
	return func() {
		if conn == nil {
			return
		}
		below := conn
		if secure, ok := conn.(*tls.Conn); ok {
			below = secure.NetConn()
		}
		if plain, ok := below.(*net.TCPConn); ok {
			_ = plain.SetLinger(0)
		}
		_ = below.Close() // whoever waits on it is told
	}
}

// serve speaks with a router until either side ends the connection. The error is
// what the router is told.
func (s *Stand) serve(ctx context.Context, c carrier, door, address string, sever func()) (err error) {
	s.serving.Add(1)
	defer s.serving.Done()
	l := &line{stand: s, carrier: c, door: door, sever: sever}
	defer func() { s.note(happening{what: "end", line: l, door: door, text: fmt.Sprint(err)}) }()
	if s.dialled(l) == slammed {
		l.cut()
		return errCut
	}
	patience := time.AfterFunc(helloWithin, l.cut)
	first, err := c.Recv()
	patience.Stop()
	if err != nil {
		return err
	}
	s.note(upward(l, first))
	l.first = first
	switch s.heard(l, first.GetHello()) {
	case refused:
		return &remote.Refusal{Code: "unauthenticated", Text: "certify: this router is refused, to see that it does not dial again"}
	case greeted:
		l.cut()
		return errCut
	}
	defer s.gone(l)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	return l.doors.Serve(ctx, l, door, address)
}

// dialled notes that somebody dials.
func (s *Stand) dialled(l *line) gate {
	s.note(happening{what: "dial", line: l, door: l.door})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	return s.gate
}

// heard says what becomes of a router that has said hello, and to which doors it
// goes: one router at a time is tried, unless all are.
func (s *Stand) heard(l *line, hello *strategyv1.Hello) gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.gate {
	case refused:
		return refused
	case greeted:
		s.gate = opened
		return greeted
	}
	known := s.known[hello.GetResume().GetToken()]
	taken := slices.ContainsFunc(s.lines, func(other *line) bool { return other.doors == s.doors && !other.broken.Load() })
	switch {
	case known != nil && (known == s.doors || known == s.lobby):
		l.doors = known
	case s.all || !taken:
		l.doors = s.doors
	default:
		l.doors = s.lobby
	}
	s.lines = append(s.lines, l)
	return opened
}

func (s *Stand) gone(l *line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = slices.DeleteFunc(s.lines, func(other *line) bool { return other == l })
}

// standing are the lines that stand.
func (s *Stand) standing() []*line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// tried are the lines by which the doors are reached, and not the lobby.
func (s *Stand) tried() []*line {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*line
	for _, l := range s.lines {
		if l.doors == s.doors && !l.broken.Load() {
			list = append(list, l)
		}
	}
	return list
}

// waiting reports whether another router stands in the lobby.
func (s *Stand) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(l *line) bool { return l.doors == s.lobby })
}

func (s *Stand) setGate(g gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = g
}

// setTap lets messages through a tap until the returned function is called.
func (s *Stand) setTap(t tap) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tap = t
	return func() { s.setTap(tap{}) }
}

func (s *Stand) tapped() tap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tap
}
