// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"go.yaml.in/yaml/v3"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Level is how well a skill is held, or must be, from 0 to 10.
type Level float64

// Needs are skills that work requires, by name: a list of names, or a map from
// names to levels or needs.
type Needs map[string]Need

// Need says at which level a skill is required, and for how long.
type Need struct {
	// Level is what an agent must have at least; 0 if left out.
	Level Level `yaml:"level"`
	// Additional needs are dropped while the customer waits.
	Additional bool `yaml:"additional"`
	// Priority is in which order: the highest first, equal ones together, 0 last.
	Priority uint16 `yaml:"priority"`
	// Relax lowers the level while the customer waits, in steps.
	Relax []Relaxation `yaml:"relax"`
}

// Relaxation is a step of lowering a level.
type Relaxation struct {
	// After is how long the customer has waited.
	After Span `schema:"required" yaml:"after"`
	// Level is required from then on.
	Level Level `schema:"required" yaml:"level"`
}

var (
	_ yaml.Unmarshaler = (*Needs)(nil)
	_ yaml.Unmarshaler = (*Need)(nil)
	_ yaml.Unmarshaler = (*AnswerTime)(nil)
)

// UnmarshalYAML implements yaml.Unmarshaler.
func (n *Needs) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.SequenceNode {
		return node.Decode((*map[string]Need)(n))
	}
	var names []string
	if err := node.Decode(&names); err != nil {
		return err
	}
	*n = make(Needs, len(names))
	for _, name := range names {
		(*n)[name] = Need{}
	}
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (n *Need) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&n.Level)
	}
	type plain Need
	return node.Decode((*plain)(n))
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (a *AnswerTime) UnmarshalYAML(node *yaml.Node) error {
	switch {
	case node.Kind == yaml.MappingNode:
		return node.Decode(&a.Distribution)
	case node.Value == "measured":
		a.Measured = true
		return nil
	case node.Value == "zero":
		return nil
	}
	return refuse(node, "this is not an answer time; write zero, measured, or a distribution such as {mean: 5ms}")
}

func (l Level) engine() engine.Level { return engine.Level(math.Round(float64(l) * 1000)) }

// engine returns the needs as the engine takes them, in order of names.
func (n Needs) engine() []engine.Need {
	var out []engine.Need
	for _, name := range sortedKeys(n) {
		need := n[name]
		one := engine.Need{Skill: name, Level: need.Level.engine(), Additional: need.Additional, Group: need.Priority}
		for _, step := range need.Relax {
			one.Relax = append(one.Relax, engine.Relaxation{After: engine.Time(step.After.Milliseconds()), Level: step.Level.engine()})
		}
		out = append(out, one)
	}
	return out
}
