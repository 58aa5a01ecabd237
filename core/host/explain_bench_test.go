// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"sync"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
)

// BenchmarkExplain explains the first work of a workspace in which 100,000
// events followed.
func BenchmarkExplain(b *testing.B) {
	p := open(b, definition(2))
	var creating sync.WaitGroup
	for range 200 {
		creating.Go(func() {
			for range 500 {
				if _, err := p.Do(b.Context(), engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	creating.Wait()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Explain(b.Context(), host.ExplainRequest{Work: 1, WhyNot: "a2"}); err != nil {
			b.Fatal(err)
		}
	}
}
