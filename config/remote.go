// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Remote is a strategy that runs in routers elsewhere.
type Remote struct {
	// Name is the strategy's.
	Name string
	// Tokens are the SHA-256 checksums, in lower-case hex, of the secrets by
	// which its routers are known; empty lets in everybody who can connect.
	Tokens []string
}

// Remotes returns the remote strategies, in the order of names.
func (c *Config) Remotes() []Remote {
	var out []Remote
	for _, name := range sortedKeys(c.Strategies) {
		s := c.Strategies[name]
		if s.Runtime != runtimeRemote {
			continue
		}
		out = append(out, Remote{Name: name, Tokens: s.checksums()})
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
	if runtime == runtimeRemote && len(tokens) == 0 && c.reachable() && !c.misspelt[strings.Join(at("tokens"), separator)] {
		c.report(stageRules, c.doc.missing(at("tokens")), CodeInsecure,
			"other machines can reach this host, so its routers need a token; add \"tokens: [\"${env:NAME}\"]\", or listen on 127.0.0.1")
	}
}

// reachable reports whether other machines can reach the API.
func (c *checker) reachable() bool {
	listen, _ := c.all["listen"].(string)
	host, err := address(listen)
	return err == nil && !loopback(host)
}
