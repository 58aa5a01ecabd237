// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naive is a table as one would tell it: who sits where, who has changed.
type naive struct {
	at      map[int]uint32
	gen     map[uint32]uint32
	free    []uint32
	changed []int
	sent    map[int]bool
}

func (n *naive) add(key int) uint32 {
	ref := uint32(len(n.gen))
	if last := len(n.free) - 1; last >= 0 {
		ref, n.free = n.free[last], n.free[:last]
	} else {
		n.gen[ref] = 0
	}
	n.at[key] = ref
	return ref
}

func TestTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var table table[int]
		var model naive
		empty := func() {
			table.reset()
			model = naive{at: make(map[int]uint32), gen: make(map[uint32]uint32), sent: make(map[int]bool)}
		}
		empty()
		key := rapid.IntRange(0, 12)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if _, ok := model.at[k]; ok {
					t.Skip()
				}
				want := model.add(k)
				ref, s := table.add(k)
				if ref != want || s.key != k || s.gen != model.gen[ref] || !s.used || s.sent || s.dirty || s.version != 0 {
					t.Fatalf("%d sits at %d: %+v, want %d of generation %d", k, ref, *s, want, model.gen[want])
				}
			},
			"touch": func(t *rapid.T) {
				k := key.Draw(t, "key")
				_, known := model.at[k]
				if table.touch(k) != known {
					t.Fatalf("%d is known: %v", k, known)
				}
				if known && !slices.Contains(model.changed, k) {
					model.changed = append(model.changed, k)
				}
			},
			"pop": func(t *rapid.T) {
				ref, s, ok := table.pop()
				if ok != (len(model.changed) > 0) {
					t.Fatalf("something has changed: %v", !ok)
				}
				if !ok {
					return
				}
				k := model.changed[0]
				model.changed = model.changed[1:]
				if s.key != k || ref != model.at[k] || s.dirty {
					t.Fatalf("%+v at %d changed first, want %d at %d", *s, ref, k, model.at[k])
				}
				if rapid.Bool().Draw(t, "stays") {
					s.sent, model.sent[k] = true, true
					return
				}
				table.release(ref)
				delete(model.at, k)
				delete(model.sent, k)
				model.gen[ref]++
				model.free = append(model.free, ref)
			},
			"reset": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "seldom") == 0 {
					empty()
				}
			},
			"": func(t *rapid.T) {
				if table.pending() != len(model.changed) || len(table.refs) != len(model.at) {
					t.Fatalf("%d pending, %d known, want %d and %d", table.pending(), len(table.refs), len(model.changed), len(model.at))
				}
				if len(table.dirty) > 64 {
					t.Fatalf("the list of changes has grown to %d", len(table.dirty))
				}
				for ref := range uint32(20) {
					k, ok := table.key(ref)
					at, known := model.at[k]
					if ok && (!known || at != ref || !model.sent[k]) {
						t.Fatalf("%d is %d", ref, k)
					}
				}
				for k, ref := range model.at {
					if got, ok := table.key(ref); ok != model.sent[k] || ok && got != k {
						t.Fatalf("%d at %d was sent: %v, but is %d, %v", k, ref, model.sent[k], got, ok)
					}
				}
			},
		})
	})
}

// A list of changes that is never empty does not grow for ever.
func TestTableUnderLoad(t *testing.T) {
	t.Parallel()
	var table table[int]
	table.reset()
	for key := range 10 {
		table.add(key)
		table.touch(key)
	}
	for i := range 100_000 {
		_, s, _ := table.pop()
		if s.key != i%10 {
			t.Fatalf("%d comes before %d", s.key, i%10)
		}
		table.touch(s.key)
		if table.pending() != 10 {
			t.Fatalf("%d pending", table.pending())
		}
	}
	if cap(table.dirty) > 64 {
		t.Fatalf("room for %d changes where there are ten", cap(table.dirty))
	}
}
