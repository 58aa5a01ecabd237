// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

// writeTiny puts a guest together by hand and writes it to a folder of its own:
// it has a manifest, and the stub's reply to the turn ready, whatever it is
// asked. It costs nothing, so what is measured with it is the host.
func writeTiny(turn *route.Turn) (path string, remove func() error, err error) {
	reply := new(route.Reply)
	stubReply(turn, reply)
	answer, err := route.EncodeReply(nil, reply)
	if err != nil {
		return "", nil, err
	}
	folder, err := os.MkdirTemp("", "patchbay-bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(folder) }
	path = filepath.Join(folder, "tiny.wasm")
	if err := os.WriteFile(path, tiny([]byte(`{"name":"tiny","version":"1.0.0"}`), answer), 0o600); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return path, remove, nil
}

// tiny is the guest's module: four functions that return a constant each, and
// the two answers as data.
func tiny(manifest, answer []byte) []byte {
	const manifestAt, answerAt, bufferAt = 1024, 2048, 65536
	const i32, i64, constI32, constI64 = 0x7f, 0x7e, 0x41, 0x42
	m := module("\x00asm\x01\x00\x00\x00")
	m.section(1, []byte{0x60, 0, 1, i32}, []byte{0x60, 1, i32, 1, i32}, []byte{0x60, 3, i32, i32, i32, 1, i64}, []byte{0x60, 2, i32, i32, 1, i64})
	m.section(3, []byte{0}, []byte{1}, []byte{2}, []byte{3})
	m.section(5, []byte{0, 4})
	m.section(7, exported(abi.ExportMemory, 2, 0), exported(abi.ExportABI, 0, 0), exported(abi.ExportBuffer, 0, 1),
		exported(abi.ExportCold, 0, 2), exported(abi.ExportTurn, 0, 3))
	m.section(10, returning(constI32, abi.Version), returning(constI32, bufferAt),
		returning(constI64, int(abi.Pack(manifestAt, uint32(len(manifest))))), returning(constI64, int(abi.Pack(answerAt, uint32(len(answer))))))
	m.section(11, placed(manifestAt, manifest), placed(answerAt, answer))
	return m
}

// module is a WebAssembly module in the making.
type module []byte

// section adds a section, which is a vector of items.
func (m *module) section(id byte, items ...[]byte) {
	body := binary.AppendUvarint(nil, uint64(len(items)))
	for _, item := range items {
		body = append(body, item...)
	}
	*m = append(binary.AppendUvarint(append(*m, id), uint64(len(body))), body...)
}

func exported(name string, kind, index byte) []byte {
	return append(append(binary.AppendUvarint(nil, uint64(len(name))), name...), kind, index)
}

// returning is the code of a function that returns a constant.
func returning(op byte, value int) []byte {
	body := append(append([]byte{0, op}, signed(value)...), 0x0b)
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...)
}

// placed is data at an address.
func placed(at int, content []byte) []byte {
	out := append(append([]byte{0, 0x41}, signed(at)...), 0x0b)
	return append(binary.AppendUvarint(out, uint64(len(content))), content...)
}

// signed is a number as the const instructions take it: LEB128 with a sign.
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
