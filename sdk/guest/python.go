// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"embed"
	"errors"
	"os/exec"
	"path/filepath"
)

// What begins with an underscore is embedded only if it is named.
//
//go:embed python/patchbay python/patchbay/__init__.py python/template python/template/__main__.py
var pythonFiles embed.FS

func python() language {
	const install = "Install Python 3.10 or later, by https://python.org or on Debian by: apt-get install python3"
	return language{
		name: "python", runtime: RuntimeProcess, files: pythonFiles,
		sdk: []string{"patchbay"}, vendored: ".",
		marks: []string{"__main__.py"},
		tools: []Tool{{Name: "python3", Install: install, check: isPython310}},
		build: func(ctx context.Context, j job) error {
			return j.run(ctx, j.Dir, j.python(), "python3", "-m", "patchbay.pack", ".", j.Out)
		},
		test: func(ctx context.Context, j job) error {
			return j.run(ctx, j.Dir, j.python(), "python3", "-m", "unittest", "discover", "-p", "test_*.py")
		},
	}
}

// isPython310 checks that the interpreter knows the language as of 3.10.
func isPython310(ctx context.Context, python string) error {
	if exec.CommandContext(ctx, python, "-c", "import sys; sys.exit(sys.version_info < (3, 10))").Run() != nil {
		return errors.New("it is older than 3.10, or does not run")
	}
	return nil
}

// python returns where the library is: in the project, or in Patchbay's own
// repository beside it. Python leaves nothing in the project.
func (j job) python() []string {
	library := j.Dir
	if !hasAll(j.Dir, []string{"patchbay/__init__.py"}) {
		library = filepath.Join(j.Dir, "..", "..", "sdk", "guest", "python")
	}
	return []string{"PYTHONPATH=" + library, "PYTHONDONTWRITEBYTECODE=1"}
}
