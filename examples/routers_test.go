// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/certify"
	"github.com/patchbay-cx/patchbay/sdk/guest"
)

// TestRouters has the example routers certified, each as a program of its own.
func TestRouters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		command func(*testing.T) []string
	}{
		{"go", goRouter}, {"python", pythonRouter}, {"typescript", typeScriptRouter}, {"java", javaRouter},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("a short run builds no routers")
			}
			certified(t, test.command(t))
		})
	}
}

// certified wants the router to keep everything that is asked of routers.
func certified(t *testing.T, command []string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stand, err := certify.Open(listener, certify.StandOptions{Token: "open sesame"})
	if err != nil {
		t.Fatal(err)
	}
	defer stand.Close()
	var printed bytes.Buffer
	report, err := certify.Run(t.Context(), stand, certify.Options{
		// Time decides nothing here: the machine has other things to do.
		Budget: time.Minute, Deadline: time.Minute, Agents: 5000, Patience: time.Minute, Quiet: time.Second, Ping: time.Second,
		Program: certify.NewProgram(command, stand, &printed),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Results {
		if r := &report.Results[i]; r.Outcome != certify.Passed && r.ID != "lost-page" {
			var text bytes.Buffer
			_ = r.WriteText(&text)
			t.Error(strings.TrimSpace(text.String()))
		}
	}
	if !report.Certified {
		t.Errorf("%s; it printed:\n%s", report.Verdict(), &printed)
	}
}

func goRouter(t *testing.T) []string {
	t.Helper()
	router := filepath.Join(t.TempDir(), "router")
	run(t, "go", "build", "-o", router, "./go-router")
	return []string{router}
}

func pythonRouter(t *testing.T) []string {
	t.Helper()
	tooled(t, "python")
	return []string{"python3", "-B", "python-router/router.py"}
}

func javaRouter(t *testing.T) []string {
	t.Helper()
	tooled(t, "java")
	classes := t.TempDir()
	sources, err := filepath.Glob("java-router/src/router/*.java")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "javac", append([]string{"-Xlint:all", "-Werror", "-d", classes}, sources...)...)
	return []string{"java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes, "router.Router"}
}

func typeScriptRouter(t *testing.T) []string {
	t.Helper()
	tooled(t, "typescript")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	router := filepath.Join(t.TempDir(), "router.cjs")
	project := guest.Project{Language: "typescript", Dir: "typescript-router", Cache: filepath.Join(cache, "patchbay", "guests")}
	if err := project.Build(t.Context(), router); err != nil {
		if strings.Contains(err.Error(), "npm install") && os.Getenv("PATCHBAY_GUESTS") != "required" {
			t.Skipf("its packages are not here, and cannot be fetched: %v", err)
		}
		t.Fatal(err)
	}
	return []string{"node", router}
}

// tooled skips the test if a language's tools are not here.
func tooled(t *testing.T, language string) {
	t.Helper()
	if err := guest.Need(t.Context(), language); err != nil {
		if os.Getenv("PATCHBAY_GUESTS") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
