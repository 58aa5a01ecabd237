// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
)

// writeWithin is how long a message may take to be written.
const writeWithin = 10 * time.Second

// oddPing is the number of the ping that carries something of a later version.
const oddPing = 70_001

// service is the stand's door for gRPC.
type service struct {
	strategygrpc.UnimplementedRouterServiceServer

	stand *Stand
}

var _ strategygrpc.RouterServiceServer = (*service)(nil)

// Session implements strategygrpc.RouterServiceServer.
func (s *service) Session(stream grpc.BidiStreamingServer[strategyv1.SessionRequest, strategyv1.SessionResponse]) error {
	address := ""
	if from, ok := peer.FromContext(stream.Context()); ok {
		address = from.Addr.String()
	}
	return told(s.stand.serve(stream.Context(), &streamed{stream}, "grpc", address, severer(stream.Context())))
}

// told is how a host tells over gRPC why a connection ended.
func told(err error) error {
	refusal, ok := errors.AsType[*remote.Refusal](err)
	if !ok {
		return err
	}
	code := codes.InvalidArgument
	switch refusal.Code {
	case "unauthenticated":
		code = codes.Unauthenticated
	case "no_common_version":
		code = codes.FailedPrecondition
	case "too_many_routers":
		code = codes.ResourceExhausted
	case "replaced", "too_slow", "silent":
		code = codes.Aborted
	}
	said, err := status.New(code, refusal.Text).WithDetails(&errdetails.ErrorInfo{Reason: refusal.Code, Domain: "patchbay"})
	if err != nil {
		return err
	}
	return said.Err()
}

// streamed is a gRPC stream.
type streamed struct {
	grpc.BidiStreamingServer[strategyv1.SessionRequest, strategyv1.SessionResponse]
}

var _ carrier = (*streamed)(nil)

// Recv implements remote.Link.
func (c *streamed) Recv() (*strategyv1.SessionRequest, error) {
	m, err := c.BidiStreamingServer.Recv()
	switch status.Code(err) {
	case codes.ResourceExhausted:
		err = fmt.Errorf("%w: %w", remote.ErrTooLarge, err)
	case codes.Internal:
		err = fmt.Errorf("%w: %w", remote.ErrRubbish, err)
	}
	return m, err
}

func (c *streamed) recall(any) any { return nil }

// rubbish is, of what gRPC lets through, the worst: a turn that is no frame.
func (c *streamed) rubbish(lease, turn uint64) error {
	return c.Send(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ask{
		Ask: &strategyv1.Ask{Lease: lease, Turn: turn, Frame: []byte("no frame at all")},
	}})
}

func (c *streamed) later() error {
	later := protowire.AppendString(protowire.AppendTag(nil, 1999, protowire.BytesType), "of a later version")
	message, ping := &strategyv1.SessionResponse{}, &strategyv1.Ping{Number: oddPing}
	message.ProtoReflect().SetUnknown(later)
	if err := c.Send(message); err != nil {
		return err
	}
	ping.ProtoReflect().SetUnknown(later)
	return c.Send(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ping{Ping: proto.CloneOf(ping)}})
}

// socket serves a router over a WebSocket.
func (s *Stand) socket(w http.ResponseWriter, r *http.Request) {
	sever := severer(r.Context())
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer conn.CloseNow() //nolint:errcheck // the last word was said
	conn.SetReadLimit(int64(8 * s.options.MaxMessageBytes))
	c := &socket{conn: conn, codec: document.NewCodec()}
	err = s.serve(context.WithoutCancel(r.Context()), c, "websocket", r.RemoteAddr, sever)
	if errors.Is(err, errCut) {
		return
	}
	code, reason := websocket.StatusNormalClosure, ""
	if refusal, ok := errors.AsType[*remote.Refusal](err); ok {
		code, reason = websocket.StatusPolicyViolation, refusal.Code
		_ = c.write(&document.FromHost{Refused: &document.Refused{Code: refusal.Code, Message: refusal.Text}})
	}
	_ = conn.Close(code, reason)
}

// socket is a WebSocket.
type socket struct {
	conn  *websocket.Conn
	codec *document.Codec
}

var _ carrier = (*socket)(nil)

// Send implements remote.Link.
func (c *socket) Send(m *strategyv1.SessionResponse) error {
	said, err := c.codec.Host(m)
	if err != nil {
		return err
	}
	return c.write(said)
}

func (c *socket) write(said any) error {
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	return c.text(text)
}

func (c *socket) text(text []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, text)
}

// Recv implements remote.Link.
func (c *socket) Recv() (*strategyv1.SessionRequest, error) {
	kind, text, err := c.conn.Read(context.Background()) // until the connection is closed
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return nil, fmt.Errorf("%w: %w", remote.ErrTooLarge, err)
	case websocket.CloseStatus(err) != -1:
		return nil, io.EOF
	case err != nil:
		return nil, err
	case kind != websocket.MessageText:
		return nil, fmt.Errorf("%w: it is binary; messages are text", remote.ErrRubbish)
	}
	m, err := c.codec.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrRubbish, err)
	}
	return m, nil
}

func (c *socket) recall(memory any) any { return c.codec.Recall(memory) }

func (c *socket) rubbish(uint64, uint64) error { return c.text([]byte(`{"ask": }{`)) }

func (c *socket) later() error {
	if err := c.text([]byte(`{"of_a_later_version": {"says": "nothing that you know"}}`)); err != nil {
		return err
	}
	return c.text(fmt.Appendf(nil, `{"ping": {"number": %d, "of_a_later_version": true}}`, oddPing))
}
