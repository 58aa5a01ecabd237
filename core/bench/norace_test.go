// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package bench_test

// raced is whether the race detector is on, which needs more memory than a plugin process may have.
const raced = false
