// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Entry is one key of a configuration, as the schema describes it.
type Entry struct {
	// Path is the key's path. NAME, VALUE, SKILL, DAYS and DATE stand for names
	// of one's own, [] for every entry of a list.
	Path string `json:"path"`
	// Must says what the value must be.
	Must string `json:"must"`
	// Meaning says what it means; empty where the key's name says it.
	Meaning string `json:"meaning,omitempty"`
	// Default is what holds without it, as JSON; empty if there is none.
	Default string `json:"default,omitempty"`
	// Required says that it must be there.
	Required bool `json:"required,omitempty"`
	// Variable names the environment variable that sets it; mostly empty.
	Variable string `json:"variable,omitempty"`
	// Like is the path of a key whose keys this one has too; mostly empty.
	Like string `json:"like,omitempty"`
}

// Reference returns every key there is, in the order of the schema.
func Reference() []Entry {
	l := &lister{schema: theSchema(), seen: map[string]string{}}
	l.properties("", l.schema.raw)
	return l.keys
}

// lister gathers keys. What several keys share is listed with the first.
type lister struct {
	schema *schema
	keys   []Entry
	seen   map[string]string // path by reference
}

func (l *lister) properties(path string, r rule) {
	required, _ := r["required"].([]any)
	properties, _ := r["properties"].(map[string]any)
	order, _ := r[orderKey].([]string)
	for _, name := range order {
		p, _ := properties[name].(map[string]any)
		k := l.key(strings.TrimPrefix(path+"."+name, "."), p)
		k.Required = slices.Contains(texts(required), name)
		l.add(k, p)
	}
}

func (l *lister) key(path string, p rule) Entry {
	k := Entry{Path: path, Must: l.schema.title(p), Meaning: l.meaning(p)}
	for _, s := range settable {
		if strings.Join(s, ".") == path {
			k.Variable = variable(s)
		}
	}
	if value, ok := p["default"]; ok {
		text, _ := json.Marshal(fresh(value)) //nolint:errchkjson // it came from JSON
		k.Default = string(text)
	}
	return k
}

func (l *lister) meaning(p rule) string {
	if text, ok := p["description"].(string); ok {
		return text
	}
	text, _ := l.schema.follow(p)["description"].(string)
	return text
}

// add lists a key and what is below it.
func (l *lister) add(k Entry, p rule) {
	if ref, ok := p["$ref"].(string); ok {
		if first, again := l.seen[ref]; again && l.deep(p) {
			k.Like = first
			l.keys = append(l.keys, k)
			return
		}
		l.seen[ref] = k.Path
	}
	l.keys = append(l.keys, k)
	l.below(k.Path, l.schema.follow(p))
}

func (l *lister) below(path string, r rule) {
	if items, ok := r["items"].(map[string]any); ok && l.deep(items) {
		l.inner(path+"[]", items)
	}
	if inner, ok := r["additionalProperties"].(map[string]any); ok && l.deep(inner) {
		l.inner(path+"."+l.placeholder(r), inner)
	}
	l.properties(path, r)
}

// inner lists what every entry of a map or list has.
func (l *lister) inner(path string, p rule) {
	if ref, ok := p["$ref"].(string); ok {
		if first, again := l.seen[ref]; again {
			l.keys = append(l.keys, Entry{Path: path, Must: l.schema.title(p), Meaning: l.meaning(p), Like: first})
			return
		}
		l.seen[ref] = path
	}
	l.below(path, l.schema.follow(p))
}

// deep reports whether there are keys below.
func (l *lister) deep(p rule) bool {
	r := l.schema.follow(p)
	if r["properties"] != nil {
		return true
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := r[key].(map[string]any); ok && l.deep(inner) {
			return true
		}
	}
	return false
}

func (l *lister) placeholder(r rule) string {
	names, _ := r["propertyNames"].(map[string]any)
	ref, _ := names["$ref"].(string)
	items, _ := r["items"].(map[string]any)
	switch {
	case items != nil:
		return "SKILL"
	case strings.HasSuffix(ref, "/name"):
		return "NAME"
	case strings.HasSuffix(ref, "/days"):
		return "DAYS"
	case strings.HasSuffix(ref, "/date"):
		return "DATE"
	default:
		return "VALUE"
	}
}

// WriteReference writes the keys as a reference for a terminal.
func WriteReference(w io.Writer, keys []Entry) error {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintln(&b, k.Path)
		for _, line := range k.lines() {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (k Entry) lines() []string {
	lines := []string{"must be " + k.Must}
	if k.Meaning != "" {
		lines = append([]string{k.Meaning}, lines...)
	}
	switch {
	case k.Required:
		lines = append(lines, "required")
	case k.Default != "":
		lines = append(lines, "default: "+k.Default)
	}
	if k.Variable != "" {
		lines = append(lines, "variable: "+k.Variable)
	}
	if k.Like != "" {
		lines = append(lines, "keys as in: "+k.Like)
	}
	return lines
}

// WriteMarkdown writes the keys as tables: those at the top, and one for each
// section.
func WriteMarkdown(w io.Writer, keys []Entry) error {
	const top = "At the top"
	sections := map[string]bool{}
	for _, k := range keys {
		if section, _, below := strings.Cut(k.Path, "."); below {
			sections[section] = true
		}
	}
	var titles []string
	tables := map[string][]Entry{}
	for _, k := range keys {
		title, _, _ := strings.Cut(k.Path, ".")
		if !sections[title] {
			title = top
		}
		if len(tables[title]) == 0 {
			titles = append(titles, title)
		}
		tables[title] = append(tables[title], k)
	}
	var b strings.Builder
	for i, title := range titles {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "### %s\n\n| key | what it must be | default | meaning |\n|---|---|---|---|\n", title)
		for _, k := range tables[title] {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Path, cell(k.Must), k.otherwise(), k.told())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (k Entry) otherwise() string {
	switch {
	case k.Required:
		return "required"
	case k.Default != "":
		return "`" + cell(k.Default) + "`"
	default:
		return ""
	}
}

func (k Entry) told() string {
	parts := []string{}
	if k.Meaning != "" {
		parts = append(parts, cell(k.Meaning))
	}
	if k.Variable != "" {
		parts = append(parts, "Variable: `"+k.Variable+"`.")
	}
	if k.Like != "" {
		parts = append(parts, "Keys as in `"+k.Like+"`.")
	}
	return strings.Join(parts, " ")
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
