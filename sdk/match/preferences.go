// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

// preferences holds until when the work that waits for a preferred agent does
// so.
type preferences struct {
	order *set[preference]
	until map[uint32]int64 // by ref of work
}

type preference struct {
	until int64
	ref   uint32
}

func newPreferences() preferences {
	less := func(a, b preference) bool {
		return a.until < b.until || a.until == b.until && a.ref < b.ref
	}
	return preferences{
		order: newSet(less),
		until: map[uint32]int64{},
	}
}

// set notes that the work at ref waits for its preferred agent until then, if
// it does.
func (p *preferences) set(ref uint32, until int64, waits bool) {
	p.drop(ref)
	if waits {
		p.until[ref] = until
		p.order.Add(preference{until, ref})
	}
}

func (p *preferences) drop(ref uint32) {
	if until, ok := p.until[ref]; ok {
		delete(p.until, ref)
		p.order.Remove(preference{until, ref})
	}
}

// due takes out and returns work whose time has come.
func (p *preferences) due(now int64) (ref uint32, ok bool) {
	first, ok := p.order.Min()
	if !ok || first.until > now {
		return 0, false
	}
	p.drop(first.ref)
	return first.ref, true
}

// next returns the earliest time at which some work's time comes, 0 if there
// is none.
func (p *preferences) next() int64 {
	first, _ := p.order.Min()
	return first.until
}
