// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/guest"
)

const golden = "../route/testdata/golden"

// A new project of each language for WASM passes its own tests, builds, and
// what was built passes the conformance corpus.
func TestNewProjects(t *testing.T) {
	t.Parallel()
	for _, lang := range guest.Languages() {
		if guest.Runtime(lang) != guest.RuntimeWASM {
			continue
		}
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			needs(t, lang)
			dir := filepath.Join(t.TempDir(), "new")
			if err := guest.Write(lang, "my-plan", dir); err != nil {
				t.Fatal(err)
			}
			project := guest.Project{Language: lang, Dir: dir, Cache: cache(t)}
			if lang == "rust" {
				project.Cache = "" // what is built here is of no use to another run
			}
			if err := project.Test(t.Context()); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "out", "plan.wasm")
			if err := project.Build(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			conforms(t, out, "my-plan")
		})
	}
}

// groups are what guests are tried for: the contract. What takes minutes in
// every language, and what a busy machine decides, is for those who run
// "patchbay plugin test".
func groups(but ...string) []string {
	return slices.DeleteFunc(kit.Groups(), func(group string) bool {
		return group == "memory" || group == "deadline" || slices.Contains(but, group)
	})
}

// conforms tries a module against the contract.
func conforms(t *testing.T, module, name string) {
	t.Helper()
	runtime, err := wasm.Open(wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runtime.Close() })
	file, err := kit.Look(module)
	if err != nil {
		t.Fatal(err)
	}
	report, err := kit.Trial{Runtime: shortlist.New(runtime), File: file, Budget: time.Minute, Only: groups()}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Name != name || len(report.Cases) < 30 {
		t.Errorf("%s has %d cases", report.Name, len(report.Cases))
	}
	for _, c := range report.Cases {
		for _, finding := range c.Findings {
			t.Errorf("%s: %s", c.Name, finding)
		}
	}
}

// The Rust library's own tests, the golden frames among them.
func TestRustLibrary(t *testing.T) {
	t.Parallel()
	needs(t, "rust")
	if err := (guest.Project{Language: "rust", Dir: "rust", Cache: cache(t)}).Test(t.Context()); err != nil {
		t.Error(err)
	}
}

// The AssemblyScript library's own tests, the golden frames among them.
func TestAssemblyScriptLibrary(t *testing.T) {
	t.Parallel()
	needs(t, "assemblyscript")
	module := filepath.Join(t.TempDir(), "test.wasm")
	if err := guest.CompileAssemblyScript(t.Context(), "assemblyscript", cache(t), "tests/index.ts", module); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs(golden)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "tests/run.mjs", module, folder)
	cmd.Dir = "assemblyscript"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The C library reads every golden frame, writes it again byte by byte, and
// survives damaged ones under the sanitizers.
func TestCLibrary(t *testing.T) {
	t.Parallel()
	needs(t, "c")
	program := filepath.Join(t.TempDir(), "golden")
	args := []string{"-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-o", program, "c/test/golden.c", "c/patchbay.c"}
	sanitized := append([]string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all"}, args...)
	if out, err := exec.CommandContext(t.Context(), "clang", sanitized...).CombinedOutput(); err != nil {
		t.Logf("without sanitizers, which are not here: %s", out)
		if out, err := exec.CommandContext(t.Context(), "clang", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	names := goldenNames(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := exec.CommandContext(t.Context(), program, filepath.Join(golden, name+".hex")).Output()
			if err != nil {
				t.Fatalf("%v %s", err, stderr(err))
			}
			if want := goldenLines(t, name); sorted(string(got)) != want {
				t.Errorf("got\n%s\nwant\n%s", sorted(string(got)), want)
			}
		})
	}
	t.Run("longer rows", func(t *testing.T) {
		t.Parallel()
		for _, name := range names {
			got, err := exec.CommandContext(t.Context(), program, longer(t, name)).Output()
			if err != nil {
				t.Fatalf("%s: %v %s", name, err, stderr(err))
			}
			if got, want := rowsOnly(sorted(string(got))), rowsOnly(goldenLines(t, name)); got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
			}
		}
	})
}

// The C library's rungs, as the host plays them.
func TestCLadder(t *testing.T) {
	t.Parallel()
	needs(t, "c")
	for _, defined := range []string{"PICK", "RAW"} {
		program := filepath.Join(t.TempDir(), "ladder")
		args := []string{"-std=c11", "-g", "-Wall", "-Wextra", "-Werror", "-D" + defined, "-o", program, "c/test/ladder.c", "c/patchbay.c"}
		if out, err := exec.CommandContext(t.Context(), "clang", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err := exec.CommandContext(t.Context(), program).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", defined, err, out)
		}
	}
}

func stderr(err error) string {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as Output returns it
		return string(exit.Stderr)
	}
	return ""
}

func goldenNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(golden, "*.hex"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d golden frames: %v", len(files), err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".hex")
	}
	return files
}

// goldenLines names every value that a golden JSON says, on a line each.
func goldenLines(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(golden, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Header   map[string]any
		Sections map[string]any
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&said); err != nil {
		t.Fatal(err)
	}
	var lines []string
	flatten("header", said.Header, &lines)
	for table, rows := range said.Sections {
		flatten(table, rows, &lines)
	}
	return sorted(strings.Join(lines, "\n"))
}

func flatten(at string, value any, lines *[]string) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			flatten(at+"."+key, v[key], lines)
		}
	case []any:
		for i, item := range v {
			flatten(fmt.Sprintf("%s[%d]", at, i), item, lines)
		}
	default:
		*lines = append(*lines, fmt.Sprintf("%s=%v", at, v))
	}
}

func sorted(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func rowsOnly(lines string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(lines, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "header.")
	}), "\n")
}
