// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"math"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Before reports whether work a is pending before work b: the lower priority
// number first, then the lower secondary priority, the earlier target accept
// time (without one last), the older request, the lower sequence number.
func Before(a, b *route.Work) bool {
	return compareOrders(orderOf(a, 0), orderOf(b, 0), a.Ref, b.Ref) < 0
}

// order is what decides about the pending order of one piece of work.
type order struct {
	value               int64 // what Index.Value says; highest first
	priority, secondary int32
	target              int64 // math.MaxInt64 if there is none
	requested           int64
	sequence            uint64
}

func orderOf(work *route.Work, value int64) order {
	o := order{
		value:    value,
		priority: work.Priority, secondary: work.Secondary,
		target: work.TargetAcceptAt, requested: work.RequestedAt, sequence: work.Sequence,
	}
	if o.target == 0 {
		o.target = math.MaxInt64
	}
	return o
}

// compareOrders is total: the refs decide between works that are alike in
// everything else.
func compareOrders(a, b order, refA, refB uint32) int {
	if a.value != b.value {
		return cmp.Compare(b.value, a.value)
	}
	if a.priority != b.priority {
		return cmp.Compare(a.priority, b.priority)
	}
	if a.secondary != b.secondary {
		return cmp.Compare(a.secondary, b.secondary)
	}
	if a.target != b.target {
		return cmp.Compare(a.target, b.target)
	}
	if a.requested != b.requested {
		return cmp.Compare(a.requested, b.requested)
	}
	if a.sequence != b.sequence {
		return cmp.Compare(a.sequence, b.sequence)
	}
	return cmp.Compare(refA, refB)
}
