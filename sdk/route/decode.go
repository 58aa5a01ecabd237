// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"
	"unsafe"
)

// DecodeTurn reads a frame into the turn, whose memory is used again. Nothing
// of frame is kept. Every offset, count and span is checked, so the turn's
// spans can be followed without a care; what ids and refs mean is not.
//
// Sections of tables it does not know are skipped, and so are fields that a
// newer writer added at the end of rows. Errors are *FrameError; the turn's
// content is then undefined.
func DecodeTurn(frame []byte, t *Turn) error {
	t.Reset()
	d, err := open(frame)
	if err != nil {
		return err
	}
	t.Kind = Kind(frame[atKind])
	if t.Kind < KindDelta || t.Kind > KindSnapshotLast {
		return frameErrorf(atKind, "kind %d is not that of a turn", t.Kind)
	}
	t.Epoch = binary.LittleEndian.Uint64(frame[atEpoch:])
	t.Seq = binary.LittleEndian.Uint64(frame[atSeq:])
	t.BaseSeq = binary.LittleEndian.Uint64(frame[atBaseSeq:])
	t.Now = int64(binary.LittleEndian.Uint64(frame[atNow:]))
	t.Seed = binary.LittleEndian.Uint64(frame[atSeed:])
	t.Budget = binary.LittleEndian.Uint32(frame[atBudget:])
	t.Digest = binary.LittleEndian.Uint32(frame[atDigest:])
	for d.next() {
		if err := d.turnSection(t); err != nil {
			return err
		}
	}
	if d.err != nil {
		return d.err
	}
	return t.checkSpans()
}

// DecodeReply reads a frame into the reply, whose memory is used again.
// Nothing of frame is kept.
//
// Errors are *FrameError if the bytes are no reply, and *StatusError if they
// are one with another status than StatusOK; Epoch and Seq are then set.
func DecodeReply(frame []byte, r *Reply) error {
	r.Reset()
	d, err := open(frame)
	if err != nil {
		return err
	}
	if kind := frame[atKind]; kind != kindResult {
		return frameErrorf(atKind, "kind %d is not that of a reply", kind)
	}
	r.Epoch = binary.LittleEndian.Uint64(frame[atEpoch:])
	r.Seq = binary.LittleEndian.Uint64(frame[atSeq:])
	r.WakeAt = int64(binary.LittleEndian.Uint64(frame[atSeed:]))
	r.Digest = binary.LittleEndian.Uint32(frame[atDigest:])
	var text []byte
	for d.next() {
		if err := d.replySection(r, &text); err != nil {
			return err
		}
	}
	if d.err != nil {
		return d.err
	}
	if status := Status(binary.LittleEndian.Uint16(frame[atStatus:])); status != StatusOK {
		r.Proposals, r.Notes = r.Proposals[:0], r.Notes[:0]
		return &StatusError{Status: status, Text: string(text)}
	}
	return nil
}

// decoder walks through the directory of one frame.
type decoder struct {
	frame    []byte
	left     int // entries still to come
	entry    int // where the next one stands
	sections int // where sections may begin: the end of the one before
	seen     [2]uint64
	err      error

	// The entry at hand.
	table         Table
	op            uint8
	stride, count int
	body          []byte
}

// open checks the header.
func open(frame []byte) (decoder, error) {
	if len(frame) < headerSize {
		return decoder{}, frameErrorf(len(frame), "%d bytes are less than the header's %d", len(frame), headerSize)
	}
	if magic := binary.LittleEndian.Uint32(frame[atMagic:]); magic != frameMagic {
		return decoder{}, frameErrorf(atMagic, "magic %#x is not %#x", magic, frameMagic)
	}
	if length := binary.LittleEndian.Uint32(frame[atFrameLen:]); uint64(length) != uint64(len(frame)) || length > MaxFrameBytes {
		return decoder{}, frameErrorf(atFrameLen, "frame length %d, but %d bytes came", length, len(frame))
	}
	header := int(binary.LittleEndian.Uint16(frame[atHeaderLen:]))
	if header < headerSize || header%8 != 0 || header > len(frame) {
		return decoder{}, frameErrorf(atHeaderLen, "header length %d", header)
	}
	n := int(binary.LittleEndian.Uint16(frame[atSections:]))
	end := header + n*entrySize
	if n > maxSections || end > len(frame) {
		return decoder{}, frameErrorf(atSections, "%d sections", n)
	}
	return decoder{frame: frame, left: n, entry: header, sections: end}, nil
}

// next reads the next directory entry. It returns false at the end and when
// the entry is wrong, and then sets err.
func (d *decoder) next() bool {
	if d.left == 0 {
		return false
	}
	entry := d.frame[d.entry : d.entry+entrySize]
	d.table = Table(binary.LittleEndian.Uint16(entry))
	d.op = entry[2]
	d.stride = int(binary.LittleEndian.Uint16(entry[4:]))
	count := uint64(binary.LittleEndian.Uint32(entry[8:]))
	offset := uint64(binary.LittleEndian.Uint32(entry[12:]))
	end := offset + count*uint64(d.stride)
	switch {
	case d.stride == 0:
		return d.fail("table %d: stride 0", d.table)
	case offset%8 != 0 || offset < uint64(d.sections):
		return d.fail("table %d: offset %d is not a multiple of 8 past the section before", d.table, offset)
	case end > uint64(len(d.frame)):
		return d.fail("table %d: %d rows of %d bytes at %d end past the frame", d.table, count, d.stride, offset)
	case d.again():
		return d.fail("table %d comes twice", d.table)
	}
	d.count = int(count)
	d.body = d.frame[offset:end]
	d.sections = int(end)
	d.left--
	d.entry += entrySize
	return true
}

// again reports whether a section of the same known table and op came before.
func (d *decoder) again() bool {
	if d.table > 63 || d.op < opPut || d.op > opGone {
		return false
	}
	bit := uint64(1) << d.table
	seen := d.seen[d.op-opPut]&bit != 0
	d.seen[d.op-opPut] |= bit
	return seen
}

func (d *decoder) fail(format string, args ...any) bool {
	d.err = frameErrorf(d.entry, format, args...)
	return false
}

// turnSection reads the section at hand into the turn.
func (d *decoder) turnSection(t *Turn) (err error) {
	switch d.op {
	case opGone:
		switch d.table {
		case TableWork:
			t.WorkGone, err = takeRows(d, t.WorkGone)
		case TableAgent:
			t.AgentsGone, err = takeRows(d, t.AgentsGone)
		case TableQueue:
			t.QueuesGone, err = takeRows(d, t.QueuesGone)
		}
	case opPut:
		switch d.table {
		case TableWord:
			t.Words, err = takeRows(d, t.Words)
		case TableChannel:
			t.Channels, err = takeRows(d, t.Channels)
		case TableQueue:
			t.Queues, err = takeRows(d, t.Queues)
		case TableAgent:
			t.Agents, err = takeRows(d, t.Agents)
		case TableWork:
			t.Work, err = takeRows(d, t.Work)
		case TableSettled:
			t.Settled, err = takeRows(d, t.Settled)
		default:
			return d.turnList(t)
		}
	}
	return err
}

// turnList reads the section at hand, one of the lists that spans name.
func (d *decoder) turnList(t *Turn) (err error) {
	switch d.table {
	case TableMember:
		t.Members, err = takeRows(d, t.Members)
	case TableSkill:
		t.Skills, err = takeRows(d, t.Skills)
	case TableNeed:
		t.Needs, err = takeRows(d, t.Needs)
	case TableAttribute:
		t.Attributes, err = takeRows(d, t.Attributes)
	case TableIDs:
		t.WordIDs, err = takeIDs(d, t.WordIDs)
	case TableBytes:
		t.Bytes, err = takeBytes(d, t.Bytes)
	}
	return err
}

// replySection reads the section at hand into the reply.
func (d *decoder) replySection(r *Reply, text *[]byte) (err error) {
	if d.op != opPut {
		return nil
	}
	switch d.table {
	case TableProposal:
		r.Proposals, err = takeRows(d, r.Proposals)
	case TableNote:
		r.Notes, err = takeRows(d, r.Notes)
	case TableBytes:
		if d.stride != 1 {
			return d.strideError(1)
		}
		*text = d.body[:min(len(d.body), maxStatusText)]
	}
	return err
}

func (d *decoder) strideError(size int) error {
	return frameErrorf(d.entry-entrySize, "table %d: stride %d is less than the %d of layout %d, or not a multiple of 4",
		d.table, d.stride, size, Layout)
}

// takeRows reads the section at hand into dst's memory.
func takeRows[T any, P rowOf[T]](d *decoder, dst []T) ([]T, error) {
	var row T
	size := int(unsafe.Sizeof(row))
	if d.stride < size || d.stride%4 != 0 {
		return dst, d.strideError(size)
	}
	dst = resize(dst, d.count)
	switch {
	case !rowsAreFrames:
		readRows[T, P](dst, d.body, d.stride)
	case d.stride == size:
		copy(memory(dst), d.body)
	default:
		out := memory(dst)
		for i := range d.count {
			copy(out[i*size:(i+1)*size], d.body[i*d.stride:])
		}
	}
	return dst, nil
}

// readRows is the portable way.
func readRows[T any, P rowOf[T]](dst []T, body []byte, stride int) {
	for i := range dst {
		P(&dst[i]).get(body[i*stride:])
	}
}

func takeIDs(d *decoder, dst []uint32) ([]uint32, error) {
	if d.stride != 4 {
		return dst, d.strideError(4)
	}
	dst = resize(dst, d.count)
	if rowsAreFrames {
		copy(memory(dst), d.body)
		return dst, nil
	}
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint32(d.body[4*i:])
	}
	return dst, nil
}

func takeBytes(d *decoder, dst []byte) ([]byte, error) {
	if d.stride != 1 {
		return dst, d.strideError(1)
	}
	return append(dst[:0], d.body...), nil
}

// resize returns a slice of n elements in dst's memory if there is room.
func resize[T any](dst []T, n int) []T {
	if cap(dst) < n {
		return make([]T, n, n+n/4)
	}
	return dst[:n]
}

// checkSpans checks that every span lies within its list.
func (t *Turn) checkSpans() error {
	for i := range t.Words {
		if !t.Words[i].fits(t) {
			return spanError("word", i)
		}
	}
	for i := range t.Attributes {
		if !t.Attributes[i].fits(t) {
			return spanError("attribute", i)
		}
	}
	for i := range t.Agents {
		if !t.Agents[i].fits(t) {
			return spanError("agent", i)
		}
	}
	for i := range t.Work {
		if !t.Work[i].fits(t) {
			return spanError("work", i)
		}
	}
	return nil
}

func spanError(row string, index int) error {
	return frameErrorf(headerSize, "%s row %d: a span reaches past its list", row, index)
}
