// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Coming is something that will happen to work at a time if nothing else
// happens to it before.
type Coming struct {
	At Time
	// Name is stable, such as "tier_opens".
	Name string
	// Text is a sentence without the time, such as "members of tier 2 are
	// asked too (3 agents)".
	Text string
}

// The names of what comes.
const (
	ComingTier      = "tier_opens"
	ComingDrop      = "skills_drop"
	ComingRelax     = "skills_relax"
	ComingOverflow  = "overflows"
	ComingBackup    = "goes_to_backup"
	ComingOthers    = "others_are_asked"
	ComingQueueOpen = "queue_opens"
	ComingHoldEnds  = "hold_ends"
	ComingTarget    = "target"
	ComingExpiry    = "expires"
	ComingTimeout   = "offer_times_out"
	ComingWrapUp    = "wrap_up_ends"
)

// leaves reports whether work is not where it was once this has come.
func (c *Coming) leaves() bool {
	return c.Name == ComingOverflow || c.Name == ComingBackup || c.Name == ComingExpiry
}

// Coming returns what will happen to the work in order of time, up to where it
// leaves its queue or ends. It is empty for work that has ended.
func (e *Engine) Coming(w *Work) []Coming {
	var out []Coming
	switch {
	case w.State.Ended():
		return nil
	case w.State == Waiting:
		out = e.comesToWaiting(w)
	default:
		for x := range w.Standing() {
			if x.State == AssignmentOffered && x.Deadline > 0 {
				out = append(out, Coming{x.Deadline, ComingTimeout, fmt.Sprintf("the offer to %s times out", x.Agent)})
			}
			if x.WrapUpUntil > 0 {
				out = append(out, Coming{x.WrapUpUntil, ComingWrapUp, fmt.Sprintf("%s's wrap-up ends, and the work is closed", x.Agent)})
			}
		}
	}
	if at := w.Spec.ExpiresAt; at > 0 && !w.State.Owned() {
		out = append(out, Coming{at, ComingExpiry, "it expires"})
	}
	slices.SortStableFunc(out, func(a, b Coming) int { return cmp.Compare(a.At, b.At) })
	if last := slices.IndexFunc(out, func(c Coming) bool { return c.leaves() }); last >= 0 {
		out = out[:last+1]
	}
	return out
}

func (e *Engine) comesToWaiting(w *Work) (out []Coming) {
	q := e.queueOf(w)
	if at := q.opens(e.now); q.held() && at > 0 {
		out = append(out, Coming{at, ComingQueueOpen, fmt.Sprintf("queue %q opens", w.Queue)})
	}
	if w.Hold != nil && w.Hold.Until > 0 {
		out = append(out, Coming{w.Hold.Until, ComingHoldEnds, "its hold ends"})
	}
	for tier := w.Tier; tier > 0 && int(tier) <= len(q.definition.Tiers); tier++ {
		out = append(out, Coming{
			w.QueuedAt + q.definition.Tiers[tier-1], ComingTier,
			fmt.Sprintf("members of tier %d are asked too (%s)", tier+1, agents(q.ofTier(tier+1))),
		})
	}
	for _, d := range e.drops(w) {
		out = append(out, Coming{d.at, ComingDrop, strings.Join(d.skills, " and ") + " " + isOrAre(len(d.skills)) + " no longer required"})
	}
	out = append(out, w.relaxes()...)
	switch o := w.overflow(q); {
	case w.Required && w.Backup != "" && w.Until > 0:
		out = append(out, Coming{w.Until, ComingBackup, fmt.Sprintf("it moves to queue %q, its backup", w.Backup)})
	case o != nil && o.After > 0:
		out = append(out, Coming{w.QueuedAt + o.After, ComingOverflow, fmt.Sprintf("it moves to queue %q", o.To)})
	}
	if agent, until := e.Reserved(w); agent != "" && until > e.now {
		out = append(out, Coming{until, ComingOthers, fmt.Sprintf("others than %s are asked", agent)})
	}
	if at := w.Spec.TargetAcceptAt; at > e.now {
		out = append(out, Coming{at, ComingTarget, "it should have been accepted"})
	}
	return out
}

// Reserved returns the agent whom the work prefers, and until when strategies
// are to ask nobody else; empty if it prefers none. The host does not enforce
// it.
func (e *Engine) Reserved(w *Work) (agent string, until Time) {
	if w.Required {
		return "", 0
	}
	return w.Agent, w.Until
}

// ofTier counts the members of a tier.
func (q *queue) ofTier(tier uint16) (n int) {
	for _, a := range q.members {
		if a.membership(q.definition.Name).tier() == tier {
			n++
		}
	}
	return n
}

func agents(n int) string {
	if n == 1 {
		return "1 agent"
	}
	return fmt.Sprintf("%d agents", n)
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// dropping is a group of additional skills that is to be dropped.
type dropping struct {
	at     Time
	group  uint16
	skills []string
}

// drops lists the groups that are still to be dropped, if the work only waits.
func (e *Engine) drops(w *Work) (out []dropping) {
	q := e.queueOf(w)
	placed := w.Placement
	for placed.dropsNext(q) {
		group, _ := nextGroup(placed.Needs)
		d := dropping{at: placed.DropSince + q.routing.DropAfter, group: group}
		for i := range placed.Needs {
			if n := &placed.Needs[i]; n.Additional && n.Group == group && !n.Dropped {
				d.skills = append(d.skills, fmt.Sprintf("%s %v", n.Skill, Milli(n.Now)))
			}
		}
		out = append(out, d)
		placed.dropNext(d.at)
	}
	return out
}

// relaxes lists when levels are lowered.
func (w *Work) relaxes() (out []Coming) {
	for i := range w.Needs {
		n, now := &w.Needs[i], w.Needs[i].Now
		for _, step := range n.Relax {
			if !n.Dropped && step.Level < now {
				out = append(out, Coming{
					w.NeedsSince + step.After, ComingRelax,
					fmt.Sprintf("%s is required at level %v instead of %v", n.Skill, Milli(step.Level), Milli(now)),
				})
				now = step.Level
			}
		}
	}
	return out
}

// Requirement is a skill that work requires, and who says so.
type Requirement struct {
	Need
	// From lists who requires it: "routing_config", "source", "rules" (the
	// channel's skill rules, or the flow), or else "queue_default".
	From []string
}

// Requirements returns what the work requires, dropped skills included, with
// whoever requires it by the definition in force.
func (e *Engine) Requirements(w *Work) []Requirement {
	sources := []struct {
		name  string
		needs []Need
	}{{"routing_config", nil}, {"source", w.Spec.Needs}, {"rules", w.Spec.Ruled}}
	if q := e.queueOf(w); q != nil {
		sources[0].needs = q.routing.Needs
	}
	out := make([]Requirement, len(w.Needs))
	for i := range w.Needs {
		out[i].Need = w.Needs[i]
		for _, s := range sources {
			if slices.ContainsFunc(s.needs, func(n Need) bool { return n.Skill == w.Needs[i].Skill }) {
				out[i].From = append(out[i].From, s.name)
			}
		}
		if len(out[i].From) == 0 {
			out[i].From = []string{"queue_default"}
		}
	}
	return out
}

// EstimatedWaitAt is EstimatedWaitFor at a time, which may be later than any the
// workspace has heard of.
func (e *Engine) EstimatedWaitAt(w *Work, now Time) (Time, bool) {
	if len(w.Needs) > 0 {
		if wait, ok := e.waits.estimate(withSkills(w.Needs), now); ok {
			return wait, true
		}
	}
	return e.waits.estimate(inQueue(w.Queue), now)
}
