// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"path/filepath"
	"regexp"
	"testing"
)

// TestStrategiesPage follows the page on swapping strategies.
func TestStrategiesPage(t *testing.T) {
	t.Parallel()
	out := follow(t, read(t, filepath.Join("docs", "strategies.md")), "bash", "sed")
	for _, want := range []string{
		`(?m)^queue support: queue decides; vip is its shadow$`, `(?m)^queue support: vip beside queue since `,
		`(?m)^queue support: queue decides; vip for 10 % of the work; vip is its shadow$`, `(?m)^queue support: vip decides`,
		`not on a Monday`, `(?m)^support +vip +vip `,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the page prints nothing like %q:\n%s", want, out)
		}
	}
}
