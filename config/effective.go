// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Effective is a configuration as it is in force, defaults included, with where
// each value comes from. Values that came by a reference are hidden.
type Effective struct {
	// Values is the whole in the types of encoding/json.
	Values map[string]any

	doc   *document
	added map[string]bool // built-in strategies that no file defines
}

// Origin says where a value comes from.
type Origin struct {
	// Kind is "file", "environment", "flag", "default", or "built-in" for a
	// strategy that no file defines.
	Kind string `json:"kind"`
	// File names the file, variable or flag; empty for the other kinds.
	File string `json:"file,omitempty"`
	// Line and Column are the place in a file, from 1.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// String writes the origin as a place, or as its kind.
func (o Origin) String() string {
	switch {
	case o.Kind == "file":
		return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	case o.File != "":
		return o.File
	default:
		return o.Kind
	}
}

// Value is one value of an Effective: a scalar, a list, or an empty map.
type Value struct {
	// Path is the key's path.
	Path string `json:"path"`
	// Value is Secret if it came by a reference.
	Value any `json:"value"`
	// Origin says where it comes from.
	Origin Origin `json:"origin"`
}

// Explain checks a configuration as Check does and returns it with the origin
// of each value.
func Explain(sources []Source, opts ...Option) (*Effective, error) {
	_, found, err := compile(sources, apply(append([]Option{withFiles}, opts...)))
	if err != nil {
		return nil, err
	}
	e := &Effective{Values: found.values, doc: found.doc, added: map[string]bool{}}
	for _, name := range found.doc.added {
		e.added[name] = true
	}
	e.hide(found.doc.root, e.Values)
	return e, nil
}

// hide replaces what came by a reference.
func (e *Effective) hide(n *node, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, f := range n.fields {
			if f.node.written != "" || (name == "tokens" || name == "secrets") && len(f.node.items) > 0 {
				v[name] = Secret
			} else {
				e.hide(f.node, v[name])
			}
		}
	case []any:
		for i, item := range n.items {
			if item.written != "" {
				v[i] = Secret
			} else {
				e.hide(item, v[i])
			}
		}
	}
}

// List returns every value in the order of the reference.
func (e *Effective) List() []Value {
	var list []Value
	e.each(theSchema().raw, e.Values, nil, func(path []string, value any) {
		list = append(list, Value{Path: e.doc.render(path), Value: value, Origin: e.origin(path)})
	})
	return list
}

// each calls found for every value that is no filled map.
func (e *Effective) each(r rule, value any, path []string, found func(path []string, value any)) {
	m, ok := value.(map[string]any)
	if !ok || len(m) == 0 {
		found(path, value)
		return
	}
	s := theSchema()
	for _, name := range s.inOrder(r, m) {
		e.each(s.property(r, name), m[name], under(path, name), found)
	}
}

func (e *Effective) origin(path []string) Origin {
	n := e.doc.find(path)
	switch {
	case n == nil && len(path) > 1 && path[0] == "strategies" && e.added[path[1]]:
		return Origin{Kind: "built-in"}
	case n == nil:
		return Origin{Kind: "default"}
	case strings.HasPrefix(n.file.name, "$") && n.file.outside:
		return Origin{Kind: "environment", File: n.file.name}
	case n.file.outside:
		return Origin{Kind: "flag", File: n.file.name}
	default:
		return Origin{Kind: "file", File: n.file.name, Line: n.at.line, Column: n.at.column}
	}
}

// WriteYAML writes the configuration as YAML that reads back the same, but for
// what is hidden. With origins each value is followed by a comment that says
// where it comes from.
func (e *Effective) WriteYAML(w io.Writer, origins bool) error {
	p := &printer{effective: e, origins: origins}
	p.entries(theSchema().raw, e.Values, nil)
	_, err := w.Write(p.out.Bytes())
	return err
}

// printer writes values as YAML.
type printer struct {
	effective *Effective
	origins   bool
	out       bytes.Buffer
}

func (p *printer) entries(r rule, m map[string]any, path []string) {
	s := theSchema()
	for _, name := range s.inOrder(r, m) {
		at := under(path, name)
		fmt.Fprintf(&p.out, "%s%s:", strings.Repeat("  ", len(path)), text(name))
		if inner, ok := m[name].(map[string]any); ok && len(inner) > 0 {
			p.out.WriteByte('\n')
			p.entries(s.property(r, name), inner, at)
			continue
		}
		if list, ok := m[name].([]any); ok && slices.ContainsFunc(list, isMap) {
			p.list(s.property(r, name), list, at)
			continue
		}
		p.out.WriteByte(' ')
		p.flow(s.property(r, name), m[name])
		p.end(at)
	}
}

// end ends a line with the origin of what stands on it.
func (p *printer) end(path []string) {
	if p.origins {
		fmt.Fprintf(&p.out, "  # %s", p.effective.origin(path))
	}
	p.out.WriteByte('\n')
}

func isMap(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// list writes each entry on a line of its own.
func (p *printer) list(r rule, list []any, path []string) {
	items, _ := theSchema().follow(r)["items"].(map[string]any)
	p.out.WriteByte('\n')
	for i, item := range list {
		fmt.Fprintf(&p.out, "%s- ", strings.Repeat("  ", len(path)))
		p.flow(items, item)
		p.end(under(path, index(i)))
	}
}

// flow writes a value on one line.
func (p *printer) flow(r rule, value any) {
	s := theSchema()
	switch v := value.(type) {
	case map[string]any:
		p.out.WriteByte('{')
		for i, name := range s.inOrder(r, v) {
			if i > 0 {
				p.out.WriteString(", ")
			}
			p.out.WriteString(text(name) + ": ")
			p.flow(s.property(r, name), v[name])
		}
		p.out.WriteByte('}')
	case []any:
		items, _ := s.follow(r)["items"].(map[string]any)
		p.out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				p.out.WriteString(", ")
			}
			p.flow(items, item)
		}
		p.out.WriteByte(']')
	case string:
		p.out.WriteString(text(v))
	case float64:
		p.out.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	case nil:
		p.out.WriteString("null")
	default:
		fmt.Fprint(&p.out, v)
	}
}

// text writes a text plainly where that reads back as the same text, else in
// quotes.
func text(s string) string {
	if plainText(s) {
		return s
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted) // JSON is YAML
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) //nolint:errchkjson // a text is always JSON, and the buffer takes it
	return strings.TrimSuffix(quoted.String(), "\n")
}

func plainText(s string) bool {
	plain := func(r rune) bool {
		return strings.ContainsRune("_-./()%+@", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if s == "" || strings.ContainsRune("-.%@", rune(s[0])) || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return false
	}
	f := &file{name: "text", data: []byte(s)}
	n := readValue(f, &faults{})
	return n != nil && n.fields == nil && n.items == nil && n.scalar == s
}

// inOrder returns the names in a map as the schema orders them, and other names
// by the alphabet.
func (s *schema) inOrder(r rule, m map[string]any) []string {
	order, _ := s.follow(r)[orderKey].([]string)
	names := make([]string, 0, len(m))
	for _, name := range order {
		if _, ok := m[name]; ok {
			names = append(names, name)
		}
	}
	known := len(names)
	for name := range m {
		if !slices.Contains(order, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names[known:])
	return names
}
