// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/jsonrouter"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
	sdk "github.com/patchbay-cx/patchbay/sdk/serve"
)

const routerToken = "a router's secret"

// withRouters serves a host with doors for the remote strategy "vendor".
func withRouters(t testing.TB, opts api.Options) (*place, *remote.Doors) {
	t.Helper()
	doors, err := remote.NewDoors(remote.Options{MaxReplyBytes: api.MaxAnswerBytes},
		remote.Strategy{Name: "vendor", Tokens: []string{sum(routerToken)}})
	if err != nil {
		t.Fatal(err)
	}
	doors.Open()
	t.Cleanup(func() { _ = doors.Close() })
	opts.Doors = doors
	return serve(t, opts), doors
}

// routed runs a router until the test ends.
func routed(t testing.TB, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the router: %v", err)
		}
	})
}

func overGRPC(p *place, plugin route.Plugin) func(context.Context) error {
	return func(ctx context.Context) error {
		return sdk.Remote(ctx, plugin, sdk.RouterOptions{Address: p.addr, Strategy: "vendor", Token: routerToken, Name: "grpc"})
	}
}

func overSocket(p *place, plugin route.Plugin) func(context.Context) error {
	return func(ctx context.Context) error {
		return jsonrouter.Run(ctx, plugin, jsonrouter.Options{
			URL: "ws://" + p.addr + api.SocketPath, Strategy: "vendor", Token: routerToken, Name: "json",
		})
	}
}

// TestCorpusThroughTheDoors plays the conformance corpus to routers that dial
// the API's own port, over gRPC and over WebSockets.
func TestCorpusThroughTheDoors(t *testing.T) {
	t.Parallel()
	transcripts := map[string]string{}
	plugin := queue.Plugin()
	spec := strategy.Spec{Name: "vendor", Runtime: "remote", Limits: strategy.Limits{TurnDeadline: strategy.NoDeadline}}
	for name, run := range map[string]func(*place, route.Plugin) func(context.Context) error{
		"grpc": overGRPC, "websocket": overSocket,
	} {
		p, doors := withRouters(t, api.Options{Keys: keys()})
		routed(t, run(p, plugin))
		suite := routetest.Suite{
			Strategy: plugin.Manifest.Name, Reasons: plugin.Manifest.Reasons,
			Open: func(ctx context.Context) (routetest.Carrier, error) {
				instance, _, err := remote.New(doors).Start(ctx, spec, 1)
				return instance, err
			},
		}
		for _, script := range routetest.Corpus(suite.Strategy) {
			result, err := routetest.Play(t.Context(), suite, script)
			if err != nil || len(result.Findings) > 0 {
				t.Errorf("%s: %s: %v, %v", name, script.Name, result.Findings, err)
			}
			transcripts[name] += script.Name + "\n" + result.Transcript
		}
	}
	if transcripts["grpc"] != transcripts["websocket"] || strings.Count(transcripts["grpc"], "\n") < 100 {
		t.Error("the doors give other proposals")
	}
}

// An API key is no router's token, and a router's token is no API key.
func TestRouterIsNotLetIn(t *testing.T) {
	t.Parallel()
	p, _ := withRouters(t, api.Options{Keys: keys()})
	for token, strategyName := range map[string]string{keyOf("root"): "vendor", routerToken: "first", "": "vendor"} {
		err := sdk.Remote(t.Context(), queue.Plugin(), sdk.RouterOptions{Address: p.addr, Strategy: strategyName, Token: token})
		if status.Code(err) != codes.Unauthenticated || reasonOf(err) != "unauthenticated" {
			t.Errorf("over gRPC with %q: %v", token, err)
		}
		err = jsonrouter.Run(t.Context(), queue.Plugin(), jsonrouter.Options{
			URL: "ws://" + p.addr + api.SocketPath, Strategy: strategyName, Token: token,
		})
		if err == nil || !strings.Contains(err.Error(), "jsonrouter: unauthenticated: there is no remote strategy") {
			t.Errorf("over a WebSocket with %q: %v", token, err)
		}
	}
	p.key = routerToken
	p.fails(p.request("GET", "/v1/status", ""), http.StatusUnauthorized, "unauthenticated", "")
}

func TestNoDoors(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.fails(p.request("GET", api.SocketPath, ""), http.StatusNotFound, "unknown_path", "")
	err := sdk.Remote(t.Context(), queue.Plugin(), sdk.RouterOptions{Address: p.addr, Strategy: "vendor"})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("over gRPC: %v", err)
	}
}

func TestSocketPathWithoutSocket(t *testing.T) {
	t.Parallel()
	p, _ := withRouters(t, api.Options{})
	p.fails(p.request("GET", api.SocketPath, ""), http.StatusUpgradeRequired, "invalid", "")
}

// What is no message ends the connection with a word on why.
func TestSocketRubbish(t *testing.T) {
	t.Parallel()
	p, _ := withRouters(t, api.Options{})
	for _, test := range []struct {
		kind  websocket.MessageType
		text  string
		words string
	}{
		{websocket.MessageText, `{"hallo":{}}`, `unknown field \"hallo\"`},
		{websocket.MessageBinary, `{}`, "binary"},
		{websocket.MessageText, `{"pong":{"number":1}}`, "out_of_place"},
		{websocket.MessageText, strings.Repeat(" ", 9<<20), "StatusMessageTooBig"},
	} {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+p.addr+api.SocketPath, nil) //nolint:bodyclose // it has none
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Write(t.Context(), test.kind, []byte(test.text))
		var told strings.Builder
		for {
			_, text, err := conn.Read(t.Context())
			if err != nil {
				told.WriteString(err.Error())
				break
			}
			told.Write(text)
		}
		if !strings.Contains(told.String(), test.words) {
			t.Errorf("%.40s is answered by %s, want %q", test.text, told.String(), test.words)
		}
		_ = conn.CloseNow()
	}
}

// Who leads and who stands by is told by the status, and routers are told when
// the host ends.
func TestRoutersInStatus(t *testing.T) {
	t.Parallel()
	p, doors := withRouters(t, api.Options{})
	routed(t, overGRPC(p, queue.Plugin()))
	instance, _, err := remote.New(doors).Start(t.Context(), strategy.Spec{Name: "vendor"}, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close()
	got := doors.Routers()
	if len(got) != 1 || got[0].Door != "grpc" || got[0].Epoch != 4 || got[0].Lease == 0 || got[0].Name != "grpc" {
		t.Errorf("%+v", got)
	}
}

func TestUnguardedDoorsStayAtHome(t *testing.T) {
	t.Parallel()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "vendor"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.New(openWorkspace(t), api.Options{Keys: keys(), TLS: testTLS(t), Doors: doors})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(t.Context(), listener); !isInsecure(err) || !strings.Contains(err.Error(), `token for the routers of strategy "vendor"`) {
		t.Errorf("got %v", err)
	}
}

// Over TLS, a router is a client as any other.
func TestRouterOverTLS(t *testing.T) {
	t.Parallel()
	config := testTLS(t)
	p, doors := withRouters(t, api.Options{Keys: keys(), TLS: config})
	routed(t, func(ctx context.Context) error {
		return sdk.Remote(ctx, queue.Plugin(), sdk.RouterOptions{
			Address: p.addr, Strategy: "vendor", Token: routerToken, TLS: trusting(t, config),
		})
	})
	instance, _, err := remote.New(doors).Start(t.Context(), strategy.Spec{Name: "vendor"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	_ = instance.Close()
}

// A message that is longer than the door takes is the router's fault, and the
// turn's.
func TestGRPCMessageTooLarge(t *testing.T) {
	t.Parallel()
	p, doors := withRouters(t, api.Options{})
	stream, err := strategygrpc.NewRouterServiceClient(p.dial()).Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	say := func(m *strategyv1.SessionRequest) {
		if err := stream.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: &strategyv1.Hello{
		Strategy: "vendor", Token: routerToken, Manifest: &strategyv1.HandshakeResponse{Name: "m"},
	}}})
	ended := make(chan error, 1)
	go func() { ended <- clumsy(stream) }()
	instance, _, err := remote.New(doors).Start(t.Context(), strategy.Spec{Name: "vendor"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = instance.Turn(ctx, &route.Turn{Epoch: 1, Seq: 1, Kind: route.KindSnapshot}, new(route.Reply))
	if err == nil || !strings.Contains(err.Error(), "too_large") {
		t.Errorf("the turn: %v", err)
	}
	if err := <-ended; status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the stream ended with %v", err)
	}
}

// clumsy answers the first turn with too much.
func clumsy(stream grpc.BidiStreamingClient[strategyv1.SessionRequest, strategyv1.SessionResponse]) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		switch {
		case m.GetLead() != nil:
			_ = stream.Send(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{
				Configured: &strategyv1.Configured{Lease: m.GetLead().GetLease()},
			}})
		case m.GetAsk() != nil:
			_ = stream.Send(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{
				Answer: &strategyv1.Answer{Lease: m.GetAsk().GetLease(), Turn: m.GetAsk().GetTurn(), Frame: make([]byte, 2<<20)},
			}})
		}
	}
}

func reasonOf(err error) string {
	code, _ := reason(err)
	return code
}
