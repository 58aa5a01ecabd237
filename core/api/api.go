// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package api serves a workspace to the world: gRPC and REST on one port, with
// Server-Sent Events for streams, keys, roles and scopes.
//
// Every call, whichever way it comes, passes the same gate and the same
// methods; REST is translated to gRPC in the process. The package translates
// between the public protocol (patchbay.v1) and the engine's commands and
// events. It must not decide anything about work: that is the engine's, and it
// knows neither config files nor command lines.
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	"github.com/patchbay-cx/patchbay/core/webhook/outbound"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// ErrInsecure is returned by Serve for a listener that others than this machine
// can reach, when there are no keys or no TLS.
var ErrInsecure = errors.New("api: only a loopback address is served without TLS and keys")

// MaxRequestBytes is the largest request, over gRPC and over REST.
const MaxRequestBytes = 1 << 20

const (
	// heartbeat is how often an idle stream shows that it is alive. A client
	// that is gone is noticed within two of them.
	heartbeat = 15 * time.Second
	// drainWithin is how long calls under way have to finish when the server
	// ends. Streams are ended at once.
	drainWithin = 5 * time.Second
)

// Options say how a workspace is served. The zero value serves everybody on
// this machine.
type Options struct {
	// Keys are the API keys. Without any, everybody who can connect may do
	// everything, and only a loopback address is served.
	Keys []Key
	// TLS is the certificate and what else concerns TLS; nil serves in the
	// clear. NextProtos is overruled.
	TLS *tls.Config
	// Doors lets in the routers of remote strategies; nil if there are none.
	// The server does not close it.
	Doors *remote.Doors
	// Feeds is where feeds are subscribed to, and assignments posted; nil if no
	// strategy's routers come so. The server does not close it.
	Feeds *feed.Door
	// Webhooks are those whom the host tells what happens; nil if there are none.
	// The server does not close it.
	Webhooks *outbound.Courier
	// ReadConfig reads a configuration that a caller sent, or without files the
	// host's own anew. It is called from several goroutines. Nil if the host takes
	// none.
	ReadConfig func(files []ConfigFile) (*Configuration, error)
	// Version is the program's version, told by GetStatus.
	Version string
	// Logger hears of failures that callers are not told about; nil for
	// silence.
	Logger *slog.Logger
}

// Server serves one workspace. It is safe for concurrent use.
type Server struct {
	opts Options
	grpc *grpc.Server
	http *http.Server
	stop context.CancelFunc // ends streams
	// sockets are waited for apart: the HTTP server does not know them.
	sockets   *sockets
	workspace *host.Workspace
}

// New returns a server for the workspace, which it does not close. An error
// means that the options are wrong.
func New(workspace *host.Workspace, opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	stopping, stop := context.WithCancel(context.Background())
	g, err := newGate(stopping, opts.Keys, opts.Logger)
	if err != nil {
		stop()
		return nil, err
	}
	s := &Server{opts: opts, stop: stop, workspace: workspace, sockets: &sockets{gate: g, doors: opts.Doors}}
	s.grpc = grpc.NewServer(
		grpc.UnaryInterceptor(g.unary), grpc.StreamInterceptor(g.stream),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			name, _ := grpc.MethodFromServerStream(stream)
			return unknownMethod(name)
		}),
		grpc.MaxRecvMsgSize(MaxRequestBytes),
		grpc.ConnectionTimeout(helloWithin),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: heartbeat, Timeout: heartbeat / 3}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: heartbeat / 3, PermitWithoutStream: true}),
	)
	local := new(inprocgrpc.Channel).WithServerUnaryInterceptor(g.unary).WithServerStreamInterceptor(g.stream)
	for _, registrar := range []grpc.ServiceRegistrar{s.grpc, local} {
		patchbayv1.RegisterWorkServiceServer(registrar, &workService{workspace: workspace, doors: opts.Doors})
		patchbayv1.RegisterAgentServiceServer(registrar, &agentService{workspace: workspace})
		patchbayv1.RegisterFeedServiceServer(registrar, &feedService{workspace: workspace})
		patchbayv1.RegisterJournalServiceServer(registrar, &journalService{workspace: workspace})
		patchbayv1.RegisterConfigServiceServer(registrar, &configService{workspace: workspace, read: opts.ReadConfig})
		patchbayv1.RegisterExplainServiceServer(registrar, &explainService{workspace: workspace})
		patchbayv1.RegisterWebhookServiceServer(registrar, &webhookService{courier: opts.Webhooks})
		patchbayv1.RegisterStrategyServiceServer(registrar, &strategyService{workspace: workspace})
		patchbayv1.RegisterRoutingServiceServer(registrar, &routingService{workspace: workspace, feeds: opts.Feeds})
		patchbayv1.RegisterHostServiceServer(registrar, &hostService{workspace: workspace, version: opts.Version, doors: opts.Doors})
	}
	if opts.Doors != nil {
		opts.Doors.OnInstruct(s.routerInstructs)
		strategygrpc.RegisterRouterServiceServer(s.grpc, &remote.Service{Doors: opts.Doors})
	}
	rest, err := newREST(local, workspace, len(opts.Keys) == 0, s.sockets)
	if err != nil {
		stop()
		return nil, err
	}
	s.http = &http.Server{
		Handler: rest, ReadHeaderTimeout: helloWithin, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Serve serves the listener until ctx ends or the listener fails, and closes
// it. When ctx ends, streams are told that the host is shutting down, calls
// under way get a few seconds to finish, and Serve returns nil. A Server
// serves once.
//
// # Errors
//
// An error that wraps ErrInsecure for an address that is not loopback, when
// there are no keys or no TLS; otherwise the listener's.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	if err := s.secure(listener.Addr()); err != nil {
		_ = listener.Close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lanes := newSplit(listener, s.opts.TLS)
	failed := make(chan error, 3)
	go func() { failed <- s.grpc.Serve(lanes.grpc) }()
	go func() { failed <- s.http.Serve(lanes.http) }()
	go func() { failed <- lanes.run(ctx) }()
	var err error
	waiting := 3
	select {
	case <-ctx.Done():
	case err = <-failed:
		waiting--
	}
	cancel()
	_ = listener.Close()
	s.shutdown()
	for range waiting {
		s.opts.Logger.Debug("a part of the API's server ended", "error", <-failed)
	}
	return err
}

// secure refuses to serve others in the clear or without asking who they are.
func (s *Server) secure(addr net.Addr) error {
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		switch {
		case len(s.opts.Keys) == 0:
			return fmt.Errorf("%w: %s needs API keys; configure some, or listen on 127.0.0.1", ErrInsecure, addr)
		case s.opts.TLS == nil:
			return fmt.Errorf("%w: %s needs a TLS certificate; configure one, or listen on 127.0.0.1", ErrInsecure, addr)
		case s.opts.Doors != nil && s.opts.Doors.Unguarded() != "":
			return fmt.Errorf("%w: %s needs a token for the routers of strategy %q; configure one, or listen on 127.0.0.1",
				ErrInsecure, addr, s.opts.Doors.Unguarded())
		}
	}
	return nil
}

// shutdown ends streams, lets calls under way finish, and then ends those as
// well.
func (s *Server) shutdown() {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	released := context.AfterFunc(ctx, s.grpc.Stop)
	defer released()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	s.grpc.GracefulStop()
	s.sockets.serving.Wait()
}
