// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
)

// Fault is what is wrong with one expression.
type Fault struct {
	// Field is the path of the expression in the definition, such as
	// "flows.intake.steps.vip.when" or "channels.chat.skill_rules.2.when"; rules
	// count from 0.
	Field string
	// Message says what is wrong and what would be right, for people. If it is
	// about a place in the expression, it begins with that: "column 6: ".
	Message string
	// Line and Column are that place; both count from 1, columns in characters.
	// They are 0 if it is the expression as a whole.
	Line, Column int
}

// Error implements error.
func (f *Fault) Error() string { return "intake: " + f.Field + ": " + f.Message }

// fault makes a fault of an expression as a whole.
func fault(field, format string, args ...any) error {
	return &Fault{Field: field, Message: fmt.Sprintf(format, args...)}
}

// at makes a fault of a place in an expression. The column counts from 0, as
// CEL's do.
func at(field string, line, column int, message string) error {
	f := &Fault{Field: field, Line: max(line, 1), Column: max(column, 0) + 1}
	f.Message = fmt.Sprintf("column %d: %s", f.Column, message)
	if f.Line > 1 {
		f.Message = fmt.Sprintf("line %d, %s", f.Line, f.Message)
	}
	return f
}

// maxFaults is how many faults of one expression are told at most.
const maxFaults = 5

// faults puts what CEL says of an expression into our words. After an error of
// syntax the rest is guesswork, and is left out.
func faults(field, text string, issues *cel.Issues) []error {
	var out []error
	for _, e := range issues.Errors() {
		line := e.Location.Line()
		column := nameAt(text, line, e.Location.Column(), e.Message)
		out = append(out, at(field, line, column, said(e.Message)))
		if strings.HasPrefix(e.Message, syntax) || len(out) == maxFaults {
			break
		}
	}
	return out
}

// What CEL's messages begin with.
const (
	syntax     = "Syntax error: "
	undefined  = "undefined field "
	undeclared = "undeclared reference to "
	unmatched  = "found no matching overload for "
	unmatching = "no such overload: "
)

// said puts one message of CEL's compiler into our words.
func said(message string) string {
	if name, ok := quoted(message, undefined); ok {
		return noField(name)
	}
	if name, ok := quoted(message, undeclared); ok {
		return noName(name)
	}
	if name, ok := quoted(message, unmatched); ok {
		_, operands, _ := strings.Cut(message, " applied to ")
		return noOverload(name, strings.Trim(operands, "'"))
	}
	if what, ok := strings.CutPrefix(message, syntax); ok {
		what, _, _ = strings.Cut(what, " expecting ")
		if strings.HasSuffix(what, "'<EOF>'") {
			return "the expression ends too early"
		}
		return "this is not written as it should be: " + what
	}
	switch message {
	case "invalid matches argument":
		return "this is no regular expression, such as '^vip-[0-9]+$' (RE2 syntax)"
	case "invalid duration argument":
		return "this is no duration, such as '5m' or '1h30m'"
	case "invalid timestamp argument":
		return "this is no time, such as '2026-12-25T08:00:00Z'"
	}
	return message
}

// quoted returns what stands in quotation marks after the prefix.
func quoted(message, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(message, prefix+"'")
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, "'")
	return name, ok
}

// nameAt returns the column of the name that the message is about. CEL points
// at the dot before a field, and at the parenthesis after a function's name.
// The line counts from 1, columns from 0.
func nameAt(text string, line, column int, message string) int {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return column
	}
	letters := []rune(lines[line-1])
	if column < 0 || column >= len(letters) {
		return column
	}
	for _, about := range []string{undefined, undeclared, unmatched} {
		name, ok := quoted(message, about)
		switch {
		case ok && letters[column] == '.':
			return column + 1
		case ok && letters[column] == '(' && strings.HasSuffix(string(letters[:column]), name):
			return column - len([]rune(name))
		}
	}
	return column
}

func noField(name string) string {
	return fmt.Sprintf("work has no field %q", name) + orRather(name, fieldNames(), "fields")
}

func noName(name string) string {
	if f, ok := functionNamed(name); ok {
		return fmt.Sprintf("%s is a function of a queue, as in %s('support')", f.name, f.name)
	}
	message := fmt.Sprintf("there is no variable or function %q", name)
	ours := []string{"work", "now", "has"}
	for _, f := range queueFunctions() {
		ours = append(ours, f.name)
	}
	if near := nearest(name, append(standardFunctions(), "all", "exists", "exists_one", "filter", "map")); near != "" && nearest(name, ours) == "" {
		return message + fmt.Sprintf("; did you mean %q?", near)
	}
	return message + orRather(name, ours, "names")
}

func noOverload(name, operands string) string {
	if sign := operator(name); sign != name {
		return fmt.Sprintf("%s does not go with %s; make both sides of one type, as with int(...) or string(...)", sign, operands)
	}
	if _, ok := functionNamed(name); ok {
		operands = strings.Replace(operands, "(facts, ", "(", 1) // nobody has written those
	}
	return fmt.Sprintf("%s does not take %s", name, operands)
}

// operator returns how an operator is written, if that is the name of one.
func operator(name string) string {
	switch name {
	case operators.Index:
		return "[]"
	case operators.Conditional:
		return "?:"
	}
	if sign, ok := operators.FindReverse(name); ok && sign != "" {
		return sign
	}
	return name
}
