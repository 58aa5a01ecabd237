// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// document is the one that is served.
const document = "../openapi.swagger.json"

// TestTheDocumentIsComplete fails if the document was generated without what is
// added here; "make generate" does both.
func TestTheDocumentIsComplete(t *testing.T) {
	t.Parallel()
	before, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(file); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the document lacks limits: run make generate")
	}
}

// TestLimits looks at one example of each limit.
func TestLimits(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := complete(d); err != nil {
		t.Fatal(err)
	}
	created := d.at("definitions").at("CreateWorkRequest")
	properties := created.at("properties")
	for _, c := range []struct {
		of         *object
		name, want string
	}{
		{created, "additionalProperties", `false`},
		{properties.at("channel"), "minLength", `1`},
		{properties.at("channel"), "maxLength", `256`},
		{properties.at("channel"), "x-nullable", `null`},
		{properties.at("external"), "x-nullable", `true`},
		{properties.at("priority"), "minimum", `0`},
		{properties.at("priority"), "maximum", `2147483647`},
		{properties.at("size"), "exclusiveMinimum", `true`},
		{properties.at("size"), "maximum", `1000000`},
		{properties.at("attributes"), "maxProperties", `100`},
		{properties.at("attributes").at("additionalProperties"), "maxLength", `4096`},
		{properties.at("skills"), "maxItems", `50`},
		{properties.at("preferred_for"), "pattern", `"` + `^[0-9]{1,9}(\\.[0-9]{1,3})?s$` + `"`},
		{d.at("definitions").at("RequiredSkill"), "additionalProperties", `false`},
		{d.at("definitions").at("Work"), "additionalProperties", `null`},
		{d.at("paths").at("/v1/events").at("get"), "produces", "[\n  \"text/event-stream\",\n  \"application/json\"\n]"},
	} {
		var got bytes.Buffer
		writeValue(&got, c.of.get(c.name), "")
		if got.String() != c.want {
			t.Errorf("%s is %s, want %s", c.name, got.String(), c.want)
		}
	}
	for _, p := range d.at("paths").at("/v1/work/{work}").at("get").list("parameters") {
		if p, _ := p.(*object); p.text("pattern") != `^w[1-9][0-9]{0,17}$` {
			t.Errorf("an id looks like %q", p.text("pattern"))
		}
	}
	for _, p := range d.at("paths").at("/v1/config/apply").at("post").list("parameters") {
		if p, _ := p.(*object); p.get("required") != nil {
			t.Error("a body is required of which nothing is")
		}
	}
	if values := d.at("definitions").at("StatusCause").list("enum"); len(values) == 0 || values[0] != "STATUS_CAUSE_UNSPECIFIED" {
		t.Errorf("an agent who never signed in has a cause of %v", values)
	}
}

func TestObjectsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const text = "{\n  \"b\": {},\n  \"a\": [\n    1.50,\n    \"<&>\",\n    null,\n    true,\n    []\n  ]\n}"
	o, err := parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o.write(&out, "")
	if out.String() != text {
		t.Errorf("it became %s", out.String())
	}
	o.remove("b")
	o.set("c", "d")
	if keys := o.keys(); len(keys) != 2 || keys[0] != "a" || keys[1] != "c" {
		t.Errorf("its names are %q", keys)
	}
	for _, bad := range []string{"", "[]", "{", `{"a"`, `{"a":[}`} {
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
