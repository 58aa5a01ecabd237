// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// The protocol's enums have the engine's numbers and names.
func TestEnumsAgreeWithTheEngine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		enum protoreflect.EnumDescriptor
		name func(protoreflect.EnumNumber) string
		next string // what the engine calls the first number that is none
	}{
		{patchbayv1.EventKind(0).Descriptor(), func(n protoreflect.EnumNumber) string { return engine.Kind(n).String() }, "kind_"},
		{patchbayv1.WorkState(0).Descriptor(), func(n protoreflect.EnumNumber) string { return engine.WorkState(n).String() }, "state_"},
		{patchbayv1.AssignmentState(0).Descriptor(), func(n protoreflect.EnumNumber) string { return engine.AssignmentState(n).String() }, "state_"},
		{patchbayv1.StatusCause(0).Descriptor(), func(n protoreflect.EnumNumber) string { return engine.Cause(n).String() }, "cause_"},
		{patchbayv1.StrategyState(0).Descriptor(), func(n protoreflect.EnumNumber) string { return strategy.State(n - 1).String() }, "state_"},
		{strategyv1.Instruct_Verb(0).Descriptor(), func(n protoreflect.EnumNumber) string { return engine.Verb(n).String() }, "verb_"},
		{patchbayv1.Verdict(0).Descriptor(), func(n protoreflect.EnumNumber) string { return route.Verdict(n).String() }, ""},
	} {
		values := c.enum.Values()
		for i := 1; i < values.Len(); i++ {
			number := values.Get(i).Number()
			if got, want := shortName(c.enum, number), c.name(number); got != want {
				t.Errorf("%s %d: the protocol calls it %q, the engine %q", c.enum.Name(), number, got, want)
			}
		}
		if after := c.name(values.Get(values.Len()-1).Number() + 1); c.next != "" && !strings.HasPrefix(after, c.next) {
			t.Errorf("%s: the protocol lacks %q", c.enum.Name(), after)
		}
	}
}

// Sizes go out and come in as they are.
func TestSizesAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := engine.Milli(rapid.Int32Range(0, 1_000_000_000).Draw(t, "size"))
		if back, err := milli("size", units(size)); err != nil || back != size {
			t.Fatalf("%d went out as %v and came back as %d, %v", size, units(size), back, err)
		}
		finer := units(size) + rapid.SampledFrom([]float64{0.0001, 0.0005, 0.0009}).Draw(t, "finer")
		if got, err := milli("size", finer); err == nil {
			t.Fatalf("%v was read as %d", finer, got)
		}
	})
}

// Spans of time go out and come in as they are, and finer ones are refused.
func TestSpansAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		is := engine.Time(rapid.Int64Range(1, 100*366*24*3600*1000).Draw(t, "span"))
		if back, err := span("f", lasting(is)); err != nil || back != is {
			t.Fatalf("%d went out as %v and came back as %d, %v", is, lasting(is), back, err)
		}
		finer := lasting(is)
		finer.Nanos += rapid.Int32Range(1, 999_999).Draw(t, "finer")
		if got, err := span("f", finer); err == nil {
			t.Fatalf("%v was read as %d", finer, got)
		}
	})
}

func TestEveryCodeOfTheEngineHasAStatus(t *testing.T) {
	t.Parallel()
	for code, want := range map[engine.Code]int{
		engine.CodeInvalid: 400, engine.CodeInvalidDefinition: 400, engine.CodeUnknownWork: 404,
		engine.CodeUnknownAssignment: 404, engine.CodeUnknownQueue: 400, engine.CodeUnknownChannel: 400,
		engine.CodeUnknownStatus: 400, engine.CodeSizeTooLarge: 400, engine.CodeNotSignedIn: 409,
		engine.CodeAlreadySignedIn: 409, engine.CodeNotYours: 403, engine.CodeWrongState: 409,
		engine.CodeReasonRequired: 400, engine.CodeInUse: 409, engine.CodeUnknownSkill: 400, engine.CodeAgentUnavailable: 409,
		engine.CodeNoCapacity: 409, engine.CodeLimit: 409, engine.CodeQueueFull: 409, engine.CodeQueueClosed: 409, engine.CodeUnknownStrategy: 400,
		engine.CodeStale: 409, engine.CodeStatusNotPermitted: 400,
	} {
		r, told := ofError(&engine.Refusal{Code: code, Field: "f", Message: "m"})
		back := ofStatus(r.GRPCStatus())
		if !told || r.status() != want || back.status() != want || back.code != string(code) || back.field != "f" {
			t.Errorf("%s: %d, and over gRPC %d %v", code, r.status(), back.status(), back)
		}
	}
	r, told := ofError(errors.New("secret detail"))
	if told || r.status() != 500 || strings.Contains(r.message, "secret") {
		t.Errorf("an unforeseen error is told as %v", r)
	}
}

func TestNonsenseIsNoSize(t *testing.T) {
	t.Parallel()
	for _, size := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
		if got, err := milli("size", size); err == nil {
			t.Errorf("%v was read as %d", size, got)
		}
	}
}
