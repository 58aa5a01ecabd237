// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

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

// chosen returns the assignment by which the host chose an agent for the work,
// nil if it has not: the last one that is neither refused nor taken back, if it
// came after the one named.
func chosen(w *patchbayv1.Work, after string) *patchbayv1.Assignment {
	list := w.GetAssignments()
	for i := len(list) - 1; i >= 0 && list[i].GetId() != after; i-- {
		switch list[i].GetState() {
		case patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED, patchbayv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED,
			patchbayv1.AssignmentState_ASSIGNMENT_STATE_COMPLETED:
			if !list[i].GetGuest() {
				return list[i]
			}
		default: // declined, timed out, taken back
		}
	}
	return nil
}

// ended reports whether nobody will be chosen any more.
func ended(w *patchbayv1.Work) bool { return w.GetEndedAt() != nil }
