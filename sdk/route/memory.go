// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import "unsafe"

// rowOf is a pointer to a row type or a part of the frame, with its portable
// writer and reader.
type rowOf[T any] interface {
	*T
	put([]byte)
	get([]byte)
}

// Where rows lie in memory as they do in a frame (rowsAreFrames), they are
// copied or looked at in place; elsewhere each field is turned around. A frame
// can be looked at where it begins at a multiple of 8, which it does unless
// somebody has cut it out of something else.

// aligned reports whether rows may be looked at where they lie in b.
func aligned(b []byte) bool {
	return rowsAreFrames && uintptr(unsafe.Pointer(unsafe.SliceData(b)))&7 == 0
}

// memory returns the bytes of rows as they lie in memory.
func memory[T any](rows []T) []byte {
	var row T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(rows))), len(rows)*int(unsafe.Sizeof(row)))
}

// look returns n rows where they lie in b, which must be aligned and hold them.
func look[T any](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// headerOf returns the header where it lies in b, or a copy in spare.
func headerOf(b []byte, spare *header) *header {
	if len(b) >= headerSize && aligned(b) {
		return (*header)(unsafe.Pointer(unsafe.SliceData(b)))
	}
	spare.get(b)
	return spare
}

// writeRows writes rows one after the other into out, which has just the room.
func writeRows[T any, P rowOf[T]](out []byte, rows []T) {
	if rowsAreFrames {
		copy(out, memory(rows))
		return
	}
	putAll[T, P](out, rows)
}

// putAll is the portable way.
func putAll[T any, P rowOf[T]](out []byte, rows []T) {
	var row T
	size := int(unsafe.Sizeof(row))
	for i := range rows {
		P(&rows[i]).put(out[i*size : (i+1)*size])
	}
}

// readRows reads rows that stand stride bytes apart in body, which may be more
// than a row is long.
func readRows[T any, P rowOf[T]](rows []T, body []byte, stride int) {
	var row T
	size := int(unsafe.Sizeof(row))
	switch {
	case !rowsAreFrames:
		getAll[T, P](rows, body, stride)
	case stride == size:
		copy(memory(rows), body)
	default:
		out := memory(rows)
		for i := range rows {
			copy(out[i*size:(i+1)*size], body[i*stride:])
		}
	}
}

// getAll is the portable way.
func getAll[T any, P rowOf[T]](rows []T, body []byte, stride int) {
	for i := range rows {
		P(&rows[i]).get(body[i*stride:])
	}
}

// resize returns a slice of n elements in dst's memory if there is room.
func resize[T any](dst []T, n int) []T {
	if cap(dst) < n {
		return make([]T, n, n+n/4)
	}
	return dst[:n]
}
