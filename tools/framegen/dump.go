// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// What is emitted here belongs to the tests of the libraries: it names every
// value of a frame, "table[index].field" and the number, so that what a reader
// saw can be held against the golden frames.

// dumper is how a language goes through rows.
type dumper struct {
	// begin begins the code; loop opens one over a section, of which key is the
	// name in the dump; end closes it; done ends the code.
	begin, end, done string
	loop             func(r *row, key string) string
	// line writes one number: the field's name in the dump, and how it is read.
	line func(key, field, value string, signed bool) string
	// value reads a field; part is ".at" or ".n" of a span, or empty.
	value func(l *layout, f field, part string) string
}

// gonePrefix is what gone rows are under in the dump, after the table's name.
const gonePrefix = " gone"

func (d *dumper) emit(l *layout) []byte {
	var out bytes.Buffer
	out.WriteString(preamble("//"))
	out.WriteString(d.begin)
	for _, r := range l.rows {
		switch {
		case r.name == "gone":
			for _, table := range []string{"work", "agent", "queue"} {
				d.rows(&out, l, r, table+gonePrefix)
			}
		case !r.part():
			d.rows(&out, l, r, r.name)
		}
	}
	out.WriteString(d.done)
	return out.Bytes()
}

func (d *dumper) rows(out *bytes.Buffer, l *layout, r *row, key string) {
	out.WriteString(d.loop(r, key))
	for _, f := range r.fields {
		switch {
		case f.name == "reserved":
		case f.typ == "span":
			out.WriteString(d.line(key, f.name+".at", d.value(l, f, ".at"), false))
			out.WriteString(d.line(key, f.name+".n", d.value(l, f, ".n"), false))
		default:
			out.WriteString(d.line(key, f.name, d.value(l, f, ""), strings.HasPrefix(f.typ, "i")))
		}
	}
	out.WriteString(d.end)
}

func emitRustDump(l *layout) ([]byte, error) {
	d := dumper{
		begin: "\nuse patchbay::*;\n\n/// Names every value of every row but those of the bytes.\npub fn rows(frame: &Frame<'_>, out: &mut Vec<String>) {\n",
		end:   "    }\n",
		done:  "    for (i, id) in frame.rows::<Id>().iter().enumerate() {\n        out.push(format!(\"ids[{i}]={}\", id.0));\n    }\n}\n",
		loop: func(r *row, key string) string {
			rows := fmt.Sprintf("frame.rows::<%s>()", rustRow(r))
			if table, ok := strings.CutSuffix(key, gonePrefix); ok {
				rows = fmt.Sprintf("frame.gone(table::%s)", strings.ToUpper(table))
			}
			return fmt.Sprintf("    for (i, r) in %s.iter().enumerate() {\n", rows)
		},
		line: func(key, field, value string, _ bool) string {
			return fmt.Sprintf("        out.push(format!(\"%s[{i}].%s={}\", %s));\n", key, field, value)
		},
		value: func(l *layout, f field, part string) string {
			if f.typ == "word" || l.enum(f.typ) != nil {
				part = ".0"
			}
			return "r." + rustField(f) + part
		},
	}
	return d.emit(l), nil
}

func emitCDump(l *layout) ([]byte, error) {
	d := dumper{
		begin: "\n// Include it after patchbay.h and the functions named and signed, which write\n// one line each.\n\nstatic void rows(const pb_frame *frame) {\n",
		end:   "\t}\n",
		done:  "\tfor (uint32_t i = 0; i < pb_count(frame, PB_TABLE_IDS); i++)\n\t\tnamed(\"ids\", i, \"\", *(const uint32_t *)pb_row(frame, PB_TABLE_IDS, i));\n}\n",
		loop: func(r *row, key string) string {
			number, read, count := "PB_TABLE_"+strings.ToUpper(r.name), "pb_row", "pb_count"
			if table, ok := strings.CutSuffix(key, gonePrefix); ok {
				number, read, count = "PB_TABLE_"+strings.ToUpper(table), "pb_gone_row", "pb_gone_count"
			}
			return fmt.Sprintf("\tfor (uint32_t i = 0; i < %s(frame, %s); i++) {\n\t\tconst pb_%s *r = %s(frame, %s, i);\n", count, number, r.name, read, number)
		},
		line: func(key, field, value string, signed bool) string {
			write := "named"
			if signed {
				write = "signed_"
			}
			return fmt.Sprintf("\t\t%s(%q, i, %q, %s);\n", write, key, "."+field, value)
		},
		value: func(_ *layout, f field, part string) string { return "r->" + cField(f) + part },
	}
	return d.emit(l), nil
}

func emitAssemblyScriptDump(l *layout) ([]byte, error) {
	d := dumper{
		begin: "\nimport { Frame } from \"../assembly/frame\";\nimport * as rows from \"../assembly/rows\";\n\n/** Names every value of every row but those of the bytes. */\nexport function dumpRows(frame: Frame, out: string[]): void {\n",
		end:   "  }\n",
		done:  "  for (let i: u32 = 0, n = frame.count(rows.Table.IDS); i < n; i++) {\n    out.push(\"ids[\" + i.toString() + \"]=\" + load<u32>(frame.row(rows.Table.IDS, i)).toString());\n  }\n}\n",
		loop: func(r *row, key string) string {
			number, read, count := "rows.Table."+strings.ToUpper(r.name), "row", "count"
			if table, ok := strings.CutSuffix(key, gonePrefix); ok {
				number, read, count = "rows.Table."+strings.ToUpper(table), "goneRow", "goneCount"
			}
			return fmt.Sprintf("  for (let i: u32 = 0, n = frame.%s(%s); i < n; i++) {\n    let r = changetype<rows.%s>(frame.%s(%s, i)), at = \"%s[\" + i.toString() + \"].\";\n",
				count, number, plainCamel(r.name), read, number, key)
		},
		line: func(_, field, value string, _ bool) string {
			return fmt.Sprintf("    out.push(at + \"%s=\" + %s.toString());\n", field, value)
		},
		value: func(_ *layout, f field, part string) string { return "r." + f.name + part },
	}
	return d.emit(l), nil
}
