// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Outlook is how it goes on with work that has not ended.
type Outlook struct {
	// Why says in sentences why it waits; empty for work that does not.
	Why []string
	// Survey is how everybody stands to it, Near those who are closest to
	// being candidates; nil for work that does not wait.
	Survey *engine.Survey
	Near   []Passed
	// Position is its place among what waits in its queue, from 1; 0 for work
	// that does not wait.
	Position int
	// EstimatedWait is how long work like it waits at present, in milliseconds,
	// if Estimated.
	EstimatedWait engine.Time
	Estimated     bool
	// Unroutable is why nobody could ever take it; nil if somebody could.
	Unroutable *engine.Unroutable
	// DecidedBy is the strategy that decides for its queue now, empty for
	// nobody; Considered is what that has seen of it, nil if nothing.
	DecidedBy  string
	Considered *strategy.Consideration
	// Coming is what happens next, in order of time.
	Coming []engine.Coming
}

// outlook looks at the present, which the replay has come to.
func (t *tale) outlook(w *engine.Work) *Outlook {
	o := &Outlook{Coming: t.engine.Coming(w), DecidedBy: t.present.decidedBy, Considered: t.present.considered}
	if w.State != engine.Waiting {
		return o
	}
	s := t.engine.Survey(w, namedFew)
	o.Survey = &s
	for _, id := range s.Near {
		a, _ := t.engine.Agent(id)
		obstacles := t.engine.Obstacles(w, a)
		o.Near = append(o.Near, Passed{Agent: id, Text: id + " " + obstacleList(obstacles, t.present.now), Obstacles: obstacles})
	}
	o.Position, _ = t.engine.Position(w)
	o.EstimatedWait, o.Estimated = t.engine.EstimatedWaitAt(w, t.present.now)
	if u, ok := t.engine.Unroutable(w); ok {
		o.Unroutable = &u
	}
	o.Why = t.why(w, o)
	t.whyNotNow(w)
	return o
}

// whyNotNow answers for the present why the work does not go to the agent who
// is asked about.
func (t *tale) whyNotNow(w *engine.Work) {
	if t.whyNot == "" {
		return
	}
	now := t.present.now
	m := Moment{At: now, Passed: Passed{Agent: t.whyNot}}
	a, ok := t.engine.Agent(t.whyNot)
	if !ok {
		return
	}
	m.Obstacles = t.engine.Obstacles(w, a)
	agent, until := t.engine.Reserved(w)
	switch {
	case len(m.Obstacles) > 0:
		m.Text = t.whyNot + " " + obstacleList(m.Obstacles, now)
	case agent != "" && agent != t.whyNot && (until == 0 || until > now):
		m.Candidate = true
		m.Text = fmt.Sprintf("%s could take it, but it prefers %s, who alone is asked%s", t.whyNot, agent, lasting(until, now))
	default:
		m.Candidate = true
		m.Text = fmt.Sprintf("nothing stands against %s, who is %s: the strategy has not proposed it yet", t.whyNot, t.engine.Figure(w, a, now))
	}
	t.answer(m)
}

// why says why work waits, the plainest reason first.
func (t *tale) why(w *engine.Work, o *Outlook) (out []string) {
	if u := o.Unroutable; u != nil {
		out = append(out, "nobody could ever take it: "+u.Text+"; what would help: "+u.Help)
	}
	if t.engine.Held(w.Queue) {
		out = append(out, fmt.Sprintf("queue %q is closed and holds its work", w.Queue))
	}
	out = append(out, t.held(w)...)
	if o.DecidedBy == "" {
		out = append(out, fmt.Sprintf("no strategy decides for queue %q at present", w.Queue))
	}
	out = append(out, t.forWhom(w)...)
	out = append(out, surveyed(o.Survey, w))
	if c := o.Considered; c != nil {
		text := fmt.Sprintf("strategy %q has had it before it in turns %d to %d", c.Strategy, c.First, c.Last)
		if c.First == c.Last {
			text = fmt.Sprintf("strategy %q has had it before it in turn %d", c.Strategy, c.First)
		}
		if c.Note != "" {
			text += ", and says: " + c.Note
		}
		out = append(out, text)
	}
	return out
}

// held tells of a hold, and of what was noted on the work.
func (t *tale) held(w *engine.Work) (out []string) {
	if h := w.Hold; h != nil {
		who, until := "it is held", ", until that is cleared"
		if h.By != "" {
			who += " by " + h.By
		}
		if h.Until > 0 {
			until = lasting(h.Until, t.present.now)
		}
		out = append(out, fmt.Sprintf("%s%s: %s", who, until, h.Reason))
	}
	for _, note := range w.Notes {
		text := "noted"
		if note.By != "" {
			text += " by " + note.By
		}
		out = append(out, fmt.Sprintf("%s %s ago: %s", text, (t.present.now-note.At).Span(), note.Text))
	}
	return out
}

// forWhom tells of the agent whom work is for.
func (t *tale) forWhom(w *engine.Work) []string {
	a, ok := t.engine.Agent(w.Agent)
	if !ok {
		return nil
	}
	text := fmt.Sprintf("it requires %s", w.Agent)
	if !w.Required {
		if w.Until > 0 && w.Until <= t.present.now {
			return nil
		}
		text = fmt.Sprintf("it prefers %s, who alone is asked%s", w.Agent, lasting(w.Until, t.present.now))
	}
	if obstacles := t.engine.Obstacles(w, a); len(obstacles) > 0 {
		text += fmt.Sprintf("; %s %s", w.Agent, obstacleList(obstacles, t.present.now))
	}
	return []string{text}
}

// lasting says for how much longer something is so.
func lasting(until, now engine.Time) string {
	if until == 0 {
		return ""
	}
	return " for " + (until - now).Span() + " more"
}

// surveyed puts a survey into a sentence.
func surveyed(s *engine.Survey, w *engine.Work) string {
	who := fmt.Sprintf("of %s of queue %q", count(s.Asked, "member"), w.Queue)
	if s.Everybody {
		who = fmt.Sprintf("of all %s", count(s.Asked, "agent"))
	}
	if s.Asked == 0 {
		return fmt.Sprintf("queue %q has no members", w.Queue)
	}
	parts := []string{who}
	switch s.Candidates {
	case 0:
		parts = append(parts, "nobody can take it now")
	case 1:
		parts = append(parts, fmt.Sprintf("1 could take it (%s)", s.Best[0]))
	default:
		named := strings.Join(s.Best, ", ")
		if s.Candidates > len(s.Best) {
			named += " …"
		}
		parts = append(parts, fmt.Sprintf("%d could take it (%s)", s.Candidates, named))
	}
	if against := againstList(s); against != "" {
		parts = append(parts, against)
	}
	return strings.Join(parts, ", ")
}

// againstList puts into words what stands against how many.
func againstList(s *engine.Survey) string {
	parts := make([]string, 0, len(s.Against))
	for i := range s.Against {
		g := &s.Against[i]
		text := fmt.Sprintf("%d %s", g.Agents, standing(g))
		if g.Only > 0 && unlikely(g.Name) {
			text += fmt.Sprintf(" (%s)", butForThat(g))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// unlikely reports whether it is worth saying that nothing else stands against
// an agent.
func unlikely(name string) bool {
	switch name {
	case engine.ObstacleSkill, engine.ObstacleTier, engine.ObstacleDeclined, engine.ObstacleQueueClosed, engine.ObstacleHeld, engine.ObstacleOtherAgent:
		return true
	default:
		return false
	}
}

func butForThat(g *engine.Against) string {
	switch {
	case g.Only < g.Agents:
		return fmt.Sprintf("%d could take it but for that", g.Only)
	case g.Only == 1:
		return "could take it but for that"
	default:
		return "all could take it but for that"
	}
}

// standing says what stands against some agents, whose number comes before.
func standing(g *engine.Against) string {
	one := g.Agents == 1
	either := func(singular, plural string) string {
		if one {
			return singular
		}
		return plural
	}
	switch g.Name {
	case engine.ObstacleHasIt:
		return either("has it already", "have it already")
	case engine.ObstacleOffline:
		return either("is offline", "are offline")
	case engine.ObstacleUnconnected:
		return either("has no connection", "have no connection")
	case engine.ObstacleBusy:
		return either("is busy", "are busy")
	case engine.ObstacleChannel:
		return either("does not take its channel now", "do not take its channel now")
	case engine.ObstacleQueueClosed:
		return either("waits for the queue to open", "wait for the queue to open")
	case engine.ObstacleHeld:
		return either("waits for the hold to end", "wait for the hold to end")
	case engine.ObstacleNotMember:
		return either("is no member", "are no members")
	case engine.ObstacleTier:
		return either("is of a later tier", "are of later tiers")
	case engine.ObstacleOtherAgent:
		return either("is not the agent it requires", "are not the agent it requires")
	case engine.ObstacleDeclined:
		return "declined it"
	case engine.ObstacleSkill:
		return either("lacks ", "lack ") + g.Detail
	case engine.ObstacleMaxOpen:
		return either("holds as many items as may be", "hold as many items as may be")
	case engine.ObstacleMaxOffers:
		return either("has as many offers to answer as may be", "have as many offers to answer as may be")
	default:
		return either("has too little capacity free", "have too little capacity free")
	}
}

// obstacleList puts obstacles into one sentence that begins with the agent.
func obstacleList(obstacles []engine.Obstacle, now engine.Time) string {
	parts := make([]string, len(obstacles))
	for i := range obstacles {
		parts[i] = obstacles[i].Text
		if until := obstacles[i].Until; until > now {
			parts[i] += " (passes in " + (until - now).Span() + ")"
		}
	}
	return strings.Join(parts, "; and ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
