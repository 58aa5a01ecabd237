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
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing that is wrong with a scenario.
type Fault struct {
	// File is the file's path as it was given; empty for a scenario made in Go.
	File string
	// Line and Column count from 1; 0 if there is no file. Column is 0 where it
	// is not known.
	Line, Column int
	// Path names the place, such as "classes.calls.service.mean"; empty when
	// the file could not be read so far.
	Path string
	// Message says what is wrong and what would be right.
	Message string
}

// Error returns one line: file:line:column: path: message.
func (f Fault) Error() string {
	var place []string
	if f.File != "" {
		at := f.File + ":" + strconv.Itoa(f.Line)
		if f.Column > 0 {
			at += ":" + strconv.Itoa(f.Column)
		}
		place = append(place, at)
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

// Load reads a scenario from a file, and the files that it names, from its
// folder on. Errors about what is in them are Faults.
func Load(path string) (*Scenario, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	from := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(path), name)
	}
	s, err := parse(path, data, func(name string) ([]byte, error) { return os.ReadFile(from(name)) })
	if err != nil {
		return nil, err
	}
	if or(s.Strategy.Runtime, "builtin") != "builtin" {
		s.Strategy.Source = from(s.Strategy.Source)
	}
	return s, nil
}

// Parse reads a scenario from YAML. It is strict: unknown and doubled keys are
// refused. The file's name is for errors, which are Faults. It reads no other
// file, and so refuses a scenario that names one.
func Parse(file string, data []byte) (*Scenario, error) {
	return parse(file, data, func(string) ([]byte, error) {
		return nil, errors.New("it can be read only for a scenario that is loaded from a file; give a list instead")
	})
}

func parse(file string, data []byte, read func(string) ([]byte, error)) (*Scenario, error) {
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, Faults{{File: file, Line: 1, Message: "the file is empty; a scenario has classes, groups and a horizon"}}
	case err != nil:
		return nil, unreadable(file, err)
	}
	var more yaml.Node
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Faults{{File: file, Line: max(more.Line, 1), Message: "a scenario is one document; remove the line \"---\" and what follows"}}
	}
	if faults := unknownKeys(file, &root); len(faults) > 0 {
		return nil, faults
	}
	var s Scenario
	if err := root.Decode(&s); err != nil {
		return nil, unreadable(file, err)
	}
	found := s.readFiles(read)
	if len(found) == 0 {
		found = s.check()
	}
	if len(found) == 0 {
		return &s, nil
	}
	faults := make(Faults, len(found))
	for i, one := range found {
		line, column := place(&root, one.path)
		faults[i] = Fault{File: file, Line: line, Column: column, Path: strings.Join(one.path, "."), Message: one.message}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.Line - b.Line })
	return nil, faults
}

// place finds the line and column of a path, or of as much of it as is there.
func place(n *yaml.Node, path []string) (line, column int) {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line, column = max(n.Line, 1), max(n.Column, 1)
	for _, step := range path {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == step {
					next, line, column = n.Content[i+1], n.Content[i].Line, n.Content[i].Column
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(step); err == nil && i < len(n.Content) {
				next, line, column = n.Content[i], n.Content[i].Line, n.Content[i].Column
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return line, column
}

// unreadable turns the decoder's complaints into faults.
func unreadable(file string, err error) Faults {
	texts := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = several.Errors
	}
	numbered := regexp.MustCompile(`(?s)^line (\d+): (.*)$`)
	kind := regexp.MustCompile(`(?s)^cannot unmarshal (.*) into (\S+)$`)
	faults := make(Faults, len(texts))
	for i, text := range texts {
		f := Fault{File: file, Line: 1, Message: text}
		if m := numbered.FindStringSubmatch(text); m != nil {
			f.Line, _ = strconv.Atoi(m[1])
			f.Message = m[2]
		}
		if m := kind.FindStringSubmatch(f.Message); m != nil {
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
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return "a whole number"
	case strings.HasPrefix(goType, "float"), strings.HasSuffix(goType, ".Level"):
		return "a number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	default:
		return "a map"
	}
}
