// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// session is one connection as a scripted host sees it.
type session = grpc.BidiStreamingServer[strategyv1.SessionRequest, strategyv1.SessionResponse]

// scripted is a host whose connections are scripted, one function each.
type scripted struct {
	strategygrpc.UnimplementedRouterServiceServer
	scripts chan func(session) error
}

// Session implements the service.
func (s *scripted) Session(stream session) error {
	select {
	case script := <-s.scripts:
		return script(stream)
	case <-stream.Context().Done():
		return nil
	}
}

// hosted runs the scripts as a host, one after the other, and the plugin as a
// router. It returns what ends the router, and how it ended.
func hosted(t *testing.T, g *greedy, scripts ...func(session) error) (stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	return hostedAs(t, pluginOf(g), scripts...)
}

func hostedAs(t *testing.T, plugin route.Plugin, scripts ...func(session) error) (stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	host := &scripted{scripts: make(chan func(session) error, len(scripts))}
	for _, script := range scripts {
		host.scripts <- script
	}
	strategygrpc.RegisterRouterServiceServer(server, host)
	go func() { _ = server.Serve(listener) }()
	ctx, stop := context.WithCancel(context.Background())
	out := make(chan error, 1)
	go func() {
		out <- Remote(ctx, plugin, RouterOptions{
			Address: "passthrough:///x", Strategy: "vendor", Token: "secret", Name: "r", Rank: 3, BackoffFirst: time.Millisecond,
			Dial: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				return listener.DialContext(ctx)
			})},
		})
	}()
	t.Cleanup(func() { stop(); server.Stop() })
	return stop, out
}

func welcome(token string, resumed bool, lease uint64) *strategyv1.SessionResponse {
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Welcome{Welcome: &strategyv1.Welcome{
		ResumeToken: token, Resumed: resumed, Lease: lease, PingMs: 60_000,
	}}}
}

func leadOf(lease uint64, settings string) *strategyv1.SessionResponse {
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Lead{Lead: &strategyv1.Lead{
		Lease: lease, Epoch: 7, Configure: &strategyv1.ConfigureRequest{Generation: 1, SettingsJson: []byte(settings)},
	}}}
}

func askOf(t *testing.T, lease uint64, kind route.Kind) *strategyv1.SessionResponse {
	t.Helper()
	frame := frameOf(t, &route.Turn{
		Epoch: 7, Seq: 1, Kind: kind, Work: make([]route.Work, 1), Agents: make([]route.Agent, 1),
	})
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ask{
		Ask: &strategyv1.Ask{Lease: lease, Turn: 1, Frame: frame},
	}}
}

// exchange sends a message and returns what the router answers.
func exchange(stream session, m *strategyv1.SessionResponse) (*strategyv1.SessionRequest, error) {
	if err := stream.Send(m); err != nil {
		return nil, err
	}
	return stream.Recv()
}

// A router leads, loses its connection with its answer, and gives the same
// answer again when the host has kept its session; when it has not, it begins
// anew.
func TestRemote(t *testing.T) {
	t.Parallel()
	g := &greedy{}
	var first, again []byte
	done := make(chan struct{})
	stop, ended := hosted(t, g, func(stream session) error {
		m, _ := stream.Recv()
		h := m.GetHello()
		if h.GetStrategy() != "vendor" || h.GetToken() != "secret" || h.GetRouter() != "r" || h.GetRank() != 3 ||
			h.GetManifest().GetName() != "greedy" || len(h.GetManifest().GetFeatures()) != 4 || h.GetResume() != nil {
			t.Errorf("hello %v", h)
		}
		_ = stream.Send(welcome("t1", false, 0))
		m, _ = exchange(stream, leadOf(5, `{"bad":1}`))
		if m.GetConfigured().GetLease() != 5 || len(m.GetConfigured().GetResponse().GetDiagnostics()) != 1 {
			t.Errorf("bad settings: %v", m)
		}
		m, _ = exchange(stream, leadOf(6, `{"a":1}`))
		if m.GetConfigured().GetLease() != 6 || m.GetConfigured().GetResponse().GetDiagnostics() != nil || g.settings != `{"a":1}` {
			t.Errorf("settings: %v", m)
		}
		_ = stream.Send(askOf(t, 5, route.KindSnapshot)) // of a lease that is over: no answer
		m, _ = exchange(stream, &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ping{Ping: &strategyv1.Ping{Number: 9}}})
		if m.GetPong().GetNumber() != 9 {
			t.Errorf("after a ping: %v", m)
		}
		m, _ = exchange(stream, askOf(t, 6, route.KindSnapshot))
		if m.GetAnswer().GetLease() != 6 || m.GetAnswer().GetTurn() != 1 {
			t.Errorf("answer %v", m)
		}
		first = m.GetAnswer().GetFrame()
		return status.Error(codes.Unavailable, "the line breaks")
	}, func(stream session) error {
		m, _ := stream.Recv()
		if r := m.GetHello().GetResume(); r.GetToken() != "t1" || r.GetLease() != 6 || r.GetApplied() != 1 {
			t.Errorf("resume %v", r)
		}
		_ = stream.Send(welcome("t1", true, 6))
		// A delta that is not the turn it has applied would be answered by
		// need_snapshot; the same turn is answered as before.
		m, _ = exchange(stream, askOf(t, 6, route.KindDelta))
		again = m.GetAnswer().GetFrame()
		m, _ = exchange(stream, askOf(t, 6, route.KindDelta))
		var reply route.Reply
		if err := route.DecodeReply(m.GetAnswer().GetFrame(), &reply); err == nil {
			t.Error("a turn that comes twice without a break was answered from memory")
		}
		return status.Error(codes.Unavailable, "the line breaks")
	}, func(stream session) error {
		_, _ = stream.Recv()
		_ = stream.Send(welcome("t2", false, 0))
		m, _ := exchange(stream, leadOf(8, ``))
		if m.GetConfigured().GetLease() != 8 || g.closed == 0 {
			t.Errorf("%v, closed %d times", m, g.closed)
		}
		_ = stream.Send(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Drained{Drained: &strategyv1.Drained{Lease: 8}}})
		close(done)
		m, _ = stream.Recv()
		if m.GetLeave() == nil {
			t.Errorf("it ends without a goodbye: %v", m)
		}
		return nil
	})
	<-done
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(first) == 0 || string(first) != string(again) {
		t.Errorf("the same turn was answered with %d bytes, and %d", len(first), len(again))
	}
}

// A router that is not let in does not try again; one whose host is in trouble
// does.
func TestRemoteRefused(t *testing.T) {
	t.Parallel()
	refuse := func(code codes.Code, reason string) func(session) error {
		return func(stream session) error {
			_, _ = stream.Recv()
			s, err := status.New(code, "no").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "patchbay"})
			if err != nil {
				return err
			}
			return s.Err()
		}
	}
	_, ended := hosted(t, &greedy{}, refuse(codes.Unavailable, "shutting_down"), refuse(codes.Unauthenticated, "unauthenticated"))
	if err := <-ended; status.Code(err) != codes.Unauthenticated {
		t.Errorf("ended with %v", err)
	}
}

// A host that cannot be reached is tried until the router is told to end.
func TestRemoteUnreachable(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	dialled := make(chan struct{}, 100)
	ended := make(chan error)
	go func() {
		ended <- Remote(ctx, pluginOf(&greedy{}), RouterOptions{
			Address: "passthrough:///x", Strategy: "vendor", BackoffFirst: time.Microsecond,
			Dial: []grpc.DialOption{grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
				select {
				case dialled <- struct{}{}:
				default:
				}
				return nil, net.ErrClosed
			})},
		})
	}()
	<-dialled
	<-dialled
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func ExampleRemote() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a program ends its router when it is told to end itself
	err := Remote(ctx, pluginOf(&greedy{}), RouterOptions{
		Address: "127.0.0.1:7460", Strategy: "vendor", Token: "secret", Name: "blue",
	})
	if err != nil {
		panic(err) // the host would never let it in
	}
	// Output:
}
