// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// CancelWork implements patchbayv1.WorkServiceServer.
func (s *workService) CancelWork(ctx context.Context, r *patchbayv1.CancelWorkRequest) (*patchbayv1.CancelWorkResponse, error) {
	result, err := s.change(ctx, change{work: r.GetWork(), command: plainly(func(id engine.WorkID) engine.Command {
		return engine.CancelWork{Work: id, Reason: r.GetReason()}
	})})
	return &patchbayv1.CancelWorkResponse{Event: numberOf(result.Events, engine.KindWorkCancelled)}, err
}

// AbandonWork implements patchbayv1.WorkServiceServer.
func (s *workService) AbandonWork(ctx context.Context, r *patchbayv1.AbandonWorkRequest) (*patchbayv1.AbandonWorkResponse, error) {
	result, err := s.change(ctx, change{work: r.GetWork(), command: plainly(func(id engine.WorkID) engine.Command {
		return engine.AbandonWork{Work: id}
	})})
	return &patchbayv1.AbandonWorkResponse{Event: numberOf(result.Events, engine.KindWorkAbandoned)}, err
}

// RequeueWork implements patchbayv1.WorkServiceServer.
func (s *workService) RequeueWork(ctx context.Context, r *patchbayv1.RequeueWorkRequest) (*patchbayv1.RequeueWorkResponse, error) {
	result, err := s.change(ctx, change{work: r.GetWork(), command: plainly(func(id engine.WorkID) engine.Command {
		return engine.RequeueWork{Work: id, Reason: r.GetReason()}
	})})
	return &patchbayv1.RequeueWorkResponse{Event: numberOf(result.Events, engine.KindWorkRequeued, engine.KindOfferWithdrawn)}, err
}

// UpdateWork implements patchbayv1.WorkServiceServer.
func (s *workService) UpdateWork(ctx context.Context, r *patchbayv1.UpdateWorkRequest) (*patchbayv1.UpdateWorkResponse, error) {
	update := engine.UpdateWork{
		Priority: r.Priority, Attributes: r.GetAttributes(), Transcript: r.GetTranscript(), Reevaluate: r.GetReevaluate(),
	}
	var err error
	if update.Needs, err = replaced(r.GetSkills(), r.GetClearSkills()); err != nil {
		return nil, err
	}
	if update.TargetAcceptAt, err = target(r); err != nil {
		return nil, err
	}
	result, err := s.change(ctx, change{work: r.GetWork(), command: plainly(func(id engine.WorkID) engine.Command {
		update.Work = id
		return update
	})})
	if err != nil {
		return nil, err
	}
	work, err := s.changed(ctx, r.GetWork())
	return &patchbayv1.UpdateWorkResponse{Work: work, Event: numberOf(result.Events, engine.KindWorkUpdated)}, err
}

// target is the time by which work should be accepted from then on, nil if that
// stays as it is.
func target(r *patchbayv1.UpdateWorkRequest) (*engine.Time, error) {
	switch {
	case r.GetClearTargetAcceptAt() && r.GetTargetAcceptAt() != nil:
		return nil, invalid("clear_target_accept_at", "give target_accept_at, or clear_target_accept_at, but not both")
	case r.GetClearTargetAcceptAt():
		return new(engine.Time), nil
	case r.GetTargetAcceptAt() == nil:
		return nil, nil
	}
	at, err := moment("target_accept_at", r.GetTargetAcceptAt())
	return &at, err
}

// changed returns work that the caller has just changed.
func (s *workService) changed(ctx context.Context, name string) (*patchbayv1.Work, error) {
	id, err := parseWork(name)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, id)
}

// TransferWork implements patchbayv1.WorkServiceServer.
func (s *workService) TransferWork(ctx context.Context, r *patchbayv1.TransferWorkRequest) (*patchbayv1.TransferWorkResponse, error) {
	if r.GetQueue() != "" {
		if err := inScope(ctx, "queue", r.GetQueue()); err != nil {
			return nil, err
		}
	}
	transfer := engine.TransferWork{
		Queue: r.GetQueue(), Agent: r.GetAgent(), Attributes: r.GetAttributes(), Transcript: r.GetTranscript(), Reason: r.GetReason(),
	}
	var err error
	if transfer.Needs, err = replaced(r.GetSkills(), r.GetClearSkills()); err != nil {
		return nil, err
	}
	if transfer.RequestedAt, err = moment("requested_at", r.GetRequestedAt()); err != nil {
		return nil, err
	}
	p := caller(ctx)
	result, err := s.change(ctx, change{work: r.GetWork(), by: r.GetBy(), command: func(e *engine.Engine, w *engine.Work) (engine.Command, error) {
		transfer.Work = w.ID
		if transfer.Agent == "" {
			return transfer, nil
		}
		return transfer, p.covers(e, "agent", transfer.Agent)
	}})
	number := numberOf(result.Events, engine.KindHandedOver, engine.KindWorkTransferred)
	return &patchbayv1.TransferWorkResponse{Event: number}, named(err)
}

// InviteAgent implements patchbayv1.WorkServiceServer.
func (s *workService) InviteAgent(ctx context.Context, r *patchbayv1.InviteAgentRequest) (*patchbayv1.InviteAgentResponse, error) {
	p := caller(ctx)
	result, err := s.change(ctx, change{work: r.GetWork(), by: r.GetBy(), command: func(e *engine.Engine, w *engine.Work) (engine.Command, error) {
		return engine.InviteAgent{Work: w.ID, Agent: r.GetAgent()}, p.covers(e, "agent", r.GetAgent())
	}})
	if err != nil {
		return nil, named(err)
	}
	answer := &patchbayv1.InviteAgentResponse{Event: numberOf(result.Events, engine.KindWorkOffered)}
	for i := range result.Events {
		if ev := &result.Events[i]; ev.Number == answer.GetEvent() {
			answer.Assignment = ev.Assignment.String()
		}
	}
	return answer, nil
}

// named makes an unknown agent the fault of the request: its path names the
// work, and its body the agent.
func named(err error) error {
	var r *engine.Refusal
	if errors.As(err, &r) && r.Code == engine.CodeUnknownAgent {
		return refuse(codes.InvalidArgument, string(r.Code), r.Field, "%s", r.Message)
	}
	return err
}

// PauseWork implements patchbayv1.WorkServiceServer.
func (s *workService) PauseWork(ctx context.Context, r *patchbayv1.PauseWorkRequest) (*patchbayv1.PauseWorkResponse, error) {
	result, err := s.change(ctx, change{work: r.GetWork(), by: r.GetBy(), command: plainly(func(id engine.WorkID) engine.Command {
		return engine.PauseWork{Work: id, Reason: r.GetReason()}
	})})
	return &patchbayv1.PauseWorkResponse{Event: numberOf(result.Events, engine.KindWorkPaused)}, err
}

// ResumeWork implements patchbayv1.WorkServiceServer.
func (s *workService) ResumeWork(ctx context.Context, r *patchbayv1.ResumeWorkRequest) (*patchbayv1.ResumeWorkResponse, error) {
	result, err := s.change(ctx, change{work: r.GetWork(), by: r.GetBy(), command: plainly(func(id engine.WorkID) engine.Command {
		return engine.ResumeWork{Work: id}
	})})
	return &patchbayv1.ResumeWorkResponse{Event: numberOf(result.Events, engine.KindWorkResumed)}, err
}

// DeactivateWork implements patchbayv1.WorkServiceServer.
func (s *workService) DeactivateWork(ctx context.Context, r *patchbayv1.DeactivateWorkRequest) (*patchbayv1.DeactivateWorkResponse, error) {
	result, err := s.change(ctx, change{work: r.GetWork(), command: plainly(func(id engine.WorkID) engine.Command {
		return engine.DeactivateWork{Work: id}
	})})
	if err != nil {
		return nil, err
	}
	work, err := s.changed(ctx, r.GetWork())
	number := numberOf(result.Events, engine.KindWorkPaused, engine.KindWorkCompleted)
	return &patchbayv1.DeactivateWorkResponse{Work: work, Event: number}, err
}

// ReopenWork implements patchbayv1.WorkServiceServer.
func (s *workService) ReopenWork(ctx context.Context, r *patchbayv1.ReopenWorkRequest) (*patchbayv1.ReopenWorkResponse, error) {
	result, err := s.change(ctx, change{work: r.GetWork(), command: plainly(func(id engine.WorkID) engine.Command {
		return engine.ReopenWork{Work: id}
	})})
	if err != nil {
		return nil, err
	}
	work, err := s.changed(ctx, r.GetWork())
	return &patchbayv1.ReopenWorkResponse{Work: work, Event: numberOf(result.Events, engine.KindWorkReopened)}, err
}
