// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// layout is a frame.layout, read and checked.
type layout struct {
	version    int
	rows       []*row
	enums      []*enum
	bytesTable int
	bytesDoc   string
	idsTable   int
	idsDoc     string
}

// row is one row type, or, with table 0, a part of the frame itself.
type row struct {
	line, table, size int
	name, doc         string
	fields            []field
}

// part reports whether the row is a part of the frame and not of a table.
func (r *row) part() bool { return r.table == 0 }

// field is one field of a row. Its typ is a basic type, "word", the name of an
// enum, or "span", whose target is then a row's name, "byte" or "word".
type field struct {
	line, offset           int
	typ, target, name, doc string
}

// enum is a set of named values; flags are bits that may be combined.
type enum struct {
	line            int
	name, base, doc string
	flags           bool
	values          []value
}

type value struct {
	line, number int
	name, doc    string
}

// basicSizes are the widths of the basic types in bytes, which are also their
// alignments.
var basicSizes = map[string]int{
	"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i32": 4, "i64": 8, "word": 4,
}

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// parser reads a layout line by line.
type parser struct {
	path   string
	line   int
	out    layout
	row    *row
	enum   *enum
	tables map[int]int
}

// parse reads a layout. Errors carry path and line.
func parse(path, text string) (*layout, error) {
	p := &parser{path: path, tables: map[int]int{}}
	for i, line := range strings.Split(text, "\n") {
		p.line = i + 1
		line = strings.TrimRight(line, " \r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var err error
		if strings.HasPrefix(line, " ") {
			err = p.entry(line)
		} else {
			err = p.directive(line)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return &p.out, nil
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("framegen: %s:%d: %s", p.path, line, fmt.Sprintf(format, args...))
}

// cut takes n words off the line and returns them with what is left.
func (p *parser) cut(line string, n int) (words []string, rest string, err error) {
	rest = strings.TrimSpace(line)
	for range n {
		if rest == "" {
			return nil, "", p.errorf(p.line, "expected %d words before the doc, found %d", n, len(words))
		}
		word, after, _ := strings.Cut(rest, " ")
		words = append(words, word)
		rest = strings.TrimSpace(after)
	}
	return words, rest, nil
}

func (p *parser) number(word, what string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 {
		return 0, p.errorf(p.line, "%s %q is not a whole number", what, word)
	}
	return n, nil
}

func (p *parser) table(word string) (int, error) {
	n, err := p.number(word, "table")
	if err != nil {
		return 0, err
	}
	if n == 0 || n > 0xffff {
		return 0, p.errorf(p.line, "table %d is not within 1 to 65535", n)
	}
	if first, taken := p.tables[n]; taken {
		return 0, p.errorf(p.line, "table %d is used already on line %d", n, first)
	}
	p.tables[n] = p.line
	return n, nil
}

func (p *parser) directive(line string) error {
	p.row, p.enum = nil, nil
	keyword, _, _ := strings.Cut(line, " ")
	switch keyword {
	case "layout":
		return p.readLayout(line)
	case "row", "part":
		return p.readRow(line, keyword == "part")
	case "bytes":
		return p.readSection(line, &p.out.bytesTable, &p.out.bytesDoc)
	case "ids":
		return p.readSection(line, &p.out.idsTable, &p.out.idsDoc)
	case "enum", "flags":
		return p.readEnum(line, keyword == "flags")
	default:
		return p.errorf(p.line, "unknown directive %q: expected layout, row, part, bytes, ids, enum or flags", keyword)
	}
}

func (p *parser) readLayout(line string) error {
	words, rest, err := p.cut(line, 2)
	if err != nil {
		return err
	}
	if p.out.version != 0 {
		return p.errorf(p.line, "layout is given twice")
	}
	if rest != "" {
		return p.errorf(p.line, "unexpected %q after the layout's number", rest)
	}
	n, err := p.number(words[1], "layout")
	if err != nil {
		return err
	}
	if n < 1 || n > 255 {
		return p.errorf(p.line, "layout %d is not within 1 to 255", n)
	}
	p.out.version = n
	return nil
}

func (p *parser) readSection(line string, table *int, doc *string) error {
	words, rest, err := p.cut(line, 2)
	if err != nil {
		return err
	}
	if *table != 0 {
		return p.errorf(p.line, "%s is given twice", words[0])
	}
	*table, err = p.table(words[1])
	*doc = rest
	return err
}

func (p *parser) readRow(line string, part bool) error {
	n := 4
	if part {
		n = 3
	}
	words, doc, err := p.cut(line, n)
	if err != nil {
		return err
	}
	r := &row{line: p.line, name: words[1], doc: doc}
	if !nameRule.MatchString(r.name) {
		return p.errorf(p.line, "row name %q is not lower_case", r.name)
	}
	for _, other := range p.out.rows {
		if other.name == r.name {
			return p.errorf(p.line, "row %s is described already on line %d", r.name, other.line)
		}
	}
	if !part {
		if r.table, err = p.table(words[2]); err != nil {
			return err
		}
	}
	if r.size, err = p.number(words[n-1], "size"); err != nil {
		return err
	}
	if r.size == 0 || r.size%4 != 0 {
		return p.errorf(p.line, "row %s: size %d is not a multiple of 4", r.name, r.size)
	}
	p.row = r
	p.out.rows = append(p.out.rows, r)
	return nil
}

func (p *parser) readEnum(line string, flags bool) error {
	words, doc, err := p.cut(line, 3)
	if err != nil {
		return err
	}
	e := &enum{line: p.line, name: words[1], base: words[2], doc: doc, flags: flags}
	for _, other := range p.out.enums {
		if other.name == e.name {
			return p.errorf(p.line, "%s is described already on line %d", e.name, other.line)
		}
	}
	if e.name == "" || e.name[0] < 'A' || e.name[0] > 'Z' {
		return p.errorf(p.line, "name %q does not begin with a capital", e.name)
	}
	if e.base != "u8" && e.base != "u16" && e.base != "u32" {
		return p.errorf(p.line, "%s: type %q is not u8, u16 or u32", e.name, e.base)
	}
	p.enum = e
	p.out.enums = append(p.out.enums, e)
	return nil
}

func (p *parser) entry(line string) error {
	switch {
	case p.row != nil:
		return p.readField(line)
	case p.enum != nil:
		return p.readValue(line)
	default:
		return p.errorf(p.line, "an indented line outside a row, enum or flags")
	}
}

func (p *parser) readField(line string) error {
	words, rest, err := p.cut(line, 3)
	if err != nil {
		return err
	}
	f := field{line: p.line, typ: words[1], name: words[2], doc: rest}
	if f.offset, err = p.number(words[0], "offset"); err != nil {
		return err
	}
	if f.typ == "span" {
		f.target = f.name
		if words, f.doc, err = p.cut(rest, 1); err != nil {
			return err
		}
		f.name = words[0]
	}
	if !nameRule.MatchString(f.name) {
		return p.errorf(p.line, "field name %q is not lower_case", f.name)
	}
	for _, other := range p.row.fields {
		if other.name == f.name && f.name != "reserved" {
			return p.errorf(p.line, "field %s.%s is described already on line %d", p.row.name, f.name, other.line)
		}
	}
	p.row.fields = append(p.row.fields, f)
	return nil
}

func (p *parser) readValue(line string) error {
	words, doc, err := p.cut(line, 2)
	if err != nil {
		return err
	}
	v := value{line: p.line, name: words[1], doc: doc}
	if v.number, err = p.number(words[0], "value"); err != nil {
		return err
	}
	if !nameRule.MatchString(v.name) {
		return p.errorf(p.line, "value name %q is not lower_case", v.name)
	}
	e := p.enum
	if limit := 1 << (8 * basicSizes[e.base]); v.number >= limit {
		return p.errorf(p.line, "%s.%s: %d is not within 0 to %d", e.name, v.name, v.number, limit-1)
	}
	if e.flags && (v.number == 0 || v.number&(v.number-1) != 0) {
		return p.errorf(p.line, "%s.%s: %d is not a single bit", e.name, v.name, v.number)
	}
	for _, other := range e.values {
		if other.number == v.number || other.name == v.name {
			return p.errorf(p.line, "%s.%s: name or number is used already on line %d", e.name, v.name, other.line)
		}
	}
	e.values = append(e.values, v)
	return nil
}

// check holds what needs the whole layout: types, offsets, sizes.
func (p *parser) check() error {
	if p.out.version == 0 {
		return p.errorf(p.line, "no layout directive")
	}
	for _, r := range p.out.rows {
		if err := p.checkRow(r); err != nil {
			return err
		}
	}
	for _, e := range p.out.enums {
		if len(e.values) == 0 {
			return p.errorf(e.line, "%s has no values", e.name)
		}
	}
	return nil
}

func (p *parser) checkRow(r *row) error {
	end, widest := 0, 1
	for _, f := range r.fields {
		size, align, err := p.measure(f)
		if err != nil {
			return err
		}
		switch {
		case f.offset < end:
			return p.errorf(f.line, "field %s.%s overlaps: offset %d, but the field before ends at %d", r.name, f.name, f.offset, end)
		case f.offset > end:
			return p.errorf(f.line, "field %s.%s leaves a hole: offset %d, but the field before ends at %d", r.name, f.name, f.offset, end)
		case f.offset%align != 0:
			return p.errorf(f.line, "field %s.%s is misaligned: offset %d is not a multiple of %d", r.name, f.name, f.offset, align)
		}
		end += size
		widest = max(widest, align)
	}
	if end != r.size {
		return p.errorf(r.line, "row %s: size %d, but its fields end at %d", r.name, r.size, end)
	}
	if r.size%widest != 0 {
		return p.errorf(r.line, "row %s: size %d is not a multiple of %d, its widest field", r.name, r.size, widest)
	}
	return nil
}

// measure returns a field's size and alignment.
func (p *parser) measure(f field) (size, align int, err error) {
	if n, ok := basicSizes[f.typ]; ok {
		return n, n, nil
	}
	if f.typ == "span" {
		return 8, 4, p.checkTarget(f)
	}
	if e := p.out.enum(f.typ); e != nil {
		return basicSizes[e.base], basicSizes[e.base], nil
	}
	return 0, 0, p.errorf(f.line, "field %s has the unknown type %q", f.name, f.typ)
}

func (p *parser) checkTarget(f field) error {
	switch f.target {
	case "byte":
		if p.out.bytesTable == 0 {
			return p.errorf(f.line, "span %s counts bytes, but there is no bytes section", f.name)
		}
		return nil
	case "word":
		if p.out.idsTable == 0 {
			return p.errorf(f.line, "span %s counts ids, but there is no ids section", f.name)
		}
		return nil
	}
	for _, r := range p.out.rows {
		if r.name == f.target && !r.part() {
			return nil
		}
	}
	return p.errorf(f.line, "span %s counts the unknown row %q", f.name, f.target)
}

func (l *layout) enum(name string) *enum {
	for _, e := range l.enums {
		if e.name == name {
			return e
		}
	}
	return nil
}
