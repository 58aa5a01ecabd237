// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Definition returns what the engine is configured with, in the order that
// Configure expects. It fails only for a Config that Load or Parse did not make;
// the error is the engine's refusal.
func (c *Config) Definition() (engine.Definition, error) {
	d := engine.Definition{
		Grace:           millis(c.ConnectionGrace),
		KeepClosed:      millis(c.KeepClosed),
		KeepClosedItems: c.KeepClosedItems,
		MaxWaiting:      c.MaxWaiting,
		Skills:          slices.Clone(c.Skills),
	}
	for name, ch := range c.Channels {
		d.Channels = append(d.Channels, ch.definition(name))
	}
	for name, s := range c.Statuses {
		d.Statuses = append(d.Statuses, engine.Status{Name: name, Channels: s.Channels})
	}
	for name, p := range c.PresenceConfigs {
		d.PresenceConfigs = append(d.PresenceConfigs, engine.PresenceConfig{
			Name: name, Capacity: p.Capacity, Interruptible: p.InterruptibleCapacity, MaxOffers: p.MaxOffers,
			MaxOpen: p.MaxOpen, AutoAccept: p.AutoAccept, DeclineReasons: p.DeclineReasons,
			StatusAfterDecline: p.StatusAfterDecline, StatusAfterTimeout: p.StatusAfterTimeout,
		})
	}
	for name, r := range c.RoutingConfigs {
		d.RoutingConfigs = append(d.RoutingConfigs, r.definition(name))
	}
	for name, h := range c.Hours {
		d.Hours = append(d.Hours, h.definition(name))
	}
	for name, q := range c.Queues {
		d.Queues = append(d.Queues, q.definition(name))
	}
	for name, f := range c.Flows {
		d.Flows = append(d.Flows, f.definition(name))
	}
	for name, p := range c.Profiles {
		d.Profiles = append(d.Profiles, engine.Profile{Name: name, Statuses: p.Statuses})
	}
	for name, s := range c.Strategies {
		definition := s.definition(name)
		definition.Split = c.split(&s)
		d.Strategies = append(d.Strategies, definition)
	}
	for _, name := range sortedKeys(c.Agents) {
		a := c.Agents[name]
		d.Agents = append(d.Agents, a.definition(name))
	}
	d.Sort()
	if err := d.Validate(); err != nil {
		return engine.Definition{}, fmt.Errorf("config: definition: %w", err)
	}
	return d, nil
}

// refused words the engine's refusal of a definition with its place in the
// file. The checks above leave it nothing to refuse; should the engine grow
// stricter than they are, its own words are better than a start that fails.
func (d *document) refused(err error) Error {
	var refusal *engine.Refusal
	if !errors.As(err, &refusal) {
		return Error{File: d.files[0].name, Line: 1, Column: 1, Code: CodeInternal, Message: err.Error()}
	}
	place := d.value(d.root.split(refusal.Field))
	place.Code, place.Message = CodeRefused, refusal.Message
	return place
}

// split turns the engine's path into steps that lead as far as this node and
// what is below it do. Names may hold dots; an entry of a list is known by its
// index or its name; and what a step does stands under "then".
func (n *node) split(path string) []string {
	best, next := "", (*node)(nil)
	try := func(name string, inner *node) {
		rest, ok := strings.CutPrefix(path, name)
		if ok && (rest == "" || rest[0] == '.') && len(name) > len(best) {
			best, next = name, inner
		}
	}
	for name, f := range n.fields {
		try(name, f.node)
	}
	step := func() string { return best }
	for i, item := range n.items {
		before := next
		try(index(i), item)
		if name, ok := item.fields["name"]; ok {
			text, _ := name.node.scalar.(string)
			try(text, item)
		}
		if next != before {
			step = func() string { return index(i) }
		}
	}
	if next != nil {
		return append([]string{step()}, next.split(strings.TrimPrefix(path[len(best):], "."))...)
	}
	if then, ok := n.fields["then"]; ok {
		if rest := then.node.split(path); rest != nil {
			return append([]string{"then"}, rest...)
		}
	}
	return nil
}

func millis(d time.Duration) engine.Time { return engine.Time(d.Milliseconds()) }
