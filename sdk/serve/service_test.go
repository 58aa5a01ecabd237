// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// greedy proposes the first agent for all work.
type greedy struct {
	settings string
	closed   int
	closeErr error
}

func (g *greedy) Configure(settings []byte) error {
	if strings.Contains(string(settings), "bad") {
		return errors.New("bad is not good")
	}
	g.settings = string(settings)
	return nil
}

func (g *greedy) Turn(turn *route.Turn, reply *route.Reply) error {
	if turn.Kind == route.KindDelta {
		return route.ErrNeedSnapshot
	}
	if turn.Seq == 13 {
		return errors.New("thirteen")
	}
	for i := range turn.Work {
		reply.Propose(&turn.Work[i], &turn.Agents[0], 0, 0)
	}
	return nil
}

func (g *greedy) Close() error { g.closed++; return g.closeErr }

func pluginOf(g *greedy) route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name: "greedy", Version: "1.0.0", SettingsSchema: "{}", Tables: []route.Table{route.TableWork},
			Reasons: []route.Reason{{Code: 3, Name: "first", Text: "First."}},
		},
		New: func() route.Strategy { return g },
	}
}

func dial(t *testing.T, g *greedy) strategygrpc.StrategyServiceClient {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	strategygrpc.RegisterStrategyServiceServer(server, newService(pluginOf(g)))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///x",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return strategygrpc.NewStrategyServiceClient(conn)
}

func frameOf(t *testing.T, turn *route.Turn) []byte {
	t.Helper()
	frame, err := route.EncodeTurn(nil, turn)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestServiceLife(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	g := &greedy{}
	client := dial(t, g)
	hello, err := client.Handshake(ctx, &strategyv1.HandshakeRequest{
		Minor: 5, Epoch: 7, Features: []strategyv1.Feature{strategyv1.Feature_FEATURE_DIGEST, 99},
	})
	if err != nil {
		t.Fatal(err)
	}
	if hello.GetMinor() != minor || hello.GetName() != "greedy" || len(hello.GetMajors()) != 1 ||
		len(hello.GetFeatures()) != 1 || hello.GetFeatures()[0] != strategyv1.Feature_FEATURE_DIGEST ||
		len(hello.GetLayouts()) != 1 || hello.GetLayouts()[0].GetStride() != 112 || hello.GetReasons()[0].GetCode() != 3 {
		t.Errorf("handshake %v", hello)
	}
	for _, test := range []struct {
		settings string
		refused  bool
	}{{`{"bad":1}`, true}, {`{"good":1}`, false}, {``, false}} {
		answer, err := client.Configure(ctx, &strategyv1.ConfigureRequest{Generation: 4, SettingsJson: []byte(test.settings)})
		if err != nil {
			t.Fatal(err)
		}
		if answer.GetGeneration() != 4 || (len(answer.GetDiagnostics()) > 0) != test.refused {
			t.Errorf("configure %s: %v", test.settings, answer)
		}
	}
	if g.settings != "{}" {
		t.Errorf("settings %q", g.settings)
	}
	if _, err := client.Drain(ctx, &strategyv1.DrainRequest{Epoch: 6}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("drain of another epoch: %v", err)
	}
	if _, err := client.Drain(ctx, &strategyv1.DrainRequest{Epoch: 7}); err != nil || g.closed != 1 {
		t.Errorf("drain: %v, closed %d times", err, g.closed)
	}
	g.closeErr = errors.New("stuck")
	if _, err := client.Drain(ctx, &strategyv1.DrainRequest{Epoch: 7}); status.Code(err) != codes.Internal {
		t.Errorf("drain: %v", err)
	}
}

func TestServiceTurns(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client := dial(t, &greedy{})
	if _, err := client.Handshake(ctx, &strategyv1.HandshakeRequest{Epoch: 7}); err != nil {
		t.Fatal(err)
	}
	stream, err := client.Turns(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(frame []byte) (*route.Reply, error) {
		if err := stream.Send(&strategyv1.TurnsRequest{Frame: frame}); err != nil {
			t.Fatal(err)
		}
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var reply route.Reply
		return &reply, route.DecodeReply(response.GetFrame(), &reply)
	}
	want := func(err error, status route.Status) {
		t.Helper()
		var got *route.StatusError
		if !errors.As(err, &got) || got.Status != status {
			t.Errorf("got %v, want %v", err, status)
		}
	}
	turn := &route.Turn{
		Epoch: 7, Seq: 1, Kind: route.KindSnapshot, Work: make([]route.Work, 2), Agents: make([]route.Agent, 1),
	}
	_, err = ask(frameOf(t, turn))
	want(err, route.StatusNotReady)
	if _, err := client.Configure(ctx, &strategyv1.ConfigureRequest{}); err != nil {
		t.Fatal(err)
	}
	reply, err := ask(frameOf(t, turn))
	if err != nil || reply.Epoch != 7 || reply.Seq != 1 || len(reply.Proposals) != 2 {
		t.Errorf("reply %+v, %v", reply, err)
	}
	_, err = ask([]byte("rubbish"))
	want(err, route.StatusBadFrame)
	turn.Epoch, turn.Kind = 7, route.KindDelta
	_, err = ask(frameOf(t, turn))
	want(err, route.StatusNeedSnapshot)
	turn.Kind, turn.Seq = route.KindSnapshot, 13
	reply, err = ask(frameOf(t, turn))
	want(err, route.StatusInternal)
	if reply.Seq != 13 || !strings.Contains(err.Error(), "thirteen") {
		t.Errorf("reply %+v, %v", reply, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err == nil {
		t.Error("the stream goes on after its end")
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	for name, plugin := range map[string]route.Plugin{
		"nothing": {},
		"no name": {New: func() route.Strategy { return &greedy{} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("it was taken")
				}
			}()
			Register(plugin)
		})
	}
}

// The one good registration, and a second one.
func TestRegisterOnce(t *testing.T) {
	t.Parallel()
	Register(pluginOf(&greedy{}))
	if !registered.ok || registered.plugin.Manifest.Name != "greedy" {
		t.Error("it was not taken")
	}
	defer func() {
		if recover() == nil {
			t.Error("a second plugin was taken")
		}
	}()
	Register(pluginOf(&greedy{}))
}
