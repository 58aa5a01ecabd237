// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed rust/Cargo.toml rust/README.md rust/src rust/template
var rustFiles embed.FS

const rustTarget = "wasm32-unknown-unknown"

func rust() language {
	const install = "Install Rust by https://rustup.rs, then run: rustup target add " + rustTarget
	return language{
		name: "rust", runtime: RuntimeWASM, files: rustFiles,
		sdk:   []string{"Cargo.toml", "README.md", "src"},
		marks: []string{"Cargo.toml"},
		tools: []Tool{
			{Name: "cargo", Install: install},
			{Name: "rustc", Install: install, check: hasRustTarget},
		},
		build: buildRust,
		test: func(ctx context.Context, j job) error {
			return j.run(ctx, j.Dir, j.cargo(), "cargo", "test", "--quiet")
		},
	}
}

// hasRustTarget checks that the compiler has the libraries for the target.
func hasRustTarget(ctx context.Context, rustc string) error {
	out, err := exec.CommandContext(ctx, rustc, "--print", "target-libdir", "--target", rustTarget).Output()
	if err != nil {
		return err
	}
	if _, err := os.Stat(strings.TrimSpace(string(out))); err != nil {
		return errors.New("its target " + rustTarget + " is not installed")
	}
	return nil
}

// rustWork returns where cargo puts what it builds.
func (j job) rustWork() string { return j.keepApart("rust", "target") }

func (j job) cargo() []string { return []string{"CARGO_TARGET_DIR=" + j.rustWork()} }

func buildRust(ctx context.Context, j job) error {
	library, err := rustLibrary(filepath.Join(j.Dir, "Cargo.toml"))
	if err != nil {
		return err
	}
	if err := j.run(ctx, j.Dir, j.cargo(), "cargo", "build", "--quiet", "--release", "--lib", "--target", rustTarget); err != nil {
		return err
	}
	return copyFile(filepath.Join(j.rustWork(), rustTarget, "release", library+".wasm"), j.Out)
}

// rustName is the line of Cargo.toml that names a package or library.
var rustName = regexp.MustCompile(`(?m)^\s*name\s*=\s*["']([^"']+)["']`)

// rustLibrary returns what the library of a package is called: as its [lib]
// says, else as the package.
func rustLibrary(manifest string) (string, error) {
	text, err := os.ReadFile(manifest)
	if err != nil {
		return "", err
	}
	for _, section := range []string{"[lib]", "[package]"} {
		_, rest, found := strings.Cut(string(text), section)
		if !found {
			continue
		}
		body, _, _ := strings.Cut(rest, "\n[")
		if name := rustName.FindStringSubmatch(body); name != nil {
			return strings.ReplaceAll(name[1], "-", "_"), nil
		}
	}
	return "", fmt.Errorf("%s names no package", manifest)
}
