// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/patchbay-cx/patchbay/config"
)

func explained(t *testing.T, path string, opts ...config.Option) *config.Effective {
	t.Helper()
	sources, err := config.Read(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	e, err := config.Explain(sources, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestShowReadsBack holds that what is shown means what was read.
func TestShowReadsBack(t *testing.T) {
	t.Parallel()
	for _, origins := range []bool{false, true} {
		var b bytes.Buffer
		if err := explained(t, "example.yaml", config.Builtins("queue", "skills")).WriteYAML(&b, origins); err != nil {
			t.Fatal(err)
		}
		again, err := config.Parse("shown.yaml", b.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		first := example(t)
		first.Data, again.Data, again.Warnings = "", "", nil
		if !reflect.DeepEqual(first, again) {
			t.Errorf("what is shown is another configuration:\n%+v\nwant:\n%+v", again, first)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{
		"x.yaml": complete("max_waiting: 4\n"), "conf.d/y.yaml": "queues:\n  support:\n    max_waiting: 8\n",
	})
	e := explained(t, root+"/x.yaml", config.Environment([]string{"PATCHBAY_WORKSPACE=w"}), config.Flag("listen", "127.0.0.1:0"), set(t, "queues.support.offer_to=2"))
	got := map[string]string{}
	for _, v := range e.List() {
		got[v.Path] = v.Origin.Kind + " " + strings.TrimPrefix(v.Origin.String(), root+"/")
	}
	for path, want := range map[string]string{
		"workspace": "environment $PATCHBAY_WORKSPACE", "listen": "flag --listen", "data": "default default",
		"max_waiting": "file x.yaml:1:14", "queues.support.routing": "file x.yaml:6:29",
		"queues.support.max_waiting": "file conf.d/y.yaml:3:18", "queues.support.offer_to": "flag --set queues.support.offer_to",
		"queues.support.tiers": "default default", "strategies.queue.runtime": "built-in built-in",
	} {
		if got[path] != want {
			t.Errorf("%s is from %q, want %q", path, got[path], want)
		}
	}
}

var pageUpdate = flag.Bool("update-page", false, "rewrite the reference in docs/config.md")

// TestReferencePage holds that the page's reference is the schema's.
func TestReferencePage(t *testing.T) {
	t.Parallel()
	const page, begin, end = "../docs/config.md", "<!-- keys: written by \"go test ./config -run TestReferencePage -update-page\" -->\n", "<!-- end of keys -->\n"
	var b bytes.Buffer
	if err := config.WriteMarkdown(&b, config.Reference()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	written, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the reference", page)
	}
	if *pageUpdate {
		if err := os.WriteFile(page, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if written != b.String() {
		t.Errorf("the reference in %s is not the schema's; see the comment above it", page)
	}
}

// TestReferenceIsWhole holds that the reference has every key of the example.
func TestReferenceIsWhole(t *testing.T) {
	t.Parallel()
	last := map[string]bool{}
	for _, e := range config.Reference() {
		last[strings.TrimSuffix(e.Path[strings.LastIndexByte(e.Path, '.')+1:], "[]")] = true
		if e.Must == "" {
			t.Errorf("%s: what it must be is not said", e.Path)
		}
	}
	schema := map[string]any{}
	if err := yaml.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	properties(schema, func(key string, _ map[string]any) {
		if !last[key] {
			t.Errorf("the reference lacks %s", key)
		}
	})
}

// byEditor compiles a schema as an editor does, which knows no format of ours.
func byEditor(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("editor.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("editor.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestSchemaAgrees holds that an editor with the schema and the check say the
// same of every planted fault where a schema can tell: what the editor calls
// wrong the check refuses, and the other way round for faults of shape.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	schema := byEditor(t, config.Schema())
	shape := map[config.Code]bool{config.CodeUnknownKey: true, config.CodeType: true, config.CodeRange: true, config.CodeChoice: true}
	files := map[string]string{}
	for _, name := range []string{"testdata/faults.yaml", "testdata/routing.yaml", "example.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	_, blocks := readBlocks(t)
	for _, b := range blocks {
		files[b.name] = b.text
		if !strings.HasSuffix(b.name, "(raw)") {
			files[b.name] = complete(b.text)
		}
	}
	wrong := 0
	for name, text := range files {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil || value == nil {
			continue // it is no YAML, or only a check of files can tell
		}
		editor := schema.Validate(jsonTypes(value))
		_, err := config.Parse("x.yaml", []byte(text))
		var faults *config.Errors
		switch {
		case err == nil && editor != nil:
			t.Errorf("%s: the check passes, and the schema says %v", name, editor)
		case errors.As(err, &faults) && editor == nil:
			for _, f := range faults.List {
				if shape[f.Code] && !strings.Contains(f.Message, "duration") && !strings.Contains(f.Message, "size") && !strings.Contains(f.Message, "tag") {
					t.Errorf("%s: the schema passes, and the check says %v", name, f)
				}
			}
		case editor != nil:
			wrong++
		}
	}
	if wrong < 20 {
		t.Errorf("only %d configurations were wrong by the schema", wrong)
	}
}

// jsonTypes turns what YAML gives into what JSON would.
func jsonTypes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = jsonTypes(v[k])
		}
	case map[any]any:
		m := map[string]any{}
		for k, inner := range v {
			text, _ := k.(string)
			if text == "" {
				text = strings.TrimSpace(yamlText(k))
			}
			m[text] = jsonTypes(inner)
		}
		return m
	case []any:
		for i := range v {
			v[i] = jsonTypes(v[i])
		}
	case int:
		return float64(v)
	}
	if stamp, ok := v.(interface{ Format(layout string) string }); ok {
		return stamp.Format("2006-01-02")
	}
	return v
}

func yamlText(v any) string {
	text, _ := yaml.Marshal(v)
	return string(text)
}

func TestFragmentSchema(t *testing.T) {
	t.Parallel()
	schema := byEditor(t, config.FragmentSchema())
	fragment := map[string]any{"agents": map[string]any{"anna": map[string]any{"presence_config": "normal"}}}
	if err := schema.Validate(fragment); err != nil {
		t.Error(err)
	}
	if err := schema.Validate(map[string]any{"agnets": map[string]any{}}); err == nil {
		t.Error("a misspelt section passes")
	}
	if err := byEditor(t, config.Schema()).Validate(fragment); err == nil {
		t.Error("a fragment passes for a whole")
	}
}
