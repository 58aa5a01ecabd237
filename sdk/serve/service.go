// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// minor is the highest minor version of patchbay.strategy.v1 spoken here.
const minor = 0

// service is a strategy as the gRPC service of patchbay.strategy.v1.
type service struct {
	strategygrpc.UnimplementedStrategyServiceServer
	plugin route.Plugin

	mu       sync.Mutex // gRPC calls from many goroutines, a strategy takes one call at a time
	instance instance
	epoch    uint64 // of the start, which a drain must name
}

var _ strategygrpc.StrategyServiceServer = (*service)(nil)

func newService(plugin route.Plugin) *service {
	return &service{plugin: plugin, instance: instance{strategy: plugin.New()}}
}

// Handshake implements the service.
func (s *service) Handshake(_ context.Context, in *strategyv1.HandshakeRequest) (*strategyv1.HandshakeResponse, error) {
	s.mu.Lock()
	s.epoch = in.GetEpoch()
	s.mu.Unlock()
	m := manifest(s.plugin)
	out := &strategyv1.HandshakeResponse{
		Minor: min(in.GetMinor(), minor), Name: m.Name, Version: m.Version, Majors: m.Majors,
		SettingsSchema: m.SettingsSchema, Deterministic: m.Deterministic,
		View: viewOf(m.View), Candidates: uint32(m.Candidates),
	}
	for _, feature := range []strategyv1.Feature{
		strategyv1.Feature_FEATURE_WAKE_AT, strategyv1.Feature_FEATURE_DIGEST,
		strategyv1.Feature_FEATURE_SNAPSHOT_PAGES, strategyv1.Feature_FEATURE_CANDIDATES,
	} {
		if slices.Contains(in.GetFeatures(), feature) {
			out.Features = append(out.Features, feature)
		}
	}
	for _, table := range m.Tables {
		out.Layouts = append(out.Layouts, &strategyv1.Layout{
			Table: uint32(table), Version: route.Layout, Stride: uint32(table.Stride()),
		})
	}
	for _, reason := range m.Reasons {
		out.Reasons = append(out.Reasons, &strategyv1.Reason{
			Code: uint32(reason.Code), Name: reason.Name, Text: reason.Text,
		})
	}
	return out, nil
}

// viewOf returns the view as the handshake says it.
func viewOf(view route.View) strategyv1.View {
	if view == route.ViewCandidates {
		return strategyv1.View_VIEW_CANDIDATES
	}
	return strategyv1.View_VIEW_BOARD
}

// Configure implements the service.
func (s *service) Configure(_ context.Context, in *strategyv1.ConfigureRequest) (*strategyv1.ConfigureResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &strategyv1.ConfigureResponse{Generation: in.GetGeneration()}
	if err := s.instance.configure(in.GetSettingsJson()); err != nil {
		out.Diagnostics = diagnostics(err)
	}
	return out, nil
}

// diagnostics says what a strategy has against its settings, each
// route.SettingError under its path.
func diagnostics(err error) []*strategyv1.Diagnostic {
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	var out []*strategyv1.Diagnostic
	for _, one := range list {
		d := &strategyv1.Diagnostic{Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Message: one.Error()}
		if setting, ok := errors.AsType[*route.SettingError](one); ok {
			d.Path, d.Message = setting.Path, setting.Text
		}
		out = append(out, d)
	}
	return out
}

// Turns implements the service.
func (s *service) Turns(stream grpc.BidiStreamingServer[strategyv1.TurnsRequest, strategyv1.TurnsResponse]) error {
	var in strategyv1.TurnsRequest
	var out strategyv1.TurnsResponse
	for {
		if err := stream.RecvMsg(&in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		s.mu.Lock()
		out.Frame = s.instance.turn(in.Frame)
		err := stream.SendMsg(&out) // marshalled before it returns, so the memory may be used again
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// Drain implements the service.
func (s *service) Drain(_ context.Context, in *strategyv1.DrainRequest) (*strategyv1.DrainResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.GetEpoch() != s.epoch {
		return nil, status.Errorf(codes.FailedPrecondition, "serve: drain of epoch %d, but this is epoch %d",
			in.GetEpoch(), s.epoch)
	}
	if err := s.instance.drain(); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &strategyv1.DrainResponse{}, nil
}
