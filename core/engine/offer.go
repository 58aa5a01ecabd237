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
	batch := batch{revisions: make(map[WorkID]uint32, len(c.Proposals))}
	for i := range c.Proposals {
		p := &c.Proposals[i]
		verdict, granted := s.settle(p, &batch, c.MayExceed)
		s.result.Verdicts[i] = verdict
		switch {
		case verdict == route.VerdictAcceptedByHost:
			s.offer(p, &c.By, granted, &batch)
		case p.Rank > 0 && batch.revisions[p.Work] != 0: // it was only to be tried if another did not hold
		case batch.recorded < maxRefusalsOnRecord:
			batch.recorded++
			s.emit(Event{
				Kind: KindProposalRefused, Work: p.Work, Agent: p.Agent, Verdict: verdict,
				Decision: s.decision(p, &c.By),
			})
		}
	}
	return nil
}

// batch is what is known of the proposals that are settled together.
type batch struct {
	// revisions of the work that was offered, before it was: further agents may
	// be named for the same.
	revisions map[WorkID]uint32
	recorded  int
}

// settle is the one place where a proposal is checked, whoever made it. Granted
// says that it holds only because it may exceed the agent's capacity.
func (e *Engine) settle(p *Proposal, b *batch, mayExceed bool) (verdict route.Verdict, granted bool) {
	if p.Refused != route.VerdictNone {
		return p.Refused, false
	}
	w, ok := e.work[p.Work]
	if !ok {
		return route.VerdictUnknownWork, false
	}
	a, ok := e.agents[p.Agent]
	former, offered := b.revisions[p.Work]
	switch {
	case w.State.Ended():
		return route.VerdictGone, false
	case offered && former == p.Revision && e.wantsMore(w, a):
	case w.State != Waiting:
		return route.VerdictAlreadyAssigned, false
	case w.Revision != p.Revision:
		return route.VerdictStale, false
	}
	if !ok {
		return route.VerdictUnknownAgent, false
	}
	pair := e.pair(w, a)
	switch verdict := pair.Verdict(); {
	case verdict == route.VerdictNone:
		return route.VerdictAcceptedByHost, false
	case verdict == route.VerdictNoCapacity && mayExceed:
		return route.VerdictAcceptedByHost, true
	default:
		return verdict, false
	}
}

// wantsMore reports whether work that was just offered is to be offered to the
// agent too.
func (e *Engine) wantsMore(w *Work, a *Agent) bool {
	return w.State == Offered && w.Offers() < e.queueOf(w).definition.offerTo() && (a == nil || w.standingAt(a.ID) == nil)
}

// Eligible says whether waiting work may be offered to the agent now:
// route.VerdictNone if so, else what stands first against it.
func (e *Engine) Eligible(w *Work, a *Agent) route.Verdict {
	if w.State != Waiting {
		return route.VerdictAlreadyAssigned
	}
	pair := e.pair(w, a)
	return pair.Verdict()
}

// pair states the facts from which route's rule follows.
func (e *Engine) pair(w *Work, a *Agent) route.Pair {
	q := e.queueOf(w)
	pair := route.Pair{
		Connected:     a.SignedIn() && a.Connected,
		Channels:      a.Channels,
		Channel:       e.names.channels[w.Spec.Channel],
		Held:          q.held() || w.Hold != nil,
		Tiers:         w.Tier,
		BySkills:      q.routing.BySkills,
		Needy:         needy(w.Needs),
		OtherRequired: !w.admits(a.ID),
		Declined:      w.excludes(a.ID),
		Skilled:       a.skilled(w.Needs),
		Open:          uint32(len(a.Held)),
		MaxOpen:       uint32(a.Presence.MaxOpen),
		Offers:        uint32(a.Offers),
		MaxOffers:     uint32(a.Presence.MaxOffers),
		Load:          e.load(w.Spec.Channel, w.Size, a),
	}
	if m := a.membership(w.Queue); m != nil {
		pair.Member, pair.Tier = true, m.tier()
	}
	return pair
}

// load says what work of a channel would take of the agent.
func (e *Engine) load(channel string, size Amount, a *Agent) route.Load {
	return route.Load{
		Capacity: int32(a.Presence.Capacity), Used: int32(a.Used),
		InterruptibleCapacity: int32(a.Presence.Interruptible), InterruptibleUsed: int32(a.InterruptibleUsed),
		Interruptible: e.channelOf(channel).Interruptible, Size: int32(size.Units), Percent: size.Percent,
	}
}

func (s *step) decision(p *Proposal, by *Decision) *Decision {
	d := *by
	d.Config, d.Score, d.Reason = s.config, p.Score, p.Reason
	return &d
}

func (s *step) offer(p *Proposal, by *Decision, granted bool, b *batch) {
	w, a := s.work[p.Work], s.agents[p.Agent]
	if _, offered := b.revisions[p.Work]; !offered {
		b.revisions[p.Work] = p.Revision
	}
	s.offerOrOpen(w, a, s.decision(p, by), Event{Granted: granted})
}

// directly is the decision of somebody who is no strategy.
func (s *step) directly(reason string) *Decision { return &Decision{Config: s.config, Reason: reason} }

// offerOrOpen makes an offer, and opens it at once for an agent who does not
// answer offers.
func (s *step) offerOrOpen(w *Work, a *Agent, by *Decision, ev Event) {
	s.offerTo(w, a, by, ev)
	if a.Presence.AutoAccept {
		s.accept(w, s.nextAssignment-1)
	}
}

// offerTo makes an offer. What it should be besides, ev says.
func (s *step) offerTo(w *Work, a *Agent, by *Decision, ev Event) {
	load := s.load(w.Spec.Channel, w.Size, a)
	ev.Kind, ev.Work, ev.Queue, ev.Agent, ev.Assignment = KindWorkOffered, w.ID, w.Queue, a.ID, s.nextAssignment
	ev.Size, ev.Decision = Milli(load.Takes()), by
	if timeout := s.queueOf(w).routing.PushTimeout; timeout > 0 && !a.Presence.AutoAccept {
		ev.Deadline = s.now + timeout
	}
	s.emit(ev)
}

// accept opens an offer. The others that stand are taken back: the first to
// accept has the work.
func (s *step) accept(w *Work, id AssignmentID) {
	guest := w.assignment(id).Guest
	if !guest {
		s.withdraw(w, "accepted_by_another", func(x *Assignment) bool { return x.ID != id })
	}
	s.emit(s.about(w, id, Event{Kind: KindOfferAccepted, Guest: guest}))
}

func (c Accept) decide(s *step) error {
	x, w, err := s.held(c.Assignment, c.Agent)
	if err != nil || x.State == AssignmentAccepted {
		return err
	}
	if x.State != AssignmentOffered {
		return refuse(CodeWrongState, "", "%v is %v; it can be accepted only while offered", x.ID, x.State)
	}
	s.accept(w, x.ID)
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
	s.emit(s.about(w, x.ID, Event{Kind: KindOfferDeclined, Reason: c.Reason, Guest: x.Guest}))
	s.missed(w, a, a.Presence.StatusAfterDecline, CauseDecline)
	return nil
}

// timeOut ends an offer that was not answered in time.
func (s *step) timeOut(id AssignmentID) {
	w := s.assignments[id]
	x := w.assignment(id)
	a := s.agents[x.Agent]
	s.emit(s.about(w, id, Event{Kind: KindOfferTimedOut, Guest: x.Guest}))
	s.missed(w, a, a.Presence.StatusAfterTimeout, CausePushTimeout)
}

// missed does what follows from an offer that was declined or timed out.
func (s *step) missed(w *Work, a *Agent, status string, cause Cause) {
	if status != "" && a.SignedIn() {
		s.setStatus(a, status, cause)
	}
	s.giveBack(w, a, agentTookNot)
	s.waitsAnew(w)
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
