// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package guest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/guest"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// BenchmarkTurn is a candidates turn with so many items, each with one
// candidate or sixteen, answered by the examples' rule in each language and in
// standard Go. The deadline is checked, as it is by default, or the guest is
// trusted to return. Its measure is BenchmarkBareCall of core/strategy/wasm.
// The time of the processor is reported besides, which says more on a machine
// that others share.
func BenchmarkTurn(b *testing.B) {
	folder := b.TempDir()
	for _, lang := range []string{"rust", "c", "assemblyscript", "go"} {
		module := ""
		for _, size := range []struct{ items, candidates int }{{1, 1}, {256, 1}, {256, 16}} {
			for _, trusted := range []bool{true, false} {
				name := fmt.Sprintf("%s/%dx%d/trusted=%v", lang, size.items, size.candidates, trusted)
				b.Run(name, func(b *testing.B) {
					if module == "" {
						module = exampleModule(b, lang, folder)
					}
					benchTurn(b, module, trusted, busyTurn(size.items, size.candidates))
				})
			}
		}
	}
}

func benchTurn(b *testing.B, module string, trusted bool, turn *route.Turn) {
	b.Helper()
	runtime, err := wasm.Open(wasm.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = runtime.Close() })
	spec := strategy.Spec{Name: "x", Runtime: "wasm", Source: module}
	if trusted {
		spec.Limits.TurnDeadline = strategy.NoDeadline
	}
	in, _, err := runtime.Start(context.Background(), spec, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close() })
	var reply route.Reply
	b.ReportAllocs()
	before := spent(b)
	for b.Loop() {
		if err := in.Turn(context.Background(), turn, &reply); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(spent(b)-before)/float64(b.N), "cpu-ns/op")
	if len(reply.Proposals) != len(turn.Candidates) {
		b.Fatalf("%d proposals for %d candidates", len(reply.Proposals), len(turn.Candidates))
	}
}

// spent returns the time of the processor that this process has used.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// exampleModule builds a language's example into a folder, for Go that in
// testdata.
func exampleModule(b *testing.B, lang, folder string) string {
	b.Helper()
	out := filepath.Join(folder, lang+".wasm")
	if lang == "go" {
		cmd := exec.CommandContext(b.Context(), "go", "build", "-buildmode=c-shared", "-o", out, "./testdata/goguest")
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if text, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, text)
		}
		return out
	}
	needs(b, lang)
	project := guest.Project{Language: lang, Dir: "../../examples/" + lang + "-guest", Cache: cache(b)}
	if err := project.Build(b.Context(), out); err != nil {
		b.Fatal(err)
	}
	return out
}

// busyTurn is a candidates turn: work that requires a skill, and as many agents
// as there are items, who hold two.
func busyTurn(items, candidates int) *route.Turn {
	t := &route.Turn{Epoch: 1, Seq: 1, Kind: route.KindCandidates, Now: 1_767_225_600_000, Seed: 1, Bytes: []byte("german")}
	t.Words = []route.Word{{ID: 1, Text: route.Span{N: 6}}}
	t.Queues = []route.Queue{{Gen: 1, Version: 1, Name: 1, Model: route.ModelLongestIdle}}
	t.Needs = []route.Need{{Name: 1, Level: 1000}}
	t.Skills = []route.Skill{{Name: 1, Level: 5000}, {Name: 2, Level: 7000}}
	for i := range uint32(max(items, candidates)) {
		t.Agents = append(t.Agents, route.Agent{
			Ref: i, Gen: 1, Version: 1, Flags: route.AgentConnected, Channels: 1, Capacity: 1000, MaxOpen: 1,
			IdleSince: t.Now - int64(i*7919%600)*1000, Skills: route.Span{N: 2},
		})
	}
	for i := range uint32(items) {
		t.Work = append(t.Work, route.Work{Ref: i, Gen: 1, Revision: 1, Size: 1000, State: route.WorkWaiting, Needs: route.Span{N: 1}})
		t.Items = append(t.Items, route.Item{Work: i, Candidates: route.Span{At: uint32(len(t.Candidates)), N: uint32(candidates)}})
		for c := range uint32(candidates) {
			t.Candidates = append(t.Candidates, route.Candidate{Agent: (i + c) % uint32(len(t.Agents)), Takes: 1000})
		}
	}
	return t
}
