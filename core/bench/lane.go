// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import "github.com/patchbay-cx/patchbay/core/strategy"

// Lane is a strategy in one runtime.
type Lane struct {
	// Name names the lane in reports, such as "wasm".
	Name string
	// Runtime starts it, and Spec says what. Its limits and its name are the
	// measurement's.
	Runtime strategy.Runtime
	Spec    strategy.Spec
}

// tally tells how many steps of how many are done.
type tally struct {
	done, total int
	tell        func(done, total int)
}

func (t *tally) step() {
	if t.done++; t.tell != nil {
		t.tell(t.done, t.total)
	}
}
