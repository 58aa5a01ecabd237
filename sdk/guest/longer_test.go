// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// longer writes a golden frame as a newer host would, to a file in hex: its
// header and its rows have 8 bytes more that mean nothing here.
func longer(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(golden, name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	frame, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".hex")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(lengthen(frame))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lengthen(frame []byte) []byte {
	const header, entry, more = 64, 16, 8
	little := binary.LittleEndian
	sections := int(little.Uint16(frame[12:]))
	out := append([]byte(nil), frame[:header]...)
	out = append(out, filled(more)...)
	out = append(out, frame[header:header+sections*entry]...)
	little.PutUint16(out[4:], header+more)
	for i := range sections {
		from := header + i*entry
		table, stride := route.Table(little.Uint16(frame[from:])), int(little.Uint16(frame[from+4:]))
		count, at := int(little.Uint32(frame[from+8:])), int(little.Uint32(frame[from+12:]))
		tail := more
		if table == route.TableBytes || table == route.TableIDs {
			tail = 0
		}
		little.PutUint16(out[from+more+4:], uint16(stride+tail))
		little.PutUint32(out[from+more+12:], uint32(len(out)))
		for row := range count {
			out = append(out, frame[at+row*stride:at+(row+1)*stride]...)
			out = append(out, filled(tail)...)
		}
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
	}
	little.PutUint32(out[8:], uint32(len(out)))
	return out
}

func filled(n int) []byte {
	return []byte(strings.Repeat("\xbb", n))
}
