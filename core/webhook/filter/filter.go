// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package filter picks events by conditions that an admin writes in CEL, the
// Common Expression Language (https://cel.dev).
//
// A condition must be true or false. It sees:
//
//	event.number      int; counts the workspace's events
//	event.at          timestamp; when it happened
//	event.kind        string, such as "work_offered"
//	event.work        string, such as "w42"; "" if it is about none
//	event.assignment  string, such as "a7"; "" if it is about none
//	event.agent       string; "" if it is about none
//	event.queue       string; the queue that the work is or was in
//	event.to          string; the queue that the work is in afterwards
//	event.status      string; a presence status, or a strategy's
//	event.reason      string
//	event.cause       string, such as "push_timeout"
//	event.verdict     string, such as "stale"; of proposals that were refused
//	event.strategy    string; the one that proposed
//	event.guest       bool; it is about a guest of a conference
//	event.channel     string; with events that describe the work, such as
//	                  work_created
//	event.customer    string; as channel
//	event.attributes  map of string to string; as channel
//
// Besides there are CEL's operators, macros and optional values, and the
// functions of text: contains, startsWith, endsWith, matches and so on. An
// attribute that is not there fails the condition unless it is guarded, as by
// has(event.attributes.tier); an event on which the condition fails is not
// picked.
//
// The package knows events. It does not know what is done with those picked.
package filter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/near"
)

// Limits on how a condition is written, and on what it may cost.
const (
	maxLetters = 4096
	maxNesting = 50
	maxNodes   = 2000
	maxRegexp  = 1000
	maxCost    = 50_000
)

// Fault is what is wrong with a condition.
type Fault struct {
	// Message says what is wrong and what would be right.
	Message string
	// Line and Column are where, from 1; 0 if it is the condition as a whole.
	Line, Column int
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return "filter: " + f.Message
	}
	return fmt.Sprintf("filter: line %d, column %d: %s", f.Line, f.Column, f.Message)
}

// Filter picks events. It is safe for concurrent use. The nil Filter picks all.
type Filter struct {
	program cel.Program
	known   map[string]func(*engine.Event) any
}

// Compile makes a filter of a condition; nil of an empty one. The error is a
// *Fault.
func Compile(when string) (*Filter, error) {
	if when == "" {
		return nil, nil
	}
	env, err := language()
	if err != nil {
		return nil, &Fault{Message: err.Error()}
	}
	checked, issues := env.Compile(when)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, &Fault{Message: said(first.Message), Line: max(first.Location.Line(), 1), Column: max(first.Location.Column(), 0) + 1}
	}
	if kind := checked.OutputType(); !kind.IsExactType(cel.BoolType) {
		return nil, &Fault{Message: fmt.Sprintf("this is of type %s; a condition must be of type bool, true or false", kind)}
	}
	if fault := misspelt(checked.NativeRep()); fault != nil {
		return nil, fault
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, &Fault{Message: err.Error()}
	}
	f := &Filter{program: program, known: make(map[string]func(*engine.Event) any)}
	for _, field := range fields() {
		f.known[field.name] = field.is
	}
	return f, nil
}

func language() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.OptionalTypes(), ext.Strings(ext.StringsVersion(5)), cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxLetters), cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxRegexp),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	}
	for _, f := range fields() {
		options = append(options, cel.Variable(f.name, f.kind))
	}
	return cel.NewEnv(options...)
}

// Picks reports whether the condition holds for an event. An error says why it
// cannot be told; the event is not picked then.
func (f *Filter) Picks(ev *engine.Event) (bool, error) {
	if f == nil {
		return true, nil
	}
	value, _, err := f.program.Eval(scope{f, ev})
	if err != nil {
		return false, fmt.Errorf("filter: %w", err)
	}
	return value == types.True, nil
}

// field is one name that conditions know.
type field struct {
	name string
	kind *cel.Type
	is   func(ev *engine.Event) any
}

func fields() []field {
	text := func(name string, is func(*engine.Event) string) field {
		return field{name, cel.StringType, func(ev *engine.Event) any { return is(ev) }}
	}
	spec := func(ev *engine.Event) *engine.WorkSpec {
		if ev.Created == nil {
			return &engine.WorkSpec{}
		}
		return ev.Created
	}
	return []field{
		{"event.number", cel.IntType, func(ev *engine.Event) any { return int64(ev.Number) }},
		{"event.at", cel.TimestampType, func(ev *engine.Event) any { return time.UnixMilli(int64(ev.At)).UTC() }},
		text("event.kind", func(ev *engine.Event) string { return ev.Kind.String() }),
		text("event.work", workOf), text("event.assignment", assignmentOf),
		text("event.agent", func(ev *engine.Event) string { return ev.Agent }),
		text("event.queue", func(ev *engine.Event) string { return ev.Queue }),
		text("event.to", func(ev *engine.Event) string { to, _ := ev.GoesTo(); return to }),
		text("event.status", func(ev *engine.Event) string { return ev.Status }),
		text("event.reason", func(ev *engine.Event) string { return ev.Reason }),
		text("event.cause", func(ev *engine.Event) string { return ev.Cause.String() }),
		text("event.verdict", verdictOf), text("event.strategy", strategyOf),
		{"event.guest", cel.BoolType, func(ev *engine.Event) any { return ev.Guest }},
		text("event.channel", func(ev *engine.Event) string { return spec(ev).Channel }),
		text("event.customer", func(ev *engine.Event) string { return spec(ev).Customer }),
		{"event.attributes", cel.MapType(cel.StringType, cel.StringType), func(ev *engine.Event) any {
			if attributes := spec(ev).Attributes; attributes != nil {
				return attributes
			}
			return map[string]string{}
		}},
	}
}

func workOf(ev *engine.Event) string {
	if ev.Work == 0 {
		return ""
	}
	return ev.Work.String()
}

func assignmentOf(ev *engine.Event) string {
	if ev.Assignment == 0 {
		return ""
	}
	return ev.Assignment.String()
}

func verdictOf(ev *engine.Event) string {
	if ev.Verdict == 0 {
		return ""
	}
	return ev.Verdict.String()
}

func strategyOf(ev *engine.Event) string {
	if ev.Decision == nil {
		return ""
	}
	return ev.Decision.Strategy
}

// scope is one event as conditions see it.
type scope struct {
	filter *Filter
	event  *engine.Event
}

var _ interpreter.Activation = scope{}

// ResolveName implements interpreter.Activation.
func (s scope) ResolveName(name string) (any, bool) {
	is, ok := s.filter.known[name]
	if !ok {
		return nil, false
	}
	return is(s.event), true
}

// Parent implements interpreter.Activation.
func (scope) Parent() interpreter.Activation { return nil }

// said puts what CEL says of a name that it does not know into our words.
func said(message string) string {
	rest, ok := strings.CutPrefix(message, "undeclared reference to '")
	name, _, _ := strings.Cut(rest, "'")
	if !ok || name != "event" {
		return message
	}
	var names []string
	for _, f := range fields() {
		names = append(names, strings.TrimPrefix(f.name, "event."))
	}
	return "events have no such field; they have " + strings.Join(names, ", ")
}

// misspelt finds kinds of events that there are not: such a condition would
// never hold.
func misspelt(checked *ast.AST) error {
	for _, e := range ast.MatchDescendants(ast.NavigateAST(checked), ast.AllMatcher()) {
		if e.Kind() != ast.CallKind {
			continue
		}
		call := e.AsCall()
		if !slices.Contains([]string{operators.Equals, operators.NotEquals, operators.In}, call.FunctionName()) || len(call.Args()) != 2 {
			continue
		}
		for i, side := range call.Args() {
			if side.Kind() != ast.IdentKind || side.AsIdent() != "event.kind" {
				continue
			}
			for _, literal := range literals(call.Args()[1-i]) {
				if fault := kind(checked, literal); fault != nil {
					return fault
				}
			}
		}
	}
	return nil
}

// literals are the texts that are written out in an expression or a list.
func literals(e ast.Expr) []ast.Expr {
	if e.Kind() == ast.ListKind {
		return e.AsList().Elements()
	}
	return []ast.Expr{e}
}

func kind(checked *ast.AST, e ast.Expr) error {
	if e.Kind() != ast.LiteralKind {
		return nil
	}
	name, ok := e.AsLiteral().(types.String)
	kinds := kindNames()
	if !ok || slices.Contains(kinds, string(name)) {
		return nil
	}
	at := checked.SourceInfo().GetStartLocation(e.ID())
	f := &Fault{Message: fmt.Sprintf("there is no kind of event %q", string(name)), Line: max(at.Line(), 1), Column: max(at.Column(), 0) + 1}
	if meant := near.Name(string(name), kinds); meant != "" {
		f.Message += fmt.Sprintf("; did you mean %q?", meant)
	}
	return f
}

// kindNames are the kinds of events that readers are shown.
func kindNames() []string {
	var names []string
	for k := engine.Kind(1); !strings.HasPrefix(k.String(), "kind_"); k++ {
		names = append(names, k.String())
	}
	return names
}
