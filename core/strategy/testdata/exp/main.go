package main

import (
	"unsafe"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

func main() {}

type s struct{ agent route.Agent }

func (*s) Configure([]byte) error { return nil }
func (r *s) Turn(turn *route.Turn, reply *route.Reply) error {
	for i := range turn.Work {
		reply.Propose(&turn.Work[i], &r.agent, 7, 1)
	}
	return nil
}

type instance struct {
	strategy route.Strategy
	ready    bool   // configured, and not drained
	epoch    uint64 // turns of others are refused; 0 takes any
	in       route.Turn
	reply    route.Reply
	out      []byte
}

var g = instance{ready: true, strategy: &s{}}
var frame []byte

func init() {
	frame, _ = route.EncodeTurn(nil, &route.Turn{Kind: 1, Work: make([]route.Work, 1)})
}

func (i *instance) answer(frame []byte) error {
	if err := route.ViewTurn(frame, &i.in); err != nil {
		return err
	}
	if i.epoch != 0 && i.in.Epoch != i.epoch {
		return &route.StatusError{Status: route.StatusStaleEpoch}
	}
	if !i.ready {
		return &route.StatusError{Status: route.StatusNotReady}
	}
	return i.strategy.Turn(&i.in, &i.reply)
}

//go:wasmexport nop
func nop() {}

//go:wasmexport a1
func a1(ptr unsafe.Pointer, length uint32) uint64 {
	route.ViewTurn(unsafe.Slice((*byte)(ptr), length), &g.in)
	return 0
}

//go:wasmexport a2
func a2(ptr unsafe.Pointer, length uint32) uint64 {
	g.reply.Reset()
	g.answer(unsafe.Slice((*byte)(ptr), length))
	return 0
}

//go:wasmexport a3
func a3(ptr unsafe.Pointer, length uint32) uint64 {
	g.reply.Reset()
	s, _ := route.StatusOf(g.answer(unsafe.Slice((*byte)(ptr), length)))
	return uint64(s)
}

//go:wasmexport a4
func a4(ptr unsafe.Pointer, length uint32) uint64 {
	g.reply.Reset()
	s, _ := route.StatusOf(g.answer(unsafe.Slice((*byte)(ptr), length)))
	g.out, _ = route.EncodeReply(g.out, &g.reply)
	return uint64(s)
}

//go:wasmexport framep
func framep() uint64 {
	return uint64(uintptr(unsafe.Pointer(&frame[0])))<<32 | uint64(len(frame))
}
