// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

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
)

// Limits on how an expression is written. They are far beyond what a person
// writes.
const (
	maxLetters = 4096
	maxNesting = 50
	maxNodes   = 2000
	maxRegexp  = 1000
)

// language compiles conditions.
type language struct {
	env *cel.Env
}

// newLanguage makes the language of flows or, without functions of queues, that
// of skill rules.
func newLanguage(queues map[string]bool, flows bool) (*language, error) {
	options := []cel.EnvOption{
		cel.OptionalTypes(), ext.Strings(ext.StringsVersion(5)),
		cel.Types(newWorkType()),
		cel.Variable("work", theWork()), cel.Variable("now", cel.TimestampType),
		cel.ParserExpressionSizeLimit(maxLetters), cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxRegexp),
		cel.DefaultUTCTimeZone(true),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	}
	for _, f := range queueFunctions() {
		if !flows {
			options = append(options, f.withhold())
			continue
		}
		options = append(options, f.declare(queues)...)
	}
	if flows {
		options = append(options, cel.Variable(carrier, theFacts()))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("intake: language: %w", err)
	}
	return &language{env: env}, nil
}

// compile makes a condition of an expression; nil, which is always true, of an
// empty one.
func (l *language) compile(field, text string) (*condition, []error) {
	if text == "" {
		return nil, nil
	}
	checked, issues := l.env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, faults(field, text, issues)
	}
	if kind := checked.OutputType(); !kind.IsExactType(cel.BoolType) {
		return nil, []error{fault(field, "this is of type %s; a condition must be of type bool, true or false", kind)}
	}
	if errs := refused(field, checked.NativeRep()); len(errs) > 0 {
		return nil, errs
	}
	if err := l.afford(field, checked); err != nil {
		return nil, []error{err}
	}
	program, err := l.env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, []error{fault(field, "%v", err)}
	}
	return &condition{program: program}, nil
}

// refused finds what would come out differently elsewhere, or cost what nobody
// can foresee.
func refused(field string, checked *ast.AST) []error {
	var out []error
	for _, e := range ast.MatchDescendants(ast.NavigateAST(checked), ast.AllMatcher()) {
		message := ""
		switch e.Kind() {
		case ast.StructKind:
			message = "messages cannot be made here; compare single fields instead"
		case ast.CallKind:
			message = refusedCall(e.AsCall())
		}
		if message != "" {
			place := checked.SourceInfo().GetStartLocation(e.ID())
			out = append(out, at(field, place.Line(), place.Column(), message))
		}
	}
	return out
}

func refusedCall(call ast.CallExpr) string {
	name, args := call.FunctionName(), call.Args()
	switch {
	case !allowed(name):
		return fmt.Sprintf("%s is not there for conditions", name) + orRather(name, standardFunctions(), "functions")
	case name == "matches":
		if _, ok := literal(args[len(args)-1]); !ok {
			return "the pattern of matches should be written out, in quotation marks"
		}
	case strings.HasPrefix(name, "get") && len(args) == 1:
		zone, ok := literal(args[0])
		if !ok {
			return "the time zone should be written out, as in " + name + "('Europe/Berlin')"
		}
		if strings.Contains(zone, ":") {
			return ""
		}
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
			return fmt.Sprintf("there is no time zone %q; it should look like Europe/Berlin, or +01:00", zone)
		}
	}
	return ""
}

// allowed reports whether conditions may call the function: operators, ours,
// and those of CEL that nothing speaks against.
func allowed(name string) bool {
	_, ours := functionNamed(name)
	return ours || operator(name) != name || slices.Contains(standardFunctions(), name) ||
		slices.Contains([]string{operators.In, operators.NotStrictlyFalse, operators.OptSelect, operators.OptIndex}, name)
}

// standardFunctions lists the functions of CEL and its extensions whose cost,
// and the size of what they return, CEL foresees. Others could make a text of
// any size of a small one.
func standardFunctions() []string {
	return []string{
		"bool", "double", "duration", "int", "size", "string", "timestamp", "uint",
		"charAt", "contains", "endsWith", "indexOf", "lastIndexOf", "lowerAscii", "matches", "replace", "reverse", "split",
		"startsWith", "substring", "trim", "upperAscii",
		"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes",
		"getMonth", "getSeconds",
		"hasValue", "optional.none", "optional.of", "or", "orValue", "value",
	}
}

// literal returns a string that is written out.
func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}
