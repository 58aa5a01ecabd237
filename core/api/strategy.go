// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// strategyService implements patchbay.v1.StrategyService.
type strategyService struct {
	patchbayv1.UnimplementedStrategyServiceServer
	workspace *host.Workspace
}

// ListStrategies implements patchbayv1.StrategyServiceServer.
func (s *strategyService) ListStrategies(ctx context.Context, _ *patchbayv1.ListStrategiesRequest) (*patchbayv1.ListStrategiesResponse, error) {
	queues, strategies, err := s.workspace.Deciders(ctx)
	if err != nil {
		return nil, err
	}
	out := &patchbayv1.ListStrategiesResponse{}
	for i := range strategies {
		out.Strategies = append(out.Strategies, strategyMessage(&strategies[i]))
	}
	p := caller(ctx)
	for i := range queues {
		if p.seesQueue(queues[i].Queue) {
			out.Queues = append(out.Queues, decidersMessage(&queues[i]))
		}
	}
	return out, nil
}

// SwapStrategy implements patchbayv1.StrategyServiceServer.
func (s *strategyService) SwapStrategy(ctx context.Context, r *patchbayv1.SwapStrategyRequest) (*patchbayv1.SwapStrategyResponse, error) {
	q, event, err := s.decide(ctx, r.GetQueue(), "swap", func(to *engine.Deciders, q *engine.Backlog) error {
		to.Strategy, to.Canary = overriding(r.GetStrategy(), q), nil
		return nil
	})
	return &patchbayv1.SwapStrategyResponse{Queue: q, Event: event}, err
}

// ShadowStrategy implements patchbayv1.StrategyServiceServer.
func (s *strategyService) ShadowStrategy(ctx context.Context, r *patchbayv1.ShadowStrategyRequest) (*patchbayv1.ShadowStrategyResponse, error) {
	q, event, err := s.decide(ctx, r.GetQueue(), "shadow", func(to *engine.Deciders, _ *engine.Backlog) error {
		to.Shadow = r.GetStrategy()
		return nil
	})
	return &patchbayv1.ShadowStrategyResponse{Queue: q, Event: event}, err
}

// StartCanary implements patchbayv1.StrategyServiceServer.
func (s *strategyService) StartCanary(ctx context.Context, r *patchbayv1.StartCanaryRequest) (*patchbayv1.StartCanaryResponse, error) {
	q, event, err := s.decide(ctx, r.GetQueue(), "canary", func(to *engine.Deciders, q *engine.Backlog) error {
		if r.GetStrategy() == cmp.Or(to.Strategy, q.Routing.Strategy) {
			return invalid("strategy", "strategy %q decides for queue %q already; name another one to be tried", r.GetStrategy(), r.GetQueue())
		}
		share := math.Round(r.GetPercent() * engine.WholeShare / 100)
		to.Canary = &engine.Canary{Strategy: r.GetStrategy(), Share: uint16(share), Guards: r.GetGuards()}
		return nil
	})
	return &patchbayv1.StartCanaryResponse{Queue: q, Event: event}, err
}

// PromoteStrategy implements patchbayv1.StrategyServiceServer.
func (s *strategyService) PromoteStrategy(ctx context.Context, r *patchbayv1.PromoteStrategyRequest) (*patchbayv1.PromoteStrategyResponse, error) {
	q, event, err := s.decide(ctx, r.GetQueue(), "promote", func(to *engine.Deciders, q *engine.Backlog) error {
		switch {
		case to.Canary != nil:
			to.Strategy, to.Canary = overriding(to.Canary.Strategy, q), nil
		case to.Shadow != "":
			to.Strategy, to.Shadow = overriding(to.Shadow, q), ""
		default:
			return refuse(codes.FailedPrecondition, codeNoTrial, "queue", "queue %q has neither a canary nor a shadow to promote", r.GetQueue())
		}
		return nil
	})
	return &patchbayv1.PromoteStrategyResponse{Queue: q, Event: event}, err
}

// RollBackStrategy implements patchbayv1.StrategyServiceServer.
func (s *strategyService) RollBackStrategy(ctx context.Context, r *patchbayv1.RollBackStrategyRequest) (*patchbayv1.RollBackStrategyResponse, error) {
	q, event, err := s.decide(ctx, r.GetQueue(), cmp.Or(r.GetReason(), "rollback"), func(to *engine.Deciders, q *engine.Backlog) error {
		switch {
		case to.Canary != nil:
			to.Canary = nil
		case to.Before != "":
			to.Strategy = overriding(to.Before, q)
		default:
			return refuse(codes.FailedPrecondition, codeNoTrial, "queue", "queue %q has no canary, and no other strategy has decided for it: there is nothing to go back to", r.GetQueue())
		}
		return nil
	})
	return &patchbayv1.RollBackStrategyResponse{Queue: q, Event: event}, err
}

// overriding is how deciders name a strategy: not at all if the routing config does.
func overriding(name string, q *engine.Backlog) string {
	if name == q.Routing.Strategy {
		return ""
	}
	return name
}

// decide changes who decides for a queue.
func (s *strategyService) decide(
	ctx context.Context, queue, why string, change func(*engine.Deciders, *engine.Backlog) error,
) (*patchbayv1.QueueDeciders, uint64, error) {
	result, err := s.workspace.DoWith(ctx, func(e *engine.Engine) (engine.Command, error) {
		b, ok := e.Backlog(queue)
		if !ok {
			return nil, refuse(codes.NotFound, string(engine.CodeUnknownQueue), "queue", "there is no queue %q", queue)
		}
		to := b.Queue.Deciders
		if err := change(&to, &b); err != nil {
			return nil, err
		}
		return engine.Decide{Queue: queue, To: to, Reason: why, By: caller(ctx).name}, nil
	})
	if err != nil {
		return nil, 0, err
	}
	queues, _, err := s.workspace.Deciders(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := &patchbayv1.QueueDeciders{Queue: queue} // it may be gone by now
	if at, ok := slices.BinarySearchFunc(queues, queue, func(q host.QueueDeciders, name string) int { return cmp.Compare(q.Queue, name) }); ok {
		out = decidersMessage(&queues[at])
	}
	return out, numberOf(result.Events, engine.KindDecidersChanged), nil
}

// GetShadowReport implements patchbayv1.StrategyServiceServer.
func (s *strategyService) GetShadowReport(ctx context.Context, r *patchbayv1.GetShadowReportRequest) (*patchbayv1.GetShadowReportResponse, error) {
	if !caller(ctx).seesQueue(r.GetQueue()) {
		return nil, outOfScope(ctx, "queue", "queue", r.GetQueue())
	}
	report, ok, err := s.workspace.Shadow(ctx, r.GetQueue())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, refuse(codes.NotFound, codeNoTrial, "queue", "queue %q has no shadow", r.GetQueue())
	}
	return shadowMessage(&report), nil
}

func decidersMessage(q *host.QueueDeciders) *patchbayv1.QueueDeciders {
	out := &patchbayv1.QueueDeciders{
		Queue: q.Queue, Strategy: q.Strategy, Deciding: q.Deciding, Fallback: q.Fallback, Before: q.Before, Shadow: q.Shadow,
		Classes: q.Classes,
	}
	if t := q.Trial; t != nil {
		out.Canary = &patchbayv1.Canary{
			Strategy: t.Strategy, Percent: float64(t.Share) * 100 / engine.WholeShare, Guards: t.Guards, Since: stamp(t.Began),
			Canary: sideMessage(&t.Canary), Baseline: sideMessage(&t.Baseline),
		}
	}
	return out
}

func sideMessage(t *strategy.Tally) *patchbayv1.TrialSide {
	out := &patchbayv1.TrialSide{
		Turns: t.Turns, Errors: t.Errors, Proposals: t.Proposals, Refusals: t.Refusals, Accepted: t.Accepted, Within: t.Within,
		Abandoned: t.Abandoned, TurnP50: durationpb.New(t.P50), TurnP99: durationpb.New(t.P99),
	}
	if t.Accepted > 0 {
		out.MeanWait = durationpb.New(t.Waited / time.Duration(t.Accepted))
	}
	return out
}

func shadowMessage(r *strategy.ShadowReport) *patchbayv1.GetShadowReportResponse {
	out := &patchbayv1.GetShadowReportResponse{
		Queue: r.Queue, Shadow: r.Strategy, Deciding: r.Beside, Since: stamp(r.Since), Turns: r.Turns, Missed: r.Missed, Failed: r.Failed,
		Agreed: r.Agreed, Differed: r.Differed, Held: r.Held, Extra: r.Extra, Sooner: r.Sooner,
		DecidingCost: costMessage(r.Decided), ShadowCost: costMessage(r.Shadow),
	}
	if r.Sooner > 0 {
		out.SoonerBy = durationpb.New(r.SoonerBy / time.Duration(r.Sooner))
	}
	for why, n := range maps.All(r.Why) {
		out.Reasons = append(out.Reasons, &patchbayv1.ShadowReasons{Deciding: why.Decided, Shadow: why.Shadow, Count: n})
	}
	slices.SortFunc(out.Reasons, func(a, b *patchbayv1.ShadowReasons) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Deciding, b.Deciding), cmp.Compare(a.Shadow, b.Shadow))
	})
	for _, d := range slices.Backward(r.Examples) {
		out.Examples = append(out.Examples, &patchbayv1.ShadowDifference{
			At: stamp(d.At), Work: d.Work.String(), Turn: d.Turn, Deciding: choiceMessage(d.Decided), Shadow: choiceMessage(d.Shadow),
		})
	}
	return out
}

func choiceMessage(c strategy.Choice) *patchbayv1.ShadowChoice {
	if c == (strategy.Choice{}) {
		return nil
	}
	return &patchbayv1.ShadowChoice{Agent: c.Agent, Score: c.Score, Reason: c.Reason}
}

func costMessage(c strategy.Cost) *patchbayv1.DecisionCost {
	return &patchbayv1.DecisionCost{TurnP50: durationpb.New(c.P50), TurnP99: durationpb.New(c.P99), MemoryBytes: c.Memory}
}
