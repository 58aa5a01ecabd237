// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// rustEmitter writes the rows of the crate patchbay.
type rustEmitter struct {
	bytes.Buffer
	layout *layout
}

func (e *rustEmitter) linef(text string, args ...any) { linef(e, text, args...) }

// emitRust returns the rows for Rust: structs that lie in memory as the rows
// lie in a frame, which the compiler holds.
func emitRust(l *layout) ([]byte, error) {
	e := &rustEmitter{layout: l}
	e.WriteString(preamble("//"))
	e.linef("\n//! The rows of a frame.\n\nuse crate::frame::{Counts, Id, Row, Span};\nuse core::mem::{offset_of, size_of};\n")
	e.linef("/// The version of the row layout that this crate writes.\npub const LAYOUT: u8 = %d;\n", l.version)
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

func (e *rustEmitter) tables() {
	e.linef("/// The numbers of the tables, which name the sections of a frame.\npub mod table {")
	for _, t := range tablesOf(e.layout) {
		e.linef("    /// %s\n    pub const %s: u16 = %d;", sentence(t.doc), strings.ToUpper(t.name), t.number)
	}
	e.linef("}\n")
	e.linef("/// One more than the highest number of a table.\npub(crate) const TABLES: usize = %d;\n", lastTable(e.layout)+1)
	e.linef("/// Bytes per row of each table, and what its address is a multiple of; 0 where there is no table.")
	e.linef("pub(crate) const SIZES: [(u16, u16); TABLES] = {\n    let mut sizes = [(0, 0); TABLES];")
	for _, r := range e.layout.rows {
		if !r.part() {
			e.linef("    sizes[table::%s as usize] = (%d, core::mem::align_of::<%s>() as u16);", strings.ToUpper(r.name), r.size, rustRow(r))
		}
	}
	e.linef("    sizes[table::BYTES as usize] = (1, 1);\n    sizes[table::IDS as usize] = (4, 4);\n    sizes\n};\n")
}

func (e *rustEmitter) enum(en *enum) {
	e.linef("/// %s", sentence(en.doc))
	e.linef("#[repr(transparent)]\n#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]")
	e.linef("pub struct %s(pub %s);\n", en.name, en.base)
	e.linef("impl %s {", en.name)
	for _, v := range en.values {
		e.linef("    /// %s", sentence(v.doc))
		e.linef("    pub const %s: Self = Self(%d);", strings.ToUpper(v.name), v.number)
	}
	e.linef("\n    /// The name in the layout; empty for what this crate does not know.")
	e.linef("    pub const fn name(self) -> &'static str {\n        match self {")
	for _, v := range en.values {
		e.linef("            Self::%s => %q,", strings.ToUpper(v.name), v.name)
	}
	e.linef("            _ => \"\",\n        }\n    }")
	if en.flags {
		e.linef("\n    /// Whether all bits of `other` are set.")
		e.linef("    pub const fn has(self, other: Self) -> bool {\n        self.0 & other.0 == other.0\n    }")
	}
	e.linef("}\n")
	if en.flags {
		e.linef("impl core::ops::BitOr for %s {\n    type Output = Self;", en.name)
		e.linef("    fn bitor(self, other: Self) -> Self {\n        Self(self.0 | other.0)\n    }\n}\n")
	}
}

func (e *rustEmitter) row(r *row) {
	name := rustRow(r)
	if r.part() {
		e.linef("/// A part of the frame: %s.", r.doc)
	} else {
		e.linef("/// A row of the frame: %s.", r.doc)
	}
	e.linef("#[repr(C)]\n#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]\npub struct %s {", name)
	for _, f := range r.fields {
		if f.name == "reserved" {
			e.linef("    #[doc(hidden)]")
		} else {
			e.linef("    /// %s", fieldDoc(f))
		}
		e.linef("    pub %s: %s,", rustField(f), rustType(f))
	}
	e.linef("}\n")
	if r.part() {
		return
	}
	e.linef("// SAFETY: the row is made of integers only, without padding, as checked below.")
	e.linef("unsafe impl Row for %s {\n    const TABLE: u16 = table::%s;\n}\n", name, strings.ToUpper(r.name))
}

// checks emits constants that compile only if every size and offset holds.
func (e *rustEmitter) checks() {
	e.linef("// The sizes and offsets of the layout, held by the compiler.\nconst _: () = {")
	for _, r := range e.layout.rows {
		e.linef("    assert!(size_of::<%s>() == %d);", rustRow(r), r.size)
		for _, f := range r.fields {
			e.linef("    assert!(offset_of!(%s, %s) == %d);", rustRow(r), rustField(f), f.offset)
		}
	}
	e.linef("};\n")
}

// spans emits the check that the spans of rows lie within their sections.
func (e *rustEmitter) spans() {
	var with []*row
	for _, r := range e.layout.rows {
		if slices.ContainsFunc(r.fields, func(f field) bool { return f.typ == "span" }) && !r.part() {
			with = append(with, r)
		}
	}
	for _, r := range with {
		e.linef("impl %s {\n    /// Whether every span of the row lies within its section.", rustRow(r))
		e.linef("    pub(crate) fn fits(&self, counts: &Counts) -> bool {")
		var terms []string
		for _, f := range r.fields {
			if f.typ == "span" {
				terms = append(terms, fmt.Sprintf("self.%s.within(counts[table::%s as usize])", rustField(f), spanTable(f)))
			}
		}
		e.linef("        %s\n    }\n}\n", strings.Join(terms, "\n            & "))
	}
	e.linef("/// Whether the spans of every row of the frame lie within their sections.")
	e.linef("pub(crate) fn spans_fit(frame: &crate::frame::Frame<'_>, counts: &Counts) -> bool {")
	var terms []string
	for _, r := range with {
		terms = append(terms, fmt.Sprintf("frame.rows::<%s>().iter().all(|r| r.fits(counts))", rustRow(r)))
	}
	if terms == nil {
		terms = []string{"true"}
	}
	e.linef("    %s\n}", strings.Join(terms, "\n        && "))
}

func rustRow(r *row) string { return plainCamel(r.name) }

func rustField(f field) string {
	if f.name == "reserved" {
		return fmt.Sprintf("reserved%d", f.offset)
	}
	if f.name == "ref" || f.name == "type" || f.name == "match" {
		return f.name + "_"
	}
	return f.name
}

func rustType(f field) string {
	switch {
	case f.typ == "word":
		return "Id"
	case f.typ == "span" && f.target == "byte":
		return "Span<u8>"
	case f.typ == "span" && f.target == "word":
		return "Span<Id>"
	case f.typ == "span":
		return "Span<" + plainCamel(f.target) + ">"
	default:
		return f.typ
	}
}
