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
	buf, err := e.begin(dst)
	if err != nil {
		return dst, err
	}
	putRows(&e, buf, TableWork, opGone, t.WorkGone)
	putRows(&e, buf, TableAgent, opGone, t.AgentsGone)
	putRows(&e, buf, TableQueue, opGone, t.QueuesGone)
	putRows(&e, buf, TableWord, opPut, t.Words)
	putRows(&e, buf, TableChannel, opPut, t.Channels)
	putRows(&e, buf, TableQueue, opPut, t.Queues)
	putRows(&e, buf, TableAgent, opPut, t.Agents)
	putRows(&e, buf, TableWork, opPut, t.Work)
	putRows(&e, buf, TableSettled, opPut, t.Settled)
	putRows(&e, buf, TableItem, opPut, t.Items)
	putRows(&e, buf, TableCandidate, opPut, t.Candidates)
	putRows(&e, buf, TableMember, opPut, t.Members)
	putRows(&e, buf, TableSkill, opPut, t.Skills)
	putRows(&e, buf, TableNeed, opPut, t.Needs)
	putRows(&e, buf, TableAttribute, opPut, t.Attributes)
	putIDs(&e, buf, t.WordIDs)
	putBytes(&e, buf, t.Bytes)
	h := e.header(buf)
	h.Kind, h.Epoch, h.Seq, h.BaseSeq, h.Now = uint8(t.Kind), t.Epoch, t.Seq, t.BaseSeq, t.Now
	h.Seed, h.Budget, h.Digest, h.Status = t.Seed, t.Budget, t.Digest, 0
	e.end(buf, h)
	return buf, nil
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
	if cap(dst) >= headerSize && aligned(dst[:1]) {
		if buf := r.encode(dst[:cap(dst)]); buf != nil {
			return buf, nil
		}
	}
	var e encoder
	e.measure(len(r.Proposals) * proposalSize)
	e.measure(len(r.Notes) * noteSize)
	buf, err := e.begin(dst)
	if err != nil {
		return dst, err
	}
	putRows(&e, buf, TableProposal, opPut, r.Proposals)
	putRows(&e, buf, TableNote, opPut, r.Notes)
	h := e.header(buf)
	h.Kind, h.Epoch, h.Seq, h.BaseSeq, h.Now = kindResult, r.Epoch, r.Seq, 0, 0
	h.Seed, h.Budget, h.Digest, h.Status = uint64(r.WakeAt), 0, r.Digest, 0
	e.end(buf, h)
	return buf, nil
}

// encode writes the reply into buf, which is aligned, and returns the frame;
// nil if there is too little room. It is the inner loop of a WASM guest, as
// Turn.view is, and does the same as an encoder without its calls.
func (r *Reply) encode(buf []byte) []byte {
	proposals, notes := len(r.Proposals), len(r.Notes)
	sections := int(uint64(-proposals)>>63 + uint64(-notes)>>63)
	at := headerSize + sections*entrySize
	length := at + proposals*proposalSize + notes*noteSize // multiples of 8
	if length > len(buf) || length > MaxFrameBytes {
		return nil
	}
	h := (*header)(unsafe.Pointer(unsafe.SliceData(buf)))
	h.Magic, h.HeaderLen, h.Kind, h.Flags = frameMagic, headerSize, kindResult, 0
	h.FrameLen, h.Sections, h.Status = uint32(length), uint16(sections), 0
	h.Epoch, h.Seq, h.BaseSeq, h.Now = r.Epoch, r.Seq, 0, 0
	h.Seed, h.Budget, h.Digest = uint64(r.WakeAt), 0, r.Digest
	next := (*entry)(unsafe.Add(unsafe.Pointer(h), headerSize))
	if proposals > 0 {
		next.Table, next.Op, next.Layout, next.Stride = uint16(TableProposal), opPut, Layout, proposalSize
		next.reserved6, next.Count, next.Offset = 0, uint32(proposals), uint32(at)
		copy(buf[at:], memory(r.Proposals))
		at += proposals * proposalSize
		next = (*entry)(unsafe.Add(unsafe.Pointer(next), entrySize))
	}
	if notes > 0 {
		next.Table, next.Op, next.Layout, next.Stride = uint16(TableNote), opPut, Layout, noteSize
		next.reserved6, next.Count, next.Offset = 0, uint32(notes), uint32(at)
		copy(buf[at:], memory(r.Notes))
	}
	return buf[:length]
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
	buf, err := e.begin(dst)
	if err != nil {
		panic(err) // a text of that length always fits
	}
	if text != "" {
		copy(e.section(buf, TableBytes, opPut, 1, len(text)), text)
	}
	h := e.header(buf)
	h.Kind, h.Epoch, h.Seq, h.BaseSeq, h.Now = kindResult, epoch, seq, 0, 0
	h.Seed, h.Budget, h.Digest, h.Status = 0, 0, 0, uint16(status)
	e.end(buf, h)
	return buf
}

// encoder lays out one frame: header, directory, sections. Parts of the frame are filled in where they lie, field by field.
type encoder struct {
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
	measure(e, t.Items)
	measure(e, t.Candidates)
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

// begin returns room for the frame, in dst if there is enough.
func (e *encoder) begin(dst []byte) ([]byte, error) {
	e.entry = headerSize
	e.at = headerSize + e.sections*entrySize
	length := e.at + e.length
	if length > MaxFrameBytes {
		return nil, fmt.Errorf("route: frame: %d bytes are more than the %d that a frame may have", length, MaxFrameBytes)
	}
	if cap(dst) < length {
		dst = make([]byte, length, length+length/4)
	}
	return dst[:length], nil
}

// header returns the header, with what the encoder knows filled in. The caller
// fills in the rest, every field of it, and hands it to end.
func (e *encoder) header(buf []byte) *header {
	h := new(header)
	if aligned(buf) {
		h = (*header)(unsafe.Pointer(unsafe.SliceData(buf)))
	}
	h.Magic, h.HeaderLen, h.Flags = frameMagic, headerSize, 0
	h.FrameLen, h.Sections = uint32(len(buf)), uint16(e.sections)
	return h
}

// end puts the header where it belongs.
func (e *encoder) end(buf []byte, h *header) {
	if !aligned(buf) {
		h.put(buf)
	}
}

// section writes a directory entry and returns the section's bytes.
func (e *encoder) section(buf []byte, table Table, op uint8, stride, count int) []byte {
	at := buf[e.entry : e.entry+entrySize]
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
	out := buf[e.at : e.at+length]
	e.at += length
	for ; e.at&7 != 0; e.at++ {
		buf[e.at] = 0
	}
	e.entry += entrySize
	return out
}

// putRows is small, so that an empty list costs no call.
func putRows[T any, P rowOf[T]](e *encoder, buf []byte, table Table, op uint8, rows []T) {
	if len(rows) > 0 {
		putSection[T, P](e, buf, table, op, rows)
	}
}

func putSection[T any, P rowOf[T]](e *encoder, buf []byte, table Table, op uint8, rows []T) {
	var row T
	writeRows[T, P](e.section(buf, table, op, int(unsafe.Sizeof(row)), len(rows)), rows)
}

func putIDs(e *encoder, buf []byte, ids []uint32) {
	if len(ids) == 0 {
		return
	}
	out := e.section(buf, TableIDs, opPut, 4, len(ids))
	if rowsAreFrames {
		copy(out, memory(ids))
		return
	}
	for i, id := range ids {
		binary.LittleEndian.PutUint32(out[4*i:], id)
	}
}

func putBytes(e *encoder, buf []byte, text []byte) {
	if len(text) > 0 {
		copy(e.section(buf, TableBytes, opPut, 1, len(text)), text)
	}
}
