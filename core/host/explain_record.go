// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// cameIn says how work came in.
func cameIn(w *engine.Work) string {
	how := "came in on channel"
	if w.Spec.Outbound {
		how = "was started by an agent on channel"
	}
	return fmt.Sprintf("%s %q and waits in queue %q", how, w.Spec.Channel, w.Queue)
}

// arrival lists how work is routed at first, and why so.
func (t *tale) arrival(ev *engine.Event, w *engine.Work) (out []string) {
	for i := range w.Spec.Intake {
		if taken := &w.Spec.Intake[i]; taken.Failed != "" {
			out = append(out, fmt.Sprintf("%s failed: %s", taken.Step, taken.Failed))
		} else {
			out = append(out, taken.Step+" applied")
		}
	}
	if ev.Reason != "" {
		out = append(out, fmt.Sprintf("queue %q sent it on: %s", w.Spec.Queue, movedBecause(ev.Reason)))
	}
	b, _ := t.engine.Backlog(w.Queue)
	out = append(out, routed(w, b.Routing), "it takes "+sized(w, b.Routing))
	for _, r := range t.engine.Requirements(w) {
		out = append(out, required(&r))
	}
	if len(w.Needs) == 0 {
		out = append(out, "it requires no skill")
	}
	if w.Agent != "" {
		text := forWhom(w)[0]
		if w.Until > 0 {
			text += ", for " + (w.Until - ev.At).Span()
		}
		if w.Backup != "" {
			text += fmt.Sprintf(", and goes to queue %q otherwise", w.Backup)
		}
		out = append(out, text)
	}
	if waited := ev.At - w.RequestedAt; waited > 0 {
		out = append(out, "its customer had waited for "+waited.Span()+" by then")
	}
	if u, ok := t.engine.Unroutable(w); ok {
		out = append(out, "nobody could ever take it: "+u.Text+"; what would help: "+u.Help)
	}
	return out
}

// routed says which priority work has, and from where.
func routed(w *engine.Work, config *engine.RoutingConfig) string {
	text := fmt.Sprintf("priority %d", w.Priority)
	if w.Spec.Priority != nil {
		text += ", given with it"
	} else if config != nil {
		text += fmt.Sprintf(", by routing config %q", config.Name)
	}
	if w.Secondary != 0 {
		text += fmt.Sprintf("; secondary priority %d, by channel %q", w.Secondary, w.Spec.Channel)
	}
	return text
}

// sized says what work takes, and from where that is.
func sized(w *engine.Work, config *engine.RoutingConfig) string {
	switch text := amount(w.Size); {
	case !w.Spec.Size.IsZero():
		return text + ", given with it"
	case config != nil && !config.Size.IsZero():
		return fmt.Sprintf("%s, by routing config %q", text, config.Name)
	default:
		return fmt.Sprintf("%s, by channel %q", text, w.Spec.Channel)
	}
}

func amount(a engine.Amount) string {
	switch {
	case a.Percent > 0:
		return fmt.Sprintf("%v %% of an agent's capacity", engine.Milli(a.Percent))
	case a.Units == engine.Unit:
		return "1 unit"
	default:
		return fmt.Sprintf("%v units", a.Units)
	}
}

// required says which skill is required, and by whom.
func required(r *engine.Requirement) string {
	by := make([]string, len(r.From))
	for i, from := range r.From {
		switch from {
		case "routing_config":
			by[i] = "its routing config"
		case "source":
			by[i] = "its source"
		case "rules":
			by[i] = "skill rules or flow"
		default:
			by[i] = "its queue, since nothing else says what is needed"
		}
	}
	text := fmt.Sprintf("it requires %s, by %s", skillOf(&r.Need), strings.Join(by, " and "))
	if r.Additional {
		text += ", as long as somebody may have it"
	}
	return text
}

func skillOf(n *engine.Need) string { return fmt.Sprintf("%s %v", n.Skill, engine.Milli(n.Now)) }

// skillList lists what is required now.
func skillList(needs []engine.Need) string {
	var parts []string
	for i := range needs {
		if !needs[i].Dropped {
			parts = append(parts, skillOf(&needs[i]))
		}
	}
	if len(parts) == 0 {
		return "no skill"
	}
	return strings.Join(parts, ", ")
}

// dropped lists the skills that are not required any more.
func dropped(before, after *engine.Work) (out []string) {
	for i := range after.Needs {
		if after.Needs[i].Dropped && (before == nil || i >= len(before.Needs) || !before.Needs[i].Dropped) {
			out = append(out, skillOf(&after.Needs[i]))
		}
	}
	return out
}

// relaxed lists the levels that are lower than before.
func relaxed(before, after *engine.Work) (out []string) {
	for i := range after.Needs {
		n := &after.Needs[i]
		if before != nil && i < len(before.Needs) && before.Needs[i].Now != n.Now {
			out = append(out, fmt.Sprintf("%s instead of %v", skillOf(n), engine.Milli(before.Needs[i].Now)))
		}
	}
	return out
}

// remembered makes steps of what work itself remembers of the time before the
// journal's reach.
func remembered(w *engine.Work) []Step {
	first := Step{
		Event: engine.Event{Kind: engine.KindWorkCreated, At: w.CreatedAt, Work: w.ID, Queue: w.Spec.Queue, Created: &w.Spec},
		Times: 1, State: engine.Waiting, Queue: w.Spec.Queue,
		Text: fmt.Sprintf("came in on channel %q for queue %q", w.Spec.Channel, w.Spec.Queue),
	}
	steps := []Step{first}
	for i := range w.Assignments {
		steps = append(steps, rememberedTry(w, &w.Assignments[i])...)
	}
	if w.State.Ended() {
		steps = append(steps, Step{
			Event: engine.Event{At: w.EndedAt, Work: w.ID, Queue: w.Queue, Reason: w.Reason},
			Times: 1, State: w.State, Queue: w.Queue, Text: because("is "+w.State.String(), w.Reason),
		})
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.Event.At, b.Event.At) })
	return steps
}

func rememberedTry(w *engine.Work, x *engine.Assignment) []Step {
	decision := x.Decision
	made := Step{
		Event: engine.Event{
			Kind: engine.KindWorkOffered, At: x.OfferedAt, Work: w.ID, Queue: w.Queue, Agent: x.Agent, Assignment: x.ID,
			Deadline: x.Deadline, Decision: &decision, Guest: x.Guest,
		},
		Times: 1, State: engine.Offered, Queue: w.Queue,
	}
	made.Text = offered(&made.Event)
	steps := []Step{made}
	note := func(at engine.Time, kind engine.Kind, state engine.WorkState, text string) {
		if at > 0 {
			steps = append(steps, Step{
				Event: engine.Event{Kind: kind, At: at, Work: w.ID, Queue: w.Queue, Agent: x.Agent, Assignment: x.ID, Reason: x.Reason},
				Times: 1, State: state, Queue: w.Queue, Text: text,
			})
		}
	}
	note(x.AcceptedAt, engine.KindOfferAccepted, engine.Open, x.Agent+" accepted it")
	switch x.State {
	case engine.AssignmentDeclined:
		note(x.EndedAt, engine.KindOfferDeclined, engine.Waiting, because(x.Agent+" declined it", x.Reason))
	case engine.AssignmentTimedOut:
		note(x.EndedAt, engine.KindOfferTimedOut, engine.Waiting, x.Agent+" did not answer in time")
	case engine.AssignmentUnavailable:
		note(x.EndedAt, engine.KindOfferUnavailable, engine.Waiting, x.Agent+" went away before answering")
	case engine.AssignmentWithdrawn:
		note(x.EndedAt, engine.KindOfferWithdrawn, engine.Waiting, fmt.Sprintf("the offer to %s was taken back: %s", x.Agent, takenBackBecause(x.Reason)))
	case engine.AssignmentCompleted:
		note(x.EndedAt, engine.KindWorkCompleted, engine.Closed, fmt.Sprintf("%s completed it after %s", x.Agent, x.HandleTime(x.EndedAt).Span()))
	case engine.AssignmentTransferred:
		note(x.EndedAt, engine.KindWorkTransferred, engine.Waiting, because("was taken from "+x.Agent, x.Reason))
	}
	return steps
}
