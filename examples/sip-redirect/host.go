// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	// callWithin is how long a call of the API may take. A host that is down is
	// waited for that long.
	callWithin = 10 * time.Second
	// shortest and longest are the pauses before the feed is asked for again.
	shortest, longest = 50 * time.Millisecond, 5 * time.Second
)

// host is Patchbay as a source of work sees it. The feed says when to look at a
// piece of work; what became of it is then read, so that nothing depends on
// having heard every event. It is safe for concurrent use.
type host struct {
	work   patchbayv1.WorkServiceClient
	agents patchbayv1.AgentServiceClient
	feed   patchbayv1.FeedServiceClient
	status patchbayv1.HostServiceClient
	logger *slog.Logger

	mu    sync.Mutex
	bells map[string]chan struct{} // by work
}

func newHost(conn grpc.ClientConnInterface, logger *slog.Logger) *host {
	return &host{
		work: patchbayv1.NewWorkServiceClient(conn), agents: patchbayv1.NewAgentServiceClient(conn),
		feed: patchbayv1.NewFeedServiceClient(conn), status: patchbayv1.NewHostServiceClient(conn),
		logger: logger, bells: make(map[string]chan struct{}),
	}
}

// watch returns a channel that says that something may have become of the work,
// and what to call when nobody watches any more.
func (h *host) watch(work string) (<-chan struct{}, func()) {
	bell := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bells[work] = bell
	return bell, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.bells, work)
	}
}

// ring has those look who watch the work; everybody if it is empty.
func (h *host) ring(work string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if work != "" {
		press(h.bells[work])
		return
	}
	for _, bell := range h.bells {
		press(bell)
	}
}

func press(bell chan<- struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it rings already, or is not there
	}
}

// follow follows the feed until ctx ends.
func (h *host) follow(ctx context.Context) {
	for pause := shortest; ; pause = min(2*pause, longest) {
		heard, err := h.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		h.logger.Warn("the feed was lost", "error", err)
		if heard {
			pause = shortest
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// listen follows the feed until it breaks, and reports whether it told anything.
func (h *host) listen(ctx context.Context) (heard bool, err error) {
	status, err := h.status.GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		return false, err
	}
	stream, err := h.feed.StreamEvents(ctx, &patchbayv1.StreamEventsRequest{
		After: status.GetLastEvent(),
		Kinds: []patchbayv1.EventKind{
			patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED,
			patchbayv1.EventKind_EVENT_KIND_WORK_TRANSFERRED, patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED,
			patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED, patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED,
			patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED,
		},
	})
	if err != nil {
		return false, err
	}
	h.ring("") // much may have happened since the feed was lost
	for {
		m, err := stream.Recv()
		if err != nil {
			return heard, err
		}
		heard = true
		h.ring(m.GetEvent().GetWork())
	}
}

// look reads a piece of work.
func (h *host) look(ctx context.Context, work string) (*patchbayv1.Work, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	answer, err := h.work.GetWork(ctx, &patchbayv1.GetWorkRequest{Work: work}, grpc.WaitForReady(true))
	return answer.GetWork(), err
}

// create brings work in. What is asked for is asked for to the end, even if the
// caller hangs up meanwhile: then it is known whose work it is that is to be
// abandoned.
func (h *host) create(ctx context.Context, request *patchbayv1.CreateWorkRequest) (*patchbayv1.CreateWorkResponse, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callWithin)
	defer cancel()
	return h.work.CreateWork(ctx, request, grpc.WaitForReady(true))
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
