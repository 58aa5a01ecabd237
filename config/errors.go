// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Code is the stable name of what is wrong.
type Code string

// The codes. They never change their meaning; new ones may come.
const (
	// CodeSyntax means that the file is not YAML.
	CodeSyntax Code = "yaml_syntax"
	// CodeUnsupported means YAML that a configuration may not use.
	CodeUnsupported Code = "yaml_unsupported"
	// CodeDuplicate means a key, or an entry of a list, that is there twice.
	CodeDuplicate Code = "duplicate"
	// CodeUnknownKey means a key that does not exist.
	CodeUnknownKey Code = "unknown_key"
	// CodeMissing means that a required key is not there.
	CodeMissing Code = "missing_key"
	// CodeType means a value of the wrong type.
	CodeType Code = "wrong_type"
	// CodeRange means a number, or a count, that is too small or too large.
	CodeRange Code = "out_of_range"
	// CodeFormat means a text that is not written as it must be.
	CodeFormat Code = "bad_format"
	// CodeChoice means a value that is none of those there are.
	CodeChoice Code = "unknown_value"
	// CodeReference means a name that is defined nowhere.
	CodeReference Code = "unknown_reference"
	// CodeConflict means values that exclude each other.
	CodeConflict Code = "conflict"
	// CodeInsecure means an API open to others without TLS and keys.
	CodeInsecure Code = "insecure"
	// CodeTooLarge means work that nobody has the capacity for.
	CodeTooLarge Code = "size_too_large"
	// CodeExpression means a CEL expression that cannot be used.
	CodeExpression Code = "bad_expression"
	// CodeFile means a file that cannot be read.
	CodeFile Code = "file"
	// CodeSettings means settings that a strategy's own schema refuses.
	CodeSettings Code = "bad_settings"
	// CodeDigest means a file that does not have the checksum it should.
	CodeDigest Code = "wrong_checksum"
	// CodeRefused means that the engine refuses the definition.
	CodeRefused Code = "refused"
	// CodeInternal means a fault in this package.
	CodeInternal Code = "internal"
	// CodeNoMembers warns of a queue without members.
	CodeNoMembers Code = "no_members"
	// CodeUnused warns of something that has no effect.
	CodeUnused Code = "unused"
)

// Error is one thing that is wrong, and where.
type Error struct {
	// File is the file's path as it was given. For a value from outside the
	// files it is "--listen", say, "--set listen" or "$PATCHBAY_LISTEN".
	File string
	// Line and Column count from 1; columns are characters.
	Line, Column int
	// Path is the key's path, such as "queues.support.routing"; empty for the
	// whole file. A name that is not made of letters, digits, _ and - is quoted.
	Path string
	// Code is stable, for programs.
	Code Code
	// Message says what is wrong and what would be right, for people. It never
	// holds a value that may be a secret.
	Message string
}

// Error returns one line: file:line:column: path: message.
func (e Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Path, e.Message)
}

// Errors is everything that is wrong with a configuration.
type Errors struct {
	// List has at least one element and is in the order of the files; what comes
	// from outside the files is at the end.
	List []Error
}

var _ error = (*Errors)(nil)

// Error returns every error on a line of its own.
func (e *Errors) Error() string {
	lines := make([]string, len(e.List))
	for i := range e.List {
		lines[i] = e.List[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors, for errors.Is and errors.As.
func (e *Errors) Unwrap() []error {
	errs := make([]error, len(e.List))
	for i := range e.List {
		errs[i] = e.List[i]
	}
	return errs
}

// stage orders the checks: what an earlier one says of a place silences the
// later ones there, because their complaint is a consequence.
type stage uint8

const (
	stageYAML stage = iota
	stageSchema
	stageRules
)

// faults collects what is found.
type faults struct {
	found  []fault
	warned []Error
	// secrets are kept out of all messages.
	secrets []string
	// open are the places of references that lead nowhere and need not: what
	// else is wrong there is not known.
	open []Error
}

type fault struct {
	Error
	stage stage
}

func (f *faults) add(s stage, e Error) { f.found = append(f.found, fault{Error: e, stage: s}) }

func (f *faults) warn(e Error) { f.warned = append(f.warned, e) }

// errors returns what was found in the order of the files. A place that is
// reached along several paths, through an anchor, is reported once.
func (f *faults) errors(doc *document) []Error {
	slices.SortStableFunc(f.found, func(a, b fault) int {
		return cmp.Or(doc.order(a.Error, b.Error), cmp.Compare(a.stage, b.stage), cmp.Compare(a.Message, b.Message))
	})
	var list []Error
	for i, one := range f.found {
		f.mask(&one.Error)
		if i > 0 && f.found[i-1].Path == one.Path && samePlace(f.found[i-1].Error, one.Error) {
			continue
		}
		if slices.ContainsFunc(f.open, func(e Error) bool { return samePlace(e, one.Error) }) {
			continue
		}
		repeats := func(e Error) bool { return e.Message == one.Message && samePlace(e, one.Error) }
		if slices.ContainsFunc(tail(list, one.Error), repeats) {
			continue
		}
		list = append(list, one.Error)
	}
	return list
}

func (f *faults) warnings(doc *document) []Error {
	slices.SortStableFunc(f.warned, func(a, b Error) int { return doc.order(a, b) })
	for i := range f.warned {
		f.mask(&f.warned[i])
	}
	return f.warned
}

// tail returns the end of the list that stands at the same place as e.
func tail(list []Error, e Error) []Error {
	i := len(list)
	for i > 0 && samePlace(list[i-1], e) {
		i--
	}
	return list[i:]
}

func samePlace(a, b Error) bool {
	return a.File == b.File && a.Line == b.Line && a.Column == b.Column
}

// order compares places: by file in the order of layers, with what comes from
// outside the files at the end, then by line and column.
func (d *document) order(a, b Error) int {
	rank := func(e Error) int {
		for i, f := range d.files {
			if f.name == e.File && !f.outside {
				return i
			}
		}
		return len(d.files)
	}
	if a.File == b.File {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.File, b.File))
}
