// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Plan is the flows and skill rules of a definition, compiled. It is immutable
// and may be used by several goroutines at once.
type Plan struct {
	queues   map[string]bool
	channels map[string]*channel
}

// channel is what happens to the work of one channel.
type channel struct {
	rules []rule
	flow  *flow // nil for none
}

// rule is one skill rule.
type rule struct {
	name      string
	attribute string
	values    map[string][]engine.Need
	when      *condition // of an expression; values are of a table
	needs     []engine.Need
}

type flow struct {
	name     string
	fallback string
	steps    []step
}

type step struct {
	engine.Step
	name string // after its flow's
	when *condition
}

// Compile compiles every expression in the definition, which it does not keep.
// The error joins a *[Fault] for everything that is wrong with them; it is not
// told what else is wrong with the definition, which Validate tells.
func Compile(d *engine.Definition) (*Plan, error) {
	c := compiler{queues: make(map[string]bool, len(d.Queues))}
	for i := range d.Queues {
		c.queues[d.Queues[i].Name] = true
	}
	p := &Plan{queues: c.queues, channels: make(map[string]*channel, len(d.Channels))}
	for i := range d.Channels {
		p.channels[d.Channels[i].Name] = &channel{rules: c.rules(&d.Channels[i])}
	}
	p.assign(c.flows(d.Flows), d.Flows)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return p, nil
}

// assign gives each channel its flow: the one that names it, or else the one
// that names none.
func (p *Plan) assign(flows []*flow, defined []engine.Flow) {
	for i, f := range flows {
		for _, name := range defined[i].Channels {
			if c := p.channels[name]; c != nil {
				c.flow = f
			}
		}
	}
	for i, f := range flows {
		if len(defined[i].Channels) > 0 {
			continue
		}
		for _, c := range p.channels {
			if c.flow == nil {
				c.flow = f
			}
		}
	}
}

// compiler collects faults. Languages are made when there is something to
// compile.
type compiler struct {
	queues      map[string]bool
	rule, steps *language
	errs        []error
}

func (c *compiler) rules(d *engine.Channel) []rule {
	out := make([]rule, len(d.SkillRules))
	for i := range d.SkillRules {
		given := &d.SkillRules[i]
		r := rule{name: fmt.Sprintf("channels/%s/skill_rules/%d", d.Name, i)}
		if given.When != "" {
			r.when = c.condition(&c.rule, fmt.Sprintf("channels.%s.skill_rules.%d.when", d.Name, i), given.When)
			r.needs = copied(given.Needs)
		} else {
			r.attribute, r.values = given.Attribute, maps.Clone(given.Values)
			for value, needs := range r.values {
				r.values[value] = copied(needs)
			}
		}
		out[i] = r
	}
	return out
}

func (c *compiler) flows(defined []engine.Flow) []*flow {
	out := make([]*flow, len(defined))
	for i := range defined {
		d := &defined[i]
		f := &flow{name: d.Name, fallback: d.Fallback, steps: make([]step, len(d.Steps))}
		for j := range d.Steps {
			s := step{Step: d.Steps[j], name: d.Name + "/" + d.Steps[j].Name}
			s.Priority, s.Overflow, s.Needs = pointed(s.Priority), pointed(s.Overflow), copied(s.Needs)
			s.when = c.condition(&c.steps, "flows."+d.Name+".steps."+s.Name+".when", s.When)
			f.steps[j] = s
		}
		out[i] = f
	}
	return out
}

func (c *compiler) condition(in **language, field, text string) *condition {
	if text == "" {
		return nil
	}
	if *in == nil {
		made, err := newLanguage(c.queues, in == &c.steps)
		if err != nil {
			c.errs = append(c.errs, fault(field, "%v", err))
			return nil
		}
		*in = made
	}
	compiled, errs := (*in).compile(field, text)
	c.errs = append(c.errs, errs...)
	return compiled
}

// copied returns needs that share no memory with those given.
func copied(needs []engine.Need) []engine.Need {
	out := slices.Clone(needs)
	for i := range out {
		out[i].Relax = slices.Clone(out[i].Relax)
	}
	return out
}

func pointed[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
