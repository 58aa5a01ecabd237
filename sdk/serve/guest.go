// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build wasip1

package serve

import (
	"encoding/json"
	"fmt"
	"unsafe"

	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

// guest is the state behind the exports. A guest has one thread and one
// strategy, and its exports are functions without a receiver.
var guest struct {
	instance
	buffer []byte // the host writes here
	answer []byte // the last answer of patchbay_cold
}

// Run does nothing: a guest's main is never run. It is there so that one
// source serves both runtimes.
func Run() {}

// Log writes a line to the host's log.
func Log(text string) {
	if text != "" {
		hostLog(abi.LevelInfo, unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
	}
}

//go:wasmimport patchbay log
//go:noescape
func hostLog(level uint32, text unsafe.Pointer, length uint32)

//go:wasmexport patchbay_abi
func patchbayABI() uint32 { return abi.Version }

//go:wasmexport patchbay_buffer
func patchbayBuffer(length uint32) unsafe.Pointer {
	if uint64(length) > uint64(cap(guest.buffer)) {
		guest.buffer = nil // so that the old one can be collected first
		guest.buffer = make([]byte, length, uint64(length)+uint64(length)/4)
	}
	return unsafe.Pointer(unsafe.SliceData(guest.buffer))
}

//go:wasmexport patchbay_turn
func patchbayTurn(ptr unsafe.Pointer, length uint32) uint64 {
	return packed(guest.turn(unsafe.Slice((*byte)(ptr), length)))
}

//go:wasmexport patchbay_cold
func patchbayCold(op uint32, ptr unsafe.Pointer, length uint32) uint64 {
	guest.answer = cold(op, unsafe.Slice((*byte)(ptr), length))
	return packed(guest.answer)
}

func packed(b []byte) uint64 {
	return abi.Pack(uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), uint32(len(b)))
}

func cold(op uint32, request []byte) []byte {
	if !registered.ok {
		return coldJSON(abi.Answer{Error: "serve: no plugin is registered; call serve.Register from init"})
	}
	if guest.strategy == nil {
		guest.strategy = registered.plugin.New()
	}
	switch op {
	case abi.OpManifest:
		return coldJSON(manifest(registered.plugin))
	case abi.OpConfigure:
		return coldJSON(answerOf(guest.configure(request)))
	case abi.OpDrain:
		return coldJSON(answerOf(guest.drain()))
	default:
		return coldJSON(abi.Answer{Error: fmt.Sprintf("serve: unknown operation %d", op)})
	}
}

func answerOf(err error) abi.Answer {
	if err != nil {
		return abi.Answer{Error: err.Error()}
	}
	return abi.Answer{}
}

func coldJSON(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // both types always marshal
	}
	return out
}
