// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
)

// Service is the doors as patchbay.strategy.v1.RouterService. Its errors are
// those of Doors.Serve: whoever registers it says how they are told.
type Service struct {
	strategygrpc.UnimplementedRouterServiceServer

	// Doors are where routers come in.
	Doors *Doors
}

var _ strategygrpc.RouterServiceServer = (*Service)(nil)

// Session implements strategygrpc.RouterServiceServer.
func (s *Service) Session(stream grpc.BidiStreamingServer[strategyv1.SessionRequest, strategyv1.SessionResponse]) error {
	link := StreamLink{stream}
	return s.Doors.Serve(stream.Context(), link, "grpc", link.Address())
}

// StreamLink is a stream of patchbay.strategy.v1.RouterService as a Link.
type StreamLink struct {
	grpc.BidiStreamingServer[strategyv1.SessionRequest, strategyv1.SessionResponse]
}

var _ Link = StreamLink{}

// Recv implements Link.
func (l StreamLink) Recv() (*strategyv1.SessionRequest, error) {
	m, err := l.BidiStreamingServer.Recv()
	switch status.Code(err) {
	case codes.ResourceExhausted:
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	case codes.Internal:
		err = fmt.Errorf("%w: %w", ErrRubbish, err)
	}
	return m, err
}

// Address is from where the router dials; empty if that is not known.
func (l StreamLink) Address() string {
	if from, ok := peer.FromContext(l.Context()); ok {
		return from.Addr.String()
	}
	return ""
}
