// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// opened is the header that says that a stream stands. It is sent before the
// first message, which may be long in coming.
const opened = "patchbay-stream"

// StreamOffers implements patchbayv1.AgentServiceServer. The stream is the
// agent's connection: it lasts as long as this call.
func (s *agentService) StreamOffers(r *patchbayv1.StreamOffersRequest, out grpc.ServerStreamingServer[patchbayv1.StreamOffersResponse]) error {
	ctx := out.Context()
	if err := s.within(ctx, r.GetAgent()); err != nil {
		return err
	}
	stream, err := s.workspace.Attach(ctx, r.GetAgent())
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := out.SendHeader(metadata.Pairs(opened, "offers")); err != nil {
		return err
	}
	snapshot, err := s.snapshot(ctx, stream)
	if err != nil {
		return err
	}
	if err := out.Send(snapshot); err != nil {
		return err
	}
	for {
		notices, err := stream.Next(ctx)
		if err != nil {
			return streamEnded(err)
		}
		for i := range notices {
			message := noticeMessage(&notices[i])
			if message == nil {
				continue
			}
			if err := out.Send(message); err != nil {
				return err
			}
		}
	}
}

// snapshot is what the agent held when the stream began.
func (s *agentService) snapshot(ctx context.Context, stream *host.Stream) (*patchbayv1.StreamOffersResponse, error) {
	var definition *engine.Definition
	if err := s.workspace.View(ctx, func(e *engine.Engine) { definition = e.Definition() }); err != nil {
		return nil, err
	}
	held := make([]*patchbayv1.Offer, 0, len(stream.Held))
	for i := range stream.Held {
		work := stream.Held[i]
		if standing := work.Standing(); standing != nil {
			message := specMessage(work.ID, &work.Spec)
			message.State = patchbayv1.WorkState(work.State)
			held = append(held, &patchbayv1.Offer{Assignment: assignmentMessage(work.ID, standing), Work: message})
		}
	}
	return &patchbayv1.StreamOffersResponse{Message: &patchbayv1.StreamOffersResponse_Snapshot{
		Snapshot: &patchbayv1.Snapshot{Agent: agentMessage(stream.Agent, definition), Held: held},
	}}, nil
}

// noticeMessage is what an agent is told of an event, nil if nothing.
func noticeMessage(n *host.Notice) *patchbayv1.StreamOffersResponse {
	ev := &n.Event
	m := &patchbayv1.StreamOffersResponse{Event: ev.Number, At: stamp(ev.At)}
	switch ev.Kind {
	case engine.KindWorkOffered:
		m.Message = &patchbayv1.StreamOffersResponse_Offered{Offered: offerMessage(n)}
	case engine.KindOfferAccepted:
		m.Message = &patchbayv1.StreamOffersResponse_Accepted{Accepted: &patchbayv1.AssignmentAccepted{
			Assignment: ev.Assignment.String(), Work: ev.Work.String(),
		}}
	case engine.KindAgentSignedIn, engine.KindAgentStatusChanged, engine.KindAgentSignedOut:
		m.Message = &patchbayv1.StreamOffersResponse_Status{Status: &patchbayv1.StatusChanged{
			Status: ev.Status, Cause: patchbayv1.StatusCause(ev.Cause),
		}}
	default:
		state, ok := endedAs(ev.Kind)
		if !ok || ev.Assignment == 0 {
			return nil
		}
		m.Message = &patchbayv1.StreamOffersResponse_Ended{Ended: &patchbayv1.AssignmentEnded{
			Assignment: ev.Assignment.String(), Work: ev.Work.String(), State: state, Reason: ev.Reason,
		}}
	}
	return m
}

func offerMessage(n *host.Notice) *patchbayv1.Offer {
	ev := &n.Event
	offer := &patchbayv1.Offer{Assignment: &patchbayv1.Assignment{
		Id: ev.Assignment.String(), Work: ev.Work.String(), Agent: ev.Agent, OfferedAt: stamp(ev.At),
		State: patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED, Deadline: stamp(ev.Deadline),
		Decision: decisionMessage(ev.Decision),
	}}
	if n.Spec != nil {
		offer.Work = specMessage(ev.Work, n.Spec)
		offer.Work.State = patchbayv1.WorkState_WORK_STATE_OFFERED
		offer.Assignment.Size = offer.Work.GetSize()
	}
	return offer
}

// endedAs says how an event of that kind ends an assignment.
func endedAs(kind engine.Kind) (patchbayv1.AssignmentState, bool) {
	switch kind {
	case engine.KindWorkCompleted:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_COMPLETED, true
	case engine.KindOfferDeclined:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_DECLINED, true
	case engine.KindOfferTimedOut:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_TIMED_OUT, true
	case engine.KindOfferUnavailable:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_UNAVAILABLE, true
	case engine.KindWorkCancelled, engine.KindWorkAbandoned, engine.KindWorkExpired, engine.KindWorkRequeued:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_WITHDRAWN, true
	default:
		return 0, false
	}
}

// streamEnded says to a reader why its stream ended.
func streamEnded(err error) error {
	switch {
	case errors.Is(err, host.ErrReplaced):
		return refuse(codes.Aborted, codeReplaced, "", "another stream of the same agent took over")
	case errors.Is(err, host.ErrSlow):
		return refuse(codes.ResourceExhausted, codeTooSlow, "", "the stream was not read fast enough; connect again")
	default:
		return err
	}
}
