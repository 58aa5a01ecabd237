// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Skill is how well an agent holds a skill, and when.
type Skill struct {
	// Level is from 0 to 10 units.
	Level engine.Level `koanf:"level"`
	// From and Until bound its validity, From included; zero means without
	// bound.
	From  time.Time `koanf:"from"`
	Until time.Time `koanf:"until"`
}

// Needs are the skills that work requires, by name.
type Needs map[string]Need

// Need says at which level a skill is required, and for how long.
type Need struct {
	// Level is from 0 to 10 units.
	Level engine.Level `koanf:"level"`
	// Additional needs are dropped while the work waits, those of the highest
	// Priority first, 0 last.
	Additional bool   `koanf:"additional"`
	Priority   uint16 `koanf:"priority"`
	// Relax lowers the level in steps, each later and lower than the one before.
	Relax []Relaxation `koanf:"relax"`
}

// Relaxation is a step of lowering a level.
type Relaxation struct {
	// After is how long the work has waited, above 0.
	After time.Duration `koanf:"after"`
	// Level is required from then on.
	Level engine.Level `koanf:"level"`
}

// SkillRule says which skills work requires: a table, if Attribute is not
// empty, or else an expression.
type SkillRule struct {
	// Attribute names the attribute of work that Values goes by.
	Attribute string           `koanf:"attribute"`
	Values    map[string]Needs `koanf:"values"`
	// When is a CEL expression; if it is true, work requires Skills.
	When   string `koanf:"when"`
	Skills Needs  `koanf:"skills"`
}

// definition returns the needs as the engine takes them, in the order of names.
func (n Needs) definition() []engine.Need {
	var list []engine.Need
	for _, name := range sortedKeys(n) {
		need := engine.Need{
			Skill: name, Level: n[name].Level, Additional: n[name].Additional, Group: n[name].Priority,
		}
		for _, step := range n[name].Relax {
			need.Relax = append(need.Relax, engine.Relaxation{After: millis(step.After), Level: step.Level})
		}
		list = append(list, need)
	}
	return list
}

func (r *SkillRule) definition() engine.SkillRule {
	d := engine.SkillRule{Attribute: r.Attribute, When: r.When, Needs: r.Skills.definition()}
	if len(r.Values) > 0 {
		d.Values = make(map[string][]engine.Need, len(r.Values))
	}
	for value, needs := range r.Values {
		d.Values[value] = needs.definition()
	}
	return d
}

// level reads a level in units.
func level(v any) (engine.Level, bool) {
	units, ok := milli(v)
	return engine.Level(units), ok && units <= engine.Milli(engine.MaxLevel)
}

// moment reads a date, which begins at midnight UTC, or a time with its zone.
// Other types than text are the zero time: the schema speaks of them.
func moment(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	switch year := at.UTC().Year(); {
	case err != nil:
		return time.Time{}, err
	case year < 2000 || year > 9999:
		return time.Time{}, errors.New("out of range")
	}
	return at, nil
}

// skillRule checks that a rule is a table or an expression, and whole.
func (c *checker) skillRule(path []string, rule map[string]any) {
	has := func(key string) bool { return rule[key] != nil || c.misspelt[join(under(path, key))] }
	table, expression := has("attribute") || has("values"), has("when") || has("skills")
	switch {
	case table && expression:
		key := "when"
		if rule[key] == nil {
			key = "skills"
		}
		c.report(stageRules, c.doc.key(under(path, key)), CodeConflict,
			"a rule is a table, with attribute and values, or an expression, with when and skills; make two rules of this one")
	case table:
		c.together(path, rule, "attribute", "values")
	case expression:
		c.together(path, rule, "when", "skills")
	default:
		c.report(stageRules, c.doc.value(path), CodeMissing,
			"this rule requires nothing; give attribute and values, or when and skills")
	}
}

// needs checks each required skill by itself.
func (c *checker) needs() {
	for _, pattern := range needPlaces() {
		c.each(pattern, func(path []string, value any) {
			needs, _ := value.(map[string]any)
			for name, need := range needs {
				if need, ok := need.(map[string]any); ok {
					c.need(under(path, name), need)
				}
			}
		})
	}
}

// needPlaces are the patterns of places where skills are required.
func needPlaces() [][]string {
	return [][]string{
		{"channels", every, "skill_rules", every, "values", every},
		{"channels", every, "skill_rules", every, "skills"},
		{"routing_configs", every, "skills"},
		{"queues", every, "default_skills"},
		{"flows", every, "steps", every, "then", "skills"},
	}
}

func (c *checker) need(path []string, need map[string]any) {
	if group, ok := need["priority"].(int64); ok && group > 0 && need["additional"] == false {
		c.report(stageRules, c.doc.key(under(path, "priority")), CodeConflict,
			"only an additional skill is ever dropped; set additional to true, or remove priority")
	}
	before, sure := level(need["level"])
	var waited time.Duration
	relax, _ := need["relax"].([]any)
	for i, one := range relax {
		step, ok := one.(map[string]any)
		if !ok {
			return
		}
		after, err := duration(step["after"])
		lower, ok := level(step["level"])
		switch at := under(path, "relax", index(i)); {
		case err != nil || after == 0 || !ok || !sure:
			return // the schema speaks of it
		case after <= waited:
			c.report(stageRules, c.doc.value(under(at, "after")), CodeConflict,
				"each step comes after the one before; this must be longer than %v", waited)
		case lower >= before:
			c.report(stageRules, c.doc.value(under(at, "level")), CodeConflict,
				"levels relax by getting lower; this must be below %v", engine.Milli(before))
		}
		waited, before = after, lower
	}
}

// skills checks what agents hold, and warns of skills that nobody does.
func (c *checker) skills() {
	held := map[string]bool{}
	for name, agent := range c.section("agents") {
		skills, _ := agent["skills"].(map[string]any)
		for skill, holding := range skills {
			held[skill] = true
			if holding, ok := holding.(map[string]any); ok {
				c.validity([]string{"agents", name, "skills", skill}, holding)
			}
		}
	}
	listed, _ := c.all["skills"].([]any)
	for i, skill := range listed {
		if name, ok := skill.(string); ok && !held[name] {
			c.warn(c.doc.value([]string{"skills", index(i)}), CodeUnused,
				"no agent holds this skill, so work that requires it is never offered")
		}
	}
}

func (c *checker) validity(path []string, holding map[string]any) {
	from, err1 := moment(holding["from"])
	until, err2 := moment(holding["until"])
	if err1 == nil && err2 == nil && !from.IsZero() && !until.IsZero() && !from.Before(until) {
		c.report(stageRules, c.doc.value(under(path, "until")), CodeConflict,
			"this is %v; it must be later than from, which is %v", holding["until"], holding["from"])
	}
}
