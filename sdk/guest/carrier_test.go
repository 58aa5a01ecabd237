// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// patience is how long a process may take to do what it should, where there is
// little to compute with.
const patience = time.Minute

// started is a plugin process that this test started, without TLS, so that its
// own HTTP/2 and gRPC can be looked at.
type started struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	conn  *grpc.ClientConn
}

func start(t *testing.T, path string) *started {
	t.Helper()
	s := &started{cmd: exec.Command(path)}
	s.cmd.Env = []string{
		serve.CookieKey + "=" + serve.CookieValue, serve.WatchKey + "=" + serve.WatchStdin,
		"PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + t.TempDir(),
	}
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	parts := strings.Split(strings.TrimSpace(line), "|")
	if err != nil || len(parts) != 6 || parts[0] != "1" || parts[1] != "1" || parts[4] != "grpc" || parts[5] != "" {
		t.Fatalf("its handshake is %q: %v", line, err)
	}
	address := parts[3]
	if parts[2] == "unix" {
		address = "unix:" + address
	}
	if s.conn, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close() })
	return s
}

// ended waits until the process has ended, and returns its exit code.
func (s *started) ended(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// ready shakes hands and configures.
func (s *started) ready(t *testing.T) strategygrpc.StrategyServiceClient {
	t.Helper()
	service := strategygrpc.NewStrategyServiceClient(s.conn)
	if _, err := service.Handshake(t.Context(), &strategyv1.HandshakeRequest{
		Features: []strategyv1.Feature{strategyv1.Feature_FEATURE_CANDIDATES}, Epoch: 1,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Configure(t.Context(), &strategyv1.ConfigureRequest{Generation: 1}); err != nil {
		t.Fatal(err)
	}
	return service
}

// The calls of go-plugin and of the contract are answered as they should, and so
// are those that are none.
func TestCarrierCalls(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		s := start(t, example(t, lang))
		ctx := t.Context()
		health, err := grpc_health_v1.NewHealthClient(s.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
		if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health: %v %v", health, err)
		}
		if err := s.conn.Invoke(ctx, "/plugin.GRPCBroker/Nothing", &emptypb.Empty{}, &emptypb.Empty{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("an unknown call: %v", err)
		}
		service := strategygrpc.NewStrategyServiceClient(s.conn)
		_, err = service.Handshake(ctx, &strategyv1.HandshakeRequest{Epoch: 1})
		if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "too old") {
			t.Errorf("a host without candidates: %v", err)
		}
		s.ready(t)
		response, err := service.Configure(ctx, &strategyv1.ConfigureRequest{Generation: 7, SettingsJson: []byte("[1]")})
		if d := response.GetDiagnostics(); err != nil || response.GetGeneration() != 7 || len(d) != 1 ||
			d[0].GetSeverity() != strategyv1.Diagnostic_SEVERITY_ERROR || !strings.Contains(d[0].GetMessage(), "one JSON object") {
			t.Errorf("wrong settings: %v %v", response, err)
		}
		if _, err := service.Drain(ctx, &strategyv1.DrainRequest{Epoch: 3}); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("a drain of another epoch: %v", err)
		}
		if _, err := service.Drain(ctx, &strategyv1.DrainRequest{Epoch: 1}); err != nil {
			t.Error(err)
		}
		if err := s.conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &emptypb.Empty{}, &emptypb.Empty{}); err != nil {
			t.Error(err)
		}
		if code := s.ended(t); code != 0 {
			t.Errorf("told to shut down, it exited with %d", code)
		}
	})
}

// Turns come and go as they are: small ones, rubbish, ones that are longer than
// the windows of HTTP/2, and again on a new stream.
func TestCarrierTurns(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		s := start(t, example(t, lang))
		service := s.ready(t)
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			stream, err := service.Turns(ctx, grpc.MaxCallSendMsgSize(route.MaxFrameBytes))
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []struct{ items, candidates int }{{1, 1}, {2000, 16}, {256, 2}} {
				turn := busyTurn(size.items, size.candidates)
				frame, err := route.EncodeTurn(nil, turn)
				if err != nil {
					t.Fatal(err)
				}
				var reply route.Reply
				if err := route.DecodeReply(exchange(t, stream, frame), &reply); err != nil || len(reply.Proposals) != len(turn.Candidates) {
					t.Errorf("%d proposals for %d candidates: %v", len(reply.Proposals), len(turn.Candidates), err)
				}
			}
			var told *route.StatusError
			var reply route.Reply
			for _, rubbish := range [][]byte{nil, []byte("rubbish"), make([]byte, 4<<20)} {
				err := route.DecodeReply(exchange(t, stream, rubbish), &reply)
				if !errors.As(err, &told) || told.Status != route.StatusBadFrame {
					t.Errorf("%d bytes of rubbish were answered with: %v", len(rubbish), err)
				}
			}
			if err := stream.CloseSend(); err != nil {
				t.Error(err)
			}
			if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
				t.Errorf("the stream ended with: %v", err)
			}
			cancel()
		}
	})
}

func exchange(t *testing.T, stream strategygrpc.StrategyService_TurnsClient, frame []byte) []byte {
	t.Helper()
	if err := stream.Send(&strategyv1.TurnsRequest{Frame: frame}); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return got.GetFrame()
}

// A plugin ends when its standard input does, whatever became of the host.
func TestCarrierEndsWithHost(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		s := start(t, example(t, lang))
		s.ready(t)
		if err := s.stdin.Close(); err != nil {
			t.Fatal(err)
		}
		if code := s.ended(t); code != 1 {
			t.Errorf("without a host, it exited with %d", code)
		}
	})
}

// Started by hand, with nothing in the environment, a plugin says what it is.
func TestCarrierByHand(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		cmd := exec.CommandContext(t.Context(), example(t, lang))
		cmd.Env = []string{}
		cmd.Stdin = os.Stdin
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "skilled-idle 1.0.0, a strategy plugin") {
			t.Errorf("%v, and it says %q", err, out)
		}
	})
}
