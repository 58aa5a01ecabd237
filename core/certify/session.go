// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// The groups of requirements.
const (
	groupSession    = "session"
	groupContract   = "contract"
	groupTurns      = "turns"
	groupLease      = "leases"
	groupConnection = "connection"
	groupStrain     = "strain"
	groupEnding     = "ending"
)

// idRefused is the requirement after which the router may be gone.
const idRefused = "refused"

// sessionTrials are all requirements of routers that dial.
func sessionTrials() []trial {
	list := []trial{
		{Requirement: Requirement{
			"hello", groupSession, Must,
			"It dials, and its first message is a hello with the strategy, the token and its manifest.",
			"Send hello first, within ten seconds of dialling, with the strategy's name and the token that you were given.",
		}, try: (*course).hello},
		{Requirement: Requirement{
			"lead", groupSession, Must,
			"When it is told to lead, it says within five seconds that the settings are in force, under the lease it was given.",
			"Answer each lead with configured, with the lease of that lead.",
		}, try: (*course).leads},
		{Requirement: Requirement{
			"pong", groupSession, Must,
			"It answers each ping with a pong of the same number, while a turn is under way too.",
			"Answer pings as they come; do not wait for a calculation that is under way.",
		}, try: (*course).pong},
		{Requirement: Requirement{
			"unknown", groupSession, Must,
			"It passes over messages and members that it does not know.",
			"Do not fail on unknown messages or members: a later host says more than this one.",
		}, try: (*course).unknown},
	}
	list = append(list, contractTrials()...)
	list = append(list, turnTrials()...)
	list = append(list, leaseTrials()...)
	list = append(list, connectionTrials()...)
	list = append(list, strainTrials()...)
	return append(list, endingTrials()...)
}

func pingOf(number uint64) *strategyv1.SessionResponse {
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ping{Ping: &strategyv1.Ping{Number: number}}}
}

// hello waits for the router, and notes who it is.
func (c *course) hello(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, c.options.Wait)
	defer cancel()
	mark := 0
	for {
		h, ok := c.stand.await(waiting, mark, func(h *happening) bool { return h.what == "hello" || h.what == "end" || h.what == "welcome" })
		switch {
		case !ok && mark == 0:
			return fmt.Errorf("no router has said hello within %v", c.options.Wait)
		case !ok:
			return errors.New("its hello is not taken, and it does not come again with another")
		case h.what == "hello":
			c.report.Router = h.text
		case h.what == "end":
			c.find("it is not let in: %s", h.text)
			c.findings = c.findings[:1]
			return nil
		default:
			c.met = true
			c.report.Door = h.door
			return nil
		}
		mark = c.stand.after(mark, h)
	}
}

// leads has the router lead, and notes its manifest.
func (c *course) leads(ctx context.Context) error {
	mark := c.stand.mark()
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	p.close()
	c.report.Name, c.report.Version, c.report.View = c.manifest.Name, c.manifest.Version, c.manifest.View
	var lead uint64
	for _, h := range c.stand.since(mark) {
		switch {
		case h.what == "lead":
			lead = h.lease
		case h.what == "configured" && h.lease != lead:
			c.find("it says that settings are in force under lease %d, and was told to lead under %d", h.lease, lead)
		}
	}
	return nil
}

// pong pings between turns, and before and behind a turn.
func (c *course) pong(ctx context.Context) error {
	l, err := c.leader()
	if err != nil {
		return err
	}
	if err := c.answers(ctx, l, 71_001); err != nil {
		return err
	}
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	p.scene(3)
	mark := c.stand.mark()
	remove := c.stand.setTap(tap{down: func(l *line, m *strategyv1.SessionResponse) fate {
		if turn := m.GetAsk().GetTurn(); turn > 0 {
			_ = l.send(pingOf(72_000 + turn)) // a line that breaks is seen elsewhere
		}
		return pass
	}})
	err = p.decides(ctx, "when it is pinged before a turn")
	remove()
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	if _, ok := c.stand.await(waiting, mark, func(h *happening) bool { return h.what == "pong" && h.turn > 72_000 }); !ok {
		c.find("a ping right before a turn is not answered by a pong of the same number within %v", c.options.Patience)
	}
	return nil
}

// unknown sends what a later host may say.
func (c *course) unknown(ctx context.Context) error {
	l, err := c.leader()
	if err != nil {
		return err
	}
	mark := c.stand.mark()
	broken := l.past(carrier.later) // there are two messages, and the first may be the last
	waiting, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	h, ok := c.stand.await(waiting, mark, func(h *happening) bool {
		return h.what == "pong" && h.turn == oddPing || h.line == l && h.what == "end"
	})
	switch {
	case broken != nil || ok && h.what == "end":
		c.find("it hangs up on a message, or a member of a ping, that it does not know")
	case !ok:
		c.find("after a message that it does not know, a ping with an unknown member is not answered within %v", c.options.Patience)
	}
	return c.works(ctx, "after messages that it does not know")
}

// asked is the ask of a message, or nil.
func asked(m *strategyv1.SessionResponse) *strategyv1.SessionResponse {
	if m.GetAsk() == nil {
		return nil
	}
	return proto.CloneOf(m)
}
