// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import "unsafe"

// ViewTurn reads a frame as DecodeTurn does, but has the turn's lists lie in
// the frame where that is possible: it copies nothing then. The turn is valid
// for as long as the frame's bytes are, and nothing may be appended to its
// lists.
func ViewTurn(frame []byte, t *Turn) error {
	if aligned(frame) {
		t.forget()
		if t.view(frame) {
			return t.checkSpans()
		}
	}
	*t = Turn{}
	return DecodeTurn(frame, t)
}

// forget empties the lists one by one. Emptying the turn as a whole is a call
// in a WASM guest, and a slow one.
func (t *Turn) forget() {
	t.WorkGone, t.AgentsGone, t.QueuesGone = nil, nil, nil
	t.Words, t.Channels, t.Queues, t.Agents, t.Work, t.Settled = nil, nil, nil, nil, nil, nil
	t.Members, t.Skills, t.Needs, t.Attributes, t.WordIDs, t.Bytes = nil, nil, nil, nil, nil, nil
}

// view takes a frame apart in place. It knows only frames as this package
// writes them, and returns false for all others: DecodeTurn reads those, or
// says what is wrong.
func (t *Turn) view(frame []byte) bool {
	h, err := readHeader(frame, nil)
	if err != nil || !t.take(h) || h.HeaderLen != headerSize {
		return false
	}
	floor := headerSize + uint64(h.Sections)*entrySize
	seen := uint32(0)
	entries := look[entry](frame[headerSize:], int(h.Sections))
	for i := range entries {
		e := &entries[i]
		at, end := uint64(e.Offset), uint64(e.Offset)+uint64(e.Count)*uint64(e.Stride)
		if e.Table > uint16(TableIDs) || e.Offset&7 != 0 || at < floor || end > uint64(len(frame)) || at == end {
			return false
		}
		bit := uint32(1) << e.Table
		if e.Op == opGone {
			bit <<= 16
		}
		if seen&bit != 0 {
			return false
		}
		seen |= bit
		floor = end
		if !t.viewSection(e, unsafe.Pointer(&frame[at])) {
			return false
		}
	}
	return true
}

// viewSection has the turn's list lie at p.
func (t *Turn) viewSection(e *entry, p unsafe.Pointer) bool {
	n := int(e.Count)
	switch key(e.Op, Table(e.Table), int(e.Stride)) {
	case key(opPut, TableWork, workSize):
		t.Work = unsafe.Slice((*Work)(p), n)
	case key(opPut, TableAgent, agentSize):
		t.Agents = unsafe.Slice((*Agent)(p), n)
	case key(opGone, TableWork, goneSize):
		t.WorkGone = unsafe.Slice((*Gone)(p), n)
	case key(opPut, TableSettled, settledSize):
		t.Settled = unsafe.Slice((*Settled)(p), n)
	case key(opPut, TableMember, memberSize):
		t.Members = unsafe.Slice((*Member)(p), n)
	case key(opPut, TableSkill, skillSize):
		t.Skills = unsafe.Slice((*Skill)(p), n)
	case key(opPut, TableNeed, needSize):
		t.Needs = unsafe.Slice((*Need)(p), n)
	case key(opPut, TableAttribute, attributeSize):
		t.Attributes = unsafe.Slice((*Attribute)(p), n)
	case key(opPut, TableWord, wordSize):
		t.Words = unsafe.Slice((*Word)(p), n)
	case key(opPut, TableIDs, 4):
		t.WordIDs = unsafe.Slice((*uint32)(p), n)
	case key(opPut, TableBytes, 1):
		t.Bytes = unsafe.Slice((*byte)(p), n)
	case key(opPut, TableQueue, queueSize):
		t.Queues = unsafe.Slice((*Queue)(p), n)
	case key(opPut, TableChannel, channelSize):
		t.Channels = unsafe.Slice((*Channel)(p), n)
	case key(opGone, TableAgent, goneSize):
		t.AgentsGone = unsafe.Slice((*Gone)(p), n)
	case key(opGone, TableQueue, goneSize):
		t.QueuesGone = unsafe.Slice((*Gone)(p), n)
	default:
		return false
	}
	return true
}

// key makes one number of what a section is.
func key(op uint8, table Table, stride int) uint64 {
	return uint64(op)<<32 | uint64(table)<<16 | uint64(stride)
}
