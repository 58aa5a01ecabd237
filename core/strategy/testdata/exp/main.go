package main

import "github.com/patchbay-cx/patchbay/sdk/route"

func main() {}

var turn route.Turn
var reply, reply0 route.Reply
var out, frame, frame0 []byte
var sink byte

func init() {
	frame, _ = route.EncodeTurn(nil, &route.Turn{Kind: 1, Work: make([]route.Work, 1)})
	frame0, _ = route.EncodeTurn(nil, &route.Turn{Kind: 1})
	reply.Proposals = make([]route.Proposal, 1)
}

//go:noinline
func s200(n int) byte { var a [200]byte; a[n] = 1; return a[n/2] }

//go:noinline
func s500(n int) byte { var a [500]byte; a[n] = 1; return a[n/2] }

//go:noinline
func s800(n int) byte { var a [800]byte; a[n] = 1; return a[n/2] }

//go:noinline
func s1200(n int) byte { var a [1200]byte; a[n] = 1; return a[n/2] }

//go:noinline
func s1600(n int) byte { var a [1600]byte; a[n] = 1; return a[n/2] }

//go:wasmexport nop
func nop() {}

//go:wasmexport t200
func t200() { sink = s200(5) }

//go:wasmexport t500
func t500() { sink = s500(5) }

//go:wasmexport t800
func t800() { sink = s800(5) }

//go:wasmexport t1200
func t1200() { sink = s1200(5) }

//go:wasmexport t1600
func t1600() { sink = s1600(5) }

//go:wasmexport view0
func view0() { route.ViewTurn(frame0, &turn) }

//go:wasmexport view010
func view010() { for range 10 {route.ViewTurn(frame0, &turn)} }

//go:wasmexport encode0
func encode0() { out, _ = route.EncodeReply(out, &reply0) }

//go:wasmexport encode010
func encode010() { for range 10 {out, _ = route.EncodeReply(out, &reply0)} }

//go:noinline
func leaf(n int) int { return n + 1 }

var num int

//go:wasmexport c10
func c10() { for range 10 { num = leaf(num) } }

//go:wasmexport st45
func st45() {
	for range 10 {
		turn.Work, turn.Agents, turn.Needs, turn.Skills = nil, nil, nil, nil
	}
}

type small struct{ a, b, c, d, e, f, g, h int }

//go:noinline
func use(s *small) { num += s.a }

//go:wasmexport z64
func z64() {
	for range 10 {
		var s small
		use(&s)
	}
}

var bb = make([]byte, 100)

//go:wasmexport cp24
func cp24() {
	for range 10 {
		copy(bb[:24], bb[50:74])
	}
}
