// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package interrupt

import (
	"fmt"
	"slices"
)

// Instructions that are written here, or that carry something after their
// number.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opEnd          = 0x0b
	opBranch       = 0x0c
	opBranchIf     = 0x0d
	opBranchTable  = 0x0e
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opI32Load      = 0x28
	opI64Store32   = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32Sub       = 0x6b
	opI64Extend32  = 0xc4
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVector       = 0xfd

	blockEmpty = 0x40
)

// stops puts stops into all code.
func (m *module) stops(left, patrol uint32) error {
	r := &reader{b: m.sections[sectionCode]}
	n := r.count()
	mark := stop(left, patrol)
	out := slices.Grow(number(n), 2*len(r.b))
	for i := range n {
		body, err := instrument(r.take(r.u32()), mark)
		if r.err != nil {
			return r.err
		}
		if err != nil {
			return fmt.Errorf("function %d of its code: %w", i, err)
		}
		out = append(append(out, number(uint32(len(body)))...), body...)
	}
	if m.sections[sectionCode] != nil {
		m.sections[sectionCode] = out
	}
	return nil
}

// instrument returns a function's body with the mark at the head of each loop,
// and at its entry if it calls others.
func instrument(body, mark []byte) ([]byte, error) {
	r := &reader{b: body}
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		r.u32()
		r.byte()
	}
	locals, code := body[:len(body)-len(r.b)], r.b
	var heads []int // offsets into code
	calls := false
	for len(r.b) > 0 && r.err == nil {
		op := r.byte()
		r.operands(op)
		switch op {
		case opLoop:
			heads = append(heads, len(code)-len(r.b))
		case opCall, opCallIndirect:
			calls = true
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if calls {
		heads = slices.Insert(heads, 0, 0)
	}
	out := make([]byte, 0, len(body)+len(heads)*len(mark))
	out = append(out, locals...)
	at := 0
	for _, head := range heads {
		out = append(append(out, code[at:head]...), mark...)
		at = head
	}
	return append(out, code[at:]...), nil
}

const (
	leb32 = 5 // the bytes that a number of so many bits may have
	leb33 = 5
	leb64 = 10
)

// operands passes what follows the number of an instruction.
func (r *reader) operands(op byte) {
	switch {
	case op == opBlock || op == opLoop || op == opIf:
		r.skip(leb33)
	case op == opBranch || op == opBranchIf || op == opCall || op == opRefFunc,
		op >= opLocalGet && op <= opLocalTee, op >= opGlobalGet && op <= opTableSet:
		r.u32()
	case op == opBranchTable:
		for n := uint64(r.u32()) + 1; n > 0 && r.err == nil; n-- {
			r.u32()
		}
	case op == opCallIndirect:
		r.u32()
		r.u32()
	case op == opSelectTyped:
		r.take(r.u32())
	case op >= opI32Load && op <= opI64Store32:
		r.u32()
		r.u32()
	case op == opMemorySize || op == opMemoryGrow || op == opRefNull:
		r.byte()
	case op == opI32Const:
		r.skip(leb32)
	case op == opI64Const:
		r.skip(leb64)
	case op == opF32Const:
		r.take(4)
	case op == opF64Const:
		r.take(8)
	case op == opMisc:
		r.misc(r.u32())
	case op == opVector:
		r.vector(r.u32())
	case op > opI64Extend32 && op != opRefIsNull:
		r.fail(fmt.Errorf("there is an instruction of number %#x", op))
	}
}

// misc passes what follows an instruction of those that came with saturating
// conversions, bulk memory and reference types.
func (r *reader) misc(op uint32) {
	const (
		saturating = 7 // up to this they have nothing
		memoryInit = 8
		dataDrop   = 9
		memoryCopy = 10
		memoryFill = 11
		tableInit  = 12
		elemDrop   = 13
		tableCopy  = 14
		tableFill  = 17
	)
	switch {
	case op <= saturating:
	case op == memoryInit || op == memoryCopy || op == tableInit || op == tableCopy:
		r.u32()
		r.u32()
	case op == dataDrop || op == memoryFill || op == elemDrop || op > tableCopy && op <= tableFill:
		r.u32()
	default:
		r.fail(fmt.Errorf("there is an instruction of number %#x %d", opMisc, op))
	}
}

// vector passes what follows an instruction on vectors.
func (r *reader) vector(op uint32) {
	const (
		lastAccess     = 11 // loads and stores come first
		constant       = 12
		shuffle        = 13
		extractFirst   = 21
		replaceLast    = 34
		laneFirst      = 84 // loads and stores of one lane
		laneLast       = 91
		loadZeroFirst  = 92
		loadZeroLast   = 93
		last           = 255
		constantLength = 16
	)
	switch {
	case op <= lastAccess, op >= loadZeroFirst && op <= loadZeroLast:
		r.u32()
		r.u32()
	case op == constant || op == shuffle:
		r.take(constantLength)
	case op >= extractFirst && op <= replaceLast:
		r.byte()
	case op >= laneFirst && op <= laneLast:
		r.u32()
		r.u32()
		r.byte()
	case op > last:
		r.fail(fmt.Errorf("there is an instruction of number %#x %d", opVector, op))
	}
}
