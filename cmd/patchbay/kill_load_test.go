// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// lost reports whether the host is gone, or the test at its end.
func lost(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		return true
	default:
		return false
	}
}

// killCustomer brings work in, now and then withdraws some or hangs up.
type killCustomer struct {
	*hammer
	name   string
	random *rand.Rand
	count  int
}

// come creates one piece of work after the other. What was under way when the
// host died is asked for again with the same key.
func (c *killCustomer) come(ctx context.Context, conn *grpc.ClientConn) {
	works := patchbayv1.NewWorkServiceClient(conn)
	for ctx.Err() == nil {
		key := fmt.Sprintf("%s-%d", c.name, c.count)
		answer, err := works.CreateWork(ctx, &patchbayv1.CreateWorkRequest{
			Channel: "voice", Queue: "queue-" + fmt.Sprint(1+c.count%2), IdempotencyKey: key, External: strings.Repeat("x", c.random.IntN(500)),
		})
		if lost(err) {
			return
		}
		if err != nil {
			c.t.Errorf("create %s: %v", key, err)
			return
		}
		c.count++
		id := answer.GetWork().GetId()
		c.mu.Lock()
		c.keys[key] = true
		c.mu.Unlock()
		if !answer.GetDuplicate() {
			c.acknowledged(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_CREATED, id)
		}
		if !c.leave(ctx, works, id) {
			return
		}
	}
}

// leave ends one piece of work in four and reports whether the host is there.
func (c *killCustomer) leave(ctx context.Context, works patchbayv1.WorkServiceClient, id string) bool {
	var err error
	switch c.random.IntN(8) {
	case 0:
		var answer *patchbayv1.CancelWorkResponse
		if answer, err = works.CancelWork(ctx, &patchbayv1.CancelWorkRequest{Work: id}); err == nil {
			c.acknowledged(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED, id)
		}
	case 1:
		var answer *patchbayv1.AbandonWorkResponse
		if answer, err = works.AbandonWork(ctx, &patchbayv1.AbandonWorkRequest{Work: id}); err == nil {
			c.acknowledged(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED, id)
		}
	}
	if err != nil && !lost(err) && status.Code(err) != codes.FailedPrecondition {
		c.t.Errorf("end %s: %v", id, err)
	}
	return !lost(err)
}

// killAgent accepts what is offered and completes it.
type killAgent struct {
	*hammer
	name string
}

// work is an agent's day with one host.
func (a *killAgent) work(ctx context.Context, conn *grpc.ClientConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	agents := patchbayv1.NewAgentServiceClient(conn)
	stream, err := agents.StreamOffers(ctx, &patchbayv1.StreamOffersRequest{Agent: a.name})
	if err != nil {
		return
	}
	answer, err := agents.SignIn(ctx, &patchbayv1.SignInRequest{Agent: a.name, Status: "available"})
	if err == nil {
		a.acknowledged(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_IN, a.name)
	} else if status.Code(err) != codes.AlreadyExists && !lost(err) {
		a.t.Errorf("sign in %s: %v", a.name, err)
	}
	var jobs sync.WaitGroup
	defer jobs.Wait()
	for {
		m, err := stream.Recv()
		if err != nil {
			return
		}
		held := m.GetSnapshot().GetHeld()
		if offer := m.GetOffered(); offer != nil {
			held = append(held, offer)
		}
		for _, offer := range held {
			jobs.Go(func() { a.serve(ctx, agents, offer.GetAssignment()) })
		}
	}
}

// serve accepts an assignment, if it is not open already, and completes it.
func (a *killAgent) serve(ctx context.Context, agents patchbayv1.AgentServiceClient, x *patchbayv1.Assignment) {
	if x.GetState() == patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED {
		answer, err := agents.AcceptOffer(ctx, &patchbayv1.AcceptOfferRequest{Assignment: x.GetId(), Agent: a.name})
		if err != nil {
			a.complain("accept", x.GetId(), err)
			return
		}
		a.acknowledged(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED, x.GetId())
	}
	answer, err := agents.CompleteWork(ctx, &patchbayv1.CompleteWorkRequest{Assignment: x.GetId(), Agent: a.name})
	if err != nil {
		a.complain("complete", x.GetId(), err)
		return
	}
	a.acknowledged(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED, x.GetId())
}

// complain reports an error that is neither a dead host's nor a faster
// customer's.
func (a *killAgent) complain(what, id string, err error) {
	switch status.Code(err) {
	case codes.FailedPrecondition, codes.NotFound:
	default:
		if !lost(err) {
			a.t.Errorf("%s %s: %v", what, id, err)
		}
	}
}
