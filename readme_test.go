// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var block = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestReadmeTour does what the README's tour says, in order, in a copy of the
// repository, as a new user would.
func TestReadmeTour(t *testing.T) {
	t.Parallel()
	_, tour, ok := strings.Cut(read(t, "README.md"), "## Five-minute tour")
	if !ok {
		t.Fatal("the README has no five-minute tour")
	}
	tour, _, _ = strings.Cut(tour, "\n## ")
	out := follow(t, tour, "bash", "curl", "sed")
	for _, want := range []string{"w1", "a1", "closed", "unknown_queue", "w2", "mine", "work_created"} {
		if !strings.Contains(out, want) {
			t.Errorf("the tour prints no %q:\n%s", want, out)
		}
	}
}

// TestWriteAPlugin does what docs/write-a-plugin.md says.
func TestWriteAPlugin(t *testing.T) {
	t.Parallel()
	out := follow(t, read(t, filepath.Join("docs", "write-a-plugin.md")), "bash", "sed")
	for _, want := range []string{
		`(?m)^Patchbay is not released yet`, `(?m)^ok .*example\.com/mine`, `(?m)^name +mine$`,
		`(?m)^        chat-2 -> \S+: best_score`, `(?m)^mine 0\.1\.0 as wasm: \d+ cases, 0 failed$`,
		`(?m)^your strategy \./mine\.wasm \(wasm 0\.1\.0\): \d+ turns, \d+ proposals, [1-9]\d* offers, \d+ refused, 0 faults$`,
		`(?m)^\S+ a1 offered: w2 from support`, `(?m)^a1 +anna +completed .* mine \(wasm\) +best_score$`,
		`(?m)^mine\.wasm  sha256 [0-9a-f]{64}, as it was signed by a key you trust$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the page prints nothing like %q:\n%s", want, out)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// follow runs the sh blocks of a text, in order, in a copy of the repository,
// and returns what they print. It skips the test if one of the tools that they
// need is not there.
func follow(t *testing.T, text string, tools ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: it builds the binary and a plugin; leave out -short")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: the text needs %s, which is not installed", tool)
		}
	}
	script := "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"
	for _, match := range block.FindAllStringSubmatch(text, -1) {
		script += match[1]
	}
	address := freeAddress(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // so that a hang shows where
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-c", script)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	command.Dir = copied(t)
	command.Env = append(os.Environ(), "PATCHBAY_LISTEN="+address, "PATCHBAY_HOST="+address,
		"GOFLAGS="+os.Getenv("GOFLAGS")+" -trimpath") // so that one copy's build serves the next
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("a block fails: %v\n%s", err, out)
	}
	return string(out)
}

// TestReadmeCommands checks that the README's two commands are those that CI
// and the tests of the commands run.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	ci, err := os.ReadFile(filepath.Join(".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	commands := block.FindAllStringSubmatch(string(readme), 2)
	if len(commands) < 2 || !strings.HasPrefix(commands[0][1], "go run ./cmd/patchbay demo") {
		t.Fatalf("the README's first commands are %q", commands)
	}
	if !strings.Contains(string(ci), "\n"+commands[1][1]) {
		t.Errorf("CI does not run the README's test command %q", commands[1][1])
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr())
}

// copied returns a copy of the repository's files.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		switch name := entry.Name(); {
		case strings.HasPrefix(name, "."):
		case entry.IsDir():
			if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(name)); err != nil {
				t.Fatal(err)
			}
		default:
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}
