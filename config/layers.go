// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"maps"
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

// overlay puts the layers over each other, the file with its defaults, the
// environment and flags, and returns the whole in plain types; nil if the file
// could not be read.
func overlay(doc *document, o *options, faults *faults) (map[string]any, error) {
	if doc.root == nil {
		return nil, nil
	}
	file, _ := doc.root.plain().(map[string]any)
	doc.added = withBuiltins(file, o.builtins)
	s := theSchema()
	s.complete(s.raw, file)
	all := []map[string]any{head(file)}
	for _, l := range o.layers {
		if l.unknown != "" {
			warnVariable(l, faults)
			continue
		}
		doc.over[strings.Join(l.path, separator)] = l.origin
		all = append(all, l.nested())
	}
	k := koanf.New(separator)
	for _, one := range all {
		if err := k.Load(source(one), nil); err != nil {
			return nil, fmt.Errorf("config: layers: %w", err)
		}
	}
	maps.Copy(file, k.Raw())
	return file, nil
}

// head returns the part of the file that a layer can change. The rest, which
// may hold 100,000 agents, need not be copied.
func head(file map[string]any) map[string]any {
	m := map[string]any{}
	for _, path := range settable {
		if v, ok := file[path[0]]; ok {
			m[path[0]] = v
		}
	}
	return m
}

// fallback is the built-in strategy that there always is.
const fallback = "queue"

// withBuiltins adds the built-in strategies that are not defined anew, and
// returns their names. A new definition replaces one whole: half of each would
// be neither.
func withBuiltins(file map[string]any, names []string) (added []string) {
	if _, ok := file["strategies"]; !ok {
		file["strategies"] = map[string]any{}
	}
	strategies, ok := file["strategies"].(map[string]any)
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

// forget drops the strategies that were added and that nothing names, but for
// the fallback.
func (c *Config) forget(added []string) {
	named := map[string]bool{fallback: true}
	for _, r := range c.RoutingConfigs {
		named[r.Strategy], named[r.Fallback] = true, true
	}
	for _, name := range added {
		if !named[name] {
			delete(c.Strategies, name)
		}
	}
}

// nested returns the layer as a map within maps.
func (l layer) nested() map[string]any {
	var v any = l.value
	for _, v0 := range slices.Backward(l.path) {
		v = map[string]any{v0: v}
	}
	return v.(map[string]any)
}

// warnVariable speaks up when a variable is nearly one of ours.
func warnVariable(l layer, faults *faults) {
	var known []string
	for _, path := range settable {
		known = append(known, strings.TrimPrefix(variable(path), prefix))
	}
	if meant := near.Name(strings.TrimPrefix(l.unknown, prefix), known); meant != "" {
		faults.warn(Error{
			File: l.origin, Line: 1, Column: 1, Code: CodeUnused,
			Message: fmt.Sprintf("this variable sets nothing; did you mean $%s?", prefix+meant),
		})
	}
}
