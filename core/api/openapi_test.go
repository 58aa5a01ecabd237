// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
)

// swagger is as much of an OpenAPI 2.0 document as is checked.
type swagger struct {
	Swagger string
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]struct {
		OperationID string
		Description string
		Summary     string
		Produces    []string
		Parameters  []struct{ Name, In string }
		Responses   map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			}
		}
	}
	Definitions map[string]struct {
		Description string
		Properties  map[string]struct {
			Description string
			Title       string
		}
	}
	SecurityDefinitions map[string]struct{ Type, In, Name string }
	Security            []map[string][]string
}

func readSwagger(t *testing.T) swagger {
	t.Helper()
	var doc swagger
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDocumentListsEveryMethod(t *testing.T) {
	t.Parallel()
	doc := readSwagger(t)
	table, err := methods()
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for _, operations := range doc.Paths {
		listed += len(operations)
	}
	if listed != len(table) {
		t.Errorf("the document lists %d methods, there are %d", listed, len(table))
	}
	for name, m := range table {
		rule := proto.GetExtension(m.descriptor.Options(), annotations.E_Http).(*annotations.HttpRule)
		verb, path := "get", rule.GetGet()
		if path == "" {
			verb, path = "post", rule.GetPost()
		}
		operation, ok := doc.Paths[path][verb]
		if !ok {
			t.Errorf("%s: the document has no %s %s", name, verb, path)
			continue
		}
		if operation.Summary == "" && operation.Description == "" {
			t.Errorf("%s: it is not described", name)
		}
		for _, code := range []string{"400", "401", "403", "default"} {
			if ref := operation.Responses[code].Schema.Ref; ref != "#/definitions/ErrorResponse" {
				t.Errorf("%s: answer %s is a %q", name, code, ref)
			}
		}
		streams := slices.Contains(operation.Produces, "text/event-stream") || slices.Contains(operation.Produces, "application/gzip")
		if m.descriptor.IsStreamingServer() != streams {
			t.Errorf("%s: it produces %v", name, operation.Produces)
		}
	}
}

func TestTheDocumentIsSound(t *testing.T) {
	t.Parallel()
	doc := readSwagger(t)
	if doc.Swagger != "2.0" || doc.Info.Title != "Patchbay" || doc.Info.Version == "" {
		t.Errorf("it is %q, %+v", doc.Swagger, doc.Info)
	}
	if key := doc.SecurityDefinitions["key"]; key.In != "header" || key.Name != "Authorization" || len(doc.Security) != 1 {
		t.Errorf("security %+v, %v", doc.SecurityDefinitions, doc.Security)
	}
	for _, ref := range regexp.MustCompile(`"#/definitions/([^"]+)"`).FindAllStringSubmatch(string(OpenAPI()), -1) {
		if _, ok := doc.Definitions[ref[1]]; !ok {
			t.Errorf("%s is referred to and not defined", ref[1])
		}
	}
	for name, definition := range doc.Definitions {
		for field, property := range definition.Properties {
			if property.Description == "" && property.Title == "" {
				t.Errorf("%s.%s is not described", name, field)
			}
		}
	}
	for path, operations := range doc.Paths {
		for verb, operation := range operations {
			for _, variable := range pathVariable.FindAllStringSubmatch(path, -1) {
				if !slices.ContainsFunc(operation.Parameters, func(p struct{ Name, In string }) bool {
					return p.Name == variable[1] && p.In == "path"
				}) {
					t.Errorf("%s %s: %s is not declared", verb, path, variable[0])
				}
			}
		}
	}
}

func TestEveryFileOfThePackageIsServed(t *testing.T) {
	t.Parallel()
	table, err := endpoints()
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, path := range []string{"POST /v1/work", "GET /v1/status", "GET /v1/events", "POST /v1/assignments/{assignment=*}/accept"} {
		if !slices.Contains(names, path) {
			t.Errorf("there is no %s among:\n%s", path, strings.Join(names, "\n"))
		}
	}
	if got, want := len(files()), 10; got != want {
		t.Errorf("%d files have services, want %d", got, want)
	}
}
