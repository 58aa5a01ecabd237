// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

// spins is code that never ends.
const spins = "\x03\x40\x0c\x00\x0b" // loop br 0 end

// tiny is a guest put together by hand: it has a manifest and one fixed reply,
// to turn 1 of epoch 5 with one proposal, which it gives after it has run the
// code, if there is any. It compiles in no time and costs nothing, so what is
// measured with it is the host.
func tiny(t testing.TB, version int, before string) strategy.Spec {
	t.Helper()
	reply, err := route.EncodeReply(nil, &route.Reply{Epoch: 5, Seq: 1, Proposals: []route.Proposal{{Revision: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	manifest := []byte(`{"name":"tiny"}`)
	const manifestAt, replyAt, bufferAt = 1024, 2048, 65536
	const i32, i64 = 0x7f, 0x7e
	module := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, items ...[]byte) {
		body := leb(len(items))
		for _, item := range items {
			body = append(body, item...)
		}
		module = append(append(append(module, id), leb(len(body))...), body...)
	}
	export := func(name string, kind, index byte) []byte {
		return append(append(leb(len(name)), name...), kind, index)
	}
	code := func(before string, op byte, value int) []byte {
		body := append(append(append([]byte{0}, before...), op), append(signed(value), 0x0b)...)
		return append(leb(len(body)), body...)
	}
	data := func(at int, content []byte) []byte {
		out := append(append([]byte{0, 0x41}, signed(at)...), 0x0b)
		return append(append(out, leb(len(content))...), content...)
	}
	section(1, []byte{0x60, 0, 1, i32}, []byte{0x60, 1, i32, 1, i32}, []byte{0x60, 3, i32, i32, i32, 1, i64}, []byte{0x60, 2, i32, i32, 1, i64})
	section(3, []byte{0}, []byte{1}, []byte{2}, []byte{3})
	section(5, []byte{0, 4})
	section(7, export(abi.ExportMemory, 2, 0), export(abi.ExportABI, 0, 0), export(abi.ExportBuffer, 0, 1),
		export(abi.ExportCold, 0, 2), export(abi.ExportTurn, 0, 3))
	section(10, code("", 0x41, version), code("", 0x41, bufferAt),
		code("", 0x42, int(abi.Pack(manifestAt, uint32(len(manifest))))), code(before, 0x42, int(abi.Pack(replyAt, uint32(len(reply))))))
	section(11, data(manifestAt, manifest), data(replyAt, reply))
	path := filepath.Join(t.TempDir(), "tiny.wasm")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	return strategy.Spec{Name: "tiny", Runtime: "wasm", Source: path}
}

// leb is a number as modules write it.
func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// signed is a number as the const instructions take it.
func signed(n int) (out []byte) {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(out, low)
		}
		out = append(out, low|0x80)
	}
}

func TestTinyGuest(t *testing.T) {
	t.Parallel()
	in := mustStart(t, mustOpen(t), tiny(t, abi.Version, ""))
	var reply route.Reply
	if err := in.Turn(t.Context(), snapshot(1, 1), &reply); err != nil || len(reply.Proposals) != 1 {
		t.Errorf("%v, %+v", err, reply)
	}
	wantFault(t, in.Turn(t.Context(), snapshot(2, 1), &reply), strategy.FaultWrongTurn, "turn 1")
}
