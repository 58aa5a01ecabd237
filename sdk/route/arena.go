// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import "math/bits"

// arena holds many short lists in one array, so that a board of a million
// rows is a handful of objects to the garbage collector. A list takes the next
// power of two of its length; what is dropped is used again for lists of the
// same size.
type arena[T any] struct {
	items []T
	free  [33][]uint32
}

// put stores a copy of list and returns its span. It takes over the place of
// the list at old, which is gone afterwards.
func (a *arena[T]) put(old Span, list []T) Span {
	if len(list) == 0 {
		a.drop(old)
		return Span{}
	}
	n := uint32(len(list))
	size := class(n)
	at := old.At
	if old.N == 0 || class(old.N) != size {
		a.drop(old)
		at = a.take(size)
	}
	copy(a.items[at:], list)
	return Span{At: at, N: n}
}

func (a *arena[T]) take(size int) uint32 {
	if free := a.free[size]; len(free) > 0 {
		at := free[len(free)-1]
		a.free[size] = free[:len(free)-1]
		return at
	}
	at := len(a.items)
	end := at + 1<<size
	if end > cap(a.items) {
		grown := make([]T, at, max(end, 2*cap(a.items)))
		copy(grown, a.items)
		a.items = grown
	}
	a.items = a.items[:end]
	return uint32(at)
}

// drop frees the list at s.
func (a *arena[T]) drop(s Span) {
	if s.N > 0 {
		size := class(s.N)
		a.free[size] = append(a.free[size], s.At)
	}
}

// of returns the list at s. It shares the arena's memory.
func (a *arena[T]) of(s Span) []T {
	return a.items[s.At : s.At+s.N : s.At+s.N]
}

// reset drops every list and keeps the memory.
func (a *arena[T]) reset() {
	a.items = a.items[:0]
	for i := range a.free {
		a.free[i] = a.free[i][:0]
	}
}

// class returns the exponent of the power of two that holds n, which is not 0.
func class(n uint32) int { return bits.Len32(n - 1) }
