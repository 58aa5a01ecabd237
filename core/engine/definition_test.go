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
		{"channel size twice", func(d *engine.Definition) { d.Channels[1].Size.Percent = 1 }, "channels.mail.size"},
		{"channel size above all", func(d *engine.Definition) { d.Channels[1].Size = engine.Percent(100_001) }, "channels.mail.size"},
		{"capacity model", func(d *engine.Definition) { d.Channels[1].Capacity = 2 }, "channels.mail.capacity_model"},
		{"paused size under the session model", func(d *engine.Definition) { d.Channels[1].PausedSize = engine.Units(1) }, "channels.mail.paused_size"},
		{"negative paused size", func(d *engine.Definition) { d.Channels[1].PausedSize = engine.Units(-1) }, "channels.mail.paused_size"},
		{"negative wrap-up", func(d *engine.Definition) { d.Channels[1].WrapUp.For = -1 }, "channels.mail.wrap_up.for"},
		{"endless extension", func(d *engine.Definition) { d.Channels[1].WrapUp.Extension = math.MaxInt64 }, "channels.mail.wrap_up.extension"},
		{"extensions of nothing", func(d *engine.Definition) { d.Channels[1].WrapUp.Extensions = 1 }, "channels.mail.wrap_up"},
		{"negative last agent", func(d *engine.Definition) { d.Channels[1].LastAgentFor = -1 }, "channels.mail.last_agent.for"},
		{"last agent of long ago", func(d *engine.Definition) { d.Channels[1].LastAgentWithin = math.MaxInt64 }, "channels.mail.last_agent.within"},
		{"skill rule of both kinds", func(d *engine.Definition) {
			d.Channels[1].SkillRules = []engine.SkillRule{{Attribute: "a", When: "true"}}
		}, "channels.mail.skill_rules"},
		{"skill rule of a missing skill", func(d *engine.Definition) {
			d.Channels[1].SkillRules = []engine.SkillRule{{When: "true", Needs: []engine.Need{{Skill: "magic"}}}}
		}, "channels.mail.skill_rules"},
		{"skill rule's value of a missing skill", func(d *engine.Definition) {
			d.Channels[1].SkillRules = []engine.SkillRule{{Attribute: "a", Values: map[string][]engine.Need{"x": {{Skill: "magic"}}}}}
		}, "channels.mail.skill_rules.values.x"},
		{"interruptible capacity", func(d *engine.Definition) { d.PresenceConfigs[2].Interruptible = -1 }, "presence_configs.few.interruptible_capacity"},
		{"model", func(d *engine.Definition) { d.RoutingConfigs[1].Model = 99 }, "routing_configs.last.model"},
		{"drop after", func(d *engine.Definition) { d.RoutingConfigs[1].DropAfter = -1 }, "routing_configs.last.drop_additional_skills_after"},
		{"stall after", func(d *engine.Definition) { d.RoutingConfigs[1].StallAfter = -1 }, "routing_configs.last.stall_after"},
		{"static skills", func(d *engine.Definition) { d.RoutingConfigs[1].Needs = []engine.Need{{Skill: "magic"}} }, "routing_configs.last.skills"},
		{"skill twice", func(d *engine.Definition) { d.Skills = []string{"law", "law"} }, "skills"},
		{"skill without a name", func(d *engine.Definition) { d.Skills = []string{""} }, "skills"},
		{"default skills' level", needsOf(engine.Need{Skill: "law", Level: 10_001}), "queues.sales.default_skills"},
		{"a group that is not dropped", needsOf(engine.Need{Skill: "law", Group: 1}), "queues.sales.default_skills"},
		{"relaxing upwards", needsOf(engine.Need{Skill: "law", Level: 1, Relax: []engine.Relaxation{{After: 1, Level: 1}}}), "queues.sales.default_skills"},
		{"relaxing backwards", needsOf(engine.Need{Skill: "law", Level: 3, Relax: []engine.Relaxation{{After: 2, Level: 2}, {After: 2, Level: 1}}}), "queues.sales.default_skills"},
		{"relaxing at once", needsOf(engine.Need{Skill: "law", Level: 3, Relax: []engine.Relaxation{{Level: 1}}}), "queues.sales.default_skills"},
		{"offer to too many", func(d *engine.Definition) { d.Queues[2].OfferTo = 17 }, "queues.sales.offer_to"},
		{"tiers backwards", func(d *engine.Definition) { d.Queues[2].Tiers = []engine.Time{2, 2} }, "queues.sales.tiers"},
		{"a tier at once", func(d *engine.Definition) { d.Queues[2].Tiers = []engine.Time{0} }, "queues.sales.tiers"},
		{"hours that are not there", func(d *engine.Definition) { d.Queues[2].Hours = "day" }, "queues.sales.hours"},
		{"closed rule", func(d *engine.Definition) { d.Queues[2].Closed = 3 }, "queues.sales.closed"},
		{"overflows to nowhere when closed", func(d *engine.Definition) { d.Queues[2].Closed = engine.ClosedOverflow }, "queues.sales.closed"},
		{"overflows to nowhere", func(d *engine.Definition) { d.Queues[2].Overflow = &engine.Overflow{To: "x"} }, "queues.sales.overflow.to"},
		{"overflows to itself", func(d *engine.Definition) { d.Queues[2].Overflow = &engine.Overflow{To: "sales"} }, "queues.sales.overflow.to"},
		{"overflows backwards", func(d *engine.Definition) { d.Queues[2].Overflow = &engine.Overflow{To: "empty", After: -1} }, "queues.sales.overflow.after"},
		{"a tier never asked", func(d *engine.Definition) { d.Agents[3].Queues = []engine.Membership{{Queue: "sales", Tier: 2}} }, "agents.dot.queues"},
		{"weight", func(d *engine.Definition) { d.Agents[3].Queues = []engine.Membership{{Queue: "sales", Weight: 101}} }, "agents.dot.queues"},
		{"agent's skill", heldBy(engine.Skill{Name: "magic"}), "agents.dot.skills"},
		{"agent's level", heldBy(engine.Skill{Name: "law", Level: 10_001}), "agents.dot.skills"},
		{"agent's dates", heldBy(engine.Skill{Name: "law", From: 5, Until: 5}), "agents.dot.skills"},
		{"agent's skill twice", heldBy(engine.Skill{Name: "law"}, engine.Skill{Name: "law"}), "agents.dot.skills"},
		{"no such zone", hoursOf(engine.Hours{Zone: "Europe/Bonn"}), "hours.day.time_zone"},
		{"no zone", hoursOf(engine.Hours{}), "hours.day.time_zone"},
		{"the host's zone", hoursOf(engine.Hours{Zone: "Local"}), "hours.day.time_zone"},
		{"hours twice", func(d *engine.Definition) {
			d.Hours = []engine.Hours{{Name: "day", Zone: "UTC"}, {Name: "day", Zone: "UTC"}}
		}, "hours"},
		{"hours that end before", hoursOf(engine.Hours{Zone: "UTC", Weekly: []engine.Shift{everyDay(9, 9)}}), "hours.day.weekly"},
		{"hours beyond the day", hoursOf(engine.Hours{Zone: "UTC", Weekly: []engine.Shift{everyDay(9, 25)}}), "hours.day.weekly"},
		{"hours on no day", hoursOf(engine.Hours{Zone: "UTC", Weekly: []engine.Shift{{Span: engine.Span{To: 9}}}}), "hours.day.weekly"},
		{"hours on an eighth day", hoursOf(engine.Hours{Zone: "UTC", Weekly: []engine.Shift{{Days: 0x80, Span: engine.Span{To: 9}}}}), "hours.day.weekly"},
		{"holiday", hoursOf(engine.Hours{Zone: "UTC", Holidays: []engine.Holiday{{Date: "2026-02-30"}}}), "hours.day.holidays"},
		{"holiday twice", hoursOf(engine.Hours{Zone: "UTC", Holidays: []engine.Holiday{{Date: "2026-02-03"}, {Date: "2026-02-03"}}}), "hours.day.holidays"},
		{"holiday's hours", hoursOf(engine.Hours{Zone: "UTC", Holidays: []engine.Holiday{{Date: "2026-02-03", Open: []engine.Span{{From: 9, To: 8}}}}}), "hours.day.holidays"},
		{"flow without a name", flowOf(engine.Flow{Name: "", Fallback: "sales"}), "flows"},
		{"flow twice", flowOf(engine.Flow{Name: "f", Fallback: "sales", Channels: []string{"chat"}}, engine.Flow{Name: "f", Fallback: "sales"}), "flows"},
		{"flow's fallback", flowOf(engine.Flow{Name: "f"}), "flows.f.fallback"},
		{"flow's channel", flowOf(engine.Flow{Name: "f", Fallback: "sales", Channels: []string{"fax"}}), "flows.f.channels"},
		{"two flows for a channel", flowOf(
			engine.Flow{Name: "f", Fallback: "sales", Channels: []string{"chat"}}, engine.Flow{Name: "g", Fallback: "sales", Channels: []string{"chat"}},
		), "flows.g.channels"},
		{"two flows for all", flowOf(engine.Flow{Name: "f", Fallback: "sales"}, engine.Flow{Name: "g", Fallback: "sales"}), "flows.g.channels"},
		{"step's queue", stepOf(engine.Step{Queue: "x"}), "flows.f.steps.s.queue"},
		{"step's priority", stepOf(engine.Step{Priority: new(int32(-1))}), "flows.f.steps.s.priority"},
		{"step's agent", stepOf(engine.Step{Preferred: "zoe", For: 1}), "flows.f.steps.s.preferred_agent"},
		{"step's agent without a time", stepOf(engine.Step{Preferred: "ann"}), "flows.f.steps.s.preferred_for"},
		{"step's time", stepOf(engine.Step{Preferred: "ann", For: -1}), "flows.f.steps.s.preferred_for"},
		{"step's time to live", stepOf(engine.Step{TimeToLive: -1}), "flows.f.steps.s.time_to_live"},
		{"step's overflow", stepOf(engine.Step{Overflow: &engine.Overflow{To: "x"}}), "flows.f.steps.s.overflow.to"},
		{"step's skills", stepOf(engine.Step{Needs: []engine.Need{{Skill: "magic"}}}), "flows.f.steps.s.skills"},
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

func needsOf(n engine.Need) func(*engine.Definition) {
	return func(d *engine.Definition) { d.Skills, d.Queues[2].Needs = []string{"law"}, []engine.Need{n} }
}

func heldBy(skills ...engine.Skill) func(*engine.Definition) {
	return func(d *engine.Definition) { d.Skills, d.Agents[3].Skills = []string{"law"}, skills }
}

func hoursOf(h engine.Hours) func(*engine.Definition) {
	h.Name = "day"
	return func(d *engine.Definition) { d.Hours = []engine.Hours{h} }
}

func flowOf(flows ...engine.Flow) func(*engine.Definition) {
	return func(d *engine.Definition) { d.Flows = flows }
}

func stepOf(s engine.Step) func(*engine.Definition) {
	s.Name = "s"
	return flowOf(engine.Flow{Name: "f", Fallback: "sales", Steps: []engine.Step{s}})
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
		engine.KindDecidersChanged.String():               "deciders_changed",
		engine.KindTurnTaken.String():                     "turn_taken",
		engine.TaskStop.String():                          "stop",
		engine.Task(99).String():                          "unknown",
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
	for _, k := range everyKind() {
		if seen[k.String()] || k.String() == "" {
			t.Errorf("kind %d is called %q", uint8(k), k)
		}
		seen[k.String()] = true
	}
}
