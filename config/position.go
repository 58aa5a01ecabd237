// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/patchbay-cx/patchbay/core/giveway"
)

// file is where values come from: a file, a variable or a flag.
type file struct {
	// name is what errors call it: the path as it was given, "$PATCHBAY_LISTEN"
	// or "--listen".
	name string
	// data is what the file holds.
	data []byte
	// folder is where its relative paths start, an absolute path.
	folder string
	// outside says that it is a variable or a flag.
	outside bool
	// from is the path of what is in it; nil for a whole configuration.
	from []string
	// pace is at what pace it is read; nil for without pauses.
	pace *giveway.Pace
}

// mark is a place in a file; both count from 1.
type mark struct{ line, column int }

// node is a value with its place: a map if fields is not nil, a list if items
// is not nil, else a scalar.
type node struct {
	file   *file
	at     mark
	scalar any
	// literal is how a number or truth value is written; empty otherwise.
	literal string
	// written is the text before its references were followed; empty if it has
	// none.
	written string
	fields  map[string]*field
	order   []string
	items   []*node
	// top says that it is a whole configuration.
	top bool
}

// field is an entry of a map; key is the place of its key.
type field struct {
	file *file
	key  mark
	node *node
}

// plain returns the value without places, in the types that encoding/json uses,
// but for whole numbers, which are int64.
func (n *node) plain() any {
	return n.convert(func(n *node) any { return n.scalar })
}

// convert is plain with scalars of one's own.
func (n *node) convert(scalar func(*node) any) any {
	switch {
	case n.fields != nil:
		m := make(map[string]any, len(n.fields))
		for name, f := range n.fields {
			m[name] = f.node.convert(scalar)
		}
		return m
	case n.items != nil:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.convert(scalar)
		}
		return list
	default:
		return scalar(n)
	}
}

// document is what all layers say together.
type document struct {
	// files are the layers in their order, the first file first. There is at
	// least one.
	files []*file
	// root is nil if a file could not be read.
	root *node
	// added lists the built-in strategies that no file defines.
	added []string
}

// separator joins paths for koanf and for maps. No name holds it: readYAML
// refuses keys with control characters.
const separator = "\x1f"

// value returns the place of the value at path, or of the nearest key above it
// when it is in no layer.
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
	in, at, n := d.files[0], mark{1, 1}, d.root
	for i, step := range path {
		next, from, place := n.step(step)
		if next == nil {
			break
		}
		n, in, at = next, from, place
		if i == len(path)-1 && !key {
			in, at = n.file, n.at
		}
	}
	return Error{File: in.name, Line: at.line, Column: at.column, Path: d.render(path)}
}

// find returns the value at path, nil if no layer has it.
func (d *document) find(path []string) *node {
	n := d.root
	for _, step := range path {
		if n == nil {
			return nil
		}
		n, _, _ = n.step(step)
	}
	return n
}

// literal returns how the number or truth value at path is written in the file;
// empty for anything else.
func (d *document) literal(path []string) string {
	if n := d.find(path); n != nil {
		return n.literal
	}
	return ""
}

// within returns the place of a character of the text at path, given by its
// line and column in the text. It fails if the text does not stand in the file
// as it is, because it is folded or has escapes.
func (d *document) within(path []string, line, column int) (mark, bool) {
	n := d.find(path)
	if n == nil {
		return mark{}, false
	}
	text, _ := n.scalar.(string)
	want, lines := strings.Split(text, "\n"), strings.Split(string(n.file.data), "\n")
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
func (n *node) step(step string) (*node, *file, mark) {
	if f, ok := n.fields[step]; ok {
		return f.node, f.file, f.key
	}
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.items) {
		return n.items[i], n.items[i].file, n.items[i].at
	}
	return nil, nil, mark{}
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
			n, _, _ = n.step(step)
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
