// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package near finds the name that was probably meant. It knows no names itself.
package near

import (
	"slices"
	"strings"
)

// Name returns the candidate that got is most likely a misspelling of;
// empty if it is like none. Of equally near ones the first by name is taken.
func Name(got string, candidates []string) string {
	const longest = 128
	from := []rune(strings.ToLower(got))
	if len(from) == 0 || len(from) > longest {
		return ""
	}
	best, distance := "", max(1, len(from)/3)+1
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		to := []rune(strings.ToLower(candidate))
		if len(to)-len(from) >= distance || len(from)-len(to) >= distance {
			continue
		}
		if d := edits(from, to); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// edits counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b (optimal string alignment).
func edits(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
