// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/sdk/client"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	// callWithin is how long a call of the API may take. A host that is down is
	// waited for that long.
	callWithin = 10 * time.Second
	// lookAgain is when to look again at work that could not be looked at.
	lookAgain = 500 * time.Millisecond
)

// host is Patchbay as a source of work sees it. The feed says when to look at a
// piece of work; what became of it is then read, so that nothing depends on
// having heard every event. It is safe for concurrent use.
type host struct {
	patchbay *client.Client
	watch    *client.Watch
	logger   *slog.Logger
}

func newHost(patchbay *client.Client, logger *slog.Logger) *host {
	return &host{patchbay: patchbay, logger: logger, watch: patchbay.Watch(
		patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED,
		patchbayv1.EventKind_EVENT_KIND_WORK_TRANSFERRED, patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED,
		patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED, patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED,
		patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED,
	)}
}

// follow follows the feed until ctx ends.
func (h *host) follow(ctx context.Context) {
	h.watch.Run(ctx, func(err error) { h.logger.Warn("the feed was lost", "error", err) })
}

// look reads a piece of work.
func (h *host) look(ctx context.Context, work string) (*patchbayv1.Work, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	answer, err := h.patchbay.Work.GetWork(ctx, &patchbayv1.GetWorkRequest{Work: work}, grpc.WaitForReady(true))
	return answer.GetWork(), err
}

// create brings work in. What is asked for is asked for to the end, even if the
// caller hangs up meanwhile: then it is known whose work it is that is to be
// abandoned.
func (h *host) create(ctx context.Context, request *patchbayv1.CreateWorkRequest) (*patchbayv1.CreateWorkResponse, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callWithin)
	defer cancel()
	return h.patchbay.Work.CreateWork(ctx, request, grpc.WaitForReady(true))
}

// tell asks the host for a change, to the end: what has happened on the phone
// has happened, whatever becomes of the call meanwhile.
func tell(ctx context.Context, ask func(context.Context, grpc.CallOption) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callWithin)
	defer cancel()
	return ask(ctx, grpc.WaitForReady(true))
}

// accept opens an offer in the name of the agent whose phone took it. That it is
// open already, because the agent clicked as well, is no error.
func (h *host) accept(ctx context.Context, work, assignment, agent string) error {
	err := tell(ctx, func(ctx context.Context, wait grpc.CallOption) error {
		_, err := h.patchbay.Agents.AcceptOffer(ctx, &patchbayv1.AcceptOfferRequest{Assignment: assignment, Agent: agent}, wait)
		return err
	})
	if status.Code(err) != codes.FailedPrecondition {
		return err
	}
	if w, looked := h.look(ctx, work); looked == nil {
		if x := chosen(w); x.GetId() == assignment && x.GetState() == patchbayv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED {
			return nil
		}
	}
	return err
}

// decline refuses an offer in the name of the agent whose phone did not take it.
// What opened by itself goes back to its queue.
func (h *host) decline(ctx context.Context, work, assignment, agent, reason string) error {
	return tell(ctx, func(ctx context.Context, wait grpc.CallOption) error {
		_, err := h.patchbay.Agents.DeclineOffer(ctx, &patchbayv1.DeclineOfferRequest{Assignment: assignment, Agent: agent, Reason: reason}, wait)
		if status.Code(err) != codes.FailedPrecondition {
			return err
		}
		w, looked := h.look(ctx, work)
		if looked != nil || chosen(w).GetId() != assignment {
			return looked // it is not theirs any more
		}
		_, err = h.patchbay.Work.RequeueWork(ctx, &patchbayv1.RequeueWorkRequest{Work: work, Reason: reason}, wait)
		return err
	})
}

// complete says that an agent is done.
func (h *host) complete(ctx context.Context, assignment, agent string) error {
	return tell(ctx, func(ctx context.Context, wait grpc.CallOption) error {
		_, err := h.patchbay.Agents.CompleteWork(ctx, &patchbayv1.CompleteWorkRequest{Assignment: assignment, Agent: agent}, wait)
		return err
	})
}

// abandon says that the customer left. If the work opened by itself meanwhile,
// it is done.
func (h *host) abandon(ctx context.Context, work string) error {
	return tell(ctx, func(ctx context.Context, wait grpc.CallOption) error {
		_, err := h.patchbay.Work.AbandonWork(ctx, &patchbayv1.AbandonWorkRequest{Work: work}, wait)
		if status.Code(err) != codes.FailedPrecondition {
			return err
		}
		w, looked := h.look(ctx, work)
		x := chosen(w)
		if looked != nil || x == nil {
			return looked
		}
		return h.complete(ctx, x.GetId(), x.GetAgent())
	})
}

// cancel withdraws work that waits.
func (h *host) cancel(ctx context.Context, work, reason string) error {
	return tell(ctx, func(ctx context.Context, wait grpc.CallOption) error {
		_, err := h.patchbay.Work.CancelWork(ctx, &patchbayv1.CancelWorkRequest{Work: work, Reason: reason}, wait)
		return err
	})
}

// connected is an agent's connection, for one who has a phone and no desktop. It
// lasts until ctx ends, until the agent is connected otherwise, or until the host
// says that this agent cannot be.
func (h *host) connected(ctx context.Context, agent string) {
	for message, err := range h.patchbay.Offers(ctx, agent) {
		switch {
		case ctx.Err() != nil: // the program ends
		case client.Code(err) == "replaced":
			h.logger.Info("an agent has another connection now", "agent", agent)
		case err != nil:
			h.logger.Error("an agent cannot be connected", "agent", agent, "error", err)
		case message.GetSnapshot() != nil:
			h.logger.Info("an agent is connected", "agent", agent)
		}
	}
}

// chosen returns the assignment of the agent whom the host chose and who has
// not given the work back; nil if there is none.
func chosen(w *patchbayv1.Work) *patchbayv1.Assignment {
	for _, x := range w.GetAssignments() {
		switch x.GetState() {
		case patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED, patchbayv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED:
			if !x.GetGuest() {
				return x
			}
		default: // it is over
		}
	}
	return nil
}
