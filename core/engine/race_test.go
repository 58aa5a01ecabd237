// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package engine_test

// dear is how many times fewer random runs there are: the race detector is on, which makes them slow.
const dear = 5
