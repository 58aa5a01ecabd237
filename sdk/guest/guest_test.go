// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/guest"
)

// needs skips the test if the tools of the language are not here. With
// PATCHBAY_GUESTS=required, which .ci/guests.sh makes true, it fails. Short runs
// are for what is written in Go.
func needs(t testing.TB, lang string) {
	t.Helper()
	if testing.Short() {
		t.Skip("a short run builds nothing in other languages")
	}
	err := guest.Need(t.Context(), lang)
	switch {
	case err == nil:
	case errors.Is(err, guest.ErrMissing) && os.Getenv("PATCHBAY_GUESTS") != "required":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// cache is a folder for what compilers keep between runs of the tests.
func cache(t testing.TB) string {
	t.Helper()
	folder, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return filepath.Join(folder, "patchbay", "guests")
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"rust", "c", "assemblyscript"} {
		if !slices.Contains(guest.Languages(), want) || guest.Runtime(want) != guest.RuntimeWASM {
			t.Errorf("%s is not among %v, or not for WASM", want, guest.Languages())
		}
	}
	if guest.Runtime("cobol") != "" {
		t.Error("there is COBOL")
	}
}

// What is written is whole: nothing is left to be filled in, and it is known
// for what it is.
func TestWrite(t *testing.T) {
	t.Parallel()
	blank := regexp.MustCompile(`\{\{ ?[A-Za-z]+ ?\}\}`)
	for _, lang := range guest.Languages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "new")
			if err := guest.Write(lang, "my-plan", dir); err != nil {
				t.Fatal(err)
			}
			files := 0
			err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				files++
				text, err := os.ReadFile(path)
				if at := blank.Find(text); at != nil {
					t.Errorf("%s holds %s", path, at)
				}
				return err
			})
			if err != nil || files < 6 {
				t.Errorf("%d files: %v", files, err)
			}
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil || !strings.Contains(string(readme), "my-plan") {
				t.Errorf("the README does not name the project: %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, ".gitignore")); err != nil {
				t.Error(err)
			}
			if got := guest.Detect(dir); got != lang {
				t.Errorf("it is taken for %q", got)
			}
			if err := guest.Write(lang, "my-plan", dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
				t.Errorf("written over another project: %v", err)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	for _, name := range []string{"", "Plan", "my plan", "-x", "x-", "a--b", "ü", "../x", "1x"} {
		if err := guest.Write("c", name, dir); err == nil || !strings.Contains(err.Error(), "is no name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := guest.Write("cobol", "plan", dir); err == nil || !strings.Contains(err.Error(), "there are rust, c, assemblyscript") {
		t.Errorf("COBOL: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was written")
	}
}

func TestDetectNothing(t *testing.T) {
	t.Parallel()
	if got := guest.Detect(t.TempDir()); got != "" {
		t.Errorf("an empty folder is taken for %q", got)
	}
}

// Without its tools, a language says what to install.
func TestMissingTools(t *testing.T) { // not in parallel: it changes the environment
	t.Setenv("PATH", t.TempDir())
	for _, lang := range guest.Languages() {
		err := guest.Need(t.Context(), lang)
		if !errors.Is(err, guest.ErrMissing) || !strings.Contains(err.Error(), "guest: build "+lang+": a tool is missing: ") ||
			!strings.Contains(err.Error(), "Install ") {
			t.Errorf("%s: %v", lang, err)
		}
		if err := (guest.Project{Language: lang, Dir: t.TempDir()}).Build(t.Context(), filepath.Join(t.TempDir(), "out")); !errors.Is(err, guest.ErrMissing) {
			t.Errorf("%s was built: %v", lang, err)
		}
	}
}

// A build that fails shows what the compiler said.
func TestBuildFails(t *testing.T) {
	t.Parallel()
	needs(t, "c")
	dir := filepath.Join(t.TempDir(), "new")
	if err := guest.Write("c", "plan", dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "strategy.c"), []byte("#include \"nothing.h\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := guest.Project{Language: "c", Dir: dir}.Build(t.Context(), filepath.Join(t.TempDir(), "out.wasm"))
	if err == nil || !strings.Contains(err.Error(), "guest: build c: clang ") || !strings.Contains(err.Error(), "nothing.h") {
		t.Errorf("got %v", err)
	}
}
