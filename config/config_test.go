// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/config"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// base is what a block of rules.txt is completed with.
var base = [...]string{
	"channels: {chat: {}, voice: {}}",
	"statuses: {ready: {channels: [chat, voice]}, away: {}}",
	"presence_configs: {normal: {capacity: 2}}",
	"routing_configs: {plain: {}}",
	"queues: {support: {routing: plain}}",
	"agents: {anna: {presence_config: normal, queues: [support]}}",
}

// complete adds the sections of base that text lacks.
func complete(text string) string {
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for _, section := range base {
		key, _, _ := strings.Cut(section, ":")
		if !strings.Contains("\n"+text, "\n"+key+":") {
			text += section + "\n"
		}
	}
	return text
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"faults": 23, "routing": 50} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, golden := "testdata/"+name+".yaml", "testdata/"+name+".golden"
			c, err := config.Load(file)
			var all *config.Errors
			if !errors.As(err, &all) || c != nil {
				t.Fatalf("Load: %v, %v; want *Errors", c, err)
			}
			if len(all.List) != want {
				t.Errorf("%d errors, want %d", len(all.List), want)
			}
			compare(t, golden, all)
		})
	}
}

// compare holds errors against a golden file, or writes it.
func compare(t *testing.T, golden string, all *config.Errors) {
	t.Helper()
	// The path of a missing file depends on the checkout.
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(all.Error(), here, "HERE") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("errors differ from %s:\n%s\nwant:\n%s", golden, got, want)
	}
}

// block is one rule of rules.txt.
type block struct{ name, text, want string }

func readBlocks(t *testing.T) (head string, blocks []block) {
	t.Helper()
	data, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(data), "\n== ")
	for _, part := range parts[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		text, want, ok := strings.Cut("\n"+rest, "\n--\n")
		if !ok {
			text, ok = strings.CutSuffix("\n"+rest, "\n--")
		}
		if !ok {
			t.Fatalf("rules.txt: block %q has no \"--\"", name)
		}
		blocks = append(blocks, block{name, strings.TrimPrefix(text, "\n"), strings.TrimSpace(want)})
	}
	return parts[0], blocks
}

// answer is what a block's configuration gives, in the form of rules.txt.
func (b block) answer() string {
	text := b.text
	if !strings.HasSuffix(b.name, "(raw)") {
		text = complete(text)
	}
	c, err := parse([]byte(text))
	var lines []string
	var all *config.Errors
	switch {
	case errors.As(err, &all):
		for _, e := range all.List {
			lines = append(lines, strings.TrimPrefix(e.Error(), "x.yaml:")+" ["+string(e.Code)+"]")
		}
	case err != nil:
		lines = append(lines, err.Error())
	default:
		for _, w := range c.Warnings {
			lines = append(lines, "! "+strings.TrimPrefix(w.Error(), "x.yaml:")+" ["+string(w.Code)+"]")
		}
	}
	return strings.Join(lines, "\n")
}

func TestRules(t *testing.T) {
	t.Parallel()
	head, blocks := readBlocks(t)
	if *update {
		var b strings.Builder
		b.WriteString(head)
		for _, one := range blocks {
			fmt.Fprintf(&b, "\n== %s\n%s\n--\n", one.name, one.text)
			if answer := one.answer(); answer != "" {
				b.WriteString(answer + "\n")
			}
		}
		if err := os.WriteFile("testdata/rules.txt", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		_, blocks = readBlocks(t)
	}
	for _, one := range blocks {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			if got := one.answer(); got != one.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, one.want)
			}
		})
	}
}

// TestSecrets holds that no message repeats what may be a secret.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "my-secret-key"
	asked := 0
	_, blocks := readBlocks(t)
	for _, one := range blocks {
		if !strings.Contains(one.text, secret) {
			continue
		}
		asked++
		if answer := one.answer(); answer == "" || strings.Contains(answer, secret) {
			t.Errorf("%s: the answer tells the secret, or nothing:\n%s", one.name, answer)
		}
	}
	if asked == 0 {
		t.Error("no block of rules.txt holds the secret")
	}
}

func TestLoadFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("cert.pem", "")
	write("good.wasm", "")
	missing, empty := filepath.Join(folder, "missing.yaml"), t.TempDir()
	good := write("good.yaml", complete("data: journal\nstrategies: {w: {runtime: wasm, source: good.wasm}}\nrouting_configs: {plain: {strategy: w}}\n"))
	bad := write("bad.yaml", complete("api: {tls: {cert: cert.pem, key: key.pem}}\nstrategies: {w: {runtime: wasm, source: .}}\nrouting_configs: {plain: {strategy: w, priority: -1}}\n"))
	for _, test := range []struct {
		name, path string
		opts       []config.Option
		want       string
	}{
		{"missing", missing, nil, missing + ":1:1: the file cannot be read: there is no such file"},
		{"folder", empty, nil, empty + ":1:1: the file cannot be read: it is a folder without files whose names end in .yaml or .yml"},
		{"good", good, nil, ""},
		{
			"bad", bad, nil,
			bad + ":1:34: api.tls.key: the file " + fmt.Sprintf("%q", filepath.Join(folder, "key.pem")) + " cannot be read: there is no such file\n" +
				bad + ":2:41: strategies.w.source: " + fmt.Sprintf("%q", folder) + " is a folder; it must be a file\n" +
				bad + ":3:50: routing_configs.plain.priority: this is -1; it must be a whole number from 0 (highest) to 2147483647",
		},
		{
			"files not looked for", bad,
			[]config.Option{config.WithoutFiles()},
			bad + ":3:50: routing_configs.plain.priority: this is -1; it must be a whole number from 0 (highest) to 2147483647",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(test.path, test.opts...)
			if got := text(err); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
			if err == nil && (c.Strategies["w"].Source != filepath.Join(folder, "good.wasm") || c.Data != filepath.Join(folder, "journal")) {
				t.Errorf("paths %q and %q do not start from the file's folder", c.Strategies["w"].Source, c.Data)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLayers(t *testing.T) {
	t.Parallel()
	file := []byte(complete("listen: 127.0.0.1:1\nworkspace: file\n"))
	env := func(entries ...string) config.Option { return config.Environment(entries) }
	for _, test := range []struct {
		name              string
		opts              []config.Option
		listen, workspace string
		want              string
	}{
		{name: "file alone", listen: "127.0.0.1:1", workspace: "file"},
		{
			name: "environment over file", opts: []config.Option{env("PATCHBAY_LISTEN=127.0.0.1:2", "HOME=/root")},
			listen: "127.0.0.1:2", workspace: "file",
		},
		{
			name: "flag over environment", opts: []config.Option{env("PATCHBAY_LISTEN=127.0.0.1:2", "PATCHBAY_WORKSPACE=env"), config.Flag("listen", "127.0.0.1:3")},
			listen: "127.0.0.1:3", workspace: "env",
		},
		{
			name: "faults have their origin",
			opts: []config.Option{env("PATCHBAY_CONNECTION_GRACE=soon", "PATCHBAY_API_TLS_CERT=c.pem"), config.Flag("listen", "0.0.0.0:1")},
			want: "$PATCHBAY_API_TLS_CERT:1:1: api.tls.key: the key \"key\" is missing; it must be a path\n" +
				"$PATCHBAY_CONNECTION_GRACE:1:1: connection_grace: this is \"soon\"; it must be a duration above 0, such as 20s, 1m30s or 250ms, at most a year\n" +
				"--listen:1:1: listen: other machines can reach \"0.0.0.0:1\", which needs TLS and API keys, and api.keys is missing; add them, or listen on 127.0.0.1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse("x.yaml", file, test.opts...)
			if got := text(err); got != test.want {
				t.Fatalf("got:\n%s\nwant:\n%s", got, test.want)
			}
			if err == nil && (c.Listen != test.listen || c.Workspace != test.workspace) {
				t.Errorf("listen %q and workspace %q, want %q and %q", c.Listen, c.Workspace, test.listen, test.workspace)
			}
		})
	}
}

func TestNearlyAVariable(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("x.yaml", []byte(complete("")), config.Environment([]string{"PATCHBAY_LISTN=x", "PATCHBAY_SERVER=x"}))
	if err != nil {
		t.Fatal(err)
	}
	want := "$PATCHBAY_LISTN:1:1: this variable sets nothing; did you mean $PATCHBAY_LISTEN?"
	if len(c.Warnings) != 1 || c.Warnings[0].Error() != want {
		t.Errorf("warnings %v, want %q", c.Warnings, want)
	}
}

func TestFlagUnknown(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a flag for a key that no flag sets did not panic")
		}
	}()
	config.Flag("queues", "x")
}

// TestPathsFromOutside holds that a flag's path starts from the working
// directory, not from the file's folder.
func TestPathsFromOutside(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("/etc/patchbay/x.yaml", []byte(complete("")), config.Flag("data", "journal"))
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(here, "journal"); c.Data != want {
		t.Errorf("data %q, want %q", c.Data, want)
	}
}

func TestErrorsUnwrap(t *testing.T) {
	t.Parallel()
	_, err := config.Parse("x.yaml", []byte("workspace: [a]\n"))
	var first config.Error
	if !errors.As(err, &first) || first.Line != 1 {
		t.Errorf("errors.As found %+v in %v", first, err)
	}
}
