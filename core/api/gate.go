// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// gate is what every call passes, over gRPC and over REST alike: who is it, may
// they, is the request in order; and on the way back errors take their shape.
type gate struct {
	methods   map[string]*method
	keys      *keyring
	validator protovalidate.Validator
	logger    *slog.Logger
	// stopping ends when the server does, and streams with it.
	stopping context.Context
}

func newGate(stopping context.Context, keys []Key, logger *slog.Logger) (*gate, error) {
	table, err := methods()
	if err != nil {
		return nil, err
	}
	ring, err := newKeyring(keys)
	if err != nil {
		return nil, err
	}
	validator, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("api: validation rules: %w", err)
	}
	return &gate{methods: table, keys: ring, validator: validator, logger: logger, stopping: stopping}, nil
}

// unary implements grpc.UnaryServerInterceptor.
func (g *gate) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (response any, err error) {
	defer func() { err = g.outcome(ctx, info.FullMethod, err, recover()) }()
	ctx, m, err := g.enter(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	if err := g.check(ctx, m, request); err != nil {
		return nil, err
	}
	return handle(ctx, request)
}

// stream implements grpc.StreamServerInterceptor.
func (g *gate) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	if info.FullMethod == sessionMethod {
		return g.session(server, stream, handle)
	}
	defer func() { err = g.outcome(stream.Context(), info.FullMethod, err, recover()) }()
	ctx, m, err := g.enter(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	ctx, cancel := g.while(ctx)
	defer cancel()
	err = handle(server, &gatedStream{ServerStream: stream, ctx: ctx, check: func(request any) error {
		return g.check(ctx, m, request)
	}})
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// gatedStream checks what it receives and has the gate's context.
type gatedStream struct {
	grpc.ServerStream
	ctx   context.Context
	check func(request any) error
}

// Context implements grpc.ServerStream.
func (s *gatedStream) Context() context.Context { return s.ctx }

// RecvMsg implements grpc.ServerStream.
func (s *gatedStream) RecvMsg(request any) error {
	if err := s.ServerStream.RecvMsg(request); err != nil {
		return err
	}
	return s.check(request)
}

func (g *gate) enter(ctx context.Context, name string) (context.Context, *method, error) {
	m, ok := g.methods[name]
	if !ok {
		return nil, nil, unknownMethod(name)
	}
	p, err := g.keys.identify(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := m.admit(p); err != nil {
		return nil, nil, err
	}
	return withPrincipal(ctx, p), m, nil
}

func unknownMethod(name string) error {
	return refuse(codes.Unimplemented, codeUnknownMethod, "", "there is no method %s", name)
}

func (g *gate) check(ctx context.Context, m *method, request any) error {
	message, ok := request.(proto.Message)
	if !ok {
		return fmt.Errorf("api: %T is not a message", request)
	}
	if err := m.bind(caller(ctx), message.ProtoReflect()); err != nil {
		return err
	}
	if unknown := message.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		return refuse(codes.InvalidArgument, codeUnknownField, "", "the request has fields that this version of the host does not know")
	}
	return g.valid(message)
}

// valid checks the rules that the proto states.
func (g *gate) valid(message proto.Message) error {
	err := g.validator.Validate(message)
	var bad *protovalidate.ValidationError
	if !errors.As(err, &bad) || len(bad.Violations) == 0 {
		return err
	}
	first := bad.Violations[0].Proto
	return invalid(protovalidate.FieldPathString(first.GetField()), "%s", first.GetMessage())
}

// outcome gives an error the shape that callers see, and keeps a fault in a
// method from taking the host with it.
func (g *gate) outcome(ctx context.Context, name string, err error, fault any) error {
	if fault != nil {
		g.logger.ErrorContext(ctx, "a method of the API failed", "method", name, "fault", fault, "stack", string(debug.Stack()))
		err = refuse(codes.Internal, codeInternal, "", "the host failed to do it; its log says why")
	}
	if err == nil {
		return nil
	}
	r, told := ofError(err)
	if !told {
		g.logger.ErrorContext(ctx, "a method of the API failed", "method", name, "error", err)
	}
	return r.GRPCStatus().Err()
}
