// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "fmt"

// unused warns of what is allowed but has no effect.
func (c *checker) unused() {
	c.members()
	c.unnamed("routing_configs", "queues", "routing", "no queue uses this routing config")
	c.unnamed("channels", "statuses", "channels", "no status lists this channel, so its work is never offered")
	c.unnamed("presence_configs", "agents", "presence_config", "no agent uses this presence config")
	used := c.named("routing_configs", "strategy", nil)
	used = c.named("routing_configs", "fallback", used)
	for name := range c.section("strategies") {
		path := []string{"strategies", name}
		if !used[name] && c.inFile([]string{"strategies"}, name, nil) {
			c.warn(c.doc.key(path), CodeUnused, "no routing config uses this strategy")
		}
	}
	for name, agent := range c.section("agents") {
		if queues, ok := agent["queues"].([]any); ok && len(queues) == 0 {
			c.warn(c.doc.key([]string{"agents", name}), CodeUnused, "this agent is a member of no queue and is never offered work")
		}
	}
}

func (c *checker) warn(place Error, code Code, format string, args ...any) {
	place.Code, place.Message = code, fmt.Sprintf(format, args...)
	c.faults.warn(place)
}

func (c *checker) members() {
	joined := c.named("agents", "queues", nil)
	for name := range c.section("queues") {
		if !joined[name] {
			c.warn(c.doc.key([]string{"queues", name}), CodeNoMembers, "this queue has no members, so its work waits until an agent joins")
		}
	}
}

// unnamed warns of entries of a section that no entry of another one names.
func (c *checker) unnamed(section, by, key, message string) {
	used := c.named(by, key, nil)
	for name := range c.section(section) {
		if !used[name] {
			c.warn(c.doc.key([]string{section, name}), CodeUnused, "%s", message)
		}
	}
}

// named gathers what the entries of a section name under a key.
func (c *checker) named(section, key string, into map[string]bool) map[string]bool {
	if into == nil {
		into = map[string]bool{}
	}
	for _, entry := range c.section(section) {
		switch v := entry[key].(type) {
		case string:
			into[v] = true
		case []any:
			for _, name := range texts(v) {
				into[name] = true
			}
		}
	}
	return into
}
