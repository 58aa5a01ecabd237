// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"slices"
	"strings"
)

// meant is the end of a sentence about a name that is none: which was probably
// meant, or which there are.
func meant(got string, names []string) string {
	if near := Nearest(got, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	switch len(names) {
	case 0:
		return "there is none"
	case 1:
		return "there is " + names[0]
	}
	return "there are " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Nearest returns the name that got is most likely a misspelling of, or the only
// one that it is a part of; empty if it is like none. Of equally near ones the
// first by name is taken.
func Nearest(got string, names []string) string {
	const longest = 64
	from := []rune(strings.ToLower(got))
	if len(from) == 0 || len(from) > longest {
		return ""
	}
	best, distance := "", max(1, len(from)/3)+1
	var within []string
	for _, candidate := range slices.Sorted(slices.Values(names)) {
		if d := edits(from, []rune(strings.ToLower(candidate))); d < distance {
			best, distance = candidate, d
		}
		if strings.Contains(strings.ToLower(candidate), string(from)) {
			within = append(within, candidate)
		}
	}
	if best == "" && len(within) == 1 {
		return within[0]
	}
	return best
}

// edits counts the letters to insert, delete or replace to turn a into b.
func edits(a, b []rune) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
		}
		last = row
	}
	return last[len(b)]
}
