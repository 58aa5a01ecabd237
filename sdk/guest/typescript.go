// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"embed"
	"os"
	"path/filepath"
)

//go:embed typescript/README.md typescript/pack.mjs typescript/src typescript/template
var typeScriptFiles embed.FS

// typeScriptTools are what projects are built with, as their package.json says.
var typeScriptTools = [...]string{"typescript@5.9.3", "esbuild@0.28.2", "@types/node@20.19.43"}

func typeScript() language {
	const install = "Install Node.js 20 or later with npm, by https://nodejs.org or on Debian by: apt-get install nodejs npm"
	return language{
		name: "typescript", runtime: RuntimeProcess, files: typeScriptFiles,
		sdk:   []string{"README.md", "pack.mjs", "src"},
		marks: []string{"tsconfig.json", "src/main.ts"},
		tools: []Tool{{Name: "node", Install: install}, {Name: "npm", Install: install}},
		build: func(ctx context.Context, j job) error {
			return j.node(ctx, "src/main.ts", j.Out)
		},
		test: func(ctx context.Context, j job) error {
			return j.node(ctx, "--test", "src")
		},
	}
}

// node checks the project's types and packs it, or runs its tests.
func (j job) node(ctx context.Context, args ...string) error {
	modules, err := j.nodeModules(ctx)
	if err != nil {
		return err
	}
	check := []string{filepath.Join(modules, "typescript", "bin", "tsc"), "-p", ".", "--typeRoots", filepath.Join(modules, "@types")}
	if err := j.run(ctx, j.Dir, nil, "node", check...); err != nil {
		return err
	}
	pack := filepath.Join("patchbay", "pack.mjs")
	if !hasAll(j.Dir, []string{"patchbay/pack.mjs"}) {
		pack = filepath.Join("..", "..", "sdk", "guest", "typescript", "pack.mjs")
	}
	return j.run(ctx, j.Dir, []string{"NODE_PATH=" + modules}, "node", append([]string{pack}, args...)...)
}

// nodeModules returns the folder with what the project is built with: its own
// if npm has installed it there, else one in the cache, or the project, into
// which it is installed first.
func (j job) nodeModules(ctx context.Context) (string, error) {
	own := filepath.Join(j.Dir, "node_modules")
	if hasAll(own, []string{"esbuild/package.json", "typescript/package.json"}) {
		return own, nil
	}
	if j.Cache == "" {
		return own, j.run(ctx, j.Dir, nil, "npm", "install", "--no-audit", "--no-fund")
	}
	folder := filepath.Join(j.Cache, "typescript-1")
	modules := filepath.Join(folder, "node_modules")
	if hasAll(modules, []string{"esbuild/package.json"}) {
		return modules, nil
	}
	// Others may install it at the same time: the first to be done is kept.
	fresh, err := os.MkdirTemp(j.Cache, "typescript-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	args := append([]string{"install", "--no-audit", "--no-fund", "--no-save", "--prefix", fresh}, typeScriptTools[:]...)
	if err := j.run(ctx, fresh, nil, "npm", args...); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, folder); err != nil && !hasAll(modules, []string{"esbuild/package.json"}) {
		return "", err
	}
	return modules, nil
}
