// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/socket"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
)

// writeWithin is how long a message may take to be written over a WebSocket.
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
	link := remote.StreamLink{BidiStreamingServer: stream}
	return told(s.stand.serve(stream.Context(), streamed{link}, "grpc", link.Address(), severer(stream.Context())))
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
type streamed struct{ remote.StreamLink }

var _ carrier = streamed{}

// rubbish is, of what gRPC lets through, the worst: a turn that is no frame.
func (c streamed) rubbish(lease, turn uint64) error {
	return c.Send(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ask{
		Ask: &strategyv1.Ask{Lease: lease, Turn: turn, Frame: []byte("no frame at all")},
	}})
}

func (c streamed) later() error {
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
	link, err := socket.Accept(w, r, socket.Options{MaxMessageBytes: int64(8 * s.options.MaxMessageBytes), WriteWithin: writeWithin})
	if err != nil {
		return // it has answered
	}
	defer link.Cut()
	err = s.serve(context.WithoutCancel(r.Context()), socketed{link}, socket.DoorName, r.RemoteAddr, sever)
	if errors.Is(err, errCut) {
		return
	}
	var last *document.Refused
	if refusal, ok := errors.AsType[*remote.Refusal](err); ok {
		last = &document.Refused{Code: refusal.Code, Message: refusal.Text}
	}
	link.Close(last)
}

// socketed is a WebSocket.
type socketed struct{ *socket.Link }

var (
	_ carrier       = socketed{}
	_ remote.Keeper = socketed{}
)

func (c socketed) rubbish(uint64, uint64) error { return c.Write([]byte(`{"ask": }{`)) }

func (c socketed) later() error {
	if err := c.Write([]byte(`{"of_a_later_version": {"says": "nothing that you know"}}`)); err != nil {
		return err
	}
	return c.Write(fmt.Appendf(nil, `{"ping": {"number": %d, "of_a_later_version": true}}`, oddPing))
}
