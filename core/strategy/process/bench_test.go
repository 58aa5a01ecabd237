// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// BenchmarkTurn256 is a turn with 256 waiting, answered with 256 proposals. Its
// measure is BenchmarkEcho256: the same bytes both ways over the same kind of
// stream, to a process that looks at none of them.
func BenchmarkTurn256(b *testing.B) {
	in := mustStart(b, New(Options{}), rogueSpec(b, "", 1))
	turn := snapshot(1, 256)
	var reply route.Reply
	b.ReportAllocs()
	for b.Loop() {
		if err := in.Turn(context.Background(), turn, &reply); err != nil {
			b.Fatal(err)
		}
	}
	if len(reply.Proposals) != 256 {
		b.Fatalf("%d proposals", len(reply.Proposals))
	}
}

func BenchmarkEcho256(b *testing.B) {
	in := mustStart(b, New(Options{}), rawSpec(b, "echo"))
	stream, err := in.service.Turns(in.life, grpc.MaxCallRecvMsgSize(route.MaxFrameBytes))
	if err != nil {
		b.Fatal(err)
	}
	frame, err := route.EncodeTurn(nil, snapshot(1, 256))
	if err != nil {
		b.Fatal(err)
	}
	request := &strategyv1.TurnsRequest{Frame: frame}
	b.ReportAllocs()
	for b.Loop() {
		if err := stream.Send(request); err != nil {
			b.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			b.Fatal(err)
		}
	}
}
