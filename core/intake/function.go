// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// queueFunction is a function of a queue.
type queueFunction struct {
	name   string
	result *cel.Type
	of     func(facts Facts, queue string) ref.Val
}

func queueFunctions() []queueFunction {
	return []queueFunction{
		{"agents_online", cel.IntType, func(facts Facts, queue string) ref.Val {
			online, _ := facts.AgentsIn(queue)
			return types.Int(online)
		}},
		{"agents_available", cel.IntType, func(facts Facts, queue string) ref.Val {
			_, available := facts.AgentsIn(queue)
			return types.Int(available)
		}},
		{"waiting", cel.IntType, func(facts Facts, queue string) ref.Val {
			waiting, _, _ := facts.WaitingIn(queue)
			return types.Int(waiting)
		}},
		{"wait_known", cel.BoolType, func(facts Facts, queue string) ref.Val {
			_, _, known := facts.WaitingIn(queue)
			return types.Bool(known)
		}},
		{"estimated_wait", cel.DurationType, estimatedWait},
		{"is_open", cel.BoolType, func(facts Facts, queue string) ref.Val {
			return types.Bool(facts.IsOpen(queue))
		}},
	}
}

func estimatedWait(facts Facts, queue string) ref.Val {
	_, wait, known := facts.WaitingIn(queue)
	if !known {
		return types.NewErr("the wait in queue %q is not known; ask wait_known(%q) first", queue, queue)
	}
	const longest = engine.Time(math.MaxInt64 / int64(time.Millisecond))
	return types.Duration{Duration: time.Duration(min(max(wait, 0), longest)) * time.Millisecond}
}

func functionNamed(name string) (queueFunction, bool) {
	for _, f := range queueFunctions() {
		if f.name == name {
			return f, true
		}
	}
	return queueFunction{}, false
}

const (
	// carrier is the variable that holds the facts. Nobody can write its name.
	carrier = "@facts"
	// askingCost is what a function of a queue costs: it may count its members.
	askingCost = 100
)

// known is what functions of a queue are answered from.
type known struct {
	facts  Facts
	queues map[string]bool
}

// declare makes the function known to CEL. The facts come as a hidden first
// argument, which a macro puts in, so that a program is compiled once and asked
// with different facts.
func (f queueFunction) declare(queues map[string]bool) []cel.EnvOption {
	id := f.name + "_of_queue"
	asked := func(facts, queue ref.Val) ref.Val {
		k, ok := facts.Value().(*known)
		name, isText := queue.(types.String)
		switch {
		case !ok || !isText || k.facts == nil:
			return types.NewErr("%s cannot be answered here", f.name)
		case !k.queues[string(name)]:
			return types.NewErr("there is no queue %q", string(name))
		}
		return f.of(k.facts, string(name))
	}
	cost := func(checker.CostEstimator, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
		return &checker.CallEstimate{CostEstimate: checker.FixedCostEstimate(askingCost)}
	}
	return []cel.EnvOption{
		cel.Function(f.name, cel.Overload(id, []*cel.Type{theFacts(), cel.StringType}, f.result, cel.BinaryBinding(asked))),
		cel.Macros(cel.GlobalVarArgMacro(f.name, f.expand(queues))),
		cel.CostEstimatorOptions(checker.OverloadCostEstimate(id, cost)),
	}
}

// expand puts the facts in, and checks a queue that is written out.
func (f queueFunction) expand(queues map[string]bool) cel.MacroFactory {
	return func(with cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		if len(args) != 1 {
			return nil, with.NewError(0, fmt.Sprintf("%s takes one queue, as in %s('support')", f.name, f.name))
		}
		if args[0].Kind() == ast.LiteralKind {
			name, ok := args[0].AsLiteral().(types.String)
			switch {
			case !ok:
				return nil, with.NewError(args[0].ID(), f.name+" takes the name of a queue in quotation marks")
			case !queues[string(name)]:
				return nil, with.NewError(args[0].ID(), fmt.Sprintf("there is no queue %q", string(name))+
					orRather(string(name), slices.Collect(maps.Keys(queues)), "queues"))
			}
		}
		return with.NewCall(f.name, with.NewIdent(carrier), args[0]), nil
	}
}

// withhold refuses the function where there are no facts.
func (f queueFunction) withhold() cel.EnvOption {
	return cel.Macros(cel.GlobalVarArgMacro(f.name, func(with cel.MacroExprFactory, _ ast.Expr, _ []ast.Expr) (ast.Expr, *cel.Error) {
		return nil, with.NewError(0, f.name+" is for flows; a skill rule sees the work alone, since it may be evaluated again later")
	}))
}
