package wasm

import (
	"context"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

func BenchmarkStage(b *testing.B) {
	s := rogueSpec(b, "", 1<<40)
	s.Limits.TurnDeadline = strategy.NoDeadline
	in := mustStart(b, mustOpen(b), s)
	ctx := context.Background()
	turn := snapshot(1, 1)
	var reply route.Reply
	if err := in.Turn(ctx, turn, &reply); err != nil {
		b.Fatal(err)
	}
	n := route.TurnLen(turn)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			n := route.TurnLen(turn)
			into, _ := in.view(in.ptr, uint32(n))
			route.EncodeTurn(into, turn)
		}
	})
	b.Run("call", func(b *testing.B) {
		for b.Loop() {
			in.stack[0], in.stack[1] = uint64(in.ptr), uint64(n)
			in.call(ctx, in.turns)
		}
	})
	b.Run("read", func(b *testing.B) {
		in.stack[0], in.stack[1] = uint64(in.ptr), uint64(n)
		in.call(ctx, in.turns)
		ptr, m := abi.Unpack(in.stack[0])
		for b.Loop() {
			frame, _ := in.view(ptr, m)
			readReply(frame, turn, &reply)
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			in.Turn(ctx, turn, &reply)
		}
	})
}
