// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"testing"
)

// seal puts the right checksum into a batch message.
func seal(msg []byte) []byte {
	binary.LittleEndian.PutUint32(msg[4:], crc32.Checksum(msg[8:], castagnoli))
	return msg
}

// collect returns copies of the records of b.
func collect(b batch) ([][]byte, error) {
	var out [][]byte
	next := b.first
	err := b.each(func(number uint64, record []byte) error {
		if number != next {
			panic("numbers have a gap")
		}
		next++
		out = append(out, bytes.Clone(record))
		return nil
	})
	return out, err
}

func TestEncodeBatchSplits(t *testing.T) {
	t.Parallel()
	records := [][]byte{make([]byte, 30), nil, make([]byte, 200), make([]byte, 10), make([]byte, 10)}
	first := uint64(7)
	var counts []int
	var buf []byte
	for rest := records; len(rest) > 0; {
		msg, n := encodeBatch(buf, first, rest, 100)
		b, err := decodeBatch(msg)
		if err != nil || b.first != first || b.count != uint64(n) {
			t.Fatalf("got %v, %v", b, err)
		}
		got, err := collect(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range got {
			if !bytes.Equal(r, rest[i]) {
				t.Errorf("record %d is wrong", first+uint64(i))
			}
		}
		counts = append(counts, n)
		buf, first, rest = msg, first+uint64(n), rest[n:]
	}
	if want := []int{2, 1, 2}; len(counts) != 3 || counts[0] != want[0] || counts[1] != want[1] {
		t.Errorf("messages of %v records, want %v", counts, want)
	}
}

// TestEveryFlipIsSeen flips each bit of a batch.
func TestEveryFlipIsSeen(t *testing.T) {
	t.Parallel()
	msg, _ := encodeBatch(nil, 1, [][]byte{[]byte("one"), []byte("two")}, 1000)
	for i := range msg {
		for bit := range 8 {
			bad := bytes.Clone(msg)
			bad[i] ^= 1 << bit
			if _, err := decodeBatch(bad); err == nil {
				t.Errorf("byte %d bit %d was flipped, and nothing noticed", i, bit)
			}
		}
		if _, err := decodeBatch(msg[:i]); err == nil {
			t.Errorf("cut to %d bytes, and nothing noticed", i)
		}
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	t.Parallel()
	message := func(first uint64, count uint32, body string) []byte {
		b := append([]byte(batchMagic), 0, 0, 0, 0)
		b = binary.LittleEndian.AppendUint64(b, first)
		b = binary.LittleEndian.AppendUint32(b, count)
		return seal(append(b, body...))
	}
	for _, tt := range []struct {
		name string
		msg  []byte
		want error
	}{
		{"empty", nil, errBatchShort},
		{"next version", append([]byte("PBJ\x02"), message(1, 1, "\x00")[4:]...), errBatchMagic},
		{"no number", message(0, 1, "\x00"), errBatchCount},
		{"no records", message(1, 0, ""), errBatchCount},
		{"more records than bytes", message(1, 3, "\x00\x00"), errBatchCount},
		{"numbers overflow", message(math.MaxUint64, 2, "\x00\x00"), errBatchCount},
		{"record cut", message(1, 1, "\x02x"), errRecordCut},
		{"length cut", message(1, 1, "\x80"), errRecordCut},
		{"huge length", message(1, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), errRecordCut},
		{"tail", message(1, 1, "\x01xy"), errBatchTail},
		{"good", message(1, 2, "\x01x\x00"), nil},
	} {
		b, err := decodeBatch(tt.msg)
		if err == nil {
			_, err = collect(b)
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func FuzzDecodeBatch(f *testing.F) {
	msg, _ := encodeBatch(nil, 3, [][]byte{[]byte("one"), nil, []byte("three")}, 1000)
	f.Add(msg)
	f.Add([]byte(batchMagic))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) >= batchHeader {
			// A fuzzer does not find checksums.
			msg = seal(append([]byte(batchMagic), msg[4:]...))
		}
		b, err := decodeBatch(msg)
		if err != nil {
			return
		}
		records, err := collect(b)
		if err != nil {
			return
		}
		again, n := encodeBatch(nil, b.first, records, math.MaxInt)
		b2, err := decodeBatch(again)
		if err != nil || n != len(records) || b2.first != b.first {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		records2, err := collect(b2)
		if err != nil || len(records2) != len(records) {
			t.Fatal(len(records2), err)
		}
		for i := range records {
			if !bytes.Equal(records[i], records2[i]) {
				t.Fatalf("record %d has changed", i)
			}
		}
	})
}

func FuzzDecodeManifest(f *testing.F) {
	f.Add(manifest{generation: 1, at: 2, id: 3, firstSeq: 4, chunks: 5, size: 6}.encode())
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) == manifestSize {
			msg = seal(append([]byte(manifestMagic), msg[4:]...))
		}
		m, err := decodeManifest(msg)
		if err == nil && !bytes.Equal(m.encode(), msg) {
			t.Fatal("what was read is not what is written")
		}
	})
}

func FuzzDecodeChunk(f *testing.F) {
	chunk := append(newChunk(nil, 7, 1), "content"...)
	sealChunk(chunk)
	f.Add(chunk, uint64(7), uint32(1))
	f.Fuzz(func(t *testing.T, msg []byte, id uint64, index uint32) {
		if len(msg) >= chunkHeader {
			msg = seal(append([]byte(chunkMagic), msg[4:]...))
		}
		content, err := decodeChunk(msg, id, index)
		if err != nil {
			return
		}
		again := append(newChunk(nil, id, index), content...)
		sealChunk(again)
		if !bytes.Equal(again, msg) {
			t.Fatal("what was read is not what is written")
		}
	})
}

func FuzzWholeRecord(f *testing.F) {
	f.Add([]byte("\x28\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00ab12345678"), uint32(1))
	f.Fuzz(func(t *testing.T, data []byte, n uint32) {
		b := blocks{stream: "log_w"}
		bad, err := b.firstBad(n, data)
		if err != nil || bad > len(data) {
			t.Fatal(bad, err)
		}
		if bad < len(data) {
			b.continues(n, data, bad)
		}
	})
}
