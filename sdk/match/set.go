// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"

	"github.com/tidwall/btree"
)

// fewMembers is up to how many members a set is a plain sorted list, which
// takes no memory anew when members come and go. With more it is a tree.
const fewMembers = 64

// set is an ordered set. Most sets of an index are small at any time, some are
// very large. No two members may be equal by less.
type set[T any] struct {
	less func(a, b T) bool
	few  []T
	tree *btree.BTreeG[T] // nil while the set is a list
}

func newSet[T any](less func(a, b T) bool) *set[T] { return &set[T]{less: less} }

func (s *set[T]) Len() int {
	if s.tree != nil {
		return s.tree.Len()
	}
	return len(s.few)
}

// search returns the index in few of the first member that is not less than v.
func (s *set[T]) search(v T) int {
	low, high := 0, len(s.few)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if s.less(s.few[middle], v) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// Add adds a member that is not in the set.
func (s *set[T]) Add(v T) {
	if s.grow(); s.tree != nil {
		s.tree.Set(v)
		return
	}
	s.few = slices.Insert(s.few, s.search(v), v)
}

// Append is Add, and quicker if no member comes after v.
func (s *set[T]) Append(v T) {
	if s.grow(); s.tree != nil {
		s.tree.Load(v)
		return
	}
	if n := len(s.few); n == 0 || s.less(s.few[n-1], v) {
		s.few = append(s.few, v)
		return
	}
	s.Add(v)
}

// grow makes room for a member.
func (s *set[T]) grow() {
	if s.tree != nil || len(s.few) < fewMembers {
		return
	}
	s.tree = btree.NewBTreeGOptions(s.less, btree.Options{NoLocks: true, Degree: 16})
	for _, member := range s.few {
		s.tree.Load(member)
	}
	clear(s.few)
	s.few = s.few[:0]
}

// Remove removes a member, if it is in the set.
func (s *set[T]) Remove(v T) {
	if s.tree != nil {
		if s.tree.Delete(v); s.tree.Len() == 0 {
			s.tree = nil
		}
		return
	}
	if at := s.search(v); at < len(s.few) && !s.less(v, s.few[at]) {
		s.few = slices.Delete(s.few, at, at+1)
	}
}

// Min returns the first member.
func (s *set[T]) Min() (first T, ok bool) {
	if s.tree != nil {
		return s.tree.Min()
	}
	if len(s.few) > 0 {
		return s.few[0], true
	}
	return first, false
}

// Scan calls do for each member in order until it returns false. It must not
// change the set.
func (s *set[T]) Scan(do func(T) bool) {
	if s.tree != nil {
		s.tree.Scan(do)
		return
	}
	for _, member := range s.few {
		if !do(member) {
			return
		}
	}
}

// From is Scan from the first member on that is not less than v.
func (s *set[T]) From(v T, do func(T) bool) {
	if s.tree != nil {
		s.tree.Ascend(v, do)
		return
	}
	for _, member := range s.few[s.search(v):] {
		if !do(member) {
			return
		}
	}
}
