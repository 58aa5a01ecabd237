// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// secret is the token of the test strategy's routers.
const secret = "open sesame"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// newDoors returns open doors for a strategy "x".
func newDoors(t testing.TB, options remote.Options) *remote.Doors {
	t.Helper()
	doors, err := remote.NewDoors(options, remote.Strategy{Name: "x", Tokens: []string{digest("old one"), digest(secret)}})
	if err != nil {
		t.Fatal(err)
	}
	doors.Open()
	t.Cleanup(func() { _ = doors.Close() })
	return doors
}

// pipe is a Link within the process, and the router's end of it.
type pipe struct {
	up     chan *strategyv1.SessionRequest
	down   chan *strategyv1.SessionResponse
	ended  chan struct{}
	once   sync.Once
	err    error // of Serve, once served is closed
	served chan struct{}
	refuse error // that Recv returns once ended
}

var errBroken = errors.New("the line is broken")

func newPipe() *pipe {
	return &pipe{
		up: make(chan *strategyv1.SessionRequest), down: make(chan *strategyv1.SessionResponse, 1000),
		ended: make(chan struct{}), served: make(chan struct{}), refuse: errBroken,
	}
}

// dial begins a connection to the doors.
func dial(t testing.TB, doors *remote.Doors) *pipe {
	t.Helper()
	p := newPipe()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(p.served)
		defer cancel()
		defer p.hangUp()
		p.err = doors.Serve(ctx, p, "pipe", "here")
	}()
	t.Cleanup(func() { p.hangUp(); <-p.served })
	return p
}

// Send implements remote.Link.
func (p *pipe) Send(m *strategyv1.SessionResponse) error {
	select {
	case p.down <- m:
		return nil
	case <-p.ended:
		return errBroken
	}
}

// Recv implements remote.Link.
func (p *pipe) Recv() (*strategyv1.SessionRequest, error) {
	select {
	case m := <-p.up:
		return m, nil
	case <-p.ended:
		return nil, p.refuse
	}
}

// hangUp breaks the line.
func (p *pipe) hangUp() { p.once.Do(func() { close(p.ended) }) }

// say sends a message as the router.
func (p *pipe) say(m *strategyv1.SessionRequest) {
	select {
	case p.up <- m:
	case <-p.ended:
	}
}

// hear waits for the host's next message that is no ping; nil if the line ends
// before.
func (p *pipe) hear() *strategyv1.SessionResponse {
	for {
		var m *strategyv1.SessionResponse
		select {
		case m = <-p.down:
		default:
			select {
			case m = <-p.down:
			case <-p.served:
				select {
				case m = <-p.down:
				default:
					return nil
				}
			}
		}
		if m.GetPing() == nil {
			return m
		}
	}
}

func helloOf(router string, rank uint32) *strategyv1.Hello {
	return &strategyv1.Hello{
		Strategy: "x", Token: secret, Router: router, Rank: rank,
		Manifest: &strategyv1.HandshakeResponse{Name: "greedy", Version: "1.0.0"},
	}
}

func sayHello(p *pipe, hello *strategyv1.Hello) *strategyv1.Welcome {
	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: hello}})
	return p.hear().GetWelcome()
}

// connected is a router that was welcomed.
func connected(t testing.TB, doors *remote.Doors, router string, rank uint32) (*pipe, *strategyv1.Welcome) {
	t.Helper()
	p := dial(t, doors)
	welcome := sayHello(p, helloOf(router, rank))
	if welcome == nil {
		t.Fatalf("router %s is not welcomed", router)
	}
	return p, welcome
}

// follow takes the lead that the host gives.
func (p *pipe) follow(t testing.TB) *strategyv1.Lead {
	t.Helper()
	lead := p.hear().GetLead()
	if lead == nil {
		t.Fatal("the router is not told to lead")
	}
	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{
		Configured: &strategyv1.Configured{Lease: lead.GetLease(), Response: &strategyv1.ConfigureResponse{}},
	}})
	return lead
}

// reply answers an ask with an empty reply.
func (p *pipe) reply(t testing.TB, ask *strategyv1.Ask) {
	t.Helper()
	var turn route.Turn
	if err := route.DecodeTurn(ask.GetFrame(), &turn); err != nil {
		t.Error(err)
		return
	}
	p.answer(ask.GetLease(), ask.GetTurn(), replyFrame(t, &route.Reply{Epoch: turn.Epoch, Seq: turn.Seq, Digest: turn.Digest}))
}

func (p *pipe) answer(lease, turn uint64, frame []byte) {
	p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{
		Answer: &strategyv1.Answer{Lease: lease, Turn: turn, Frame: frame},
	}})
}

func replyFrame(t testing.TB, reply *route.Reply) []byte {
	t.Helper()
	frame, err := route.EncodeReply(nil, reply)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// started is what came of Runtime.Start.
type started struct {
	instance strategy.Instance
	manifest route.Manifest
	err      error
}

// start starts the strategy "x" while the test goes on.
func start(t testing.TB, doors *remote.Doors, spec strategy.Spec) <-chan started {
	t.Helper()
	out := make(chan started, 1)
	spec.Name, spec.Runtime = "x", "remote"
	go func() {
		in, manifest, err := remote.New(doors).Start(context.Background(), spec, 7)
		out <- started{in, manifest, err}
	}()
	return out
}

// led starts the strategy with the router that is told to lead.
func led(t testing.TB, doors *remote.Doors, p *pipe, spec strategy.Spec) (strategy.Instance, *strategyv1.Lead) {
	t.Helper()
	starting := start(t, doors, spec)
	lead := p.follow(t)
	got := <-starting
	if got.err != nil {
		t.Fatal(got.err)
	}
	t.Cleanup(func() { _ = got.instance.Close() })
	return got.instance, lead
}

// turned carries a turn while the test goes on.
func turned(ctx context.Context, in strategy.Instance, turn *route.Turn) <-chan error {
	out := make(chan error, 1)
	go func() { out <- in.Turn(ctx, turn, new(route.Reply)) }()
	return out
}

func snapshot(seq uint64) *route.Turn {
	return &route.Turn{Epoch: 7, Seq: seq, Kind: route.KindSnapshot}
}

// delta is the turn after the first.
func delta() *route.Turn { return &route.Turn{Epoch: 7, Seq: 2, BaseSeq: 1, Kind: route.KindDelta} }

func wantFault(t testing.TB, err error, kind strategy.FaultKind, words string) {
	t.Helper()
	var f *strategy.Fault
	if !errors.As(err, &f) || f.Kind != kind || !contains(err.Error(), words) {
		t.Errorf("got %v, want a fault %v with %q", err, kind, words)
	}
}

// door is the gRPC door within the process.
type door struct {
	doors    *remote.Doors
	listener *bufconn.Listener
	server   *grpc.Server
}

func newDoor(t testing.TB, doors *remote.Doors) *door {
	t.Helper()
	d := &door{doors: doors, listener: bufconn.Listen(1 << 20), server: grpc.NewServer()}
	strategygrpc.RegisterRouterServiceServer(d.server, &remote.Service{Doors: doors})
	serving := make(chan struct{})
	go func() { defer close(serving); _ = d.server.Serve(d.listener) }()
	t.Cleanup(func() { d.server.Stop(); <-serving })
	return d
}

// router runs the plugin as a router of the strategy "x" until the test ends.
func (d *door) router(t testing.TB, plugin route.Plugin, name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- serve.Remote(ctx, plugin, serve.RouterOptions{
			Address: "passthrough:///host", Strategy: "x", Token: secret, Name: name, BackoffFirst: time.Millisecond,
			Dial: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				return d.listener.DialContext(ctx)
			})},
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("router %s: %v", name, err)
		}
	})
}
