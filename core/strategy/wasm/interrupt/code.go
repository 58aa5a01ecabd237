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
	opTableSet     = 0x26
	opI32Load      = 0x28
	opI64Store32   = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32LeS       = 0x4c
	opI32Sub       = 0x6b
	opI32ShrU      = 0x76
	opI64Extend32  = 0xc4
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVector       = 0xfd

	blockEmpty = 0x40
)

// What a stop costs, of a slice: one, and one more for so many bytes of the
// function that it is in, for that is how much may run until the next. What moves
// memory or tables costs one more for so many bytes or entries.
const (
	bytesPerCost = 256
	bulkShift    = 10
)

// leaf is how many bytes the code of a function without loops and calls may have
// that has no stop.
const leaf = 256

// maxLocals is how many locals a function may have.
const maxLocals = 50_000

// stops puts stops into all code.
func (m *module) stops(left, size, patrol uint32) error {
	r := &reader{b: m.sections[sectionCode]}
	n := r.count()
	out := slices.Grow(number(n), 2*len(r.b))
	write := func(cost int32, bulk bool) []byte { return stop(left, size, patrol, cost, bulk) }
	for i := range n {
		body, err := instrument(r.take(r.u32()), m.globals, write)
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

// place is where a stop goes: an offset into code, and whether what follows there
// moves memory or tables.
type place struct {
	at   int
	bulk bool
}

// instrument returns a function's body with stops, as they are written for what
// they cost: at the head of each loop, before whatever moves memory or tables,
// and at its entry if it calls others or is long. It may use so many globals.
func instrument(body []byte, globals uint32, write func(cost int32, bulk bool) []byte) ([]byte, error) {
	r := &reader{b: body, globals: globals}
	most := uint32(maxLocals)
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		some := r.u32()
		if some > most {
			r.fail(errMany)
		}
		most -= some
		r.valueType()
	}
	locals, code := body[:len(body)-len(r.b)], r.b
	places := r.places()
	if r.err != nil {
		return nil, r.err
	}
	cost := int32(min(1+len(code)/bytesPerCost, slice))
	out := make([]byte, 0, len(body)+2*len(places)*len(write(cost, false)))
	out = append(out, locals...)
	at := 0
	for _, p := range places {
		out = append(append(out, code[at:p.at]...), write(cost, p.bulk)...)
		at = p.at
	}
	return append(out, code[at:]...), nil
}

// places reads code to its end, and says where its stops go.
func (r *reader) places() (places []place) {
	all := len(r.b)
	entry := all > leaf
	for len(r.b) > 0 && r.err == nil {
		at := all - len(r.b)
		op := r.byte()
		bulk := r.operands(op)
		switch {
		case bulk:
			places = append(places, place{at: at, bulk: true})
		case op == opLoop:
			places = append(places, place{at: all - len(r.b)})
		case op == opCall || op == opCallIndirect:
			entry = true
		}
	}
	if entry {
		places = slices.Insert(places, 0, place{})
	}
	return places
}

const (
	leb32 = 5 // the bytes that a number of so many bits may have
	leb64 = 10
)

// operands passes what follows the number of an instruction, and reports whether
// that moves memory or tables.
func (r *reader) operands(op byte) (bulk bool) {
	switch {
	case op == opBlock || op == opLoop || op == opIf:
		r.blockType()
	case op == opGlobalGet || op == opGlobalSet:
		if r.u32() >= r.globals && r.err == nil {
			r.fail(errGlobal) // or it would be one of those that are put in
		}
	case op == opBranch || op == opBranchIf || op == opCall || op == opRefFunc,
		op >= opLocalGet && op <= opTableSet:
		r.u32()
	case op == opBranchTable:
		for n := uint64(r.u32()) + 1; n > 0 && r.err == nil; n-- {
			r.u32()
		}
	case op == opCallIndirect:
		r.u32()
		r.u32()
	case op == opSelectTyped:
		for n := r.u32(); n > 0 && r.err == nil; n-- {
			r.valueType()
		}
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
		return r.misc(r.extended())
	case op == opVector:
		r.vector(r.extended())
	case op > opI64Extend32 && op != opRefIsNull:
		r.fail(fmt.Errorf("there is an instruction of number %#x", op))
	}
	return false
}

// extended reads the second number of an instruction. It has to be of the
// shortest form: there are compilers that read a single byte of it.
func (r *reader) extended() uint32 {
	before := len(r.b)
	n := r.u32()
	if r.err == nil && before-len(r.b) != len(number(n)) {
		r.fail(errForm)
	}
	return n
}

// misc passes what follows an instruction of those that came with saturating
// conversions, bulk memory and reference types, and reports whether it moves
// memory or tables.
func (r *reader) misc(op uint32) (bulk bool) {
	const (
		saturating = 7 // up to this they have nothing
		memoryInit = 8
		dataDrop   = 9
		memoryCopy = 10
		memoryFill = 11
		tableInit  = 12
		elemDrop   = 13
		tableCopy  = 14
		tableGrow  = 15
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
	switch op {
	case memoryInit, memoryCopy, memoryFill, tableInit, tableCopy, tableGrow, tableFill:
		return true // how much is the last of what they take
	default:
		return false
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
