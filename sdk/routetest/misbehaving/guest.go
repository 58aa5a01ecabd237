// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package misbehaving

import (
	"encoding/binary"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Offsets within a frame, as frame.layout has them.
const (
	atSections   = 12
	atFirstCount = 64 + 8
)

// Guest is a strategy of this package behind frames, as carriers other than
// builtin have it. It does by itself what sdk/serve does for strategies that
// are well, so that it can do it wrong. It is not safe for concurrent use.
type Guest struct {
	misfit *misfit
	in     route.Turn
	reply  route.Reply
	out    []byte
}

// NewGuest returns a Guest that is not configured. What hangs ends when stop is
// closed; nil means never.
func NewGuest(stop <-chan struct{}) *Guest { return &Guest{misfit: newMisfit(stop)} }

// Configure puts settings in force. An error refuses them.
func (g *Guest) Configure(settings []byte) error { return g.misfit.Configure(settings) }

// Close lets go of what the strategy holds, if it is willing.
func (g *Guest) Close() error { return g.misfit.Close() }

// Turn answers one frame by another, which is valid until the next call.
// Frame is not kept.
func (g *Guest) Turn(frame []byte) []byte {
	g.reply.Reset()
	err := route.DecodeTurn(frame, &g.in)
	if err == nil {
		err = g.misfit.Turn(&g.in, &g.reply)
	}
	if status, text := route.StatusOf(err); status != route.StatusOK {
		g.out = route.EncodeStatus(g.out, g.in.Epoch, g.in.Seq, status, text)
		return g.out
	}
	g.reply.Epoch, g.reply.Seq = g.in.Epoch, g.in.Seq
	way := g.way()
	switch way {
	case "wrong_turn":
		g.reply.Seq--
	case "wrong_epoch":
		g.reply.Epoch--
	}
	out, err := route.EncodeReply(g.out, &g.reply)
	if err != nil {
		panic(err) // no way makes that many
	}
	g.out = out
	return mangled(way, out, frame)
}

// way returns the way if it is due in the turn at hand.
func (g *Guest) way() string {
	if !g.misfit.due(g.in.Epoch, g.in.Seq) {
		return ""
	}
	return g.misfit.settings.Way
}

// mangled returns what a carrier sends instead of the good reply.
func mangled(way string, reply, turn []byte) []byte {
	switch way {
	case "stutters":
		return reply[:3]
	case "says_nothing":
		return reply[:0]
	case "bad_magic":
		copy(reply, "HTTP")
	case "lying_counts":
		if len(reply) > atFirstCount+4 {
			binary.LittleEndian.PutUint32(reply[atFirstCount:], 1<<24)
		} else { // it has no rows to lie about
			binary.LittleEndian.PutUint16(reply[atSections:], 60)
		}
	case "echoes":
		return append(reply[:0], turn...)
	}
	return reply
}

// ClosesStream reports whether the carrier closes the stream instead of sending
// the last answer.
func (g *Guest) ClosesStream() bool { return g.way() == "closes_stream" }

// Answers returns how often the carrier sends the last answer.
func (g *Guest) Answers() int {
	if g.way() == "answers_twice" {
		return 2
	}
	return 1
}
