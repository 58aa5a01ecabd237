// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// fate is what has become of a customer.
type fate uint8

const (
	notCome fate = iota
	refused
	waiting
	open
	served
	abandoned
)

// customer is a customer while the plan is played.
type customer struct {
	*Customer
	player   *Player
	accepted chan struct{} // closed when an agent has accepted

	mu         sync.Mutex
	fate       fate
	work       string    // once the host has said so
	offeredAt  time.Time // the first offer, at an agent's stream
	acceptedAt time.Time
}

// now returns what has become of the customer so far, and the work's id.
func (c *customer) now() (fate, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fate, c.work
}

// end brings the customer to a fate that is the last.
func (c *customer) end(at fate) {
	c.mu.Lock()
	over := c.fate == refused || c.fate >= served
	c.fate = at
	c.mu.Unlock()
	if over {
		c.player.checker.Violation("customer %s came to two ends", c.ID)
		return
	}
	c.player.ended()
}

// come brings the work in, waits for an agent and hangs up when patience is
// over. It returns when the customer has come to an end or playing has; then
// nothing is under way.
func (c *customer) come(playing, calls context.Context) {
	if !c.create(calls) {
		return
	}
	var patience <-chan time.Time
	if c.Patience != Forever {
		timer := time.NewTimer(time.Until(c.player.clock.at(c.At + c.Patience)))
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case <-c.accepted:
	case <-patience:
		if c.abandon(calls) {
			return
		}
		// Refused: an agent was faster, whose accepting will be known soon.
		select {
		case <-c.accepted:
		case <-playing.Done():
		}
	case <-playing.Done():
	}
}

// create brings the work in and reports whether the host took it.
func (c *customer) create(ctx context.Context) bool {
	p := c.player
	intended := p.clock.at(c.At)
	p.late.add(time.Since(intended))
	request := &patchbayv1.CreateWorkRequest{
		IdempotencyKey: p.run + "/" + c.ID, External: p.run + "/" + c.ID, Channel: p.options.Channel, Queue: c.Queue,
		Attributes: c.attributes(),
	}
	if c.Channel != "" {
		request.Channel = c.Channel
	}
	if c.Priority >= 0 {
		request.Priority = &c.Customer.Priority
	}
	answer, err := p.persist(ctx, request)
	if err != nil {
		p.errors.add("create work for "+c.ID, err)
		p.progress.refused.Add(1)
		c.end(refused)
		return false
	}
	p.create.add(time.Since(intended))
	id := answer.GetWork().GetId()
	p.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_CREATED, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	// An agent may have accepted before the host's answer got here.
	c.work, c.fate = id, max(c.fate, waiting)
	return true
}

// persist creates the work and asks again when it cannot know whether the host
// has taken it: the key makes that harmless.
func (p *Player) persist(ctx context.Context, request *patchbayv1.CreateWorkRequest) (*patchbayv1.CreateWorkResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		answer, err := p.work.CreateWork(ctx, request)
		if status.Code(err) != codes.Unavailable || !sleep(ctx, time.Now().Add(retryAfter)) {
			return answer, err
		}
	}
}

func (c *customer) attributes() map[string]string {
	attributes := make(map[string]string, 2)
	if c.Class != "" {
		attributes["class"] = c.Class
	}
	if c.Caller != "" {
		attributes["customer"] = c.Caller
	}
	return attributes
}

// abandon hangs up and reports whether that came before an agent's accepting.
func (c *customer) abandon(ctx context.Context) bool {
	p := c.player
	_, id := c.now()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := p.work.AbandonWork(ctx, &patchbayv1.AbandonWorkRequest{Work: id})
	if err != nil {
		if status.Code(err) != codes.FailedPrecondition {
			p.errors.add("abandon "+id, err)
		}
		return false
	}
	p.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED, id)
	p.progress.abandoned.Add(1)
	c.end(abandoned)
	return true
}

// offered takes note of an offer at an agent's stream.
func (c *customer) offered(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.offeredAt.IsZero() {
		c.offeredAt = at
	}
}

// answered takes note that an agent has accepted.
func (c *customer) answered(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acceptedAt.IsZero() {
		c.acceptedAt = at
		if c.fate != refused {
			c.fate = open
		}
		close(c.accepted)
	}
}

// done takes note that the work is completed.
func (c *customer) done() {
	c.player.progress.served.Add(1)
	c.end(served)
}
