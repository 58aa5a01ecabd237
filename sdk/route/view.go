// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import "unsafe"

// ViewTurn reads a frame as DecodeTurn does, but has the turn's lists lie in
// the frame where that is possible: it copies nothing then. The turn is valid
// for as long as the frame's bytes are, and nothing may be appended to its
// lists.
func ViewTurn(frame []byte, t *Turn) error {
	if aligned(frame) && len(frame) >= headerSize && t.view(frame) {
		return t.checkSpans()
	}
	*t = Turn{}
	return DecodeTurn(frame, t)
}

// view takes a frame apart in place. It knows only frames as this package
// writes them, and returns false for all others: DecodeTurn reads those, or
// says what is wrong.
//
// It is the inner loop of a WASM guest, where branches are slow, and clearing a
// struct is slower: conditions are summed up, and fields are set one by one.
func (t *Turn) view(frame []byte) bool {
	h := (*header)(unsafe.Pointer(unsafe.SliceData(frame)))
	n := int(h.Sections)
	floor := headerSize + n*entrySize
	odd := (h.Magic ^ frameMagic) | uint32(h.HeaderLen^headerSize) | (h.FrameLen ^ uint32(len(frame)))
	if odd != 0 || floor > len(frame) || h.Kind-uint8(KindDelta) > uint8(KindCandidates-KindDelta) {
		return false
	}
	t.forget()
	t.take(h)
	seen := uint64(0)
	entries := look[entry](frame[headerSize:], n)
	for i := range entries {
		e := &entries[i]
		at, end := int64(e.Offset), int64(e.Offset)+int64(e.Count)*int64(e.Stride)
		place := &places[e.Table&31][e.Op&1]
		bit := uint64(1) << (e.Table&31<<1 | uint16(e.Op&1))
		outside := ((at - int64(floor)) | (int64(len(frame)) - end) | (end - at - 1)) >> 63
		other := e.Table>>5 | (e.Stride ^ place.size) | uint16(e.Offset&7) | uint16(e.Op-opPut)>>1
		if outside != 0 || other != 0 || seen&bit != 0 {
			return false
		}
		seen |= bit
		floor = int(end)
		list := (*list)(unsafe.Add(unsafe.Pointer(t), place.offset))
		list.data = unsafe.Add(unsafe.Pointer(h), at)
		list.len, list.cap = int(e.Count), int(e.Count)
	}
	return true
}

// forget empties the lists.
func (t *Turn) forget() {
	t.WorkGone, t.AgentsGone, t.QueuesGone = nil, nil, nil
	t.Words, t.Channels, t.Queues, t.Agents, t.Work, t.Settled = nil, nil, nil, nil, nil, nil
	t.Items, t.Candidates = nil, nil
	t.Members, t.Skills, t.Needs, t.Attributes, t.WordIDs, t.Bytes = nil, nil, nil, nil, nil, nil
}

// list is how a slice lies in memory.
type list struct {
	data     unsafe.Pointer
	len, cap int
}

// place says where in a Turn the rows of a section go, and how long each is. A
// size of 0 is no place.
type place struct {
	offset uintptr
	size   uint16
}

// places holds the place of each section, by table and by op&1. It is never
// written to.
//
//nolint:gochecknoglobals // a constant but for its type
var places = [32][2]place{
	TableWork: {
		opPut & 1:  {unsafe.Offsetof(Turn{}.Work), workSize},
		opGone & 1: {unsafe.Offsetof(Turn{}.WorkGone), goneSize},
	},
	TableAgent: {
		opPut & 1:  {unsafe.Offsetof(Turn{}.Agents), agentSize},
		opGone & 1: {unsafe.Offsetof(Turn{}.AgentsGone), goneSize},
	},
	TableQueue: {
		opPut & 1:  {unsafe.Offsetof(Turn{}.Queues), queueSize},
		opGone & 1: {unsafe.Offsetof(Turn{}.QueuesGone), goneSize},
	},
	TableWord:      {opPut & 1: {unsafe.Offsetof(Turn{}.Words), wordSize}},
	TableChannel:   {opPut & 1: {unsafe.Offsetof(Turn{}.Channels), channelSize}},
	TableSettled:   {opPut & 1: {unsafe.Offsetof(Turn{}.Settled), settledSize}},
	TableItem:      {opPut & 1: {unsafe.Offsetof(Turn{}.Items), itemSize}},
	TableCandidate: {opPut & 1: {unsafe.Offsetof(Turn{}.Candidates), candidateSize}},
	TableMember:    {opPut & 1: {unsafe.Offsetof(Turn{}.Members), memberSize}},
	TableSkill:     {opPut & 1: {unsafe.Offsetof(Turn{}.Skills), skillSize}},
	TableNeed:      {opPut & 1: {unsafe.Offsetof(Turn{}.Needs), needSize}},
	TableAttribute: {opPut & 1: {unsafe.Offsetof(Turn{}.Attributes), attributeSize}},
	TableIDs:       {opPut & 1: {unsafe.Offsetof(Turn{}.WordIDs), 4}},
	TableBytes:     {opPut & 1: {unsafe.Offsetof(Turn{}.Bytes), 1}},
}
