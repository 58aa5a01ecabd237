// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/patchbay-cx/patchbay/core/near"
)

// unknownKeys finds the keys that nothing in a Scenario reads. The decoder finds
// those that are there twice.
func unknownKeys(file string, root *yaml.Node) Faults {
	w := &keyWalk{file: file}
	for _, top := range root.Content {
		w.walk(top, reflect.TypeFor[Scenario](), nil)
	}
	return w.faults
}

// keyWalk goes through a document and the types that read it side by side.
type keyWalk struct {
	file   string
	faults Faults
}

func (w *keyWalk) walk(n *yaml.Node, t reflect.Type, path []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[AnswerTime]() {
		t = reflect.TypeFor[Distribution]()
	}
	if n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice {
		for i, item := range n.Content {
			w.walk(item, t.Elem(), append(path, fmt.Sprint(i)))
		}
	}
	if n.Kind != yaml.MappingNode { // an alias was walked where its anchor stands
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := append(slices.Clip(path), key.Value)
		switch {
		case key.ShortTag() == "!!merge" && value.Kind == yaml.SequenceNode:
			for _, one := range value.Content {
				w.walk(one, t, path)
			}
		case key.ShortTag() == "!!merge":
			w.walk(value, t, path)
		case t.Kind() == reflect.Map:
			w.walk(value, t.Elem(), at)
		case t.Kind() == reflect.Struct:
			field, ok := fieldOf(t, key.Value)
			if !ok {
				w.unknown(key, t, at)
				continue
			}
			w.walk(value, field, at)
		}
	}
}

func (w *keyWalk) unknown(key *yaml.Node, t reflect.Type, path []string) {
	names := keysOf(t)
	if len(names) == 0 {
		return // it is no map at all, which the decoder says
	}
	hint := "; there are " + strings.Join(names, ", ")
	if meant := nearest(key.Value, names); meant != "" {
		hint = fmt.Sprintf("; did you mean %q?", meant)
	}
	w.faults = append(w.faults, Fault{
		File: w.file, Line: max(key.Line, 1), Column: max(key.Column, 1), Path: strings.Join(path, "."),
		Message: fmt.Sprintf("there is no key %q here%s", key.Value, hint),
	})
}

// fieldOf returns the type that reads a key of a map.
func fieldOf(t reflect.Type, key string) (reflect.Type, bool) {
	for field := range t.Fields() {
		if name := field.Tag.Get("yaml"); name != "" && name == key {
			return field.Type, true
		}
	}
	return nil, false
}

// keysOf returns the keys of a map that the type reads, in its order.
func keysOf(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		if name := field.Tag.Get("yaml"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// nearest returns the candidate that got is most likely a misspelling of; empty
// if it is like none, or too long to be one.
func nearest(got string, candidates []string) string {
	const longest = 64
	if utf8.RuneCountInString(got) > longest {
		return ""
	}
	return near.Name(got, candidates)
}
