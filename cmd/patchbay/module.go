// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// bundle holds queue.wasm if this binary was built with it; see
// bundled/README.md.
//
//go:embed all:bundled
var bundle embed.FS

// queuePlugin is the main package of the strategy the demo uses.
const queuePlugin = "github.com/patchbay-cx/patchbay/plugins/queue/plugin"

// isModule fails if a file is not a WASM module.
func isModule(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("--wasm: %w", err)
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != "\x00asm" {
		return fmt.Errorf("--wasm: %s is not a WASM module; \"patchbay plugin build\" makes one", file)
	}
	return nil
}

// module returns the path of the strategy as a WASM module: the one that was
// named, the one this binary holds, or one built from source.
func (d *demo) module(ctx context.Context, folder string) (string, error) {
	if d.wasm != "" {
		return filepath.Abs(d.wasm)
	}
	file := filepath.Join(folder, "queue.wasm")
	content, err := bundle.ReadFile("bundled/queue.wasm")
	if err == nil {
		return file, os.WriteFile(file, content, 0o600)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	source, err := queueSource(ctx)
	if err != nil {
		return "", toolchain(ctx, err, "the demo needs the strategy as a WASM module: run it inside the project, or name a file with --wasm")
	}
	fmt.Fprintln(d.std.err, "building the WASM strategy…")
	b := build{dir: source, runtime: "wasm", output: file}
	if _, err := b.run(ctx, d.std.err); err != nil {
		return "", err
	}
	return file, nil
}

// queueSource returns the folder with the source of the demo's strategy. It
// takes a Go toolchain, inside the project.
func queueSource(ctx context.Context) (string, error) {
	source, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", queuePlugin).Output()
	return strings.TrimSpace(string(source)), err
}
