// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// object is a JSON object that keeps its order. A nil object is empty.
type object struct {
	names  []string
	values map[string]any // *object, []any, string, json.Number, bool or nil
}

// parse reads a document.
func parse(text []byte) (*object, error) {
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.UseNumber()
	value, err := read(reader)
	if err != nil {
		return nil, err
	}
	document, ok := value.(*object)
	if !ok {
		return nil, errors.New("it is no object")
	}
	return document, nil
}

func read(reader *json.Decoder) (any, error) {
	token, err := reader.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := &object{values: make(map[string]any)}
		for reader.More() {
			name, err := reader.Token()
			if err != nil {
				return nil, err
			}
			value, err := read(reader)
			if err != nil {
				return nil, err
			}
			o.set(fmt.Sprint(name), value)
		}
		_, err := reader.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for reader.More() {
			value, err := read(reader)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := reader.Token()
		return list, err
	default:
		return token, nil
	}
}

func (o *object) keys() []string {
	if o == nil {
		return nil
	}
	return o.names
}

// get returns a value, nil if there is none.
func (o *object) get(name string) any {
	if o == nil {
		return nil
	}
	return o.values[name]
}

func (o *object) at(name string) *object  { inner, _ := o.get(name).(*object); return inner }
func (o *object) text(name string) string { text, _ := o.get(name).(string); return text }
func (o *object) list(name string) []any  { list, _ := o.get(name).([]any); return list }
func (o *object) reference() string       { return strings.TrimPrefix(o.text("$ref"), "#/definitions/") }

func (o *object) set(name string, value any) {
	if _, ok := o.values[name]; !ok {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

func (o *object) remove(name string) {
	o.names = slices.DeleteFunc(o.names, func(n string) bool { return n == name })
	delete(o.values, name)
}

// objects are the members that are objects, in order.
func (o *object) objects() (list []*object) {
	for _, name := range o.keys() {
		if inner, ok := o.values[name].(*object); ok {
			list = append(list, inner)
		}
	}
	return list
}

// write writes the object as people read it.
func (o *object) write(out *bytes.Buffer, indent string) {
	if len(o.names) == 0 {
		out.WriteString("{}")
		return
	}
	deeper := indent + "  "
	for i, name := range o.names {
		out.WriteString(map[bool]string{true: "{\n", false: ",\n"}[i == 0])
		out.WriteString(deeper)
		writeValue(out, name, deeper)
		out.WriteString(": ")
		writeValue(out, o.values[name], deeper)
	}
	out.WriteString("\n" + indent + "}")
}

func writeValue(out *bytes.Buffer, value any, indent string) {
	switch v := value.(type) {
	case *object:
		v.write(out, indent)
	case []any:
		if len(v) == 0 {
			out.WriteString("[]")
			return
		}
		deeper := indent + "  "
		for i, inner := range v {
			out.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
			out.WriteString(deeper)
			writeValue(out, inner, deeper)
		}
		out.WriteString("\n" + indent + "]")
	default:
		var text bytes.Buffer
		writer := json.NewEncoder(&text)
		writer.SetEscapeHTML(false)
		_ = writer.Encode(v) //nolint:errchkjson // it was read from JSON, or is a number or a truth
		out.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	}
}
