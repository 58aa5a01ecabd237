// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A WebAssembly module as its specification has it (version 1, section 5.5):
// magic, version, then sections of an id, a length and content.
const (
	magic         = "\x00asm"
	version       = "\x01\x00\x00\x00"
	sectionImport = 2
	sectionExport = 7
)

// Module is the outside of a WebAssembly module.
type Module struct {
	// Imports is what it takes from its host, in the module's order.
	Imports []Extern `json:"imports"`
	// Exports is what it gives to its host, in the module's order.
	Exports []Extern `json:"exports"`
}

// Extern is one thing that a module imports or exports.
type Extern struct {
	// Module is the module it is imported from; empty for an export.
	Module string `json:"module,omitempty"`
	// Name is its name.
	Name string `json:"name"`
	// Kind is "func", "table", "memory", "global" or "tag".
	Kind string `json:"kind"`
}

// String returns the name, after that of the module if it is an import.
func (e Extern) String() string {
	if e.Module == "" {
		return e.Name
	}
	return e.Module + "." + e.Name
}

// ReadModule reads what a WebAssembly module imports and exports. It does not
// check the rest of the module, and fails if the sections are not in order.
func ReadModule(code []byte) (*Module, error) {
	r := &reader{rest: code}
	if got := r.take(8); r.err == nil && string(got) != magic+version {
		return nil, fmt.Errorf("kit: read a module: it begins with % x; a module of version 1 begins with % x", got, magic+version)
	}
	m := &Module{Imports: []Extern{}, Exports: []Extern{}}
	for r.err == nil && len(r.rest) > 0 {
		id := r.byte()
		section := &reader{rest: r.take(r.number()), err: r.err}
		switch id {
		case sectionImport:
			m.Imports = append(m.Imports, section.externs((*reader).imported)...)
		case sectionExport:
			m.Exports = append(m.Exports, section.externs((*reader).exported)...)
		}
		r.err = section.err
	}
	if r.err != nil {
		return nil, fmt.Errorf("kit: read a module: %w", r.err)
	}
	return m, nil
}

// reader takes a module apart. After the first error it returns zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(text string) {
	if r.err == nil {
		r.err = errors.New(text)
	}
	r.rest = nil
}

func (r *reader) take(n uint64) []byte {
	if uint64(len(r.rest)) < n {
		r.fail("it ends too early")
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// number reads an unsigned number in LEB128. Memories of 64 bits have limits
// that need them all.
func (r *reader) number() uint64 {
	value, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("a number does not end")
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reader) name() string {
	name := r.take(r.number())
	if !utf8.Valid(name) {
		r.fail("a name is not in UTF-8")
		return ""
	}
	return string(name)
}

// externs reads a vector. It trusts no count: each element takes bytes.
func (r *reader) externs(one func(*reader) Extern) []Extern {
	var list []Extern
	for n := r.number(); n > 0; n-- {
		e := one(r)
		if r.err != nil {
			return nil
		}
		list = append(list, e)
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("a section is longer than what it holds")
	}
	return list
}

func (r *reader) imported() Extern {
	e := Extern{Module: r.name(), Name: r.name()}
	kind := r.byte()
	e.Kind = r.kind(kind)
	switch kind {
	case 0: // index of its type
		r.number()
	case 1: // type of the elements, limits
		r.byte()
		r.limits()
	case 2:
		r.limits()
	case 3: // type, whether it may change
		r.take(2)
	case 4: // attribute, index of its type
		r.byte()
		r.number()
	}
	return e
}

func (r *reader) exported() Extern {
	e := Extern{Name: r.name()}
	e.Kind = r.kind(r.byte())
	r.number()
	return e
}

// limits reads the least and, if there is one, the most.
func (r *reader) limits() {
	if flags := r.byte(); flags&1 != 0 {
		r.number()
	}
	r.number()
}

func (r *reader) kind(k byte) string {
	kinds := [...]string{"func", "table", "memory", "global", "tag"}
	if int(k) >= len(kinds) {
		r.fail(fmt.Sprintf("there is no kind %d of imports and exports", k))
		return ""
	}
	return kinds[k]
}
