// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package smoke_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy/smoke"
)

// BenchmarkTrial is what a plugin's first start costs beside the start itself.
func BenchmarkTrial(b *testing.B) {
	inner := with(good)
	b.ReportAllocs()
	for b.Loop() {
		instance, _, err := smoke.New(inner).Start(b.Context(), spec, 7)
		if err != nil {
			b.Fatal(err)
		}
		if err := instance.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
