// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
)

// Level is how well a skill is held, in thousandths: 0 to 10 in units.
type Level uint32

// MaxLevel is the highest level.
const MaxLevel Level = 10_000

// Skill is an ability that an agent holds.
type Skill struct {
	Name  string `cbor:"1,keyasint"`
	Level Level  `cbor:"2,keyasint,omitempty"`
	// From and Until say when it is valid; 0 means always has been, or will be.
	From  Time `cbor:"3,keyasint,omitempty"`
	Until Time `cbor:"4,keyasint,omitempty"`
}

func (s *Skill) valid(at Time) bool { return s.From <= at && (s.Until == 0 || at < s.Until) }

// Need is a skill that work requires.
type Need struct {
	Skill string `cbor:"1,keyasint"`
	Level Level  `cbor:"2,keyasint,omitempty"`
	// Additional needs are dropped while the work waits, those of the highest
	// Group first; equal ones together, 0 last.
	Additional bool   `cbor:"3,keyasint,omitempty"`
	Group      uint16 `cbor:"4,keyasint,omitempty"`
	// Relax lowers the level while the work waits, in steps.
	Relax []Relaxation `cbor:"5,keyasint,omitempty"`
	// Now is the level required at present, Dropped that none is. The host
	// keeps them; what a source says here is not read.
	Now     Level `cbor:"6,keyasint,omitempty"`
	Dropped bool  `cbor:"7,keyasint,omitempty"`
}

// Relaxation is a step of lowering a level.
type Relaxation struct {
	// After is how long, in milliseconds, the work must have waited.
	After Time  `cbor:"1,keyasint"`
	Level Level `cbor:"2,keyasint,omitempty"`
}

// SkillRule says which skills work requires that has certain attributes: a
// table of an attribute's values, or an expression. The host evaluates it once,
// when work arrives; an engine only keeps it.
type SkillRule struct {
	// Attribute and Values are the table.
	Attribute string            `cbor:"1,keyasint,omitempty"`
	Values    map[string][]Need `cbor:"2,keyasint,omitempty"`
	// When is a CEL expression over the work; Needs are what it requires if
	// that is true.
	When  string `cbor:"3,keyasint,omitempty"`
	Needs []Need `cbor:"4,keyasint,omitempty"`
}

func (x *index) addSkills(d *Definition) error {
	for _, name := range d.Skills {
		if err := put(x.skills, "skills", name, true); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) checkSkillRule(at string, r *SkillRule) error {
	if (r.Attribute == "") == (r.When == "") {
		return refuse(CodeInvalidDefinition, at, "a skill rule is either a table of an attribute's values or an expression")
	}
	if err := x.checkNeeds(CodeInvalidDefinition, at, r.Needs); err != nil {
		return err
	}
	for _, value := range sortedKeys(r.Values) {
		if err := x.checkNeeds(CodeInvalidDefinition, at+".values."+value, r.Values[value]); err != nil {
			return err
		}
	}
	return nil
}

// checkNeeds checks a list of required skills.
func (x *index) checkNeeds(code Code, at string, needs []Need) error {
	for i := range needs {
		n := &needs[i]
		switch {
		case !x.skills[n.Skill]:
			return refuse(unknownSkill(code), at, "there is no skill %q", n.Skill)
		case n.Level > MaxLevel:
			return refuse(code, at, "level %v of skill %q is above 10", Milli(n.Level), n.Skill)
		case n.Group > 0 && !n.Additional:
			return refuse(code, at, "skill %q has a priority but is not additional; only additional skills are dropped", n.Skill)
		}
		level, after := n.Level, Time(0)
		for _, step := range n.Relax {
			if step.After <= after || step.After > maxSpan || step.Level >= level {
				return refuse(code, at, "skill %q should relax in steps of later times and lower levels", n.Skill)
			}
			level, after = step.Level, step.After
		}
	}
	return nil
}

func unknownSkill(code Code) Code {
	if code == CodeInvalidDefinition {
		return code
	}
	return CodeUnknownSkill
}

// holding checks what an agent is said to hold.
func (x *index) holding(a *AgentDefinition) error {
	at := "agents." + a.ID + ".skills"
	for i := range a.Skills {
		s := &a.Skills[i]
		switch {
		case !x.skills[s.Name]:
			return missing(at, "skill", s.Name)
		case s.Level > MaxLevel:
			return refuse(CodeInvalidDefinition, at, "level %v of skill %q is above 10", Milli(s.Level), s.Name)
		case s.Until != 0 && s.Until <= s.From:
			return refuse(CodeInvalidDefinition, at, "skill %q ends before it begins", s.Name)
		case slices.ContainsFunc(a.Skills[:i], func(other Skill) bool { return other.Name == s.Name }):
			return refuse(CodeInvalidDefinition, at, "skill %q is there twice", s.Name)
		}
	}
	return nil
}

// level returns the level at which the agent holds the skill now.
func (a *Agent) level(skill string) (Level, bool) {
	for i := range a.Skills {
		if a.Skills[i].Name == skill {
			return a.Skills[i].Level, true
		}
	}
	return 0, false
}

// meets reports whether the agent holds what is needed at the level required at
// present.
func (a *Agent) meets(n *Need) bool {
	level, ok := a.level(n.Skill)
	return ok && level >= n.Now
}

// skilled reports whether the agent holds every need that is not dropped.
func (a *Agent) skilled(needs []Need) bool {
	for i := range needs {
		if n := &needs[i]; !n.Dropped && !a.meets(n) {
			return false
		}
	}
	return true
}

func needy(needs []Need) bool {
	return slices.ContainsFunc(needs, func(n Need) bool { return !n.Dropped })
}

// merge returns all needs of the lists, each skill once: the highest level
// counts, and a need that one list requires for good is not additional.
func merge(lists ...[]Need) []Need {
	var out []Need
	for _, list := range lists {
		for _, n := range list {
			n.Now, n.Dropped = n.Level, false
			at := slices.IndexFunc(out, func(other Need) bool { return other.Skill == n.Skill })
			if at < 0 {
				out = append(out, n)
				continue
			}
			out[at] = stricter(out[at], n)
		}
	}
	slices.SortFunc(out, func(a, b Need) int { return cmp.Compare(a.Skill, b.Skill) })
	return out
}

func stricter(a, b Need) Need {
	if b.Level > a.Level {
		a.Level, a.Now, a.Relax = b.Level, b.Level, b.Relax
	}
	if !a.Additional || !b.Additional {
		a.Additional, a.Group = false, 0
	} else {
		a.Group = min(a.Group, b.Group) // what one wants to keep longer is kept longer
	}
	return a
}

// reset returns the needs as they were at first.
func reset(needs []Need) []Need {
	out := slices.Clone(needs)
	for i := range out {
		out[i].Now, out[i].Dropped = out[i].Level, false
	}
	return out
}

// nextGroup returns the group of additional needs that is dropped next.
func nextGroup(needs []Need) (group uint16, ok bool) {
	for i := range needs {
		if n := &needs[i]; n.Additional && !n.Dropped && (!ok || n.Group > group) {
			group, ok = n.Group, true
		}
	}
	return group, ok
}

// drop returns the needs without those of the group.
func drop(needs []Need, group uint16) []Need {
	out := slices.Clone(needs)
	for i := range out {
		if out[i].Additional && out[i].Group == group {
			out[i].Dropped = true
		}
	}
	return out
}

// relaxed returns the needs as they are once the work has waited for so long.
func relaxed(needs []Need, waited Time) []Need {
	out := slices.Clone(needs)
	for i := range out {
		for _, step := range out[i].Relax {
			if step.After <= waited && !out[i].Dropped {
				out[i].Now = min(out[i].Now, step.Level)
			}
		}
	}
	return out
}

// relaxesAfter returns after how long of waiting a level relaxes next.
func relaxesAfter(needs []Need) (after Time, ok bool) {
	for i := range needs {
		n := &needs[i]
		for _, step := range n.Relax {
			if !n.Dropped && step.Level < n.Now && (!ok || step.After < after) {
				after, ok = step.After, true
			}
		}
	}
	return after, ok
}

// valid returns the skills that are valid at that time.
func (a *AgentDefinition) valid(at Time) []Skill {
	if !slices.ContainsFunc(a.Skills, func(s Skill) bool { return !s.valid(at) }) {
		return a.Skills
	}
	return slices.DeleteFunc(slices.Clone(a.Skills), func(s Skill) bool { return !s.valid(at) })
}

// skillsChange returns when a skill begins or ends next; 0 for never.
func (a *AgentDefinition) skillsChange(after Time) (next Time) {
	for i := range a.Skills {
		for _, at := range []Time{a.Skills[i].From, a.Skills[i].Until} {
			if at > after && (next == 0 || at < next) {
				next = at
			}
		}
	}
	return next
}
