// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

// prepared is what a Configure needs to know of its definition alone.
type prepared struct {
	definition *Definition
	names      *index
}

// Prepare does all the command's work that does not depend on the state: it
// copies, orders and checks the definition. With a large one deciding is much
// quicker then. It may be called anywhere; its error is a *Refusal.
func (c Configure) Prepare() (Configure, error) {
	d := c.Definition.clone()
	d.Sort()
	names, err := d.index()
	if err != nil {
		return c, err
	}
	c.Definition, c.prepared = *d, &prepared{definition: d, names: names}
	return c, nil
}

// Admits reports why a prepared command would be refused; nil if it would not.
func (e *Engine) Admits(c Configure) error {
	if c.prepared == nil {
		var err error
		if c, err = c.Prepare(); err != nil {
			return err
		}
	}
	return e.replaceable(Diff(e.definition, c.prepared.definition), c.prepared.names)
}

func (c Configure) decide(s *step) error {
	if c.prepared == nil {
		var err error
		if c, err = c.Prepare(); err != nil {
			return err
		}
	}
	d := c.prepared.definition
	patch := Diff(s.definition, d)
	if err := s.replaceable(patch, c.prepared.names); err != nil {
		return err
	}
	ev := Event{Kind: KindConfigured, Config: s.config, Reason: c.Note, Change: &Change{Patch: patch, By: c.By, Source: c.Source}}
	switch {
	case s.config == 0:
		ev.Config, ev.Definition, ev.Change.Patch = 1, d, nil
		if *ev.Change == (Change{}) {
			ev.Change = nil
		}
	case patch.Changes(s.definition) > 0:
		ev.Config++
	case c.Source != "" && c.Source != s.source: // the same from elsewhere
		s.emit(ev)
		return nil
	default:
		return nil
	}
	s.prepared = c.prepared
	s.emit(ev)
	for i := range d.Queues {
		s.openOrClose(s.queues[d.Queues[i].Name])
	}
	for i := range d.Queues {
		q := s.queues[d.Queues[i].Name]
		s.reconsiderQueue(q)
		s.desert(q)
	}
	return nil
}

// replaceable refuses a patch that removes something that is in use; names are
// those of what it leads to.
func (e *Engine) replaceable(p *Patch, names *index) error {
	g := &p.Gone
	if len(g.Agents)+len(g.Statuses) > 0 {
		for _, a := range e.roster {
			if names.agents[a.ID] == nil && (a.SignedIn() || a.Connected || len(a.Held) > 0) {
				return refuse(CodeInUse, "agents."+a.ID, "agent %q is %s and holds %d assignments; sign it out and finish its work first", a.ID, a.Status, len(a.Held))
			}
			if names.statuses[a.Status] == nil {
				return refuse(CodeInUse, "statuses."+a.Status, "agent %q is in status %q", a.ID, a.Status)
			}
		}
	}
	if len(g.Channels)+len(g.Queues)+len(g.Agents)+len(g.Skills) == 0 {
		return nil
	}
	var err error
	e.EachCurrent(0, func(w *Work) bool {
		err = names.keeps(w)
		return err == nil
	})
	return err
}

// keeps refuses a definition without something that the work is about.
func (x *index) keeps(w *Work) error {
	if _, ok := x.channels[w.Spec.Channel]; !ok {
		return refuse(CodeInUse, "channels."+w.Spec.Channel, "%v of channel %q is %v", w.ID, w.Spec.Channel, w.State)
	}
	for _, name := range []string{w.Queue, w.Backup} {
		if name != "" && x.queues[name] == nil {
			return refuse(CodeInUse, "queues."+name, "%v is %v in queue %q, or has it as its backup", w.ID, w.State, name)
		}
	}
	if w.Overflow != nil && x.queues[w.Overflow.To] == nil {
		return refuse(CodeInUse, "queues."+w.Overflow.To, "%v overflows to queue %q", w.ID, w.Overflow.To)
	}
	if w.Required && x.agents[w.Agent] == nil {
		return refuse(CodeInUse, "agents."+w.Agent, "%v requires agent %q", w.ID, w.Agent)
	}
	for i := range w.Needs {
		if !x.skills[w.Needs[i].Skill] {
			return refuse(CodeInUse, "skills."+w.Needs[i].Skill, "%v requires skill %q", w.ID, w.Needs[i].Skill)
		}
	}
	return nil
}
