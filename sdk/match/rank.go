// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// rank is an agent's place in the order of one model, lower first. It holds
// what decides most comparisons; the rest stands in the seat.
type rank struct {
	key      int64  // what the model compares
	signedIn int64  // earlier first
	ref      uint32 // of the agent
	group    uint8  // 0 before 1: idle agents before all others
	busy     uint8  // 0 before 1: agents without open work first
}

// rankOf returns the rank of the agent at ref. An unknown model counts as
// least active. Under longest idle, agents who hold something come after all
// who do not, the one whose last assignment is oldest first.
func (x *Index) rankOf(ref uint32, model route.Model) rank {
	s := &x.seats[ref]
	r := rank{signedIn: s.signedIn, ref: ref}
	if s.holding() > 0 {
		r.busy = 1
	}
	switch model {
	case route.ModelMostAvailable:
		r.key = -s.free()
	case route.ModelLongestIdle:
		if idle := s.idle(); idle != 0 {
			r.key = idle
		} else {
			r.group, r.key = 1, s.lastAssigned()
		}
	default:
		r.key = s.taken()
	}
	return r
}

// ahead reports whether the agent of rank a is picked before that of rank b.
// Both must be of the same model.
func (x *Index) ahead(a, b rank) bool {
	if a.group != b.group {
		return a.group < b.group
	}
	if a.key != b.key {
		return a.key < b.key
	}
	if a.busy != b.busy {
		return a.busy < b.busy
	}
	if a.signedIn != b.signedIn {
		return a.signedIn < b.signedIn
	}
	return a.ref != b.ref && x.aheadBySeat(a.ref, b.ref)
}

// aheadBySeat breaks the last ties: the older last assignment, then the lower
// id. The refs decide only between agents of the same id, which no host sends.
func (x *Index) aheadBySeat(a, b uint32) bool {
	s, t := &x.seats[a], &x.seats[b]
	if c := cmp.Compare(s.lastAssigned(), t.lastAssigned()); c != 0 {
		return c < 0
	}
	if c := strings.Compare(s.id, t.id); c != 0 {
		return c < 0
	}
	return a < b
}
