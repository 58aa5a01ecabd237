// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// cEmitter writes the rows of the C header.
type cEmitter struct {
	bytes.Buffer
	layout *layout
}

func (e *cEmitter) linef(text string, args ...any) { linef(e, text, args...) }

// emitC returns the rows for C: structs that lie in memory as the rows lie in
// a frame, which the compiler holds.
func emitC(l *layout) ([]byte, error) {
	e := &cEmitter{layout: l}
	e.WriteString(preamble("//"))
	e.linef("\n// The rows of a frame. Include patchbay.h, which includes this.\n")
	e.linef("#ifndef PATCHBAY_ROWS_H\n#define PATCHBAY_ROWS_H\n\n#include <stddef.h>\n#include <stdint.h>\n")
	e.linef("#ifdef __cplusplus\n#define PB_ASSERT static_assert\n#else\n#define PB_ASSERT _Static_assert\n#endif\n")
	e.linef("// The version of the row layout that this header describes.\n#define PB_LAYOUT %d\n", l.version)
	e.linef("// A run of n rows, from the row at index at of a section of the same frame.\ntypedef struct pb_span {\n\tuint32_t at, n;\n} pb_span;\n")
	e.tables()
	for _, en := range l.enums {
		e.enum(en)
	}
	for _, r := range l.rows {
		e.row(r)
	}
	e.checks()
	e.spans()
	e.linef("#endif")
	return e.Bytes(), nil
}

func (e *cEmitter) tables() {
	e.linef("// The numbers of the tables, which name the sections of a frame.\nenum {")
	for _, t := range tablesOf(e.layout) {
		e.linef("\tPB_TABLE_%s = %d, // %s", strings.ToUpper(t.name), t.number, sentence(t.doc))
	}
	e.linef("};\n\n// One more than the highest number of a table.\n#define PB_TABLES %d\n", lastTable(e.layout)+1)
	sizes := strings.Trim(strings.ReplaceAll(fmt.Sprint(sizesOf(e.layout)), " ", ", "), "[]")
	e.linef("// Bytes per row of each table, 0 where there is no table: an initializer.\n#define PB_SIZES { %s }\n", sizes)
}

func (e *cEmitter) enum(en *enum) {
	e.linef("// %s\ntypedef %s %s;\n\nenum {", sentence(en.doc), cTypes[en.base], cEnum(en))
	prefix := strings.ToUpper(snake(enumPrefix(en)))
	for _, v := range en.values {
		e.linef("\tPB_%s_%s = %d, // %s", prefix, strings.ToUpper(v.name), v.number, sentence(v.doc))
	}
	e.linef("};\n")
}

func (e *cEmitter) row(r *row) {
	if r.part() {
		e.linef("// A part of the frame: %s.", r.doc)
	} else {
		e.linef("// A row of the frame: %s.", r.doc)
	}
	e.linef("typedef struct pb_%s {", r.name)
	for _, f := range r.fields {
		doc := fieldDoc(f)
		if f.name == "reserved" {
			doc = "0."
		}
		e.linef("\t%s %s; // %s", e.fieldType(f), cField(f), doc)
	}
	e.linef("} pb_%s;\n", r.name)
}

// checks emits assertions that hold every size and offset.
func (e *cEmitter) checks() {
	e.linef("// The sizes and offsets of the layout, held by the compiler.")
	for _, r := range e.layout.rows {
		e.linef("PB_ASSERT(sizeof(pb_%s) == %d, \"%s\");", r.name, r.size, r.name)
		for _, f := range r.fields {
			e.linef("PB_ASSERT(offsetof(pb_%s, %s) == %d, \"%s.%s\");", r.name, cField(f), f.offset, r.name, f.name)
		}
	}
	e.linef("")
}

// spans emits the check that the spans of a row lie within their sections.
func (e *cEmitter) spans() {
	e.linef("// Whether the span lies within a section of count rows.")
	e.linef("static inline int pb_within(pb_span s, uint32_t count) {\n\treturn (uint64_t)s.at + s.n <= count;\n}\n")
	e.linef("// The tables whose rows have spans: an initializer.")
	var cases []string
	var numbers []string
	for _, r := range e.layout.rows {
		if r.part() || !slices.ContainsFunc(r.fields, func(f field) bool { return f.typ == "span" }) {
			continue
		}
		numbers = append(numbers, "PB_TABLE_"+strings.ToUpper(r.name))
		var terms []string
		for _, f := range r.fields {
			if f.typ == "span" {
				terms = append(terms, fmt.Sprintf("pb_within(((const pb_%s *)row)->%s, counts[PB_TABLE_%s])", r.name, cField(f), spanTable(f)))
			}
		}
		cases = append(cases, fmt.Sprintf("\tcase PB_TABLE_%s:\n\t\treturn %s;", strings.ToUpper(r.name), strings.Join(terms, " &\n\t\t\t")))
	}
	e.linef("#define PB_SPANNING { %s }\n", strings.Join(append(numbers, "0"), ", "))
	e.linef("// Whether every span of a row of that table lies within its section.")
	e.linef("static inline int pb_row_fits(uint16_t table, const void *row, const uint32_t *counts) {\n\tswitch (table) {")
	for _, c := range cases {
		e.linef("%s", c)
	}
	e.linef("\tdefault:\n\t\t(void)row;\n\t\t(void)counts;\n\t\treturn 1;\n\t}\n}\n")
}

var cTypes = map[string]string{
	"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t",
	"i32": "int32_t", "i64": "int64_t", "word": "uint32_t", "span": "pb_span",
}

func (e *cEmitter) fieldType(f field) string {
	if t, ok := cTypes[f.typ]; ok {
		return t
	}
	return cEnum(e.layout.enum(f.typ))
}

func cEnum(en *enum) string { return "pb_" + snake(en.name) }

func cField(f field) string {
	if f.name == "reserved" {
		return fmt.Sprintf("reserved%d", f.offset)
	}
	return f.name
}

// snake turns CamelCase into snake_case.
func snake(name string) string {
	var out strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}
