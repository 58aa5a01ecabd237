// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing that is wrong with a scenario.
type Fault struct {
	// File is the file's path as it was given; empty for a scenario made in Go.
	File string
	// Line counts from 1; 0 if there is no file.
	Line int
	// Path names the place, such as "classes.calls.service.mean"; empty when
	// the file could not be read so far.
	Path string
	// Message says what is wrong and what would be right.
	Message string
}

// Error returns one line: file:line: path: message.
func (f Fault) Error() string {
	var place []string
	if f.File != "" {
		place = append(place, f.File+":"+strconv.Itoa(f.Line))
	}
	if f.Path != "" {
		place = append(place, f.Path)
	}
	return strings.Join(append(place, f.Message), ": ")
}

// Faults is everything that is wrong with a scenario; it has at least one.
type Faults []Fault

var _ error = Faults(nil)

// Error returns every fault on a line of its own.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Load reads a scenario from a file. Errors about what is in it are Faults.
func Load(path string) (*Scenario, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	s, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	if or(s.Strategy.Runtime, "builtin") != "builtin" && !filepath.IsAbs(s.Strategy.Source) {
		s.Strategy.Source = filepath.Join(filepath.Dir(path), s.Strategy.Source)
	}
	return s, nil
}

// Parse reads a scenario from YAML. It is strict: unknown and doubled keys are
// refused. The file's name is for errors, which are Faults.
func Parse(file string, data []byte) (*Scenario, error) {
	var s Scenario
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	switch err := decoder.Decode(&s); {
	case errors.Is(err, io.EOF):
		return nil, Faults{{File: file, Line: 1, Message: "the file is empty; a scenario has classes, groups and a horizon"}}
	case err != nil:
		return nil, unreadable(file, err)
	}
	var more yaml.Node
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Faults{{File: file, Line: max(more.Line, 1), Message: "a scenario is one document; remove the line \"---\" and what follows"}}
	}
	found := s.check()
	if len(found) == 0 {
		return &s, nil
	}
	var root yaml.Node
	_ = yaml.Unmarshal(data, &root) // it was read above
	faults := make(Faults, len(found))
	for i, one := range found {
		faults[i] = Fault{File: file, Line: lineOf(&root, one.path), Path: strings.Join(one.path, "."), Message: one.message}
	}
	return nil, faults
}

// lineOf finds the line of a path, or of as much of it as is there.
func lineOf(n *yaml.Node, path []string) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := max(n.Line, 1)
	for _, step := range path {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == step {
					next, line = n.Content[i+1], n.Content[i].Line
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(step); err == nil && i < len(n.Content) {
				next, line = n.Content[i], n.Content[i].Line
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return line
}

// unreadable turns the decoder's complaints into faults.
func unreadable(file string, err error) Faults {
	texts := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = several.Errors
	}
	numbered := regexp.MustCompile(`(?s)^line (\d+): (.*)$`)
	unknown := regexp.MustCompile(`^field (.*) not found in type \S+$`)
	kind := regexp.MustCompile(`(?s)^cannot unmarshal (.*) into (\S+)$`)
	faults := make(Faults, len(texts))
	for i, text := range texts {
		f := Fault{File: file, Line: 1, Message: text}
		if m := numbered.FindStringSubmatch(text); m != nil {
			f.Line, _ = strconv.Atoi(m[1])
			f.Message = m[2]
		}
		if m := unknown.FindStringSubmatch(f.Message); m != nil {
			f.Message = fmt.Sprintf("there is no key %q here", m[1])
		} else if m := kind.FindStringSubmatch(f.Message); m != nil {
			f.Message = fmt.Sprintf("%s does not fit here; %s is wanted", m[1], wanted(m[2]))
		}
		faults[i] = f
	}
	return faults
}

// wanted says in words what a Go type takes.
func wanted(goType string) string {
	switch {
	case goType == "string":
		return "a text"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return "a whole number"
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	default:
		return "a map"
	}
}
