// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/guest"
)

// build is a plugin to be built with its language's tools.
type build struct {
	dir     string // of the plugin
	runtime string // "wasm" or "process"; empty for the language's first
	output  string // empty for a file in this folder
}

// built is a plugin that was built.
type built struct {
	File    string `json:"file"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Runtime string `json:"runtime"`
	// Config is the part of a config that uses it.
	Config string `json:"config"`
}

// run builds the plugin. What the toolchain says goes to log.
func (b build) run(ctx context.Context, log io.Writer) (*built, error) {
	dir, err := filepath.Abs(b.dir)
	if err != nil {
		return nil, err
	}
	language := cmp.Or(guest.Detect(dir), "go")
	if err := checkRuntime(language, b.runtime); err != nil {
		return nil, err
	}
	b.runtime = cmp.Or(b.runtime, runtimesOf(language)[0])
	name := filepath.Base(dir)
	output, err := filepath.Abs(b.file(name))
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(output); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; name a file with -o", output)
	}
	if language == "go" {
		err = b.goBuild(ctx, dir, output, log)
	} else {
		err = guest.Project{Language: language, Dir: dir, Log: log}.Build(ctx, output)
	}
	if err != nil {
		return nil, err
	}
	sum, err := strategy.Checksum(output)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(output)
	if err != nil {
		return nil, err
	}
	return &built{
		File: output, Size: info.Size(), SHA256: sum, Runtime: b.runtime,
		Config: snippet(name, b.runtime, output, sum),
	}, nil
}

// file is where the plugin goes.
func (b build) file(name string) string {
	switch {
	case b.output != "":
		return b.output
	case b.runtime == "wasm":
		return name + ".wasm"
	case runtime.GOOS == "windows":
		return name + ".exe"
	default:
		// Not NAME alone: run in the parent of DIR, that would be DIR.
		return name + ".plugin"
	}
}

// goBuild builds the plugin in a folder with the Go toolchain.
func (b build) goBuild(ctx context.Context, dir, output string, log io.Writer) error {
	main, err := mainPackage(ctx, dir)
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", output}
	env := os.Environ()
	if b.runtime == "wasm" {
		args = append(args, "-buildmode=c-shared")
		env = append(env, "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	} else {
		env = append(env, "CGO_ENABLED=0")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = main, env, log, log
	if err := cmd.Run(); err != nil {
		return toolchain(ctx, err, "the plugin in %s does not build; what the Go toolchain says is above", main)
	}
	return nil
}

// mainPackage finds the plugin's main package: the folder itself, or the folder
// plugin in it.
func mainPackage(ctx context.Context, dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", usagef("DIR: there is no folder %s", dir)
	}
	for _, candidate := range []string{dir, filepath.Join(dir, "plugin")} {
		cmd := exec.CommandContext(ctx, "go", "list", "-e", "-f", "{{.Name}}", ".")
		cmd.Dir = candidate
		if _, err := os.Stat(candidate); err != nil {
			continue
		}
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		name, err := cmd.Output()
		if err != nil {
			return "", toolchain(ctx, err, "the Go toolchain cannot read %s: %s", candidate, strings.TrimSpace(complaint.String()))
		}
		if strings.TrimSpace(string(name)) == "main" {
			return candidate, nil
		}
	}
	return "", usagef("DIR: neither %s nor its folder plugin is a main package in Go, nor is it the project of a plugin in %s", dir, strings.Join(guest.Languages(), ", "))
}

// toolchain says what is wrong when the Go toolchain fails or is not there.
func toolchain(ctx context.Context, err error, format string, args ...any) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("go is not here: building a plugin in Go takes the Go toolchain; install it from https://go.dev/dl")
	default:
		return fmt.Errorf(format, args...)
	}
}
