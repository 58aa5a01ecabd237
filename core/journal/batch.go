// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A batch is the payload of one message of a log's stream:
//
//	offset 0   magic, the last byte being the version of the layout
//	       4   CRC-32C of everything from offset 8 on
//	       8   number of the first record
//	      16   count of records, at least 1
//	      20   the records: each its length as a uvarint, then its bytes
//
// Integers are little-endian.
const (
	batchMagic  = "PBJ\x01"
	batchHeader = 20
)

// castagnoli has hardware support on the machines that matter.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is a decoded view of a message; it refers to the message's bytes.
type batch struct {
	first uint64 // number of the first record, at least 1
	count uint64 // at least 1
	body  []byte // the records, each with its length before it
}

// last is the number of the batch's last record.
func (b batch) last() uint64 { return b.first + b.count - 1 }

// each calls fn for every record in order, with its number.
func (b batch) each(fn func(number uint64, record []byte) error) error {
	body := b.body
	for number := b.first; number <= b.last(); number++ {
		size, n := binary.Uvarint(body)
		if n <= 0 || size > uint64(len(body)-n) {
			return errRecordCut
		}
		if err := fn(number, body[n:n+int(size):n+int(size)]); err != nil {
			return err
		}
		body = body[n+int(size):]
	}
	if len(body) > 0 {
		return errBatchTail
	}
	return nil
}

var (
	errBatchShort = errors.New("batch is shorter than its header")
	errBatchMagic = errors.New("not a batch, or one of an unknown version")
	errBatchSum   = errors.New("checksum does not match")
	errBatchCount = errors.New("batch with an impossible count or number")
	errRecordCut  = errors.New("record reaches past the end of its batch")
	errBatchTail  = errors.New("batch is longer than its records")
)

// decodeBatch checks magic, version, checksum and count of msg. It never reads
// beyond msg and never allocates.
func decodeBatch(msg []byte) (batch, error) {
	if len(msg) < batchHeader {
		return batch{}, errBatchShort
	}
	if string(msg[:4]) != batchMagic {
		return batch{}, errBatchMagic
	}
	if binary.LittleEndian.Uint32(msg[4:]) != crc32.Checksum(msg[8:], castagnoli) {
		return batch{}, errBatchSum
	}
	b := batch{
		first: binary.LittleEndian.Uint64(msg[8:]),
		count: uint64(binary.LittleEndian.Uint32(msg[16:])),
		body:  msg[batchHeader:],
	}
	// A record takes at least the byte of its length.
	if b.first == 0 || b.count == 0 || b.count > uint64(len(b.body)) || b.first+b.count < b.first {
		return batch{}, errBatchCount
	}
	return b, nil
}

// encodeBatch writes as many of records as fit into target bytes, but at least
// one, into buf's space, and returns the message and how many it holds. The
// first record gets the number first; records must not be empty.
func encodeBatch(buf []byte, first uint64, records [][]byte, target int) (msg []byte, n int) {
	msg = append(buf[:0], make([]byte, batchHeader)...)
	for n < len(records) {
		r := records[n]
		if n > 0 && len(msg)+binary.MaxVarintLen32+len(r) > target {
			break
		}
		msg = binary.AppendUvarint(msg, uint64(len(r)))
		msg = append(msg, r...)
		n++
	}
	copy(msg, batchMagic)
	binary.LittleEndian.PutUint64(msg[8:], first)
	binary.LittleEndian.PutUint32(msg[16:], uint32(n))
	binary.LittleEndian.PutUint32(msg[4:], crc32.Checksum(msg[8:], castagnoli))
	return msg, n
}

// checkRecords refuses a batch that could not be stored, before anything is.
func checkRecords(first uint64, records [][]byte) error {
	for i, r := range records {
		if len(r) > MaxRecord {
			return fmt.Errorf("journal: append: record %d: %w: %d bytes, at most %d",
				first+uint64(i), ErrRecordTooLarge, len(r), MaxRecord)
		}
	}
	return nil
}
