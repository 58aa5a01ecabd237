// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// typeScriptEmitter writes the rows of the TypeScript SDK.
type typeScriptEmitter struct {
	bytes.Buffer
	layout *layout
}

func (e *typeScriptEmitter) linef(text string, args ...any) { linef(e, text, args...) }

// emitTypeScript returns the rows for TypeScript: for each an interface, and a
// constant of the same name that reads and writes it.
func emitTypeScript(l *layout) ([]byte, error) {
	e := &typeScriptEmitter{layout: l}
	e.WriteString(preamble("//"))
	e.linef("\n/** The rows of a frame. Numbers of 64 bits without sign are bigint; times are number. */\n")
	e.linef("/** The version of the row layout that this package writes. */\nexport const LAYOUT = %d;\n", l.version)
	e.linef("/** Rows of a list: n of them from index at. */\nexport interface Span {\n  readonly at: number;\n  readonly n: number;\n}\n")
	e.linef("/** How rows of one kind lie in a frame. */\nexport interface RowType<Row> {")
	e.linef("  /** Number of the table; 0 for a part of the frame itself. */\n  readonly table: number;")
	e.linef("  /** Bytes per row. */\n  readonly size: number;")
	e.linef("  /** Reads the row that begins at a byte. */\n  read(from: DataView, at: number): Row;")
	e.linef("  /** Writes a row at a byte, where all is zero. */\n  write(to: DataView, at: number, row: Row): void;\n}\n")
	e.linef("/** Names a kind of rows: a section of a frame. */\nexport const Table = {")
	for _, t := range tablesOf(l) {
		e.linef("  /** %s */\n  %s: %d,", sentence(t.doc), lowerCamel(t.name), t.number)
	}
	e.linef("} as const;")
	for _, en := range l.enums {
		e.linef("\n/** %s */\nexport const %s = {", sentence(en.doc), en.name)
		for _, v := range en.values {
			e.linef("  /** %s */\n  %s: %d,", sentence(v.doc), lowerCamel(v.name), v.number)
		}
		e.linef("} as const;")
	}
	for _, r := range l.rows {
		e.row(r)
	}
	return e.Bytes(), nil
}

func (e *typeScriptEmitter) row(r *row) {
	name := plainCamel(r.name)
	e.linef("\n/** %s */\nexport interface %s {", sentence(r.doc), name)
	for _, f := range r.fields {
		if f.name == "reserved" {
			continue
		}
		doc := fieldDoc(f)
		if e.layout.enum(f.typ) != nil {
			doc += " See " + f.typ + "."
		}
		e.linef("  /** %s */\n  readonly %s: %s;", doc, lowerCamel(f.name), e.typ(f))
	}
	e.linef("}\n\n/** How a row %s lies in a frame. */\nexport const %s: RowType<%s> = {", r.name, name, name)
	e.linef("  table: %d,\n  size: %d,", r.table, r.size)
	e.linef("  read(from, at) {\n    return {")
	for _, f := range r.fields {
		if f.name != "reserved" {
			e.linef("      %s: %s,", lowerCamel(f.name), e.read(f))
		}
	}
	e.linef("    };\n  },\n  write(to, at, row) {")
	for _, f := range r.fields {
		if f.name != "reserved" {
			e.write(f)
		}
	}
	e.linef("  },\n};")
}

func (e *typeScriptEmitter) base(f field) string {
	if en := e.layout.enum(f.typ); en != nil {
		return en.base
	}
	return f.typ
}

func (e *typeScriptEmitter) typ(f field) string {
	switch e.base(f) {
	case "u64":
		return "bigint"
	case "span":
		return "Span"
	default:
		return "number"
	}
}

// typeScriptAccess are the names of a DataView's accessors, less get and set.
var typeScriptAccess = map[string]string{
	"u8": "Uint8", "u16": "Uint16", "u32": "Uint32", "u64": "BigUint64", "i32": "Int32", "i64": "BigInt64", "word": "Uint32",
}

func (e *typeScriptEmitter) read(f field) string {
	get := func(typ string, offset int) string {
		if typ == "u8" {
			return fmt.Sprintf("from.getUint8(at + %d)", offset)
		}
		return fmt.Sprintf("from.get%s(at + %d, true)", typeScriptAccess[typ], offset)
	}
	switch typ := e.base(f); typ {
	case "span":
		return fmt.Sprintf("{ at: %s, n: %s }", get("u32", f.offset), get("u32", f.offset+4))
	case "i64":
		return "Number(" + get(typ, f.offset) + ")"
	default:
		return get(typ, f.offset)
	}
}

func (e *typeScriptEmitter) write(f field) {
	value := "row." + lowerCamel(f.name)
	switch typ := e.base(f); typ {
	case "span":
		e.linef("    to.setUint32(at + %d, %s.at, true);\n    to.setUint32(at + %d, %s.n, true);", f.offset, value, f.offset+4, value)
	case "u8":
		e.linef("    to.setUint8(at + %d, %s);", f.offset, value)
	case "i64":
		e.linef("    to.setBigInt64(at + %d, BigInt(%s), true);", f.offset, value)
	default:
		e.linef("    to.set%s(at + %d, %s, true);", typeScriptAccess[typ], f.offset, value)
	}
}

// lowerCamel turns snake_case into camelCase.
func lowerCamel(snake string) string {
	camel := plainCamel(snake)
	return strings.ToLower(camel[:1]) + camel[1:]
}
