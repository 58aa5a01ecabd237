// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shortlist_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist/testdata/skilled"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// build builds the skilled strategy for a runtime and returns what starts it.
func build(t testing.TB, runtime string) strategy.Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "skilled")
	cmd := exec.Command("go", "build", "-o", path, "./testdata/skilled/plugin")
	if runtime == "wasm" {
		cmd = exec.Command("go", "build", "-buildmode=c-shared", "-ldflags", "-s -w", "-o", path, "./testdata/skilled/plugin")
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for %s: %v\n%s", runtime, err, out)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return strategy.Spec{
		Name: "skilled", Runtime: runtime, Source: path, SHA256: hex.EncodeToString(sum[:]),
		// Compiling takes long on a busy machine.
		Limits: strategy.Limits{StartTimeout: time.Hour, TurnDeadline: time.Minute}.WithDefaults(),
	}
}

// carriers are the three runtimes, with what starts the skilled strategy there.
func carriers(t testing.TB) map[string]struct {
	runtime strategy.Runtime
	spec    strategy.Spec
} {
	t.Helper()
	modules, err := wasm.Open(wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = modules.Close() })
	all := shortlist.Wrap(map[string]strategy.Runtime{
		"builtin": builtin.New(map[string]route.Plugin{"skilled": skilled.Plugin()}),
		"process": process.New(process.Options{}), "wasm": modules,
	})
	out := map[string]struct {
		runtime strategy.Runtime
		spec    strategy.Spec
	}{}
	for name, runtime := range all {
		spec := strategy.Spec{Name: "skilled", Runtime: name, Source: "skilled"}
		if name != "builtin" {
			spec = build(t, name)
		}
		out[name] = struct {
			runtime strategy.Runtime
			spec    strategy.Spec
		}{runtime, spec}
	}
	return out
}

// TestCarriersAgree plays the corpus to the same strategy in each runtime: every
// proposal must be the same.
func TestCarriersAgree(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	for name, carrier := range carriers(t) {
		suite := routetest.Suite{Open: func(ctx context.Context) (routetest.Carrier, error) {
			in, manifest, err := carrier.runtime.Start(ctx, carrier.spec, 1)
			if err == nil && manifest.View != route.ViewCandidates {
				err = fmt.Errorf("the manifest says view %q", manifest.View)
			}
			return in, err
		}}
		transcript, err := routetest.Transcript(t.Context(), suite)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		said[name] = transcript
	}
	for name, transcript := range said {
		if transcript != said["builtin"] || len(transcript) < 1000 {
			t.Errorf("%s proposes otherwise:\n%s\nbuiltin:\n%s", name, transcript, said["builtin"])
		}
	}
}

// BenchmarkCarriers is a turn in which so much work arrives as agents have come
// free, who then have it taken from them again.
func BenchmarkCarriers(b *testing.B) {
	for name, carrier := range carriers(b) {
		for _, n := range []int{1, 256} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				in, _, err := carrier.runtime.Start(context.Background(), carrier.spec, 1)
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = in.Close() }()
				benchTurns(b, in.Turn, n)
			})
		}
	}
}
