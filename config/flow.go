// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Flow is what is done with incoming work before it waits.
type Flow struct {
	// Channels are those whose work goes through it; none means all that no
	// other flow names.
	Channels []string `koanf:"channels"`
	// Steps are done in this order. Their names differ.
	Steps []Step `koanf:"steps"`
	// Fallback names the queue to which work goes when a step fails.
	Fallback string `koanf:"fallback"`
}

// Step is one step of a flow.
type Step struct {
	// Name is what the record of the work shows.
	Name string `koanf:"name"`
	// When is a CEL expression; empty is always true.
	When string `koanf:"when"`
	// Then is what is done if it is true.
	Then Then `koanf:"then"`
	// Last ends the flow once the step has done something.
	Last bool `koanf:"last"`
}

// Then is what a step decides. What is empty, it leaves as it is.
type Then struct {
	// Queue names the queue the work goes to.
	Queue string `koanf:"queue"`
	// Priority is nil if the step says nothing of it.
	Priority *int32 `koanf:"priority"`
	// Skills are required besides.
	Skills Needs `koanf:"skills"`
	// PreferredAgent alone is asked for PreferredFor; both are there, or neither.
	PreferredAgent string        `koanf:"preferred_agent"`
	PreferredFor   time.Duration `koanf:"preferred_for"`
	// TimeToLive is after how long the work expires; 0 says nothing.
	TimeToLive time.Duration `koanf:"time_to_live"`
	// Overflow is nil if the step says nothing of it.
	Overflow *Overflow `koanf:"overflow"`
}

func (f *Flow) definition(name string) engine.Flow {
	d := engine.Flow{Name: name, Channels: f.Channels, Fallback: f.Fallback}
	for i := range f.Steps {
		step := &f.Steps[i]
		then := &step.Then
		d.Steps = append(d.Steps, engine.Step{
			Name: step.Name, When: step.When, Last: step.Last,
			Queue: then.Queue, Priority: then.Priority, Needs: then.Skills.definition(),
			Preferred: then.PreferredAgent, For: millis(then.PreferredFor),
			TimeToLive: millis(then.TimeToLive), Overflow: then.Overflow.definition(),
		})
	}
	return d
}

// flows checks that a channel has one flow, and each flow's steps.
func (c *checker) flows() {
	flows := c.section("flows")
	everything := ""
	taken := map[string]string{}
	for _, name := range c.inOrder([]string{"flows"}, sortedKeys(flows)) {
		channels, ok := flows[name]["channels"].([]any)
		switch {
		case ok && len(channels) == 0 && everything != "":
			c.report(stageRules, c.doc.key([]string{"flows", name}), CodeConflict,
				"the flow %q takes all channels already; name the channels of one of the two", everything)
		case ok && len(channels) == 0:
			everything = name
		}
		for i, channel := range channels {
			channel, _ := channel.(string)
			if first, twice := taken[channel]; twice && first != name && channel != "" {
				c.report(stageRules, c.doc.value([]string{"flows", name, "channels", index(i)}), CodeConflict,
					"work of channel %q goes through the flow %q already; name it in one of the two", clip(channel), first)
			}
			taken[channel] = name
		}
		c.steps([]string{"flows", name, "steps"}, flows[name]["steps"])
	}
}

func (c *checker) steps(path []string, value any) {
	steps, _ := value.([]any)
	seen := map[string]bool{}
	for i, one := range steps {
		step, _ := one.(map[string]any)
		at := under(path, index(i))
		if name, _ := step["name"].(string); name != "" {
			if seen[name] {
				c.report(stageRules, c.doc.value(under(at, "name")), CodeDuplicate,
					"another step of this flow is called %q; give each its own name", clip(name))
			}
			seen[name] = true
		}
		then, ok := step["then"].(map[string]any)
		if !ok {
			continue
		}
		c.together(under(at, "then"), then, "preferred_agent", "preferred_for")
		queue, _ := then["queue"].(string)
		if overflow, ok := then["overflow"].(map[string]any); ok {
			c.overflow(under(at, "then", "overflow"), queue, overflow)
		}
		if !c.inFile(at, "then", nil) && step["last"] == false && !c.misspelt[join(under(at, "then"))] {
			c.warn(c.doc.value(at), CodeUnused, "this step does nothing; give it then, or last")
		}
	}
}
