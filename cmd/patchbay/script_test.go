// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"patchbay": main})
}

// Every command has a script in testdata/script. Beside testscript's own words,
// "start ARGS" runs "patchbay serve ARGS" and names it in PATCHBAY_HOST, "stop"
// ends it and wants it to end well, "registry" runs an OCI registry and names it
// in REGISTRY, "receiver" a server that takes webhooks and names it in RECEIVER, and "last-line FILE KEY…" wants the last line of a file to be a
// JSON object with these keys, KEY=VALUE with that value, KEY>0 with a positive
// one.
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	hosts := &byScript{hosts: make(map[*testscript.TestScript]*running)}
	toolchain := goEnv(t, "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS", "GOPROXY", "GOTOOLCHAIN")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "ROOT="+root, "XDG_CACHE_HOME="+cache)
			env.Vars = append(env.Vars, toolchain...)
			if path, ok := calllog.Recorded(); ok {
				env.Vars = append(env.Vars, "RECORDED="+path)
			}
			// A module without anything in it, for which txtar has no letters.
			return os.WriteFile(filepath.Join(env.WorkDir, "empty.wasm"), []byte("\x00asm\x01\x00\x00\x00"), 0o600)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "recorded":
				_, ok := calllog.Recorded()
				return ok, nil
			case "race":
				return raceEnabled, nil
			}
			return false, fmt.Errorf("there is no condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": hosts.start, "stop": hosts.stop, "last-line": lastLine, "wait-for": waitFor, "registry": serveRegistry,
			"receiver": serveReceiver,
		},
	})
}

func goEnv(t *testing.T, names ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"env", "-json"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	if err := json.Unmarshal(out, &values); err != nil {
		t.Fatal(err)
	}
	var env []string
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	return env
}

// running is the host of a script.
type running struct {
	cmd *exec.Cmd
	log *os.File
}

// byScript finds the host of a script.
type byScript struct {
	mu    sync.Mutex
	hosts map[*testscript.TestScript]*running
}

func (b *byScript) put(ts *testscript.TestScript, h *running) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hosts[ts] = h
}

func (b *byScript) take(ts *testscript.TestScript) *running {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.hosts[ts]
	delete(b.hosts, ts)
	return h
}

// start starts a host and waits for its address.
func (b *byScript) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("start cannot be negated; use exec patchbay serve")
	}
	log, err := os.Create(ts.MkAbs("host.log"))
	ts.Check(err)
	cmd := exec.Command("patchbay", append([]string{"serve", "--json", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Path, err = exec.LookPath("patchbay")
	ts.Check(err)
	cmd.Dir, cmd.Env, cmd.Stderr = ts.MkAbs("."), environ(ts), log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	h := &running{cmd: cmd, log: log}
	ts.Defer(func() { h.kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		h.kill()
		text, _ := os.ReadFile(log.Name())
		ts.Fatalf("the host did not start: %v\n%s", err, text)
	}
	var ready struct{ Address string }
	ts.Check(json.Unmarshal(line, &ready))
	ts.Setenv("PATCHBAY_HOST", ready.Address)
	b.put(ts, h)
}

// stop ends the script's host as an operator would.
func (b *byScript) stop(ts *testscript.TestScript, neg bool, _ []string) {
	h := b.take(ts)
	if h == nil || neg {
		ts.Fatalf("there is no host to stop")
	}
	ts.Check(h.cmd.Process.Signal(os.Interrupt))
	if err := h.cmd.Wait(); err != nil {
		text, _ := os.ReadFile(h.log.Name())
		ts.Fatalf("the host ended with %v\n%s", err, text)
	}
	ts.Setenv("PATCHBAY_HOST", "")
}

// kill ends the host for certain.
func (h *running) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
	_ = h.log.Close()
}

func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// serveRegistry runs an OCI registry and names it in REGISTRY.
func serveRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: registry")
	}
	server := httptest.NewServer(ociregistry.New(ociregistry.Logger(stdlog.New(io.Discard, "", 0))))
	ts.Defer(server.Close)
	ts.Setenv("REGISTRY", server.Listener.Addr().String())
}

// waitFor waits until a file that somebody else writes has a line that matches.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: wait-for FILE PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for range 3000 {
		<-ticker.C
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		ts.Check(err)
		if pattern.Match(text) {
			return
		}
	}
	ts.Fatalf("no line of %s matches %s within a minute", args[0], args[1])
}

// lastLine looks at the last line of a file.
func lastLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: last-line FILE KEY|KEY=VALUE|KEY>0 …")
	}
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	line := text[strings.LastIndexByte(text, '\n')+1:]
	values := make(map[string]any)
	if err := json.Unmarshal([]byte(line), &values); err != nil {
		ts.Fatalf("%q is not JSON: %v", line, err)
	}
	for _, want := range args[1:] {
		if err := has(values, want); err != nil {
			ts.Fatalf("%v in %s", err, line)
		}
	}
}

func has(values map[string]any, want string) error {
	if key, ok := strings.CutSuffix(want, ">0"); ok {
		if n, ok := values[key].(float64); !ok || n <= 0 {
			return fmt.Errorf("%s is not above 0", key)
		}
		return nil
	}
	key, value, exact := strings.Cut(want, "=")
	got, ok := values[key]
	if !ok {
		return fmt.Errorf("there is no %s", key)
	}
	if exact && fmt.Sprint(got) != value {
		return fmt.Errorf("%s is %v and not %s", key, got, value)
	}
	return nil
}

// A broken pipe, as of "| head", must not be taken for success.
func TestPrintFails(t *testing.T) {
	t.Parallel()
	code := execute(t.Context(), stdio{in: strings.NewReader(""), out: broken{}, err: io.Discard}, []string{"version"})
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
