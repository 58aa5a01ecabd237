// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"math"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// demand is what work takes of an agent's capacity.
type demand struct {
	size          int32
	percent       uint32
	interruptible bool
}

func demandOf(work *route.Work) demand {
	return demand{work.Size, work.Percent, work.Flags&route.WorkInterruptible != 0}
}

// takes returns how much of its pool the work takes of this agent.
func (d *demand) takes(s *seat) int32 {
	if d.percent == 0 {
		return d.size
	}
	load := route.Load{
		Capacity: s.capacity, InterruptibleCapacity: s.interruptible,
		Interruptible: d.interruptible, Percent: d.percent,
	}
	return load.Takes()
}

// fits reports whether the agent has room for it, what is pending counted.
func (d *demand) fits(s *seat) bool {
	takes := int64(d.takes(s))
	return s.free() >= takes && (!d.interruptible || s.freeInterruptible() >= takes)
}

// manyDemands is how many demands have a bit of their own, by which agents who
// have room for them are told apart. There are few in any centre, one for each
// kind of work or so. Those beyond share one bit.
const manyDemands = 63

// sharedBit is that of the demands which have none of their own. Who has it may
// have room for some of them.
const sharedBit = 1 << 63

// demands holds all there have been.
type demands struct {
	list []demand // that with bit n at index n
	bits map[demand]uint64
	// least is the free primary capacity from which on agents have the shared
	// bit; nobody has it at math.MaxInt64.
	least int64
}

func newDemands() demands { return demands{bits: map[demand]uint64{}, least: math.MaxInt64} }

// demand returns the bit of d. Agents with room for it sit on benches from then
// on: a full agent costs nothing to keep.
func (x *Index) demand(d demand) uint64 {
	if bit, ok := x.demands.bits[d]; ok {
		return bit
	}
	if n := len(x.demands.list); n < x.small.demands {
		x.demands.list = append(x.demands.list, d)
		x.demands.bits[d] = 1 << n
		x.relist()
		return 1 << n
	}
	// Not remembered, so that no stream of ever new sizes takes memory; and
	// going down in two strides, so that none takes time again and again.
	least := int64(1)
	if d.percent == 0 && d.size < 1 {
		least = math.MinInt64
	}
	if least < x.demands.least {
		x.demands.least = least
		x.relist()
	}
	return sharedBit
}

// roomFor returns the bits of the demands that the agent has room for.
func (x *Index) roomFor(s *seat) uint64 {
	var bits uint64
	for i := range x.demands.list {
		if x.demands.list[i].fits(s) {
			bits |= 1 << i
		}
	}
	if s.free() >= x.demands.least {
		bits |= sharedBit
	}
	return bits
}

// relist puts the agents whose room looks different now onto other benches.
func (x *Index) relist() {
	for ref := range x.seats {
		if s := &x.seats[ref]; s.listed && s.room != x.roomFor(s) {
			x.unlist(uint32(ref))
			x.list(uint32(ref))
		}
	}
}
