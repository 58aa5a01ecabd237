// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package interrupt

import (
	"bytes"
	"slices"
	"testing"
)

// TestInstrumentReadsEveryInstruction: what follows an instruction is not taken
// for a loop, though it looks like one, and the loop after it is found.
func TestInstrumentReadsEveryInstruction(t *testing.T) {
	t.Parallel()
	const mark, bulk = 0xaa, 0xbb
	write := func(cost int32, moves bool) []byte {
		if moves {
			return []byte{bulk, byte(cost)}
		}
		return []byte{mark, byte(cost)}
	}
	moves := []string{
		"memory.init", "memory.copy", "memory.fill", "table.init", "table.copy", "table.grow", "table.fill",
	}
	loop := []byte{opLoop, blockEmpty, opEnd, opEnd}
	lane16 := bytes.Repeat([]byte{3}, 16)
	for name, code := range map[string][]byte{
		"block of a type":  {opBlock, 0x83, 0},
		"br":               {opBranch, 3},
		"br_if":            {opBranchIf, 0x83, 3},
		"br_table":         {opBranchTable, 3, 3, 3, 3, 3},
		"select of types":  {opSelectTyped, 3, 3, 3, 3},
		"local.get":        {opLocalGet, 3},
		"local.set":        {0x21, 3},
		"local.tee":        {opLocalTee, 3},
		"global.get":       {opGlobalGet, 3},
		"global.set":       {opGlobalSet, 3},
		"table.get":        {0x25, 3},
		"table.set":        {opTableSet, 3},
		"i32.load":         {opI32Load, 3, 3},
		"i64.store32":      {opI64Store32, 3, 0x83, 3},
		"memory.size":      {opMemorySize, 3},
		"memory.grow":      {opMemoryGrow, 3},
		"i32.const":        {opI32Const, 0xff, 0xff, 0xff, 0xff, 3},
		"i64.const":        {opI64Const, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 0x83, 3},
		"f32.const":        {opF32Const, 3, 3, 3, 3},
		"f64.const":        {opF64Const, 3, 3, 3, 3, 3, 3, 3, 3},
		"i64.extend32_s":   {opI64Extend32},
		"ref.null":         {opRefNull, 3},
		"ref.is_null":      {opRefIsNull},
		"ref.func":         {opRefFunc, 3},
		"i32.trunc_sat":    {opMisc, 3},
		"memory.init":      {opMisc, 8, 3, 3},
		"data.drop":        {opMisc, 9, 3},
		"memory.copy":      {opMisc, 10, 3, 3},
		"memory.fill":      {opMisc, 11, 3},
		"table.init":       {opMisc, 12, 3, 3},
		"elem.drop":        {opMisc, 13, 3},
		"table.copy":       {opMisc, 14, 3, 3},
		"table.grow":       {opMisc, 15, 3},
		"table.size":       {opMisc, 16, 3},
		"table.fill":       {opMisc, 17, 3},
		"v128.load":        {opVector, 0, 3, 3},
		"v128.store":       {opVector, 11, 3, 3},
		"v128.const":       slices.Concat([]byte{opVector, 12}, lane16),
		"i8x16.shuffle":    slices.Concat([]byte{opVector, 13}, lane16),
		"i8x16.swizzle":    {opVector, 14},
		"i8x16.extract":    {opVector, 21, 3},
		"f64x2.replace":    {opVector, 34, 3},
		"i8x16.eq":         {opVector, 35},
		"v128.load8_lane":  {opVector, 84, 3, 3, 3},
		"v128.store64lane": {opVector, 91, 3, 3, 3},
		"v128.load32_zero": {opVector, 92, 3, 3},
		"v128.load64_zero": {opVector, 93, 3, 3},
		"f32x4.demote":     {opVector, 94},
		"f64x2.convert":    {opVector, 0xff, 1},
	} {
		locals := []byte{1, 3, typeI32}
		var before []byte
		if slices.Contains(moves, name) {
			before = []byte{bulk, 1}
		}
		got, err := instrument(slices.Concat(locals, code, loop), 4, write)
		want := slices.Concat(locals, before, code, loop[:2], []byte{mark, 1}, loop[2:])
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: % x, %v, want % x", name, got, err, want)
		}
	}
	for name, code := range map[string][]byte{"call": {opCall, 3}, "call_indirect": {opCallIndirect, 3, 3}} {
		got, err := instrument(slices.Concat([]byte{0}, code, []byte{opEnd}), 0, write)
		if want := slices.Concat([]byte{0}, []byte{mark, 1}, code, []byte{opEnd}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: % x, %v, want % x", name, got, err, want)
		}
	}
	// What is long has a stop though it calls nothing, and stops cost more in it.
	for length, want := range map[int][]byte{leaf: nil, 3 * bytesPerCost: {mark, 4}} {
		code := append(bytes.Repeat([]byte{1}, length-1), opEnd)
		got, err := instrument(slices.Concat([]byte{0}, code), 0, write)
		if want := slices.Concat([]byte{0}, want, code); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: % x, %v", length, got, err)
		}
	}
}
