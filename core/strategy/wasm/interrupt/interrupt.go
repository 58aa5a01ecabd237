// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package interrupt makes WebAssembly modules that can be stopped while they
// run, and that let the host's garbage collector do its work meanwhile.
//
// Compiled guest code has no point at which a Go program could hold it. Prepare
// puts such points in: at the head of every loop, before whatever moves memory,
// and at the entry of every function that calls others or is long, a counter goes
// down, by more the more may run until the next; when it is used up, the guest
// leaves for the host for a moment, and ends with a trap if it was told to. The
// counter costs about a nanosecond, where wazero's own way, which leaves for the
// host at each of these points, costs fifty.
//
// It also bounds what the host keeps for a guest besides its memory: tables.
//
// The package knows the binary format of modules, and no runtime.
package interrupt

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

const (
	// Export is the name of a mutable i32 global of a prepared module. A guest
	// whose global is not zero traps at its next stop, which it comes to within
	// a fraction of a millisecond.
	Export = "patchbay.interrupt"
	// ExportStart is the name under which a prepared module exports the function
	// that it would have started with. It is to be called before any other. A
	// module without a start function has no such export.
	ExportStart = "patchbay.start"

	// slice is how much a guest may spend on loops and calls before it stops by.
	slice = 10_000
)

// ErrTaken says that a module exports a name that Prepare gives.
var ErrTaken = errors.New("interrupt: the module uses a name of the host's for an export of its own")

// Sections of a module, by their numbers.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionTable    = 4
	sectionMemory   = 5
	sectionGlobal   = 6
	sectionExport   = 7
	sectionStart    = 8
	sectionElement  = 9
	sectionCode     = 10
	sectionData     = 11
	sectionCount    = 12
)

// order is that in which sections come: numbers are not quite in it.
var order = [...]byte{
	sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory, sectionGlobal, sectionExport, sectionStart,
	sectionElement, sectionCount, sectionCode, sectionData,
}

// Prepare returns the module with stops put in, and tables that cannot grow beyond
// a million entries in all. Everything else is as it was,
// and so are the numbers of its functions, globals and types: what is new comes
// after them. The code is not changed. An error says where the module is not
// what a module should be, or is ErrTaken.
func Prepare(code []byte) ([]byte, error) {
	m, err := parse(code)
	if err != nil {
		return nil, fmt.Errorf("interrupt: %w", err)
	}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	return m.bytes(), nil
}

// header is how a module begins: its magic, and version 1.
const header = "\x00asm\x01\x00\x00\x00"

// module is one taken apart, as far as that is needed.
type module struct {
	sections [sectionCount + 1][]byte
	custom   [][]byte // sections of names and the like, which come last

	types, functions, globals uint32 // how many there are; functions and globals with those imported
	memory                    bool   // it has one, of its own or imported
}

func parse(code []byte) (*module, error) {
	r := &reader{b: code}
	if string(r.take(uint32(len(header)))) != header {
		return nil, errors.New("it is not a WebAssembly module of version 1")
	}
	m := &module{}
	for len(r.b) > 0 && r.err == nil {
		id := r.byte()
		body := r.take(r.u32())
		switch {
		case r.err != nil:
		case id == sectionCustom:
			m.custom = append(m.custom, body)
		case int(id) >= len(m.sections):
			return nil, fmt.Errorf("it has a section of number %d", id)
		case len(body) == 0:
			return nil, errShort
		case id != sectionStart && id != sectionCount && !listed(body):
			return nil, errMany
		case m.sections[id] != nil:
			return nil, fmt.Errorf("it has two sections of number %d", id)
		default:
			m.sections[id] = body
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, m.count()
}

// listed reports whether a section says how many entries it has, and has the bytes
// for them.
func listed(section []byte) bool {
	r := &reader{b: section}
	r.count()
	return r.err == nil
}

// count finds out how many types, functions and globals there are.
func (m *module) count() error {
	r := &reader{b: m.sections[sectionImport]}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		r.take(r.u32())
		r.take(r.u32())
		switch kind := r.byte(); kind {
		case kindFunction:
			r.u32()
			m.functions++
		case kindTable:
			r.valueType()
			r.limits()
		case kindMemory:
			r.limits()
			m.memory = true
		case kindGlobal:
			r.valueType()
			r.byte()
			m.globals++
		default:
			return fmt.Errorf("it imports something of kind %d", kind)
		}
	}
	for _, part := range []struct {
		section int
		count   *uint32
		entry   func(*reader)
	}{
		{sectionType, &m.types, (*reader).functionType},
		{sectionFunction, &m.functions, func(r *reader) { r.u32() }},
		{sectionGlobal, &m.globals, (*reader).global},
	} {
		// What is put in comes after the last entry: nothing else may.
		s := &reader{b: m.sections[part.section], globals: math.MaxUint32}
		n := s.count()
		*part.count += n
		for ; n > 0 && s.err == nil; n-- {
			part.entry(s)
		}
		s.end()
		r.err = errors.Join(r.err, s.err)
	}
	m.memory = m.memory || m.sections[sectionMemory] != nil
	return r.err
}

// Kinds of what is imported and exported.
const (
	kindFunction = iota
	kindTable
	kindMemory
	kindGlobal
)

const (
	typeI32      = 0x7f
	typeFunction = 0x60
	mutable      = 1
)

func (m *module) prepare() error {
	start := m.sections[sectionStart]
	if err := m.free(); err != nil {
		return err
	}
	left, told, size, patrol, kind := m.globals, m.globals+1, m.globals+2, m.functions, m.types
	if err := m.bound(); err != nil {
		return fmt.Errorf("interrupt: %w", err)
	}
	if err := m.stops(left, size, patrol); err != nil {
		return fmt.Errorf("interrupt: %w", err)
	}
	m.grow(sectionType, []byte{typeFunction, 0, 0})
	m.grow(sectionFunction, number(kind))
	m.grow(sectionGlobal, global(slice), global(0), global(0))
	m.grow(sectionCode, function(m.patrolling(left, told)))
	m.grow(sectionExport, export(Export, kindGlobal, told))
	if start != nil {
		r := &reader{b: start}
		m.grow(sectionExport, export(ExportStart, kindFunction, r.u32()))
		if r.err != nil {
			return fmt.Errorf("interrupt: %w", r.err)
		}
		m.sections[sectionStart] = nil
	}
	return nil
}

// free returns ErrTaken if the module uses a name that is given out here.
func (m *module) free() error {
	r := &reader{b: m.sections[sectionExport]}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		name := string(r.take(r.u32()))
		r.byte()
		r.u32()
		if name == Export || name == ExportStart {
			return fmt.Errorf("%w: %s", ErrTaken, name)
		}
	}
	r.end()
	if r.err != nil {
		return fmt.Errorf("interrupt: %w", r.err)
	}
	return nil
}

// patrolling is the body of the function that is called when the counter is
// used up. Memory that grows by nothing is a visit to the host that changes
// nothing.
func (m *module) patrolling(left, told uint32) []byte {
	var visit []byte
	if m.memory {
		visit = []byte{opI32Const, 0, opMemoryGrow, 0, opDrop}
	}
	return slices.Concat(
		visit, []byte{opGlobalGet}, number(told), []byte{opIf, blockEmpty, opUnreachable, opEnd},
		[]byte{opI32Const}, signed(slice), []byte{opGlobalSet}, number(left),
		[]byte{opEnd},
	)
}

// stop counts down by the cost, and sees to it when the counter is used up. Bulk
// says that what follows takes how much it moves off the stack, which counts too.
func stop(left, size, patrol uint32, cost int32, bulk bool) []byte {
	var taken, amount, back []byte
	if bulk {
		get := slices.Concat([]byte{opGlobalGet}, number(size))
		taken = slices.Concat([]byte{opGlobalSet}, number(size))
		amount = slices.Concat(get, []byte{opI32Const}, signed(bulkShift), []byte{opI32ShrU, opI32Sub})
		back = get
	}
	return slices.Concat(
		taken, []byte{opGlobalGet}, number(left), []byte{opI32Const}, signed(cost), []byte{opI32Sub}, amount, []byte{opGlobalSet}, number(left),
		[]byte{opGlobalGet}, number(left), []byte{opI32Const, 0, opI32LeS, opIf, blockEmpty, opCall}, number(patrol), []byte{opEnd}, back,
	)
}

// grow puts entries at the end of a section that is a list.
func (m *module) grow(section int, entries ...[]byte) {
	r := &reader{b: m.sections[section]}
	n := r.count()
	m.sections[section] = slices.Concat(number(n+uint32(len(entries))), r.b, slices.Concat(entries...))
}

// functionType passes an entry of the type section.
func (r *reader) functionType() {
	if r.byte() != typeFunction && r.err == nil {
		r.fail(errForm)
	}
	for range 2 { // parameters and results
		for n := r.u32(); n > 0 && r.err == nil; n-- {
			r.valueType()
		}
	}
}

// global passes an entry of the global section.
func (r *reader) global() {
	r.valueType()
	r.byte()
	for op := byte(opUnreachable); op != opEnd && r.err == nil; {
		op = r.byte()
		r.operands(op)
	}
}

func (m *module) bytes() []byte {
	out := []byte(header)
	put := func(id byte, body []byte) {
		out = append(append(append(out, id), number(uint32(len(body)))...), body...)
	}
	for _, id := range order {
		if m.sections[id] != nil {
			put(id, m.sections[id])
		}
	}
	for _, body := range m.custom {
		put(sectionCustom, body)
	}
	return out
}

func global(value int32) []byte {
	return slices.Concat([]byte{typeI32, mutable, opI32Const}, signed(value), []byte{opEnd})
}

func export(name string, kind byte, index uint32) []byte {
	return slices.Concat(number(uint32(len(name))), []byte(name), []byte{kind}, number(index))
}

// function is an entry of the code section without locals.
func function(body []byte) []byte {
	return slices.Concat(number(uint32(len(body)+1)), []byte{0}, body)
}
