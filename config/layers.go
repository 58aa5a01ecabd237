// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/patchbay-cx/patchbay/core/near"
)

// source is a layer for koanf.
type source map[string]any

var _ koanf.Provider = source(nil)

// Read implements koanf.Provider.
func (s source) Read() (map[string]any, error) { return s, nil }

// ReadBytes implements koanf.Provider; a source has no bytes.
func (s source) ReadBytes() ([]byte, error) {
	return nil, errors.New("config: a layer has no bytes")
}

// The sections that do not go through koanf: agents, because it copies what it
// is given several times, which for 100,000 of them costs as much as reading
// them; skills, because it is the one list that layers add to.
const (
	sectionAgents = "agents"
	sectionSkills = "skills"
)

// overlay puts the layers over each other: the defaults, the files in their
// order, the environment and flags. It returns the whole in plain types, nil if
// a layer could not be read, and leaves in doc where each value stands.
func overlay(doc *document, layers []*node, o *options, faults *faults) (map[string]any, error) {
	layers = append(layers, o.outside(doc, faults)...)
	if slices.Contains(layers, nil) {
		return nil, nil
	}
	k := koanf.New(separator)
	for _, layer := range layers {
		follow(layer, doc.files[0].folder, o, faults)
		if err := k.Load(source(small(layer)), nil); err != nil {
			return nil, fmt.Errorf("config: layers: %w", err)
		}
	}
	doc.root = layers[0]
	for _, layer := range layers[1:] {
		doc.root.over(layer)
	}
	values := k.Raw()
	for _, section := range []string{sectionAgents, sectionSkills} {
		if f, ok := doc.root.fields[section]; ok {
			values[section] = f.node.plain()
		}
	}
	doc.added = withBuiltins(values, o.builtins)
	s := theSchema()
	s.complete(s.raw, values)
	return values, nil
}

// small returns the layer without the sections that do not go through koanf.
func small(layer *node) map[string]any {
	rest := &node{fields: make(map[string]*field, len(layer.fields))}
	for name, f := range layer.fields {
		if name != sectionAgents && name != sectionSkills {
			rest.fields[name] = f
		}
	}
	m, _ := rest.plain().(map[string]any)
	return m
}

// over puts upper over the map n: maps are joined key by key, and anything else
// is replaced whole, lists too. The list of all skills is joined: each file may
// bring its own.
func (n *node) over(upper *node) {
	for _, name := range upper.order {
		theirs := upper.fields[name]
		mine, ok := n.fields[name]
		switch {
		case !ok:
			n.put(name, theirs)
		case mine.node.fields != nil && theirs.node.fields != nil:
			mine.node.over(theirs.node)
		case name == sectionSkills && n.top && mine.node.items != nil && theirs.node.items != nil:
			mine.node.join(theirs.node)
		default:
			n.fields[name] = theirs
		}
	}
}

// join adds what the list n lacks.
func (n *node) join(upper *node) {
	there := make(map[any]bool, len(n.items))
	for _, item := range n.items {
		there[item.scalar] = true
	}
	for _, item := range upper.items {
		if item.scalar == nil || !there[item.scalar] {
			n.items = append(n.items, item)
		}
	}
}

// fallback is the built-in strategy that there always is.
const fallback = "queue"

// withBuiltins adds the built-in strategies that are not defined anew, and
// returns their names. A new definition replaces one whole: half of each would
// be neither.
func withBuiltins(values map[string]any, names []string) (added []string) {
	if _, ok := values["strategies"]; !ok {
		values["strategies"] = map[string]any{}
	}
	strategies, ok := values["strategies"].(map[string]any)
	if !ok {
		return nil
	}
	for _, name := range append([]string{fallback}, names...) {
		if _, ok := strategies[name]; !ok {
			strategies[name] = map[string]any{"runtime": runtimeBuiltin, "source": name}
			added = append(added, name)
		}
	}
	return added
}

// outside returns what the environment and flags say as layers.
func (o *options) outside(doc *document, faults *faults) []*node {
	var layers []*node
	for _, s := range o.settings {
		if s.unknown != "" {
			warnVariable(s, faults)
			continue
		}
		f := &file{name: s.origin, data: []byte(s.value), folder: workingFolder(), outside: true, from: s.path}
		doc.files = append(doc.files, f)
		layers = append(layers, s.layer(f, faults))
	}
	return layers
}

// layer returns the setting as a map within maps; nil if it cannot be read.
func (s setting) layer(f *file, faults *faults) *node {
	start := mark{1, 1}
	value := &node{file: f, at: start, scalar: s.value}
	if strings.TrimSpace(s.value) == "" {
		value.scalar = nil
	} else if !theSchema().textual(s.path) {
		if value = readValue(f, faults); value == nil {
			return nil
		}
	}
	for i, step := range slices.Backward(s.path) {
		m := &node{file: f, at: start, fields: map[string]*field{}, top: i == 0}
		m.put(step, &field{file: f, key: start, node: value})
		value = m
	}
	return value
}

// textual reports whether what stands at the path can only be a text, which
// then needs no quotes.
func (s *schema) textual(path []string) bool {
	r := s.raw
	for _, step := range path {
		if r = s.property(r, step); r == nil {
			return false
		}
	}
	r = s.follow(r)
	return r["type"] == "string" || r["enum"] != nil
}

// warnVariable speaks up when a variable is nearly one of ours.
func warnVariable(s setting, faults *faults) {
	var known []string
	for _, path := range settable {
		known = append(known, strings.TrimPrefix(variable(path), prefix))
	}
	if meant := near.Name(strings.TrimPrefix(s.unknown, prefix), known); meant != "" {
		faults.warn(Error{
			File: s.origin, Line: 1, Column: 1, Code: CodeUnused,
			Message: fmt.Sprintf("this variable sets nothing; did you mean $%s?", prefix+meant),
		})
	}
}
