// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

// table gives keys (work, agents, queues) slots on one board and remembers
// which of them have changed since they were sent last. Slots are given out
// lowest first and in order of asking, so that the same history gives the same
// refs.
type table[K comparable] struct {
	refs  map[K]uint32
	slots []slot[K]
	free  []uint32
	dirty []uint32 // from head on
	head  int
}

type slot[K comparable] struct {
	key     K
	gen     uint32
	version uint32 // as sent last
	used    bool
	sent    bool
	dirty   bool
}

// reset frees every slot. Generations begin anew: a snapshot follows.
func (t *table[K]) reset() {
	if t.refs == nil {
		t.refs = make(map[K]uint32)
	}
	clear(t.refs)
	t.slots, t.free, t.dirty, t.head = t.slots[:0], t.free[:0], t.dirty[:0], 0
}

// touch notes that the key's row has changed. Unknown keys get a slot.
func (t *table[K]) touch(key K) {
	ref, ok := t.refs[key]
	if !ok {
		ref = t.take()
		t.refs[key] = ref
		s := &t.slots[ref]
		s.key, s.used, s.sent = key, true, false
	}
	if s := &t.slots[ref]; !s.dirty {
		s.dirty = true
		t.dirty = append(t.dirty, ref)
	}
}

func (t *table[K]) take() uint32 {
	if n := len(t.free); n > 0 {
		ref := t.free[n-1]
		t.free = t.free[:n-1]
		return ref
	}
	t.slots = append(t.slots, slot[K]{})
	return uint32(len(t.slots) - 1)
}

// release frees a slot whose row has left the board.
func (t *table[K]) release(ref uint32) {
	s := &t.slots[ref]
	delete(t.refs, s.key)
	*s = slot[K]{gen: s.gen + 1}
	t.free = append(t.free, ref)
}

// key returns what the strategy knows under the ref.
func (t *table[K]) key(ref uint32) (key K, ok bool) {
	if uint64(ref) >= uint64(len(t.slots)) || !t.slots[ref].used || !t.slots[ref].sent {
		return key, false
	}
	return t.slots[ref].key, true
}

// drain calls row for up to limit changed slots, in the order in which they
// changed, and reports how many it called for. Row says whether the slot's row
// is still on the board.
func (t *table[K]) drain(limit int, row func(ref uint32, s *slot[K]) bool, gone func(ref, gen, version uint32)) int {
	n := min(limit, t.pending())
	for _, ref := range t.dirty[t.head : t.head+n] {
		s := &t.slots[ref]
		s.dirty = false
		if row(ref, s) {
			s.sent = true
			continue
		}
		if s.sent {
			gone(ref, s.gen, s.version)
		}
		t.release(ref)
	}
	if t.head += n; t.head == len(t.dirty) {
		t.dirty, t.head = t.dirty[:0], 0
	}
	return n
}

// pending returns how many slots have changed.
func (t *table[K]) pending() int { return len(t.dirty) - t.head }
