// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// MaxAnswerBytes is the longest frame that a router may answer with, over any
// door: a message holds no more than MaxRequestBytes.
const MaxAnswerBytes = MaxRequestBytes - 4096

// sessionMethod is the one method that keys do not guard: routers have tokens
// of their strategy, which the doors check.
const sessionMethod = strategygrpc.RouterService_Session_FullMethodName

// session lets a router's connection pass the gate: it ends with the server,
// and with an error in the shape of all others.
func (g *gate) session(server any, stream grpc.ServerStream, handle grpc.StreamHandler) (err error) {
	defer func() { err = g.outcome(stream.Context(), sessionMethod, err, recover()) }()
	ctx, cancel := g.while(stream.Context())
	defer cancel()
	err = handle(server, &gatedStream{ServerStream: stream, ctx: ctx, check: func(any) error { return nil }})
	return sessionEnd(ctx, err)
}

// while returns a context that ends with the server too, and why.
func (g *gate) while(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := context.AfterFunc(g.stopping, func() {
		cancel(refuse(codes.Unavailable, codeShuttingDown, "", "the host is shutting down; connect again"))
	})
	return ctx, func() { release(); cancel(nil) }
}

// sessionEnd is how a router's connection ended: without an error if the router
// hung up.
func sessionEnd(ctx context.Context, err error) error {
	var refused *remote.Refusal
	switch {
	case errors.As(err, &refused):
		return ofDoor(refused)
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, remote.ErrTooLarge):
		return refuse(codes.ResourceExhausted, codeTooLarge, "", "the message is larger than %d bytes", MaxRequestBytes)
	case errors.Is(err, remote.ErrRubbish):
		return invalid("", "the message cannot be read")
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// ofDoor is a refusal of the doors.
func ofDoor(r *remote.Refusal) *refusal {
	kind := codes.InvalidArgument
	switch r.Code {
	case "unauthenticated":
		kind = codes.Unauthenticated
	case "no_common_version", "fenced", "not_connected":
		kind = codes.FailedPrecondition
	case "shutting_down":
		kind = codes.Unavailable
	case "too_many_routers":
		kind = codes.ResourceExhausted
	case "replaced", "too_slow", "silent":
		kind = codes.Aborted
	}
	return refuse(kind, r.Code, "", "%s", r.Text)
}

// routerMessages are the routers by strategy, or by the class of one.
func routerMessages(doors *remote.Doors) map[string][]*patchbayv1.RouterStatus {
	if doors == nil {
		return nil
	}
	out := make(map[string][]*patchbayv1.RouterStatus)
	for _, r := range doors.Routers() {
		m := &patchbayv1.RouterStatus{
			Router: r.Name, Version: r.Version, Rank: r.Rank, Since: timestamppb.New(r.Since), Connected: r.Connected,
			Door: r.Door, Address: r.Address, Lease: r.Lease, Resumes: r.Counts.Resumes, Replays: r.Counts.Replays,
			Answers: r.Counts.Answers, Late: r.Counts.Late, Fenced: r.Counts.Fenced,
		}
		if !r.Connected {
			m.Lost = timestamppb.New(r.Lost)
		}
		name := r.Strategy
		if m.Class = r.Class; r.Class != "" {
			name = strategy.ClassName(r.Strategy, r.Class)
		}
		out[name] = append(out[name], m)
	}
	return out
}
