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
			message := noticeMessage(stream.Agent.ID, &notices[i])
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
	now := wall()
	held := make([]*patchbayv1.Offer, 0, len(stream.Held))
	for _, work := range stream.Held {
		for x := range work.Standing() {
			if x.Agent == stream.Agent.ID {
				held = append(held, &patchbayv1.Offer{
					Assignment: assignmentMessage(work, x, now), Work: describedMessage(work), Guests: guestsOf(work),
				})
			}
		}
	}
	return &patchbayv1.StreamOffersResponse{Message: &patchbayv1.StreamOffersResponse_Snapshot{
		Snapshot: &patchbayv1.Snapshot{Agent: agentMessage(stream.Agent, definition), Held: held},
	}}, nil
}

// guestsOf are the agents who have joined the work.
func guestsOf(w *engine.Work) (agents []string) {
	for x := range w.Standing() {
		if x.Guest && x.State == engine.AssignmentAccepted {
			agents = append(agents, x.Agent)
		}
	}
	return agents
}

// noticeMessage is what an agent is told of an event, nil if nothing.
func noticeMessage(agent string, n *host.Notice) *patchbayv1.StreamOffersResponse {
	ev := &n.Event
	m := &patchbayv1.StreamOffersResponse{Event: ev.Number, At: stamp(ev.At)}
	id, work := ev.Assignment.String(), ev.Work.String()
	switch {
	case ev.From == agent:
		m.Message = &patchbayv1.StreamOffersResponse_Ended{Ended: &patchbayv1.AssignmentEnded{
			Assignment: ev.Former.String(), Work: work, State: patchbayv1.AssignmentState_ASSIGNMENT_STATE_TRANSFERRED, Reason: ev.Reason,
		}}
		return m
	case ev.Agent != agent:
		return ofGuest(m, ev)
	}
	switch ev.Kind {
	case engine.KindWorkOffered:
		m.Message = &patchbayv1.StreamOffersResponse_Offered{Offered: offerMessage(n)}
	case engine.KindOfferAccepted:
		m.Message = &patchbayv1.StreamOffersResponse_Accepted{Accepted: &patchbayv1.AssignmentAccepted{Assignment: id, Work: work}}
	case engine.KindWorkPaused:
		m.Message = &patchbayv1.StreamOffersResponse_Paused{Paused: &patchbayv1.WorkPaused{
			Assignment: id, Work: work, Reason: ev.Reason, Size: units(ev.Size),
		}}
	case engine.KindWorkResumed:
		m.Message = &patchbayv1.StreamOffersResponse_Resumed{Resumed: &patchbayv1.WorkResumed{Assignment: id, Work: work, Size: units(ev.Size)}}
	case engine.KindWrapUpStarted:
		m.Message = &patchbayv1.StreamOffersResponse_WrapUpStarted{WrapUpStarted: &patchbayv1.WrapUp{Assignment: id, Work: work, Until: stamp(ev.Deadline)}}
	case engine.KindWrapUpExtended:
		m.Message = &patchbayv1.StreamOffersResponse_WrapUpExtended{WrapUpExtended: &patchbayv1.WrapUp{Assignment: id, Work: work, Until: stamp(ev.Deadline)}}
	case engine.KindHandedOver:
		m.Message = &patchbayv1.StreamOffersResponse_HandedOver{HandedOver: &patchbayv1.HandedOver{Assignment: id, Work: work, Reason: ev.Reason}}
	case engine.KindAgentSignedIn, engine.KindAgentStatusChanged, engine.KindAgentSignedOut:
		m.Message = &patchbayv1.StreamOffersResponse_Status{Status: &patchbayv1.StatusChanged{
			Status: ev.Status, Cause: patchbayv1.StatusCause(ev.Cause),
		}}
	default:
		state, ok := endedAs(ev)
		if !ok {
			return nil
		}
		m.Message = &patchbayv1.StreamOffersResponse_Ended{Ended: &patchbayv1.AssignmentEnded{
			Assignment: id, Work: work, State: state, Reason: ev.Reason,
		}}
	}
	return m
}

// ofGuest is what the agent who has the work is told of a guest.
func ofGuest(m *patchbayv1.StreamOffersResponse, ev *engine.Event) *patchbayv1.StreamOffersResponse {
	id, work := ev.Assignment.String(), ev.Work.String()
	if ev.Kind == engine.KindOfferAccepted {
		m.Message = &patchbayv1.StreamOffersResponse_GuestJoined{GuestJoined: &patchbayv1.GuestJoined{
			Assignment: id, Work: work, Agent: ev.Agent,
		}}
		return m
	}
	state, ok := endedAs(ev)
	if !ok {
		return nil
	}
	m.Message = &patchbayv1.StreamOffersResponse_GuestLeft{GuestLeft: &patchbayv1.GuestLeft{
		Assignment: id, Work: work, Agent: ev.Agent, State: state, Reason: ev.Reason,
	}}
	return m
}

func offerMessage(n *host.Notice) *patchbayv1.Offer {
	ev := &n.Event
	offer := &patchbayv1.Offer{Assignment: &patchbayv1.Assignment{
		Id: ev.Assignment.String(), Work: ev.Work.String(), Agent: ev.Agent, OfferedAt: stamp(ev.At),
		State: patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED, Deadline: stamp(ev.Deadline), Size: units(ev.Size),
		Decision: decisionMessage(ev.Decision), Guest: ev.Guest,
	}}
	if n.Work == nil {
		return offer
	}
	offer.Work, offer.Guests = describedMessage(n.Work), guestsOf(n.Work)
	offer.Assignment.RequestedAt = offer.Work.GetRequestedAt()
	if !ev.Guest {
		offer.Work.State = patchbayv1.WorkState_WORK_STATE_OFFERED // whatever has happened since
	}
	return offer
}

// endedAs says how the event ends its assignment; false if it does not.
func endedAs(ev *engine.Event) (patchbayv1.AssignmentState, bool) {
	if ev.Assignment == 0 {
		return 0, false
	}
	switch ev.Kind {
	case engine.KindWorkCompleted, engine.KindGuestLeft:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_COMPLETED, true
	case engine.KindOfferDeclined:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_DECLINED, true
	case engine.KindOfferTimedOut:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_TIMED_OUT, true
	case engine.KindOfferUnavailable:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_UNAVAILABLE, true
	case engine.KindOfferWithdrawn:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_WITHDRAWN, true
	case engine.KindWorkRequeued, engine.KindWorkTransferred:
		return patchbayv1.AssignmentState_ASSIGNMENT_STATE_TRANSFERRED, true
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
