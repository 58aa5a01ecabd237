// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

// Span names N consecutive elements, from index At on, of a list that the
// field's doc names. It is valid only together with the turn it came in.
type Span struct {
	At, N uint32
}

// In reports whether the span lies within a list of the given length.
func (s Span) In(length int) bool {
	return s.end() <= uint64(length)
}

func (s Span) end() uint64 { return uint64(s.At) + uint64(s.N) }

// Of returns the elements of list that the span names. The result shares the
// list's memory. It panics if the span does not lie within the list; Decode
// lets no such turn through.
func Of[T any](list []T, s Span) []T {
	return list[s.At:s.end()]
}
