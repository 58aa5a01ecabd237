// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed c/README.md c/patchbay.h c/patchbay_rows.h c/patchbay.c c/template
var cFiles embed.FS

func c() language {
	const install = "Install clang and lld, on Debian by: apt-get install clang lld"
	return language{
		name: "c", runtime: RuntimeWASM, files: cFiles,
		sdk:   []string{"README.md", "patchbay.h", "patchbay_rows.h", "patchbay.c"},
		marks: []string{"strategy.c"},
		tools: []Tool{
			{Name: "clang", Install: install, check: hasWASM},
			{Name: "wasm-ld", Install: install},
		},
		build: buildC,
		test:  testC,
	}
}

// hasWASM checks that the compiler knows the target; some are built without.
func hasWASM(ctx context.Context, clang string) error {
	out, err := exec.CommandContext(ctx, clang, "--print-targets").Output()
	if err != nil {
		return err
	}
	if !strings.Contains(string(out), "wasm32") {
		return errors.New("it was built without the target wasm32")
	}
	return nil
}

// cLibrary returns the folder of the library: the project's, or in Patchbay's
// own repository the one beside it.
func cLibrary(dir string) string {
	if hasAll(dir, []string{"patchbay/patchbay.c"}) {
		return filepath.Join(dir, "patchbay")
	}
	return filepath.Join(dir, "..", "..", "sdk", "guest", "c")
}

// cSources returns the project's own sources, tests left out or test alone.
func cSources(dir string, tests bool) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, file := range all {
		if tests || !strings.HasSuffix(file, "_test.c") {
			list = append(list, file)
		}
	}
	if list == nil {
		return nil, errors.New("there is no .c file in " + dir)
	}
	return list, nil
}

func buildC(ctx context.Context, j job) error {
	library := cLibrary(j.Dir)
	sources, err := cSources(j.Dir, false)
	if err != nil {
		return err
	}
	args := append([]string{
		"--target=wasm32", "-std=c11", "-O3", "-ffreestanding", "-nostdlib", "-mbulk-memory", "-Wall", "-Wextra",
		"-Wl,--no-entry", "-Wl,--strip-all", "-I", library, "-o", j.Out, filepath.Join(library, "patchbay.c"),
	}, sources...)
	return j.run(ctx, j.Dir, nil, "clang", args...)
}

// testC builds the project with its tests for this machine, and runs it.
func testC(ctx context.Context, j job) error {
	library := cLibrary(j.Dir)
	sources, err := cSources(j.Dir, true)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "patchbay-c-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "test")
	args := append([]string{"-std=c11", "-g", "-Wall", "-Wextra", "-I", library, "-o", program, filepath.Join(library, "patchbay.c")}, sources...)
	if err := j.run(ctx, j.Dir, nil, "clang", args...); err != nil {
		return err
	}
	return j.run(ctx, j.Dir, nil, program)
}
