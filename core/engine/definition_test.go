// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func TestDefinitionsThatAreRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		spoil func(d *engine.Definition)
		field string
	}{
		{"no grace", func(d *engine.Definition) { d.Grace = 0 }, "connection_grace"},
		{"too much grace", func(d *engine.Definition) { d.Grace = math.MaxInt64 }, "connection_grace"},
		{"negative keep", func(d *engine.Definition) { d.KeepClosed = -1 }, "keep_closed"},
		{"too long keep", func(d *engine.Definition) { d.KeepClosed = math.MaxInt64 }, "keep_closed"},
		{"too many channels", func(d *engine.Definition) {
			d.Channels = nil
			for i := range 65 {
				d.Channels = append(d.Channels, engine.Channel{Name: fmt.Sprint(i)})
			}
		}, "channels"},
		{"channel twice", func(d *engine.Definition) { d.Channels[1].Name = "chat" }, "channels"},
		{"channel without a name", func(d *engine.Definition) { d.Channels[0].Name = "" }, "channels"},
		{"channel size", func(d *engine.Definition) { d.Channels[1].Size = engine.Units(-1) }, "channels.mail.size"},
		{"channel rule", func(d *engine.Definition) { d.Channels[1].OnDisconnect = 2 }, "channels.mail.on_disconnect"},
		{"status twice", func(d *engine.Definition) { d.Statuses[0].Name = "online" }, "statuses"},
		{"status built in", func(d *engine.Definition) { d.Statuses[0].Name = engine.Offline }, "statuses"},
		{"status channel", func(d *engine.Definition) { d.Statuses[1].Channels[0] = "fax" }, "statuses.chatting.channels"},
		{"presence twice", func(d *engine.Definition) { d.PresenceConfigs[0].Name = "few" }, "presence_configs"},
		{"capacity", func(d *engine.Definition) { d.PresenceConfigs[2].Capacity = 0 }, "presence_configs.few.capacity"},
		{"max open", func(d *engine.Definition) { d.PresenceConfigs[2].MaxOpen = 0 }, "presence_configs.few.max_open"},
		{"auto accept and decline", func(d *engine.Definition) { d.PresenceConfigs[1].AutoAccept = true }, "presence_configs.careful.decline_reasons"},
		{"status after decline", func(d *engine.Definition) { d.PresenceConfigs[2].StatusAfterDecline = "asleep" }, "presence_configs.few.status_after_decline"},
		{"status after timeout", func(d *engine.Definition) { d.PresenceConfigs[2].StatusAfterTimeout = "asleep" }, "presence_configs.few.status_after_timeout"},
		{"offline after decline", func(d *engine.Definition) { d.PresenceConfigs[2].StatusAfterDecline = engine.Offline }, "presence_configs.few.status_after_decline"},
		{"offline after timeout", func(d *engine.Definition) { d.PresenceConfigs[2].StatusAfterTimeout = engine.Offline }, "presence_configs.few.status_after_timeout"},
		{"routing twice", func(d *engine.Definition) { d.RoutingConfigs[0].Name = "last" }, "routing_configs"},
		{"routing size", func(d *engine.Definition) { d.RoutingConfigs[1].Size = engine.Units(-1) }, "routing_configs.last.size"},
		{"routing priority", func(d *engine.Definition) { d.RoutingConfigs[1].Priority = -1 }, "routing_configs.last.priority"},
		{"push timeout", func(d *engine.Definition) { d.RoutingConfigs[1].PushTimeout = -1 }, "routing_configs.last.push_timeout"},
		{"endless push timeout", func(d *engine.Definition) { d.RoutingConfigs[1].PushTimeout = math.MaxInt64 }, "routing_configs.last.push_timeout"},
		{"decline rule", func(d *engine.Definition) { d.RoutingConfigs[1].DeclineRule = 3 }, "routing_configs.last.decline_rule"},
		{"no strategy", func(d *engine.Definition) { d.RoutingConfigs[1].Strategy = "" }, "routing_configs.last.strategy"},
		{"queue twice", func(d *engine.Definition) { d.Queues[1].Name = "claims" }, "queues"},
		{"queue routing", func(d *engine.Definition) { d.Queues[2].Routing = "nowhere" }, "queues.sales.routing"},
		{"agent twice", func(d *engine.Definition) { d.Agents[1].ID = "ann" }, "agents"},
		{"agent without a name", func(d *engine.Definition) { d.Agents[1].ID = "" }, "agents"},
		{"agent presence", func(d *engine.Definition) { d.Agents[1].PresenceConfig = "none" }, "agents.bob.presence_config"},
		{"agent queue", func(d *engine.Definition) { d.Agents[3].Queues = engine.Member("nowhere") }, "agents.dot.queues"},
		{"agent queue twice", func(d *engine.Definition) { d.Agents[3].Queues = engine.Member("sales", "sales") }, "agents.dot.queues"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := centre()
			c.spoil(&d)
			var refusal *engine.Refusal
			if err := d.Validate(); !errors.As(err, &refusal) || refusal.Code != engine.CodeInvalidDefinition || refusal.Field != c.field {
				t.Errorf("%v, want field %q", err, c.field)
			}
			w := newWorld(t)
			w.refused(engine.Configure{Definition: d}, engine.CodeInvalidDefinition, c.field)
		})
	}
}

func TestDefinitionIsGood(t *testing.T) {
	t.Parallel()
	d := centre()
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	slices.Reverse(d.Channels)
	slices.Reverse(d.Statuses)
	slices.Reverse(d.PresenceConfigs)
	slices.Reverse(d.RoutingConfigs)
	slices.Reverse(d.Queues)
	slices.Reverse(d.Agents)
	w := newWorld(t)
	w.did(engine.Configure{Definition: d}) // the order of lists says nothing
	d.Sort()
	if fmt.Sprint(d) != fmt.Sprint(centre()) {
		t.Errorf("sorted: %+v", d)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		engine.Milli(1500).String():                       "1.5",
		engine.Milli(333).String():                        "0.333",
		engine.Milli(-2000).String():                      "-2",
		engine.WorkID(42).String():                        "w42",
		engine.AssignmentID(7).String():                   "a7",
		engine.KindConfigured.String():                    "configured",
		engine.KindStrategyChanged.String():               "strategy_changed",
		engine.Kind(0).String():                           "kind_0",
		engine.Kind(99).String():                          "kind_99",
		engine.CauseConnectionLost.String():               "connection_lost",
		engine.Cause(99).String():                         "cause_99",
		engine.Expired.String():                           "expired",
		engine.WorkState(99).String():                     "state_99",
		engine.AssignmentUnavailable.String():             "unavailable",
		engine.AssignmentTransferred.String():             "transferred",
		engine.AssignmentState(99).String():               "state_99",
		engine.Violation{Rule: "r", Detail: "d"}.String(): "r: d",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	seen := make(map[string]bool)
	for k := engine.KindConfigured; k <= engine.KindStrategyChanged; k++ {
		if seen[k.String()] || k.String() == "" {
			t.Errorf("kind %d is called %q", uint8(k), k)
		}
		seen[k.String()] = true
	}
}
