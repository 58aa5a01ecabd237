// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The patterns of what is text in JSON and has a form of its own. A number of 64
// bits has 20 digits at most; one of 19 always fits.
const (
	wholePattern    = `^(0|[1-9][0-9]{0,18})$`
	countPattern    = `^[1-9][0-9]{0,18}$` // above 0
	signedPattern   = `^(0|-?[1-9][0-9]{0,17})$`
	durationPattern = `^[0-9]{1,9}(\.[0-9]{1,3})?s$`
)

// identify says what an id looks like that a path names.
func identify(parameter *object, field protoreflect.FieldDescriptor) {
	switch field.Name() {
	case "work":
		parameter.set("pattern", `^w[1-9][0-9]{0,17}$`)
	case "assignment":
		parameter.set("pattern", `^a[1-9][0-9]{0,17}$`)
	}
}

// needed reports whether a rule refuses what a field is when it is left out.
func needed(field protoreflect.FieldDescriptor) bool {
	if field.HasPresence() || field.IsMap() {
		return false
	}
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	if field.IsList() {
		return rules.GetRepeated().GetMinItems() > 0
	}
	_, counts := rules.GetUint64().GetGreaterThan().(*validate.UInt64Rules_Gt)
	return rules.GetString().GetMinLen() > 0 || counts || rules.GetUint32().GetGt() > 0 || rules.GetUint32().GetGte() > 0 || rules.GetDouble().GetGt() > 0
}

// limit writes a field's limits into its schema: those of its type, and those
// of its rules.
func limit(schema *object, field protoreflect.FieldDescriptor) {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	switch {
	case field.IsMap():
		m := rules.GetMap()
		if m.GetMaxPairs() > 0 {
			schema.set("maxProperties", m.GetMaxPairs())
		}
		if values := schema.at("additionalProperties"); values != nil {
			bound(values, field.MapValue(), m.GetValues())
		}
	case field.IsList():
		r := rules.GetRepeated()
		if r.GetMinItems() > 0 {
			schema.set("minItems", r.GetMinItems())
		}
		if r.GetMaxItems() > 0 {
			schema.set("maxItems", r.GetMaxItems())
		}
		if r.GetUnique() {
			schema.set("uniqueItems", true)
		}
		if items := schema.at("items"); items != nil {
			bound(items, field, r.GetItems())
		}
	default:
		bound(schema, field, rules)
	}
}

// bound writes the limits of one value.
func bound(schema *object, field protoreflect.FieldDescriptor, rules *validate.FieldRules) {
	switch field.Kind() {
	case protoreflect.StringKind:
		boundText(schema, rules.GetString())
	case protoreflect.Int32Kind:
		r := rules.GetInt32()
		schema.set("minimum", math.MinInt32)
		if _, ok := r.GetGreaterThan().(*validate.Int32Rules_Gte); ok {
			schema.set("minimum", r.GetGte())
		}
		schema.set("maximum", math.MaxInt32)
		if _, ok := r.GetLessThan().(*validate.Int32Rules_Lte); ok {
			schema.set("maximum", r.GetLte())
		}
	case protoreflect.Uint32Kind:
		r := rules.GetUint32()
		schema.set("minimum", uint32(0))
		if _, ok := r.GetGreaterThan().(*validate.UInt32Rules_Gte); ok {
			schema.set("minimum", r.GetGte())
		}
		schema.set("maximum", uint32(math.MaxUint32))
		if _, ok := r.GetLessThan().(*validate.UInt32Rules_Lte); ok {
			schema.set("maximum", r.GetLte())
		}
	case protoreflect.DoubleKind:
		boundDouble(schema, rules.GetDouble())
	case protoreflect.Uint64Kind:
		schema.set("pattern", wholePattern)
		if _, ok := rules.GetUint64().GetGreaterThan().(*validate.UInt64Rules_Gt); ok {
			schema.set("pattern", countPattern)
		}
	case protoreflect.Int64Kind:
		schema.set("pattern", signedPattern)
	case protoreflect.MessageKind:
		if field.Message().FullName() == "google.protobuf.Duration" {
			schema.set("pattern", durationPattern)
		}
	default: // a truth, a name, or bytes
	}
}

func boundText(schema *object, r *validate.StringRules) {
	if r.GetMinLen() > 0 {
		schema.set("minLength", r.GetMinLen())
	}
	// What has more letters has more bytes.
	if r.GetMaxBytes() > 0 {
		schema.set("maxLength", r.GetMaxBytes())
	}
	if r.GetMaxLen() > 0 {
		schema.set("maxLength", r.GetMaxLen())
	}
	if r.GetPattern() != "" {
		schema.set("pattern", r.GetPattern())
	}
}

func boundDouble(schema *object, r *validate.DoubleRules) {
	switch low := r.GetGreaterThan().(type) {
	case *validate.DoubleRules_Gt:
		schema.set("minimum", low.Gt)
		schema.set("exclusiveMinimum", true)
	case *validate.DoubleRules_Gte:
		schema.set("minimum", low.Gte)
	}
	switch high := r.GetLessThan().(type) {
	case *validate.DoubleRules_Lt:
		schema.set("maximum", high.Lt)
		schema.set("exclusiveMaximum", true)
	case *validate.DoubleRules_Lte:
		schema.set("maximum", high.Lte)
	}
}
