// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package examples_test builds the examples in other languages and runs them.
package examples_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/guest"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// guests are the languages whose example is the same strategy, skilled-idle.
func guests() []string { return []string{"rust", "c", "assemblyscript"} }

// modules are the examples, each built once, when the first test wants it.
var modules = map[string]func() (string, error){}

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "patchbay-examples-")
	if err != nil {
		panic(err)
	}
	for _, lang := range guests() {
		modules[lang] = sync.OnceValues(func() (string, error) { return compile(lang, folder) })
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

func compile(lang, folder string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = folder
	}
	module := filepath.Join(folder, lang+".wasm")
	project := guest.Project{Language: lang, Dir: lang + "-guest", Cache: filepath.Join(cache, "patchbay", "guests")}
	return module, project.Build(context.Background(), module)
}

// build returns the module of a language's example, or skips the test if the
// language's tools are not here. With PATCHBAY_GUESTS=required it fails instead.
func build(t *testing.T, lang string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a short run builds nothing in other languages")
	}
	module, err := modules[lang]()
	switch {
	case err == nil:
	case errors.Is(err, guest.ErrMissing) && os.Getenv("PATCHBAY_GUESTS") != "required":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
	return module
}

func open(t *testing.T) *wasm.Runtime {
	t.Helper()
	runtime, err := wasm.Open(wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runtime.Close() })
	return runtime
}

// start starts an example without what makes candidates of a board, so that it
// is handed the test's own.
func start(t *testing.T, module, settings string) strategy.Instance {
	t.Helper()
	in, manifest, err := open(t).Start(t.Context(), strategy.Spec{Name: "x", Runtime: "wasm", Source: module, Settings: []byte(settings)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	if manifest.Name != "skilled-idle" || manifest.View != route.ViewCandidates || !manifest.Deterministic || len(manifest.Reasons) != 2 {
		t.Errorf("its manifest is %+v", manifest)
	}
	return in
}

// TestWASMGuestsConform plays the conformance corpus to each.
func TestWASMGuestsConform(t *testing.T) {
	t.Parallel()
	for _, lang := range guests() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			file, err := kit.Look(build(t, lang))
			if err != nil {
				t.Fatal(err)
			}
			report, err := kit.Trial{Runtime: shortlist.New(open(t)), File: file, Budget: time.Minute}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range report.Cases {
				for _, finding := range c.Findings {
					t.Errorf("%s: %s", c.Name, finding)
				}
			}
			if len(report.Cases) < 30 {
				t.Errorf("only %d cases were played", len(report.Cases))
			}
		})
	}
}

// TestWASMGuestsAgree plays random turns to each, with several settings: they
// propose what the rule says, to the letter, and so they agree with each other.
func TestWASMGuestsAgree(t *testing.T) {
	t.Parallel()
	for _, lang := range guests() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			module := build(t, lang)
			for _, rule := range []skilledIdle{{50, 0}, {0, 60_000}, {100, 0}, {37, 7500}} {
				in := start(t, module, rule.settings())
				for seed := range uint64(40) {
					turn := randomTurn(seed)
					var got route.Reply
					if err := in.Turn(t.Context(), turn, &got); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					want := rule.reply(turn)
					if !slices.Equal(got.Proposals, want.Proposals) || !slices.Equal(got.Notes, want.Notes) || got.WakeAt != want.WakeAt {
						t.Fatalf("%s, seed %d: got %+v\nwant %+v", rule.settings(), seed, got, want)
					}
				}
			}
		})
	}
}

// TestWASMGuestsRefuseSettings: each says what is wrong with its settings.
func TestWASMGuestsRefuseSettings(t *testing.T) {
	t.Parallel()
	for _, lang := range guests() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			module, runtime := build(t, lang), open(t)
			for _, test := range []struct{ settings, want string }{
				{`{"skill_share":101}`, "0 to 100"},
				{`{"rest_seconds":-1}`, "0 to 3600"},
				{`{"skill_share":"much"}`, "number"},
			} {
				spec := strategy.Spec{Name: "x", Runtime: "wasm", Source: module, Settings: []byte(test.settings)}
				in, _, err := runtime.Start(t.Context(), spec, 1)
				if err == nil {
					_ = in.Close()
				}
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: %v", test.settings, err)
				}
			}
		})
	}
}
