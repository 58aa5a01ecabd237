// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSet holds the set against a sorted slice, across the size at which it
// becomes a tree and back.
func TestSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSet(func(a, b int) bool { return a < b })
		var want []int
		for range rapid.IntRange(1, 6).Draw(t, "phases") {
			add, appends := rapid.Bool().Draw(t, "add"), rapid.Bool().Draw(t, "append")
			for range rapid.IntRange(0, 2*fewMembers).Draw(t, "steps") {
				v := rapid.IntRange(0, 3*fewMembers).Draw(t, "v")
				at, found := slices.BinarySearch(want, v)
				switch {
				case add && !found:
					if appends {
						s.Append(v)
					} else {
						s.Add(v)
					}
					want = slices.Insert(want, at, v)
				case !add:
					s.Remove(v)
					if found {
						want = slices.Delete(want, at, at+1)
					}
				}
			}
			checkSet(t, s, want, rapid.IntRange(0, 3*fewMembers).Draw(t, "from"))
		}
	})
}

func checkSet(t *rapid.T, s *set[int], want []int, from int) {
	var all, rest []int
	s.Scan(func(v int) bool {
		all = append(all, v)
		return true
	})
	s.From(from, func(v int) bool {
		rest = append(rest, v)
		return len(rest) < 5
	})
	at, _ := slices.BinarySearch(want, from)
	first, ok := s.Min()
	if s.Len() != len(want) || !slices.Equal(all, want) || ok != (len(want) > 0) || ok && first != want[0] {
		t.Fatalf("set of %d %v, want %v", s.Len(), all, want)
	}
	if tail := want[at:]; !slices.Equal(rest, tail[:min(5, len(tail))]) {
		t.Fatalf("from %d: %v, want the beginning of %v", from, rest, tail)
	}
}
