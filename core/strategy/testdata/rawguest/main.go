// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command rawguest is a WASM guest that does without sdk/serve, as one in
// another language would, and breaks the interface as its settings say.
package main

import (
	"strings"
	"unsafe"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

var (
	mode   string
	buffer []byte
	out    []byte
	turn   route.Turn
	reply  route.Reply
)

func main() {}

//go:wasmexport patchbay_abi
func patchbayABI() uint32 { return 1 }

//go:wasmexport patchbay_buffer
func patchbayBuffer(length uint32) uint32 {
	if mode == "no_room" {
		return 0
	}
	if mode == "wild_buffer" {
		return 1<<32 - 8
	}
	if int(length) > len(buffer) {
		buffer = make([]byte, length)
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
}

//go:wasmexport patchbay_cold
func patchbayCold(op uint32, ptr unsafe.Pointer, length uint32) uint64 {
	out = []byte(`{}`)
	switch op {
	case 1:
		out = []byte(`{"name":"raw"}`)
	case 2:
		text := string(unsafe.Slice((*byte)(ptr), length))
		mode = strings.Split(text, `"`)[3]
		switch mode {
		case "json":
			out = []byte(`no json`)
		case "wild_cold":
			return 1<<63 | 100
		case "huge_cold":
			return 1<<32 - 1
		}
	}
	return answer()
}

//go:wasmexport patchbay_turn
func patchbayTurn(ptr unsafe.Pointer, length uint32) uint64 {
	if err := route.DecodeTurn(unsafe.Slice((*byte)(ptr), length), &turn); err != nil {
		panic(err)
	}
	reply.Epoch, reply.Seq = turn.Epoch, turn.Seq
	if turn.Seq == 1 {
		switch mode {
		case "rubbish":
			out = []byte("rubbish")
			return answer()
		case "wrong_seq":
			reply.Seq++
		case "wild":
			return 1<<63 | 100
		case "huge":
			return 1<<32 - 1
		case "trap":
			var nobody *route.Turn
			_ = nobody.Epoch
		}
	}
	out, _ = route.EncodeReply(out, &reply)
	return answer()
}

func answer() uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(out))))<<32 | uint64(len(out))
}
