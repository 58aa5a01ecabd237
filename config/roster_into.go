// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Imported is a file into which a roster went.
type Imported struct {
	// YAML is the file as it is then. What the roster does not speak of, comments
	// included, is as before.
	YAML []byte
	// Added, Changed and Same count the roster's agents.
	Added, Changed, Same int
	// Lines say what was added and changed, one thing a line.
	Lines []string
}

// Into puts the roster into the file of that name, whose contents may be empty:
// agents that it lacks are added; of those that it has, what the table has a
// column for is replaced. Agents and skills that known has, the configuration
// that the file belongs to, need not be in the file; it may be nil. Errors are
// *Errors about the file.
func (r *Roster) Into(name string, file []byte, known *Config) (*Imported, error) {
	doc, err := editable(name, file)
	if err != nil {
		return nil, err
	}
	e := &edit{roster: r, out: &Imported{}}
	top := doc.Content[0]
	e.skills(top, known)
	agents := entry(top, sectionAgents, yaml.MappingNode)
	at := make(map[string]int, len(agents.Content)/2)
	for i := 0; i+1 < len(agents.Content); i += 2 {
		at[agents.Content[i].Value] = i + 1
	}
	for i := range r.agents {
		a := &r.agents[i]
		if j, ok := at[a.id]; ok {
			e.change(a, agents.Content[j])
			continue
		}
		if known != nil {
			if agent, ok := known.Agents[a.id]; ok { // in another file
				if e.change(a, e.fresh(rowOf(&agent))) {
					agents.Content = append(agents.Content, scalar(a.id), e.fresh(a))
				}
				continue
			}
		}
		e.out.Added++
		e.say("adds agent %s%s", a.id, a.words(r.columns))
		agents.Content = append(agents.Content, scalar(a.id), e.fresh(a))
	}
	var b bytes.Buffer
	if len(bytes.TrimSpace(file)) == 0 {
		b.WriteString("# Agents, written by \"patchbay import\". It may be changed by hand; another import\n# keeps what its table has no column for.\n")
	}
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(doc); err != nil {
		return nil, fmt.Errorf("config: import: %w", err)
	}
	e.out.YAML = b.Bytes()
	return e.out, nil
}

// editable reads a file so that it can be written again with its comments.
func editable(name string, data []byte) (*yaml.Node, error) {
	faults := &faults{}
	f := &file{name: name, data: data}
	root := readYAML(f, faults)
	if errs := faults.errors(&document{files: []*file{f}}); len(errs) > 0 || root == nil {
		return nil, &Errors{List: errs}
	}
	for _, section := range []string{sectionAgents, sectionSkills} {
		if f, ok := root.fields[section]; ok && f.node.scalar != nil || ok && (f.node.items != nil) == (section == sectionAgents) && (f.node.items != nil || f.node.fields != nil) {
			return nil, &Errors{List: []Error{{
				File: name, Line: f.node.at.line, Column: f.node.at.column, Path: section, Code: CodeType,
				Message: "agents must be a map and skills a list, or nothing can be added to them",
			}}}
		}
	}
	var doc yaml.Node
	err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("config: import: %w", err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	return &doc, nil
}

type edit struct {
	roster *Roster
	out    *Imported
}

func (e *edit) say(format string, args ...any) {
	e.out.Lines = append(e.out.Lines, fmt.Sprintf(format, args...))
}

// skills adds the skills that are new to the list of skills.
func (e *edit) skills(top *yaml.Node, known *Config) {
	var listed []string
	if known != nil {
		listed = append(listed, known.Skills...)
	}
	if n := lookUp(top, sectionSkills); n != nil {
		for _, item := range n.Content {
			listed = append(listed, item.Value)
		}
	}
	var fresh []string
	for i := range e.roster.agents {
		for _, s := range e.roster.agents[i].skills {
			if !slices.Contains(listed, s.name) && !slices.Contains(fresh, s.name) {
				fresh = append(fresh, s.name)
			}
		}
	}
	slices.Sort(fresh)
	if len(fresh) == 0 {
		return
	}
	into := entry(top, sectionSkills, yaml.SequenceNode)
	if len(into.Content) == 0 {
		into.Style = yaml.FlowStyle
	}
	for _, name := range fresh {
		into.Content = append(into.Content, scalar(name))
		line := "adds skill " + name
		if meant := Nearly(name, listed); meant != "" {
			line += fmt.Sprintf(" (there is a skill %q; is that the one?)", meant)
		}
		e.out.Lines = append(e.out.Lines, line)
	}
}

// rowOf returns an agent as a table would have it.
func rowOf(agent *Agent) *row {
	r := &row{name: agent.Name, presence: agent.PresenceConfig, queues: agent.Queues}
	for _, name := range sortedKeys(agent.Skills) {
		r.skills = append(r.skills, held{name, agent.Skills[name].Level})
	}
	return r
}

// change replaces what the table says of an agent that is there, and reports
// whether that differs.
func (e *edit) change(a *row, agent *yaml.Node) bool {
	var changes []string
	fresh := e.fresh(a)
	for i := 0; i+1 < len(fresh.Content); i += 2 {
		key, value := fresh.Content[i].Value, fresh.Content[i+1]
		before := lookUp(agent, key)
		if before != nil && sameYAML(before, value) || before == nil && len(value.Content) == 0 && value.Kind != yaml.ScalarNode {
			continue
		}
		changes = append(changes, fmt.Sprintf("%s from %s to %s", key, inline(before), inline(value)))
		setIn(agent, key, value)
	}
	if len(changes) == 0 {
		e.out.Same++
		return false
	}
	e.out.Changed++
	e.say("changes agent %s: %s", a.id, strings.Join(changes, ", "))
	return true
}

// fresh returns an agent as the table has it.
func (e *edit) fresh(a *row) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
	if a.name != "" {
		setIn(n, "name", scalar(a.name))
	}
	setIn(n, "presence_config", scalar(a.presence))
	if e.roster.columns["queues"] {
		setIn(n, "queues", a.membershipNode())
	}
	if e.roster.columns["skills"] {
		skills := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
		for _, s := range a.skills {
			setIn(skills, s.name, &yaml.Node{Kind: yaml.ScalarNode, Value: engine.Milli(s.level).String()})
		}
		setIn(n, "skills", skills)
	}
	return n
}

func (a *row) membershipNode() *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, m := range a.queues {
		if m.Tier == 1 && m.Weight == 1 {
			list.Content = append(list.Content, scalar(m.Queue))
			continue
		}
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
		setIn(n, "queue", scalar(m.Queue))
		setIn(n, "tier", whole(m.Tier))
		if m.Weight != 1 {
			setIn(n, "weight", whole(m.Weight))
		}
		list.Content = append(list.Content, n)
	}
	return list
}

// words says what an agent comes with.
func (a *row) words(columns map[string]bool) string {
	var parts []string
	if columns["queues"] {
		names := make([]string, len(a.queues))
		for i := range a.queues {
			names[i] = a.queues[i].Queue
		}
		parts = append(parts, "queues: "+orNone(strings.Join(names, " ")))
	}
	if columns["skills"] {
		names := make([]string, len(a.skills))
		for i, s := range a.skills {
			names[i] = s.name + "=" + engine.Milli(s.level).String()
		}
		parts = append(parts, "skills: "+orNone(strings.Join(names, " ")))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

func whole(n uint16) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(int(n))}
}

// lookUp returns the value under a key of a map; nil if there is none.
func lookUp(m *yaml.Node, key string) *yaml.Node {
	if m.Kind == yaml.AliasNode {
		m = m.Alias
	}
	for i := 0; i+1 < len(m.Content) && m.Kind == yaml.MappingNode; i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// setIn sets the value under a key of a map.
func setIn(m *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			value.LineComment = m.Content[i+1].LineComment
			m.Content[i+1] = value
			return
		}
	}
	m.Content = append(m.Content, scalar(key), value)
}

// entry returns the section of that name, which is made if there is none.
func entry(top *yaml.Node, name string, kind yaml.Kind) *yaml.Node {
	n := lookUp(top, name)
	if n == nil || n.Kind == yaml.ScalarNode { // empty
		n = &yaml.Node{Kind: kind}
		setIn(top, name, n)
	}
	if n.Kind == yaml.MappingNode {
		n.Style = 0
	}
	return n
}

// sameYAML reports whether two values are the same, in whichever order their
// keys stand.
func sameYAML(a, b *yaml.Node) bool { return inline(a) == inline(b) }

// inline writes a value on one line, however it stands in the file.
func inline(n *yaml.Node) string {
	if n == nil {
		return "nothing"
	}
	var value any
	if err := n.Decode(&value); err != nil {
		return "something else"
	}
	var p printer
	p.flow(nil, normal(value))
	return p.out.String()
}

// normal brings what YAML decodes into the types of a configuration.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = normal(v[k])
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case int:
		return int64(v)
	}
	return v
}
