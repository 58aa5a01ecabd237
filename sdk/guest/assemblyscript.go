// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"embed"
	"os"
	"path/filepath"
)

//go:embed assemblyscript/README.md assemblyscript/assembly assemblyscript/template
var assemblyScriptFiles embed.FS

// ascVersion is the version of the compiler for projects that bring none.
const ascVersion = "0.28.20"

func assemblyScript() language {
	const install = "Install Node.js 20 or later with npm, by https://nodejs.org or on Debian by: apt-get install nodejs npm"
	return language{
		name: "assemblyscript", runtime: RuntimeWASM, files: assemblyScriptFiles,
		sdk:   []string{"README.md", "assembly"},
		marks: []string{"assembly/index.ts"},
		tools: []Tool{{Name: "node", Install: install}, {Name: "npm", Install: install}},
		build: func(ctx context.Context, j job) error {
			return j.asc(ctx, j.abort(), "assembly/index.ts", "-O3", "--outFile", j.Out)
		},
		test: testAssemblyScript,
	}
}

// abort returns which function takes the place of the compiler's own: that of
// the library, in the project's folder or beside it in Patchbay's repository.
func (j job) abort() string {
	if hasAll(j.Dir, []string{"patchbay/assembly/guest.ts"}) {
		return "patchbay/assembly/guest/patchbay_abort"
	}
	return "../../sdk/guest/assemblyscript/assembly/guest/patchbay_abort"
}

// asc runs the compiler: the project's own if npm has installed one there, else
// one that is installed into the cache first, or the project.
func (j job) asc(ctx context.Context, abort string, args ...string) error {
	const compiler = "node_modules/assemblyscript/bin/asc.js"
	at := filepath.Join(j.Dir, compiler)
	if _, err := os.Stat(at); err != nil {
		folder := j.keep("assemblyscript-"+ascVersion, ".")
		at = filepath.Join(folder, compiler)
		if err := j.installASC(ctx, folder, at); err != nil {
			return err
		}
	}
	return j.run(ctx, j.Dir, nil, "node", append([]string{at, "--runtime", "minimal", "--use", "abort=" + abort}, args...)...)
}

// installASC installs the compiler into a folder, unless it is there.
func (j job) installASC(ctx context.Context, folder, at string) error {
	if _, err := os.Stat(at); err == nil {
		return nil
	}
	if folder == j.Dir {
		return j.run(ctx, j.Dir, nil, "npm", "install", "--no-audit", "--no-fund")
	}
	// Others may install it at the same time: the first to be done is kept.
	fresh, err := os.MkdirTemp(filepath.Dir(folder), "assemblyscript-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := j.run(ctx, fresh, nil, "npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", fresh, "assemblyscript@"+ascVersion); err != nil {
		return err
	}
	if err := os.Rename(fresh, folder); err != nil {
		if _, there := os.Stat(at); there != nil {
			return err
		}
	}
	return nil
}

// testAssemblyScript compiles the tests into a module of their own, and has
// Node.js run it.
func testAssemblyScript(ctx context.Context, j job) error {
	folder, err := os.MkdirTemp("", "patchbay-as-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	module := filepath.Join(folder, "test.wasm")
	if err := j.asc(ctx, j.abort(), "tests/index.ts", "--debug", "--outFile", module); err != nil {
		return err
	}
	return j.run(ctx, j.Dir, nil, "node", "tests/run.mjs", module)
}
