// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package near

import "testing"

func TestName(t *testing.T) {
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
		if got := Name(test.got, test.candidates); got != test.want {
			t.Errorf("Name(%q, %q) = %q, want %q", test.got, test.candidates, got, test.want)
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
