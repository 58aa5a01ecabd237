// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package engine_test

// dear is how many times fewer random runs there are: the race detector is off.
const dear = 1
