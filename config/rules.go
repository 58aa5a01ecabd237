// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

const (
	runtimeBuiltin = "builtin"
	runtimeProcess = "process"
	runtimeWASM    = "wasm"
	runtimeRemote  = "remote"

	modelSession   = "session"
	closedOverflow = "overflow"
)

// entries is a section of the configuration, such as queues: maps by name.
type entries map[string]map[string]any

// section returns the entries that are maps; whatever else is there is the
// schema's to refuse.
func (c *checker) section(name string) entries {
	m, _ := c.all[name].(map[string]any)
	section := make(entries, len(m))
	for key, v := range m {
		if entry, ok := v.(map[string]any); ok {
			section[key] = entry
		}
	}
	return section
}

// rules checks what belongs together.
func (c *checker) rules() {
	for _, check := range []func(){
		c.references, c.presence, c.channels, c.needs, c.strategies, c.fallbacks, c.whole, c.offline, c.hours, c.queues,
		c.settings, c.flows, c.profiles, c.memberships, c.skills, c.expressions, c.webhooks, c.keys, c.exposure, c.sizes, c.files, c.unused,
	} {
		check()
	}
}

func (c *checker) presence() {
	for name, p := range c.section("presence_configs") {
		reasons, _ := p["decline_reasons"].([]any)
		if p["auto_accept"] == true && len(reasons) > 0 {
			c.report(stageRules, c.doc.key([]string{"presence_configs", name, "decline_reasons"}), CodeConflict,
				"auto_accept leaves nothing to decline; give either auto_accept or decline_reasons")
		}
	}
}

func (c *checker) strategies() {
	for name, s := range c.section("strategies") {
		at := func(key string) []string { return []string{"strategies", name, key} }
		source, _ := s["source"].(string)
		_, checked := s["sha256"]
		args, _ := s["args"].([]any)
		runtime := s["runtime"]
		switch {
		case runtime == runtimeProcess && !checked && !c.misspelt[strings.Join(at("sha256"), separator)]:
			c.report(stageRules, c.doc.missing(at("sha256")), CodeMissing,
				"the key \"sha256\" is missing; a process is started only if its file has the checksum given here, which \"sha256sum %s\" prints", quoteShell(source))
		case runtime == runtimeBuiltin && checked:
			c.report(stageRules, c.doc.key(at("sha256")), CodeConflict,
				"a builtin has no file to check; remove sha256, or set runtime to process or wasm")
		}
		if len(args) > 0 && (runtime == runtimeBuiltin || runtime == runtimeWASM) {
			c.report(stageRules, c.doc.key(at("args")), CodeConflict,
				"only a process takes args; with runtime %s, use settings", runtime)
		}
		if b := c.options.builtins; b != nil && runtime == runtimeBuiltin && source != "" && !slices.Contains(b, source) {
			c.report(stageRules, c.doc.value(at("source")), CodeReference,
				"there is no built-in strategy %q%s", clip(source), didYouMean(source, slices.Sorted(slices.Values(b)), "built-in strategies"))
		}
		c.remote(name, s)
		c.replyLimit(append(at("limits"), "reply_bytes"))
	}
}

// replyLimit bounds a reply, which is held in memory whole.
func (c *checker) replyLimit(path []string) {
	value := c.lookup(path)
	if bytes, err := size(value); err == nil && bytes > 1<<30 {
		c.report(stageRules, c.doc.value(path), CodeRange, "this is %s; a reply has at most 1GiB", show(path, value))
	}
}

// quoteShell writes a path so that a shell takes it as one word.
func quoteShell(path string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("./_-+", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if path == "" {
		return "FILE"
	}
	if strings.ContainsFunc(path, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// fallbacks refuses a fallback that fails together with what it stands in for.
// A built-in may: there is nothing below it.
func (c *checker) fallbacks() {
	for name, r := range c.section("routing_configs") {
		strategy, _ := r["strategy"].(string)
		runtime := c.lookup([]string{"strategies", strategy, "runtime"})
		if (runtime == runtimeProcess || runtime == runtimeWASM || runtime == runtimeRemote) && r["fallback"] == strategy {
			c.report(stageRules, c.doc.value([]string{"routing_configs", name, "fallback"}), CodeConflict,
				"%q cannot stand in for itself; name another strategy, such as one with runtime builtin", clip(strategy))
		}
	}
}

// offline keeps the built-in status to those who signed out.
func (c *checker) offline() {
	if _, ok := c.section("statuses")[engine.Offline]; ok {
		c.report(stageRules, c.doc.key([]string{"statuses", engine.Offline}), CodeConflict,
			"the status %q is built in; give this one another name", engine.Offline)
	}
	for name, p := range c.section("presence_configs") {
		for _, key := range []string{"status_after_decline", "status_after_timeout"} {
			if p[key] == engine.Offline {
				c.report(stageRules, c.doc.value([]string{"presence_configs", name, key}), CodeConflict,
					"an agent becomes %q by signing out; name a status without channels instead", engine.Offline)
			}
		}
	}
}

// sizes refuses work that nobody who is asked could ever take. A percentage
// fits everybody.
func (c *checker) sizes() {
	largest, queues := c.capacities(), c.section("queues")
	for name, r := range c.section("routing_configs") {
		need, ok := milli(r["size"])
		if !ok || need == 0 {
			continue
		}
		place := c.doc.value([]string{"routing_configs", name, "size"})
		if r["route_by"] == string(BySkills) {
			if has, ok := largest[everybody]; ok && has < need {
				c.report(stageRules, place, CodeTooLarge, "this is %s; it must be at most %s, the largest capacity of any agent", need, has)
			}
			continue
		}
		var starved []string
		var most engine.Milli
		for _, queue := range sortedKeys(queues) {
			if has, ok := largest[queue]; ok && queues[queue]["routing"] == name && has < need {
				starved = append(starved, strconv.Quote(queue))
				most = max(most, has)
			}
		}
		if len(starved) > 0 {
			c.report(stageRules, place, CodeTooLarge,
				"this is %s; it must be at most %s, the largest capacity of any member of %s",
				need, most, clip(strings.Join(starved, ", ")))
		}
	}
}

// everybody stands for all agents among queues; it is not a name.
const everybody = "*"

// capacities returns the largest capacity of each queue's members, and of
// everybody, without those where it is not known.
func (c *checker) capacities() map[string]engine.Milli {
	configs := c.section("presence_configs")
	largest := map[string]engine.Milli{}
	unsure := map[string]bool{}
	for _, agent := range c.section("agents") {
		config, _ := agent["presence_config"].(string)
		capacity, ok := milli(configs[config]["capacity"])
		memberships, _ := agent["queues"].([]any)
		add := func(queue string) {
			largest[queue] = max(largest[queue], capacity)
			unsure[queue] = unsure[queue] || !ok
		}
		add(everybody)
		for _, membership := range memberships {
			add(memberOf(membership))
		}
	}
	for queue, is := range unsure {
		if is {
			delete(largest, queue)
		}
	}
	return largest
}

// together refuses one of two keys that mean nothing without each other.
func (c *checker) together(path []string, in map[string]any, one, other string) {
	if in[one] == nil {
		one, other = other, one
	}
	if in[one] != nil && in[other] == nil && !c.misspelt[join(under(path, other))] {
		c.report(stageRules, c.doc.missing(under(path, other)), CodeMissing,
			"the key %q is missing; %s means nothing without", other, one)
	}
}
