// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import "github.com/patchbay-cx/patchbay/core/engine"

// Arrive returns the work as it should be created: with the skills by its
// channel's rules, and with what its flow decides. What became of rules and
// steps is in Intake. The maps and slices of the work given are not changed,
// but those of the work returned may be the same.
//
// First come the skill rules, which see the work as its source gave it. Each
// that matches adds its skills to Ruled; one that fails is put on record and
// adds none. Then the flow of the channel, if there is one. A step whose
// condition holds does what it says:
//
//   - Its queue and priority replace what the source or a step before it gave.
//   - Its skills are added to Ruled.
//   - Its preferred agent replaces the source's, unless the source requires one.
//   - Its time to live counts from now and replaces that of a step before it.
//     It can bring the source's own expiry forward, but not put it off.
//   - Its overflow replaces that of the queue, unless it leads to where the work
//     is already.
//
// A step that fails ends the flow, and the work goes to the flow's fallback
// queue; what steps before it did otherwise remains. So does work that has no
// queue at the end of its flow.
//
// Steps that do nothing are not put on record, nor rules that do not match.
//
// Work that names a queue or a channel that does not exist is returned as it
// is, so that the engine refuses it whatever a flow would do. Facts may be nil,
// and then a step that asks for any fails.
func (p *Plan) Arrive(spec engine.WorkSpec, now engine.Time, facts Facts) engine.WorkSpec {
	c := p.channels[spec.Channel]
	if c == nil || spec.Queue != "" && !p.queues[spec.Queue] {
		return spec
	}
	in := newScope(&spec, now)
	spec.Ruled, spec.Intake = c.ruled(&spec, in)
	if c.flow != nil {
		in.know(facts, p.queues)
		c.flow.run(&spec, now, in)
	}
	return spec
}

// Rules evaluates the skill rules of work anew, as when its attributes have
// changed, and returns what its Ruled should be. The flow is not run again:
// what its steps required when the work arrived, by Intake, is required still,
// as those steps are now.
//
// Taken is what became of the rules. Nothing given is changed.
func (p *Plan) Rules(spec engine.WorkSpec, now engine.Time) (needs []engine.Need, taken []engine.Taken) {
	c := p.channels[spec.Channel]
	if c == nil {
		return nil, nil
	}
	needs, taken = c.ruled(&spec, newScope(&spec, now))
	if c.flow == nil {
		return needs, taken
	}
	for _, past := range spec.Intake {
		for i := range c.flow.steps {
			if s := &c.flow.steps[i]; s.name == past.Step && past.Failed == "" {
				needs = append(needs, copied(s.Needs)...)
			}
		}
	}
	return needs, taken
}

// ruled returns what the skill rules require, and what became of them.
func (c *channel) ruled(spec *engine.WorkSpec, in *scope) (needs []engine.Need, taken []engine.Taken) {
	for i := range c.rules {
		r := &c.rules[i]
		added, matches, err := r.match(spec, in)
		switch {
		case err != nil:
			taken = append(taken, engine.Taken{Step: r.name, Failed: err.Error()})
		case matches:
			needs = append(needs, copied(added)...)
			taken = append(taken, engine.Taken{Step: r.name})
		}
	}
	return needs, taken
}

// match reports whether the rule matches, and what it then requires.
func (r *rule) match(spec *engine.WorkSpec, in *scope) (needs []engine.Need, matches bool, err error) {
	if r.when != nil {
		matches, err = r.when.holds(in)
		return r.needs, matches, err
	}
	value, ok := spec.Attributes[r.attribute]
	if !ok {
		return nil, false, nil
	}
	needs, matches = r.values[value]
	return needs, matches, nil
}

// run takes the work through the flow.
func (f *flow) run(spec *engine.WorkSpec, now engine.Time, in *scope) {
	expires := spec.ExpiresAt
	for i := range f.steps {
		s := &f.steps[i]
		holds, err := s.when.holds(in)
		if err != nil {
			f.fail(spec, s.name, err.Error())
			break
		}
		if !holds {
			continue
		}
		s.do(spec, now, expires)
		spec.Intake = append(spec.Intake, engine.Taken{Step: s.name})
		if s.Last {
			break
		}
	}
	if spec.Queue == "" {
		f.fail(spec, f.name, "no step set a queue, and the source gave none")
	}
	if spec.Overflow != nil && spec.Overflow.To == spec.Queue {
		spec.Overflow = nil // the engine takes it for a mistake
	}
}

func (f *flow) fail(spec *engine.WorkSpec, step, why string) {
	spec.Queue = f.fallback
	spec.Intake = append(spec.Intake, engine.Taken{Step: step, Failed: why})
}

// do changes the work as the step says. Expires is the source's own expiry, 0
// for none.
func (s *step) do(spec *engine.WorkSpec, now, expires engine.Time) {
	if s.Queue != "" {
		spec.Queue = s.Queue
	}
	if s.Priority != nil {
		spec.Priority = pointed(s.Priority)
	}
	spec.Ruled = append(spec.Ruled, copied(s.Needs)...)
	if s.Preferred != "" && spec.RequiredAgent == "" {
		spec.PreferredAgent, spec.PreferredFor = s.Preferred, s.For
	}
	if s.TimeToLive > 0 {
		spec.ExpiresAt = now + s.TimeToLive
		if expires != 0 {
			spec.ExpiresAt = min(spec.ExpiresAt, expires)
		}
	}
	if s.Overflow != nil {
		spec.Overflow = pointed(s.Overflow)
	}
}
