// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/near"
)

// Starter is what a first configuration is made of. The zero Starter is not
// complete; DefaultStarter is.
type Starter struct {
	// Workspace is its name.
	Workspace string
	// Channels are the kinds of work, at least one; those of Kinds have settings
	// that suit them.
	Channels []string
	// Queue is the first queue.
	Queue string
	// Members are the agents of that queue.
	Members []string
	// Available are the statuses with which agents are offered work, at least
	// one; Busy those without.
	Available, Busy []string
	// Skills are by name those of Members who hold them.
	Skills []Holding
}

// Holding is a skill with the agents who hold it.
type Holding struct {
	Skill   string
	Holders []string
}

// Kinds returns the channels that a Starter knows how to set up, in the order
// in which they are usually listed.
func Kinds() []string {
	return []string{"voice", "video", "chat", "messaging", "email", "case", "lead", "social", "order"}
}

// DefaultStarter returns the answers of whoever has none.
func DefaultStarter() Starter {
	return Starter{
		Workspace: "main", Channels: []string{"voice", "chat", "email"}, Queue: "support", Members: []string{"anna", "bilal"},
		Available: []string{"available"}, Busy: []string{"break"},
	}
}

// CheckName reports why a text cannot be the name of a queue, an agent and so
// on; nil if it can. The error is the end of a sentence.
func CheckName(name string) error {
	s := theSchema()
	if !s.isName(name) {
		return fmt.Errorf("%q should be %s", clip(name), s.title(s.at("#/$defs/name")))
	}
	return nil
}

// CheckStatus is CheckName for a status.
func CheckStatus(name string) error {
	if name == engine.Offline {
		return fmt.Errorf("%q is built in, so it need not be named", name)
	}
	return CheckName(name)
}

// Known returns nil if name is among those known, or else the end of a sentence
// with the one that was probably meant.
func Known(name string, known []string, plural string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return errors.New(fmt.Sprintf("%q is none of the %s", clip(name), plural) + didYouMean(name, known, plural))
}

// Nearly returns the one of some names that another is nearly, but not quite;
// empty if it is like none, or one of them.
func Nearly(name string, known []string) string {
	if slices.Contains(known, name) {
		return ""
	}
	return near.Name(name, known)
}

// YAML returns the configuration with comments for whoever goes on from there.
// It is one that Parse accepts, if every name passes CheckName, or CheckStatus,
// and stands once in its list.
func (s *Starter) YAML() []byte {
	var b strings.Builder
	s.head(&b)
	s.channels(&b)
	s.people(&b)
	s.routing(&b)
	s.agents(&b)
	return []byte(b.String())
}

func (s *Starter) head(b *strings.Builder) {
	fmt.Fprintf(b, `# A Patchbay configuration, written by "patchbay init". Change it as you like:
#
#   patchbay config check     finds every fault, with its line
#   patchbay config docs      says what keys there are
#   patchbay serve            runs it
#
# Files in a folder conf.d beside this one are read after it; "patchbay import
# agents.csv" writes one there.

# The name of the workspace, which also names its journal.
workspace: %s

# Where the API listens. Other machines reach it only with api.tls and api.keys.
listen: 127.0.0.1:7460

# The folder of the journal, beside this file.
data: data

`, text(s.Workspace))
	if len(s.Skills) > 0 {
		names := make([]string, len(s.Skills))
		for i, h := range s.Skills {
			names[i] = h.Skill
		}
		fmt.Fprintf(b, "# What work may require and agents may hold.\nskills: %s\n\n", list(names))
	}
}

func (s *Starter) channels(b *strings.Builder) {
	b.WriteString("# Kinds of work. size is what an item takes of an agent's capacity, in units or as a\n# share of it.\nchannels:\n")
	for _, name := range s.Channels {
		fmt.Fprintf(b, "  %s:\n", text(name))
		switch name {
		case "voice", "video":
			b.WriteString("    size: 100%               # nothing beside a call\n")
			b.WriteString("    wrap_up: {for: 30s}      # time for notes after it\n")
			b.WriteString("    on_disconnect: keep      # a call stays with its agent\n")
		case "chat", "messaging", "social":
			b.WriteString("    size: 1                  # an agent with 3 units has three at once\n")
			b.WriteString("    on_disconnect: requeue   # if the agent is gone, somebody else takes it\n")
		default:
			b.WriteString("    size: 1\n")
		}
	}
	if len(s.Skills) > 0 {
		fmt.Fprintf(b, "    # What work requires can follow from its attributes:\n    # skill_rules:\n    #   - {attribute: topic, values: {%s: [%s]}}\n", text(s.Skills[0].Skill), text(s.Skills[0].Skill))
	}
	b.WriteByte('\n')
}

func (s *Starter) people(b *strings.Builder) {
	b.WriteString("# What agents choose. Without channels a status means busy; offline is built in.\nstatuses:\n")
	for _, name := range s.Available {
		fmt.Fprintf(b, "  %s: {channels: %s}\n", text(name), list(s.Channels))
	}
	for _, name := range s.Busy {
		fmt.Fprintf(b, "  %s: {}\n", text(name))
	}
	b.WriteString(`
# How much an agent may hold at once.
presence_configs:
  standard:
    capacity: 3
    # decline_reasons: [wrong topic, technical fault]   # then a decline needs one
`)
	if len(s.Busy) > 0 {
		fmt.Fprintf(b, "    status_after_timeout: %s   # who lets an offer pass is not there\n", text(s.Busy[0]))
	}
	b.WriteByte('\n')
}

func (s *Starter) routing(b *strings.Builder) {
	b.WriteString(`# How work is routed, and where it waits.
routing_configs:
  standard:
    model: longest_idle
    push_timeout: 30s   # how long an offer stands
`)
	if len(s.Skills) > 0 {
		b.WriteString("    # route_by: skills   # asks all who hold what the work requires, not members alone\n")
	}
	fmt.Fprintf(b, `queues:
  %s:
    routing: standard
    service_level: {within: 30s, target: 0.8}

`, text(s.Queue))
}

func (s *Starter) agents(b *strings.Builder) {
	if len(s.Members) == 0 {
		b.WriteString("# Who does the work.\nagents: {}\n")
		return
	}
	b.WriteString("# Who does the work. Skills have a level from 0 to 10.\nagents:\n")
	for _, name := range s.Members {
		fmt.Fprintf(b, "  %s: {presence_config: standard, queues: [%s]", text(name), text(s.Queue))
		var held []string
		for _, h := range s.Skills {
			if slices.Contains(h.Holders, name) {
				held = append(held, text(h.Skill)+": 5")
			}
		}
		if len(held) > 0 {
			fmt.Fprintf(b, ", skills: {%s}", strings.Join(held, ", "))
		}
		b.WriteString("}\n")
	}
}

// list writes names as a YAML list.
func list(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = text(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
