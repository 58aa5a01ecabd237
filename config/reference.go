// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// every stands in a pattern for all entries of a map or list. It is not a name.
const every = "*"

// reference is a kind of place that names an entry of a section.
type reference struct {
	// at is the place: a text, a list of texts, or, if keys is set, a map whose
	// keys are names.
	at   string
	to   string
	keys bool
}

func (c *checker) references() {
	for _, r := range []reference{
		{at: "statuses.*.channels", to: "channels"},
		{at: "presence_configs.*.status_after_decline", to: "statuses"},
		{at: "presence_configs.*.status_after_timeout", to: "statuses"},
		{at: "routing_configs.*.strategy", to: "strategies"},
		{at: "routing_configs.*.fallback", to: "strategies"},
		{at: "profiles.*.statuses", to: "statuses"},
		{at: "profiles.*.presence_config", to: "presence_configs"},
		{at: "profiles.*.queues", to: "queues"},
		{at: "queues.*.routing", to: "routing_configs"},
		{at: "queues.*.strategy", to: "strategies"},
		{at: "queues.*.shadow", to: "strategies"},
		{at: "queues.*.canary.strategy", to: "strategies"},
		{at: "queues.*.hours", to: "hours"},
		{at: "queues.*.overflow.to", to: "queues"},
		{at: "flows.*.channels", to: "channels"},
		{at: "flows.*.fallback", to: "queues"},
		{at: "flows.*.steps.*.then.queue", to: "queues"},
		{at: "flows.*.steps.*.then.preferred_agent", to: "agents"},
		{at: "flows.*.steps.*.then.overflow.to", to: "queues"},
		{at: "agents.*.presence_config", to: "presence_configs"},
		{at: "agents.*.profile", to: "profiles"},
		{at: "agents.*.queues", to: "queues"},
		{at: "agents.*.queues.*.queue", to: "queues"},
		{at: "agents.*.skills", to: "skills", keys: true},
		{at: "api.keys.*.profile", to: "profiles"},
		{at: "api.keys.*.scope.agent", to: "agents"},
		{at: "api.keys.*.scope.queues", to: "queues"},
	} {
		c.each(strings.Split(r.at, "."), func(path []string, value any) { c.refer(r, path, value) })
	}
	for _, at := range needPlaces() {
		c.each(at, func(path []string, value any) {
			_, short := value.([]any)
			c.refer(reference{to: "skills", keys: !short}, path, value)
		})
	}
}

// each calls found for every value at a pattern. The path is found's until it
// returns.
func (c *checker) each(pattern []string, found func(path []string, value any)) {
	walk(c.all, pattern, make([]string, 0, len(pattern)+4), found)
}

func walk(v any, pattern, path []string, found func(path []string, value any)) {
	if len(pattern) == 0 {
		found(path, v)
		return
	}
	step, rest := pattern[0], pattern[1:]
	switch v := v.(type) {
	case map[string]any:
		if step != every {
			if inner, ok := v[step]; ok {
				walk(inner, rest, append(path, step), found)
			}
			return
		}
		for name, inner := range v {
			walk(inner, rest, append(path, name), found)
		}
	case []any:
		if step != every {
			return
		}
		for i, inner := range v {
			walk(inner, rest, append(path, index(i)), found)
		}
	}
}

// refer checks one name, or several. A section that is misspelt or of the wrong
// type makes no name unknown: that is one fault, not one per name.
func (c *checker) refer(r reference, path []string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			if r.keys && c.unknown(r, name) {
				c.dangling(r, name, c.doc.key(under(path, name)))
			}
		}
	case []any:
		for i, item := range v {
			if name, ok := item.(string); ok && !r.keys && c.unknown(r, name) {
				c.dangling(r, name, c.doc.value(under(path, index(i))))
			}
		}
	case string:
		if !r.keys && c.unknown(r, v) {
			c.dangling(r, v, c.doc.value(path))
		}
	}
}

func (c *checker) unknown(r reference, name string) bool {
	defined, sure := c.defined(r.to)
	builtin := r.to == "statuses" && name == engine.Offline // offline speaks of it
	return sure && !defined[name] && !builtin && c.schema.isName(name)
}

func (c *checker) dangling(r reference, name string, place Error) {
	defined, _ := c.defined(r.to)
	one, many := nouns(r.to)
	c.report(stageRules, place, CodeReference,
		"there is no %s %q%s", one, clip(name), didYouMean(name, sortedKeys(defined), many))
}

// defined returns the names that a section defines, and whether that is sure.
func (c *checker) defined(section string) (names map[string]bool, sure bool) {
	if names, ok := c.names[section]; ok {
		return names, names != nil
	}
	switch v := c.all[section].(type) {
	case map[string]any:
		names = make(map[string]bool, len(v))
		for name := range v {
			names[name] = true
		}
	case []any:
		if section != "skills" {
			break
		}
		names = make(map[string]bool, len(v))
		for _, name := range texts(v) {
			names[name] = true
		}
	case nil:
		names = map[string]bool{}
	}
	if c.misspelt[section] {
		names = nil
	}
	c.names[section] = names
	return names, names != nil
}

// nouns returns what an entry of a section is called, and several.
func nouns(section string) (one, many string) {
	switch section {
	case "hours":
		return "set of hours", "sets of hours"
	case "statuses":
		return "status", section
	case "strategies":
		return "strategy", section
	default:
		many = strings.ReplaceAll(section, "_", " ")
		return strings.TrimSuffix(many, "s"), many
	}
}

// under returns a path further down, in memory of its own.
func under(path []string, steps ...string) []string { return slices.Concat(path, steps) }

// index writes the place in a list as a step of a path.
func index(i int) string { return strconv.Itoa(i) }

// join makes one text of a path, for maps.
func join(path []string) string { return strings.Join(path, separator) }
