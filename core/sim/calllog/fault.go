// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package calllog

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a table.
type Fault struct {
	// File is the file's name as it was given; it may be empty.
	File string
	// Line and Column count from 1. Column is that of the field's first
	// character, in bytes.
	Line, Column int
	// Message says what is wrong and what would be right.
	Message string
}

// Error returns one line: file:line:column: message.
func (f Fault) Error() string {
	place := fmt.Sprintf("%d:%d", f.Line, f.Column)
	if f.File != "" {
		place = f.File + ":" + place
	}
	return place + ": " + f.Message
}

// Faults is everything that is wrong with a table, or the first of it.
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
