// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package abi names what a WASM guest and its host call each other: the binary
// interface beside the flat frame. Both sides of Patchbay use it; a guest in
// another language repeats it.
//
// # Exports of a guest
//
//	memory                                     its linear memory
//	_initialize()                              optional, called once, first
//	patchbay_abi() i32                         the Version it speaks
//	patchbay_buffer(len i32) i32               where the host may write len bytes; 0 if there is no room
//	patchbay_cold(op i32, ptr i32, len i32) i64  one operation on JSON at ptr; the answer is JSON
//	patchbay_turn(ptr i32, len i32) i64        one turn: a frame at ptr; the answer is a frame
//
// The buffer stays valid until the next call of patchbay_buffer. An i64 answer
// holds the pointer in its upper and the length in its lower 32 bits; what it
// points to stays valid until the next call of any export.
//
// # Imports of a guest
//
//	patchbay.log(level i32, ptr i32, len i32)  one line of UTF-8 for the host's log
//	wasi_snapshot_preview1.*                   for languages whose runtime wants it
//
// WASI comes without files, arguments, environment and network. Its clock is
// the turn's Now and stands still during a turn, but for what the guest sleeps;
// its randomness is the turn's Seed; what is written to the standard output and
// error goes to the host's log. A guest that only uses these is deterministic.
package abi

// Version is the version of this interface.
const Version = 1

// Names of a guest's exports.
const (
	ExportMemory = "memory"
	ExportABI    = "patchbay_abi"
	ExportBuffer = "patchbay_buffer"
	ExportCold   = "patchbay_cold"
	ExportTurn   = "patchbay_turn"
)

// Names of the host's functions.
const (
	ImportModule = "patchbay"
	ImportLog    = "log"
)

// Operations of patchbay_cold.
const (
	// OpManifest takes nothing and answers a route.Manifest.
	OpManifest = 1
	// OpConfigure takes the settings and answers an Answer.
	OpConfigure = 2
	// OpDrain takes nothing and answers an Answer. No turn comes after it.
	OpDrain = 3
)

// Levels of patchbay.log.
const (
	LevelDebug = 0
	LevelInfo  = 1
	LevelWarn  = 2
	LevelError = 3
)

// Answer is the JSON answer to operations that answer nothing else.
type Answer struct {
	// Error says why the operation was refused; empty if it was not.
	Error string `json:"error,omitempty"`
}

// Pack puts a pointer and a length into an answer.
func Pack(ptr, length uint32) uint64 { return uint64(ptr)<<32 | uint64(length) }

// Unpack takes an answer apart.
func Unpack(answer uint64) (ptr, length uint32) { return uint32(answer >> 32), uint32(answer) }
