// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func (s *shadow) counts(queue string) (counts [engine.Expired + 1]int) {
	for _, w := range s.work {
		if w.placed.Queue == queue {
			counts[w.state]++
		}
	}
	return counts
}

func (s *shadow) waiting() (n int) {
	for _, w := range s.work {
		n += b2i(w.state == engine.Waiting)
	}
	return n
}

// agrees compares the shadow with the engine.
func (s *shadow) agrees(e *engine.Engine) {
	s.Helper()
	total := s.forgotten
	e.EachWork(0, func(item *engine.Work) bool {
		total++
		w := s.work[item.ID]
		if w == nil {
			s.Fatalf("%v should be forgotten, or never was", item.ID)
		}
		s.sameWork(item, w)
		s.sameWay(e, item, w)
		return true
	})
	if total != s.created {
		s.Fatalf("%d items came in; %d are there or forgotten", s.created, total)
	}
	s.sameAgents(e)
	e.EachQueue(func(b engine.Backlog) bool {
		s.sameQueue(b)
		return true
	})
}

func (s *shadow) sameQueue(b engine.Backlog) {
	s.Helper()
	name := b.Queue.Name
	counts := s.counts(name)
	open := counts[engine.Open] + counts[engine.Paused] + counts[engine.WrapUpWork]
	if b.Waiting != counts[engine.Waiting] || b.Offered != counts[engine.Offered] || b.Open != open || b.Closed != s.closed[name] {
		s.Fatalf("queue %s counts %+v, there are %v; closed: %v", name, b, counts, s.closed[name])
	}
	var oldest engine.Time
	unroutable := 0
	for _, w := range s.work {
		if w.placed.Queue == name && w.state == engine.Waiting {
			if oldest == 0 || w.placed.RequestedAt < oldest {
				oldest = w.placed.RequestedAt
			}
			unroutable += b2i(s.unroutable(w))
		}
	}
	if b.Oldest != oldest || b.Unroutable != unroutable {
		s.Fatalf("in queue %s the oldest waits since %d, not %d; %d can go to nobody, not %d", name, oldest, b.Oldest, unroutable, b.Unroutable)
	}
	wait, ok := s.estimate("q/" + name)
	if b.Estimated != ok || b.EstimatedWait != wait {
		s.Fatalf("queue %s estimates %d, %v, should %d, %v", name, b.EstimatedWait, b.Estimated, wait, ok)
	}
	var present, members, available int
	for id, a := range s.agents {
		if s.tier(id, name) == 0 {
			continue
		}
		members++
		present += b2i(s.isIn(id))
		p := s.presence(id)
		used, _ := s.used(id, 0)
		available += b2i(len(s.listed(id)) > 0 && a.connected && used < p.Capacity && len(a.held) < int(p.MaxOpen))
	}
	if b.Present != present || b.Members != members || b.Available != available {
		s.Fatalf("queue %s has %d members, %d there, %d available, not %+v", name, members, present, available, b)
	}
}

func (s *shadow) unroutable(w *shadowWork) bool {
	return !s.somebody(w.placed.Queue, w.spec, w.placed, func(string) bool { return true })
}

// estimate is the mean of the last ten waits of the last ten minutes, by weights
// from ten down.
func (s *shadow) estimate(of string) (engine.Time, bool) {
	list := s.waits[of]
	var sum, weights engine.Time
	for weight := engine.Time(10); weight > 0 && len(list) > 0; weight-- {
		newest := list[len(list)-1]
		list = list[:len(list)-1]
		if s.told-newest.At <= 10*minute {
			sum += weight * newest.Wait
			weights += weight
		}
	}
	if weights == 0 {
		return 0, false
	}
	return sum / weights, true
}

func (s *shadow) sameWork(item *engine.Work, w *shadowWork) {
	s.Helper()
	if item.State != w.state || item.Declines != w.declines || !slices.Equal(item.Excluded, w.excluded) || item.EndedAt != w.endedAt {
		s.Fatalf("%v is %+v, should be %+v", item.ID, item, w)
	}
	if !reflect.DeepEqual(item.Placement, w.placed) || !reflect.DeepEqual(item.Spec, w.spec) {
		s.Fatalf("%v is placed as %+v, should be as %+v", item.ID, item.Placement, w.placed)
	}
	if !reflect.DeepEqual(item.Hold, w.hold) || !slices.Equal(item.Notes, w.notes) || !slices.Equal(item.Instructed, w.instructed) {
		s.Fatalf("%v is held as %+v, noted as %+v, instructed as %+v; should be %+v, %+v, %+v",
			item.ID, item.Hold, item.Notes, item.Instructed, w.hold, w.notes, w.instructed)
	}
	n := 0
	for x := range item.Standing() {
		n++
		want := w.tries[x.ID]
		if want == nil || x.Agent != want.agent || x.Guest != want.guest || (x.State == engine.AssignmentAccepted) != want.accepted ||
			x.Size != want.size || x.Deadline != want.deadline || x.WrapUpUntil != want.wrapUp || int(x.Extensions) != want.extensions ||
			x.Interruptible != want.interruptible || (x.PausedAt > 0) != (w.state == engine.Paused && !x.Guest) {
			s.Fatalf("%v of %v is %+v, should be %+v", x.ID, item.ID, x, want)
		}
	}
	id, owner := w.owner()
	if n != len(w.tries) || (owner != nil) != w.state.Owned() || (w.offers() > 0) != (w.state == engine.Offered) || w.guests() > 0 && owner == nil {
		s.Fatalf("%v is %v with %d assignments: %+v", item.ID, w.state, n, w.tries)
	}
	if x := item.Owner(); (x != nil) != (owner != nil) || x != nil && x.ID != id {
		s.Fatalf("%v belongs to %+v, should to %v", item.ID, x, id)
	}
}

// sameWay compares what is said of work that waits.
func (s *shadow) sameWay(e *engine.Engine, item *engine.Work, w *shadowWork) {
	s.Helper()
	u, stuck := e.Unroutable(item)
	if want := w.state == engine.Waiting && s.unroutable(w); stuck != want || stuck && (u.Reason == "" || u.Text == "" || u.Help == "") {
		s.Fatalf("%v can go to nobody: %v, not %v; it says %+v", item.ID, want, stuck, u)
	}
	wait, ok := e.EstimatedWaitFor(item)
	want, known := engine.Time(0), false
	if names := named(w.placed.Needs); names != "" {
		want, known = s.estimate("k/" + names)
	}
	if !known {
		want, known = s.estimate("q/" + w.placed.Queue)
	}
	if wait != want || ok != known {
		s.Fatalf("%v is estimated to wait %d, %v, should %d, %v", item.ID, wait, ok, want, known)
	}
	if w.state != engine.Waiting {
		return
	}
	if len(w.excluded) > 0 && s.routing(w.placed.Queue).DeclineRule == engine.UntilExhausted && s.exhausted(w) {
		s.Fatalf("%v waits for nobody: all have declined, %v", item.ID, w.excluded)
	}
	position := 1
	for id, other := range s.work {
		if other.state == engine.Waiting && other.placed.Queue == w.placed.Queue && slices.Compare(rank(id, other), rank(item.ID, w)) < 0 {
			position++
		}
	}
	if got, ok := e.Position(item); !ok || got != position {
		s.Fatalf("%v is at position %d, %v, should be at %d", item.ID, got, ok, position)
	}
}

// rank orders what waits.
func rank(id engine.WorkID, w *shadowWork) []int64 {
	target := int64(w.spec.TargetAcceptAt)
	if target == 0 {
		target = math.MaxInt64
	}
	return []int64{int64(w.placed.Priority), int64(w.placed.Secondary), target, int64(w.placed.RequestedAt), int64(id)}
}

func (s *shadow) sameAgents(e *engine.Engine) {
	s.Helper()
	e.EachAgent("", func(a *engine.Agent) bool {
		want := s.agents[a.ID]
		if want == nil {
			s.Fatalf("agent %s should not be there", a.ID)
		}
		primary, interruptible := s.used(a.ID, 0)
		if a.Status != want.status || a.Connected != want.connected || a.GraceUntil != want.grace || a.Used != primary ||
			a.InterruptibleUsed != interruptible || int(a.Offers) != s.offersOf(a.ID) || len(a.Held) != len(want.held) {
			s.Fatalf("agent %s is %+v, should be %+v", a.ID, a, want)
		}
		if a.IdleSince != want.idle || a.SignedInAt != want.signedIn || a.StatusSince != want.changed || a.AssignedAt != want.assigned || a.Cause != want.cause {
			s.Fatalf("agent %s has been %+v, should have been %+v", a.ID, a, want)
		}
		for _, id := range a.Held {
			if _, ok := want.held[id]; !ok {
				s.Fatalf("agent %s holds %v and should not", a.ID, id)
			}
		}
		p := s.presence(a.ID)
		if a.Excess != max(0, primary-p.Capacity) || a.InterruptibleExcess != max(0, interruptible-p.Interruptible) {
			s.Fatalf("agent %s holds %v of %v and %v of %v, excess %v and %v", a.ID, primary, p.Capacity, interruptible, p.Interruptible, a.Excess, a.InterruptibleExcess)
		}
		skills := make(map[string]engine.Level)
		for _, k := range a.Skills {
			skills[k.Name] = k.Level
		}
		if !reflect.DeepEqual(skills, s.skills(a.ID)) {
			s.Fatalf("agent %s holds skills %v, should %v", a.ID, skills, s.skills(a.ID))
		}
		return true
	})
}

// nothingDue objects to anything that a tick at that time should have ended.
func (s *shadow) nothingDue(at engine.Time) {
	s.Helper()
	if next, what, ok := s.nextDue(); ok && next <= at {
		s.Fatalf("it is %d, and something was due at %d: %s", at, next, what)
	}
}

// nextDue returns the next time at which something runs out.
func (s *shadow) nextDue() (at engine.Time, what string, ok bool) {
	due := func(t engine.Time, of string) {
		if t > 0 && t < math.MaxInt64 && (!ok || t < at) {
			at, what, ok = t, of, true
		}
	}
	for id, w := range s.work {
		for _, x := range w.tries {
			due(x.deadline*engine.Time(b2i(!x.accepted)), "an offer")
			due(x.wrapUp, "wrap-up")
		}
		due(w.spec.ExpiresAt*engine.Time(b2i(w.state == engine.Waiting || w.state == engine.Offered)), "the life of "+id.String())
		due(s.dueOf(w), fmt.Sprintf("what %v waits for: %+v", id, w.placed))
		if w.hold != nil {
			due(w.hold.Until, "the hold of "+id.String())
		}
	}
	for id, a := range s.agents {
		due(a.grace, "grace of "+id)
		due(s.skillsChange(id), "a skill of "+id)
	}
	for i := range s.definition.Queues {
		name := s.definition.Queues[i].Name
		if t, ok := s.opensOrCloses(name, s.told); ok {
			due(t, "hours of "+name)
		}
	}
	return at, what, ok
}
