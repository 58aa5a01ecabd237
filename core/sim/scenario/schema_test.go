// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write schema.json anew")

// TestSchema wants schema.json to be what the types and their comments say.
func TestSchema(t *testing.T) {
	t.Parallel()
	want := generate(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(Schema(), want) {
		t.Error("schema.json is not what the types say; run go test ./core/sim/scenario -run TestSchema -update")
	}
}

// TestSchemaTakesScenarios holds the schema against every scenario there is, and
// against what it must refuse.
func TestSchemaTakesScenarios(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("testdata/reference/*.yaml")
	if err != nil || len(files) == 0 || len(more) == 0 {
		t.Fatalf("%d and %d files: %v", len(files), len(more), err)
	}
	for _, file := range append(files, more...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document(t, data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, wrong := range []string{
		"horizon: {time: 4h}\nclasses: {}\n",
		"horizon: {time: 4}\nclasses: {}\ngroups: {}\n",
		"horizon: {time: 4h}\nclasses: {}\ngroups: {}\nmodel: laziest\n",
		"horizon: {time: 4h}\nclasses: {a: {arrivals: {rate: 1}, service: {mean: 1s}}}\ngroups: {}\n",
		"horizon: {time: 4h}\nclasses: {a: {arrivals: {rate: 1/s}, service: {mean: 1s}, skills: {x: {lvl: 1}}}}\ngroups: {}\n",
	} {
		if schema.Validate(document(t, []byte(wrong))) == nil {
			t.Errorf("takes %q", wrong)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// document reads YAML as JSON values.
func document(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type rules = map[string]any

// generator makes a schema of types.
type generator struct {
	comments map[string]string // by type, and by type.field
	defs     rules
}

func generate(t *testing.T) []byte {
	t.Helper()
	g := &generator{comments: comments(t), defs: rules{}}
	root := g.object(reflect.TypeFor[Scenario]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://patchbay.dev/schema/scenario.json"
	root["title"] = "a contact centre to be played in virtual time"
	root["$defs"] = g.defs
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// of returns the rule for a type.
func (g *generator) of(t reflect.Type) rules {
	switch t {
	case reflect.TypeFor[Span]():
		return rules{"type": "string", "pattern": `^[0-9.]+(ns|us|µs|ms|s|m|h)([0-9.]+(ns|us|µs|ms|s|m|h))*$`, "title": "a length of time such as 90s or 1h30m"}
	case reflect.TypeFor[Rate]():
		return rules{"type": "string", "pattern": `^ *[0-9.eE+-]+ */ *(s|min|h) *$`, "title": "a rate with its unit, such as 48/min"}
	case reflect.TypeFor[Size]():
		return rules{"anyOf": []any{rules{"type": "number", "exclusiveMinimum": 0}, rules{"type": "string", "pattern": `^[0-9.]+ *%$`}}, "title": "units such as 0.5, or a share such as 50%"}
	case reflect.TypeFor[Level]():
		return rules{"type": "number", "minimum": 0, "maximum": 10}
	case reflect.TypeFor[Needs]():
		return rules{"anyOf": []any{rules{"type": "array", "items": rules{"type": "string"}}, rules{"type": "object", "additionalProperties": g.of(reflect.TypeFor[Need]())}}}
	case reflect.TypeFor[Need]():
		return rules{"anyOf": []any{g.of(reflect.TypeFor[Level]()), g.ref(t)}}
	case reflect.TypeFor[AnswerTime]():
		return rules{"anyOf": []any{rules{"enum": []any{"zero", "measured"}}, g.ref(reflect.TypeFor[Distribution]())}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.of(t.Elem())
	case reflect.Struct:
		return g.ref(t)
	case reflect.Map:
		return rules{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.Slice:
		return rules{"type": "array", "items": g.of(t.Elem())}
	case reflect.Interface:
		return rules{}
	case reflect.String:
		return rules{"type": "string"}
	case reflect.Bool:
		return rules{"type": "boolean"}
	case reflect.Float64:
		return rules{"type": "number", "minimum": 0}
	default:
		return rules{"type": "integer", "minimum": 0}
	}
}

func (g *generator) ref(t reflect.Type) rules {
	if g.defs[t.Name()] == nil {
		g.defs[t.Name()] = rules{} // of a type that names itself
		g.defs[t.Name()] = g.object(t)
	}
	return rules{"$ref": "#/$defs/" + t.Name()}
}

func (g *generator) object(t reflect.Type) rules {
	properties, required := rules{}, []any{}
	for field := range t.Fields() {
		name := field.Tag.Get("yaml")
		if name == "" {
			continue
		}
		rule := g.of(field.Type)
		tag := field.Tag.Get("schema")
		if list, ok := strings.CutPrefix(tag, "enum="); ok {
			rule = rules{"enum": words(list)}
		}
		if tag == "required" {
			required = append(required, name)
		}
		if text := g.comments[t.Name()+"."+field.Name]; text != "" {
			rule["description"] = text
		}
		properties[name] = rule
	}
	out := rules{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if text := g.comments[t.Name()]; text != "" {
		out["description"] = text
	}
	return out
}

func words(list string) (out []any) {
	for word := range strings.SplitSeq(list, "|") {
		out = append(out, word)
	}
	return out
}

// comments reads the comments of this package's types and their fields.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, name := range []string{"scenario.go", "class.go", "group.go", "skill.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE {
				return true
			}
			spec := decl.Specs[0].(*ast.TypeSpec)
			out[spec.Name.Name] = plainText(decl.Doc)
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					for _, name := range field.Names {
						out[spec.Name.Name+"."+name.Name] = plainText(field.Doc)
					}
				}
			}
			return true
		})
	}
	return out
}

func plainText(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
