// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const whole = `
max_waiting: 9
skills: [german, english]
hours:
  office:
    time_zone: UTC
    weekly: {sat-sun: 9:30-24:00, "mon,wed-thu": [00:00-12:00, 13:00-14:00], tue: closed}
    holidays: {2026-12-25: closed, 2026-12-24: 08:00-12:00}
channels:
  chat:
    size: 12.5%
    capacity_model: status
    paused_size: 0.25
    resume_over_capacity: true
    pool: interruptible
    wrap_up: {for: 30s, extension: 1m, extensions: 2}
    secondary_priority: {attribute: segment, values: {gold: 1, 7: 2}, otherwise: 3}
    skill_rules:
      - {attribute: language, values: {de: [german], en: {english: 2.5}}}
      - {when: work.outbound, skills: {german: {additional: true, priority: 4}}}
    last_agent: {for: 20s, within: 1h}
    on_disconnect: requeue
statuses: {ready: {channels: [chat]}}
presence_configs: {normal: {capacity: 2, interruptible_capacity: 1.5, max_offers: 3}}
strategies: {queue: {runtime: builtin, source: queue, may_exceed_capacity: true}}
routing_configs:
  plain:
    size: 100%
    model: weighted_random
    route_by: skills
    skills: {english: {level: 5, relax: [{after: 1m, level: 4}, {after: 2m, level: 0.5}]}, german: 1}
    drop_additional_skills_after: 90s
queues:
  support:
    routing: plain
    offer_to: 3
    tiers: [30s, 2m]
    default_skills: {german: 7}
    hours: office
    closed: overflow
    overflow: {to: sales, after: 5m, at: 50, when_nobody: true}
    max_waiting: 100
  sales: {routing: plain, closed: refuse, hours: office}
flows:
  intake:
    channels: [chat]
    fallback: sales
    steps:
      - name: one
        when: work.outbound
        then:
          queue: support
          priority: 0
          skills: {english: 1}
          preferred_agent: anna
          preferred_for: 10s
          time_to_live: 1h
          overflow: {to: sales}
        last: true
      - name: two
        last: true
agents:
  anna:
    presence_config: normal
    queues: [sales, {queue: support, tier: 3, weight: 50}]
    skills: {german: {level: 7.25, from: 2026-01-01, until: 2026-06-01T00:00:00+02:00}, english: 10}
`

// TestEverything holds that each setting arrives where the engine looks for it.
func TestEverything(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("x.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	got, err := c.Definition()
	if err != nil {
		t.Fatal(err)
	}
	const (
		second = engine.Time(1000)
		minute = 60 * second
	)
	want := engine.Definition{
		Grace: 15 * second, KeepClosed: 24 * 60 * minute, KeepClosedItems: 100_000, MaxWaiting: 9,
		Skills: []string{"english", "german"},
		Channels: []engine.Channel{{
			Name: "chat", Size: engine.Percent(12_500), Capacity: engine.ByStatus, PausedSize: engine.Units(250),
			ResumeOver: true, Interruptible: true, OnDisconnect: engine.RequeueOpen,
			WrapUp:    engine.WrapUp{For: 30 * second, Extension: minute, Extensions: 2},
			Secondary: &engine.Secondary{Attribute: "segment", Values: map[string]int32{"gold": 1, "7": 2}, Otherwise: 3},
			SkillRules: []engine.SkillRule{
				{Attribute: "language", Values: map[string][]engine.Need{
					"de": {{Skill: "german"}}, "en": {{Skill: "english", Level: 2500}},
				}},
				{When: "work.outbound", Needs: []engine.Need{{Skill: "german", Additional: true, Group: 4}}},
			},
			LastAgentFor: 20 * second, LastAgentWithin: 60 * minute,
		}},
		Statuses: []engine.Status{{Name: "ready", Channels: []string{"chat"}}},
		PresenceConfigs: []engine.PresenceConfig{{
			Name: "normal", Capacity: 2000, Interruptible: 1500, MaxOffers: 3, MaxOpen: 100, DeclineReasons: []string{},
		}},
		RoutingConfigs: []engine.RoutingConfig{{
			Name: "plain", Size: engine.Percent(100_000), Model: route.ModelWeightedRandom, Strategy: "queue", Fallback: "queue",
			PushTimeout: 30 * second, BySkills: true, DropAfter: 90 * second,
			Needs: []engine.Need{
				{Skill: "english", Level: 5000, Relax: []engine.Relaxation{{After: minute, Level: 4000}, {After: 2 * minute, Level: 500}}},
				{Skill: "german", Level: 1000},
			},
		}},
		Queues: []engine.QueueDefinition{
			{Name: "sales", Routing: "plain", OfferTo: 1, Hours: "office", Closed: engine.ClosedRefuse},
			{
				Name: "support", Routing: "plain", OfferTo: 3, Tiers: []engine.Time{30 * second, 2 * minute},
				Needs: []engine.Need{{Skill: "german", Level: 7000}}, Hours: "office", Closed: engine.ClosedOverflow,
				Overflow: &engine.Overflow{To: "sales", After: 5 * minute, At: 50, WhenNobody: true}, MaxWaiting: 100,
			},
		},
		Strategies: []engine.StrategyDefinition{{
			Name: "queue", Runtime: "builtin", Source: "queue", Args: []string{}, Attributes: []string{}, MayExceed: true, QuarantineAfter: 10,
			Limits: engine.StrategyLimits{
				TurnDeadline: 100, StartTimeout: 30_000, MemoryBytes: 256 << 20, ReplyBytes: 1 << 20, ReplyProposals: 10_000, LogLines: 100,
				OpenFiles: 1024, Processes: 16,
			},
		}},
		Agents: []engine.AgentDefinition{{
			ID: "anna", PresenceConfig: "normal",
			Queues: []engine.Membership{{Queue: "sales", Tier: 1, Weight: 1}, {Queue: "support", Tier: 3, Weight: 50}},
			Skills: []engine.Skill{{Name: "english", Level: 10_000}, {
				Name: "german", Level: 7250,
				From:  engine.Time(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()),
				Until: engine.Time(time.Date(2026, 5, 31, 22, 0, 0, 0, time.UTC).UnixMilli()),
			}},
		}},
		Hours: []engine.Hours{{
			Name: "office", Zone: "UTC",
			Weekly: []engine.Shift{
				{Days: 1<<1 | 1<<3 | 1<<4, Span: engine.Span{From: 0, To: 720}},
				{Days: 1<<1 | 1<<3 | 1<<4, Span: engine.Span{From: 780, To: 840}},
				{Days: 1<<6 | 1<<0, Span: engine.Span{From: 570, To: 1440}},
			},
			Holidays: []engine.Holiday{
				{Date: "2026-12-24", Open: []engine.Span{{From: 480, To: 720}}}, {Date: "2026-12-25", Open: []engine.Span{}},
			},
		}},
		Flows: []engine.Flow{{
			Name: "intake", Channels: []string{"chat"}, Fallback: "sales",
			Steps: []engine.Step{
				{
					Name: "one", When: "work.outbound", Queue: "support", Priority: new(int32), Needs: []engine.Need{{Skill: "english", Level: 1000}},
					Preferred: "anna", For: 10 * second, TimeToLive: 60 * minute, Overflow: &engine.Overflow{To: "sales"}, Last: true,
				},
				{Name: "two", Last: true},
			},
		}},
	}
	same(t, reflect.ValueOf(got), reflect.ValueOf(want))
	specs, err := c.Specs()
	if err != nil || len(specs) != 1 || !specs[0].MayExceed {
		t.Errorf("specs %+v, %v; want one that may exceed capacity", specs, err)
	}
}

// same compares two definitions section by section, so that a difference is
// legible.
func same(t *testing.T, got, want reflect.Value) {
	t.Helper()
	for i := range got.NumField() {
		if g, w := got.Field(i).Interface(), want.Field(i).Interface(); !reflect.DeepEqual(g, w) {
			t.Errorf("%s:\n%+v\nwant:\n%+v", got.Type().Field(i).Name, g, w)
		}
	}
}

// TestModels holds that the schema offers every model of the contract.
func TestModels(t *testing.T) {
	t.Parallel()
	for m := route.ModelLeastActive; !strings.Contains(m.String(), "("); m++ {
		c, err := config.Parse("x.yaml", []byte(complete("routing_configs: {plain: {model: "+m.String()+"}}")))
		if err != nil {
			t.Errorf("%v: %v", m, err)
		} else if got := c.RoutingConfigs["plain"].Model; got != m {
			t.Errorf("%v is read as %v", m, got)
		}
	}
}

// TestPage holds that the page about configurations shows one that is good.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatal("the page shows no configuration")
	}
	c, err := config.Parse("config.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

// TestProfilesFillIn shows what agents and keys take from their profiles, and
// that queues say who decides.
func TestProfilesFillIn(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("p.yaml", []byte(`
channels: {chat: {}}
statuses: {available: {channels: [chat]}, break: {}}
presence_configs: {normal: {capacity: 2}, strong: {capacity: 3}}
profiles:
  desk: {statuses: [available], presence_config: strong}
  lead: {role: supervisor, queues: [support]}
strategies: {mine: {runtime: builtin, source: queue}}
routing_configs: {plain: {}}
queues: {support: {routing: plain, strategy: mine, shadow: queue, canary: {strategy: queue, percent: 12.5}}}
agents: {anna: {profile: desk, queues: [support]}, bo: {profile: desk, presence_config: normal, queues: [support]}}
api:
  keys:
    k: {sha256: cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc, profile: lead}
`), config.Builtins("queue"))
	if err != nil {
		t.Fatal(err)
	}
	if key := c.API.Keys["k"]; key.Role != config.RoleSupervisor || !slices.Equal(key.Scope.Queues, []string{"support"}) {
		t.Errorf("the key is %+v", key)
	}
	d, err := c.Definition()
	if err != nil {
		t.Fatal(err)
	}
	if a := d.Agents; a[0].PresenceConfig != "strong" || a[1].PresenceConfig != "normal" || a[0].Profile != "desk" {
		t.Errorf("agents: %+v", a)
	}
	if p := d.Profiles; len(p) != 2 || p[0].Name != "desk" || !slices.Equal(p[0].Statuses, []string{"available"}) {
		t.Errorf("profiles: %+v", p)
	}
	to := d.Queues[0].Deciders
	if to.Strategy != "mine" || to.Shadow != "queue" || to.Canary.Share != 1250 || !slices.Equal(to.Canary.Guards, []string{"error_rate < 1%", "refusal_rate < baseline + 25%"}) {
		t.Errorf("deciders: %+v", to)
	}
}
