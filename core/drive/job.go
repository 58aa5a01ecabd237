// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// take takes in an offer and begins to work on it.
func (w *worker) take(offer *patchbayv1.Offer, at time.Time) {
	x := offer.GetAssignment()
	j := &job{assignment: x.GetId(), customer: w.player.byID[offer.GetWork().GetExternal()]}
	opened := x.GetState() == patchbayv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED
	w.mu.Lock()
	if w.held[j.assignment] != nil || w.leaving && !opened {
		w.mu.Unlock() // known already, or given back by signing out
		return
	}
	w.held[j.assignment] = j
	w.mu.Unlock()
	if j.customer != nil {
		j.customer.offered(at)
	}
	if opened {
		w.opens(j.assignment, at)
		return
	}
	w.crew.begin(func() { w.accept(j, at) })
}

// accept accepts an offer at once. One that is gone meanwhile is let go.
func (w *worker) accept(j *job, offered time.Time) {
	if w.playing.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(w.calls, callTimeout)
	defer cancel()
	answer, err := w.client.AcceptOffer(ctx, &patchbayv1.AcceptOfferRequest{Assignment: j.assignment, Agent: w.Agent})
	switch status.Code(err) {
	case codes.OK:
	case codes.FailedPrecondition, codes.NotFound:
		// The customer hung up, or the offer opened by itself, which the stream
		// tells.
		return
	default:
		w.player.errors.add("accept "+j.assignment, err)
		w.drop(j.assignment)
		return
	}
	now := time.Now()
	w.player.accept.add(now.Sub(offered))
	w.player.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED, j.assignment)
	w.opens(j.assignment, now)
}

// opens takes in that an assignment is open, from the host's answer or from the
// stream, whichever is first, and serves the customer.
func (w *worker) opens(assignment string, at time.Time) {
	w.mu.Lock()
	j := w.held[assignment]
	if j == nil || j.open {
		w.mu.Unlock()
		return
	}
	j.open = true
	w.mu.Unlock()
	var service time.Duration
	if j.customer != nil {
		j.customer.answered(at)
		service = w.player.clock.real(j.customer.Service)
	}
	w.crew.begin(func() {
		if sleep(w.playing, at.Add(service)) {
			w.complete(j, true)
		}
	})
}

// complete completes open work. Counted is false for what is only cleared up
// after the tally.
func (w *worker) complete(j *job, counted bool) {
	ctx, cancel := context.WithTimeout(w.calls, callTimeout)
	defer cancel()
	if !w.holds(j) {
		return // somebody took it back
	}
	began := time.Now()
	answer, err := w.client.CompleteWork(ctx, &patchbayv1.CompleteWorkRequest{Assignment: j.assignment, Agent: w.Agent})
	if err != nil {
		w.player.errors.add("complete "+j.assignment, err)
		return
	}
	w.player.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED, j.assignment)
	if counted {
		w.player.complete.add(time.Since(began))
		if j.customer != nil {
			j.customer.done()
		}
	}
	w.drop(j.assignment)
}

// drop forgets an assignment that is no longer the agent's.
func (w *worker) drop(assignment string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.held, assignment)
	w.checkEmpty()
}

func (w *worker) holds(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held[j.assignment] == j
}

// opened returns the open assignments.
func (w *worker) opened() []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	var jobs []*job
	for _, j := range w.held {
		if j.open {
			jobs = append(jobs, j)
		}
	}
	return jobs
}
