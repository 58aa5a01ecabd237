// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
)

// Violation is a breach of an invariant: a fault in this program, never a
// user's.
type Violation struct {
	// Rule is the invariant's stable name.
	Rule string
	// Detail says what was found.
	Detail string
}

// String writes rule and detail.
func (v Violation) String() string { return v.Rule + ": " + v.Detail }

// The invariants.
const (
	RuleLedger       = "counters_equal_ledger"
	RuleCapacity     = "nobody_over_capacity"
	RuleOneAgent     = "no_item_at_two_agents"
	RuleDeadline     = "no_offer_outlives_its_deadline"
	RuleNothingLost  = "no_work_lost"
	deadlineLeeway   = 5000 // a host that was stopped for a while is late, not wrong
	fullAuditEntries = 20_000
)

// Audit checks the invariants and returns what breaks them, nil if nothing
// does. It looks at count agents from the given one on and all they hold, and
// returns where to go on; 0 means that the round is complete. A small
// workspace is checked whole, counters included, each time. It expects that
// due timers have run: an offer a few seconds past its deadline is a find.
func (e *Engine) Audit(from, count int) (next int, found []Violation) {
	c := &audit{Engine: e}
	if len(e.roster)+len(e.inOrder) <= fullAuditEntries {
		c.all()
		return 0, c.found
	}
	until := min(from+count, len(e.roster))
	for _, a := range e.roster[min(from, until):until] {
		c.agent(a)
	}
	if until == len(e.roster) {
		until = 0
	}
	return until, c.found
}

type audit struct {
	*Engine
	found []Violation
	held  int
}

func (c *audit) report(rule, format string, args ...any) {
	c.found = append(c.found, Violation{Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

func (c *audit) all() {
	for _, a := range c.roster {
		c.agent(a)
	}
	counts := make(map[string]*[Expired + 1]int)
	standing, kept, current := 0, 0, 0
	for _, w := range c.inOrder {
		if w.forgotten {
			continue
		}
		kept++
		standing += c.oneWork(w)
		if counts[w.Queue] == nil {
			counts[w.Queue] = new([Expired + 1]int)
		}
		counts[w.Queue][w.State]++
		if !w.State.Ended() {
			current++
		}
	}
	c.EachCurrent(0, func(*Work) bool {
		current--
		return true
	})
	if standing != c.held {
		c.report(RuleOneAgent, "%d assignments stand, but agents hold %d", standing, c.held)
	}
	if kept != len(c.work) {
		c.report(RuleNothingLost, "%d items are known, %d in order", len(c.work), kept)
	}
	if current != 0 {
		c.report(RuleNothingLost, "%d items have not ended and are not current", current)
	}
	c.queueCounts(counts)
}

func (c *audit) queueCounts(counts map[string]*[Expired + 1]int) {
	for i := range c.definition.Queues {
		q := c.queues[c.definition.Queues[i].Name]
		want := counts[q.definition.Name]
		if want == nil {
			want = new([Expired + 1]int)
		}
		for _, state := range []WorkState{Waiting, Offered, Open, Paused, WrapUpWork} {
			if q.counts[state] != want[state] {
				c.report(RuleLedger, "queue %q counts %d %v items, there are %d", q.definition.Name, q.counts[state], state, want[state])
			}
		}
	}
}

func (c *audit) agent(a *Agent) {
	var used, interruptible Milli
	offers := 0
	for _, id := range a.Held {
		c.held++
		w, ok := c.assignments[id]
		if !ok {
			c.report(RuleNothingLost, "agent %q holds %v, which is not known", a.ID, id)
			continue
		}
		x := w.assignment(id)
		if x == nil || !x.State.Stands() || x.Agent != a.ID {
			c.report(RuleOneAgent, "agent %q holds %v of %v, which is %v", a.ID, id, w.ID, w.State)
			continue
		}
		if x.Interruptible {
			interruptible += x.Size
		} else {
			used += x.Size
		}
		if x.State == AssignmentOffered {
			offers++
			c.deadline(x)
		}
	}
	if used != a.Used || interruptible != a.InterruptibleUsed || offers != int(a.Offers) {
		c.report(RuleLedger, "agent %q uses %v and %v with %d offers by the counters; %v, %v and %d by what it holds",
			a.ID, a.Used, a.InterruptibleUsed, a.Offers, used, interruptible, offers)
	}
	if a.Used > a.Presence.Capacity+a.Excess || a.InterruptibleUsed > a.Presence.Interruptible+a.InterruptibleExcess {
		c.report(RuleCapacity, "agent %q uses %v of %v, and %v of %v", a.ID, a.Used, a.Presence.Capacity, a.InterruptibleUsed, a.Presence.Interruptible)
	}
}

func (c *audit) deadline(x *Assignment) {
	if x.Deadline > 0 && x.Deadline+deadlineLeeway < c.told {
		c.report(RuleDeadline, "%v was to be answered by %d, it is %d", x.ID, x.Deadline, c.told)
	}
}

// oneWork checks what stands of one piece of work, and counts it.
func (c *audit) oneWork(w *Work) (standing int) {
	owners, offers := 0, 0
	for x := range w.Standing() {
		standing++
		switch {
		case x.Guest:
		case x.State == AssignmentOffered:
			offers++
		default:
			owners++
		}
		a, ok := c.agents[x.Agent]
		if !ok {
			c.report(RuleNothingLost, "%v is %v at %q, who is not there", w.ID, w.State, x.Agent)
		} else if !slices.Contains(a.Held, x.ID) {
			c.report(RuleOneAgent, "%v is %v at agent %q, who does not hold it", w.ID, w.State, a.ID)
		}
	}
	if owners > 1 || (owners == 1) != w.State.Owned() || (offers > 0) != (w.State == Offered) || standing > 0 && w.State < Offered {
		c.report(RuleOneAgent, "%v is %v with %d owners and %d offers", w.ID, w.State, owners, offers)
	}
	return standing
}
