// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// keys checks what an API key's role asks of its scope, and that no checksum
// serves two keys or is that of nothing.
func (c *checker) keys() {
	keys, _ := c.lookup([]string{"api", "keys"}).(map[string]any)
	seen := map[string]string{}
	nothing := sha256.Sum256(nil)
	for _, name := range sortedKeys(keys) {
		key, ok := keys[name].(map[string]any)
		if !ok {
			continue
		}
		c.scope(name, key)
		sum, _ := key["sha256"].(string)
		sum = strings.ToLower(sum)
		place := c.doc.value([]string{"api", "keys", name, "sha256"})
		switch first, twice := seen[sum]; {
		case sum == "":
		case twice:
			c.report(stageRules, place, CodeDuplicate, "the key %q has the same checksum; give each its own key", first)
		case sum == hex.EncodeToString(nothing[:]):
			c.report(stageRules, place, CodeInsecure, "this is the checksum of an empty key; compute it with: printf %%s \"$KEY\" | sha256sum")
		}
		seen[sum] = name
	}
}

// scope checks that a key's scope goes with its role.
func (c *checker) scope(name string, key map[string]any) {
	role := c.roleOf(name, key)
	scope, _ := key["scope"].(map[string]any)
	at := func(steps ...string) []string { return append([]string{"api", "keys", name}, steps...) }
	_, agent := scope["agent"]
	_, queues := scope["queues"]
	switch Role(role) {
	case RoleAgent:
		if !agent && !c.misspelt[strings.Join(at("scope", "agent"), separator)] && !c.misspelt[strings.Join(at("scope"), separator)] {
			place := c.doc.missing(at("scope", "agent"))
			c.report(stageRules, place, CodeMissing,
				"the key \"agent\" is missing; a key of role agent speaks for one agent, such as \"scope: {agent: NAME}\"")
		}
	case RoleAdmin:
		if queues {
			c.report(stageRules, c.doc.key(at("scope", "queues")), CodeConflict,
				"role admin has no scope; remove queues, or use role supervisor")
		}
	}
	if agent && role != "" && Role(role) != RoleAgent {
		c.report(stageRules, c.doc.key(at("scope", "agent")), CodeConflict,
			"only role agent speaks for one agent; remove agent, or set role to agent")
	}
	if queues && Role(role) == RoleAgent {
		c.report(stageRules, c.doc.key(at("scope", "queues")), CodeConflict,
			"role agent has no queues of its own; the agent's queues count, so remove queues")
	}
}

// exposure refuses an address that others reach without TLS and keys.
func (c *checker) exposure() {
	listen, _ := c.all["listen"].(string)
	host, err := address(listen)
	if err != nil || loopback(host) {
		return
	}
	api, _ := c.all["api"].(map[string]any)
	keys, isMap := api["keys"].(map[string]any)
	var lacks []string
	if api["tls"] == nil && !c.misspelt["api"+separator+"tls"] {
		lacks = append(lacks, "api.tls")
	}
	if len(keys) == 0 && (isMap || api["keys"] == nil) && !c.misspelt["api"+separator+"keys"] {
		lacks = append(lacks, "api.keys")
	}
	if len(lacks) == 0 || c.misspelt["api"] {
		return
	}
	verb := " is"
	if len(lacks) > 1 {
		verb = " are"
	}
	c.report(stageRules, c.doc.value([]string{"listen"}), CodeInsecure,
		"other machines can reach %q, which needs TLS and API keys, and %s missing; add them, or listen on 127.0.0.1",
		clip(listen), strings.Join(lacks, " and ")+verb)
}
