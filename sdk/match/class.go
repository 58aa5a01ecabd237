// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// class holds the work that is waiting and of which the same agents are
// eligible: alike in queue, channel, demand, tier, needs, exclusions, and the
// one agent that it is for, if there is one.
type class struct {
	id       uint32
	key      string
	queue    *queue
	crowd    *crowd // of whom it is asked
	channel  uint64 // as a bit; 0 if there is no such channel
	demand   demand
	bit      uint64       // of the demand
	tier     uint16       // members up to this one are asked; 0 for all
	personal bool         // for one agent alone
	parked   bool         // for work that was held, see Index.Hold
	agent    uint32       // dictionary id of that one
	needs    []route.Need // those in force, by skill, one for each
	declined []uint32     // sorted

	heap  []uint32 // refs of work; the first is first in pending order
	first spot     // that of heap[0] while the class stands in a set
	place place
	shelf *shelf // where it sleeps; nil until it first does
	stand *stand // of those who meet the needs, if there is one

	session uint64 // the one in which narrow is valid
	narrow  *shelf // whose agents are the only ones who could serve it
}

// manyClasses is from how many classes on empty ones are not kept.
const manyClasses = 4096

// spot is a place in the pending order.
type spot struct {
	order order
	ref   uint32
}

func (a *spot) compare(b *spot) int { return compareOrders(a.order, b.order, a.ref, b.ref) }

// place says in which set a class stands.
type place uint8

const (
	nowhere place = iota
	isAwake
	isAsleep
	isHeld // its queue is closed
)

// item is what the index holds of one piece of work.
type item struct {
	order order
	class uint32 // id of its class plus 1; 0 if it is in none
	at    uint32 // where in the class's heap
	held  bool   // it was passed over; see Index.Hold
}

func newClassSet() *set[*class] {
	return newSet(func(a, b *class) bool { return a.first.compare(&b.first) < 0 })
}

// open reports whether neither needs nor exclusions decide about agents.
func (c *class) open() bool { return len(c.needs) == 0 && len(c.declined) == 0 }

func (c *class) narrowTo(session uint64) *shelf {
	if c.session != session {
		return nil
	}
	return c.narrow
}

// asked returns up to which tier members are asked; 0 if tiers do not matter.
func (c *class) asked() uint16 {
	if c.crowd.queue == nil {
		return 0
	}
	return c.tier
}

// classOf returns the class to which the work belongs now, or, if parked, the
// one for such work that was held. A new one is empty.
func (x *Index) classOf(work *route.Work, parked bool) *class {
	declined := x.board.Declined(work)
	agent, personal := x.onlyFor(work, declined)
	x.needs = canonicalNeeds(x.needs[:0], x.board.Needs(work))
	x.declined = canonicalIDs(x.declined[:0], declined)
	x.key = keyOf(append(x.key[:0], bit(parked)), work, x.needs, x.declined)
	if personal {
		x.key = binary.LittleEndian.AppendUint32(append(x.key, 1), agent)
	}
	if c := x.byKey[string(x.key)]; c != nil {
		return c
	}
	c := &class{
		key: string(x.key), queue: x.queue(work.Queue), demand: demandOf(work), tier: work.Tier,
		personal: personal, parked: parked, agent: agent, needs: slices.Clone(x.needs), declined: slices.Clone(x.declined),
	}
	x.enrol(c)
	c.bit = x.demand(c.demand)
	if work.Channel < 64 {
		c.channel = 1 << work.Channel
	}
	x.adopt(c)
	return c
}

// enrol sets of whom the class's work is asked.
func (x *Index) enrol(c *class) {
	c.crowd, c.shelf, c.stand = &c.queue.members, nil, nil
	if c.queue.bySkills && len(c.needs) > 0 {
		c.crowd = x.everyoneBy(c.queue.members.model)
	}
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// keyOf appends what tells classes apart, but for the one agent that work is
// for.
func keyOf(key []byte, work *route.Work, needs []route.Need, declined []uint32) []byte {
	key = binary.LittleEndian.AppendUint32(key, work.Queue)
	key = binary.LittleEndian.AppendUint32(key, uint32(work.Size))
	key = binary.LittleEndian.AppendUint32(key, work.Percent)
	key = binary.LittleEndian.AppendUint16(key, work.Channel)
	key = binary.LittleEndian.AppendUint16(key, work.Tier)
	key = append(key, byte(work.Flags&route.WorkInterruptible))
	key = binary.LittleEndian.AppendUint32(key, uint32(len(needs)))
	for i := range needs {
		key = binary.LittleEndian.AppendUint32(key, needs[i].Name)
		key = binary.LittleEndian.AppendUint32(key, needs[i].Level)
	}
	for _, id := range declined {
		key = binary.LittleEndian.AppendUint32(key, id)
	}
	return key
}

// onlyFor returns the one agent whom the work may be offered to now, if it is
// for one alone: a required agent, or a preferred one until its time ends. A
// preferred agent who has declined is not waited for.
func (x *Index) onlyFor(work *route.Work, declined []uint32) (agent uint32, personal bool) {
	if work.Flags&route.WorkRequired != 0 {
		return work.Agent, true
	}
	if work.Agent != 0 && work.PreferredUntil > x.now && !slices.Contains(declined, work.Agent) {
		return work.Agent, true
	}
	return 0, false
}

// canonicalNeeds appends the needs that are not dropped, sorted, each skill once
// at the highest level.
func canonicalNeeds(list, needs []route.Need) []route.Need {
	for i := range needs {
		if needs[i].Flags&route.NeedDropped == 0 {
			list = append(list, route.Need{Name: needs[i].Name, Level: needs[i].Level})
		}
	}
	if len(list) < 2 {
		return list
	}
	slices.SortFunc(list, func(a, b route.Need) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Level, a.Level))
	})
	return slices.CompactFunc(list, func(a, b route.Need) bool { return a.Name == b.Name })
}

func canonicalIDs(list, ids []uint32) []uint32 {
	if len(ids) == 0 {
		return list
	}
	list = append(list, ids...)
	slices.Sort(list)
	return slices.Compact(list)
}

func (x *Index) adopt(c *class) {
	if n := len(x.spare); n > 0 {
		c.id = x.spare[n-1]
		x.spare = x.spare[:n-1]
		x.classes[c.id] = c
	} else {
		c.id = uint32(len(x.classes))
		x.classes = append(x.classes, c)
	}
	x.byKey[c.key] = c
}

// disown ends a class that is empty. Those that nothing but queue, channel and
// size tell apart are kept, because more of their work will come.
func (x *Index) disown(c *class) {
	c.place = nowhere
	if c.open() && !c.personal && !c.parked && len(x.classes) < manyClasses {
		return
	}
	delete(x.byKey, c.key)
	x.classes[c.id] = nil
	x.spare = append(x.spare, c.id)
}

// place puts the work at ref where it belongs now: into a class if it waits
// and is not proposed, else nowhere.
func (x *Index) place(ref uint32) {
	for int(ref) >= len(x.items) {
		x.items = append(x.items, item{})
	}
	x.unhold(ref)
	var to, from *class
	row := x.board.Work(ref)
	_, proposed := x.pending[ref]
	if row != nil && row.Waits() && !proposed {
		to = x.classOf(row, false)
		x.prefers.set(ref, row.PreferredUntil, to.personal && row.Flags&route.WorkRequired == 0)
	} else {
		x.prefers.drop(ref)
	}
	if id := x.items[ref].class; id != 0 {
		from = x.classes[id-1]
	}
	if from != nil {
		if from == to && x.items[ref].order == x.orderOf(row) {
			return
		}
		if from == to && len(from.heap) == 1 {
			x.lift(from)
			x.items[ref].order = x.orderOf(row)
			x.drop(from)
			return
		}
		x.pull(from, ref)
	}
	if to != nil {
		x.push(to, ref, x.orderOf(row))
	}
}

// push adds work to the class.
func (x *Index) push(c *class, ref uint32, o order) {
	x.items[ref] = item{order: o, class: c.id + 1}
	if len(c.heap) == 0 {
		c.add(x.items, ref)
		x.wake(c)
		return
	}
	if head := c.heap[0]; compareOrders(o, x.items[head].order, ref, head) > 0 {
		c.add(x.items, ref)
		return
	}
	x.lift(c)
	c.add(x.items, ref)
	x.drop(c)
}

// pull takes work out of the class, which ends when it is empty.
func (x *Index) pull(c *class, ref uint32) {
	it := &x.items[ref]
	first := it.at == 0
	if first {
		x.lift(c)
	}
	c.remove(x.items, it.at)
	it.class = 0
	switch {
	case len(c.heap) == 0:
		x.disown(c)
	case first:
		x.drop(c)
	}
}

// lift takes the class out of its set so that its first work may change; drop
// puts it back.
func (x *Index) lift(c *class) {
	switch c.place {
	case isAwake:
		x.awake.Remove(c)
	case isAsleep:
		c.shelf.remove(c)
	}
}

func (x *Index) drop(c *class) {
	c.first = x.spotOf(c)
	switch {
	case c.queue.held:
		c.place = isHeld
	case c.place == isAsleep:
		c.shelf.put(c)
	default:
		c.place = isAwake
		x.awake.Add(c)
	}
}

// spotOf returns where the class's first work stands.
func (x *Index) spotOf(c *class) spot {
	return spot{order: x.items[c.heap[0]].order, ref: c.heap[0]}
}

// wake puts the class, which stands in no set, among those to be looked at, or
// aside if its queue is held.
func (x *Index) wake(c *class) {
	c.place = nowhere
	x.drop(c)
}
