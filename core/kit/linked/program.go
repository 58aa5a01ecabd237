// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package linked

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Program is a program with a plugin linked in, built from a Go package that has
// a function Plugin of the contract's.
type Program struct {
	path string
	name string // of the strategy
}

// folderName is the folder in which the program's main file seems to lie. It is
// only there for the toolchain: nothing is written beside the plugin's source.
const folderName = "patchbay-linked-program"

const programText = `package main

import (
	"fmt"
	"os"

	"github.com/patchbay-cx/patchbay/core/kit/linked"

	plugin %q
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println(plugin.Plugin().Manifest.Name)
		return
	}
	os.Exit(linked.Main(plugin.Plugin()))
}
`

// Build builds the program from the package in dir into the folder out, with the
// Go toolchain. What the toolchain complains of is in the error.
func Build(ctx context.Context, dir, out string) (*Program, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	listed, err := run(ctx, dir, "go", "list", "-f", "{{.ImportPath}} {{.Name}}", ".")
	if err != nil {
		return nil, fmt.Errorf("linked: %w", err)
	}
	path, name, _ := strings.Cut(strings.TrimSpace(listed), " ")
	if name == "main" {
		return nil, fmt.Errorf("linked: the package in %s is a program, which cannot be linked in; name the package that has the function Plugin", dir)
	}
	text := filepath.Join(out, "main.go")
	if err := os.WriteFile(text, fmt.Appendf(nil, programText, path), 0o600); err != nil {
		return nil, fmt.Errorf("linked: %w", err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(dir, folderName, "main.go"): text}})
	if err != nil {
		return nil, err
	}
	overlaid := filepath.Join(out, "overlay.json")
	if err := os.WriteFile(overlaid, overlay, 0o600); err != nil {
		return nil, fmt.Errorf("linked: %w", err)
	}
	p := &Program{path: filepath.Join(out, "linked")}
	if _, err := run(ctx, dir, "go", "build", "-overlay", overlaid, "-o", p.path, "./"+folderName); err != nil {
		return nil, fmt.Errorf("linked: link the package in %s in: %w", dir, err)
	}
	said, err := run(ctx, dir, p.path, "name")
	if err != nil {
		return nil, fmt.Errorf("linked: %w", err)
	}
	p.name = strings.TrimSpace(said)
	return p, nil
}

// Name is the strategy's name, by which it is linked in.
func (p *Program) Name() string { return p.name }

// Do has the program do a job, as the function Do does.
func (p *Program) Do(ctx context.Context, job Job, tell func(Word)) (*Outcome, error) {
	text, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.path)
	cmd.Stdin = bytes.NewReader(text)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("linked: %w", err)
	}
	outcome, err := listen(stdout, tell)
	if waited := cmd.Wait(); ctx.Err() != nil {
		return nil, ctx.Err()
	} else if outcome == nil {
		return nil, fmt.Errorf("linked: the program with the plugin ended early: %w: %s", errors.Join(err, waited), strings.TrimSpace(complaint.String()))
	}
	if outcome.Error != "" {
		return nil, errors.New(outcome.Error)
	}
	return outcome, nil
}

// listen passes on what the program says until it has come to an outcome.
func listen(from io.Reader, tell func(Word)) (*Outcome, error) {
	decoder := json.NewDecoder(bufio.NewReader(from))
	for {
		var word Word
		if err := decoder.Decode(&word); err != nil {
			return nil, err
		}
		if word.Outcome != nil {
			return word.Outcome, nil
		}
		tell(word)
	}
}

// run runs a command and returns what it prints. What it complains of is in the
// error, which is exec.ErrNotFound if there is no such command.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, strings.TrimSpace(complaint.String()))
	}
	return string(out), nil
}
