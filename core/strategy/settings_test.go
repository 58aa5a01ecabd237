// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

type vipSettings struct {
	Wait   route.Duration     `json:"wait" default:"30s" min:"0s" max:"10m"`
	Mode   string             `json:"mode" enum:"strict,loose" default:"loose"`
	Name   string             `json:"name" min:"2" required:"true"`
	Count  int                `json:"count" min:"1" max:"9"`
	On     bool               `json:"on"`
	Worth  map[string]float64 `json:"worth" min:"1" default:"{\"gold\":1}"`
	Tiers  []tier             `json:"tiers" max:"2"`
	Shares []float64          `json:"shares"`
}

type tier struct {
	Name string `json:"name" required:"true"`
}

func TestCheckSettings(t *testing.T) {
	t.Parallel()
	schema := route.SettingsSchema[vipSettings]()
	for settings, want := range map[string]string{
		`{"name":"ab","wait":"5m","tiers":[{"name":"x"}]}`: ``,
		`[]`:                              `settings: [] is wrong: it must be an object`,
		`{`:                               `settings: "{" is no JSON object: unexpected EOF`,
		`{}`:                              `settings: name: it is missing: it must be a text, at least 2 characters long`,
		`{"name":"a"}`:                    `settings: name: "a" is wrong: it must be a text, at least 2 characters long`,
		`{"name":"ab","wait":"x"}`:        `settings: wait: "x" is wrong: it must be a duration such as "200ms", 0s to 10m`,
		`{"name":"ab","wait":5}`:          `settings: wait: 5 is wrong: it must be a duration such as "200ms", 0s to 10m`,
		`{"name":"ab","mode":"s"}`:        `settings: mode: "s" is wrong: it must be one of "strict", "loose"`,
		`{"name":"ab","count":0}`:         `settings: count: 0 is wrong: it must be a whole number, 1 to 9`,
		`{"name":"ab","count":1.5}`:       `settings: count: 1.5 is wrong: it must be a whole number, 1 to 9`,
		`{"name":"ab","on":"yes"}`:        `settings: on: "yes" is wrong: it must be true or false`,
		`{"name":"ab","worth":{}}`:        `settings: worth: 0 entries is wrong: it must be an object, at least 1`,
		`{"name":"ab","worth":{"g":"x"}}`: `settings: worth.g: "x" is wrong: it must be a number`,
		`{"name":"ab","tiers":[{"name":"x"},{}]}`:                        `settings: tiers[1].name: it is missing: it must be a text`,
		`{"name":"ab","tiers":[{"name":"x","nam":1}]}`:                   `settings: tiers[0].nam: there is no such setting; there are name (did you mean "name"?)`,
		`{"name":"ab","tiers":[{"name":"x"},{"name":"x"},{"name":"x"}]}`: `settings: tiers: 3 elements is wrong: it must be a list, at most 2`,
		`{"cuont":1,"shares":[0,"1"]}`: "settings: cuont: there is no such setting; there are count, mode, name, on, shares, tiers, wait, worth (did you mean \"count\"?)\n" +
			"settings: name: it is missing: it must be a text, at least 2 characters long\n" +
			`settings: shares[1]: "1" is wrong: it must be a number`,
	} {
		err := strategy.CheckSettings(schema, []byte(settings))
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%s:\n got %v\nwant %s", settings, err, want)
		}
		var setting *route.SettingError
		if want != "" && !errors.As(err, &setting) {
			t.Errorf("%s: %T is no SettingError", settings, err)
		}
	}
}

// A schema is a stranger's too.
func TestCheckSettingsBySchema(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		``:                                 ``,
		`{}`:                               ``,
		`true`:                             `the plugin's schema of settings is of no use: it is no JSON object`,
		`{`:                                `of no use: unexpected EOF`,
		`{} 1`:                             `of no use: it is more than one JSON value`,
		`{"type":"octopus"}`:               `of no use: `,
		`{"$ref":"file:///etc/passwd"}`:    `it refers to file:///etc/passwd: a schema must hold all that it needs`,
		`{"$ref":"https://example.com/s"}`: `it refers to https://example.com/s`,
		`{"properties":{"a":{"pattern":"^x","type":"string"}}}`:                                          `settings: a: "b" is wrong: it must be a text that matches ^x`,
		`{"properties":{"a":{"type":["integer","null"]}}}`:                                               `settings: a: "b" is wrong: it must be a whole number, or null`,
		`{"properties":{"a":{"const":1}}}`:                                                               `settings: a: "b" is wrong: it must be 1`,
		`{"properties":{"a":{"not":{}}}}`:                                                                `settings: a: "b" is wrong: the schema does not allow it`,
		`{"properties":{"a":false}}`:                                                                     `settings: a: "b" is wrong`,
		`{"$defs":{"n":{"type":"number","exclusiveMinimum":0}},"properties":{"a":{"$ref":"#/$defs/n"}}}`: `settings: a: "b" is wrong: it must be a number, at least 0, bounds not included`,
		`{"additionalProperties":false}`:                                                                 `settings: a: there is no such setting; there are none, so {} is right`,
	} {
		err := strategy.CheckSettings(schema, []byte(`{"a":"b"}`))
		if want == "" && err != nil || want != "" && !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s:\n got %v\nwant %s", schema, err, want)
		}
	}
}

func FuzzCheckSettings(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"enum":[1]}},"additionalProperties":false}`, []byte(`{"a":2,"b":3}`))
	f.Add(`{"$ref":"#/a"}`, []byte(`{}`))
	f.Fuzz(func(_ *testing.T, schema string, settings []byte) {
		_ = strategy.CheckSettings(schema, settings) // must return
	})
}

func ExampleCheckSettings() {
	schema := route.SettingsSchema[struct {
		Wait route.Duration `json:"wait" max:"10m"`
	}]()
	fmt.Println(strategy.CheckSettings(schema, []byte(`{"wiat": "5m"}`)))
	// Output: settings: wiat: there is no such setting; there are wait (did you mean "wait"?)
}
