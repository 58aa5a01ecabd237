// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// BenchmarkProcessTurn is BenchmarkTurn for plugins that are processes: a
// candidates turn with so many items, each with one candidate or sixteen,
// answered by the examples' rule in each language. Its measure is the same rule
// in Go, as a process too.
func BenchmarkProcessTurn(b *testing.B) {
	for _, lang := range append(processLanguages(), "go") {
		path := ""
		for _, size := range []struct{ items, candidates int }{{1, 1}, {256, 1}, {256, 16}} {
			b.Run(fmt.Sprintf("%s/%dx%d", lang, size.items, size.candidates), func(b *testing.B) {
				if path == "" {
					path = processExample(b, lang)
				}
				in := startProcess(b, path)
				turn := busyTurn(size.items, size.candidates)
				var reply route.Reply
				for range 300 { // until what compiles as it goes has done so
					if err := in.Turn(context.Background(), turn, &reply); err != nil {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					if err := in.Turn(context.Background(), turn, &reply); err != nil {
						b.Fatal(err)
					}
				}
				if len(reply.Proposals) != len(turn.Candidates) {
					b.Fatalf("%d proposals for %d candidates", len(reply.Proposals), len(turn.Candidates))
				}
			})
		}
	}
}

// BenchmarkProcessStart is a start of a plugin until it is configured, and its
// end.
func BenchmarkProcessStart(b *testing.B) {
	for _, lang := range append(processLanguages(), "go") {
		b.Run(lang, func(b *testing.B) {
			path := processExample(b, lang)
			for b.Loop() {
				if err := startProcess(b, path).Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func startProcess(b *testing.B, path string) strategy.Instance {
	b.Helper()
	file, err := kit.Look(path)
	if err != nil {
		b.Fatal(err)
	}
	in, _, err := process.New(process.Options{}).Start(context.Background(), strategy.Spec{
		Name: "x", Runtime: "process", Source: path, SHA256: file.SHA256,
	}, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close() })
	return in
}

// processExample builds a language's example, for Go that in testdata.
func processExample(b *testing.B, lang string) string {
	b.Helper()
	if lang != "go" {
		needs(b, lang)
		return example(b, lang)
	}
	out := filepath.Join(scratch, "go.plugin")
	if text, err := exec.CommandContext(b.Context(), "go", "build", "-o", out, "./testdata/goguest").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	return out
}
