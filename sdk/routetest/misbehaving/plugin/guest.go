// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build wasip1

package main

import (
	"encoding/json"
	"unsafe"

	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

// main is never run: the host calls the exports.
func main() {}

// guest is the state behind the exports, which are functions without a
// receiver.
var (
	guest  = misbehaving.NewGuest(nil)
	buffer []byte // the host writes here
	answer []byte // the last answer
)

//go:wasmexport patchbay_abi
func patchbayABI() uint32 { return abi.Version }

//go:wasmexport patchbay_buffer
func patchbayBuffer(length uint32) unsafe.Pointer {
	if int(length) > len(buffer) {
		buffer = make([]byte, length)
	}
	return unsafe.Pointer(unsafe.SliceData(buffer))
}

//go:wasmexport patchbay_turn
func patchbayTurn(ptr unsafe.Pointer, length uint32) uint64 {
	answer = guest.Turn(unsafe.Slice((*byte)(ptr), length))
	return packed()
}

//go:wasmexport patchbay_cold
func patchbayCold(op uint32, ptr unsafe.Pointer, length uint32) uint64 {
	switch op {
	case abi.OpManifest:
		answer = asJSON(manifestOf(manifest))
	case abi.OpConfigure:
		answer = asJSON(answerOf(guest.Configure(unsafe.Slice((*byte)(ptr), length))))
	case abi.OpDrain:
		answer = asJSON(answerOf(guest.Close()))
	default:
		answer = asJSON(abi.Answer{Error: "misbehaving: unknown operation"})
	}
	return packed()
}

func answerOf(err error) abi.Answer {
	if err != nil {
		return abi.Answer{Error: err.Error()}
	}
	return abi.Answer{}
}

func asJSON(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // both types always marshal
	}
	return out
}

func packed() uint64 {
	return abi.Pack(uint32(uintptr(unsafe.Pointer(unsafe.SliceData(answer)))), uint32(len(answer)))
}
