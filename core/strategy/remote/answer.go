// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// take takes a message of a router that was welcomed.
func (d *Doors) take(c *connection, request *strategyv1.SessionRequest) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := c.session
	if s == nil || s.conn != c {
		return errReplaced
	}
	switch m := request.GetMessage().(type) {
	case *strategyv1.SessionRequest_Answer:
		s.take(c, m.Answer)
	case *strategyv1.SessionRequest_Configured:
		s.configured(c, m.Configured)
	case *strategyv1.SessionRequest_Wake:
		if !s.fenced(c, m.Wake.GetLease(), 0) {
			s.holder.call()
		}
	case *strategyv1.SessionRequest_Instruct:
		d.instructs(c, s, m.Instruct)
	case *strategyv1.SessionRequest_Pong:
	case *strategyv1.SessionRequest_Leave:
		d.options.Logger.Info("a router leaves", "strategy", s.room.name, "router", s.router, "reason", clip(m.Leave.GetReason()))
		c.left = true
		d.forget(s)
	case *strategyv1.SessionRequest_Hello:
		c.notice(strategyv1.Notice_CODE_OUT_OF_PLACE, 0, 0, "a hello was said already")
	default:
		c.notice(strategyv1.Notice_CODE_RUBBISH, 0, 0, "the message holds nothing that this host knows")
		s.fail(fault(strategy.FaultRubbish, "it sent a message that holds nothing the host knows"))
	}
	return nil
}

// take takes an answer, or tells the router why it does not.
func (s *session) take(c *connection, a *strategyv1.Answer) {
	lease, turn := a.GetLease(), a.GetTurn()
	if s.fenced(c, lease, turn) {
		return
	}
	in := s.holder
	switch current := in.ask; {
	case current != nil && current.turn == turn && !current.done:
		s.answered = turn
		s.counts.Answers++
		in.deliver(outcome{frame: a.GetFrame(), reasons: a.GetReasons()})
	case turn != s.missed && (current != nil && current.turn == turn || turn <= s.answered):
		s.counts.Duplicates++
		c.notice(strategyv1.Notice_CODE_DUPLICATE, lease, turn, "turn %d was answered already; the first answer counts", turn)
	case turn <= s.asked:
		s.counts.Late++
		c.notice(strategyv1.Notice_CODE_LATE, lease, turn,
			"turn %d is over: it was to be answered within %v. The answer is refused as stale, the fallback decides, and the next turn is a snapshot",
			turn, in.limits.TurnDeadline)
	default:
		s.counts.WrongTurns++
		c.notice(strategyv1.Notice_CODE_WRONG_TURN, lease, turn, "there was no turn %d; the last one is %d", turn, s.asked)
		s.fail(fault(strategy.FaultWrongTurn, "it answered turn %d when asked turn %d", turn, s.asked))
	}
}

// fenced reports whether a lease is not the session's, and tells the router so.
func (s *session) fenced(c *connection, lease, turn uint64) bool {
	if s.lease != 0 && lease == s.lease {
		return false
	}
	s.counts.Fenced++
	if s.lease == 0 {
		c.notice(strategyv1.Notice_CODE_FENCED, lease, turn, "lease %d is over, and this router stands by; what it decides does not count", lease)
	} else {
		c.notice(strategyv1.Notice_CODE_FENCED, lease, turn, "lease %d is over; this router leads under lease %d", lease, s.lease)
	}
	return true
}

// configured takes the word on settings.
func (s *session) configured(c *connection, m *strategyv1.Configured) {
	if s.fenced(c, m.GetLease(), 0) {
		return
	}
	if s.holder.leading == nil {
		c.notice(strategyv1.Notice_CODE_OUT_OF_PLACE, m.GetLease(), 0, "the settings of this lease are in force already")
		return
	}
	s.holder.leading <- m.GetResponse()
	s.holder.leading = nil
}
