// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/patchbay-cx/patchbay/core/giveway"
)

const (
	// maxDepth bounds nesting. The schema needs ten levels; the rest is for
	// the settings of strategies.
	maxDepth = 64
	// maxCopies bounds the values that aliases add, so that a small file cannot
	// become a large one.
	maxCopies = 100_000
)

// paced pauses at reads: hosts read long files while they route.
type paced struct {
	io.Reader
	pace *giveway.Pace
}

// Read implements io.Reader.
func (r paced) Read(p []byte) (int, error) {
	r.pace.Pause()
	return r.Reader.Read(p)
}

// readYAML reads a file. What is wrong goes to faults; the node then holds what
// could be read, so that the rest can be checked too. It is nil if nothing
// could.
func readYAML(f *file, faults *faults) *node {
	root := readValue(f, faults)
	if root != nil && root.fields == nil {
		r := &reader{file: f, faults: faults}
		r.fault(root.at, CodeType, "the file must be a map of Patchbay's settings, such as \"queues:\" with what belongs to it below")
		return nil
	}
	if root != nil {
		root.top = true
	}
	return root
}

// readValue reads any value of YAML. What is empty is an empty map.
func readValue(f *file, faults *faults) *node {
	r := &reader{file: f, faults: faults, path: slices.Clone(f.from)}
	empty := &node{file: f, at: mark{1, 1}, fields: map[string]*field{}}
	if at, ok := badText(f.data); ok {
		r.fault(at, CodeSyntax, "this character cannot stand in a text; save the file as UTF-8, without control characters")
		return nil
	}
	decoder := yaml.NewDecoder(paced{bytes.NewReader(f.data), f.pace})
	var file yaml.Node
	switch err := decoder.Decode(&file); {
	case errors.Is(err, io.EOF):
		return empty
	case err != nil:
		r.syntax(f.data, err)
		return nil
	}
	top := file.Content[0]
	if top.ShortTag() == "!!null" {
		r.second(f.data, decoder)
		return empty
	}
	root := r.read(top)
	r.second(f.data, decoder)
	if r.bloated {
		return nil
	}
	return root
}

type reader struct {
	file   *file
	faults *faults
	path   []string
	// inside counts the aliases being followed, copies what they have added.
	inside, copies int
	// bloated says that they added too much; the file is then given up.
	bloated bool
}

func (r *reader) fault(at mark, code Code, format string, args ...any) {
	r.faults.add(stageYAML, Error{
		File: r.file.name, Line: at.line, Column: at.column, Path: renderRaw(r.path),
		Code: code, Message: fmt.Sprintf(format, args...),
	})
}

// renderRaw renders a path whose indices are already in brackets, as they are
// while the tree is not there yet.
func renderRaw(path []string) string {
	var b strings.Builder
	for _, step := range path {
		if strings.HasPrefix(step, "[") {
			b.WriteString(step)
		} else {
			writeName(&b, step)
		}
	}
	return b.String()
}

// second complains of a second document in the file.
func (r *reader) second(data []byte, decoder *yaml.Decoder) {
	var more yaml.Node
	switch err := decoder.Decode(&more); {
	case errors.Is(err, io.EOF):
	case err != nil:
		r.syntax(data, err)
	default:
		r.fault(mark{max(more.Line, 1), max(more.Column, 1)}, CodeUnsupported, "a second document begins here; a configuration is one document, so remove the line \"---\" above")
	}
}

// read turns a node into one of ours; nil if it cannot be used at all.
func (r *reader) read(n *yaml.Node) *node {
	at := mark{max(n.Line, 1), max(n.Column, 1)}
	if len(r.path) > maxDepth {
		r.fault(at, CodeUnsupported, "this is nested more than %d levels deep", maxDepth)
		return nil
	}
	if r.inside > 0 {
		r.copies++
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.alias(n, at)
	case yaml.MappingNode:
		return r.mapping(n, at)
	case yaml.SequenceNode:
		return r.sequence(n, at)
	default:
		return r.scalar(n, at)
	}
}

func (r *reader) alias(n *yaml.Node, at mark) *node {
	switch {
	case r.bloated:
		return nil
	case r.copies > maxCopies:
		r.bloated = true
		r.fault(at, CodeUnsupported, "aliases make this file too large: more than %d copied values", maxCopies)
		return nil
	case contains(n.Alias, n):
		r.fault(at, CodeUnsupported, "the anchor %q contains itself", clip(n.Value))
		return nil
	}
	r.inside++
	defer func() { r.inside-- }()
	return r.read(n.Alias)
}

// contains reports whether inner stands inside outer, aliases not followed.
func contains(outer, inner *yaml.Node) bool {
	return outer == inner || slices.ContainsFunc(outer.Content, func(n *yaml.Node) bool { return contains(n, inner) })
}

func (r *reader) sequence(n *yaml.Node, at mark) *node {
	if !r.plainTag(n, at, "!!seq") {
		return nil
	}
	list := &node{file: r.file, at: at, items: make([]*node, 0, len(n.Content))}
	for i, item := range n.Content {
		r.path = append(r.path, "["+strconv.Itoa(i)+"]")
		list.items = append(list.items, r.value(item))
		r.path = r.path[:len(r.path)-1]
	}
	return list
}

func (r *reader) mapping(n *yaml.Node, at mark) *node {
	if !r.plainTag(n, at, "!!map") {
		return nil
	}
	m := &node{file: r.file, at: at, fields: make(map[string]*field, len(n.Content)/2)}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		name, ok := r.key(key)
		if !ok {
			continue
		}
		r.path = append(r.path, name)
		r.entry(m, name, key, value)
		r.path = r.path[:len(r.path)-1]
	}
	for _, source := range merges {
		r.merge(m, source)
	}
	return m
}

// entry adds one key to a map. A key that is there twice is an error, but what
// its second value adds is kept, so that its faults are found in the same run
// and names it defines are not called unknown.
func (r *reader) entry(m *node, name string, key, value *yaml.Node) {
	at := mark{key.Line, key.Column}
	first := m.fields[name]
	if first != nil {
		r.fault(at, CodeDuplicate, "the key %q is there already, in line %d; keep one of the two", clip(name), first.key.line)
	}
	read := r.value(value)
	if first != nil {
		first.node.fill(read)
		return
	}
	m.put(name, &field{file: r.file, key: at, node: read})
}

// value reads a node, or puts an empty one in its place if it was refused: the
// key stays known, and a later complaint about the same place stays unheard.
func (r *reader) value(n *yaml.Node) *node {
	if read := r.read(n); read != nil {
		return read
	}
	return &node{file: r.file, at: mark{max(n.Line, 1), max(n.Column, 1)}}
}

func (n *node) put(name string, f *field) {
	n.fields[name] = f
	n.order = append(n.order, name)
}

// fill adds what n lacks and other has, in maps within maps too.
func (n *node) fill(other *node) {
	if n.fields == nil || other.fields == nil {
		return
	}
	for _, name := range other.order {
		if mine, ok := n.fields[name]; ok {
			mine.node.fill(other.fields[name].node)
		} else {
			n.put(name, other.fields[name])
		}
	}
}

// merge adds the entries of a merge key ("<<") that the map lacks.
func (r *reader) merge(m *node, source *yaml.Node) {
	at := mark{source.Line, source.Column}
	sources := []*node{r.read(source)}
	if sources[0] != nil && sources[0].items != nil {
		sources = sources[0].items
	}
	for _, s := range sources {
		switch {
		case s == nil:
		case s.fields == nil:
			r.fault(at, CodeUnsupported, "\"<<\" takes a map, or a list of maps, such as \"<<: *name\"")
		default:
			for _, name := range s.order {
				if _, ok := m.fields[name]; !ok {
					m.put(name, s.fields[name])
				}
			}
		}
	}
}

// key returns a map's key as a text. Numbers serve as names, as they do in
// "1001: {name: Anna}".
func (r *reader) key(n *yaml.Node) (string, bool) {
	at := mark{n.Line, n.Column}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		r.fault(at, CodeUnsupported, "a map or list cannot be a key; a key is a text")
	case n.ShortTag() == "!!null":
		r.fault(at, CodeUnsupported, "a key is missing before the colon")
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		r.fault(at, CodeUnsupported, "the key %q holds a control character", clip(n.Value))
	default:
		return n.Value, true
	}
	return "", false
}

func (r *reader) plainTag(n *yaml.Node, at mark, want string) bool {
	if tag := n.ShortTag(); tag != want {
		r.fault(at, CodeUnsupported, "the tag %s means nothing here; remove it", clip(tag))
		return false
	}
	return true
}

func (r *reader) scalar(n *yaml.Node, at mark) *node {
	out := &node{file: r.file, at: at}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp", "!!merge":
		out.scalar = n.Value
	case "!!null":
	case "!!int", "!!float", "!!bool":
		value, ok := number(n)
		if !ok {
			r.fault(at, CodeType, "this is not a finite number, nor true or false; write one of these, or a text in quotes")
			return nil
		}
		out.scalar, out.literal = value, n.Value
	default:
		r.fault(at, CodeUnsupported, "the tag %s means nothing here; remove it", clip(tag))
		return nil
	}
	return out
}

// number decodes a number or a boolean.
func number(n *yaml.Node) (any, bool) {
	var value any
	if err := n.Decode(&value); err != nil {
		return nil, false
	}
	switch v := value.(type) {
	case int:
		return int64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case int64, bool:
		return v, true
	default:
		return nil, false
	}
}
