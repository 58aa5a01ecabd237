// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

func (c InviteAgent) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil {
		return err
	}
	a, err := s.agentNamed(c.Agent)
	if err != nil {
		return err
	}
	switch {
	case w.State != Open && w.State != Paused:
		return refuse(CodeWrongState, "", "%v is %v; somebody can be invited only while it is open", w.ID, w.State)
	case w.standingAt(a.ID) != nil:
		return refuse(CodeWrongState, "agent", "agent %q takes part in %v already", a.ID, w.ID)
	}
	return s.direct(w, a, "invited", true)
}

// direct offers work to an agent because somebody says so: the agent must be
// able to take it, but need not belong to its queue.
func (s *step) direct(w *Work, a *Agent, reason string, guest bool) error {
	if err := s.ableNow(w, w.Size, a); err != nil {
		return err
	}
	s.offerOrOpen(w, a, s.directly(reason), Event{Guest: guest})
	return nil
}

// ableNow refuses to offer the work, with that size, to an agent who cannot take
// it now, whatever queue it is in.
func (e *Engine) ableNow(w *Work, size Amount, a *Agent) error {
	load := e.load(w.Spec.Channel, size, a)
	switch offers := a.Presence.MaxOffers; {
	case !a.SignedIn() || !a.Connected:
		return refuse(CodeAgentUnavailable, "agent", "agent %q is not there: %s, connected: %v", a.ID, a.Status, a.Connected)
	case a.Channels&(1<<e.names.channels[w.Spec.Channel]) == 0:
		return refuse(CodeAgentUnavailable, "agent", "agent %q takes no %s as %q", a.ID, w.Spec.Channel, a.Status)
	case offers > 0 && a.Offers >= offers:
		return refuse(CodeLimit, "agent", "agent %q has %d offers to answer, which is the limit", a.ID, a.Offers)
	default:
		return e.takes(a, &load)
	}
}

// disperse ends the conference: it does not outlast its owner's part.
func (s *step) disperse(w *Work, reason string) {
	s.withdraw(w, reason, func(x *Assignment) bool { return x.Guest })
	for _, id := range w.standing(func(x *Assignment) bool { return x.Guest }) {
		s.leaveConference(w, id, reason)
	}
}

func (s *step) leaveConference(w *Work, id AssignmentID, reason string) {
	s.emit(s.about(w, id, Event{Kind: KindGuestLeft, Reason: reason, Guest: true}))
}
