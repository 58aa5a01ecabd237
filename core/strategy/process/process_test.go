// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func TestStartAndTurn(t *testing.T) {
	t.Parallel()
	in, manifest, err := New(Options{}).Start(context.Background(), rogueSpec(t, "", 0), 5)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if manifest.Name != "rogue" || manifest.Version != "1.2.3" || !manifest.Deterministic ||
		len(manifest.Tables) != 2 || len(manifest.Reasons) != 1 || manifest.Reasons[0].Name != "because" ||
		manifest.SettingsSchema == "" || manifest.Majors[0] != route.ContractMajor {
		t.Errorf("manifest %+v", manifest)
	}
	var reply route.Reply
	for seq := uint64(1); seq < 4; seq++ {
		if err := in.Turn(context.Background(), snapshot(seq, 3), &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Seq != seq || reply.Epoch != 5 || len(reply.Proposals) != 3 || reply.Proposals[2].Agent != 1002 {
			t.Errorf("turn %d: %+v", seq, reply)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	wantFault(t, in.Turn(context.Background(), snapshot(4, 1), &reply), strategy.FaultDied, "closed")
	if err := in.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func wantFault(t *testing.T, err error, kind strategy.FaultKind, words string) {
	t.Helper()
	var fault *strategy.Fault
	if !errors.As(err, &fault) || fault.Kind != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want a fault of kind %v with %q", err, kind, words)
	}
}

// Restarts need a checksum state of their own each time.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	spec := rogueSpec(t, "", 0)
	for range 3 {
		in := mustStart(t, r, spec)
		if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); err != nil {
			t.Error(err)
		}
		_ = in.Close()
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	echo, err := exec.LookPath("echo")
	if err != nil {
		t.Fatal(err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	with := func(spec strategy.Spec, change func(*strategy.Spec)) strategy.Spec {
		change(&spec)
		return spec
	}
	plain := func(path string, args ...string) strategy.Spec {
		return strategy.Spec{Name: "x", Source: path, Args: args, SHA256: checksum(path)}
	}
	for name, test := range map[string]struct {
		spec strategy.Spec
		want string
	}{
		"missing":       {strategy.Spec{Source: "/no/such/file", SHA256: "00"}, "no such file"},
		"not pinned":    {with(rogueSpec(t, "", 0), func(s *strategy.Spec) { s.SHA256 = "" }), "not pinned"},
		"checksum":      {with(rogueSpec(t, "", 0), func(s *strategy.Spec) { s.SHA256 = strings.Repeat("0", 64) }), "is pinned"},
		"no program":    {plain(text), "exec format error"},
		"no plugin":     {plain(echo, "hello"), "no strategy plugin"},
		"says nothing":  {with(plain(sleep, "60"), func(s *strategy.Spec) { s.Limits.StartTimeout = 50 * time.Millisecond }), "in time"},
		"settings":      {rogueSpec(t, "refuse", 0), "take another"},
		"hangs":         {with(rogueSpec(t, "refuse_hang", 0), func(s *strategy.Spec) { s.Limits.StartTimeout = time.Second }), "in time"},
		"handshake":     {rawSpec(t, "handshake_error"), "not today"},
		"no name":       {rawSpec(t, "no_name"), "no name"},
		"minor":         {rawSpec(t, "minor"), "minor version 7"},
		"major":         {rawSpec(t, "major"), "incompatible"},
		"majors":        {rawSpec(t, "majors"), "[2 3]"},
		"layout":        {rawSpec(t, "layout"), "4000 bytes per row"},
		"reason":        {rawSpec(t, "reason"), "70000"},
		"diagnostics":   {rawSpec(t, "diagnostics"), "weights.age: must not be negative"},
		"its last word": {plain(echo), "process: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, _, err := New(Options{}).Start(context.Background(), test.spec, 1)
			if err == nil {
				_ = in.Close()
			}
			wantFault(t, err, strategy.FaultStart, test.want)
		})
	}
}

func TestTurnFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec  strategy.Spec
		kind  strategy.FaultKind
		words string
		again bool // a later turn goes well
	}{
		"panic":       {rogueSpec(t, "panic", 1), strategy.FaultDied, "rogue panics", false},
		"exit":        {rogueSpec(t, "exit", 1), strategy.FaultDied, "exit status 3", false},
		"memory":      {rogueSpec(t, "memory", 1), strategy.FaultMemory, "out of memory", false},
		"error":       {rogueSpec(t, "error", 1), strategy.FaultBroken, "index broken", true},
		"flood":       {rogueSpec(t, "flood", 1), strategy.FaultTooLarge, "longer than", true},
		"rubbish":     {rawSpec(t, "rubbish"), strategy.FaultRubbish, "header", true},
		"wrong seq":   {rawSpec(t, "wrong_seq"), strategy.FaultWrongTurn, "turn 2 of epoch 5", true},
		"wrong epoch": {rawSpec(t, "wrong_epoch"), strategy.FaultWrongTurn, "epoch 6", true},
		"fails":       {rawSpec(t, "fail"), strategy.FaultDied, "no more", false},
		"crash":       {rawSpec(t, "crash"), strategy.FaultDied, "exit status 4", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := mustStart(t, New(Options{}), test.spec)
			var reply route.Reply
			wantFault(t, in.Turn(context.Background(), snapshot(1, 1), &reply), test.kind, test.words)
			err := in.Turn(context.Background(), snapshot(2, 1), &reply)
			if test.again != (err == nil) {
				t.Errorf("turn 2: %v", err)
			}
		})
	}
}

// A strategy cannot answer in another's name: serve fills in epoch and seq.
func TestForgedReply(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), rogueSpec(t, "forged", 1))
	var reply route.Reply
	if err := in.Turn(context.Background(), snapshot(1, 1), &reply); err != nil || reply.Seq != 1 {
		t.Errorf("%v, %+v", err, reply)
	}
}

func TestNeedSnapshot(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), rogueSpec(t, "snapshot", 1))
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); !errors.Is(err, route.ErrNeedSnapshot) {
		t.Errorf("got %v", err)
	}
	if err := in.Turn(context.Background(), snapshot(2, 1), new(route.Reply)); err != nil {
		t.Error(err)
	}
}

// A second answer to one turn is not taken for the next turn's.
func TestAnswersTwice(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), rawSpec(t, "twice"))
	var reply route.Reply
	if err := in.Turn(context.Background(), snapshot(1, 1), &reply); err != nil {
		t.Fatal(err)
	}
	wantFault(t, in.Turn(context.Background(), snapshot(2, 1), &reply), strategy.FaultWrongTurn, "turn 1")
	if err := in.Turn(context.Background(), snapshot(3, 1), &reply); err != nil || reply.Seq != 3 {
		t.Errorf("turn 3: %v, %+v", err, reply)
	}
}

// A snapshot begins a board anew, of whichever start it is.
func TestAnotherEpoch(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), rogueSpec(t, "", 0))
	turn := snapshot(1, 1)
	turn.Epoch = 4
	var reply route.Reply
	if err := in.Turn(context.Background(), turn, &reply); err != nil || reply.Epoch != 4 {
		t.Errorf("a snapshot of epoch 4 was answered by %v, %+v", err, reply)
	}
}

// A late answer is waited for, dropped, and not taken for that to a later turn.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), rogueSpec(t, "slow", 1))
	gate := filepath.Join(t.TempDir(), "gate")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	turn := snapshot(1, 1)
	turn.Bytes = []byte(gate)
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	var reply route.Reply
	wantFault(t, in.Turn(short, turn, &reply), strategy.FaultDeadline, "in time")
	wantFault(t, in.Turn(short, snapshot(2, 1), &reply), strategy.FaultDeadline, "earlier turn")
	if err := os.Remove(gate); err != nil {
		t.Fatal(err)
	}
	if err := in.Turn(context.Background(), snapshot(3, 2), &reply); err != nil || reply.Seq != 3 || len(reply.Proposals) != 2 {
		t.Errorf("turn 3: %v, %+v", err, reply)
	}
}

func TestCloseDuringTurn(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), rogueSpec(t, "hang", 0))
	done := make(chan error)
	go func() { done <- in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)) }()
	for !in.busy.Load() { // until the turn is under way
		runtime.Gosched()
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	wantFault(t, <-done, strategy.FaultDied, "closed")
	select {
	case <-in.child.reaped:
	default:
		t.Error("the process is still there")
	}
}

// logs collects log lines and can be waited on.
type logs struct {
	mu    sync.Mutex
	grown sync.Cond
	text  bytes.Buffer
}

func newLogs() *logs {
	l := &logs{}
	l.grown.L = &l.mu
	return l
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.grown.Broadcast()
	return l.text.Write(p)
}

// wait blocks until the text has come.
func (l *logs) wait(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.text.String(), text) {
		l.grown.Wait()
	}
}

func TestOutputGoesToTheLog(t *testing.T) {
	t.Parallel()
	out := newLogs()
	in := mustStart(t, New(Options{Logger: slog.New(slog.NewTextHandler(out, nil))}), rogueSpec(t, "print", 0))
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"to the standard output", "to the standard error", "to the log", "strategy=rogue", "epoch=5"} {
		out.wait(want)
	}
}

// By hand, a plugin says that it is one, and does nothing.
func TestStartedByHand(t *testing.T) {
	t.Parallel()
	path, err := rogue()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err == nil {
		t.Error("it exits with status 0")
	}
	if stdout.Len() > 0 || !strings.Contains(stderr.String(), "This binary is a plugin") {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}

// When the host's end of its standard input closes, a plugin ends, on systems
// too where no signal tells it.
func TestEndsWithStdin(t *testing.T) {
	t.Parallel()
	path, err := rogue()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = []string{
		serve.CookieKey + "=" + serve.CookieValue, serve.WatchKey + "=" + serve.WatchStdin,
		"PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + built,
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.Contains(line, "grpc") {
		t.Fatalf("handshake line %q: %v", line, err)
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}
