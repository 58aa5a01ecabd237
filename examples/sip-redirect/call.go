// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/emiago/sipgo/sip"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// call is one INVITE on its way to an agent.
type call struct {
	server *server
	id     string // the Call-ID
	branch string // of the topmost Via, which no other INVITE has
	tag    string // ours
	queue  string
	number string // that was called
	caller string
	name   string // of the caller
}

// route has the host choose an agent and returns what the caller is told;
// nothing if the caller has hung up.
func (c *call) route(ctx context.Context) reply {
	work, before, err := c.take(ctx)
	if err != nil {
		c.log("no work was made of a call", "", err)
		return c.refused(err)
	}
	bell, leave := c.server.host.watch.On(work)
	defer leave()
	patience := time.NewTimer(c.server.plan.patience)
	defer patience.Stop()
	for {
		w, err := c.server.host.look(ctx, work)
		if err == nil {
			agent := chosen(w, before)
			switch {
			case agent != nil:
				if r, ok := c.redirect(ctx, agent); ok {
					return r
				}
				before = agent.GetId()
				continue
			case ended(w):
				return c.elsewhere()
			}
		}
		select {
		case <-bell:
		case <-again(err):
		case <-ctx.Done():
			return c.given(ctx, work)
		case <-patience.C:
			if c.cancel(ctx, work, "no agent in time") {
				return c.elsewhere()
			}
		}
	}
}

// again is when to look again after an error, such as that the host is away.
func again(err error) <-chan time.Time {
	if err == nil {
		return nil
	}
	return time.After(lookAgain)
}

// take makes work of the call. A call that comes back, because the phone that it
// was sent to did not take it, goes on with its work and keeps its place in the
// queue; before is then the assignment of that phone's agent.
func (c *call) take(ctx context.Context) (work, before string, err error) {
	request := &patchbayv1.CreateWorkRequest{
		IdempotencyKey: "sip " + c.id, Channel: c.server.plan.channel, Queue: c.queue, External: c.id,
		Attributes: map[string]string{"caller": c.caller, "number": c.number},
		// If this program cannot take it back, it ends by itself.
		ExpiresAt: timestamppb.New(time.Now().Add(c.server.plan.patience + 2*callWithin).Truncate(time.Millisecond)),
	}
	if c.name != "" {
		request.Attributes["caller_name"] = c.name
	}
	created, err := c.server.host.create(ctx, request)
	if err == nil && created.GetDuplicate() && ended(created.GetWork()) {
		request.IdempotencyKey += " " + c.branch
		created, err = c.server.host.create(ctx, request)
	}
	if err != nil {
		return "", "", err
	}
	w := created.GetWork()
	if created.GetDuplicate() {
		if x := chosen(w, ""); x != nil {
			c.putBack(ctx, x)
			before = x.GetId()
		}
	}
	return w.GetId(), before, nil
}

// putBack takes the call from an agent whose phone did not take it.
func (c *call) putBack(ctx context.Context, x *patchbayv1.Assignment) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callWithin)
	defer cancel()
	var err error
	why := c.server.plan.unanswered
	switch x.GetState() {
	case patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED:
		_, err = c.server.host.patchbay.Agents.DeclineOffer(ctx, &patchbayv1.DeclineOfferRequest{Assignment: x.GetId(), Agent: x.GetAgent(), Reason: why})
	case patchbayv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED:
		_, err = c.server.host.patchbay.Work.RequeueWork(ctx, &patchbayv1.RequeueWorkRequest{Work: x.GetWork(), Reason: why})
	default: // the agent is done with it
	}
	if err != nil {
		c.log("a call that came back stays with its agent", x.GetWork(), err)
	}
}

// redirect is the reply that sends the caller to the agent's phone. It is false
// if the agent has none; then the host is told so.
func (c *call) redirect(ctx context.Context, x *patchbayv1.Assignment) (reply, bool) {
	phone, ok := c.server.contacts.phone(x.GetAgent())
	if !ok {
		c.server.logger.Error("an agent has no phone", "agent", x.GetAgent(), "work", x.GetWork())
		c.putBack(ctx, x)
		return reply{}, false
	}
	return reply{code: 302, reason: "Moved Temporarily", contact: &phone, headers: []sip.Header{
		sip.NewHeader("X-Patchbay-Work", x.GetWork()), sip.NewHeader("X-Patchbay-Assignment", x.GetId()),
	}}, true
}

// elsewhere is the reply to a call that no agent will get.
func (c *call) elsewhere() reply {
	if at := c.server.plan.voicemail; at != "" {
		if uri, err := address(at); err == nil {
			return reply{code: 302, reason: "Moved Temporarily", contact: &uri}
		}
	}
	return reply{code: 480, reason: "Temporarily Unavailable"}
}

// given ends the work of a call whose caller has hung up, or which is not to
// wait any longer because the program ends.
func (c *call) given(ctx context.Context, work string) reply {
	if !errors.Is(context.Cause(ctx), errHungUp) {
		c.cancel(ctx, work, "the redirect server ends")
		return unavailable()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callWithin)
	defer cancel()
	_, err := c.server.host.patchbay.Work.AbandonWork(ctx, &patchbayv1.AbandonWorkRequest{Work: work}, grpc.WaitForReady(true))
	if status.Code(err) == codes.FailedPrecondition {
		err = c.complete(ctx, work) // it opened by itself just now, and no phone will ring
	}
	if err != nil {
		c.log("a call that was given up is not abandoned", work, err)
	}
	return reply{}
}

// complete ends work that an agent has.
func (c *call) complete(ctx context.Context, work string) error {
	w, err := c.server.host.look(ctx, work)
	if err != nil {
		return err
	}
	x := chosen(w, "")
	if x.GetState() != patchbayv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED {
		return nil
	}
	_, err = c.server.host.patchbay.Agents.CompleteWork(ctx, &patchbayv1.CompleteWorkRequest{Assignment: x.GetId(), Agent: x.GetAgent()})
	return err
}

// cancel withdraws the work, and reports whether it is so: an agent may have
// taken it at the same moment.
func (c *call) cancel(ctx context.Context, work, why string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callWithin)
	defer cancel()
	_, err := c.server.host.patchbay.Work.CancelWork(ctx, &patchbayv1.CancelWorkRequest{Work: work, Reason: why}, grpc.WaitForReady(true))
	if status.Code(err) == codes.FailedPrecondition {
		return false
	}
	if err != nil {
		c.log("a call that is over still waits", work, err)
	}
	return true
}

// refused is the reply to a call of which the host made no work.
func (c *call) refused(err error) reply {
	switch status.Code(err) {
	case codes.FailedPrecondition: // the queue is full, or closed
		return c.elsewhere()
	case codes.InvalidArgument, codes.NotFound:
		return reply{code: 404, reason: "Not Found"}
	default:
		return unavailable()
	}
}

func (c *call) log(what, work string, err error) {
	c.server.logger.Warn(what, "call", c.id, "queue", c.queue, "work", work, "error", err)
}
