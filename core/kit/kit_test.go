// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/examples/hello"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(scratch())
		os.Exit(code)
	}))
}

// scratch is a folder for what several tests use.
var scratch = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "pb-kit-")
	if err != nil {
		panic(err)
	}
	return dir
})

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLook(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ content, runtime, sum string }{
		{head, "wasm", "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"},
		{"#!/bin/sh\n", "process", "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"},
		{"", "process", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	} {
		file, err := kit.Look(write(t, "plugin", test.content))
		if err != nil {
			t.Fatal(err)
		}
		if file.Runtime != test.runtime || file.SHA256 != test.sum || file.Size != int64(len(test.content)) {
			t.Errorf("%q: %+v", test.content, file)
		}
	}
	if _, err := kit.Look(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	runtime := builtin.New(map[string]route.Plugin{"hello": hello.Plugin()})
	d, err := kit.Inspect(t.Context(), runtime, &kit.File{Path: "hello", Runtime: "builtin"})
	if err != nil {
		t.Fatal(err)
	}
	if d.Manifest == nil || d.Manifest.Name != "hello" || d.Contract != route.ContractMajor || d.Module != nil {
		t.Errorf("got %+v", d)
	}
}

// TestInspectNoStrategy shows that what a module exports is told though it
// cannot be started.
func TestInspectNoStrategy(t *testing.T) {
	t.Parallel()
	runtime, err := wasm.Open(wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runtime.Close() })
	// A memory and nothing else.
	file, err := kit.Look(write(t, "a.wasm", head+"\x05\x03\x01\x00\x01"+"\x07\x0a\x01\x06memory\x02\x00"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := kit.Inspect(t.Context(), runtime, file)
	if err == nil || !strings.Contains(err.Error(), "it is no strategy guest: it does not export patchbay_abi") {
		t.Errorf("got %v", err)
	}
	if d == nil || d.Manifest != nil || d.Contract != 0 || !slices.Equal(d.Module.Exports, []kit.Extern{{Name: "memory", Kind: "memory"}}) {
		t.Errorf("got %+v", d)
	}
}

// runtime is a runtime by a function.
type runtime func() (strategy.Instance, error)

func (r runtime) Start(context.Context, strategy.Spec, uint64) (strategy.Instance, route.Manifest, error) {
	instance, err := r()
	return instance, route.Manifest{Name: "fake"}, err
}

// TestInspectNoModule shows that what cannot be read is not started.
func TestInspectNoModule(t *testing.T) {
	t.Parallel()
	file, err := kit.Look(write(t, "a.wasm", head+"\x07"))
	if err != nil {
		t.Fatal(err)
	}
	started := false
	_, err = kit.Inspect(t.Context(), runtime(func() (strategy.Instance, error) {
		started = true
		return nil, errors.New("not this")
	}), file)
	if err == nil || started || !strings.Contains(err.Error(), "kit: read a module: a number does not end") {
		t.Errorf("got %v, started %v", err, started)
	}
}
