// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Channel is a kind of work.
type Channel struct {
	// Size is what an item takes unless it or its routing config says so.
	Size engine.Amount `koanf:"size"`
	// CapacityModel says for how long work takes capacity.
	CapacityModel engine.CapacityModel `koanf:"capacity_model"`
	// PausedSize is what paused work takes under the status model.
	PausedSize engine.Amount `koanf:"paused_size"`
	// ResumeOverCapacity lets paused work be resumed beyond its agent's
	// capacity.
	ResumeOverCapacity bool `koanf:"resume_over_capacity"`
	// Pool is the capacity that work takes.
	Pool Pool `koanf:"pool"`
	// WrapUp is the time for what is left to do once work is done; none if its
	// For is 0.
	WrapUp WrapUp `koanf:"wrap_up"`
	// SecondaryPriority is nil when all work of the channel has the same.
	SecondaryPriority *SecondaryPriority `koanf:"secondary_priority"`
	// SkillRules say which skills incoming work requires, in this order; all
	// that match count.
	SkillRules []SkillRule `koanf:"skill_rules"`
	// LastAgent brings a returning conversation to its last agent first, unless
	// its For is 0.
	LastAgent LastAgent `koanf:"last_agent"`
	// OnDisconnect says what becomes of open work whose agent is gone.
	OnDisconnect engine.DisconnectRule `koanf:"on_disconnect"`
}

// Pool is one of an agent's two capacities.
type Pool string

// The pools.
const (
	// PoolPrimary work ignores interruptible load.
	PoolPrimary Pool = "primary"
	// PoolInterruptible work needs as much free in both pools.
	PoolInterruptible Pool = "interruptible"
)

// WrapUp is the time an agent has for what is left to do once work is done.
type WrapUp struct {
	// For is how long it takes unless the agent ends it before.
	For time.Duration `koanf:"for"`
	// Extension is by how much an agent may prolong it, Extensions how often.
	// Both are 0, or neither.
	Extension  time.Duration `koanf:"extension"`
	Extensions uint8         `koanf:"extensions"`
}

// SecondaryPriority is a table from an attribute's value to a number; among
// work of equal priority the lower comes first.
type SecondaryPriority struct {
	// Attribute names the attribute of work.
	Attribute string `koanf:"attribute"`
	// Values are the numbers by value, 0 or more.
	Values map[string]int32 `koanf:"values"`
	// Otherwise is the number of work whose value is not listed.
	Otherwise int32 `koanf:"otherwise"`
}

// LastAgent is for how long a returning conversation waits for its last agent.
type LastAgent struct {
	// For is how long it waits for that agent alone.
	For time.Duration `koanf:"for"`
	// Within is how long ago, at most, that agent accepted it last.
	Within time.Duration `koanf:"within"`
}

// definition returns the channel as the engine takes it.
func (c *Channel) definition(name string) engine.Channel {
	d := engine.Channel{
		Name: name, Size: c.Size, OnDisconnect: c.OnDisconnect, Capacity: c.CapacityModel, PausedSize: c.PausedSize,
		ResumeOver: c.ResumeOverCapacity, Interruptible: c.Pool == PoolInterruptible,
		WrapUp: engine.WrapUp{
			For: millis(c.WrapUp.For), Extension: millis(c.WrapUp.Extension), Extensions: c.WrapUp.Extensions,
		},
		LastAgentFor: millis(c.LastAgent.For), LastAgentWithin: millis(c.LastAgent.Within),
	}
	if s := c.SecondaryPriority; s != nil {
		d.Secondary = &engine.Secondary{Attribute: s.Attribute, Values: s.Values, Otherwise: s.Otherwise}
	}
	for i := range c.SkillRules {
		d.SkillRules = append(d.SkillRules, c.SkillRules[i].definition())
	}
	return d
}

// channels checks what belongs together within a channel.
func (c *checker) channels() {
	for name, ch := range c.section("channels") {
		path := []string{"channels", name}
		if paused, ok := amount(ch["paused_size"]); ok && !paused.IsZero() && ch["capacity_model"] == modelSession {
			c.report(stageRules, c.doc.value(under(path, "paused_size")), CodeConflict,
				"under the session model paused work holds its whole size; set capacity_model to status, or remove paused_size")
		}
		if ch["resume_over_capacity"] == true && ch["capacity_model"] == modelSession {
			c.warn(c.doc.key(under(path, "resume_over_capacity")), CodeUnused,
				"under the session model paused work holds its whole size, so resuming it never needs more")
		}
		if wrap, ok := ch["wrap_up"].(map[string]any); ok {
			c.together(under(path, "wrap_up"), wrap, "extension", "extensions")
		}
		rules, _ := ch["skill_rules"].([]any)
		for i, rule := range rules {
			if rule, ok := rule.(map[string]any); ok {
				c.skillRule(under(path, "skill_rules", index(i)), rule)
			}
		}
	}
	c.interruptible()
}

// interruptible warns of work for which no agent has capacity.
func (c *checker) interruptible() {
	for _, p := range c.section("presence_configs") {
		if has, ok := milli(p["interruptible_capacity"]); !ok || has > 0 {
			return
		}
	}
	for name, ch := range c.section("channels") {
		if ch["pool"] == string(PoolInterruptible) {
			c.warn(c.doc.value([]string{"channels", name, "pool"}), CodeUnused,
				"no presence config has interruptible_capacity, so this channel's work is never offered")
		}
	}
}
