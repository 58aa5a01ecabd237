// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLegible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		"as it is, é":                  "as it is, é",
		"no \xff text":                 "no \uFFFD text",
		strings.Repeat("x", 40):        strings.Repeat("x", 40),
		strings.Repeat("x", 41):        strings.Repeat("x", 36) + " …",
		strings.Repeat("é", 400):       strings.Repeat("é", 18) + " …",
		"x" + strings.Repeat("é", 400): "x" + strings.Repeat("é", 17) + " …",
		strings.Repeat("\xff ", 400):   strings.Repeat("\uFFFD ", 9) + " …",
	} {
		got := Legible(text, 40)
		if got != want || len(got) > 40 || !utf8.ValidString(got) {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}
