// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

// table gives keys (work, agents, queues) slots on one board and remembers
// which of them have changed since they were sent last. Slots are given out in
// order of asking, the one that was freed last first, so that the same history
// gives the same refs, and refs stay below the most rows there have been.
type table[K comparable] struct {
	refs  map[K]uint32
	slots []slot[K]
	free  []uint32
	dirty []uint32 // from head on
	head  int
	taken uint64 // how many have been taken off it
}

type slot[K comparable] struct {
	key     K
	gen     uint32
	version uint32 // as sent last
	used    bool
	sent    bool
	dirty   bool
	since   uint64 // the turn in which the row was sent first
}

// reset frees every slot. Generations begin anew: a snapshot follows.
func (t *table[K]) reset() {
	if t.refs == nil {
		t.refs = make(map[K]uint32)
	}
	clear(t.refs)
	t.slots, t.free, t.dirty, t.head, t.taken = t.slots[:0], t.free[:0], t.dirty[:0], 0, 0
}

// add gives a slot to a key that has none. The slot may be read until the next
// add.
func (t *table[K]) add(key K) (ref uint32, s *slot[K]) {
	if n := len(t.free); n > 0 {
		ref = t.free[n-1]
		t.free = t.free[:n-1]
	} else {
		ref = uint32(len(t.slots))
		t.slots = append(t.slots, slot[K]{})
	}
	t.refs[key] = ref
	s = &t.slots[ref]
	s.key, s.used = key, true
	return ref, s
}

// enter gives a slot to a key that has none, and notes that its row is to be
// sent.
func (t *table[K]) enter(key K) {
	ref, _ := t.add(key)
	t.note(ref)
}

// sweep notes the rows of which stale says that they are not what they should be
// any more, from slot at on: up to limit, of up to looks that it looks at. It
// returns the slot where it is to go on, and how many it noted. All are behind
// when that is past the last slot.
func (t *table[K]) sweep(at, limit, looks int, stale func(K) bool) (next, noted int) {
	for ; at < len(t.slots) && noted < limit && looks > 0; at++ {
		looks--
		if s := &t.slots[at]; s.used && stale(s.key) {
			t.note(uint32(at))
			noted++
		}
	}
	return at, noted
}

// touch notes that the key's row has changed, and reports whether the key has
// a slot; else nothing is noted.
func (t *table[K]) touch(key K) bool {
	ref, ok := t.refs[key]
	if ok {
		t.note(ref)
	}
	return ok
}

// note puts the slot on the list of changes, once.
func (t *table[K]) note(ref uint32) {
	if s := &t.slots[ref]; !s.dirty {
		s.dirty = true
		if len(t.dirty) == cap(t.dirty) && t.head > len(t.dirty)/2 {
			n := copy(t.dirty, t.dirty[t.head:]) // or a list that is never empty would grow for ever
			t.dirty, t.head = t.dirty[:n], 0
		}
		t.dirty = append(t.dirty, ref)
	}
}

// pop takes the slot that changed first off the list of changes.
func (t *table[K]) pop() (ref uint32, s *slot[K], ok bool) {
	if t.head == len(t.dirty) {
		return 0, nil, false
	}
	ref = t.dirty[t.head]
	t.taken++
	if t.head++; t.head == len(t.dirty) {
		t.dirty, t.head = t.dirty[:0], 0
	}
	s = &t.slots[ref]
	s.dirty = false
	return ref, s, true
}

// release frees a slot whose row has left the board. It must not be on the list
// of changes.
func (t *table[K]) release(ref uint32) {
	s := &t.slots[ref]
	delete(t.refs, s.key)
	*s = slot[K]{gen: s.gen + 1}
	t.free = append(t.free, ref)
}

// key returns what the strategy knows under the ref.
func (t *table[K]) key(ref uint32) (key K, ok bool) {
	if uint64(ref) >= uint64(len(t.slots)) || !t.slots[ref].sent {
		return key, false
	}
	return t.slots[ref].key, true
}

// noted returns how many have been put on the list of changes so far. When so
// many have been taken off it, those are sent.
func (t *table[K]) noted() uint64 { return t.taken + uint64(t.pending()) }

// pending returns how many slots have changed.
func (t *table[K]) pending() int { return len(t.dirty) - t.head }
