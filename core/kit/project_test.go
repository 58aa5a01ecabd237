// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"bytes"
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/kit"
)

const root = "../.."

// TestProject shows what a new project holds. That it builds and keeps the
// contract is tested where it can be built, with the command.
func TestProject(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	files, err := kit.Project{Name: "vip-first", Dir: dir, Checkout: root}.Write()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{".gitignore", "README.md", "go.mod", "vipfirst.go", "vipfirst_test.go", filepath.Join("plugin", "main.go"), "go.sum"}
	if !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
	for _, name := range files {
		text := read(t, filepath.Join(dir, name))
		if bytes.Contains(text, []byte("<no value>")) || bytes.Contains(text, []byte("{{")) {
			t.Errorf("%s is not filled in:\n%s", name, text)
		}
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		if formatted, err := format.Source(text); err != nil || !bytes.Equal(formatted, text) {
			t.Errorf("%s is not formatted: %v", name, err)
		}
	}
	if !bytes.Equal(read(t, filepath.Join(dir, "go.sum")), read(t, filepath.Join(root, "go.sum"))) {
		t.Error("go.sum is another")
	}
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	mod := string(read(t, filepath.Join(dir, "go.mod")))
	for _, line := range []string{
		"module example.com/vipfirst\n", "\nreplace github.com/patchbay-cx/patchbay => " + checkout + "\n", "\tgoogle.golang.org/grpc v1",
	} {
		if !strings.Contains(mod, line) {
			t.Errorf("go.mod has no %q:\n%s", line, mod)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestProjectQuotes shows that a folder with a space is quoted in go.mod.
func TestProjectQuotes(t *testing.T) {
	t.Parallel()
	checkout := filepath.Join(t.TempDir(), "my source")
	if err := os.Mkdir(checkout, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module github.com/patchbay-cx/patchbay // ours\n\ngo 1.26.0\n\nrequire a.example/b v1.2.3 // indirect\n\nreplace x => y v1\n",
		"go.sum": "",
	} {
		if err := os.WriteFile(filepath.Join(checkout, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir() // an empty folder will do
	if _, err := (kit.Project{Name: "mine", Dir: dir, Checkout: checkout}).Write(); err != nil {
		t.Fatal(err)
	}
	mod := string(read(t, filepath.Join(dir, "go.mod")))
	if !strings.Contains(mod, `=> "`+checkout+`"`) || !strings.Contains(mod, "(\n\ta.example/b v1.2.3 // indirect\n)") {
		t.Errorf("go.mod:\n%s", mod)
	}
}

func TestProjectRefuses(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, dir, checkout, want string }{
		{name: "", want: `"" is no name`},
		{name: "Mine", want: `"Mine" is no name: lower-case letters`},
		{name: "a--b", want: "is no name"},
		{name: "../x", want: "is no name"},
		{name: "1st", want: "is no name"},
		{name: "func", want: `"func" cannot be the name of a Go package here`},
		{name: "ro-ute", want: `"route" cannot be`},
		{name: "mine", dir: full, want: "is not empty"},
		{name: "mine", checkout: "testdata", want: "go.mod"},
		{name: "mine", checkout: filepath.Join(root, "tools"), want: "is not the folder of the module github.com/patchbay-cx/patchbay"},
	} {
		t.Run(test.name+" "+test.want, func(t *testing.T) {
			t.Parallel()
			p := kit.Project{Name: test.name, Dir: filepath.Join(t.TempDir(), "new"), Checkout: root}
			if test.dir != "" {
				p.Dir = test.dir
			}
			if test.checkout != "" {
				p.Checkout = test.checkout
			}
			if _, err := p.Write(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if _, err := os.Stat(filepath.Join(p.Dir, "go.mod")); err == nil {
				t.Error("something was written")
			}
		})
	}
}
