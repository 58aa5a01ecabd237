// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/webhook/outbound"
)

// TestKeptOnce: a letter whose file cannot be replaced has its old one still,
// which goes when the letter does.
func TestKeptOnce(t *testing.T) {
	t.Parallel()
	if stored, count, err := outbound.KeepTwice(t.TempDir()); !stored || count != 1 || err != nil {
		t.Errorf("stored: %v, %d letters, %v", stored, count, err)
	}
}
