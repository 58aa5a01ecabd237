// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// maxRefusalsOnRecord bounds how many refusals of one command become events, so
// that a babbling strategy cannot flood the journal. Verdicts tells of all.
const maxRefusalsOnRecord = 100

func (c Propose) decide(s *step) error {
	s.result.Verdicts = make([]route.Verdict, len(c.Proposals))
	recorded := 0
	placed := make(map[WorkID]bool, len(c.Proposals))
	for i := range c.Proposals {
		p := &c.Proposals[i]
		if p.Rank > 0 && placed[p.Work] {
			s.result.Verdicts[i] = route.VerdictAlreadyAssigned
			continue
		}
		verdict := s.settle(p)
		s.result.Verdicts[i] = verdict
		switch {
		case verdict == route.VerdictAcceptedByHost:
			placed[p.Work] = true
			s.offer(p, &c.By)
		case recorded < maxRefusalsOnRecord:
			recorded++
			s.emit(Event{
				Kind: KindProposalRefused, Work: p.Work, Agent: p.Agent, Verdict: verdict,
				Decision: s.decision(p, &c.By),
			})
		}
	}
	return nil
}

// settle is the one place where a proposal is checked, whoever made it.
func (e *Engine) settle(p *Proposal) route.Verdict {
	if p.Refused != route.VerdictNone {
		return p.Refused
	}
	w, ok := e.work[p.Work]
	if !ok {
		return route.VerdictUnknownWork
	}
	a, ok := e.agents[p.Agent]
	switch {
	case w.State.Ended():
		return route.VerdictGone
	case w.State != Waiting:
		return route.VerdictAlreadyAssigned
	case w.Revision != p.Revision:
		return route.VerdictStale
	case !ok:
		return route.VerdictUnknownAgent
	}
	pair := e.pair(w, a)
	if verdict := pair.Verdict(); verdict != route.VerdictNone {
		return verdict
	}
	return route.VerdictAcceptedByHost
}

// pair states the facts from which route's rule follows.
func (e *Engine) pair(w *Work, a *Agent) route.Pair {
	return route.Pair{
		Connected:     a.SignedIn() && a.Connected,
		Channels:      a.Channels,
		Channel:       e.names.channels[w.Spec.Channel],
		Member:        a.member(w.Spec.Queue),
		OtherRequired: !w.admits(a.ID),
		Declined:      w.excludes(a.ID),
		Skilled:       true,
		Open:          uint32(len(a.Held)),
		MaxOpen:       uint32(a.Presence.MaxOpen),
		Capacity:      int32(a.Presence.Capacity),
		Used:          int32(a.Used),
		Size:          int32(w.Spec.Size),
	}
}

func (s *step) decision(p *Proposal, by *Decision) *Decision {
	d := *by
	d.Config, d.Score, d.Reason = s.config, p.Score, p.Reason
	return &d
}

func (s *step) offer(p *Proposal, by *Decision) {
	w, a := s.work[p.Work], s.agents[p.Agent]
	ev := Event{
		Kind: KindWorkOffered, Work: w.ID, Queue: w.Spec.Queue, Agent: a.ID, Assignment: s.nextAssignment,
		Decision: s.decision(p, by),
	}
	if timeout := s.queues[w.Spec.Queue].routing.PushTimeout; timeout > 0 && !a.Presence.AutoAccept {
		ev.Deadline = s.now + timeout
	}
	s.emit(ev)
	if a.Presence.AutoAccept {
		s.emit(Event{Kind: KindOfferAccepted, Work: w.ID, Queue: w.Spec.Queue, Agent: a.ID, Assignment: ev.Assignment})
	}
}

func (c Accept) decide(s *step) error {
	x, w, err := s.held(c.Assignment, c.Agent)
	if err != nil || x.State == AssignmentAccepted {
		return err
	}
	if x.State != AssignmentOffered {
		return refuse(CodeWrongState, "", "%v is %v; it can be accepted only while offered", x.ID, x.State)
	}
	s.emit(Event{Kind: KindOfferAccepted, Work: w.ID, Queue: w.Spec.Queue, Agent: c.Agent, Assignment: x.ID})
	return nil
}

func (c Decline) decide(s *step) error {
	x, w, err := s.held(c.Assignment, c.Agent)
	if err != nil || x.State == AssignmentDeclined {
		return err
	}
	if x.State != AssignmentOffered {
		return refuse(CodeWrongState, "", "%v is %v; it can be declined only while offered", x.ID, x.State)
	}
	a := s.agents[c.Agent]
	if reasons := a.Presence.DeclineReasons; len(reasons) > 0 && !slices.Contains(reasons, c.Reason) {
		return refuse(CodeReasonRequired, "reason", "a reason is needed, one of: %s", strings.Join(reasons, ", "))
	}
	s.emit(Event{
		Kind: KindOfferDeclined, Work: w.ID, Queue: w.Spec.Queue, Agent: a.ID, Assignment: x.ID, Reason: c.Reason,
	})
	s.missed(w, a, a.Presence.StatusAfterDecline, CauseDecline)
	return nil
}

// timeOut ends an offer that was not answered in time.
func (s *step) timeOut(id AssignmentID) {
	w := s.assignments[id]
	a := s.agents[w.agent()]
	s.emit(Event{Kind: KindOfferTimedOut, Work: w.ID, Queue: w.Spec.Queue, Agent: a.ID, Assignment: id})
	s.missed(w, a, a.Presence.StatusAfterTimeout, CausePushTimeout)
}

// missed does what follows from an offer that was declined or timed out.
func (s *step) missed(w *Work, a *Agent, status string, cause Cause) {
	if status != "" && a.SignedIn() {
		s.setStatus(a, status, cause)
	}
	s.clearIfExhausted(w, s.queues[w.Spec.Queue])
}

func (c Complete) decide(s *step) error {
	x, w, err := s.held(c.Assignment, c.Agent)
	if err != nil || x.State == AssignmentCompleted {
		return err
	}
	if x.State != AssignmentAccepted {
		return refuse(CodeWrongState, "", "%v is %v; it can be completed only while accepted", x.ID, x.State)
	}
	s.emit(Event{Kind: KindWorkCompleted, Work: w.ID, Queue: w.Spec.Queue, Agent: c.Agent, Assignment: x.ID})
	return nil
}

// held returns an assignment of the agent, in whatever state it is.
func (e *Engine) held(id AssignmentID, agent string) (*Assignment, *Work, error) {
	x, w, ok := e.Assignment(id)
	if !ok {
		return nil, nil, refuse(CodeUnknownAssignment, "assignment", "there is no assignment %v, or it ended long ago", id)
	}
	if x.Agent != agent {
		return nil, nil, refuse(CodeNotYours, "agent", "%v is not an assignment of agent %q", id, agent)
	}
	return x, w, nil
}
