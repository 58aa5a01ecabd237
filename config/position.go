// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
	"unicode"
)

// mark is a place in the file; both count from 1.
type mark struct{ line, column int }

// node is a value of the file with its place: a map if fields is not nil, a
// list if items is not nil, else a scalar.
type node struct {
	at     mark
	scalar any
	// literal is how a number or truth value is written; empty otherwise.
	literal string
	fields  map[string]*field
	order   []string
	items   []*node
}

// field is an entry of a map; key is the place of its key.
type field struct {
	key  mark
	node *node
}

// plain returns the value without places, in the types that encoding/json uses,
// but for whole numbers, which are int64.
func (n *node) plain() any {
	switch {
	case n.fields != nil:
		m := make(map[string]any, len(n.fields))
		for name, f := range n.fields {
			m[name] = f.node.plain()
		}
		return m
	case n.items != nil:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain()
		}
		return list
	default:
		return n.scalar
	}
}

// document is a file as it was read, and what was set over it.
type document struct {
	file string
	// data is what the file holds.
	data []byte
	// folder is the file's, an absolute path.
	folder string
	// root is nil if the file could not be read.
	root *node
	// over holds the origin of each value set from outside, by joined path.
	over map[string]string
	// added lists the built-in strategies that the file does not define.
	added []string
}

// separator joins paths for koanf and for maps. No name holds it: readYAML
// refuses keys with control characters.
const separator = "\x1f"

// value returns the place of the value at path, or of the nearest key above it
// when it is not in the file.
func (d *document) value(path []string) Error { return d.place(path, false) }

// key returns the place of the key at path.
func (d *document) key(path []string) Error { return d.place(path, true) }

// missing returns the place of the map at path's parent, with path itself.
func (d *document) missing(path []string) Error {
	e := d.place(path[:len(path)-1], true)
	e.Path = d.render(path)
	return e
}

func (d *document) place(path []string, key bool) Error {
	if origin, ok := d.over[strings.Join(path, separator)]; ok {
		return Error{File: origin, Line: 1, Column: 1, Path: d.render(path)}
	}
	at, n := mark{1, 1}, d.root
	for i, step := range path {
		next, place := n.step(step)
		if next == nil {
			break
		}
		n, at = next, place
		if i == len(path)-1 && !key {
			at = n.at
		}
	}
	return Error{File: d.file, Line: at.line, Column: at.column, Path: d.render(path)}
}

// literal returns how the number or truth value at path is written in the file;
// empty for anything else.
func (d *document) literal(path []string) string {
	if _, ok := d.over[strings.Join(path, separator)]; ok {
		return ""
	}
	n := d.root
	for _, step := range path {
		if n, _ = n.step(step); n == nil {
			return ""
		}
	}
	return n.literal
}

// within returns the place of a character of the text at path, given by its
// line and column in the text. It fails if the text does not stand in the file
// as it is, because it is folded or has escapes.
func (d *document) within(path []string, line, column int) (mark, bool) {
	n := d.root
	for _, step := range path {
		if n, _ = n.step(step); n == nil {
			return mark{}, false
		}
	}
	text, _ := n.scalar.(string)
	want, lines := strings.Split(text, "\n"), strings.Split(string(d.data), "\n")
	if line < 1 || line > len(want) || n.at.line+line > len(lines)+1 {
		return mark{}, false
	}
	first := []rune(lines[n.at.line-1])
	if n.at.column > len(first) {
		return mark{}, false
	}
	at := n.at
	switch first[at.column-1] {
	case '|', '>':
		at.line += line
		before, _, ok := strings.Cut(lines[min(at.line, len(lines))-1], want[line-1])
		at.column = len([]rune(before)) + column
		return at, ok && strings.TrimSpace(before) == ""
	case '\'', '"':
		at.column++
	}
	at.column += column - 1
	return at, len(want) == 1 && strings.HasPrefix(string(first[at.column-column:]), text)
}

// step returns the value under a key or index, and the place of its key.
func (n *node) step(step string) (*node, mark) {
	if f, ok := n.fields[step]; ok {
		return f.node, f.key
	}
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.items) {
		return n.items[i], n.items[i].at
	}
	return nil, mark{}
}

// render writes a path for people: names with dots, indices in brackets.
func (d *document) render(path []string) string {
	var b strings.Builder
	n := d.root
	for _, step := range path {
		if n != nil && n.items != nil {
			b.WriteString("[" + step + "]")
		} else {
			writeName(&b, step)
		}
		if n != nil {
			n, _ = n.step(step)
		}
	}
	return b.String()
}

func writeName(b *strings.Builder, name string) {
	if b.Len() > 0 {
		b.WriteByte('.')
	}
	odd := func(r rune) bool {
		return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	if name == "" || strings.ContainsFunc(name, odd) {
		name = strconv.Quote(clip(name))
	}
	b.WriteString(name)
}

// clip shortens a text that would make a message unreadable.
func clip(s string) string {
	const most = 80
	runes := 0
	for i := range s {
		if runes == most {
			return s[:i] + "…"
		}
		runes++
	}
	return s
}
