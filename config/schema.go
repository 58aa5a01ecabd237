// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

//go:embed schema.json
var schemaJSON []byte

// schemaURL is the schema's name inside this program; nothing is fetched.
const schemaURL = "https://patchbay.dev/schema/config.json"

// Schema returns the JSON Schema (draft 2020-12) of a configuration, for
// editors and for other tools. Each call returns a copy of its own.
//
// The formats in it whose names begin with "patchbay-" are Patchbay's own; an
// editor that does not know them ignores them.
func Schema() []byte { return slices.Clone(schemaJSON) }

// FragmentSchema is Schema for one of several files, which together say what is
// required: it requires no section.
func FragmentSchema() []byte {
	var doc map[string]any
	if err := json.Unmarshal(schemaJSON, &doc); err != nil {
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	delete(doc, "required")
	doc["$id"] = strings.TrimSuffix(schemaURL, ".json") + "-fragment.json"
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	return append(out, '\n')
}

// schema is the compiled schema beside the document it was made from, which
// also has the titles and the defaults.
type schema struct {
	compiled *jsonschema.Schema
	raw      rule
	// patterns and formats are those that keys have.
	patterns map[string]*regexp.Regexp
	formats  map[string]func(any) error
}

// rule is one schema inside the schema document.
type rule map[string]any

// theSchema compiles the embedded schema once. A schema that does not compile
// is a programming fault.
//
//nolint:gochecknoglobals // computed once, never written to
var theSchema = sync.OnceValue(func() *schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	for _, f := range formats() {
		compiler.RegisterFormat(&f)
	}
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	compiled, err := compiler.Compile(schemaURL)
	if err != nil {
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	s := &schema{
		compiled: compiled, raw: rule(doc.(map[string]any)),
		patterns: map[string]*regexp.Regexp{}, formats: map[string]func(any) error{},
	}
	for _, f := range formats() {
		s.formats[f.Name] = f.Validate
	}
	arrange(s.raw, schemaJSON)
	for _, name := range []string{"name", "label"} {
		pattern := s.at("#/$defs/" + name)["pattern"].(string)
		s.patterns[pattern] = regexp.MustCompile(pattern)
	}
	return s
})

// orderKey is where a rule with properties keeps their order.
const orderKey = "patchbay-order"

// arrange notes the order in which the document lists the properties of each
// rule, which a map does not keep.
func arrange(r rule, document []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(document, &doc); err != nil { // JSON is YAML
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	arrangeNode(r, doc.Content[0])
}

func arrangeNode(r map[string]any, n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		inner, ok := r[name].(map[string]any)
		if !ok {
			continue
		}
		arrangeNode(inner, value)
		if name == "properties" {
			order := make([]string, 0, len(inner))
			for j := 0; j < len(value.Content); j += 2 {
				order = append(order, value.Content[j].Value)
			}
			r[orderKey] = order
		}
	}
}

// at returns the rule at a location such as "#/$defs/name/properties/size".
func (s *schema) at(location string) rule {
	_, pointer, _ := strings.Cut(location, "#")
	var v any = map[string]any(s.raw)
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		m, ok := v.(map[string]any)
		if !ok || step == "" {
			break
		}
		v = m[step]
	}
	m, _ := v.(map[string]any)
	return m
}

// follow returns the rule a reference leads to, or r itself.
func (s *schema) follow(r rule) rule {
	if ref, ok := r["$ref"].(string); ok {
		return s.at(ref)
	}
	return r
}

// title says what a value must be, as the end of "it must be …".
func (s *schema) title(r rule) string {
	if title, ok := r["title"].(string); ok {
		return title
	}
	title, _ := s.follow(r)["title"].(string)
	return title
}

// property returns the rule for a key of the map that r describes; nil if
// there is none.
func (s *schema) property(r rule, key string) rule {
	r = s.follow(r)
	if properties, ok := r["properties"].(map[string]any); ok {
		if p, ok := properties[key].(map[string]any); ok {
			return p
		}
	}
	additional, _ := r["additionalProperties"].(map[string]any)
	return additional
}

// keys returns the names of the keys that the map r describes may have,
// sorted; nil if any name is allowed.
func (s *schema) keys(r rule) []string {
	properties, _ := s.follow(r)["properties"].(map[string]any)
	return sortedKeys(properties)
}

// complete fills every default into a value that r describes. What has the
// wrong type is left alone; the check speaks of it.
func (s *schema) complete(r rule, value any) {
	r = s.follow(r)
	if list, ok := value.([]any); ok {
		if items, ok := r["items"].(map[string]any); ok {
			for _, item := range list {
				s.complete(items, item)
			}
		}
		return
	}
	m, ok := value.(map[string]any)
	if !ok {
		return
	}
	properties, _ := r["properties"].(map[string]any)
	for name, p := range properties {
		if fallback, ok := p.(map[string]any)["default"]; ok {
			if _, there := m[name]; !there {
				m[name] = fresh(fallback)
			}
		}
	}
	for name, v := range m {
		if p := s.property(r, name); p != nil {
			s.complete(p, v)
		}
	}
}

// fresh copies a default, so that no two configurations share one.
func fresh(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, inner := range v {
			m[name] = fresh(inner)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = fresh(v[i])
		}
		return list
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	default:
		return v
	}
}

// keysOf calls bad for each key of a map whose keys are names, or dates, and so
// on, that is none, with what it must be.
func (s *schema) keysOf(r rule, value any, path []string, bad func(path []string, title string)) {
	r = s.follow(r)
	switch v := value.(type) {
	case []any:
		if items, ok := r["items"].(map[string]any); ok {
			for i := range v {
				s.keysOf(items, v[i], append(path, index(i)), bad)
			}
		}
	case map[string]any:
		keys, _ := r["propertyNames"].(map[string]any)
		keys = s.follow(keys)
		for name, inner := range v {
			path := append(path, name)
			if keys != nil && !s.isKey(keys, name) {
				bad(path, s.title(keys))
			}
			if p := s.property(r, name); p != nil {
				s.keysOf(p, inner, path, bad)
			}
		}
	}
}

// isKey reports whether a text is what the rule for keys asks for: a pattern
// with a length, or one of our formats.
func (s *schema) isKey(r rule, text string) bool {
	if name, ok := r["format"].(string); ok {
		return s.formats[name](text) == nil
	}
	pattern, _ := r["pattern"].(string)
	return s.patterns[pattern].MatchString(text) && len([]rune(text)) <= s.longest(r)
}

func (s *schema) longest(r rule) int {
	longest, _ := fresh(r["maxLength"]).(int64)
	return int(longest)
}

func (s *schema) isName(text string) bool { return s.isKey(s.at("#/$defs/name"), text) }
