// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
)

// expressions compiles every CEL expression. It works beside other faults, so
// it compiles a definition of expressions alone, in which each has a name that
// leads back to its place.
func (c *checker) expressions() {
	queues, sure := c.defined("queues")
	if !sure {
		return // an expression may name any
	}
	d := engine.Definition{}
	for _, name := range sortedKeys(queues) {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: name})
	}
	places := map[string][]string{}
	rules := engine.Channel{Name: "rules"}
	c.each([]string{"channels", every, "skill_rules", every, "when"}, func(path []string, value any) {
		if when, ok := value.(string); ok {
			places[fmt.Sprintf("channels.rules.skill_rules.%d.when", len(rules.SkillRules))] = under(path)
			rules.SkillRules = append(rules.SkillRules, engine.SkillRule{When: when})
		}
	})
	flow := engine.Flow{Name: "steps"}
	c.each([]string{"flows", every, "steps", every, "when"}, func(path []string, value any) {
		if when, ok := value.(string); ok {
			step := engine.Step{Name: index(len(flow.Steps)), When: when}
			places["flows.steps.steps."+step.Name+".when"] = under(path)
			flow.Steps = append(flow.Steps, step)
		}
	})
	if len(places) == 0 {
		return
	}
	d.Channels, d.Flows = []engine.Channel{rules}, []engine.Flow{flow}
	_, err := intake.Compile(&d)
	for _, err := range separate(err) {
		var f *intake.Fault
		if !errors.As(err, &f) {
			c.report(stageRules, c.doc.value(nil), CodeInternal, "%v", err)
			continue
		}
		place, message := c.doc.value(places[f.Field]), f.Message
		if at, ok := c.doc.within(places[f.Field], f.Line, f.Column); ok {
			place.Line, place.Column = at.line, at.column
			_, message, _ = strings.Cut(message, ": ") // which is the place
		}
		c.report(stageRules, place, CodeExpression, "%s", message)
	}
}

// separate returns the errors that err joins, or err alone.
func separate(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		return joined.Unwrap()
	default:
		return []error{err}
	}
}
