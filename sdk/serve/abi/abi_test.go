// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package abi

import "testing"

func TestPack(t *testing.T) {
	t.Parallel()
	for _, want := range [][2]uint32{{0, 0}, {1, 2}, {1<<32 - 1, 1<<32 - 1}, {1 << 31, 7}} {
		if ptr, length := Unpack(Pack(want[0], want[1])); ptr != want[0] || length != want[1] {
			t.Errorf("%v came back as %d, %d", want, ptr, length)
		}
	}
}
