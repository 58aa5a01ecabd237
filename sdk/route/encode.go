// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// EncodeTurn writes the turn as a frame into dst's memory and returns the
// frame, which has moved if dst was too short: keep it for the next call. What
// dst held is overwritten. The same turn gives the same bytes.
//
// An error means that the frame would be longer than MaxFrameBytes.
func EncodeTurn(dst []byte, t *Turn) ([]byte, error) {
	var e encoder
	measureTurn(&e, t)
	if err := e.begin(dst); err != nil {
		return dst, err
	}
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
	h := e.header()
	h.Kind, h.Epoch, h.Seq, h.BaseSeq, h.Now = uint8(t.Kind), t.Epoch, t.Seq, t.BaseSeq, t.Now
	h.Seed, h.Budget, h.Digest, h.Status = t.Seed, t.Budget, t.Digest, 0
	return e.end(h), nil
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
	e.measure(len(r.Proposals) * proposalSize)
	e.measure(len(r.Notes) * noteSize)
	if err := e.begin(dst); err != nil {
		return dst, err
	}
	putRows(&e, TableProposal, opPut, r.Proposals)
	putRows(&e, TableNote, opPut, r.Notes)
	h := e.header()
	h.Kind, h.Epoch, h.Seq, h.BaseSeq, h.Now = kindResult, r.Epoch, r.Seq, 0, 0
	h.Seed, h.Budget, h.Digest, h.Status = uint64(r.WakeAt), 0, r.Digest, 0
	return e.end(h), nil
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
	if err := e.begin(dst); err != nil {
		panic(err) // a text of that length always fits
	}
	if text != "" {
		copy(e.section(TableBytes, opPut, 1, len(text)), text)
	}
	h := e.header()
	h.Kind, h.Epoch, h.Seq, h.BaseSeq, h.Now = kindResult, epoch, seq, 0, 0
	h.Seed, h.Budget, h.Digest, h.Status = 0, 0, 0, uint16(status)
	return e.end(h)
}

// encoder lays out one frame: header, directory, sections.
//
// It is small, and parts of the frame are filled in field by field where they
// lie: clearing and copying structs are slow calls in a WASM guest.
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

// begin makes room for the frame in dst.
func (e *encoder) begin(dst []byte) error {
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
	return nil
}

// header returns the header, with what the encoder knows filled in. The caller
// fills in the rest, every field of it, and hands it to end.
func (e *encoder) header() *header {
	var h *header
	if aligned(e.buf) {
		h = (*header)(unsafe.Pointer(unsafe.SliceData(e.buf)))
	} else {
		h = new(header)
	}
	h.Magic, h.HeaderLen, h.Flags = frameMagic, headerSize, 0
	h.FrameLen, h.Sections = uint32(len(e.buf)), uint16(e.sections)
	return h
}

// end returns the frame.
func (e *encoder) end(h *header) []byte {
	if !aligned(e.buf) {
		h.put(e.buf)
	}
	return e.buf
}

// section writes a directory entry and returns the section's bytes.
func (e *encoder) section(table Table, op uint8, stride, count int) []byte {
	at := e.buf[e.entry : e.entry+entrySize]
	if aligned(at) {
		head := (*entry)(unsafe.Pointer(unsafe.SliceData(at)))
		head.Table, head.Op, head.Layout, head.Stride = uint16(table), op, Layout, uint16(stride)
		head.reserved6, head.Count, head.Offset = 0, uint32(count), uint32(e.at)
	} else {
		head := entry{
			Table: uint16(table), Op: op, Layout: Layout, Stride: uint16(stride), Count: uint32(count), Offset: uint32(e.at),
		}
		head.put(at)
	}
	length := stride * count
	out := e.buf[e.at : e.at+length]
	e.at += length
	for ; e.at&7 != 0; e.at++ {
		e.buf[e.at] = 0
	}
	e.entry += entrySize
	return out
}

func putRows[T any, P rowOf[T]](e *encoder, table Table, op uint8, rows []T) {
	if len(rows) > 0 {
		var row T
		writeRows[T, P](e.section(table, op, int(unsafe.Sizeof(row)), len(rows)), rows)
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
