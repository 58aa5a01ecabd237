// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Split divides a remote strategy's work among routers of classes.
type Split struct {
	// By says what the class is: "channel" or "attribute".
	By string `koanf:"by"`
	// Name is the attribute's.
	Name string `koanf:"name"`
	// Classes are the values of which each is a class; empty for all channels.
	Classes []string `koanf:"classes"`
}

// split returns how the strategy is split, its classes listed; nil if it is not.
func (c *Config) split(s *Strategy) *engine.StrategySplit {
	if s.Split == nil {
		return nil
	}
	out := &engine.StrategySplit{By: s.Split.By, Name: s.Split.Name, Classes: slices.Clone(s.Split.Classes)}
	if len(out.Classes) == 0 && out.By == strategy.SplitByChannel {
		out.Classes = sortedKeys(c.Channels)
	}
	return out
}

// classes are those for which routers may come.
func (c *Config) classes(s *Strategy) []string {
	if split := c.split(s); split != nil {
		return split.Classes
	}
	return nil
}

// split checks how a remote strategy is split.
func (c *checker) split(name string, s map[string]any) {
	split, ok := s["split"].(map[string]any)
	if !ok {
		return
	}
	at := func(keys ...string) []string { return append([]string{"strategies", name, "split"}, keys...) }
	by, _ := split["by"].(string)
	attribute, _ := split["name"].(string)
	classes, _ := split["classes"].([]any)
	door, _ := s["door"].(string)
	switch {
	case s["runtime"] != runtimeRemote || Door(door) == DoorWebhook:
		c.report(stageRules, c.doc.key(at()), CodeConflict,
			"only a remote strategy whose routers come to the host is split among them; remove split, or set runtime to remote and door to session or feed")
	case by == strategy.SplitByAttribute && attribute == "":
		c.report(stageRules, c.doc.missing(at("name")), CodeMissing, "the key \"name\" is missing; it must be the attribute by which work is split")
	case by == strategy.SplitByAttribute && len(classes) == 0:
		c.report(stageRules, c.doc.missing(at("classes")), CodeMissing, "the key \"classes\" is missing; it must list the attribute's values that are classes")
	case by == strategy.SplitByChannel && attribute != "":
		c.report(stageRules, c.doc.key(at("name")), CodeConflict, "only a split by attribute has a name; remove name, or set by to attribute")
	case by == strategy.SplitByChannel:
		c.classes(at("classes"), classes)
	}
}

// classes checks that each class is a channel.
func (c *checker) classes(at []string, classes []any) {
	known, _ := c.all["channels"].(map[string]any)
	if all := len(known); len(classes) == 0 && all > strategy.MaxClasses {
		c.report(stageRules, c.doc.missing(at), CodeRange,
			"there are %d channels, and a strategy has %d classes at most; list those that are classes in \"classes\"", all, strategy.MaxClasses)
	}
	for i, class := range classes {
		name, ok := class.(string)
		if _, is := known[name]; ok && !is {
			c.report(stageRules, c.doc.value(append(at, index(i))), CodeReference, "there is no channel %q", name)
		}
	}
}

// whole refuses a strategy that is split where it stands in for another one, or
// is on trial: only its routers without a class would decide there.
func (c *checker) whole() {
	strategies := c.section("strategies")
	for at, role := range map[string]string{
		"routing_configs.*.fallback": "a fallback", "queues.*.shadow": "a shadow", "queues.*.canary.strategy": "a canary",
	} {
		c.each(strings.Split(at, "."), func(path []string, value any) {
			if name, _ := value.(string); strategies[name]["split"] != nil {
				c.report(stageRules, c.doc.value(path), CodeConflict,
					"%q is split into classes, and as %s only its routers without a class would decide; name a strategy that is not split", clip(name), role)
			}
		})
	}
}
