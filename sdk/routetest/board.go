// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// slot is what a row of every table has.
type slot struct {
	table route.Table
	name  string
	ref   uint32
	gen   uint32
	dirty bool // is to be sent

	sent    bool
	since   uint64 // turn in which it was sent first
	sentAs  uint32 // version that was sent
	version *uint32
}

// changed raises the version and marks the row to be sent.
func (s *slot) changed() {
	*s.version++
	s.dirty = true
}

// send notes that the row goes into turn seq.
func (s *slot) send(digest *route.Digest, seq uint64) {
	if s.sent {
		digest.Toggle(s.table, s.ref, s.gen, s.sentAs)
	} else {
		s.since = seq
	}
	s.sent, s.sentAs, s.dirty = true, *s.version, false
	digest.Toggle(s.table, s.ref, s.gen, s.sentAs)
}

// table holds rows by slot and by name. Freed slots are used again, lowest
// first, under the next generation.
type table[T any] struct {
	rows  []*T // nil where free
	gens  []uint32
	free  []uint32 // sorted, highest first
	names map[string]uint32
	gone  []route.Gone // sent rows that left
}

func newTable[T any]() table[T] { return table[T]{names: map[string]uint32{}} }

func (t *table[T]) named(name string) *T {
	ref, ok := t.names[name]
	if !ok {
		return nil
	}
	return t.rows[ref]
}

func (t *table[T]) must(name string) *T {
	row := t.named(name)
	if row == nil {
		panic(misuse(name + " is not on the board"))
	}
	return row
}

func (t *table[T]) at(ref uint32) *T {
	if int64(ref) >= int64(len(t.rows)) {
		return nil
	}
	return t.rows[ref]
}

// add takes a slot for a row.
func (t *table[T]) add(name string, row *T) (ref, gen uint32) {
	if n := len(t.free); n > 0 {
		ref = t.free[n-1]
		t.free = t.free[:n-1]
		t.gens[ref]++
	} else {
		ref = uint32(len(t.rows))
		t.rows = append(t.rows, nil)
		t.gens = append(t.gens, 1)
	}
	t.rows[ref], t.names[name] = row, ref
	return ref, t.gens[ref]
}

// knew reports whether a strategy that was asked in turn seq knew this row.
func (s *slot) knew(seq uint64) bool { return s.sent && s.since <= seq }

func (t *table[T]) remove(s slot, digest *route.Digest) {
	if s.sent {
		t.gone = append(t.gone, route.Gone{Ref: s.ref, Gen: s.gen})
		digest.Toggle(s.table, s.ref, s.gen, s.sentAs)
	}
	t.rows[s.ref] = nil
	delete(t.names, s.name)
	at, _ := slices.BinarySearchFunc(t.free, s.ref, func(a, b uint32) int { return int(int64(b) - int64(a)) })
	t.free = slices.Insert(t.free, at, s.ref)
}

// inOrder returns the rows by their refs.
func (t *table[T]) inOrder() []*T {
	var list []*T
	for _, row := range t.rows {
		if row != nil {
			list = append(list, row)
		}
	}
	return list
}

// Queue is a queue on a Host. Its methods change it and return it.
type Queue struct {
	slot
	host *Host
	row  route.Queue
}

// Queue returns the queue of that name, which is new if there is none: then of
// model least active.
func (h *Host) Queue(name string) *Queue {
	if q := h.queues.named(name); q != nil {
		return q
	}
	q := &Queue{host: h}
	q.slot = slot{table: route.TableQueue, name: name, version: &q.row.Version}
	q.ref, q.gen = h.queues.add(name, q)
	q.row = route.Queue{Ref: q.ref, Gen: q.gen, Name: h.word(name), Model: route.ModelLeastActive, ChangedAt: h.now}
	q.changed()
	return q
}

// Model sets how an agent is picked.
func (q *Queue) Model(model route.Model) *Queue {
	q.row.Model, q.row.ChangedAt = model, q.host.now
	q.changed()
	return q
}

// BySkills sets whether work that requires skills goes to all who hold them,
// members or not.
func (q *Queue) BySkills(yes bool) *Queue { return q.flag(route.QueueBySkills, yes) }

// Held sets whether the queue is closed and holds its work.
func (q *Queue) Held(yes bool) *Queue { return q.flag(route.QueueHeld, yes) }

func (q *Queue) flag(flag route.QueueFlags, yes bool) *Queue {
	q.row.Flags &^= flag
	if yes {
		q.row.Flags |= flag
	}
	q.row.ChangedAt = q.host.now
	q.changed()
	return q
}

// OfferTo sets how many agents the queue's work is offered to at once; 0 means
// one.
func (q *Queue) OfferTo(n uint16) *Queue {
	q.row.OfferTo, q.row.ChangedAt = n, q.host.now
	q.changed()
	return q
}

// Agent is a signed-in agent on a Host. Its methods change it and return it.
// Times are given as milliseconds ago.
type Agent struct {
	slot
	host    *Host
	row     route.Agent
	members []route.Member
	skills  []route.Skill
}

// Agent returns the agent of that name, who signs in now if there is none:
// connected and idle, of capacity 1000, with at most 100 assignments, in no
// queue and on no channel.
func (h *Host) Agent(name string) *Agent {
	if a := h.agents.named(name); a != nil {
		return a
	}
	a := &Agent{host: h}
	a.slot = slot{table: route.TableAgent, name: name, version: &a.row.Version}
	a.ref, a.gen = h.agents.add(name, a)
	a.row = route.Agent{
		Ref: a.ref, Gen: a.gen, Name: h.word(name), Status: h.word("available"),
		Flags: route.AgentConnected, Capacity: 1000, MaxOpen: 100,
		IdleSince: h.now, SignedInAt: h.now, StatusSince: h.now,
	}
	a.changed()
	return a
}

// Capacity sets what the agent may hold, in milli-units.
func (a *Agent) Capacity(milli int32) *Agent {
	a.row.Capacity = milli
	a.changed()
	return a
}

// Holding sets what the agent holds beside what this host gave it: so many
// milli-units in so many assignments.
func (a *Agent) Holding(milli int32, open uint16) *Agent {
	a.row.Used, a.row.Open = milli, open
	a.row.IdleSince = 0
	if milli == 0 && open == 0 {
		a.row.IdleSince = a.host.now
	}
	a.changed()
	return a
}

// MaxOpen sets how many assignments the agent may hold.
func (a *Agent) MaxOpen(n uint32) *Agent {
	a.row.MaxOpen = n
	a.changed()
	return a
}

// MaxOffers sets how many offers may stand at the agent at once; 0 means any
// number.
func (a *Agent) MaxOffers(n uint16) *Agent {
	a.row.MaxOffers = n
	a.changed()
	return a
}

// Interruptible sets what the agent may hold of interruptible work, and what it
// holds beside what this host gave it, in milli-units.
func (a *Agent) Interruptible(capacity, used int32) *Agent {
	a.row.Interruptible, a.row.InterruptibleUsed = capacity, used
	a.changed()
	return a
}

// Tier sets in which tier of the queue the agent is, which becomes a member if
// it is none.
func (a *Agent) Tier(queue string, tier uint16) *Agent {
	a.member(queue).Tier = tier
	a.changed()
	return a
}

// Weight sets the agent's share of the queue's work under weighted random.
func (a *Agent) Weight(queue string, weight uint16) *Agent {
	a.member(queue).Weight = weight
	a.changed()
	return a
}

func (a *Agent) member(queue string) *route.Member {
	ref := a.host.Queue(queue).ref
	at := slices.IndexFunc(a.members, func(m route.Member) bool { return m.Queue == ref })
	if at < 0 {
		at = len(a.members)
		a.members = append(a.members, route.Member{Queue: ref, Tier: 1})
	}
	return &a.members[at]
}

// In makes the agent a member of exactly these queues, each in tier 1.
func (a *Agent) In(queues ...string) *Agent {
	a.members = a.members[:0]
	for _, name := range queues {
		a.members = append(a.members, route.Member{Queue: a.host.Queue(name).ref, Tier: 1})
	}
	a.changed()
	return a
}

func (a *Agent) leave(q *Queue) {
	n := len(a.members)
	a.members = slices.DeleteFunc(a.members, func(m route.Member) bool { return m.Queue == q.ref })
	if len(a.members) != n {
		a.changed()
	}
}

// On gives the agent a status that lists exactly these channels.
func (a *Agent) On(channels ...string) *Agent {
	a.row.Channels = 0
	for _, name := range channels {
		a.row.Channels |= 1 << a.host.channel(name)
	}
	a.row.StatusSince = a.host.now
	a.changed()
	return a
}

// Skill gives the agent a skill at a level in thousandths; 0 takes it away.
func (a *Agent) Skill(name string, level uint32) *Agent {
	id := a.host.word(name)
	a.skills = slices.DeleteFunc(a.skills, func(s route.Skill) bool { return s.Name == id })
	if level > 0 {
		a.skills = append(a.skills, route.Skill{Name: id, Level: level})
	}
	a.changed()
	return a
}

// Idle sets since when the agent holds nothing.
func (a *Agent) Idle(ago int64) *Agent {
	a.row.IdleSince = a.host.now - ago
	a.changed()
	return a
}

// SignedIn sets when the agent signed in.
func (a *Agent) SignedIn(ago int64) *Agent {
	a.row.SignedInAt = a.host.now - ago
	a.changed()
	return a
}

// Assigned sets when the last assignment was offered to the agent.
func (a *Agent) Assigned(ago int64) *Agent {
	a.row.AssignedAt = a.host.now - ago
	a.changed()
	return a
}

// Connected sets whether the agent's stream is there.
func (a *Agent) Connected(yes bool) *Agent {
	a.row.Flags &^= route.AgentConnected
	if yes {
		a.row.Flags |= route.AgentConnected
	}
	a.changed()
	return a
}

// Resend sends the row again in the next turn though nothing changed.
func (a *Agent) Resend() *Agent {
	a.dirty = true
	return a
}
