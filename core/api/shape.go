// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// shaped refuses values of another JSON type than the API's document says: the
// reader takes text for numbers, and numbers for names. Numbers of 64 bits are
// written as text, and may come as either. A body that comes here has been read,
// so that everything else about it is right.
func shaped(message protoreflect.MessageDescriptor, text []byte) *refusal {
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.UseNumber()
	var value map[string]any
	if err := reader.Decode(&value); err != nil {
		return invalid("", "the body should be a JSON object")
	}
	return shapedObject(message, value, "")
}

func shapedObject(message protoreflect.MessageDescriptor, value map[string]any, at string) *refusal {
	for _, name := range slices.Sorted(maps.Keys(value)) {
		inner, field := value[name], message.Fields().ByTextName(name)
		if field == nil {
			field = message.Fields().ByJSONName(name)
		}
		if field == nil || inner == nil { // null is as good as nothing
			continue
		}
		if f := shapedField(field, inner, at+name); f != nil {
			return f
		}
	}
	return nil
}

func shapedField(field protoreflect.FieldDescriptor, value any, at string) *refusal {
	switch {
	case field.IsMap():
		table, _ := value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(table)) {
			if f := shapedValue(field.MapValue(), table[name], at+"."+name); f != nil {
				return f
			}
		}
		return nil
	case field.IsList():
		list, _ := value.([]any)
		for i, inner := range list {
			if f := shapedValue(field, inner, fmt.Sprintf("%s[%d]", at, i)); f != nil {
				return f
			}
		}
		return nil
	}
	return shapedValue(field, value, at)
}

// shapedValue looks at one value that is neither a list nor a map.
func shapedValue(field protoreflect.FieldDescriptor, value any, at string) *refusal {
	_, number := value.(json.Number)
	_, text := value.(string)
	switch field.Kind() {
	case protoreflect.MessageKind:
		if inner, ok := value.(map[string]any); ok {
			return shapedObject(field.Message(), inner, at+".")
		}
	case protoreflect.EnumKind:
		if !text {
			return invalid(at, "%s should be %s", at, kindName(field))
		}
	case protoreflect.Int32Kind, protoreflect.Uint32Kind, protoreflect.DoubleKind, protoreflect.FloatKind:
		if !number {
			return invalid(at, "%s should be a number, not text", at)
		}
	default: // a truth, text, bytes, and numbers of 64 bits
	}
	return nil
}
