// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// turnTrials are about turns and their answers.
func turnTrials() []trial {
	return []trial{
		{Requirement: Requirement{
			"once", groupTurns, Must,
			"It answers each turn once, under the turn's lease and number, and answers nothing else.",
			"Copy lease and turn from the ask to the answer; send one answer for each ask.",
		}, try: (*course).once},
		{Requirement: Requirement{
			"turn-twice", groupTurns, Must,
			"A turn that comes twice over the same line does not throw it off.",
			"Pass over a turn that you have applied, answer it again as before, or ask for a snapshot.",
		}, try: (*course).turnTwice},
		{Requirement: Requirement{
			"late", groupTurns, Must,
			"When the host says that an answer came too late, it goes on with the next turn, which is a snapshot.",
			"A notice of code late needs no answer; take the snapshot that follows.",
		}, try: (*course).late},
		{Requirement: Requirement{
			"rubbish", groupTurns, Must,
			"Rubbish does not end it: it passes over it, answers with an error, or hangs up and dials again.",
			"Catch what goes wrong in reading a message; keep the program alive.",
		}, try: (*course).rubbish},
	}
}

// once plays a day, and counts what the router says beside one answer for each
// turn.
func (c *course) once(ctx context.Context) error {
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	mark := c.stand.mark()
	p.scene(3)
	if err := p.decides(ctx, "with agents who are idle"); err != nil {
		return err
	}
	if err := p.walk(ctx, 2); err != nil {
		return err
	}
	l, err := c.leader()
	if err != nil {
		return err
	}
	if err := c.answers(ctx, l, 71_002); err != nil {
		return err
	}
	c.countAnswers(c.stand.since(mark))
	return nil
}

// countAnswers finds answers that are one too many, or to what was not asked.
func (c *course) countAnswers(log []happening) {
	type turn struct{ lease, turn uint64 }
	asked, answered := map[turn]bool{}, map[turn]int{}
	for _, h := range log {
		at := turn{h.lease, h.turn}
		switch h.what {
		case "ask":
			asked[at] = true
		case "answer":
			if answered[at]++; !asked[at] {
				c.find("it answers turn %d under lease %d, which it was not asked", at.turn, at.lease)
			} else if answered[at] > 1 {
				c.find("it answers turn %d %d times", at.turn, answered[at])
			}
		}
	}
}

// turnTwice sends each of some turns two times.
func (c *course) turnTwice(ctx context.Context) error {
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	p.scene(6)
	remove := c.stand.setTap(tap{
		down: func(_ *line, m *strategyv1.SessionResponse) fate {
			if asked(m) != nil {
				return twice
			}
			return pass
		},
	})
	err = p.decides(ctx, "when a turn comes twice")
	remove()
	if err != nil {
		return err
	}
	if l, err := c.leader(); err == nil {
		if err := c.answers(ctx, l, 71_003); err != nil {
			return err
		}
	}
	p.late()
	return p.decides(ctx, "after a turn that came twice")
}

// errHeld says that an answer was held back until it was too late.
var errHeld = errors.New("certify: the answer was held back")

// late holds an answer back until its time is over.
func (c *course) late(ctx context.Context) error {
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	p.scene(3)
	turning, over := context.WithCancelCause(ctx)
	defer over(nil)
	release := make(chan struct{})
	remove := c.stand.setTap(tap{up: func(_ *line, m *strategyv1.SessionRequest) fate {
		if m.GetAnswer() != nil {
			over(errHeld)
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return pass
	}})
	mark := c.stand.mark()
	turn := p.host.Turns()[0]
	err = p.turn(turning, turn, new(route.Reply))
	remove()
	close(release)
	if fault, ok := errors.AsType[*strategy.Fault](err); !ok || fault.Kind != strategy.FaultDeadline {
		return fmt.Errorf("the first turn was answered with: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	c.stand.await(waiting, mark, func(h *happening) bool { return h.what == "notice" })
	p.host.Snapshot()
	return p.decides(ctx, "after an answer that came too late")
}

// rubbish sends what is no message.
func (c *course) rubbish(ctx context.Context) error {
	p, err := c.begin(ctx, 3)
	if err != nil {
		return err
	}
	defer p.close()
	l, err := c.leader()
	if err != nil {
		return err
	}
	remove := c.stand.setTap(tap{up: func(_ *line, m *strategyv1.SessionRequest) fate {
		if m.GetAnswer() != nil {
			return drop // the doors have not asked
		}
		return pass
	}})
	mark := c.stand.mark()
	lease := l.lease.Load()
	err = l.past(func(way carrier) error { return way.rubbish(lease, 1_000_000) })
	if err != nil {
		return err
	}
	_ = l.send(pingOf(71_004)) // it may have hung up
	waiting, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	c.stand.await(waiting, mark, func(h *happening) bool {
		return h.what == "pong" && h.turn == 71_004 || h.line == l && h.what == "end"
	})
	remove()
	p.close()
	return c.works(ctx, "after rubbish")
}
