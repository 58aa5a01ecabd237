// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func example(t testing.TB) *config.Config {
	t.Helper()
	c, err := config.Load("example.yaml", config.Builtins("queue", "skills"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExample(t *testing.T) {
	t.Parallel()
	c := example(t)
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	if n := len(c.Queues); n != 3 {
		t.Errorf("%d queues, want 3", n)
	}
}

// TestExampleComplete holds that the example shows every key there is.
func TestExampleComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(config.Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	properties(doc, func(key string, rule map[string]any) {
		keys[key] = true
		if _, ok := rule["description"]; !ok && rule["$ref"] == nil {
			t.Errorf("schema: %s has no description", key)
		}
	})
	if len(keys) < 40 {
		t.Fatalf("only %d keys found in the schema", len(keys))
	}
	for key := range keys {
		if !regexp.MustCompile(`(?m)(^|[\s{,])` + key + `:( |$)`).Match(text) {
			t.Errorf("example.yaml does not show the key %q", key)
		}
	}
}

// properties calls found for every key that the schema knows.
func properties(v any, found func(key string, rule map[string]any)) {
	m, _ := v.(map[string]any)
	for name, inner := range m {
		if name == "properties" {
			for key, rule := range inner.(map[string]any) {
				found(key, rule.(map[string]any))
			}
		}
		properties(inner, found)
	}
}

// TestExampleDefaults holds that what the example calls a default is one.
func TestExampleDefaults(t *testing.T) {
	t.Parallel()
	c := example(t)
	bare, err := config.Parse("x.yaml", []byte(complete("")))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Strategies["queue"].Limits, bare.Strategies["queue"].Limits; got != want {
		t.Errorf("limits %+v, want %+v", got, want)
	}
	got := []any{bare.Listen, bare.ConnectionGrace, bare.KeepClosed, bare.KeepClosedItems}
	want := []any{c.Listen, c.ConnectionGrace, c.KeepClosed, c.KeepClosedItems}
	if !slices.Equal(got, want) {
		t.Errorf("defaults %v, want %v", got, want)
	}
}

// TestLimitsAgree holds that the schema's limits are the ones strategies have
// by default.
func TestLimitsAgree(t *testing.T) {
	t.Parallel()
	specs, err := example(t).Specs()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := specs[0].Limits, (strategy.Limits{}).WithDefaults(); got != want {
		t.Errorf("limits %+v, want %+v", got, want)
	}
	if got := string(specs[0].Settings); got != "{}" {
		t.Errorf("settings %s, want {}", got)
	}
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	c := example(t)
	d, err := c.Definition()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	again, err := c.Definition()
	if err != nil || !reflect.DeepEqual(d, again) {
		t.Errorf("two definitions of one configuration differ: %v", err)
	}
	urgent := d.RoutingConfigs[slices.IndexFunc(d.RoutingConfigs, func(r engine.RoutingConfig) bool { return r.Name == "urgent" })]
	if want := (engine.RoutingConfig{
		Name: "urgent", Size: engine.Units(3 * engine.Unit), Model: route.ModelLongestIdle, Strategy: "queue", Fallback: "queue",
		PushTimeout: 10_000, DeclineRule: engine.LastOnly, StallAfter: 60_000, StallFallback: true,
	}); !reflect.DeepEqual(urgent, want) {
		t.Errorf("routing config %+v, want %+v", urgent, want)
	}
	if want := (engine.QueueDefinition{
		Name: "cards", Routing: "urgent", Within: 5000, Target: 950, OfferTo: 2, Needs: []engine.Need{{Skill: "cards"}},
	}); !reflect.DeepEqual(d.Queues[1], want) {
		t.Errorf("queue %+v, want %+v", d.Queues[1], want)
	}
	if got, want := d.PresenceConfigs[0].Capacity, engine.Milli(4500); got != want {
		t.Errorf("capacity %d, want %d", got, want)
	}
}

// TestDefinitionByHand holds that a Config nobody checked is refused, not
// passed on.
func TestDefinitionByHand(t *testing.T) {
	t.Parallel()
	c := &config.Config{
		ConnectionGrace: time.Second,
		Queues:          map[string]config.Queue{"support": {Routing: "nothing"}},
	}
	if _, err := c.Definition(); err == nil {
		t.Error("a queue without its routing config passed")
	}
}

func TestSchemaIsACopy(t *testing.T) {
	t.Parallel()
	one := config.Schema()
	clear(one)
	if bytes.Equal(one, config.Schema()) || !json.Valid(config.Schema()) {
		t.Error("writing to one schema changes the next")
	}
}

func ExampleParse() {
	_, err := config.Parse("bank.yaml", []byte(`
channels: {chat: {}}
statuses: {available: {channels: [chat]}}
presence_configs: {normal: {capacity: 3}}
routing_configs: {standard: {push_timeout: 20 seconds}}
queues: {support: {routing: standrad}}
`))
	fmt.Println(err)
	// Output:
	// bank.yaml:5:44: routing_configs.standard.push_timeout: this is "20 seconds"; it must be a duration such as 20s, 1m30s, 250ms or 24h, at most a year
	// bank.yaml:6:29: queues.support.routing: there is no routing config "standrad"; did you mean "standard"?
}

func ExampleLoad() {
	c, err := config.Load("example.yaml", config.Builtins("queue", "skills"), config.Flag("listen", "127.0.0.1:0"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Workspace, c.Listen, len(c.Queues), "queues")
	// Output: bank 127.0.0.1:0 3 queues
}

func ExampleConfig_Definition() {
	c, err := config.Load("example.yaml", config.Builtins("queue", "skills"))
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := c.Definition()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, q := range d.Queues {
		fmt.Println(q.Name, q.Routing)
	}
	// Output:
	// accounts standard
	// cards urgent
	// loans patient
}
