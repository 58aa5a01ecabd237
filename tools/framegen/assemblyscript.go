// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// asEmitter writes the rows of the AssemblyScript package.
type asEmitter struct {
	bytes.Buffer
	layout *layout
}

func (e *asEmitter) linef(text string, args ...any) { linef(e, text, args...) }

// emitAssemblyScript returns the rows for AssemblyScript: unmanaged classes
// that lie in memory as the rows lie in a frame, which the compiler holds.
func emitAssemblyScript(l *layout) ([]byte, error) {
	e := &asEmitter{layout: l}
	e.WriteString(preamble("//"))
	e.linef("\n// The rows of a frame.\n")
	e.linef("/** The version of the row layout that this package writes. */\nexport const LAYOUT: u8 = %d;\n", l.version)
	e.linef("/** A run of n rows, from the row at index at of a section of the same frame. */")
	e.linef("@unmanaged export class Span {\n  at: u32;\n  n: u32;\n}\n")
	e.tables()
	for _, en := range l.enums {
		e.enum(en)
	}
	for _, r := range l.rows {
		e.row(r)
	}
	e.checks()
	e.spans()
	return e.Bytes(), nil
}

func (e *asEmitter) tables() {
	e.linef("/** The numbers of the tables, which name the sections of a frame. */\nexport namespace Table {")
	for _, t := range tablesOf(e.layout) {
		e.linef("  /** %s */\n  export const %s: u16 = %d;", sentence(t.doc), strings.ToUpper(t.name), t.number)
	}
	e.linef("}\n\n/** One more than the highest number of a table. */\nexport const TABLES: u32 = %d;\n", lastTable(e.layout)+1)
	e.linef("/** Bytes per row of a table, 0 if there is no such table. */\nexport function sizeOf(table: u16): u32 {\n  switch (table) {")
	for _, t := range tablesOf(e.layout) {
		e.linef("    case Table.%s: return %d;", strings.ToUpper(t.name), t.size)
	}
	e.linef("    default: return 0;\n  }\n}\n")
}

func (e *asEmitter) enum(en *enum) {
	e.linef("/** %s */\nexport namespace %s {", sentence(en.doc), en.name)
	for _, v := range en.values {
		e.linef("  /** %s */\n  export const %s: %s = %d;", sentence(v.doc), strings.ToUpper(v.name), en.base, v.number)
	}
	e.linef("}\n")
}

func (e *asEmitter) row(r *row) {
	if r.part() {
		e.linef("/** A part of the frame: %s. */", r.doc)
	} else {
		e.linef("/** A row of the frame: %s. */", r.doc)
	}
	e.linef("@unmanaged export class %s {", plainCamel(r.name))
	for _, f := range r.fields {
		switch {
		case f.typ == "span":
			e.linef("  private %s_at: u32;\n  private %s_n: u32;", f.name, f.name)
			e.linef("  /** %s */\n  @inline get %s(): Span { return changetype<Span>(changetype<usize>(this) + %d); }", fieldDoc(f), f.name, f.offset)
		case f.name == "reserved":
			e.linef("  private reserved%d: %s;", f.offset, e.fieldType(f))
		default:
			e.linef("  /** %s */\n  %s: %s;", fieldDoc(f), f.name, e.fieldType(f))
		}
	}
	e.linef("}\n")
}

// checks emits statements that compile only if every size and offset holds:
// the compiler leaves out branches that are never taken, and refuses ERROR
// where it is left in.
func (e *asEmitter) checks() {
	e.linef("/** Holds the sizes and offsets of the layout, at compile time; called once so that it is compiled. */")
	e.linef("export function checkLayout(): void {")
	for _, r := range e.layout.rows {
		name := plainCamel(r.name)
		e.linef("  if (offsetof<%s>() != %d) ERROR(\"%s\");", name, r.size, r.name)
		for _, f := range r.fields {
			field := f.name
			switch {
			case f.typ == "span":
				field += "_at"
			case f.name == "reserved":
				field = fmt.Sprintf("reserved%d", f.offset)
			}
			e.linef("  if (offsetof<%s>(\"%s\") != %d) ERROR(\"%s.%s\");", name, field, f.offset, r.name, f.name)
		}
	}
	e.linef("}\n")
}

// spans emits the check that the spans of a row lie within their sections.
func (e *asEmitter) spans() {
	e.linef("/** Whether rows of the table have spans. */\nexport function spanning(table: u16): bool {\n  switch (table) {")
	var with []*row
	for _, r := range e.layout.rows {
		if !r.part() && slices.ContainsFunc(r.fields, func(f field) bool { return f.typ == "span" }) {
			with = append(with, r)
			e.linef("    case Table.%s: return true;", strings.ToUpper(r.name))
		}
	}
	e.linef("    default: return false;\n  }\n}\n")
	e.linef("// @ts-ignore: decorator\n@inline function within(span: Span, counts: usize, table: u16): bool {")
	e.linef("  return <u64>span.at + <u64>span.n <= <u64>load<u32>(counts + (<usize>table << 2));\n}\n")
	e.linef("/** Whether every span of a row lies within its section. counts holds a u32 for each table. */")
	e.linef("export function rowFits(table: u16, row: usize, counts: usize): bool {\n  switch (table) {")
	for _, r := range with {
		e.linef("    case Table.%s: {\n      let r = changetype<%s>(row);", strings.ToUpper(r.name), plainCamel(r.name))
		var terms []string
		for _, f := range r.fields {
			if f.typ == "span" {
				terms = append(terms, fmt.Sprintf("within(r.%s, counts, Table.%s)", f.name, spanTable(f)))
			}
		}
		e.linef("      return %s;\n    }", strings.Join(terms, "\n        && "))
	}
	e.linef("    default: return true;\n  }\n}")
}

func (e *asEmitter) fieldType(f field) string {
	if f.typ == "word" {
		return "u32"
	}
	if en := e.layout.enum(f.typ); en != nil {
		return en.base
	}
	return f.typ
}
