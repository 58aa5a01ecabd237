// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Openapi writes into the REST API's document what its generator leaves out,
// although the protocol says it: how long a text, how large a number and how many
// items may be, what ids look like, that unknown fields are refused and null is
// as good as nothing, and that a stream that does not come about answers in JSON.
// Run again, it changes nothing.
//
// It knows the protocol, and nothing of the host.
package main

import (
	"bytes"
	"fmt"
	"os"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1" // registers what is read here
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openapi FILE")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rewrite(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	document, err := parse(text)
	if err != nil {
		return fmt.Errorf("openapi: %s: %w", file, err)
	}
	if err := complete(document); err != nil {
		return fmt.Errorf("openapi: %s: %w", file, err)
	}
	var out bytes.Buffer
	document.write(&out, "")
	out.WriteByte('\n')
	return os.WriteFile(file, out.Bytes(), 0o644) //nolint:gosec // a source file, as the others
}

// complete goes through all methods of the protocol.
func complete(document *object) error {
	requests := make(map[string]bool) // definitions that a caller writes
	for _, method := range methods() {
		for _, operation := range operations(document, method) {
			if err := request(document, operation, method.Input(), requests); err != nil {
				return fmt.Errorf("%s: %w", method.FullName(), err)
			}
			errorsInJSON(operation)
		}
	}
	names(document)
	return nil
}

// names adds to every enum the value that it has when it has none: answers
// write it.
func names(document *object) {
	protoregistry.GlobalFiles.RangeFilesByPackage("patchbay.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Enums().Len() {
			enum := file.Enums().Get(i)
			definition, none := document.at("definitions").at(string(enum.Name())), string(enum.Values().ByNumber(0).Name())
			if values := definition.list("enum"); len(values) > 0 && !contains(values, none) {
				definition.set("enum", append([]any{none}, values...))
			}
		}
		return true
	})
}

// methods are those of all services of the public API.
func methods() (list []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("patchbay.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				list = append(list, service.Methods().Get(j))
			}
		}
		return true
	})
	return list
}

// operations are a method's in the document.
func operations(document *object, method protoreflect.MethodDescriptor) (list []*object) {
	id := fmt.Sprintf("%s_%s", method.Parent().Name(), method.Name())
	for _, path := range document.at("paths").objects() {
		for _, operation := range path.objects() {
			if operation.text("operationId") == id {
				list = append(list, operation)
			}
		}
	}
	return list
}

// request completes what is said of a method's parameters.
func request(document, operation *object, input protoreflect.MessageDescriptor, done map[string]bool) error {
	for _, parameter := range operation.list("parameters") {
		p, ok := parameter.(*object)
		if !ok {
			continue
		}
		switch p.text("in") {
		case "path", "query":
			field := input.Fields().ByName(protoreflect.Name(p.text("name")))
			if field == nil {
				return fmt.Errorf("there is no field %s", p.text("name"))
			}
			limit(p, field)
			if p.text("in") == "path" {
				identify(p, field)
			}
		case "header":
			// What a stream is resumed after is a parameter as well; an empty header
			// is none.
			if field := input.Fields().ByName("after"); field != nil && field.Kind() == protoreflect.Uint64Kind {
				p.set("pattern", `^(`+wholePattern[1:len(wholePattern)-1]+`)?$`)
			}
		case "body":
			name := p.at("schema").reference()
			body := document.at("definitions").at(name)
			if body == nil {
				return fmt.Errorf("there is no definition %q", name)
			}
			define(document, body, input, name, done)
			if len(body.list("required")) == 0 {
				p.remove("required") // no body is as good as an empty one
			}
		}
	}
	return nil
}

// define completes a definition of what a caller sends, and those in it.
func define(document, definition *object, message protoreflect.MessageDescriptor, name string, done map[string]bool) {
	if done[name] {
		return
	}
	done[name] = true
	definition.set("additionalProperties", false)
	properties := definition.at("properties")
	required := definition.list("required")
	for _, key := range properties.keys() {
		field := message.Fields().ByName(protoreflect.Name(key))
		property := properties.at(key)
		if field == nil {
			continue
		}
		limit(property, field)
		if needed(field) && !contains(required, key) {
			required = append(required, key)
			definition.set("required", required)
		}
		if !contains(required, key) && property.reference() == "" {
			property.set("x-nullable", true)
		}
		schema := property
		if items := property.at("items"); items != nil {
			schema = items
		}
		if inner := schema.reference(); inner != "" && field.Message() != nil {
			define(document, document.at("definitions").at(inner), field.Message(), inner, done)
		}
	}
}

// errorsInJSON says that a method that streams something else answers errors in
// JSON.
func errorsInJSON(operation *object) {
	produces := operation.list("produces")
	if len(produces) > 0 && !contains(produces, "application/json") {
		operation.set("produces", append(produces, "application/json"))
	}
}

func contains(list []any, text string) bool {
	for _, x := range list {
		if x == text {
			return true
		}
	}
	return false
}
