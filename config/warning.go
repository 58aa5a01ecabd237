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
	c.unnamed("hours", "queues", "hours", "no queue has these hours")
	used := c.using("routing_configs", "strategy", nil)
	used = c.using("routing_configs", "fallback", used)
	used = c.using("queues", "strategy", used)
	used = c.using("queues", "shadow", used)
	for _, queue := range c.section("queues") {
		if canary, ok := queue["canary"].(map[string]any); ok {
			name, _ := canary["strategy"].(string)
			used[name] = true
		}
	}
	for name := range c.section("strategies") {
		path := []string{"strategies", name}
		if !used[name] && c.inFile([]string{"strategies"}, name, nil) {
			c.warn(c.doc.key(path), CodeUnused, "no routing config uses this strategy")
		}
	}
	bySkills := c.bySkills()
	for name, agent := range c.section("agents") {
		skills, _ := agent["skills"].(map[string]any)
		if queues, ok := agent["queues"].([]any); ok && len(queues) == 0 && (len(skills) == 0 || len(bySkills) == 0) {
			c.warn(c.doc.key([]string{"agents", name}), CodeUnused, "this agent is a member of no queue and is never offered work")
		}
	}
}

func (c *checker) warn(place Error, code Code, format string, args ...any) {
	place.Code, place.Message = code, fmt.Sprintf(format, args...)
	c.faults.warn(place)
}

func (c *checker) members() {
	joined := map[string]bool{}
	for _, agent := range c.section("agents") {
		queues, _ := agent["queues"].([]any)
		for _, item := range queues {
			joined[memberOf(item)] = true
		}
	}
	bySkills := c.bySkills()
	for name, queue := range c.section("queues") {
		routing, _ := queue["routing"].(string)
		if !joined[name] && !bySkills[routing] {
			c.warn(c.doc.key([]string{"queues", name}), CodeNoMembers, "this queue has no members, so its work waits until an agent joins")
		}
	}
}

// bySkills returns the routing configs that ask more agents than members.
func (c *checker) bySkills() map[string]bool {
	found := map[string]bool{}
	for name, r := range c.section("routing_configs") {
		if r["route_by"] == string(BySkills) {
			found[name] = true
		}
	}
	return found
}

// unnamed warns of entries of a section that no entry of another one names.
func (c *checker) unnamed(section, by, key, message string) {
	used := c.using(by, key, c.using("profiles", key, nil))
	for name := range c.section(section) {
		if !used[name] {
			c.warn(c.doc.key([]string{section, name}), CodeUnused, "%s", message)
		}
	}
}

// using gathers what the entries of a section name under a key.
func (c *checker) using(section, key string, into map[string]bool) map[string]bool {
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
