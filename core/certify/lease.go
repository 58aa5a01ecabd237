// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"fmt"
	"slices"
	"sync"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// leaseTrials are about who leads.
func leaseTrials() []trial {
	return []trial{
		{Requirement: Requirement{
			"new-lease", groupLease, Must,
			"Under a new lease it knows nothing of what was under an earlier one.",
			"On lead, throw away the board and everything that you remember of proposals.",
		}, try: (*course).newLease},
		{Requirement: Requirement{
			"old-lease", groupLease, Must,
			"It does not answer a turn of a lease that is over as if it were of the present one.",
			"Compare the ask's lease with that of the last lead, and pass over what is of another.",
		}, try: (*course).oldLease},
		{Requirement: Requirement{
			"standby", groupLease, Must,
			"Of several routers, one that stands by takes the lead at once when the one that leads is lost.",
			"Stay connected without being asked, answer pings, and take a lead whenever it comes.",
		}, try: (*course).standby, free: true},
	}
}

// newLease shows two boards, one after the other, on which the same slots mean
// others.
func (c *course) newLease(ctx context.Context) error {
	p, err := c.begin(ctx, 6)
	if err != nil {
		return err
	}
	p.close()
	if p, err = c.lead(ctx); err != nil {
		return err
	}
	defer p.close()
	// The agents of before are busy now, and the work is other work; one agent
	// who was not there is idle.
	p.host.Queue("support")
	for _, name := range []string{"x0", "x1", "x2", "x3"} {
		p.host.Agent(name).Capacity(1000).Holding(1000, 1).In("support").On("case")
	}
	p.host.Agent("x4").Capacity(1000).In("support").On("case").Idle(1000)
	p.work("other", 3)
	if err := p.decides(ctx, "under a new lease"); err != nil {
		return err
	}
	return p.walk(ctx, 3)
}

// oldLease sends a turn of a lease that is over.
func (c *course) oldLease(ctx context.Context) error {
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	p.scene(3)
	var mu sync.Mutex
	var old *strategyv1.SessionResponse
	remove := c.stand.setTap(tap{down: func(_ *line, m *strategyv1.SessionResponse) fate {
		mu.Lock()
		defer mu.Unlock()
		if ask := asked(m); ask != nil {
			old = ask
		}
		return pass
	}})
	err = p.decides(ctx, "with agents who are idle")
	remove()
	p.close()
	if err != nil {
		return err
	}
	if p, err = c.lead(ctx); err != nil {
		return err
	}
	defer p.close()
	p.scene(3)
	if err := p.decides(ctx, "under a new lease"); err != nil {
		return err
	}
	if err := c.intrude(ctx, old); err != nil {
		return err
	}
	p.host.Snapshot() // what was intruded has spoilt what the door remembers
	p.late()
	return p.decides(ctx, "after a turn of an earlier lease")
}

// intrude sends the old turn to the router that leads under another lease.
func (c *course) intrude(ctx context.Context, old *strategyv1.SessionResponse) error {
	l, err := c.leader()
	if err != nil {
		return err
	}
	remove := c.stand.setTap(tap{up: func(_ *line, m *strategyv1.SessionRequest) fate {
		if m.GetAnswer() != nil {
			return drop
		}
		return pass
	}})
	defer remove()
	mark := c.stand.mark()
	if err := l.send(old); err != nil {
		return err
	}
	if err := c.answers(ctx, l, 71_005); err != nil {
		return fmt.Errorf("after a turn of an earlier lease, %w", err)
	}
	for _, h := range c.stand.since(mark) {
		if h.what == "answer" && h.lease != old.GetAsk().GetLease() {
			c.find("it answers turn %d of lease %d, which is over, under lease %d: a host would take that for an answer to another turn",
				h.turn, old.GetAsk().GetLease(), h.lease)
		}
	}
	return nil
}

// standby breaks the line of the one that leads, of two.
func (c *course) standby(ctx context.Context) error {
	end, err := c.second(ctx)
	if err != nil {
		return err
	}
	defer end()
	if !c.stand.waiting() {
		c.skip("only one router is connected; start a second one to have this tried")
		return nil
	}
	if err := c.stand.restart(true); err != nil {
		return err
	}
	defer func() { _ = c.stand.restart(false) }() // furnishing cannot fail where it did not before
	if !c.several(ctx) {
		return fmt.Errorf("when the host has begun anew, not both routers dial again within %v", c.options.Patience)
	}
	return c.takeOver(ctx)
}

// takeOver breaks the line of the one that leads, and wants the other to decide.
func (c *course) takeOver(ctx context.Context) error {
	mark := c.stand.mark()
	p, err := c.begin(ctx, 6)
	if err != nil {
		return err
	}
	defer p.close()
	first := lastAnswer(c.stand.since(mark))
	if first == nil {
		return nil
	}
	first.cut()
	p.late()
	mark = c.stand.mark()
	if err := p.decides(ctx, "when the router that led is lost"); err != nil {
		return err
	}
	if second := lastAnswer(c.stand.since(mark)); second == first {
		c.find("the router that was lost answers, and not the one that stands by")
	}
	return nil
}

// second starts the router's program a second time, if the kit has it and no
// second one is there. End ends it.
func (c *course) second(ctx context.Context) (end func(), err error) {
	mark := c.stand.mark()
	if c.stand.waiting() {
		return func() {}, nil
	}
	if c.options.Program == nil { // another one may be about to dial
		soon, cancel := context.WithTimeout(ctx, c.options.Quiet)
		defer cancel()
		c.stand.await(soon, mark, func(h *happening) bool { return h.what == "welcome" })
		return func() {}, nil
	}
	program := c.options.Program.again()
	if err := program.start(); err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	if _, ok := c.stand.await(waiting, mark, func(h *happening) bool { return h.what == "welcome" }); !ok {
		program.kill()
		return nil, fmt.Errorf("started a second time, it does not come in within %v", c.options.Patience)
	}
	return program.kill, nil
}

// several waits until two routers are connected.
func (c *course) several(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	for {
		mark := c.stand.mark()
		doors, _ := c.stand.places()
		connected := 0
		for _, r := range doors.Routers() {
			if r.Connected {
				connected++
			}
		}
		if connected > 1 {
			return true
		}
		if _, came := c.stand.await(ctx, mark, func(h *happening) bool { return h.what == "welcome" }); !came {
			return false
		}
	}
}

func lastAnswer(log []happening) *line {
	for _, h := range slices.Backward(log) {
		if h.what == "answer" {
			return h.line
		}
	}
	return nil
}
