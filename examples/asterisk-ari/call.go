// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// call is one caller in the application. One goroutine has it; it is told by
// news what happens to its channels, and by the host's bell what happens to its
// work, and then does what is missing between the two.
type call struct {
	adapter  *adapter
	customer ariChannel
	queue    string
	work     string
	news     *news
	leg      *leg // nil while no phone rings
	legs     int  // that there were
	// refused is the agent whose phone did not take it last; it rests for a
	// moment before it rings for the same call again, if nobody else is there.
	refused string
	rests   <-chan time.Time // nil if it need not
}

// rest is how long a phone rests.
const rest = 2 * time.Second

// leg is the phone of the agent whom the host chose.
type leg struct {
	assignment string
	agent      string
	channel    string
	dialled    string // how ringing stands, in Asterisk's words
	talks      bool
}

// kind of news that is not Asterisk's: the stream of events was lost, so that
// channels may have gone unheard.
const resync = "resync"

// run plays the call to its end.
func (c *call) run(ctx context.Context) {
	if err := c.begin(ctx); err != nil {
		c.log("a call did not get into its queue", err)
		c.away(ctx)
		return
	}
	bell, leave := c.adapter.host.watch.On(c.work)
	defer leave()
	for over := false; !over; {
		var err error
		if over, err = c.catchUp(ctx); over {
			return
		}
		select {
		case <-bell:
		case <-again(err):
		case <-c.rests:
			c.rests = nil
		case <-c.news.come:
			over = c.hearAll(ctx)
		case <-c.waitsUntil():
			c.withdraw(ctx)
			return
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

// waitsUntil ends when the program is to, but not for those who talk.
func (c *call) waitsUntil() <-chan struct{} {
	if c.leg != nil && c.leg.talks {
		return nil
	}
	return c.adapter.closing
}

// begin answers the caller and brings the work in.
func (c *call) begin(ctx context.Context) error {
	if err := c.adapter.ari.hold(ctx, c.customer.ID, c.adapter.music); err != nil {
		return err
	}
	created, err := c.adapter.host.create(ctx, &patchbayv1.CreateWorkRequest{
		IdempotencyKey: "ari " + c.customer.ID, Channel: c.adapter.channel, Queue: c.queue, External: c.customer.ID,
		Attributes: map[string]string{
			"caller": c.customer.Caller.Number, "caller_name": c.customer.Caller.Name, "number": c.customer.Dialplan.Exten,
		},
	})
	c.work = created.GetWork().GetId()
	return err
}

// catchUp has the phones do what the host has decided, and reports whether the
// call is over.
func (c *call) catchUp(ctx context.Context) (over bool, err error) {
	w, err := c.adapter.host.look(ctx, c.work)
	if err != nil {
		return false, err
	}
	switch w.GetState() {
	case patchbayv1.WorkState_WORK_STATE_WAITING, patchbayv1.WorkState_WORK_STATE_OFFERED,
		patchbayv1.WorkState_WORK_STATE_OPEN, patchbayv1.WorkState_WORK_STATE_PAUSED:
	default: // done, or withdrawn by somebody else
		c.hangUpAgent(ctx)
		c.try("hang up", c.adapter.ari.hangUp(ctx, c.customer.ID))
		return true, nil
	}
	x := chosen(w)
	if c.leg != nil && c.leg.assignment != x.GetId() {
		talked := c.leg.talks
		c.hangUpAgent(ctx)
		if talked {
			c.try("play music", c.adapter.ari.music(ctx, c.customer.ID, c.adapter.music))
		}
	}
	if x != nil && c.leg == nil && (c.rests == nil || c.refused != x.GetAgent()) {
		c.ring(ctx, x)
	}
	return false, nil
}

// ring has the agent's phone ring.
func (c *call) ring(ctx context.Context, x *patchbayv1.Assignment) {
	c.legs++
	c.leg = &leg{assignment: x.GetId(), agent: x.GetAgent(), channel: fmt.Sprintf("patchbay-%s-%s-%d", c.customer.ID, x.GetId(), c.legs)}
	c.adapter.join(c.leg.channel, c)
	endpoint, ok := c.adapter.phones.endpoint(x.GetAgent())
	if !ok {
		c.adapter.logger.Error("an agent has no phone", "agent", x.GetAgent(), "work", c.work)
		c.refuse(ctx, "no phone")
		return
	}
	parameters := url.Values{
		"endpoint": {endpoint}, "appArgs": {legArgument + "," + x.GetId()}, "originator": {c.customer.ID},
		"timeout": {strconv.Itoa(int(c.adapter.ringFor / time.Second))},
	}
	if number := c.customer.Caller.Number; number != "" {
		parameters.Set("callerId", number)
	}
	if err := c.adapter.ari.originate(ctx, c.leg.channel, parameters); err != nil {
		c.log("a phone does not ring", err)
		c.refuse(ctx, "phone unreachable")
	}
}

// hearAll is told what happened since.
func (c *call) hearAll(ctx context.Context) (over bool) {
	for _, event := range c.news.take() {
		if c.hear(ctx, event) {
			return true
		}
	}
	return false
}

// hear is told what happened to a channel, and reports whether the call is over.
func (c *call) hear(ctx context.Context, event ariEvent) (over bool) {
	customer := event.about() == c.customer.ID
	mine := c.leg != nil && event.about() == c.leg.channel
	switch event.Type {
	case "StasisStart":
		if mine {
			c.answered(ctx)
		}
	case "Dial":
		if mine {
			c.leg.dialled = event.DialStatus
		}
	case "StasisEnd", "ChannelDestroyed":
		switch {
		case customer:
			c.customerGone(ctx)
			return true
		case mine:
			return c.agentGone(ctx, event.Cause)
		}
	case resync:
		if !c.adapter.ari.alive(ctx, c.customer.ID) {
			c.customerGone(ctx)
			return true
		}
		if c.leg != nil && !c.adapter.ari.alive(ctx, c.leg.channel) {
			return c.agentGone(ctx, causeNormal)
		}
	}
	return false
}

// answered accepts the offer, and has the two talk.
func (c *call) answered(ctx context.Context) {
	if err := c.adapter.host.accept(ctx, c.work, c.leg.assignment, c.leg.agent); err != nil {
		c.log("the agent was too late", err)
		c.hangUpAgent(ctx)
		return
	}
	if err := c.adapter.ari.connect(ctx, c.bridge(), c.customer.ID, c.leg.channel); err != nil {
		c.log("the two were not connected", err)
	}
	c.leg.talks = true
}

// bridge is the name of what connects the two.
func (c *call) bridge() string { return "bridge-" + c.leg.channel }

// customerGone tells the host that the caller hung up: before somebody
// answered, that is to abandon; after that, it is done.
func (c *call) customerGone(ctx context.Context) {
	if c.leg != nil && c.leg.talks {
		c.try("complete", c.adapter.host.complete(ctx, c.leg.assignment, c.leg.agent))
	} else {
		c.try("abandon", c.adapter.host.abandon(ctx, c.work))
	}
	c.hangUpAgent(ctx)
}

// agentGone tells the host that the agent hung up or did not answer, and
// reports whether that ends the call.
func (c *call) agentGone(ctx context.Context, cause int) (over bool) {
	if !c.leg.talks {
		c.refuse(ctx, why(c.leg.dialled, cause))
		return false
	}
	gone := *c.leg
	c.hangUpAgent(ctx)
	c.try("complete", c.adapter.host.complete(ctx, gone.assignment, gone.agent))
	c.try("hang up", c.adapter.ari.hangUp(ctx, c.customer.ID))
	return true
}

// refuse declines the offer in the name of an agent whose phone did not take
// it.
func (c *call) refuse(ctx context.Context, reason string) {
	x := *c.leg
	c.adapter.part(c.leg.channel)
	c.leg = nil
	c.refused, c.rests = x.agent, time.After(rest)
	c.try("decline", c.adapter.host.decline(ctx, c.work, x.assignment, x.agent, reason))
}

// hangUpAgent ends the agent's leg, if there is one.
func (c *call) hangUpAgent(ctx context.Context) {
	if c.leg == nil {
		return
	}
	c.adapter.part(c.leg.channel)
	if c.leg.talks {
		c.try("take the bridge down", c.adapter.ari.destroy(ctx, c.bridge()))
	}
	c.try("hang up", c.adapter.ari.hangUp(ctx, c.leg.channel))
	c.leg = nil
}

// withdraw takes a call that still waits out of the application: the program
// ends, and the dialplan goes on with it.
func (c *call) withdraw(ctx context.Context) {
	c.hangUpAgent(ctx)
	c.try("cancel", c.adapter.host.cancel(ctx, c.work, "the telephone adapter ends"))
	c.away(ctx)
}

// away gives the caller back to the dialplan.
func (c *call) away(ctx context.Context) {
	c.try("go on in the dialplan", c.adapter.ari.leave(ctx, c.customer.ID))
}

// try logs an error, unless it says that a channel is gone, of which another
// event tells.
func (c *call) try(what string, err error) {
	if err != nil && !missing(err) {
		c.log("it failed to "+what, err)
	}
}

func (c *call) log(what string, err error) {
	c.adapter.logger.Warn(what, "call", c.customer.ID, "queue", c.queue, "work", c.work, "error", err)
}

// causeNormal is Q.850's normal clearing.
const causeNormal = 16

// why says in the words of a reason why a phone was not answered: by the status
// of dialling or, where that says nothing, by a cause of Q.850.
func why(dialled string, cause int) string {
	switch dialled {
	case "BUSY":
		return "busy"
	case "NOANSWER":
		return "no answer"
	case "CONGESTION", "CHANUNAVAIL":
		return "phone unreachable"
	}
	switch cause {
	case 17:
		return "busy"
	case 21:
		return "rejected"
	case 18, 19:
		return "no answer"
	case 1, 3, 20, 27:
		return "phone unreachable"
	default:
		return "not answered"
	}
}
