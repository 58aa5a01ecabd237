// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// childFlag makes the test binary one of the children of a measurement.
const childFlag = "be-the-child"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childFlag {
		if err := bench.Child(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// self is how the test binary is started as a child.
func self(t *testing.T) (command []string, sum string) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	return []string{path, childFlag}, hex.EncodeToString(digest[:])
}

func modules(t *testing.T) strategy.Runtime {
	t.Helper()
	runtime, err := wasm.Open(wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runtime.Close() })
	return runtime
}

// TestCarriers shows that every carrier is measured, with what is bare beside
// it. How long it takes is not what is tested.
func TestCarriers(t *testing.T) {
	t.Parallel()
	if raced {
		t.Skip("skipped: the race detector needs more memory than a plugin process may have; leave out -race")
	}
	command, sum := self(t)
	module := filepath.Join(t.TempDir(), "stub.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", module, "./stub/plugin")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	last := 0
	report, err := bench.Carriers(t.Context(), bench.CarrierOptions{
		Self: command, SHA256: sum, Module: module, Passes: 2,
		Process: process.New(process.Options{}), WASM: modules(t),
		Progress: func(done, total int) {
			if done != last+1 || total != 14 {
				t.Errorf("step %d of %d after %d", done, total, last)
			}
			last = done
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != 14 {
		t.Errorf("%d steps", last)
	}
	for name, l := range map[string]bench.Latency{
		"process": report.Process, "echo": report.Echo, "protobuf": report.Plain, "builtin": report.Builtin,
		"tiny": report.Tiny, "module": report.Module, "bare": report.Bare,
	} {
		if l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Max {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if report.BuiltinAllocs != 0 {
		t.Logf("%v allocations a turn, builtin: the other tests' or its own", report.BuiltinAllocs)
	}
	for name, ratio := range map[string]float64{
		"echo": report.ProcessToEcho, "protobuf": report.PlainToProcess, "tiny": report.TinyToBare, "module": report.ModuleToBare,
	} {
		if ratio <= 0 {
			t.Errorf("%s: ratio %v", name, ratio)
		}
	}
	t.Logf("%+v", *report)
}

// TestCarriersFail shows that what cannot be started is told, and nothing is
// left behind.
func TestCarriersFail(t *testing.T) {
	t.Parallel()
	command, _ := self(t)
	for _, test := range []struct {
		options bench.CarrierOptions
		want    string
	}{
		{bench.CarrierOptions{Self: command, SHA256: "00", Process: process.New(process.Options{})}, "but 00 is pinned"},
		{bench.CarrierOptions{Self: []string{"/nowhere"}, Process: refusing{}}, "refused"},
	} {
		if _, err := bench.Carriers(t.Context(), test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	if err := bench.Child("nobody"); err == nil {
		t.Error("there is a child that nobody knows")
	}
}

var errRefused = errors.New("refused")

// refusing is a runtime that starts nothing.
type refusing struct{ strategy.Runtime }

func (refusing) Start(context.Context, strategy.Spec, uint64) (strategy.Instance, route.Manifest, error) {
	return nil, route.Manifest{}, errRefused
}
