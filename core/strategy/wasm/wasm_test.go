// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

func TestStartAndTurn(t *testing.T) {
	t.Parallel()
	s := rogueSpec(t, "", 0)
	s.SHA256 = strings.ToUpper(checksum(t, s.Source))
	in, manifest, err := mustOpen(t).Start(context.Background(), s, 5)
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Name != "rogue" || manifest.Version != "1.2.3" || !manifest.Deterministic ||
		len(manifest.Tables) != 2 || len(manifest.Reasons) != 1 || manifest.Reasons[0].Name != "because" ||
		manifest.SettingsSchema == "" || manifest.Majors[0] != route.ContractMajor {
		t.Errorf("manifest %+v", manifest)
	}
	var reply route.Reply
	for seq := uint64(1); seq < 5; seq++ {
		n := int(seq * seq * seq * 50) // the guest's buffer has to grow
		if err := in.Turn(context.Background(), snapshot(seq, n), &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Seq != seq || reply.Epoch != 5 || len(reply.Proposals) != n || reply.Proposals[2].Agent != 1002 {
			t.Errorf("turn %d: %d proposals of turn %d", seq, len(reply.Proposals), reply.Seq)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	wantFault(t, in.Turn(context.Background(), snapshot(9, 1), &reply), strategy.FaultDied, "closed")
	if err := in.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func wantFault(t *testing.T, err error, kind strategy.FaultKind, words string) *strategy.Fault {
	t.Helper()
	var fault *strategy.Fault
	if !errors.As(err, &fault) || fault.Kind != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want a fault of kind %v with %q", err, kind, words)
		return &strategy.Fault{}
	}
	return fault
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	write := func(name, content string) strategy.Spec {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return strategy.Spec{Name: "x", Source: path}
	}
	with := func(spec strategy.Spec, change func(*strategy.Spec)) strategy.Spec {
		change(&spec)
		return spec
	}
	for name, test := range map[string]struct {
		spec strategy.Spec
		want string
	}{
		"missing":     {strategy.Spec{Source: "/no/such/file"}, "no such file"},
		"no module":   {write("text", "no module"), "compile"},
		"no exports":  {write("empty", "\x00asm\x01\x00\x00\x00"), "does not export memory, patchbay_abi, patchbay_buffer, patchbay_cold, patchbay_turn"},
		"checksum":    {with(rogueSpec(t, "", 0), func(s *strategy.Spec) { s.SHA256 = strings.Repeat("0", 64) }), "is pinned"},
		"newer":       {tiny(t, 2, ""), "version 2 of the guest interface; this host speaks 1"},
		"settings":    {rogueSpec(t, "refuse", 0), "take another"},
		"no settings": {spec(t, rogue, "[]"), "refuses its settings"},
		"hangs":       {with(rogueSpec(t, "refuse_hang", 0), func(s *strategy.Spec) { s.Limits.StartTimeout = 300 * time.Millisecond }), "in time"},
		"memory":      {with(rogueSpec(t, "", 0), func(s *strategy.Spec) { s.Limits.MemoryBytes = 128 << 10 }), "memory"},
		"no room":     {rawSpec(t, "no_room"), ""},
		"json":        {rawSpec(t, "json"), "not the JSON"},
		"wild answer": {rawSpec(t, "wild_cold"), "within its memory"},
		"huge answer": {rawSpec(t, "huge_cold"), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, _, err := mustOpen(t).Start(context.Background(), test.spec, 1)
			if test.want == "" { // misbehaves later
				if err != nil {
					t.Error(err)
				}
			} else {
				wantFault(t, err, strategy.FaultStart, test.want)
			}
			if err == nil {
				_ = in.Close()
			}
		})
	}
}

func TestTurnFaults(t *testing.T) {
	t.Parallel()
	greedy := rogueSpec(t, "memory", 1)
	greedy.Limits.MemoryBytes = 32 << 20
	for name, test := range map[string]struct {
		spec  strategy.Spec
		kind  strategy.FaultKind
		words string
		gone  bool // so there is no later turn
	}{
		"panic":       {rogueSpec(t, "panic", 1), strategy.FaultTrap, "rogue panics", true},
		"exit":        {rogueSpec(t, "exit", 1), strategy.FaultTrap, "exit_code(3)", true},
		"memory":      {greedy, strategy.FaultMemory, "out of memory", true},
		"error":       {rogueSpec(t, "error", 1), strategy.FaultBroken, "index broken", false},
		"flood":       {rogueSpec(t, "flood", 1), strategy.FaultTooLarge, "longer than", false},
		"rubbish":     {rawSpec(t, "rubbish"), strategy.FaultRubbish, "header", false},
		"wrong seq":   {rawSpec(t, "wrong_seq"), strategy.FaultWrongTurn, "turn 2 of epoch 5", false},
		"wild":        {rawSpec(t, "wild"), strategy.FaultRubbish, "within its memory", false},
		"huge":        {rawSpec(t, "huge"), strategy.FaultTooLarge, "longer than", false},
		"trap":        {rawSpec(t, "trap"), strategy.FaultTrap, "nil pointer", true},
		"no room":     {rawSpec(t, "no_room"), strategy.FaultMemory, "no room", true},
		"wild buffer": {rawSpec(t, "wild_buffer"), strategy.FaultRubbish, "within its memory", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := mustStart(t, mustOpen(t), test.spec)
			var reply route.Reply
			fault := wantFault(t, in.Turn(context.Background(), snapshot(1, 20), &reply), test.kind, test.words)
			if test.gone && !fault.Fatal() {
				t.Error("the fault does not say that the instance is gone")
			}
			err := in.Turn(context.Background(), snapshot(2, 20), &reply)
			if name == "wild buffer" {
				return // it stays so
			}
			if test.gone != (err != nil) {
				t.Errorf("turn 2: %v", err)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	in := mustStart(t, mustOpen(t), tiny(t, abi.Version, spins))
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	fault := wantFault(t, in.Turn(short, snapshot(1, 1), new(route.Reply)), strategy.FaultDeadline, "in time")
	if !fault.Gone {
		t.Error("a guest that was cut off is gone")
	}
	wantFault(t, in.Turn(context.Background(), snapshot(2, 1), new(route.Reply)), strategy.FaultDeadline, "in time")
}

func TestCloseDuringTurn(t *testing.T) {
	t.Parallel()
	in := mustStart(t, mustOpen(t), tiny(t, abi.Version, spins))
	done := make(chan error)
	go func() { done <- in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)) }()
	for turning := false; !turning; runtime.Gosched() {
		in.mu.Lock()
		turning = in.cut != nil
		in.mu.Unlock()
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	wantFault(t, <-done, strategy.FaultDied, "closed")
}

func TestNeedSnapshot(t *testing.T) {
	t.Parallel()
	in := mustStart(t, mustOpen(t), rogueSpec(t, "snapshot", 1))
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); !errors.Is(err, route.ErrNeedSnapshot) {
		t.Errorf("got %v", err)
	}
	if err := in.Turn(context.Background(), snapshot(2, 1), new(route.Reply)); err != nil {
		t.Error(err)
	}
}

// A guest sees the turn's time and the turn's randomness and nothing else, so
// it answers the same in every run. Sleeping takes no time, and moves its
// clock.
func TestGuestsWorld(t *testing.T) {
	t.Parallel()
	var replies [2]route.Reply
	for i := range replies {
		in := mustStart(t, mustOpen(t), rogueSpec(t, "world", 2))
		for seq := uint64(1); seq < 3; seq++ {
			if err := in.Turn(context.Background(), snapshot(seq, 0), &replies[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !reflect.DeepEqual(replies[0], replies[1]) {
		t.Errorf("two runs differ: %+v and %+v", replies[0], replies[1])
	}
	if replies[0].WakeAt != 1_700_000_000_123 {
		t.Errorf("its clock shows %d", replies[0].WakeAt)
	}
	if p := replies[0].Proposals[0]; p.Agent != 60 {
		t.Errorf("it slept an hour, and %d minutes passed", p.Agent)
	} else if p.Revision != 0 {
		t.Errorf("%d arguments and environment variables", p.Revision)
	}
}

func TestOutputGoesToTheLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := Open(Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), CacheDir: filepath.Join(built, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := mustStart(t, r, rogueSpec(t, "print", 0))
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"to the standard output", "to the standard error", "to the log", "strategy=guest", "epoch=5"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, out.String())
		}
	}
	_ = in.Close()
}

func TestLogIsLimited(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := Open(Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), CacheDir: filepath.Join(built, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := mustStart(t, r, rogueSpec(t, "spam", 0))
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	// The 10,000 lines may fall into two seconds or three, not into a hundred.
	if n := strings.Count(out.String(), "msg=spam"); n < 100 || n > 5000 {
		t.Errorf("%d lines of spam in the log", n)
	}
	if !strings.Contains(out.String(), "dropped=") {
		t.Error("the log does not say that lines were dropped")
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{CacheDir: filepath.Join(file, "cache")}); err == nil {
		t.Error("a cache inside a file was opened")
	}
}

// A second process finds the compiled module in the cache folder.
func TestCacheIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	count := func() (n int) {
		_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, _ error) error {
			if !d.IsDir() {
				n++
			}
			return nil
		})
		return n
	}
	for i := range 2 {
		r, err := Open(Options{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		in := mustStart(t, r, tiny(t, abi.Version, ""))
		_ = in.Close()
		_ = r.Close()
		// The module and the host's own two.
		if n := count(); n == 0 || n > 3 {
			t.Errorf("run %d: %d files in the cache", i, n)
		}
	}
}

// Counting allocations forbids running beside other tests.
func TestTurnAllocations(t *testing.T) {
	s := tiny(t, abi.Version, "")
	s.Limits.TurnDeadline = strategy.NoDeadline
	in := mustStart(t, mustOpen(t), s)
	turn := snapshot(1, 64)
	var reply route.Reply
	if n := testing.AllocsPerRun(200, func() {
		if err := in.Turn(context.Background(), turn, &reply); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per turn, want 0", n)
	}
}
