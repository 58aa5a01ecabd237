// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"1024B": 1 << 10, "1KiB": 1 << 10, "256MiB": 256 << 20, "3GiB": 3 << 30, "1TiB": 1 << 40,
	} {
		if got, err := size(text); err != nil || got != want {
			t.Errorf("size(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "1", "1MB", "1 MiB", "-1MiB", "1.5GiB", "2TiB", "1B", "1MiBB", "99999999999999999999TiB"} {
		if got, err := size(text); err == nil {
			t.Errorf("size(%q) = %d, want an error", text, got)
		}
	}
	for s, want := range map[Size]string{0: "0B", 1: "1B", 1 << 10: "1KiB", 1536: "1536B", 256 << 20: "256MiB", 1 << 50: "1024TiB"} {
		if got := s.String(); got != want {
			t.Errorf("%d is written %q, want %q", uint64(s), got, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "localhost": true, "LOCALHOST": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "localhost.example": false,
	} {
		if got := loopback(host); got != want {
			t.Errorf("loopback(%q) = %t, want %t", host, got, want)
		}
	}
}

// TestRefusedPlace finds the engine's path in the file, where names hold dots,
// lists have names or indices, and steps say what they do under "then".
func TestRefusedPlace(t *testing.T) {
	t.Parallel()
	const text = `agents:
  anna: {}
  anna.lind@x: {queues: [a]}
flows:
  intake:
    steps:
      - {name: vip, then: {queue: a}}
      - {name: vip.gold, when: "true", then: {overflow: {to: a}}}
channels: {chat: {skill_rules: [{}, {when: "true"}]}}
`
	f := &file{name: "x.yaml", data: []byte(text)}
	doc := &document{files: []*file{f}, root: readYAML(f, &faults{})}
	for _, test := range []struct{ field, want string }{
		{"agents.anna.lind@x.queues", `3:25: agents."anna.lind@x".queues: `},
		{"flows.intake.steps.vip.queue", `7:35: flows.intake.steps[0].then.queue: `},
		{"flows.intake.steps.vip.gold.overflow.to", `8:62: flows.intake.steps[1].then.overflow.to: `},
		{"flows.intake.steps.vip.gold.when", `8:32: flows.intake.steps[1].when: `},
		{"flows.intake.steps.vip.priority", `7:9: flows.intake.steps[0]: `},
		{"channels.chat.skill_rules.1.when", `9:44: channels.chat.skill_rules[1].when: `},
		{"nowhere", `1:1: `},
	} {
		if got := doc.value(doc.root.split(test.field)).Error(); got != "x.yaml:"+test.want {
			t.Errorf("%s is at %q, want %q", test.field, got, test.want)
		}
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint8{
		"sun": 1, "mon": 2, "mon-fri": 0b0111110, "sat-mon": 0b1000011, "mon,thu": 0b0010010, "sun, tue-wed": 0b0001101, "sun-sat": 0x7f,
	} {
		if got, err := days(text); err != nil || got != want {
			t.Errorf("days(%q) = %07b, %v; want %07b", text, got, err, want)
		}
	}
	for _, text := range []string{"", ",", "mon,", "Mon", "monday", "mon-", "-mon", "mon-tue-wed", "mon,mon", "sat-sun,sun", "mon - tue"} {
		if got, err := days(text); err == nil {
			t.Errorf("days(%q) = %07b, want an error", text, got)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]engine.Span{
		"08:00-18:00": {From: 480, To: 1080}, "8:05-9:10": {From: 485, To: 550}, "00:00-24:00": {To: 1440}, "23:59 - 24:00": {From: 1439, To: 1440},
	} {
		if got, err := span(text); err != nil || got != want {
			t.Errorf("span(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "08:00", "8-9", "08:00-08:00", "09:00-08:00", "08:0-09:00", "08:00-24:01", "25:00-26:00", "08:60-09:00", "008:00-09:00", "+8:00-09:00", "08:00-09:00-10:00"} {
		if got, err := span(text); err == nil {
			t.Errorf("span(%q) = %v, want an error", text, got)
		}
	}
}

// TestPercentages holds that what is written in per cent is exact in
// thousandths.
func TestPercentages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Uint32Range(1, route.WholePercent).Draw(t, "thousandths")
		written := fmt.Sprintf("%d.%03d", want/1000, want%1000)
		shorter := strings.TrimRight(strings.TrimRight(written, "0"), ".")
		for _, text := range []string{written + "%", shorter + "%"} {
			if got, err := percentage(text); err != nil || got != want {
				t.Fatalf("percentage(%q) = %d, %v; want %d", text, got, err, want)
			}
		}
	})
	for _, text := range []string{"", "%", ".5%", "5.%", "5", "0%", "0.000%", "100.001%", "1000%", "-1%", "+1%", "1.2345%", "1e1%", "5 %", " 5%"} {
		if got, err := percentage(text); err == nil {
			t.Errorf("percentage(%q) = %d, want an error", text, got)
		}
	}
}

// TestLayersAgree holds that joining nodes, which know their places, comes to
// the same as koanf, which joins values.
func TestLayersAgree(t *testing.T) {
	t.Parallel()
	var value *rapid.Generator[string]
	value = rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return "[1, x, {a: 2}]"
		case 1, 2:
			var b strings.Builder
			for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b.c", "channels", "skills", "1"}), 0, 3, rapid.ID[string]).Draw(t, "keys") {
				fmt.Fprintf(&b, "%q: %s, ", key, value.Draw(t, key))
			}
			return "{" + b.String() + "}"
		default:
			return rapid.SampledFrom([]string{"1", "x", "~", "true", "[]", "{}", "2.5"}).Draw(t, "scalar")
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		doc, faults := &document{}, &faults{}
		var layers []*node
		for i := range rapid.IntRange(1, 4).Draw(t, "layers") {
			f := &file{name: fmt.Sprint(i), data: []byte(fmt.Sprintf("queues: %s\nchannels: %s\nskills: [s%d]\nagents: {a%d: %s}\n", value.Draw(t, "queues"), value.Draw(t, "channels"), i, i%2, value.Draw(t, "agent")))}
			doc.files = append(doc.files, f)
			layers = append(layers, readYAML(f, faults))
		}
		values, err := overlay(doc, layers, &options{}, faults)
		if err != nil || len(faults.found) > 0 {
			t.Fatal(err, faults.found)
		}
		for name, f := range doc.root.fields {
			if want := f.node.plain(); name != "strategies" && !reflect.DeepEqual(values[name], want) {
				// The defaults of the schema are filled into what has its form.
				stripped, _ := values[name].(map[string]any)
				if bare, ok := want.(map[string]any); !ok || !covers(stripped, bare) {
					t.Fatalf("%s is %v by koanf and %v by its nodes", name, values[name], want)
				}
			}
		}
	})
}

// covers reports whether has holds everything that wants does, and more only
// where the schema has a default.
func covers(has, wants map[string]any) bool {
	for key, want := range wants {
		inner, isMap := want.(map[string]any)
		got, ok := has[key]
		if gotMap, both := got.(map[string]any); isMap && both {
			if !covers(gotMap, inner) {
				return false
			}
		} else if _, list := want.([]any); !ok || !list && !reflect.DeepEqual(got, want) {
			return false
		}
	}
	return true
}
