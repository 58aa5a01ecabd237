// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"fmt"
	"slices"
	"strings"
)

// orRather returns the end of a sentence that names the candidate most like
// what was written or else, if they are few, all of them.
func orRather(got string, candidates []string, plural string) string {
	const few = 12
	slices.Sort(candidates)
	switch near := nearest(got, candidates); {
	case near != "":
		return fmt.Sprintf("; did you mean %q?", near)
	case len(candidates) == 0 || len(candidates) > few:
		return fmt.Sprintf("; there are %d %s", len(candidates), plural)
	default:
		return fmt.Sprintf("; the %s are: %s", plural, strings.Join(candidates, ", "))
	}
}

// nearest returns the candidate that got is most likely a misspelling of, the
// first of equals; empty if it is like none.
func nearest(got string, candidates []string) string {
	best, distance := "", max(1, len(got)/3)+1
	for _, candidate := range candidates {
		if d := edits([]rune(got), []rune(candidate), distance); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// edits counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b; limit for that many or more.
func edits(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+1)
			if a[i] == b[j] {
				row[j+1] = min(row[j+1], last[j])
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return min(last[len(b)], limit)
}
