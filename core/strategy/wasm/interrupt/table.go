// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package interrupt

import "fmt"

// maxEntries is how many entries the tables of a module may have together. The
// runtime keeps eight bytes for each, which its limit of memory does not count. A
// table counts as some entries itself.
const (
	maxEntries   = 1 << 20
	tableEntries = 16
)

// Types of what is in tables.
const (
	typeFuncRef   = 0x70
	typeExternRef = 0x6f
)

// bound gives every table a most, so that all of them together never have more
// than maxEntries: a guest that wants more is told, by table.grow, that it cannot.
func (m *module) bound() error {
	if m.sections[sectionTable] == nil {
		return nil
	}
	r := &reader{b: m.sections[sectionTable]}
	var tables []entries
	var sum uint64
	for n := r.count(); n > 0 && r.err == nil; n-- {
		t := r.table()
		sum += uint64(t.least) + tableEntries
		tables = append(tables, t)
	}
	if r.end(); r.err != nil {
		return r.err
	}
	if sum > maxEntries {
		return fmt.Errorf("%w: %d at the beginning, of %d", errTables, sum, maxEntries)
	}
	spare := uint32(maxEntries - sum)
	out := number(uint32(len(tables)))
	for i, t := range tables {
		most := min(t.most, t.least+spare/uint32(len(tables)-i))
		spare -= max(most, t.least) - t.least
		out = append(append(append(out, t.kind, 1), number(t.least)...), number(most)...)
	}
	m.sections[sectionTable] = out
	return nil
}

// entries is what a table may have.
type entries struct {
	kind        byte
	least, most uint32
}

// table reads an entry of the table section.
func (r *reader) table() (t entries) {
	if t.kind = r.byte(); t.kind != typeFuncRef && t.kind != typeExternRef && r.err == nil {
		r.fail(errForm)
	}
	bounded := r.byte()
	t.least, t.most = r.u32(), 1<<32-1
	switch {
	case r.err != nil || bounded == 0:
	case bounded == 1:
		t.most = r.u32()
	default:
		r.fail(errForm)
	}
	return t
}
