// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// everything has a setting of each kind.
type everything struct {
	Wait    route.Duration     `json:"wait" default:"30s" min:"0s" max:"10m" desc:"How long to wait."`
	Window  time.Duration      `json:"window" default:"200ms"`
	Mode    string             `json:"mode" enum:"strict,loose" default:"loose"`
	Name    string             `json:"name" min:"2" max:"4" required:"true"`
	Count   int                `json:"count" min:"1" max:"9" default:"3"`
	Byte    uint8              `json:"byte"`
	Small   int16              `json:"small"`
	Big     int64              `json:"big"`
	Huge    uint64             `json:"huge"`
	Share   float64            `json:"share" min:"0" max:"1" default:"0.5"`
	On      bool               `json:"on" default:"true"`
	Tiers   []string           `json:"tiers" enum:"gold,silver" max:"2" default:"[\"gold\"]"`
	Worth   map[string]float64 `json:"worth" min:"1" default:"{\"gold\": 2}"`
	Nested  nested             `json:"nested"`
	Maybe   *int               `json:"maybe" min:"5"`
	List    []nested           `json:"list"`
	Plain   string
	Ignored chan int `json:"-"`
}

type nested struct {
	Age    float64 `json:"age" default:"1.5"`
	Reason string  `json:"reason" desc:"Why \"this\" matters."`
}

func TestDecodeSettings(t *testing.T) {
	t.Parallel()
	got, err := route.DecodeSettings[everything]([]byte(`{
		"name": "früh", "count": 1e0, "window": "1.5s", "byte": 255, "small": -32768, "big": -9223372036854775808,
		"huge": 18446744073709551615, "maybe": 7, "worth": {"b": 1, "a": 2.5}, "list": [{"age": 3}, {}], "Plain": "x",
		"nested": {"reason": "r"}, "wait": "2m"
	}`))
	if err != nil {
		t.Fatal(err)
	}
	seven := 7
	want := everything{
		Wait: 120_000, Window: 1500 * time.Millisecond, Mode: "loose", Name: "früh", Count: 1, Byte: 255, Small: -32768,
		Big: -1 << 63, Huge: 1<<64 - 1, Share: .5, On: true, Tiers: []string{"gold"},
		Worth: map[string]float64{"a": 2.5, "b": 1}, Nested: nested{1.5, "r"}, Maybe: &seven,
		List: []nested{{Age: 3}, {Age: 1.5}}, Plain: "x",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`[]`:                           `settings: [] is wrong: it must be an object`,
		`{`:                            `settings: "{" is no JSON object: unexpected EOF`,
		`{} {}`:                        `settings: more than one JSON value: one object is right`,
		`{}`:                           `settings: name: it is missing: it must be a text, 2 to 4 characters long`,
		`{"name":"abc","wait":"soon"}`: `settings: wait: "soon" is wrong: it must be a duration such as "200ms", 0s to 10m`,
		`{"name":"abc","wait":5}`:      `settings: wait: 5 is wrong: it must be a duration such as "200ms", 0s to 10m`,
		`{"name":"abc","wait":"11m"}`:  `settings: wait: 11m is wrong: it must be a duration such as "200ms", 0s to 10m`,
		`{"name":"abc","mode":"lose"}`: `settings: mode: "lose" is wrong: it must be one of "strict", "loose"`,
		`{"name":"abcde"}`:             `settings: name: 5 characters is wrong: it must be a text, 2 to 4 characters long`,
		`{"name":true}`:                `settings: name: true is wrong: it must be a text, 2 to 4 characters long`,
		`{"name":"abc","count":0}`:     `settings: count: 0 is wrong: it must be a whole number, 1 to 9`,
		`{"name":"abc","count":1.5}`:   `settings: count: 1.5 is wrong: it must be a whole number, 1 to 9`,
		`{"name":"abc","byte":256}`:    `settings: byte: 256 is wrong: it must be a whole number, 0 to 255`,
		`{"name":"abc","big":9223372036854775808}`:      `settings: big: 9223372036854775808 is wrong: it must be a whole number`,
		`{"name":"abc","share":"1"}`:                    `settings: share: "1" is wrong: it must be a number, 0 to 1`,
		`{"name":"abc","on":null}`:                      `settings: on: null is wrong: it must be true or false`,
		`{"name":"abc","tiers":["gold","iron"]}`:        `settings: tiers[1]: "iron" is wrong: it must be one of "gold", "silver"`,
		`{"name":"abc","tiers":["gold","gold","gold"]}`: `settings: tiers: 3 elements is wrong: it must be a list, at most 2`,
		`{"name":"abc","worth":{}}`:                     `settings: worth: 0 entries is wrong: it must be an object, at least 1`,
		`{"name":"abc","worth":{"x":"y"}}`:              `settings: worth.x: "y" is wrong: it must be a number`,
		`{"name":"abc","nested":{"age":{}}}`:            `settings: nested.age: {} is wrong: it must be a number`,
		`{"name":"abc","list":[{},{"agee":1}]}`:         `settings: list[1].agee: there is no such setting; there are age, reason`,
		`{"name":"abc","maybe":4}`:                      `settings: maybe: 4 is wrong: it must be a whole number, at least 5`,
		`{"name":"abc","hidden":4,"huge":-1}`: "settings: huge: -1 is wrong: it must be a whole number, at least 0\n" +
			"settings: hidden: there is no such setting; there are wait, window, mode, name, count, byte, small, big, huge, share, on, tiers, worth, nested, maybe, list, Plain",
	} {
		_, err := route.DecodeSettings[everything]([]byte(settings))
		var setting *route.SettingError
		if err == nil || err.Error() != want || !errors.As(err, &setting) {
			t.Errorf("%s:\n got %v\nwant %s", settings, err, want)
		}
	}
	if _, err := route.DecodeSettings[struct{}]([]byte(`{"a":1}`)); err == nil ||
		err.Error() != "settings: a: there is no such setting; there are none, so {} is right" {
		t.Errorf("no settings at all: %v", err)
	}
}

// TestSchemaAgrees holds the schema, by a validator that knows nothing of it,
// against what DecodeSettings takes.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(route.SettingsSchema[everything]()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("settings.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := compiler.MustCompile("settings.json")
	values := rapid.SampledFrom([]any{
		nil, true, false, "", "a", "abc", "früh", "abcde", "gold", "strict", "200ms", "1h30m", "-5s", "0", "x1s", ".5s",
		-1, 0, 1, 3, 9, 10, 255, 256, 40000, 0.25, 1.5,
		[]any{},
		[]any{"gold"},
		[]any{"iron"},
		[]any{1},
		[]any{"gold", "silver", "gold"},
		map[string]any{},
		map[string]any{"age": 2},
		map[string]any{"gold": 1},
		map[string]any{"age": "x"},
		[]any{map[string]any{"age": 1}},
		[]any{map[string]any{"other": 1}},
	})
	keys := []string{
		"wait", "window", "mode", "name", "count", "byte", "small", "big", "huge", "share", "on", "tiers", "worth",
		"nested", "maybe", "list", "Plain", "hidden", "Ignored",
	}
	rapid.Check(t, func(t *rapid.T) {
		settings := rapid.MapOfN(rapid.SampledFrom(keys), values, 0, 3).Draw(t, "settings")
		if rapid.Bool().Draw(t, "named") {
			settings["name"] = "abc"
		}
		if wait, ok := settings["wait"].(string); ok && strings.HasPrefix(wait, "-") || settings["wait"] == "1h30m" {
			delete(settings, "wait") // a schema cannot bound durations
		}
		text, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		byschema := schema.Validate(instance)
		_, byus := route.DecodeSettings[everything](text)
		if (byschema == nil) != (byus == nil) {
			t.Fatalf("%s\nby schema: %v\nby DecodeSettings: %v", text, byschema, byus)
		}
	})
}

func TestSettingsInForce(t *testing.T) {
	t.Parallel()
	var s route.Settings[nested]
	if s.Get().Age != 1.5 {
		t.Errorf("before Configure: %+v", s.Get())
	}
	if err := s.Configure([]byte(`{"age":2}`)); err != nil || s.Get().Age != 2 {
		t.Errorf("after: %+v, %v", s.Get(), err)
	}
	if err := s.Configure([]byte(`{"age":true}`)); err == nil || s.Get().Age != 2 {
		t.Errorf("after a refusal: %+v, %v", s.Get(), err)
	}
	if err := s.Configure(nil); err != nil || s.Get().Age != 1.5 {
		t.Errorf("after none: %+v, %v", s.Get(), err)
	}
	var required route.Settings[everything]
	if required.Get().Name != "" {
		t.Errorf("what is required and not known yet: %+v", required.Get())
	}
}

// What cannot be settings is a fault of the program, and said as such.
func TestSettingsPanics(t *testing.T) {
	t.Parallel()
	type again struct{ Again []again }
	for want, schema := range map[string]func() string{
		"int is no struct":        route.SettingsSchema[int],
		"a chan int cannot be":    route.SettingsSchema[struct{ C chan int }],
		"a route_test.again":      route.SettingsSchema[again],
		"a map[int]int cannot be": route.SettingsSchema[struct{ M map[int]int }],
		`does not fit: "x" is wrong: it must be a whole number`: route.SettingsSchema[struct {
			N int `default:"\"x\""`
		}],
		`the default "5" does not fit`: route.SettingsSchema[struct {
			N int `default:"5" max:"3"`
		}],
		"only texts have an enum": route.SettingsSchema[struct {
			N int `enum:"1,2"`
		}],
		`"x" is no bound of a number`: route.SettingsSchema[struct {
			N float64 `min:"x"`
		}],
		`"1" is no duration`: route.SettingsSchema[struct {
			D route.Duration `max:"1"`
		}],
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			}()
			_ = schema()
		}()
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	var d route.Duration
	if err := json.Unmarshal([]byte(`"1m0.5s"`), &d); err != nil || d != 60_500 || d.String() != "1m0.5s" {
		t.Errorf("got %v, %v", int64(d), err)
	}
	if out, err := json.Marshal(route.Duration(250)); err != nil || string(out) != `"250ms"` {
		t.Errorf("got %s, %v", out, err)
	}
	for _, bad := range []string{`5`, `"5"`, `"later"`} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil || !strings.Contains(err.Error(), "no duration") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzDecodeSettings(f *testing.F) {
	f.Add([]byte(`{"name":"abc","tiers":["gold"],"nested":{"age":1}}`))
	f.Add([]byte(`{"name":1e400}`))
	f.Add([]byte("{\"name\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, settings []byte) {
		if _, err := route.DecodeSettings[everything](settings); err == nil {
			var object map[string]any
			if json.Unmarshal(settings, &object) != nil || object["name"] == nil {
				t.Errorf("taken: %q", settings)
			}
		}
	})
}

func ExampleSettings() {
	type config struct {
		Wait  route.Duration   `json:"wait" default:"30s" max:"10m" desc:"How long to wait for an agent who is known."`
		Worth map[string]int64 `json:"worth" desc:"What a customer's tier is worth."`
	}
	var settings route.Settings[config]
	fmt.Println(settings.Configure([]byte(`{"worth": {"gold": 5}}`)), settings.Get().Wait, settings.Get().Worth["gold"])
	fmt.Println(settings.Configure([]byte(`{"wait": "1h"}`)))
	// Output:
	// <nil> 30s 5
	// settings: wait: 1h is wrong: it must be a duration such as "200ms", at most 10m
}

func ExampleSettingsSchema() {
	fmt.Println(route.SettingsSchema[struct {
		Mode string `json:"mode" enum:"strict,loose" default:"loose" desc:"How to match."`
	}]())
	// Output:
	// {"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"mode":{"type":"string","enum":["strict","loose"],"description":"How to match.","default":"loose"}},"additionalProperties":false}
}
