// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// TestGCPercent shows that a small host does not grow much, and a large one no
// more than without.
func TestGCPercent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		live uint64
		want int
	}{{0, 400}, {20 << 20, 400}, {64 << 20, 400}, {128 << 20, 200}, {256 << 20, 100}, {1 << 30, 100}} {
		if got := gcPercent(test.live); got != test.want {
			t.Errorf("with %d MiB in use it is %d, want %d", test.live>>20, got, test.want)
		}
	}
}
