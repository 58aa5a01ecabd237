// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Agent is a person who does work.
type Agent struct {
	// Name is for people; empty means that the id serves.
	Name string `koanf:"name"`
	// Profile names what the agent may do; empty permits everything.
	Profile string `koanf:"profile"`
	// PresenceConfig names the agent's presence config: the profile's, if the
	// agent names none.
	PresenceConfig string `koanf:"presence_config"`
	// Queues are those the agent is a member of.
	Queues []Membership `koanf:"queues"`
	// Skills are what the agent can do, by name.
	Skills map[string]Skill `koanf:"skills"`
}

// Membership is an agent's place in a queue.
type Membership struct {
	// Queue names the queue.
	Queue string `koanf:"queue"`
	// Tier is when the agent is asked: 1 at once, 2 and on after the queue's
	// waits.
	Tier uint16 `koanf:"tier"`
	// Weight is the agent's share under weighted random, 1 to 100.
	Weight uint16 `koanf:"weight"`
}

func (a *Agent) definition(id string) engine.AgentDefinition {
	d := engine.AgentDefinition{ID: id, Name: a.Name, PresenceConfig: a.PresenceConfig, Profile: a.Profile}
	for _, m := range a.Queues {
		d.Queues = append(d.Queues, engine.Membership{Queue: m.Queue, Tier: m.Tier, Weight: m.Weight})
	}
	for _, name := range sortedKeys(a.Skills) {
		s := a.Skills[name]
		skill := engine.Skill{Name: name, Level: s.Level}
		if !s.From.IsZero() {
			skill.From = engine.Time(s.From.UnixMilli())
		}
		if !s.Until.IsZero() {
			skill.Until = engine.Time(s.Until.UnixMilli())
		}
		d.Skills = append(d.Skills, skill)
	}
	return d
}

// memberships checks that an agent is in a queue once, in a tier that is asked.
func (c *checker) memberships() {
	queues := c.section("queues")
	for name, agent := range c.section("agents") {
		list, _ := agent["queues"].([]any)
		for i, item := range list {
			queue := memberOf(item)
			long, _ := item.(map[string]any)
			again := func(other any) bool { return memberOf(other) == queue }
			if queue != "" && slices.ContainsFunc(list[:i], again) {
				path := []string{"agents", name, "queues", index(i)}
				if long != nil {
					path = under(path, "queue")
				}
				c.report(stageRules, c.doc.value(path), CodeDuplicate, "%q is in this list already; keep one of the two", clip(queue))
			}
			tier, ok := long["tier"].(int64)
			waits, listed := queues[queue]["tiers"].([]any)
			if ok && listed && tier > int64(len(waits))+1 {
				c.report(stageRules, c.doc.value([]string{"agents", name, "queues", index(i), "tier"}), CodeConflict,
					"this is tier %d, and the queue's tiers end with %d; give the queue another wait in tiers, or the agent a lower tier",
					tier, len(waits)+1)
			}
		}
	}
}

// memberOf returns the queue of a membership, short or long; empty if it has
// none.
func memberOf(item any) string {
	switch v := item.(type) {
	case string:
		return v
	case map[string]any:
		queue, _ := v["queue"].(string)
		return queue
	default:
		return ""
	}
}
