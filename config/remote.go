// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Door says how a remote strategy and its routers find each other.
type Door string

// The doors.
const (
	// DoorSession: routers dial, and hold a session over gRPC or a WebSocket.
	DoorSession Door = "session"
	// DoorFeed: they subscribe to a feed and post assignments.
	DoorFeed Door = "feed"
	// DoorWebhook: the host asks them by webhook.
	DoorWebhook Door = "webhook"
)

// Remote is a strategy that runs in routers elsewhere.
type Remote struct {
	// Name is the strategy's.
	Name string
	// Tokens are the SHA-256 checksums, in lower-case hex, of the secrets by
	// which its routers are known; empty lets in everybody who can connect.
	Tokens []string
	// Door is the one by which they come; never empty.
	Door Door
	// Classes are those for which its routers may come, beside those of none.
	Classes []string
	// Linger is how long a turn waits for what is posted in answer to it.
	Linger time.Duration
	// Webhook says which address is asked, by the door of webhooks; else nil.
	Webhook *Decision
}

// Remotes returns the remote strategies, in the order of names.
func (c *Config) Remotes() []Remote {
	var out []Remote
	for _, name := range sortedKeys(c.Strategies) {
		s := c.Strategies[name]
		if s.Runtime != runtimeRemote {
			continue
		}
		out = append(out, Remote{
			Name: name, Tokens: s.checksums(), Door: cmp.Or(s.Door, DoorSession), Classes: c.classes(&s), Linger: s.Linger, Webhook: s.decision(),
		})
	}
	return out
}

// checksums are those of a strategy's tokens, in lower-case hex.
func (s *Strategy) checksums() []string {
	var out []string
	for _, token := range s.Tokens {
		sum := sha256.Sum256([]byte(token))
		out = append(out, hex.EncodeToString(sum[:]))
	}
	return out
}

// remote checks what a strategy has by where it runs: a source here, tokens for
// those that run elsewhere.
func (c *checker) remote(name string, s map[string]any) {
	at := func(key string) []string { return []string{"strategies", name, key} }
	_, source := s["source"]
	_, checked := s["sha256"]
	args, _ := s["args"].([]any)
	tokens, _ := s["tokens"].([]any)
	runtime, _ := s["runtime"].(string)
	door, _ := s["door"].(string)
	switch {
	case runtime != runtimeRemote:
		if !source && runtime != "" && !c.misspelt[strings.Join(at("source"), separator)] {
			c.report(stageRules, c.doc.missing(at("source")), CodeMissing, "the key \"source\" is missing; it must be a path")
		}
		if len(tokens) > 0 {
			c.report(stageRules, c.doc.key(at("tokens")), CodeConflict,
				"only a remote strategy has routers to let in; remove tokens, or set runtime to remote")
		}
	case source:
		c.report(stageRules, c.doc.key(at("source")), CodeConflict,
			"a remote strategy runs elsewhere, and its routers dial this host; remove source")
	case checked:
		c.report(stageRules, c.doc.key(at("sha256")), CodeConflict,
			"a remote strategy has no file to check; remove sha256, or set runtime to process or wasm")
	case len(args) > 0:
		c.report(stageRules, c.doc.key(at("args")), CodeConflict, "only a process takes args; with runtime remote, use settings")
	}
	c.door(name, s)
	c.split(name, s)
	c.decision(name, s)
	if runtime == runtimeRemote && (door == "" || door == string(DoorSession)) && len(tokens) == 0 && c.reachable() && !c.misspelt[strings.Join(at("tokens"), separator)] {
		c.report(stageRules, c.doc.missing(at("tokens")), CodeInsecure,
			"other machines can reach this host, so its routers need a token; add \"tokens: [\"${env:NAME}\"]\", or listen on 127.0.0.1")
	}
}

// door checks what goes with a remote strategy's door.
func (c *checker) door(name string, s map[string]any) {
	at := func(keys ...string) []string { return append([]string{"strategies", name}, keys...) }
	door, given := s["door"].(string)
	tokens, _ := s["tokens"].([]any)
	linger, _ := duration(c.lookup(at("linger")))
	deadline, _ := duration(c.lookup(at("limits", "turn_deadline")))
	switch {
	case given && s["runtime"] != runtimeRemote:
		c.report(stageRules, c.doc.key(at("door")), CodeConflict, "only a remote strategy has a door; remove door, or set runtime to remote")
	case Door(door) == DoorFeed && len(tokens) > 0:
		c.report(stageRules, c.doc.key(at("tokens")), CodeConflict,
			"who subscribes to a feed is known by an API key of role router, and has no token; remove tokens")
	}
	switch {
	case linger <= 0:
	case Door(door) != DoorFeed:
		c.report(stageRules, c.doc.key(at("linger")), CodeConflict, "only the door of feeds lingers; remove linger, or set door to feed")
	case deadline > 0 && linger >= deadline:
		c.report(stageRules, c.doc.value(at("linger")), CodeRange,
			"a turn that waits for %v is over before; it must be less than limits.turn_deadline, which is %v", linger, deadline)
	}
}

// reachable reports whether other machines can reach the API.
func (c *checker) reachable() bool {
	listen, _ := c.all["listen"].(string)
	host, err := address(listen)
	return err == nil && !loopback(host)
}
