// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// facts are what may be so in a story.
func facts() []phrase {
	var all []phrase
	for _, some := range [][]phrase{stateFacts(), workFacts(), agentFacts(), queueFacts(), recordFacts()} {
		all = append(all, some...)
	}
	return all
}

// stateFacts are of where work is in its life.
func stateFacts() []phrase {
	return []phrase{
		{form: "WORK is offered to AGENTS", means: func(g *stage, p []string) error {
			return g.with(p[0], engine.Offered, engine.AssignmentOffered, names(p[1]))
		}},
		{form: "WORK waits[ in QUEUE]", means: func(g *stage, p []string) error {
			return g.with(p[0], engine.Waiting, 0, nil, p[1])
		}},
		{form: "WORK is open at AGENTS[ in QUEUE]", means: func(g *stage, p []string) error {
			return g.with(p[0], engine.Open, engine.AssignmentAccepted, names(p[1]), p[2])
		}},
		{form: "WORK is paused at AGENT", means: func(g *stage, p []string) error {
			return g.with(p[0], engine.Paused, engine.AssignmentAccepted, p[1:2])
		}},
		{form: "WORK is wrapped up by AGENT", means: func(g *stage, p []string) error {
			return g.with(p[0], engine.WrapUpWork, engine.AssignmentAccepted, p[1:2])
		}},
		{form: "WORK is closed", means: func(g *stage, p []string) error { return g.with(p[0], engine.Closed, 0, nil) }},
		{form: "WORK is cancelled", means: func(g *stage, p []string) error { return g.with(p[0], engine.Cancelled, 0, nil) }},
		{form: "WORK is abandoned", means: func(g *stage, p []string) error { return g.with(p[0], engine.Abandoned, 0, nil) }},
		{form: "WORK is expired", means: func(g *stage, p []string) error { return g.with(p[0], engine.Expired, 0, nil) }},
	}
}

// with compares the state of work, the agents who have it so, and its queue.
func (g *stage) with(name string, state engine.WorkState, assignment engine.AssignmentState, agents []string, queue ...string) error {
	w, err := g.the(name)
	if err != nil {
		return err
	}
	var at []string
	for x := range w.Standing() {
		if assignment == 0 || x.State == assignment {
			at = append(at, x.Agent)
		}
	}
	slices.Sort(at)
	want := slices.Sorted(slices.Values(agents))
	if w.State != state || !slices.Equal(at, want) {
		return fmt.Errorf("%s is %v, at %s; it should be %v, at %s", name, w.State, listed(at), state, listed(want))
	}
	if len(queue) > 0 && queue[0] != "" && w.Queue != queue[0] {
		return fmt.Errorf("%s is in %s, not in %s", name, w.Queue, queue[0])
	}
	return nil
}

// workFacts are of what is known about work.
func workFacts() []phrase {
	return []phrase{
		{form: "WORK has REST", means: func(g *stage, p []string) error {
			w, err := g.the(p[0])
			if err != nil {
				return err
			}
			return compare(p[1], func(field string) (string, bool) { return aboutWork(g, w, field) })
		}},
		{form: "WORK at AGENT has REST", means: func(g *stage, p []string) error {
			x, err := g.at(p[0], p[1])
			if err != nil {
				return err
			}
			w, _ := g.the(p[0])
			return compare(p[2], func(field string) (string, bool) { return g.aboutAssignment(w, x, field) })
		}},
		{form: "WORK needs REST", means: func(g *stage, p []string) error {
			w, err := g.the(p[0])
			if err != nil {
				return err
			}
			return same(p[0]+" needs", needed(w.Needs), p[1])
		}},
		{form: "WORK excludes AGENTS", means: func(g *stage, p []string) error {
			w, err := g.the(p[0])
			if err != nil {
				return err
			}
			return same(p[0]+" excludes", listed(slices.Sorted(slices.Values(w.Excluded))), listed(names(p[1])))
		}},
		{form: "WORK was tried with REST", means: func(g *stage, p []string) error {
			w, err := g.the(p[0])
			if err != nil {
				return err
			}
			var tries []string
			for i := range w.Assignments {
				tries = append(tries, w.Assignments[i].Agent+" "+w.Assignments[i].State.String())
			}
			return same(p[0]+" was tried with", strings.Join(tries, ", "), p[1])
		}},
		{form: "WORK is the same as WORK", means: func(g *stage, p []string) error {
			return same(p[0]+" is", g.work[p[0]].String(), g.work[p[1]].String())
		}},
		{form: "WORK is unroutable: REST", means: func(g *stage, p []string) error {
			w, err := g.the(p[0])
			if err != nil {
				return err
			}
			found, _ := g.world.Engine().Unroutable(w)
			return same(p[0]+" is unroutable", found.Reason+", "+found.Help, p[1])
		}},
		{form: "WORK is routable", means: func(g *stage, p []string) error {
			w, err := g.the(p[0])
			if err != nil {
				return err
			}
			if found, unroutable := g.world.Engine().Unroutable(w); unroutable {
				return fmt.Errorf("%s is unroutable: %s", p[0], found.Text)
			}
			return nil
		}},
	}
}

// same compares what is so with what should be.
func same(what, is, should string) error {
	if is != should {
		return fmt.Errorf("%s %s, not %s", what, is, should)
	}
	return nil
}

// compare compares several fields, written as "accepted at 15s, wrap-up time 5s".
func compare(list string, about func(field string) (string, bool)) error {
	for entry := range strings.SplitSeq(list, ", ") {
		at := strings.LastIndex(entry, " ")
		if quoted := strings.Index(entry, ` "`); quoted >= 0 {
			at = quoted
		}
		if at < 0 {
			return fmt.Errorf("nothing known reads like %q", entry)
		}
		field, want := entry[:at], strings.Trim(entry[at+1:], `"`)
		is, ok := about(field)
		if !ok {
			return fmt.Errorf("nothing known reads like %q", entry)
		}
		if err := same("it has", field+" "+is, field+" "+want); err != nil {
			return err
		}
	}
	return nil
}

// aboutWork tells one thing about work.
func aboutWork(g *stage, w *engine.Work, field string) (string, bool) {
	switch field {
	case "revision":
		return strconv.Itoa(int(w.Revision)), true
	case "priority":
		return strconv.Itoa(int(w.Priority)), true
	case "secondary priority":
		return strconv.Itoa(int(w.Secondary)), true
	case "age":
		return span(g.world.Now() - w.RequestedAt), true
	case "tier":
		return strconv.Itoa(int(w.Tier)), true
	case "reason":
		return w.Reason, true
	case "ended at":
		return since(w.EndedAt), true
	case "requested at":
		return since(w.RequestedAt), true
	case "transcript":
		return w.Spec.Transcript, true
	case "taken":
		return taken(w.Spec.Intake, false), true
	case "failed":
		return taken(w.Spec.Intake, true), true
	case "position":
		at, _ := g.world.Engine().Position(w)
		return strconv.Itoa(at), true
	}
	name, ok := strings.CutPrefix(field, "attribute ")
	return w.Spec.Attributes[name], ok
}

// taken lists the rules and steps that were taken, or those that failed.
func taken(all []engine.Taken, failed bool) string {
	var names []string
	for i := range all {
		if (all[i].Failed != "") == failed {
			names = append(names, all[i].Step)
		}
	}
	return strings.Join(names, " ")
}

// aboutAssignment tells one thing about an assignment.
func (g *stage) aboutAssignment(w *engine.Work, x *engine.Assignment, field string) (string, bool) {
	now := g.world.Now()
	switch field {
	case "state":
		return x.State.String(), true
	case "reason":
		return x.Reason, true
	case "size":
		return x.Size.String(), true
	case "deadline at":
		return since(x.Deadline), true
	case "offered at":
		return since(x.OfferedAt), true
	case "accepted at":
		return since(x.AcceptedAt), true
	case "declined at":
		return since(x.AnsweredAt), x.State == engine.AssignmentDeclined
	case "wrap-up started at":
		return since(x.WrapUpAt), true
	case "wrap-up until":
		return since(x.WrapUpUntil), true
	case "completed at":
		return since(x.EndedAt), x.State == engine.AssignmentCompleted
	case "speed to answer":
		return span(x.AcceptedAt - w.RequestedAt), x.AcceptedAt > 0
	case "handle time":
		return span(x.HandleTime(now)), true
	case "wrap-up time":
		return span(x.WrapUpTime(now)), true
	case "hold time":
		return span(x.HoldTime(now)), true
	}
	return "", false
}

// needed writes the skills that are required now.
func needed(needs []engine.Need) string {
	var all []string
	for i := range needs {
		switch n := &needs[i]; {
		case n.Dropped:
		case n.Now == 0:
			all = append(all, n.Skill)
		default:
			all = append(all, n.Skill+" "+engine.Milli(n.Now).String())
		}
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// agentFacts are of people.
func agentFacts() []phrase {
	about := func(tell func(g *stage, a *engine.Agent, p []string) error) func(*stage, []string) error {
		return func(g *stage, p []string) error {
			a, ok := g.world.Engine().Agent(p[0])
			if !ok {
				return fmt.Errorf("there is no agent %s", p[0])
			}
			return tell(g, a, p)
		}
	}
	return []phrase{
		{form: "the status of AGENT is STATUS[, by CAUSE]", means: about(func(_ *stage, a *engine.Agent, p []string) error {
			if err := same("the status of "+p[0]+" is", a.Status, p[1]); err != nil || p[2] == "" {
				return err
			}
			return same("the status of "+p[0]+" is by", a.Cause.String(), p[2])
		})},
		{form: "AGENT uses AMOUNT of AMOUNT", means: about(func(_ *stage, a *engine.Agent, p []string) error {
			return same(p[0]+" uses", a.Used.String()+" of "+a.Presence.Capacity.String(), p[1]+" of "+p[2])
		})},
		{form: "AGENT uses AMOUNT of AMOUNT interruptible", means: about(func(_ *stage, a *engine.Agent, p []string) error {
			return same(p[0]+" uses", a.InterruptibleUsed.String()+" of "+a.Presence.Interruptible.String(), p[1]+" of "+p[2])
		})},
		{form: "AGENT holds WORKS", means: about(func(g *stage, a *engine.Agent, p []string) error {
			var held []string
			for _, id := range a.Held {
				_, w, _ := g.world.Engine().Assignment(id)
				held = append(held, g.names[w.ID])
			}
			return same(p[0]+" holds", listed(held), listed(names(p[1])))
		})},
		{form: "AGENT holds COUNT[ to COUNT] items", means: about(func(_ *stage, a *engine.Agent, p []string) error {
			least, err := strconv.Atoi(p[1])
			if err != nil {
				return err
			}
			most := least
			if p[2] != "" {
				if most, err = strconv.Atoi(p[2]); err != nil {
					return err
				}
			}
			if n := len(a.Held); n < least || n > most {
				return fmt.Errorf("%s holds %d items, not %d to %d", p[0], n, least, most)
			}
			return nil
		})},
	}
}

// queueFacts are of queues.
func queueFacts() []phrase {
	return []phrase{
		{form: "pending in QUEUE: WORKS", means: func(g *stage, p []string) error {
			at := make(map[int]string)
			g.world.Engine().EachWork(0, func(w *engine.Work) bool {
				if position, ok := g.world.Engine().Position(w); ok && w.Queue == p[0] {
					at[position] = g.names[w.ID]
				}
				return true
			})
			var pending []string
			for i := range len(at) {
				pending = append(pending, at[i+1])
			}
			return same("pending in "+p[0]+" is", listed(pending), listed(names(p[1])))
		}},
		{form: "the estimated wait in QUEUE is REST", means: func(g *stage, p []string) error {
			return same("the estimated wait in "+p[0]+" is", told(g.world.Engine().EstimatedWait(p[0])), p[1])
		}},
		{form: "the estimated wait of WORK is REST", means: func(g *stage, p []string) error {
			w, err := g.the(p[0])
			if err != nil {
				return err
			}
			return same("the estimated wait of "+p[0]+" is", told(g.world.Engine().EstimatedWaitFor(w)), p[1])
		}},
	}
}

func told(wait engine.Time, known bool) string {
	if !known {
		return "unknown"
	}
	return span(wait)
}

// recordFacts are of what is on record.
func recordFacts() []phrase {
	return []phrase{
		{form: "offered: REST", means: func(g *stage, p []string) error {
			var offers []string
			for ; g.told < len(g.events); g.told++ {
				if ev := &g.events[g.told]; ev.Kind == engine.KindWorkOffered {
					offers = append(offers, g.names[ev.Work]+" to "+ev.Agent)
				}
			}
			return same("offered are", listed(offers), p[0])
		}},
		{form: "the record of WORK: REST", means: func(g *stage, p []string) error {
			var kinds []string
			for i := range g.events {
				if ev := &g.events[i]; ev.Work == g.work[p[0]] && ev.Work != 0 {
					kinds = append(kinds, ev.Kind.String())
				}
			}
			return same("the record of "+p[0]+" is", strings.Join(kinds, ", "), p[1])
		}},
		{form: "statuses of AGENT: REST", means: func(g *stage, p []string) error {
			var all []string
			for i := range g.events {
				if ev := &g.events[i]; ev.Agent == p[0] && ev.Cause != 0 {
					all = append(all, ev.Status+" by "+ev.Cause.String())
				}
			}
			return same("the statuses of "+p[0]+" are", strings.Join(all, ", "), p[1])
		}},
		{form: "a proposal of WORK to AGENT was refused CODE", means: func(g *stage, p []string) error {
			for i := range g.events {
				ev := &g.events[i]
				if ev.Kind == engine.KindProposalRefused && ev.Work == g.work[p[0]] && ev.Agent == p[1] && ev.Verdict.String() == p[2] {
					return nil
				}
			}
			return fmt.Errorf("no proposal of %s to %s was refused as %s", p[0], p[1], p[2])
		}},
	}
}
