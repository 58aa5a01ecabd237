// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// The largest work that conditions look at, which is the largest that the API
// takes. Text is in bytes, of which CEL may count fewer.
const (
	maxAttributes = 100
	maxName       = 128
	maxText       = 4096
)

// unknowable is beyond every cost that comes of known sizes.
const unknowable = 1 << 50

// afford refuses what could exceed the budget. The estimate is an upper bound
// for work that is not oversized. There is no second count at run time: CEL's
// slows down with the square of what it has counted, so that a long walk would
// cost far more to meter than to take.
func (l *language) afford(field string, checked *cel.Ast) error {
	estimate, err := l.env.EstimateCost(checked, sizes{})
	switch {
	case err != nil:
		return fault(field, "its cost cannot be estimated: %v", err)
	case estimate.Max > unknowable:
		return fault(field, "its cost cannot be foreseen, since it looks into a value whose size CEL cannot tell; look into attributes themselves instead")
	case estimate.Max > Budget:
		return fault(field, "this could cost %d with large work; the limit is %d. Ask for attributes by name rather than walking over all, or search for less",
			estimate.Max, Budget)
	}
	return nil
}

// sizes tells the largest sizes of what work that is not oversized holds.
type sizes struct{}

var _ checker.CostEstimator = sizes{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	path := element.Path()
	if len(path) < 2 || path[0] != "work" {
		return nil
	}
	largest := uint64(maxText)
	switch {
	case path[1] == "attributes" && len(path) == 2:
		largest = maxAttributes
	case path[1] == "attributes" && path[2] == "@keys":
		largest = maxName
	}
	return &checker.SizeEstimate{Max: largest}
}

// EstimateCallCost implements checker.CostEstimator. It tells the sizes of
// results that CEL could foresee, but does not.
func (sizes) EstimateCallCost(function, overload string, target *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	fixed := func(largest uint64) *checker.CallEstimate {
		return &checker.CallEstimate{CostEstimate: checker.FixedCostEstimate(1), ResultSize: &checker.SizeEstimate{Max: largest}}
	}
	switch {
	case slices.Contains([]string{
		overloads.IntToString, overloads.UintToString, overloads.DoubleToString, overloads.BoolToString,
		overloads.TimestampToString, overloads.DurationToString,
	}, overload):
		return fixed(64)
	case function == "orValue" && target != nil && ofAttributes((*target).Expr()) && len(args) == 1:
		if text, ok := literal(args[0].Expr()); ok {
			return fixed(uint64(max(len(text), maxText)))
		}
	}
	return nil
}

// ofAttributes reports whether the expression is an attribute that may be
// missing: work.attributes.?name or work.attributes[?name].
func ofAttributes(e ast.Expr) bool {
	if e.Kind() != ast.CallKind || !slices.Contains([]string{operators.OptSelect, operators.OptIndex}, e.AsCall().FunctionName()) {
		return false
	}
	from := e.AsCall().Args()[0]
	return from.Kind() == ast.SelectKind && from.AsSelect().FieldName() == "attributes" && !from.AsSelect().IsTestOnly()
}

// oversized says what of the work is larger than conditions look at, empty if
// nothing is.
func oversized(spec *engine.WorkSpec) string {
	for _, text := range []string{spec.Channel, spec.Queue, spec.External, spec.Customer, spec.Conversation} {
		if len(text) > maxText {
			return "the work has a text of more than 4096 bytes, too large for conditions"
		}
	}
	if len(spec.Attributes) > maxAttributes {
		return "the work has more than 100 attributes, too many for conditions"
	}
	for name, value := range spec.Attributes {
		if len(name) > maxName || len(value) > maxText {
			return "the work has an attribute of more than 4096 bytes, or a name of more than 128, too large for conditions"
		}
	}
	return ""
}
