// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/config"
)

// TestRecordKeepsSecretsOut holds that what goes on record refers to secrets and
// does not hold them, and that strategies made from the record get them.
func TestRecordKeepsSecretsOut(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{
		"x.yaml": complete(`strategies:
  p: {runtime: process, source: p.bin, sha256: "` + strings.Repeat("0", 64) + `", args: ["--key=${env:KEY}", plain], settings: {a: ["${file:one}", 1], "b": "$${x}"}}
routing_configs: {plain: {strategy: p}}
`),
		"one": "s3cr3t-one\n",
	})
	env := config.Environment([]string{"KEY=s3cr3t-key"})
	sources, err := config.Read(filepath.Join(root, "x.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(sources[0].Name, sources[0].Data, env, config.Secrets())
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Definition()
	if err != nil {
		t.Fatal(err)
	}
	s := d.Strategies[0]
	want := `{"a":["${file:` + filepath.Join(root, "one") + `}",1],"b":"$${x}"}`
	if s.Settings != want || s.Args[0] != "--key=${env:KEY}" {
		t.Errorf("on record are %s and %q, want %s", s.Settings, s.Args, want)
	}
	direct, err := c.Specs()
	if err != nil {
		t.Fatal(err)
	}
	fromRecord, err := config.Specs(&d, env)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(direct, fromRecord) {
		t.Errorf("from the record come\n%+v\nwant\n%+v", fromRecord, direct)
	}
	if got := string(fromRecord[0].Settings); got != `{"a":["s3cr3t-one",1],"b":"${x}"}` || fromRecord[0].Args[0] != "--key=s3cr3t-key" {
		t.Errorf("settings %s, args %q", got, fromRecord[0].Args)
	}
	if _, err := config.Specs(&d); err == nil || !strings.Contains(err.Error(), `strategies.p: the environment has no variable "KEY"`) {
		t.Errorf("without the environment: %v", err)
	}
}

// TestSettingsAgainstTheirSchema holds that settings of built-ins are checked
// with the rest of the file.
func TestSettingsAgainstTheirSchema(t *testing.T) {
	t.Parallel()
	const schema = `{"type": "object", "additionalProperties": false, "properties": {"worth": {"type": "object", "additionalProperties": {"type": "integer", "title": "a whole number"}}}}`
	_, err := config.Parse("x.yaml", []byte(complete("strategies:\n  queue:\n    runtime: builtin\n    source: queue\n    settings: {worth: {gold: much}, wroth: 1}\n")),
		config.Schemas(map[string]string{"queue": schema}))
	got := text(err)
	if !strings.Contains(got, "x.yaml:5:30: strategies.queue.settings.worth.gold: ") || !strings.Contains(got, "x.yaml:5:") || strings.Count(got, "\n") != 1 {
		t.Errorf("got:\n%s", got)
	}
}
