// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		got        string
		candidates []string
		want       string
	}{
		{"rooting", []string{"routing", "service_level"}, "routing"},
		{"Routing", []string{"routing"}, "routing"},
		{"sevrice_level", []string{"routing", "service_level"}, "service_level"},
		{"colour", []string{"routing", "service_level"}, ""},
		{"ab", []string{"ba", "bb", "aa"}, "aa"},
		{"", []string{"a"}, ""},
		{"x", nil, ""},
		{"größe", []string{"grösse"}, ""},
		{"größer", []string{"grösser"}, "grösser"},
	} {
		if got := nearest(test.got, test.candidates); got != test.want {
			t.Errorf("nearest(%q, %q) = %q, want %q", test.got, test.candidates, got, test.want)
		}
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"kitten", "sitting", 3},
		{"queue", "queus", 1},
	} {
		if got := edits([]rune(test.a), []rune(test.b)); got != test.want {
			t.Errorf("edits(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := edits([]rune(test.b), []rune(test.a)); got != test.want {
			t.Errorf("edits(%q, %q) = %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

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

// TestRefusedPlace finds the engine's path in the file, where names hold dots.
func TestRefusedPlace(t *testing.T) {
	t.Parallel()
	doc := readYAML("x.yaml", []byte("agents:\n  anna: {}\n  anna.lind@x: {queues: [a]}\n"), &faults{})
	if got, want := doc.root.split("agents.anna.lind@x.queues"), []string{"agents", "anna.lind@x", "queues"}; !slices.Equal(got, want) {
		t.Errorf("steps %q, want %q", got, want)
	}
	if got, want := doc.value([]string{"agents", "anna.lind@x", "queues"}).Error(), `x.yaml:3:25: agents."anna.lind@x".queues: `; got != want {
		t.Errorf("place %q, want %q", got, want)
	}
}
