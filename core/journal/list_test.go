// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWorkspacesAreListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Workspaces(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an empty folder: %v", err)
	}
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, name := range []string{"main", "Büro 1"} {
		if _, err := s.Log(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := Workspaces(dir); err != nil || !slices.Equal(names, []string{"Büro 1", "main"}) {
		t.Fatalf("%q, %v", names, err)
	}
}

func TestNamesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(0, 64, 64).Draw(t, "name")
		if back, ok := unescape(escape(name)); !ok || back != name {
			t.Fatalf("%q came back as %q, %v", name, back, ok)
		}
	})
	for _, wrong := range []string{"=", "=4", "=zz", "A", "=61"} {
		if name, ok := unescape(wrong); ok {
			t.Errorf("%q was read as %q", wrong, name)
		}
	}
}
