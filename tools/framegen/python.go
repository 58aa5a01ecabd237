// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
)

// pythonEmitter writes the rows of the package patchbay.
type pythonEmitter struct {
	bytes.Buffer
	layout *layout
}

func (e *pythonEmitter) linef(text string, args ...any) { linef(e, text, args...) }

// emitPython returns the rows for Python: a named tuple for each, with the
// format by which struct takes it from a frame in one step.
func emitPython(l *layout) ([]byte, error) {
	e := &pythonEmitter{layout: l}
	e.WriteString(preamble("#"))
	e.linef("\n\"\"\"The rows of a frame.\n\nA span of rows is a pair of fields: NAME_at, the index of the first, and\nNAME_n, how many they are.\n\"\"\"\n")
	e.linef("from enum import IntEnum, IntFlag\nfrom struct import Struct\nfrom typing import NamedTuple\n")
	e.linef("LAYOUT = %d\n\"\"\"The version of the row layout that this package writes.\"\"\"\n", l.version)
	e.linef("\nclass Table(IntEnum):\n    \"\"\"Names a kind of rows: a section of a frame.\"\"\"\n")
	for _, t := range tablesOf(l) {
		e.linef("    %s = %d\n    \"\"\"%s\"\"\"", strings.ToUpper(t.name), t.number, sentence(t.doc))
	}
	for _, en := range l.enums {
		e.enum(en)
	}
	for _, r := range l.rows {
		e.row(r)
	}
	return e.Bytes(), nil
}

func (e *pythonEmitter) enum(en *enum) {
	base := "IntEnum"
	if en.flags {
		base = "IntFlag"
	}
	e.linef("\n\nclass %s(%s):\n    \"\"\"%s\"\"\"\n", en.name, base, sentence(en.doc))
	for _, v := range en.values {
		e.linef("    %s = %d\n    \"\"\"%s\"\"\"", strings.ToUpper(v.name), v.number, sentence(v.doc))
	}
}

func (e *pythonEmitter) row(r *row) {
	e.linef("\n\nclass %s(NamedTuple):\n    \"\"\"%s\"\"\"\n", plainCamel(r.name), sentence(r.doc))
	format := "<"
	for _, f := range r.fields {
		format += e.format(f)
		if f.name == "reserved" {
			continue
		}
		doc := fieldDoc(f)
		switch {
		case f.typ == "span":
			e.linef("    %s_at: int = 0\n    \"\"\"%s Where it begins.\"\"\"", f.name, doc)
			e.linef("    %s_n: int = 0\n    \"\"\"How many they are.\"\"\"", f.name)
			continue
		case e.layout.enum(f.typ) != nil:
			doc += " See " + f.typ + "."
		}
		e.linef("    %s: int = 0\n    \"\"\"%s\"\"\"", f.name, doc)
	}
	e.linef("")
	if !r.part() {
		e.linef("    TABLE = Table.%s  # type: ignore[misc]", strings.ToUpper(r.name))
	}
	e.linef("    SIZE = %d  # type: ignore[misc]", r.size)
	e.linef("    FORMAT = Struct(%q)  # type: ignore[misc]", format)
}

// pythonFormats are what struct calls the basic types.
var pythonFormats = map[string]string{
	"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "i64": "q", "word": "I", "span": "II",
}

func (e *pythonEmitter) format(f field) string {
	typ := f.typ
	if en := e.layout.enum(typ); en != nil {
		typ = en.base
	}
	if f.name == "reserved" {
		return strings.Repeat("x", basicSizes[typ])
	}
	return pythonFormats[typ]
}
