// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/kit/linked"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/local"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
)

// doing does a job of package linked, here or in a program built for it.
type doing func(context.Context, linked.Job, func(linked.Word)) (*linked.Outcome, error)

// allRuntimes makes the same source ready in every runtime.
type allRuntimes struct {
	std      stdio
	settings *settings
	folder   string // of what is built
	self     string // this program
	sum      string // and its checksum
}

// with makes target, a folder with Go source or a built-in's name, ready in every
// runtime that there is a toolchain for, uses it, and clears up.
func (a *allRuntimes) with(ctx context.Context, target string, use func([]*kit.File, doing) error) error {
	object, err := a.settings.json()
	if err != nil {
		return err
	}
	return a.alone(func() error { return a.prepare(ctx, target, object, use) })
}

// alone makes a folder for what is built, and clears it up after use.
func (a *allRuntimes) alone(use func() error) (err error) {
	if a.self, err = os.Executable(); err != nil {
		return fmt.Errorf("this program cannot find itself, to run as a plugin: %w", err)
	}
	if a.sum, err = strategy.Checksum(a.self); err != nil {
		return err
	}
	if a.folder, err = os.MkdirTemp("", "patchbay-all-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(a.folder)) }()
	return use()
}

// prepare makes target ready and uses it.
func (a *allRuntimes) prepare(ctx context.Context, target string, object json.RawMessage, use func([]*kit.File, doing) error) error {
	info, statErr := os.Stat(target)
	var err error
	var files []*kit.File
	do := a.here
	switch {
	case statErr == nil && info.IsDir():
		files, do, err = a.fromSource(ctx, target)
	case slices.Contains(builtins(), target):
		files, err = a.fromBuiltin(ctx, target)
	case statErr == nil:
		return usagef("--all-runtimes: %s is a file, which is for one runtime; name the folder of its Go source, or a built-in strategy: %s",
			target, strings.Join(builtins(), ", "))
	default:
		return noSuch("--all-runtimes: there is no folder or built-in strategy", target, builtins())
	}
	if err != nil {
		return err
	}
	files = withRouter(files)
	for _, file := range files {
		file.Settings = object
	}
	return use(files, do)
}

// withRouter adds the process as a router, which its executable is as well.
func withRouter(files []*kit.File) []*kit.File {
	for _, file := range files {
		if file.Runtime == "process" {
			router := *file
			router.Runtime = "remote"
			return append(files, &router)
		}
	}
	return files
}

// here does a job in this program.
func (a *allRuntimes) here(ctx context.Context, job linked.Job, tell func(linked.Word)) (*linked.Outcome, error) {
	runtimes, closeAll, err := openRuntimes(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	runtimes["remote"] = shortlist.New(local.New(nil))
	outcome, err := linked.Do(ctx, runtimes, job, tell)
	return outcome, errors.Join(err, closeAll())
}

// fromSource builds a plugin's Go source three times.
func (a *allRuntimes) fromSource(ctx context.Context, dir string) ([]*kit.File, doing, error) {
	fmt.Fprintf(a.std.err, "building %s for every runtime…\n", dir)
	program, err := linked.Build(ctx, dir, a.folder)
	if err != nil {
		return nil, nil, toolchain(ctx, err, "%v", err)
	}
	files := []*kit.File{kit.Linked(program.Name())}
	for _, runtime := range []string{"process", "wasm"} {
		file, err := a.built(ctx, dir, runtime)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, file)
	}
	return files, program.Do, nil
}

// built builds a folder for a runtime.
func (a *allRuntimes) built(ctx context.Context, dir, runtime string) (*kit.File, error) {
	b := build{dir: dir, runtime: runtime, output: filepath.Join(a.folder, "plugin."+runtime)}
	made, err := b.run(ctx, a.std.err)
	if err != nil {
		return nil, err
	}
	return kit.Look(made.File)
}

// fromBuiltin takes a built-in strategy linked in, and builds the others from
// its source. Where that is not, this program is its process, and the module is
// the one that this program holds.
func (a *allRuntimes) fromBuiltin(ctx context.Context, name string) ([]*kit.File, error) {
	files := []*kit.File{kit.Linked(name)}
	if source, err := packageDir(ctx, modulePath+"/plugins/"+name+"/plugin"); err == nil {
		fmt.Fprintf(a.std.err, "building %s for every runtime…\n", name)
		for _, runtime := range []string{"process", "wasm"} {
			file, err := a.built(ctx, source, runtime)
			if err != nil {
				return nil, err
			}
			files = append(files, file)
		}
		return files, nil
	}
	process, err := kit.Look(a.self)
	if err != nil {
		return nil, err
	}
	process.Args = []string{"plugin", "serve", name}
	files = append(files, process)
	content, err := bundle.ReadFile("bundled/" + name + ".wasm")
	if err != nil {
		fmt.Fprintf(a.std.err, "the WASM runtime is left out: here is neither the source of Patchbay with the Go toolchain, nor a %s.wasm in this program\n", name)
		return files, nil //nolint:nilerr // without it the others are tried
	}
	path := filepath.Join(a.folder, name+".wasm")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	module, err := kit.Look(path)
	return append(files, module), err
}

// packageDir finds the folder of a package of Patchbay's from this folder.
func packageDir(ctx context.Context, path string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", path).Output()
	return strings.TrimSpace(string(out)), err
}

// bench says how to measure. The stub in standard Go is measured where it can be
// built.
func (a *allRuntimes) bench(ctx context.Context, passes int, whole time.Duration) *linked.Bench {
	b := &linked.Bench{Passes: passes, Whole: whole, Self: []string{a.self, "bench", "child"}, SHA256: a.sum}
	if source, err := packageDir(ctx, modulePath+"/core/bench/stub/plugin"); err == nil {
		path := filepath.Join(a.folder, "stub.wasm")
		if _, err := (build{dir: source, runtime: "wasm", output: path}).run(ctx, io.Discard); err == nil {
			b.Module = path
		}
	}
	return b
}

// bars shows how far a job is: a bar for each thing that is measured.
type bars struct {
	out  io.Writer
	on   bool
	what string
	draw func(done, total int)
	end  func()
}

func newBars(out io.Writer, on bool) *bars { return &bars{out: out, on: on, end: func() {}} }

func (b *bars) show(w linked.Word) {
	if !b.on || w.What == "" {
		return
	}
	if w.What != b.what {
		b.end()
		b.what = w.What
		b.draw, b.end = countBar(b.out, w.What)
	}
	b.draw(w.Done, w.Total)
}

func (b *bars) wipe() { b.end() }
