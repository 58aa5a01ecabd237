// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// rowOf is a pointer to a row type, with its portable writer and reader.
type rowOf[T any] interface {
	*T
	put([]byte)
	get([]byte)
}

// EncodeTurn writes the turn as a frame into dst's memory and returns the
// frame, which has moved if dst was too short: keep it for the next call. What
// dst held is overwritten. The same turn gives the same bytes.
//
// An error means that the frame would be longer than MaxFrameBytes.
func EncodeTurn(dst []byte, t *Turn) ([]byte, error) {
	var e encoder
	measureTurn(&e, t)
	if err := e.begin(dst, uint8(t.Kind)); err != nil {
		return dst, err
	}
	b := e.buf
	binary.LittleEndian.PutUint64(b[atEpoch:], t.Epoch)
	binary.LittleEndian.PutUint64(b[atSeq:], t.Seq)
	binary.LittleEndian.PutUint64(b[atBaseSeq:], t.BaseSeq)
	binary.LittleEndian.PutUint64(b[atNow:], uint64(t.Now))
	binary.LittleEndian.PutUint64(b[atSeed:], t.Seed)
	binary.LittleEndian.PutUint32(b[atBudget:], t.Budget)
	binary.LittleEndian.PutUint32(b[atDigest:], t.Digest)

	putRows(&e, TableWork, opGone, t.WorkGone)
	putRows(&e, TableAgent, opGone, t.AgentsGone)
	putRows(&e, TableQueue, opGone, t.QueuesGone)
	putRows(&e, TableWord, opPut, t.Words)
	putRows(&e, TableChannel, opPut, t.Channels)
	putRows(&e, TableQueue, opPut, t.Queues)
	putRows(&e, TableAgent, opPut, t.Agents)
	putRows(&e, TableWork, opPut, t.Work)
	putRows(&e, TableSettled, opPut, t.Settled)
	putRows(&e, TableMember, opPut, t.Members)
	putRows(&e, TableSkill, opPut, t.Skills)
	putRows(&e, TableNeed, opPut, t.Needs)
	putRows(&e, TableAttribute, opPut, t.Attributes)
	putIDs(&e, t.WordIDs)
	putBytes(&e, t.Bytes)
	return e.buf, nil
}

// TurnLen returns how long the turn's frame is, so that a caller can make room
// where it wants the frame.
func TurnLen(t *Turn) int {
	var e encoder
	measureTurn(&e, t)
	return headerSize + e.sections*entrySize + e.length
}

// EncodeReply writes the reply as a frame into dst's memory, as EncodeTurn
// does.
func EncodeReply(dst []byte, r *Reply) ([]byte, error) {
	var e encoder
	measure(&e, r.Proposals)
	measure(&e, r.Notes)
	if err := e.begin(dst, kindResult); err != nil {
		return dst, err
	}
	b := e.buf
	binary.LittleEndian.PutUint64(b[atEpoch:], r.Epoch)
	binary.LittleEndian.PutUint64(b[atSeq:], r.Seq)
	binary.LittleEndian.PutUint64(b[atSeed:], uint64(r.WakeAt))
	binary.LittleEndian.PutUint32(b[atDigest:], r.Digest)
	putRows(&e, TableProposal, opPut, r.Proposals)
	putRows(&e, TableNote, opPut, r.Notes)
	return e.buf, nil
}

// maxStatusText is the longest text a status carries, in bytes; the rest is
// cut off.
const maxStatusText = 4096

// EncodeStatus writes a reply frame without proposals that answers the turn
// epoch, seq with a status and a text for people, into dst's memory.
func EncodeStatus(dst []byte, epoch, seq uint64, status Status, text string) []byte {
	text = text[:min(len(text), maxStatusText)]
	var e encoder
	e.measure(len(text))
	if err := e.begin(dst, kindResult); err != nil {
		panic(err) // a text of that length always fits
	}
	b := e.buf
	binary.LittleEndian.PutUint16(b[atStatus:], uint16(status))
	binary.LittleEndian.PutUint64(b[atEpoch:], epoch)
	binary.LittleEndian.PutUint64(b[atSeq:], seq)
	if text != "" {
		copy(e.section(TableBytes, opPut, 1, len(text)), text)
	}
	return e.buf
}

// encoder lays out one frame: header, directory, sections.
type encoder struct {
	buf      []byte
	sections int // counted by measure
	length   int // of all sections with padding, counted by measure
	entry    int // where the next directory entry goes
	at       int // where the next section goes
}

func measureTurn(e *encoder, t *Turn) {
	measure(e, t.WorkGone)
	measure(e, t.AgentsGone)
	measure(e, t.QueuesGone)
	measure(e, t.Words)
	measure(e, t.Channels)
	measure(e, t.Queues)
	measure(e, t.Agents)
	measure(e, t.Work)
	measure(e, t.Settled)
	measure(e, t.Members)
	measure(e, t.Skills)
	measure(e, t.Needs)
	measure(e, t.Attributes)
	measure(e, t.WordIDs)
	measure(e, t.Bytes)
}

func measure[T any](e *encoder, rows []T) {
	var row T
	e.measure(len(rows) * int(unsafe.Sizeof(row)))
}

func (e *encoder) measure(length int) {
	if length > 0 {
		e.sections++
		e.length += align8(length)
	}
}

func align8(n int) int { return (n + 7) &^ 7 }

// begin makes room for the frame in dst and writes the header's fixed part.
func (e *encoder) begin(dst []byte, kind uint8) error {
	e.entry = headerSize
	e.at = headerSize + e.sections*entrySize
	length := e.at + e.length
	if length > MaxFrameBytes {
		return fmt.Errorf("route: frame: %d bytes are more than the %d that a frame may have", length, MaxFrameBytes)
	}
	if cap(dst) < length {
		dst = make([]byte, length, length+length/4)
	}
	e.buf = dst[:length]
	clear(e.buf[:headerSize])
	binary.LittleEndian.PutUint32(e.buf[atMagic:], frameMagic)
	binary.LittleEndian.PutUint16(e.buf[atHeaderLen:], headerSize)
	e.buf[atKind] = kind
	binary.LittleEndian.PutUint32(e.buf[atFrameLen:], uint32(length))
	binary.LittleEndian.PutUint16(e.buf[atSections:], uint16(e.sections))
	return nil
}

// section writes a directory entry and returns the section's bytes.
func (e *encoder) section(table Table, op uint8, stride, count int) []byte {
	entry := e.buf[e.entry : e.entry+entrySize]
	binary.LittleEndian.PutUint16(entry, uint16(table))
	entry[2] = op
	entry[3] = Layout
	binary.LittleEndian.PutUint16(entry[4:], uint16(stride))
	binary.LittleEndian.PutUint16(entry[6:], 0)
	binary.LittleEndian.PutUint32(entry[8:], uint32(count))
	binary.LittleEndian.PutUint32(entry[12:], uint32(e.at))
	length := stride * count
	out := e.buf[e.at : e.at+length]
	end := e.at + align8(length)
	clear(e.buf[e.at+length : end])
	e.entry += entrySize
	e.at = end
	return out
}

func putRows[T any, P rowOf[T]](e *encoder, table Table, op uint8, rows []T) {
	if len(rows) == 0 {
		return
	}
	var row T
	out := e.section(table, op, int(unsafe.Sizeof(row)), len(rows))
	if rowsAreFrames {
		copy(out, memory(rows))
		return
	}
	writeRows[T, P](out, rows)
}

// writeRows is the portable way.
func writeRows[T any, P rowOf[T]](out []byte, rows []T) {
	var row T
	size := int(unsafe.Sizeof(row))
	for i := range rows {
		P(&rows[i]).put(out[i*size : (i+1)*size])
	}
}

func putIDs(e *encoder, ids []uint32) {
	if len(ids) == 0 {
		return
	}
	out := e.section(TableIDs, opPut, 4, len(ids))
	if rowsAreFrames {
		copy(out, memory(ids))
		return
	}
	for i, id := range ids {
		binary.LittleEndian.PutUint32(out[4*i:], id)
	}
}

func putBytes(e *encoder, text []byte) {
	if len(text) > 0 {
		copy(e.section(TableBytes, opPut, 1, len(text)), text)
	}
}

// memory returns the bytes of rows as they lie in memory.
func memory[T any](rows []T) []byte {
	var row T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(rows))), len(rows)*int(unsafe.Sizeof(row)))
}
