// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

// Digest is a running fingerprint of the rows on a board. Host and strategy
// each keep one and compare them now and then, which catches boards that have
// drifted apart. The zero Digest is that of an empty board.
//
// It is the exclusive or of a mix of each row's table, ref, generation and
// version, so it does not depend on the order in which rows came.
type Digest uint64

// Toggle puts a row in, or takes it out if it is in. For work, version is its
// revision.
func (d *Digest) Toggle(table Table, ref, gen, version uint32) {
	tail := uint64(table)<<32 | uint64(version)
	*d ^= Digest(scramble((uint64(ref)<<32 | uint64(gen)) ^ scramble(tail)))
}

// Sum folds the digest to what a frame carries. Boards with rows may fold to
// 0, which a turn does not compare; that loses one comparison in four billion.
func (d Digest) Sum() uint32 { return uint32(d>>32) ^ uint32(d) }

// scramble is the finalizer of the splitmix64 generator.
func scramble(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
