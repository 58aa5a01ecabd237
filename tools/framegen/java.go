// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// javaEmitter writes the rows of the Java SDK.
type javaEmitter struct {
	bytes.Buffer
	layout *layout
}

func (e *javaEmitter) linef(text string, args ...any) { linef(e, text, args...) }

// emitJava returns the rows for Java: one class that holds a record for each,
// with what reads and writes it.
func emitJava(l *layout) ([]byte, error) {
	e := &javaEmitter{layout: l}
	e.WriteString(preamble("//"))
	e.linef("package cx.patchbay;\n\nimport java.nio.ByteBuffer;\n")
	e.linef("/**\n * The rows of a frame. Buffers are little-endian; numbers of 64 bits without sign are long, bit by bit,\n * and those of 32 are long, by value, but for the counts of a span.\n */")
	e.linef("public final class Rows {\n    private Rows() {}\n")
	e.linef("    /** The version of the row layout that this package writes. */\n    public static final int LAYOUT = %d;\n", l.version)
	e.linef("    /** Rows of a list: {@code n} of them from index {@code at}. */\n    public record Span(int at, int n) {\n        /** No rows. */\n        public static final Span NONE = new Span(0, 0);\n    }\n")
	e.linef("    /** Names a kind of rows: a section of a frame. */\n    public static final class Table {\n        private Table() {}")
	for _, t := range tablesOf(l) {
		e.linef("\n        /** %s */\n        public static final int %s = %d;", sentence(t.doc), strings.ToUpper(t.name), t.number)
	}
	e.linef("    }")
	for _, en := range l.enums {
		e.linef("\n    /** %s */\n    public static final class %s {\n        private %s() {}", sentence(en.doc), en.name, en.name)
		for _, v := range en.values {
			e.linef("\n        /** %s */\n        public static final int %s = %d;", sentence(v.doc), strings.ToUpper(v.name), v.number)
		}
		e.linef("    }")
	}
	for _, r := range l.rows {
		e.row(r)
	}
	e.linef("}")
	return e.Bytes(), nil
}

func (e *javaEmitter) row(r *row) {
	name := plainCamel(r.name)
	var components, reads []string
	e.linef("\n    /**\n     * %s\n     *", sentence(r.doc))
	for _, f := range r.fields {
		if f.name == "reserved" {
			continue
		}
		doc := fieldDoc(f)
		if e.layout.enum(f.typ) != nil {
			doc += " See {@link " + f.typ + "}."
		}
		e.linef("     * @param %s %s", lowerCamel(f.name), doc)
		components = append(components, e.typ(f)+" "+lowerCamel(f.name))
		reads = append(reads, e.read(f))
	}
	e.linef("     */\n    public record %s(\n            %s) {", name, strings.Join(components, ",\n            "))
	if !r.part() {
		e.linef("        /** Number of the table. */\n        public static final int TABLE = %d;\n", r.table)
	}
	e.linef("        /** Bytes per row. */\n        public static final int SIZE = %d;\n", r.size)
	e.linef("        /** Reads the row that begins at a byte of the buffer. */\n        public static %s read(ByteBuffer from, int at) {", name)
	e.linef("            return new %s(\n                    %s);\n        }\n", name, strings.Join(reads, ",\n                    "))
	e.linef("        /** Writes the row at a byte of the buffer, where all is zero. */\n        public void write(ByteBuffer to, int at) {")
	for _, f := range r.fields {
		if f.name != "reserved" {
			e.write(f)
		}
	}
	e.linef("        }\n    }")
}

func (e *javaEmitter) base(f field) string {
	if en := e.layout.enum(f.typ); en != nil {
		return en.base
	}
	return f.typ
}

func (e *javaEmitter) typ(f field) string {
	switch e.base(f) {
	case "u8", "u16", "i32", "word":
		return "int"
	case "span":
		return "Span"
	default:
		return "long"
	}
}

func (e *javaEmitter) read(f field) string {
	at := fmt.Sprintf("at + %d", f.offset)
	switch e.base(f) {
	case "u8":
		return "from.get(" + at + ") & 0xff"
	case "u16":
		return "from.getShort(" + at + ") & 0xffff"
	case "u32":
		return "from.getInt(" + at + ") & 0xffff_ffffL"
	case "i32", "word":
		return "from.getInt(" + at + ")"
	case "span":
		return fmt.Sprintf("new Span(from.getInt(%s), from.getInt(at + %d))", at, f.offset+4)
	default:
		return "from.getLong(" + at + ")"
	}
}

func (e *javaEmitter) write(f field) {
	at, value := fmt.Sprintf("at + %d", f.offset), "this."+lowerCamel(f.name) // which may be called as an argument is
	switch e.base(f) {
	case "u8":
		e.linef("            to.put(%s, (byte) %s);", at, value)
	case "u16":
		e.linef("            to.putShort(%s, (short) %s);", at, value)
	case "u32":
		e.linef("            to.putInt(%s, (int) %s);", at, value)
	case "i32", "word":
		e.linef("            to.putInt(%s, %s);", at, value)
	case "span":
		e.linef("            to.putInt(%s, %s.at());\n            to.putInt(at + %d, %s.n());", at, value, f.offset+4, value)
	default:
		e.linef("            to.putLong(%s, %s);", at, value)
	}
}
