// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"iter"
	"math/bits"
)

// MaxRef is the highest ref a row on a board may have. Hosts give out
// free slots again, so that refs stay below the most rows there have been.
const MaxRef = 1<<24 - 1

// slots holds the rows of one table by their ref.
type slots[T any] struct {
	rows []T
	live []uint64 // one bit per ref
	n    int
}

// get returns the row at ref, or nil.
func (s *slots[T]) get(ref uint32) *T {
	word := int(ref >> 6)
	if word >= len(s.live) || s.live[word]&(1<<(ref&63)) == 0 {
		return nil
	}
	return &s.rows[ref]
}

// use returns the row at ref, which becomes live. It is zero if it was not.
func (s *slots[T]) use(ref uint32) *T {
	for int(ref>>6) >= len(s.live) {
		s.live = append(s.live, 0)
	}
	if need := int(ref) + 1; need > len(s.rows) {
		if need > cap(s.rows) {
			grown := make([]T, len(s.rows), max(need, 2*cap(s.rows)))
			copy(grown, s.rows)
			s.rows = grown
		}
		s.rows = s.rows[:need]
	}
	if bit := uint64(1) << (ref & 63); s.live[ref>>6]&bit == 0 {
		s.live[ref>>6] |= bit
		s.n++
		var zero T
		s.rows[ref] = zero
	}
	return &s.rows[ref]
}

// remove frees the slot at ref, which must be live.
func (s *slots[T]) remove(ref uint32) {
	s.live[ref>>6] &^= 1 << (ref & 63)
	s.n--
}

// all yields the live rows in the order of their refs.
func (s *slots[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i, live := range s.live {
			for ; live != 0; live &= live - 1 {
				if !yield(&s.rows[i<<6|bits.TrailingZeros64(live)]) {
					return
				}
			}
		}
	}
}

// reset frees every slot and keeps the memory.
func (s *slots[T]) reset() {
	clear(s.live)
	s.rows = s.rows[:0]
	s.live = s.live[:0]
	s.n = 0
}
