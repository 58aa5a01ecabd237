// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Definition returns what the engine is configured with, in the order that
// Configure expects. It fails only for a Config that Load or Parse did not make;
// the error is the engine's refusal.
func (c *Config) Definition() (engine.Definition, error) {
	d := engine.Definition{
		Grace:           millis(c.ConnectionGrace),
		KeepClosed:      millis(c.KeepClosed),
		KeepClosedItems: c.KeepClosedItems,
	}
	for name, ch := range c.Channels {
		d.Channels = append(d.Channels, engine.Channel{Name: name, Size: ch.Size, OnDisconnect: ch.OnDisconnect})
	}
	for name, s := range c.Statuses {
		d.Statuses = append(d.Statuses, engine.Status{Name: name, Channels: s.Channels})
	}
	for name, p := range c.PresenceConfigs {
		d.PresenceConfigs = append(d.PresenceConfigs, engine.PresenceConfig{
			Name: name, Capacity: p.Capacity, MaxOpen: p.MaxOpen, AutoAccept: p.AutoAccept,
			DeclineReasons: p.DeclineReasons, StatusAfterDecline: p.StatusAfterDecline,
			StatusAfterTimeout: p.StatusAfterTimeout,
		})
	}
	for name, r := range c.RoutingConfigs {
		d.RoutingConfigs = append(d.RoutingConfigs, engine.RoutingConfig{
			Name: name, Priority: r.Priority, Size: r.Size, Model: r.Model,
			Strategy: r.Strategy, Fallback: r.Fallback,
			PushTimeout: millis(r.PushTimeout), DeclineRule: r.DeclineRule,
		})
	}
	for name, q := range c.Queues {
		queue := engine.QueueDefinition{Name: name, Routing: q.Routing}
		if s := q.ServiceLevel; s != nil {
			queue.Within = millis(s.Within)
			queue.Target = uint16(math.Round(s.Target * 1000))
		}
		d.Queues = append(d.Queues, queue)
	}
	for name, a := range c.Agents {
		d.Agents = append(d.Agents, engine.AgentDefinition{
			ID: name, Name: a.Name, PresenceConfig: a.PresenceConfig, Queues: a.Queues,
		})
	}
	d.Sort()
	if err := d.Validate(); err != nil {
		return engine.Definition{}, fmt.Errorf("config: definition: %w", err)
	}
	return d, nil
}

// Specs returns the strategies as their starter takes them, in the order of
// names, all limits set. It fails only for a Config that Load or Parse did not
// make, if its settings cannot be written as JSON.
func (c *Config) Specs() ([]strategy.Spec, error) {
	specs := make([]strategy.Spec, 0, len(c.Strategies))
	for _, name := range sortedKeys(c.Strategies) {
		s := c.Strategies[name]
		settings, err := json.Marshal(s.Settings)
		if err != nil {
			return nil, fmt.Errorf("config: strategies.%s.settings: %w", name, err)
		}
		specs = append(specs, strategy.Spec{
			Name: name, Runtime: s.Runtime, Source: s.Source, Args: s.Args, SHA256: s.SHA256,
			Settings: settings, Attributes: s.Attributes,
			Limits: strategy.Limits{
				TurnDeadline:   s.Limits.TurnDeadline,
				StartTimeout:   s.Limits.StartTimeout,
				MemoryBytes:    uint64(s.Limits.Memory),
				ReplyBytes:     int(s.Limits.ReplyBytes),
				ReplyProposals: s.Limits.ReplyProposals,
				LogLines:       s.Limits.LogLines,
			},
		})
	}
	return specs, nil
}

// refused words the engine's refusal of a definition with its place in the
// file. The checks above leave it nothing to refuse; should the engine grow
// stricter than they are, its own words are better than a start that fails.
func (d *document) refused(err error) Error {
	var refusal *engine.Refusal
	if !errors.As(err, &refusal) {
		return Error{File: d.file, Line: 1, Column: 1, Code: CodeInternal, Message: err.Error()}
	}
	place := d.value(d.root.split(refusal.Field))
	place.Code, place.Message = CodeRefused, refusal.Message
	return place
}

// split turns a path with dots into steps, knowing which names hold dots.
func (n *node) split(path string) []string {
	best := ""
	for name := range n.fields {
		if rest, ok := strings.CutPrefix(path, name); ok && (rest == "" || rest[0] == '.') && len(name) > len(best) {
			best = name
		}
	}
	if best == "" {
		return nil
	}
	rest := strings.TrimPrefix(path[len(best):], ".")
	return append([]string{best}, n.fields[best].node.split(rest)...)
}

func millis(d time.Duration) engine.Time { return engine.Time(d.Milliseconds()) }
