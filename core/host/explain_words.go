// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// sentence says what happened to the work. Before is nil for work that has just
// come in.
func (t *tale) sentence(ev *engine.Event, before, after *engine.Work) string {
	if text, ok := offerSentence(ev, before, after); ok {
		return text
	}
	if text, ok := ownerSentence(ev, before, after); ok {
		return text
	}
	switch ev.Kind {
	case engine.KindWorkCreated:
		return cameIn(after)
	case engine.KindWorkReopened:
		return fmt.Sprintf("was reopened and waits in queue %q", after.Queue)
	case engine.KindWorkCancelled:
		return because("was withdrawn by its source", ev.Reason)
	case engine.KindWorkAbandoned:
		return "was abandoned: the customer left after " + (ev.At - after.RequestedAt).Span()
	case engine.KindWorkExpired:
		return "expired: its time to live ran out"
	case engine.KindWorkTransferred:
		return transferred(ev, before, after)
	case engine.KindWorkOverflowed:
		return fmt.Sprintf("moved from queue %q to queue %q: %s", ev.Queue, after.Queue, movedBecause(ev.Reason))
	case engine.KindWorkUpdated:
		if ev.Instruction != nil {
			return because("was reprioritised"+by(ev), ev.Reason)
		}
		return "was updated"
	case engine.KindTierOpened:
		return fmt.Sprintf("tier %d opened, after %s in the queue", after.Tier, (ev.At - after.QueuedAt).Span())
	case engine.KindSkillsDropped:
		return "dropped " + strings.Join(dropped(before, after), " and ") + ", which nobody took it with"
	case engine.KindSkillsRelaxed:
		return "lowered what it requires: " + strings.Join(relaxed(before, after), ", ")
	case engine.KindWorkHeld, engine.KindHoldEnded, engine.KindWorkAnnotated:
		return instructedSentence(ev)
	case engine.KindExclusionsCleared:
		return "everybody who could have taken it had declined; all are asked again"
	case engine.KindQueueOpened:
		return fmt.Sprintf("queue %q opened", ev.Queue)
	case engine.KindQueueClosed:
		return fmt.Sprintf("queue %q closed", ev.Queue)
	case engine.KindConfigured:
		return fmt.Sprintf("config %d came into force", ev.Config)
	case engine.KindStrategyChanged:
		return because(fmt.Sprintf("strategy %q is %s", ev.Decision.Strategy, ev.Status), ev.Reason)
	default:
		return ev.Kind.String()
	}
}

// offerSentence tells of offers and what became of them.
func offerSentence(ev *engine.Event, before, after *engine.Work) (string, bool) {
	switch ev.Kind {
	case engine.KindWorkOffered:
		return offered(ev), true
	case engine.KindOfferAccepted:
		if ev.Guest {
			return ev.Agent + " joined", true
		}
		offer := tryOf(after, ev.Assignment)
		return fmt.Sprintf("%s accepted it after %s; it had waited for %s in all",
			ev.Agent, (ev.At - offer.OfferedAt).Span(), (ev.At - after.RequestedAt).Span()), true
	case engine.KindOfferDeclined:
		return because(ev.Agent+" declined it", ev.Reason), true
	case engine.KindOfferTimedOut:
		offer := tryOf(before, ev.Assignment)
		return fmt.Sprintf("%s did not answer within %s", ev.Agent, (ev.At - offer.OfferedAt).Span()), true
	case engine.KindOfferUnavailable:
		return ev.Agent + " went away before answering", true
	case engine.KindOfferWithdrawn:
		return fmt.Sprintf("the offer to %s was taken back%s: %s", ev.Agent, by(ev), takenBackBecause(ev.Reason)), true
	default:
		return "", false
	}
}

// instructedSentence tells of what a router or a person had done with the work.
func instructedSentence(ev *engine.Event) string {
	switch {
	case ev.Kind == engine.KindWorkAnnotated:
		return "was annotated" + by(ev) + ": " + ev.Reason
	case ev.Kind == engine.KindHoldEnded && ev.Instruction == nil:
		return "its hold ran out"
	case ev.Kind == engine.KindHoldEnded:
		return because("was cleared"+by(ev), ev.Reason)
	case ev.Deadline > 0:
		return because(fmt.Sprintf("was held%s for at most %s", by(ev), (ev.Deadline-ev.At).Span()), ev.Reason)
	default:
		return because("was held"+by(ev)+" until that is cleared", ev.Reason)
	}
}

// by names who had something done: " by vendor".
func by(ev *engine.Event) string {
	if ev.Instruction == nil || ev.Instruction.By == "" {
		return ""
	}
	return " by " + ev.Instruction.By
}

func offered(ev *engine.Event) string {
	d := ev.Decision
	what := fmt.Sprintf("offered to %s as %v", ev.Agent, ev.Assignment)
	if ev.Guest {
		what = fmt.Sprintf("%s was invited to join, as %v", ev.Agent, ev.Assignment)
	}
	switch {
	case d.Strategy != "":
		text := fmt.Sprintf("%s by strategy %q", what, d.Strategy)
		if d.Reason != "" {
			text += fmt.Sprintf(": %s, score %d", d.Reason, d.Score)
		}
		return text
	case ev.Guest:
		return what
	case d.Reason == "agent_started":
		return what + ", who started it"
	case d.Reason == "reopened":
		return what + ", who had it before"
	default:
		return what + ", as the transfer says"
	}
}

// ownerSentence tells of what happens while the work is with an agent.
func ownerSentence(ev *engine.Event, before, after *engine.Work) (string, bool) {
	switch ev.Kind {
	case engine.KindGuestLeft:
		return because(ev.Agent+" left", ev.Reason), true
	case engine.KindWorkPaused:
		return because("paused", ev.Reason) + fmt.Sprintf("; it holds %v of %s's capacity", ev.Size, ev.Agent), true
	case engine.KindWorkResumed:
		return fmt.Sprintf("%s goes on with it", ev.Agent), true
	case engine.KindWrapUpStarted:
		return fmt.Sprintf("%s wraps it up, for at most %s", ev.Agent, (ev.Deadline - ev.At).Span()), true
	case engine.KindWrapUpExtended:
		return fmt.Sprintf("%s prolonged wrapping up by %s", ev.Agent, (ev.Deadline - tryOf(before, ev.Assignment).WrapUpUntil).Span()), true
	case engine.KindWorkCompleted:
		return completed(ev, after), true
	case engine.KindWorkRequeued:
		return because("was taken from "+ev.Agent, ev.Reason), true
	case engine.KindHandedOver:
		return fmt.Sprintf("%s, who had joined, has it now", ev.Agent), true
	default:
		return "", false
	}
}

func completed(ev *engine.Event, after *engine.Work) string {
	x := tryOf(after, ev.Assignment)
	text := fmt.Sprintf("%s completed it after %s", ev.Agent, x.HandleTime(ev.At).Span())
	if wrapUp := x.WrapUpTime(ev.At); wrapUp > 0 {
		text += ", wrapping up for " + wrapUp.Span() + " of it"
	}
	if hold := x.HoldTime(ev.At); hold > 0 {
		text += ", paused for " + hold.Span() + " of it"
	}
	return because(text, ev.Reason)
}

func transferred(ev *engine.Event, before, after *engine.Work) string {
	text := "was transferred"
	if ev.Agent != "" {
		text += " by " + ev.Agent
	}
	if before != nil && before.Queue != after.Queue {
		text += fmt.Sprintf(" from queue %q to queue %q", before.Queue, after.Queue)
	} else {
		text += fmt.Sprintf(" within queue %q", after.Queue)
	}
	return because(text, ev.Reason)
}

// because adds a reason in the words of whoever gave it.
func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

// movedBecause puts the engine's reasons for moving work into words.
func movedBecause(reason string) string {
	switch reason {
	case "waited":
		return "it had waited there long enough"
	case "closed":
		return "that is closed"
	case "full":
		return "too much waits there"
	case "nobody_signed_in":
		return "nobody who could take it is signed in"
	case "required_agent_did_not_take_it":
		return "the agent it was for did not take it"
	default:
		return reason
	}
}

func takenBackBecause(reason string) string {
	switch reason {
	case "accepted_by_another":
		return "another accepted first"
	case "transferred":
		return "it is transferred"
	case "work_cancelled", "work_abandoned", "work_expired":
		return "the work ends"
	case "":
		return "somebody said so"
	default:
		return reason
	}
}

// tryOf finds an assignment; an empty one if it is forgotten.
func tryOf(w *engine.Work, id engine.AssignmentID) *engine.Assignment {
	if w != nil {
		for i := range w.Assignments {
			if x := &w.Assignments[i]; x.ID == id {
				return x
			}
		}
	}
	return &engine.Assignment{}
}

// chosen says why an offer went where it did.
func (t *tale) chosen(c *Choice, ev *engine.Event, w *engine.Work) []string {
	d := ev.Decision
	by := fmt.Sprintf("strategy %q", d.Strategy)
	if d.Version != "" {
		by += " " + d.Version
	}
	turns := fmt.Sprintf("turn %d", d.Turn)
	switch first := c.Turns.First; {
	case c.Turns.Certain && first < d.Turn:
		turns += fmt.Sprintf(" (it has had the work before it since turn %d)", first)
	case first > 1 && first < d.Turn:
		turns += fmt.Sprintf(" (it cannot have had the work before turn %d)", first)
	}
	notes := []string{fmt.Sprintf("decided by %s, %s, epoch %d, %s, under config %d", by, d.Runtime, d.Epoch, turns, d.Config)}
	s := c.Survey
	if s == nil {
		return notes
	}
	notes = append(notes, surveyed(s, w))
	switch {
	case t.engine.Drawn(w):
		notes = append(notes, fmt.Sprintf("%s was drawn by weight: %s", ev.Agent, c.Figure))
	case c.Agrees && s.Candidates > 1:
		notes = append(notes, fmt.Sprintf("%s comes first by %s: %s", ev.Agent, c.Model, c.Figure))
	case c.Agrees:
		notes = append(notes, fmt.Sprintf("%s was the only one: %s", ev.Agent, c.Figure))
	case ev.Granted:
		notes = append(notes, fmt.Sprintf("%s has too little capacity free, which the strategy may exceed", ev.Agent))
	default:
		notes = append(notes, fmt.Sprintf("%s does not come first by %s (%s): the strategy has reasons of its own, or a turn saw it otherwise", ev.Agent, c.Model, c.Figure))
	}
	for i := range c.Passed {
		notes = append(notes, c.Passed[i].Text)
	}
	return notes
}

// outranked says why one candidate was chosen and another not.
func (t *tale) outranked(a, chosen *engine.Agent, ev *engine.Event, w *engine.Work) string {
	model, mine := t.engine.Model(w), t.engine.Figure(w, a, ev.At)
	if chosen == nil {
		return fmt.Sprintf("%s could have taken it: %s", a.ID, mine)
	}
	theirs := t.engine.Figure(w, chosen, ev.At)
	switch agent, until := t.engine.Reserved(w); {
	case agent == chosen.ID && (until == 0 || until > ev.At):
		return fmt.Sprintf("%s could have taken it, but it prefers %s", a.ID, chosen.ID)
	case t.engine.Drawn(w):
		return fmt.Sprintf("%s could have taken it, but %s was drawn (%v: %s against %s)", a.ID, chosen.ID, model, theirs, mine)
	case t.engine.ByModel(w, chosen, a) > 0:
		return fmt.Sprintf("%s could have taken it, and comes before %s by %v (%s against %s): the strategy chose otherwise", a.ID, chosen.ID, model, mine, theirs)
	case mine == theirs:
		return fmt.Sprintf("%s could have taken it, but %s ranked before by the rules for ties (%v: both %s)", a.ID, chosen.ID, model, mine)
	default:
		return fmt.Sprintf("%s could have taken it, but %s ranked before (%v: %s against %s)", a.ID, chosen.ID, model, theirs, mine)
	}
}

// refused says why a proposal was refused. It is asked before the event has
// happened.
func (t *tale) refused(ev *engine.Event, w *engine.Work) string {
	who := ev.Agent
	if who == "" {
		who = "an agent nobody knows"
	}
	text := fmt.Sprintf("strategy %q proposed it for %s, refused as %v", ev.Decision.Strategy, who, ev.Verdict)
	a, ok := t.engine.Agent(ev.Agent)
	if ok && w != nil && w.State == engine.Waiting && !aboutWork(ev.Verdict) {
		if obstacles := t.engine.Obstacles(w, a); len(obstacles) > 0 {
			return text + ": " + ev.Agent + " " + obstacleList(obstacles, ev.At)
		}
	}
	if why := refusedBecause(ev.Verdict); why != "" {
		text += ": " + why
	}
	return text
}

func refusedBecause(v route.Verdict) string {
	switch v {
	case route.VerdictStale:
		return "it had changed since the strategy saw it"
	case route.VerdictGone:
		return "it had ended"
	case route.VerdictAlreadyAssigned:
		return "it was offered or open already"
	case route.VerdictUnknownWork:
		return "the strategy named work that is not on its board"
	case route.VerdictUnknownAgent:
		return "the strategy named an agent who is not on its board"
	default:
		return ""
	}
}

// consequences lists what else an event has changed about the work.
func (t *tale) consequences(ev *engine.Event, before, after *engine.Work) (out []string) {
	switch ev.Kind {
	case engine.KindWorkCreated:
		return t.arrival(ev, after)
	case engine.KindOfferDeclined, engine.KindOfferTimedOut, engine.KindOfferUnavailable, engine.KindOfferWithdrawn:
		return missed(ev, before, after)
	case engine.KindTierOpened, engine.KindSkillsDropped, engine.KindSkillsRelaxed:
		if w, ok := t.engine.Work(t.id); ok && t.asked <= maxAsked {
			s := t.engine.Survey(w, namedFew)
			t.asked += s.Asked
			out = append(out, surveyed(&s, w))
		}
	case engine.KindWorkTransferred, engine.KindWorkOverflowed, engine.KindWorkReopened, engine.KindWorkUpdated, engine.KindConfigured:
		out = append(out, changes(before, after)...)
	}
	if w, ok := t.engine.Work(t.id); ok && after.State == engine.Waiting && ev.Kind != engine.KindProposalRefused {
		if u, ok := t.engine.Unroutable(w); ok {
			out = append(out, "nobody could ever take it so: "+u.Text)
		}
	}
	return out
}

// missed lists what follows for the work from an offer that came to nothing.
func missed(ev *engine.Event, before, after *engine.Work) (out []string) {
	if before == nil || ev.Guest {
		return nil
	}
	if slices.Contains(after.Excluded, ev.Agent) {
		out = append(out, "it is not offered to "+ev.Agent+" again for now; kept from: "+strings.Join(after.Excluded, ", "))
	}
	if ev.Kind == engine.KindOfferDeclined || ev.Kind == engine.KindOfferUnavailable {
		if !slices.EqualFunc(before.Needs, after.Needs, sameNeed) {
			out = append(out, "it requires again what it did at first: "+skillList(after.Needs))
		} else if slices.ContainsFunc(after.Needs, func(n engine.Need) bool { return n.Additional || len(n.Relax) > 0 }) {
			out = append(out, "the time after which it requires less begins anew")
		}
	}
	switch {
	case after.State == engine.Waiting:
		out = append(out, "it waits again and keeps its age")
	case after.Offers() > 0:
		out = append(out, count(after.Offers(), "other offer")+" of it stand")
	}
	return out
}

func sameNeed(a, b engine.Need) bool {
	return a.Skill == b.Skill && a.Now == b.Now && a.Dropped == b.Dropped
}

// changes lists in what way work is routed otherwise than before.
func changes(before, after *engine.Work) (out []string) {
	if before == nil {
		return nil
	}
	if before.Priority != after.Priority {
		out = append(out, fmt.Sprintf("priority %d instead of %d", after.Priority, before.Priority))
	}
	if before.Size != after.Size {
		out = append(out, fmt.Sprintf("it takes %s instead of %s", amount(after.Size), amount(before.Size)))
	}
	if !slices.EqualFunc(before.Needs, after.Needs, sameNeed) {
		out = append(out, fmt.Sprintf("it requires %s instead of %s", skillList(after.Needs), skillList(before.Needs)))
	}
	if before.Tier != after.Tier && after.Tier > 0 {
		out = append(out, fmt.Sprintf("members up to tier %d are asked", after.Tier))
	}
	if before.RequestedAt != after.RequestedAt {
		out = append(out, fmt.Sprintf("it counts as %s younger", (after.RequestedAt-before.RequestedAt).Span()))
	}
	if before.Agent != after.Agent {
		out = append(out, forWhom(after)...)
	}
	for _, name := range attributesChanged(before.Spec.Attributes, after.Spec.Attributes) {
		out = append(out, fmt.Sprintf("attribute %s is %q instead of %q", name, after.Spec.Attributes[name], before.Spec.Attributes[name]))
	}
	return out
}

func attributesChanged(a, b map[string]string) (names []string) {
	all := maps.Clone(b)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, a)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if a[name] != b[name] {
			names = append(names, name)
		}
	}
	return names
}

func forWhom(w *engine.Work) []string {
	switch {
	case w.Agent == "":
		return []string{"it is for nobody in particular any more"}
	case w.Required:
		return []string{"it requires " + w.Agent}
	default:
		return []string{"it prefers " + w.Agent}
	}
}
