// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// built is where the test guests are built, and compiled ones are kept.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		panic(err)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var (
	rogue = sync.OnceValues(func() (string, error) { return build("rogue") })
	raw   = sync.OnceValues(func() (string, error) { return build("rawguest") })
)

func build(name string) (string, error) {
	path := filepath.Join(built, name+".wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags", "-s -w", "-o", path, "../testdata/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// modules compiles each module once for all tests.
var modules = sync.OnceValues(func() (*Runtime, error) {
	return Open(Options{CacheDir: filepath.Join(built, "cache")})
})

func mustOpen(t testing.TB) *Runtime {
	t.Helper()
	r, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func spec(t testing.TB, module func() (string, error), settings string) strategy.Spec {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: to compile a guest takes minutes with the race detector; leave out -short")
	}
	path, err := module()
	if err != nil {
		t.Fatal(err)
	}
	return strategy.Spec{
		Name: "guest", Runtime: "wasm", Source: path, Settings: []byte(settings),
		// Compiling takes long on a busy machine, and longer with -race.
		Limits: strategy.Limits{StartTimeout: time.Hour},
	}
}

// rogueSpec is a rogue that misbehaves in a mode, in a turn; 0 means each.
func rogueSpec(t testing.TB, mode string, at int) strategy.Spec {
	t.Helper()
	return spec(t, rogue, fmt.Sprintf(`{"mode":%q,"at":%d}`, mode, at))
}

func rawSpec(t testing.TB, mode string) strategy.Spec {
	t.Helper()
	return spec(t, raw, fmt.Sprintf(`{"mode":%q}`, mode))
}

func mustStart(t testing.TB, r *Runtime, spec strategy.Spec) *instance {
	t.Helper()
	in, _, err := r.Start(context.Background(), spec, 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in.(*instance)
}

func checksum(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// snapshot is turn seq with n pieces of waiting work.
func snapshot(seq uint64, n int) *route.Turn {
	turn := &route.Turn{Epoch: 5, Seq: seq, Kind: route.KindSnapshot, Now: 1_700_000_000_123, Seed: 77}
	for i := range n {
		turn.Work = append(turn.Work, route.Work{Ref: uint32(i), Gen: 1, Revision: 1, State: route.WorkWaiting})
	}
	return turn
}
