// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"path/filepath"
	"regexp"
	"testing"
)

// TestEmulatorPage does what docs/emulator.md says.
func TestEmulatorPage(t *testing.T) {
	t.Parallel()
	out := follow(t, read(t, filepath.Join("docs", "emulator.md")), "bash", "sed")
	for _, want := range []string{
		`(?m)^Monday: queue .* in each of 8 replications$`, `(?m)^queue: weighted_random against queue: longest_idle$`, `(?m)^lifo\.wasm against queue$`,
		`(?m)^queue: service_level >= 60% .* met: `, `(?m)^calls\.csv: 3 rows, 3 played, from 2026-03-02\.$`, `every invariant held`,
		`(?m)^monday\.journal: workspace default, events 1 to \d+$`, `(?m)^monday\.journal: \d+ rows, \d+ played, from .* UTC\.$`,
		`(?m)^Events 1 to \d+: \d+ turns came out the same, with \d+ decisions\.$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the page prints nothing like %q:\n%s", want, out)
		}
	}
}
