// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// hostService implements patchbay.v1.HostService.
type hostService struct {
	patchbayv1.UnimplementedHostServiceServer
	workspace *host.Workspace
	version   string
	doors     *remote.Doors // nil if there are no remote strategies
}

// GetStatus implements patchbayv1.HostServiceServer.
func (s *hostService) GetStatus(ctx context.Context, _ *patchbayv1.GetStatusRequest) (*patchbayv1.GetStatusResponse, error) {
	status, err := s.workspace.Status(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	response := &patchbayv1.GetStatusResponse{
		Workspace: status.Name, Version: s.version, Config: status.Config, LastEvent: status.Number,
		Now: timestamppb.New(now), Since: timestamppb.New(status.Opened),
		SignedIn: uint32(status.SignedIn), Connected: uint32(status.Connected), Counters: countersMessage(&status),
	}
	runtimes := make(map[string]string, len(status.Strategies))
	routers := routerMessages(s.doors)
	for i := range status.Strategies {
		st := &status.Strategies[i]
		runtimes[st.Name] = st.Runtime
		m := strategyMessage(st)
		m.Routers = routers[st.Name]
		response.Strategies = append(response.Strategies, m)
	}
	p := caller(ctx)
	for i := range status.Queues {
		q := &status.Queues[i]
		if p.seesQueue(q.Name) {
			response.Queues = append(response.Queues, queueMessage(q, runtimes[q.DecidedBy], now))
		}
	}
	return response, nil
}

// ReleaseStrategy implements patchbayv1.HostServiceServer.
func (s *hostService) ReleaseStrategy(ctx context.Context, r *patchbayv1.ReleaseStrategyRequest) (*patchbayv1.ReleaseStrategyResponse, error) {
	if err := s.workspace.Release(ctx, r.GetStrategy(), caller(ctx).name); err != nil {
		return nil, err
	}
	return &patchbayv1.ReleaseStrategyResponse{}, nil
}

func queueMessage(q *host.QueueStatus, runtime string, now time.Time) *patchbayv1.QueueStatus {
	var longest time.Duration
	if q.Oldest > 0 {
		longest = max(0, now.Sub(time.UnixMilli(int64(q.Oldest))))
	}
	return &patchbayv1.QueueStatus{
		Queue: q.Name, Waiting: uint32(q.Waiting), Offered: uint32(q.Offered), Open: uint32(q.Open),
		LongestWait: durationpb.New(longest), Members: uint32(q.Members), Present: uint32(q.Present),
		Strategy: q.Strategy, Fallback: q.Fallback, Deciding: q.DecidedBy, Runtime: runtime,
		Closed: q.Closed, Unroutable: uint32(q.Unroutable), EstimatedWait: lastingIf(q.Estimated, q.EstimatedWait),
		OfferTo: uint32(q.OfferTo), Classes: q.Classes,
	}
}

func strategyMessage(st *strategy.Status) *patchbayv1.StrategyStatus {
	c := &st.Counts
	return &patchbayv1.StrategyStatus{
		Strategy: st.Name, Runtime: st.Runtime, Version: st.Version,
		// The protocol keeps 0 for "unspecified"; otherwise the order is the same.
		State: patchbayv1.StrategyState(st.State) + 1, Since: stamp(st.Since), Epoch: st.Epoch, Queues: st.Queues,
		Turns: c.Turns, Proposals: c.Proposals, Offers: c.Offers, Refusals: c.Refusals, Faults: c.Faults,
		Restarts: c.Restarts, Resyncs: c.Resyncs, LastFault: c.LastFault,
		Slow: c.Slow, Stalls: c.Stalls, Stalled: st.Stalled, Standby: st.Standby, Kept: st.Kept,
		TurnP50: durationpb.New(st.P50), TurnP99: durationpb.New(st.P99),
	}
}

func countersMessage(status *host.Status) *patchbayv1.Counters {
	n := status.Counts
	return &patchbayv1.Counters{
		Created: n[engine.KindWorkCreated], Offers: n[engine.KindWorkOffered], Accepted: n[engine.KindOfferAccepted],
		Declined: n[engine.KindOfferDeclined], TimedOut: n[engine.KindOfferTimedOut],
		Unavailable: n[engine.KindOfferUnavailable], Completed: n[engine.KindWorkCompleted],
		Cancelled: n[engine.KindWorkCancelled], Abandoned: n[engine.KindWorkAbandoned],
		Expired: n[engine.KindWorkExpired], Requeued: n[engine.KindWorkRequeued],
		Refused: n[engine.KindProposalRefused], Violations: status.Violations,
		Withdrawn: n[engine.KindOfferWithdrawn], Transferred: n[engine.KindWorkTransferred] + n[engine.KindHandedOver],
		Overflowed: n[engine.KindWorkOverflowed], Reopened: n[engine.KindWorkReopened],
	}
}
