// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package bench measures Patchbay's parts at the scale of the largest contact
// centres, side by side with the plainest way to do the same.
//
// It drives strategies as a host does, by turns, and knows none by name: they
// are given to it. It keeps no state between measurements and writes nowhere
// but where it is told to.
package bench
