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
	if testing.Short() {
		t.Skip("skipped: the tour builds the binary and a plugin; leave out -short")
	}
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: the tour needs %s, which is not installed", tool)
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, ok := strings.Cut(string(readme), "## Five-minute tour")
	if !ok {
		t.Fatal("the README has no five-minute tour")
	}
	tour, _, _ = strings.Cut(tour, "\n## ")
	script := "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"
	for _, match := range block.FindAllStringSubmatch(tour, -1) {
		script += match[1]
	}
	address := freeAddress(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // so that a hang shows where
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-c", script)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	command.Dir = copied(t)
	command.Env = append(os.Environ(), "PATCHBAY_LISTEN="+address, "PATCHBAY_HOST="+address)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour fails: %v\n%s", err, out)
	}
	for _, want := range []string{"w1", "a1", "closed", "unknown_queue", "w2", "mine", "work_created"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour prints no %q:\n%s", want, out)
		}
	}
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
