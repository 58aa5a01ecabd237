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
	var spare header
	h, err := readHeader(frame, &spare)
	if err != nil {
		return err
	}
	if !t.take(h) {
		return frameErrorf(atKind, "kind %d is not that of a turn", h.Kind)
	}
	d := newDecoder(frame, h)
	for d.left > 0 {
		if err := d.next(); err != nil {
			return err
		}
		if err := d.turnSection(t); err != nil {
			return err
		}
	}
	return t.checkSpans()
}

// take takes over what the header says of the turn. It returns false if it is
// no turn's.
func (t *Turn) take(h *header) bool {
	t.Kind = Kind(h.Kind)
	t.Epoch, t.Seq, t.BaseSeq, t.Now, t.Seed = h.Epoch, h.Seq, h.BaseSeq, h.Now, h.Seed
	t.Budget, t.Digest = h.Budget, h.Digest
	return t.Kind >= KindDelta && t.Kind <= KindCandidates
}

// DecodeReply reads a frame into the reply, whose memory is used again.
// Nothing of frame is kept.
//
// Errors are *FrameError if the bytes are no reply, and *StatusError if they
// are one with another status than StatusOK; Epoch and Seq are then set.
func DecodeReply(frame []byte, r *Reply) error {
	r.Reset()
	var spare header
	h, err := readHeader(frame, &spare)
	if err != nil {
		return err
	}
	if h.Kind != kindResult {
		return frameErrorf(atKind, "kind %d is not that of a reply", h.Kind)
	}
	r.Epoch, r.Seq, r.WakeAt, r.Digest = h.Epoch, h.Seq, int64(h.Seed), h.Digest
	d := newDecoder(frame, h)
	var text []byte
	for d.left > 0 {
		if err := d.next(); err != nil {
			return err
		}
		if err := d.replySection(r, &text); err != nil {
			return err
		}
	}
	if h.Status != uint16(StatusOK) {
		r.Proposals, r.Notes = r.Proposals[:0], r.Notes[:0]
		return &StatusError{Status: Status(h.Status), Text: string(text)}
	}
	return nil
}

// Offsets in the header, for errors.
const (
	atMagic     = 0
	atHeaderLen = 4
	atKind      = 6
	atFrameLen  = 8
	atSections  = 12
)

// readHeader returns the header, in place or in spare, and checks it and that
// there is a directory.
func readHeader(frame []byte, spare *header) (*header, error) {
	if len(frame) < headerSize {
		return nil, frameErrorf(len(frame), "%d bytes are less than the header's %d", len(frame), headerSize)
	}
	h := headerOf(frame, spare)
	switch {
	case h.Magic != frameMagic:
		return nil, frameErrorf(atMagic, "magic %#x is not %#x", h.Magic, frameMagic)
	case uint64(h.FrameLen) != uint64(len(frame)) || h.FrameLen > MaxFrameBytes:
		return nil, frameErrorf(atFrameLen, "frame length %d, but %d bytes came", h.FrameLen, len(frame))
	case h.HeaderLen < headerSize || h.HeaderLen%8 != 0 || int(h.HeaderLen) > len(frame):
		return nil, frameErrorf(atHeaderLen, "header length %d", h.HeaderLen)
	case h.Sections > maxSections || int(h.HeaderLen)+int(h.Sections)*entrySize > len(frame):
		return nil, frameErrorf(atSections, "%d sections", h.Sections)
	}
	return h, nil
}

// decoder walks through the directory of one frame.
type decoder struct {
	frame []byte
	at    int // where the next entry stands
	left  int // entries still to come
	floor int // where sections may begin: the end of the one before
	seen  [2]uint64

	// The section at hand.
	entry entry
	body  []byte
}

func newDecoder(frame []byte, h *header) decoder {
	at, n := int(h.HeaderLen), int(h.Sections)
	return decoder{frame: frame, at: at, left: n, floor: at + n*entrySize}
}

// next reads the next directory entry.
func (d *decoder) next() error {
	e := &d.entry
	e.get(d.frame[d.at:])
	end := uint64(e.Offset) + uint64(e.Count)*uint64(e.Stride)
	switch {
	case e.Stride == 0:
		return frameErrorf(d.at, "table %d: stride 0", e.Table)
	case e.Offset%8 != 0 || uint64(e.Offset) < uint64(d.floor):
		return frameErrorf(d.at, "table %d: offset %d is not a multiple of 8 past the section before", e.Table, e.Offset)
	case end > uint64(len(d.frame)):
		return frameErrorf(d.at, "table %d: %d rows of %d bytes at %d end past the frame", e.Table, e.Count, e.Stride, e.Offset)
	}
	if e.Table < 64 && (e.Op == opPut || e.Op == opGone) {
		bit, seen := uint64(1)<<e.Table, &d.seen[e.Op-opPut]
		if *seen&bit != 0 {
			return frameErrorf(d.at, "table %d comes twice", e.Table)
		}
		*seen |= bit
	}
	d.body = d.frame[e.Offset:end]
	d.floor = int(end)
	d.left--
	d.at += entrySize
	return nil
}

// turnSection reads the section at hand into the turn.
func (d *decoder) turnSection(t *Turn) error {
	if d.entry.Op != opPut {
		return d.goneSection(t)
	}
	switch Table(d.entry.Table) {
	case TableWork:
		return takeRows(d, &t.Work)
	case TableAgent:
		return takeRows(d, &t.Agents)
	case TableQueue:
		return takeRows(d, &t.Queues)
	case TableWord:
		return takeRows(d, &t.Words)
	case TableChannel:
		return takeRows(d, &t.Channels)
	case TableSettled:
		return takeRows(d, &t.Settled)
	case TableItem:
		return takeRows(d, &t.Items)
	case TableCandidate:
		return takeRows(d, &t.Candidates)
	case TableMember:
		return takeRows(d, &t.Members)
	case TableSkill:
		return takeRows(d, &t.Skills)
	case TableNeed:
		return takeRows(d, &t.Needs)
	case TableAttribute:
		return takeRows(d, &t.Attributes)
	case TableIDs:
		return takeIDs(d, &t.WordIDs)
	case TableBytes:
		return takeBytes(d, &t.Bytes)
	default:
		return nil
	}
}

func (d *decoder) goneSection(t *Turn) error {
	if d.entry.Op != opGone {
		return nil
	}
	switch Table(d.entry.Table) {
	case TableWork:
		return takeRows(d, &t.WorkGone)
	case TableAgent:
		return takeRows(d, &t.AgentsGone)
	case TableQueue:
		return takeRows(d, &t.QueuesGone)
	default:
		return nil
	}
}

// replySection reads the section at hand into the reply.
func (d *decoder) replySection(r *Reply, text *[]byte) error {
	if d.entry.Op != opPut {
		return nil
	}
	switch Table(d.entry.Table) {
	case TableProposal:
		return takeRows(d, &r.Proposals)
	case TableNote:
		return takeRows(d, &r.Notes)
	case TableBytes:
		if d.entry.Stride != 1 {
			return d.strideError(1)
		}
		*text = d.body[:min(len(d.body), maxStatusText)]
	}
	return nil
}

func (d *decoder) strideError(size int) error {
	return frameErrorf(d.at-entrySize, "table %d: stride %d is less than the %d of layout %d, or not a multiple of 4",
		d.entry.Table, d.entry.Stride, size, Layout)
}

// takeRows reads the section at hand into *list or its memory.
func takeRows[T any, P rowOf[T]](d *decoder, list *[]T) error {
	var row T
	size, stride := int(unsafe.Sizeof(row)), int(d.entry.Stride)
	if stride < size || stride%4 != 0 {
		return d.strideError(size)
	}
	*list = resize(*list, int(d.entry.Count))
	readRows[T, P](*list, d.body, stride)
	return nil
}

func takeIDs(d *decoder, list *[]uint32) error {
	if d.entry.Stride != 4 {
		return d.strideError(4)
	}
	*list = resize(*list, int(d.entry.Count))
	if rowsAreFrames {
		copy(memory(*list), d.body)
		return nil
	}
	for i := range *list {
		(*list)[i] = binary.LittleEndian.Uint32(d.body[4*i:])
	}
	return nil
}

func takeBytes(d *decoder, list *[]byte) error {
	if d.entry.Stride != 1 {
		return d.strideError(1)
	}
	*list = append((*list)[:0], d.body...)
	return nil
}

// checkSpans checks that every span lies within its list.
func (t *Turn) checkSpans() error {
	if len(t.Words)+len(t.Attributes)+len(t.Agents) > 0 {
		if err := t.checkOtherSpans(); err != nil {
			return err
		}
	}
	for i := range t.Work {
		if !t.Work[i].fits(t) {
			return spanError("work", i)
		}
	}
	return t.checkItems()
}

// checkItems checks the spans and the indexes of what only candidates frames
// bring.
func (t *Turn) checkItems() error {
	for i := range t.Items {
		if !t.Items[i].fits(t) {
			return spanError("item", i)
		}
		if at := t.Items[i].Work; uint64(at) >= uint64(len(t.Work)) {
			return frameErrorf(headerSize, "item row %d: there is no work row %d", i, at)
		}
	}
	for i := range t.Candidates {
		if at := t.Candidates[i].Agent; uint64(at) >= uint64(len(t.Agents)) {
			return frameErrorf(headerSize, "candidate row %d: there is no agent row %d", i, at)
		}
	}
	return nil
}

// checkOtherSpans checks those of rows that most turns bring none of.
func (t *Turn) checkOtherSpans() error {
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
	return nil
}

func spanError(row string, index int) error {
	return frameErrorf(headerSize, "%s row %d: a span reaches past its list", row, index)
}
