// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

// Profile is what people of a kind may do.
type Profile struct {
	// Role is what they may do with the API.
	Role Role `koanf:"role"`
	// Statuses are the presence statuses that an agent may choose; none means
	// any.
	Statuses []string `koanf:"statuses"`
	// PresenceConfig is that of agents who name none themselves; empty for none.
	PresenceConfig string `koanf:"presence_config"`
	// Queues are those that a supervisor or router sees; nil means all.
	Queues []string `koanf:"queues"`
}

// profiles checks that what a profile leaves out is said elsewhere, and that it
// says nothing that means nothing.
func (c *checker) profiles() {
	profiles := c.section("profiles")
	for name, p := range profiles {
		role, _ := p["role"].(string)
		if _, queues := p["queues"]; queues && role != "" && Role(role) != RoleSupervisor && Role(role) != RoleRouter {
			c.report(stageRules, c.doc.key([]string{"profiles", name, "queues"}), CodeConflict,
				"only the roles supervisor and router see some queues and not others; remove queues, or change the role")
		}
	}
	for name, agent := range c.section("agents") {
		path := []string{"agents", name, "presence_config"}
		_, own := agent["presence_config"]
		profile, _ := agent["profile"].(string)
		_, given := profiles[profile]["presence_config"]
		if !own && !given && !c.misspelt[join(path)] {
			c.report(stageRules, c.doc.missing(path), CodeMissing,
				"the key \"presence_config\" is missing; it must be a name, or the agent's profile must give one")
		}
	}
}

// roleOf returns a key's role, or its profile's, and checks that the key has one
// of the two.
func (c *checker) roleOf(name string, key map[string]any) string {
	role, hasRole := key["role"].(string)
	profile, hasProfile := key["profile"].(string)
	path := []string{"api", "keys", name, "role"}
	switch {
	case hasRole && hasProfile:
		c.report(stageRules, c.doc.key([]string{"api", "keys", name, "profile"}), CodeConflict,
			"a key has either a role or a profile; remove one of the two")
	case hasProfile:
		role, _ = c.section("profiles")[profile]["role"].(string)
	case key["role"] == nil && key["profile"] == nil && !c.misspelt[join(path)]:
		c.report(stageRules, c.doc.missing(path), CodeMissing,
			"the key \"role\" is missing; it must be one of agent, supervisor, admin, router")
	}
	return role
}
