// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// demand is the least that work will ever ask of an agent: once every
// additional skill is dropped, every level relaxed and every tier asked.
type demand struct {
	channel       uint16
	size          Amount
	interruptible bool
	needs         []Need
	// last are the additional skills that it requires longest, if it requires
	// none for good: until they are dropped it may go to those who hold them.
	last []Need
	only string // the one agent it may ever go to
}

// demandOf returns what the work asks for at least.
func (e *Engine) demandOf(w *Work) demand {
	d := e.demand(&w.Spec, &w.Placement)
	if w.Required && w.Backup == "" {
		d.only = w.Agent
	}
	return d
}

func (e *Engine) demand(spec *WorkSpec, p *Placement) demand {
	drops := e.queues[p.Queue].routing.DropAfter > 0
	d := demand{
		channel: e.names.channels[spec.Channel], size: p.Size, interruptible: e.channelOf(spec.Channel).Interruptible,
	}
	last, additional := lastGroup(p.Needs)
	for _, n := range p.Needs {
		if n.Additional && drops && (n.Dropped || !additional || n.Group != last) {
			continue
		}
		least := Need{Skill: n.Skill, Level: n.Level}
		if steps := len(n.Relax); steps > 0 {
			least.Level = n.Relax[steps-1].Level
		}
		if least.Now = least.Level; n.Additional && drops {
			d.last = append(d.last, least)
		} else {
			d.needs = append(d.needs, least)
		}
	}
	if len(d.needs) > 0 {
		d.last = nil
	}
	return d
}

// lastGroup returns the group of additional needs that is dropped last.
func lastGroup(needs []Need) (group uint16, ok bool) {
	for i := range needs {
		if n := &needs[i]; n.Additional && !n.Dropped && (!ok || n.Group < group) {
			group, ok = n.Group, true
		}
	}
	return group, ok
}

// somebody reports whether among those who pass there is one who could ever
// take the work.
func (e *Engine) somebody(q *queue, d demand, pass func(*Agent) bool) bool {
	if d.only != "" {
		a := e.agents[d.only]
		return pass(a) && e.could(q, d, a)
	}
	among := func(list []*Agent) bool {
		return slices.ContainsFunc(list, func(a *Agent) bool { return pass(a) && e.could(q, d, a) })
	}
	switch {
	case len(d.needs) > 0:
		return among(e.rarest(d.needs))
	case q.routing.BySkills && len(d.last) > 0:
		return among(q.members) || among(e.rarest(d.last))
	default:
		return among(q.members)
	}
}

// maxRoutable bounds how many answers a queue remembers.
const maxRoutable = 1 << 14

// routability says why nobody who is configured could ever take the work; nil if
// somebody could. It is asked for each piece of work that comes, and there are
// few kinds of it.
func (e *Engine) routability(q *queue, w *Work) *Unroutable {
	e.scratch = e.appendKind(e.scratch[:0], w)
	if known, ok := q.routability[string(e.scratch)]; ok {
		return known
	}
	if q.routability == nil || len(q.routability) >= maxRoutable {
		q.routability = make(map[string]*Unroutable)
	}
	key := string(e.scratch)
	var found *Unroutable
	if d := e.demandOf(w); !e.somebody(q, d, anybody) {
		why := e.why(w, q, d)
		found = &why
	}
	q.routability[key] = found
	return found
}

// appendKind appends all that a demand is made of.
func (e *Engine) appendKind(b []byte, w *Work) []byte {
	b = binary.AppendUvarint(b, uint64(e.names.channels[w.Spec.Channel]))
	b = binary.AppendVarint(b, int64(w.Size.Units))
	b = binary.AppendUvarint(b, uint64(w.Size.Percent))
	if w.Required && w.Backup == "" {
		b = append(b, w.Agent...)
	}
	for i := range w.Needs {
		n := &w.Needs[i]
		level := n.Level
		if steps := len(n.Relax); steps > 0 {
			level = n.Relax[steps-1].Level
		}
		b = append(b, 0)
		b = append(b, n.Skill...)
		b = append(b, 0)
		b = binary.AppendUvarint(b, uint64(level))
		if n.Additional {
			b = append(b, 1, byte(n.Group), byte(n.Group>>8))
		}
		if n.Dropped {
			b = append(b, 2)
		}
	}
	return b
}

// could reports whether nothing in the definition keeps the work from the
// agent for good.
func (e *Engine) could(q *queue, d demand, a *Agent) bool {
	needs := d.needs
	if !a.member(q.definition.Name) {
		if len(needs) == 0 {
			needs = d.last
		}
		if !q.routing.BySkills || len(needs) == 0 {
			return false
		}
	}
	return e.names.served[d.channel] && d.fits(a.Presence) && e.holdsEver(a, needs)
}

// fits reports whether an agent who holds nothing could hold the work.
func (d *demand) fits(p *PresenceConfig) bool {
	load := route.Load{
		Capacity: int32(p.Capacity), InterruptibleCapacity: int32(p.Interruptible),
		Interruptible: d.interruptible, Size: int32(d.size.Units), Percent: d.size.Percent,
	}
	return load.Fits()
}

// takes says how much the work takes, for people.
func (d *demand) takes() string {
	if d.size.Percent > 0 {
		return fmt.Sprintf("%v %% of an agent's capacity", Milli(d.size.Percent))
	}
	return d.size.Units.String()
}

// holdsEver reports whether the agent holds the skills now or at a later time.
func (e *Engine) holdsEver(a *Agent, needs []Need) bool {
	return !slices.ContainsFunc(needs, func(n Need) bool {
		return !slices.ContainsFunc(a.Definition.Skills, func(s Skill) bool {
			return s.Name == n.Skill && s.Level >= n.Level && (s.Until == 0 || s.Until > a.SkillsAt)
		})
	})
}

// rarest returns those who hold the needed skill that the fewest do.
func (e *Engine) rarest(needs []Need) []*Agent {
	var list []*Agent
	for i := range needs {
		if holders := e.holders[needs[i].Skill]; i == 0 || len(holders) < len(list) {
			list = holders
		}
	}
	return list
}

// Unroutable is why nobody who is configured could ever take a piece of work.
type Unroutable struct {
	// Reason is a stable name, such as "no_holder".
	Reason string
	// Text says it in a sentence, Help the smallest change that would do.
	Text, Help string
}

// Unroutable says why nobody who is configured could ever take the work; false
// if somebody could, or if it does not wait.
func (e *Engine) Unroutable(w *Work) (Unroutable, bool) {
	if w.State != Waiting {
		return Unroutable{}, false
	}
	if found := e.routability(e.queueOf(w), w); found != nil {
		return *found, true
	}
	return Unroutable{}, false
}

func anybody(*Agent) bool { return true }

// why tries what could be changed, the smallest change first.
func (e *Engine) why(w *Work, q *queue, d demand) Unroutable {
	bySkills := q.routing.BySkills && len(d.needs) > 0
	switch {
	case !e.names.served[d.channel]:
		return Unroutable{
			"no_status", fmt.Sprintf("no presence status lists channel %q", w.Spec.Channel),
			fmt.Sprintf("add channel %q to a presence status", w.Spec.Channel),
		}
	case d.only != "":
		return Unroutable{
			"required_agent", fmt.Sprintf("it requires agent %q, who is no member of queue %q or lacks a skill or the capacity", d.only, w.Queue),
			fmt.Sprintf("make agent %q able to take it, or transfer it", d.only),
		}
	case len(q.members) == 0 && !bySkills:
		return Unroutable{
			"no_members", fmt.Sprintf("queue %q has no members", w.Queue), fmt.Sprintf("give queue %q a member", w.Queue),
		}
	}
	if u, ok := e.lacking(w, q, d); ok {
		return u
	}
	return Unroutable{
		"too_large", fmt.Sprintf("it takes %s, more than anybody who could take it may hold", d.takes()),
		fmt.Sprintf("raise the capacity in a presence config to %s, or make the work smaller", d.takes()),
	}
}

// lacking finds the one skill that somebody would have to be given.
func (e *Engine) lacking(w *Work, q *queue, d demand) (Unroutable, bool) {
	for i, n := range d.needs {
		without := d
		without.needs = slices.Delete(slices.Clone(d.needs), i, i+1)
		whom := e.whom(q, without)
		switch {
		case len(e.holders[n.Skill]) == 0:
			return Unroutable{
				"no_holder", fmt.Sprintf("skill %q has no holder", n.Skill), fmt.Sprintf("give somebody skill %q at level %v", n.Skill, Milli(n.Level)),
			}, true
		case whom != "":
			return Unroutable{
				"no_holder", fmt.Sprintf("nobody who could take it otherwise holds %q at level %v", n.Skill, Milli(n.Level)),
				fmt.Sprintf("give agent %q skill %q at level %v", whom, n.Skill, Milli(n.Level)),
			}, true
		}
	}
	if len(d.needs) == 0 || e.somebody(q, demand{channel: d.channel, needs: d.needs}, anybody) {
		return Unroutable{}, false
	}
	return Unroutable{
		"no_holder", fmt.Sprintf("nobody in queue %q holds all the skills it requires", w.Queue),
		"give somebody the skills, or lower what is required",
	}, true
}

// whom returns the first agent who could take the work, by id, or, where skills
// alone count and none is left, who could hold it; empty if nobody could.
func (e *Engine) whom(q *queue, d demand) string {
	among, able := q.members, func(a *Agent) bool { return e.could(q, d, a) }
	if q.routing.BySkills {
		among = e.roster
		if len(d.needs) == 0 {
			able = func(a *Agent) bool { return d.fits(a.Presence) }
		}
	}
	if at := slices.IndexFunc(among, able); at >= 0 {
		return among[at].ID
	}
	return ""
}
