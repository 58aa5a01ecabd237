// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// seeWork takes in what happened to a piece of work.
func (s *shadow) seeWork(ev engine.Event, w *shadowWork) {
	s.Helper()
	s.must(ev, w != nil && ev.Queue == w.placed.Queue)
	s.must(ev, w.state.Ended() == (ev.Kind == engine.KindWorkReopened))
	x := w.tries[ev.Assignment]
	if ev.Assignment != 0 && ev.Kind != engine.KindWorkOffered {
		s.must(ev, x != nil && x.agent == ev.Agent)
	}
	switch ev.Kind {
	case engine.KindWorkOffered:
		s.offered(ev, w)
	case engine.KindOfferAccepted, engine.KindOfferDeclined, engine.KindOfferTimedOut, engine.KindOfferUnavailable, engine.KindOfferWithdrawn:
		s.must(ev, x != nil && !x.accepted && x.guest == ev.Guest)
		s.answered(ev, w, x)
	case engine.KindGuestLeft:
		s.must(ev, x != nil && x.guest && x.accepted && ev.Guest)
		s.released(ev, w, ev.Assignment)
	case engine.KindWorkPaused, engine.KindWorkResumed, engine.KindWrapUpStarted, engine.KindWrapUpExtended, engine.KindWorkCompleted:
		s.must(ev, x != nil && x.accepted && !x.guest)
		s.progressed(ev, w, x)
	case engine.KindWorkCancelled, engine.KindWorkAbandoned, engine.KindWorkExpired:
		s.must(ev, w.state == engine.Waiting && len(w.tries) == 0)
		s.must(ev, ev.Kind != engine.KindWorkExpired || w.spec.ExpiresAt > 0 && w.spec.ExpiresAt <= ev.At)
		s.ends(ev, w)
	case engine.KindWorkRequeued:
		s.must(ev, x != nil && x.accepted && !x.guest && w.state != engine.WrapUpWork)
		s.released(ev, w, ev.Assignment)
		w.state = engine.Waiting
		if ev.Agent == w.placed.Agent && ev.Reason != "again" {
			w.lost, w.lostAt = "required_agent_is_gone", ev.At
		}
	case engine.KindHandedOver:
		s.handedOver(ev, w, x)
	case engine.KindExclusionsCleared:
		s.must(ev, w.state == engine.Waiting && len(w.excluded) > 0 && s.exhausted(w))
		s.must(ev, s.routing(w.placed.Queue).DeclineRule == engine.UntilExhausted)
		w.excluded = nil
	case engine.KindWorkHeld, engine.KindHoldEnded, engine.KindWorkAnnotated:
	default:
		s.moved(ev, w)
	}
	s.instructed(ev, w)
}

// instructed is what a verb does; of most of them, other rules say what.
func (s *shadow) instructed(ev engine.Event, w *shadowWork) {
	s.Helper()
	in, by := ev.Instruction, ""
	if in != nil {
		verbs := map[engine.Kind]engine.Verb{
			engine.KindWorkHeld: engine.VerbHold, engine.KindHoldEnded: engine.VerbClear, engine.KindWorkAnnotated: engine.VerbAnnotate,
			engine.KindOfferWithdrawn: engine.VerbWithdraw, engine.KindWorkUpdated: engine.VerbReprioritise,
		}
		s.must(ev, in.Verb == verbs[ev.Kind] && in.Event == ev.Number && in.From > 0)
		s.must(ev, (in.To > in.From) == (in.Verb != engine.VerbAnnotate) && in.To-in.From <= engine.MaxOfferTo)
		w.instructed = append(slices.Clone(w.instructed), *in)
		w.instructed = w.instructed[max(0, len(w.instructed)-4):]
		s.seen["verb/"+in.Verb.String()]++
		by = in.By
	}
	unowned := w.state == engine.Waiting || w.state == engine.Offered
	switch ev.Kind {
	case engine.KindWorkHeld:
		s.must(ev, in != nil && unowned && ev.Reason != "" && (ev.Deadline == 0 || ev.Deadline > ev.At))
		w.hold = &engine.Hold{Since: ev.At, Until: ev.Deadline, By: by, Reason: ev.Reason}
	case engine.KindHoldEnded:
		s.must(ev, unowned && (in != nil || w.hold != nil && w.hold.Until > 0 && w.hold.Until <= ev.At))
		s.seen["hold_ended/by itself"] += b2i(in == nil)
		w.hold = nil
	case engine.KindWorkAnnotated:
		s.must(ev, in != nil && ev.Reason != "")
		w.notes = append(slices.Clone(w.notes), engine.Note{At: ev.At, By: by, Text: ev.Reason})
		w.notes = w.notes[max(0, len(w.notes)-8):]
	case engine.KindWorkOverflowed, engine.KindWorkTransferred:
		w.hold = nil
	case engine.KindOfferAccepted:
		if !ev.Guest {
			w.hold = nil
		}
	}
	if w.state.Ended() {
		w.hold = nil
	}
}

// handedOver is what a guest takes over as it is, but for what was said with it.
func (s *shadow) handedOver(ev engine.Event, w *shadowWork, x *shadowTry) {
	s.Helper()
	former, owner := w.owner()
	s.must(ev, x != nil && x.accepted && x.guest && w.state == engine.Open && ev.Created != nil && ev.Placed == nil)
	s.must(ev, former != 0 && former == ev.Former && owner.agent == ev.From && ev.Reason == wrongDesk)
	want := w.spec
	want.Attributes, want.Transcript = ev.Created.Attributes, ev.Created.Transcript
	s.must(ev, reflect.DeepEqual(*ev.Created, want))
	s.released(ev, w, former)
	x.guest, w.last, w.spec = false, ev.Agent, want
	s.contact(w, ev)
}

func (s *shadow) offered(ev engine.Event, w *shadowWork) {
	s.Helper()
	p := s.presence(ev.Agent)
	interruptible := s.channel(w.spec.Channel).Interruptible
	takes := s.takes(ev.Agent, w.placed.Size, interruptible)
	s.must(ev, ev.Assignment == s.tries+1 && ev.Decision != nil && ev.Size == takes && w.at(ev.Agent) == 0)
	s.must(ev, ev.Granted || s.fits(ev.Agent, takes, interruptible, 0))
	s.must(ev, len(s.agents[ev.Agent].held) < int(p.MaxOpen))
	s.must(ev, ev.Guest == (w.state == engine.Open || w.state == engine.Paused))
	switch a := s.agents[ev.Agent]; {
	case ev.Decision.Strategy != "":
		s.must(ev, !ev.Guest && s.eligible(ev.Agent, w, ev.Granted) && w.offers() < max(1, int(s.queue(w.placed.Queue).OfferTo)))
	case ev.Decision.Reason == "agent_started":
		s.must(ev, w.spec.Outbound && w.state == engine.Waiting && a.status != engine.Offline)
	default:
		s.must(ev, (ev.Decision.Reason == "invited") == ev.Guest && (ev.Guest || w.state == engine.Waiting))
		s.must(ev, a.connected && slices.Contains(s.listed(ev.Agent), w.spec.Channel))
		s.must(ev, p.MaxOffers == 0 || s.offersOf(ev.Agent) < int(p.MaxOffers))
		s.must(ev, ev.Guest || !w.placed.Required || w.placed.Agent == ev.Agent)
	}
	s.tries++
	var deadline engine.Time
	if timeout := s.routing(w.placed.Queue).PushTimeout; timeout > 0 && !p.AutoAccept {
		deadline = ev.At + timeout
	}
	s.must(ev, ev.Deadline == deadline)
	if !ev.Guest {
		w.state, w.lost = engine.Offered, ""
	}
	x := &shadowTry{
		agent: ev.Agent, guest: ev.Guest, interruptible: interruptible, size: ev.Size, deadline: deadline, proposed: ev.Decision.Strategy != "",
	}
	w.tries[ev.Assignment], s.agents[ev.Agent].held[ev.Assignment] = x, x
	s.agents[ev.Agent].assigned = ev.At
}

func (s *shadow) answered(ev engine.Event, w *shadowWork, x *shadowTry) {
	s.Helper()
	if ev.Kind == engine.KindOfferAccepted {
		x.accepted = true
		if !x.guest {
			s.accepted(ev, w, x)
		}
		return
	}
	s.must(ev, ev.Kind != engine.KindOfferTimedOut || ev.At >= x.deadline && x.deadline > 0)
	s.released(ev, w, ev.Assignment)
	if x.guest {
		return
	}
	if ev.Kind != engine.KindOfferWithdrawn {
		w.declines++
		w.lost, w.lostAt = "required_agent_did_not_take_it", ev.At
	}
	if ev.Kind == engine.KindOfferDeclined || ev.Kind == engine.KindOfferTimedOut {
		s.excludes(ev.Agent, w)
	}
	if ev.Kind == engine.KindOfferDeclined || ev.Kind == engine.KindOfferUnavailable {
		w.placed.Needs = slices.Clone(w.placed.Needs)
		for i := range w.placed.Needs {
			w.placed.Needs[i].Now, w.placed.Needs[i].Dropped = w.placed.Needs[i].Level, false
			w.placed.NeedsSince, w.placed.DropSince = ev.At, ev.At
		}
	}
	if w.offers() == 0 {
		w.state = engine.Waiting
	}
}

// accepted is the first to accept: nobody else has an offer by then.
func (s *shadow) accepted(ev engine.Event, w *shadowWork, x *shadowTry) {
	s.Helper()
	s.must(ev, w.state == engine.Offered && len(w.tries) == 1)
	w.state, w.last = engine.Open, ev.Agent
	if s.routing(w.placed.Queue).DeclineRule != engine.Forever {
		w.excluded = nil
	}
	s.contact(w, ev)
	if !x.proposed {
		return
	}
	since := w.placed.RequestedAt
	if w.ownedUntil > 0 {
		since = max(w.ownedUntil, w.placed.QueuedAt)
	}
	waited := engine.Accepted{At: ev.At, Wait: max(ev.At-since, 0)}
	s.waits["q/"+w.placed.Queue] = append(s.waits["q/"+w.placed.Queue], waited)
	if names := named(w.placed.Needs); names != "" {
		s.waits["k/"+names] = append(s.waits["k/"+names], waited)
	}
}

func named(needs []engine.Need) string {
	var names []string
	for _, n := range needs {
		names = append(names, n.Skill)
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

func (s *shadow) contact(w *shadowWork, ev engine.Event) {
	if s.channel(w.spec.Channel).LastAgentFor == 0 {
		return
	}
	for _, key := range []string{"conversation " + w.spec.Conversation, "customer " + w.spec.Customer} {
		if !strings.HasSuffix(key, " ") {
			s.contacts[w.spec.Channel+" "+key] = engine.Contact{Agent: ev.Agent, At: ev.At}
		}
	}
}

// progressed is what happens to work at its owner.
func (s *shadow) progressed(ev engine.Event, w *shadowWork, x *shadowTry) {
	s.Helper()
	c := s.channel(w.spec.Channel)
	whole := s.takes(ev.Agent, w.placed.Size, x.interruptible)
	fits := s.fits(ev.Agent, whole, x.interruptible, ev.Assignment)
	switch ev.Kind {
	case engine.KindWorkPaused:
		s.must(ev, w.state == engine.Open)
		want := x.size
		if c.Capacity == engine.ByStatus {
			want = min(want, s.takes(ev.Agent, c.PausedSize, x.interruptible))
		}
		s.must(ev, ev.Size == want)
		x.size, w.state = ev.Size, engine.Paused
	case engine.KindWorkResumed:
		s.must(ev, w.state == engine.Paused)
		s.must(ev, ev.Size == max(x.size, whole) && ev.Granted == (whole > x.size && !fits) && (!ev.Granted || c.ResumeOver))
		x.size, w.state = ev.Size, engine.Open
	case engine.KindWrapUpStarted:
		s.must(ev, w.guests() == 0 && (w.state == engine.Open || w.state == engine.Paused) && c.WrapUp.For > 0 && ev.Deadline == ev.At+c.WrapUp.For)
		want := x.size
		if whole > x.size && (fits || c.ResumeOver) {
			want = whole
		}
		s.must(ev, ev.Size == want && ev.Granted == (want > x.size && !fits))
		s.seen["wrap_up_started/more"] += b2i(want > x.size)
		s.seen["wrap_up_started/as it was"] += b2i(want < whole)
		x.size, x.wrapUp, w.state = ev.Size, ev.Deadline, engine.WrapUpWork
	case engine.KindWrapUpExtended:
		s.must(ev, w.state == engine.WrapUpWork && x.extensions < int(c.WrapUp.Extensions))
		s.must(ev, ev.Deadline == max(x.wrapUp, ev.At)+c.WrapUp.Extension)
		x.wrapUp = ev.Deadline
		x.extensions++
	case engine.KindWorkCompleted:
		s.must(ev, w.guests() == 0 && len(w.tries) == 1)
		s.released(ev, w, ev.Assignment)
		s.ends(ev, w)
	}
}

func (s *shadow) ends(ev engine.Event, w *shadowWork) {
	w.state = map[engine.Kind]engine.WorkState{
		engine.KindWorkCompleted: engine.Closed, engine.KindWorkCancelled: engine.Cancelled,
		engine.KindWorkAbandoned: engine.Abandoned, engine.KindWorkExpired: engine.Expired,
	}[ev.Kind]
	w.endedAt = ev.At
	s.ended = append(s.ended, ev.Work)
}

// released takes an assignment from its agent.
func (s *shadow) released(ev engine.Event, w *shadowWork, id engine.AssignmentID) {
	if x := w.tries[id]; x.accepted && !x.guest {
		w.ownedUntil = ev.At
	}
	delete(s.agents[w.tries[id].agent].held, id)
	delete(w.tries, id)
}

func (s *shadow) excludes(agent string, w *shadowWork) {
	if s.routing(w.placed.Queue).DeclineRule == engine.LastOnly {
		w.excluded = nil
	}
	if !slices.Contains(w.excluded, agent) {
		w.excluded = append(slices.Clone(w.excluded), agent)
	}
}

// moved is what changes how work is placed.
func (s *shadow) moved(ev engine.Event, w *shadowWork) {
	s.Helper()
	s.must(ev, ev.Placed != nil)
	switch ev.Kind {
	case engine.KindWorkReopened:
		s.reopened(ev, w)
	case engine.KindWorkTransferred:
		s.transferred(ev, w)
	case engine.KindWorkOverflowed:
		s.overflowed(ev, w)
	case engine.KindWorkUpdated:
		s.updated(ev, w)
	default:
		s.waited(ev, w)
	}
	w.placed = *ev.Placed
}

func (s *shadow) reopened(ev engine.Event, w *shadowWork) {
	s.Helper()
	spec := w.spec
	spec.ExpiresAt = 0
	s.must(ev, w.state == engine.Closed && ev.Created != nil && reflect.DeepEqual(*ev.Created, spec))
	want := s.place(spec, w.placed.Queue, ev.At, ev.At)
	a, span := s.agents[w.last], s.channel(spec.Channel).LastAgentFor
	switch {
	case s.agents[spec.RequiredAgent] != nil:
		want.Agent, want.Required = spec.RequiredAgent, true
		if slices.ContainsFunc(s.definition.Queues, func(q engine.QueueDefinition) bool { return q.Name == spec.Backup }) {
			want.Backup = spec.Backup
			want.Until = (ev.At + spec.PreferredFor) * engine.Time(b2i(spec.PreferredFor > 0))
		}
		s.seen["work_reopened/required"]++
	case span > 0 && a != nil && a.status != engine.Offline:
		want.Agent, want.Until = w.last, ev.At+span
	}
	s.placedAs(ev, want)
	s.ended = slices.DeleteFunc(s.ended, func(id engine.WorkID) bool { return id == ev.Work })
	w.spec, w.state, w.excluded, w.endedAt, w.lost = spec, engine.Waiting, nil, 0, ""
}

func (s *shadow) transferred(ev engine.Event, w *shadowWork) {
	s.Helper()
	owner, _ := w.owner()
	s.must(ev, w.state != engine.WrapUpWork && ev.Assignment == owner && len(w.tries) == b2i(owner != 0))
	s.must(ev, ev.Created != nil && ev.Created.Key == w.spec.Key && ev.Created.Channel == w.spec.Channel && ev.Placed.RequestedAt <= ev.At)
	queue, why := ev.Created.Queue, wrongDesk
	if !s.direct {
		var further string
		if queue, further = s.follow(*ev.Created, queue, "", ev.Placed.RequestedAt, ev.At, w); further != "" {
			why = further
		}
	}
	s.must(ev, ev.Reason == why)
	s.placedAs(ev, s.place(*ev.Created, queue, ev.Placed.RequestedAt, ev.At))
	if owner != 0 {
		s.released(ev, w, owner)
	}
	w.spec, w.state, w.excluded, w.lost = *ev.Created, engine.Waiting, nil, ""
}

func (s *shadow) updated(ev engine.Event, w *shadowWork) {
	s.Helper()
	s.must(ev, ev.Created != nil && ev.Created.Key == w.spec.Key && ev.Created.Channel == w.spec.Channel)
	s.must(ev, len(ev.Created.Intake) >= len(w.spec.Intake) && slices.Equal(ev.Created.Intake[:len(w.spec.Intake)], w.spec.Intake))
	want := w.placed
	fresh := s.place(*ev.Created, w.placed.Queue, w.placed.RequestedAt, ev.At)
	want.Priority, want.Secondary = fresh.Priority, fresh.Secondary
	if !reflect.DeepEqual(ev.Placed.Needs, want.Needs) || ev.Placed.NeedsSince != want.NeedsSince { // they were given anew
		s.must(ev, ev.Placed.NeedsSince == ev.At || len(ev.Placed.Needs) == 0 && ev.Placed.NeedsSince == 0)
		want.Needs = s.needs(*ev.Created, w.placed.Queue)
		want.NeedsSince, want.DropSince = ev.Placed.NeedsSince, ev.Placed.NeedsSince
	}
	s.placedAs(ev, want)
	w.spec = *ev.Created
}

// waited is what waiting changes by itself.
func (s *shadow) waited(ev engine.Event, w *shadowWork) {
	s.Helper()
	q, r := s.queue(w.placed.Queue), s.routing(w.placed.Queue)
	want := w.placed
	want.Needs = slices.Clone(w.placed.Needs)
	switch ev.Kind {
	case engine.KindTierOpened:
		s.must(ev, w.placed.QueuedAt+q.Tiers[w.placed.Tier-1] <= ev.At)
		want.Tier++
	case engine.KindSkillsDropped:
		group := s.nextGroup(w.placed.Needs)
		s.must(ev, group >= 0 && r.DropAfter > 0 && w.placed.DropSince+r.DropAfter <= ev.At)
		for i := range want.Needs {
			if n := &want.Needs[i]; n.Additional && int(n.Group) == group {
				n.Dropped = true
			}
		}
		want.DropSince += r.DropAfter
	case engine.KindSkillsRelaxed:
		for i := range want.Needs {
			if n := &want.Needs[i]; !n.Dropped {
				n.Now = min(n.Now, levelAfter(*n, ev.At-w.placed.NeedsSince))
			}
		}
		s.must(ev, !reflect.DeepEqual(want.Needs, w.placed.Needs))
	default:
		s.Fatalf("what is %+v?", ev)
	}
	s.must(ev, w.state == engine.Waiting)
	s.placedAs(ev, want)
}

// levelAfter is the level that is required after so long.
func levelAfter(n engine.Need, waited engine.Time) engine.Level {
	level := n.Level
	for _, step := range n.Relax {
		if step.After <= waited {
			level = step.Level
		}
	}
	return level
}

// nextGroup returns which group of additional needs is dropped next, -1 for none.
func (s *shadow) nextGroup(needs []engine.Need) int {
	group := -1
	for _, n := range needs {
		if n.Additional && !n.Dropped {
			group = max(group, int(n.Group))
		}
	}
	return group
}

// dueOf is when waiting changes the work next.
func (s *shadow) dueOf(w *shadowWork) engine.Time {
	at := engine.Time(math.MaxInt64)
	if w.state != engine.Waiting {
		return at
	}
	q, r, p := s.queue(w.placed.Queue), s.routing(w.placed.Queue), w.placed
	if p.Tier > 0 && int(p.Tier) <= len(q.Tiers) {
		at = min(at, p.QueuedAt+q.Tiers[p.Tier-1])
	}
	if r.DropAfter > 0 && s.nextGroup(p.Needs) >= 0 {
		at = min(at, p.DropSince+r.DropAfter)
	}
	for _, n := range p.Needs {
		for _, step := range n.Relax {
			if !n.Dropped && step.Level < n.Now {
				at = min(at, p.NeedsSince+step.After)
			}
		}
	}
	if o := s.overflow(w); o != nil && o.After > 0 && !slices.Contains(p.Passed, p.Queue) {
		at = min(at, p.QueuedAt+o.After)
	}
	if p.Required && p.Backup != "" && p.Until > 0 {
		at = min(at, p.Until)
	}
	return at
}
