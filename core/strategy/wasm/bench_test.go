// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

// BenchmarkTurn is a turn with n waiting, answered with n proposals by a guest
// in standard Go. Its measures are BenchmarkBareCall and BenchmarkGoCall.
func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{1, 256} {
		for name, deadline := range map[string]int64{"deadline": 0, "trusted": -1} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				s := rogueSpec(b, "", 1<<40)
				if deadline < 0 {
					s.Limits.TurnDeadline = strategy.NoDeadline
				}
				in := mustStart(b, mustOpen(b), s)
				turn := snapshot(1, n)
				var reply route.Reply
				b.ReportAllocs()
				for b.Loop() {
					if err := in.Turn(context.Background(), turn, &reply); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkTinyTurn is a turn with one waiting to a guest that has its answer
// ready: what the host itself takes.
func BenchmarkTinyTurn(b *testing.B) {
	s := tiny(b, abi.Version, "")
	s.Limits.TurnDeadline = strategy.NoDeadline
	in := mustStart(b, mustOpen(b), s)
	turn := snapshot(1, 1)
	var reply route.Reply
	b.ReportAllocs()
	for b.Loop() {
		if err := in.Turn(context.Background(), turn, &reply); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareCall is a call of a function that does nothing, in a module of
// nothing else.
func BenchmarkBareCall(b *testing.B) {
	// (module (func (export "f") (result i32) i32.const 1))
	code := []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x06\x01\x04\x00\x41\x01\x0b")
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	module, err := runtime.Instantiate(ctx, code)
	if err != nil {
		b.Fatal(err)
	}
	f := module.ExportedFunction("f")
	var stack [1]uint64
	b.ReportAllocs()
	for b.Loop() {
		if err := f.CallWithStack(ctx, stack[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGoCall is a call of an export of a guest in standard Go that does
// nothing.
func BenchmarkGoCall(b *testing.B) {
	s := rogueSpec(b, "", 0)
	s.Limits.TurnDeadline = strategy.NoDeadline
	in := mustStart(b, mustOpen(b), s)
	b.ReportAllocs()
	for b.Loop() {
		if err := in.call(context.Background(), in.abi); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is a start with the module in the cache.
func BenchmarkStart(b *testing.B) {
	s := rogueSpec(b, "", 0)
	r := mustOpen(b)
	mustStart(b, r, s)
	for b.Loop() {
		in, _, err := r.Start(context.Background(), s, 1)
		if err != nil {
			b.Fatal(err)
		}
		_ = in.Close()
	}
}
