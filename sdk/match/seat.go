// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// seat is what the index holds of one agent. It is a copy, so that the agent
// can be found in the trees after the board's row has changed.
type seat struct {
	id        string // for the last tie
	channels  uint64
	capacity  int64
	used      int64
	idleSince int64
	signedIn  int64
	assigned  int64
	members   []*queue
	skills    []uint32 // dictionary ids
	gen       uint32
	name      uint32 // dictionary id
	open      uint32
	maxOpen   uint32

	// What proposals take of which it is not known yet what became of them.
	pendingUsed int64
	pendingAt   int64
	pendingOpen uint32

	live      bool // on the board
	connected bool
	listed    bool // in the trees of its queues
	touched   bool // in Index.touched
	dirty     bool // in Index.dirty
}

func (s *seat) taken() int64    { return s.used + s.pendingUsed }
func (s *seat) free() int64     { return s.capacity - s.taken() }
func (s *seat) holding() uint64 { return uint64(s.open) + uint64(s.pendingOpen) }

// idle returns since when the agent holds nothing, 0 if it holds something.
func (s *seat) idle() int64 {
	if s.pendingOpen > 0 {
		return 0
	}
	return s.idleSince
}

func (s *seat) lastAssigned() int64 {
	if s.pendingOpen > 0 {
		return s.pendingAt
	}
	return s.assigned
}

// present reports whether the agent can be offered anything at all, apart from
// capacity.
func (s *seat) present() bool {
	return s.live && s.connected && s.channels != 0 && s.holding() < uint64(s.maxOpen)
}

// score is what a Match tells of the agent.
func (s *seat) score(model route.Model, now int64) int32 {
	switch model {
	case route.ModelMostAvailable:
		return clamp(s.free())
	case route.ModelLongestIdle:
		if idle := s.idle(); idle != 0 {
			return clamp((now - idle) / 1000)
		}
		return 0
	default:
		return clamp(s.taken())
	}
}

// touch takes the agent at ref out of its trees until reseat.
func (x *Index) touch(ref uint32) {
	for int(ref) >= len(x.seats) {
		x.seats = append(x.seats, seat{})
	}
	if s := &x.seats[ref]; !s.touched {
		s.touched = true
		x.unlist(ref)
		x.touched = append(x.touched, ref)
	}
}

// reseat reads the touched agents anew from the board.
func (x *Index) reseat() {
	for _, ref := range x.touched {
		s := &x.seats[ref]
		s.touched = false
		x.leave(ref)
		if row := x.board.Agent(ref); row != nil {
			x.enter(row)
			x.list(ref)
			if !s.dirty {
				s.dirty = true
				x.dirty = append(x.dirty, ref)
			}
		}
	}
	x.touched = x.touched[:0]
}

// leave forgets what the seat at ref says of its agent, but for its pending
// proposals: enter tells whether it is still the same agent.
func (x *Index) leave(ref uint32) {
	s := &x.seats[ref]
	if !s.live {
		return
	}
	s.live = false
	if x.byName[s.name] == ref {
		delete(x.byName, s.name)
	}
	for _, skill := range s.skills {
		if x.holders[skill]--; x.holders[skill] == 0 {
			delete(x.holders, skill)
		}
	}
	s.members, s.skills = s.members[:0], s.skills[:0]
}

func (x *Index) enter(row *route.Agent) {
	s := &x.seats[row.Ref]
	if s.gen != row.Gen {
		s.pendingUsed, s.pendingOpen, s.pendingAt = 0, 0, 0
	}
	s.live, s.gen, s.name = true, row.Gen, row.Name
	s.id = x.board.Word(row.Name)
	s.connected, s.channels = row.Flags&route.AgentConnected != 0, row.Channels
	s.capacity, s.used = int64(row.Capacity), int64(row.Used)
	s.open, s.maxOpen = uint32(row.Open), row.MaxOpen
	s.idleSince, s.signedIn, s.assigned = row.IdleSince, row.SignedInAt, row.AssignedAt
	x.byName[row.Name] = row.Ref
	for _, member := range x.board.Members(row) {
		if q := x.queue(member.Queue); !slices.Contains(s.members, q) {
			s.members = append(s.members, q)
		}
	}
	for _, skill := range x.board.Skills(row) {
		s.skills = append(s.skills, skill.Name)
		x.holders[skill.Name]++
	}
}

// list puts the agent into the trees of its queues if it can be offered
// anything at all.
func (x *Index) list(ref uint32) {
	s := &x.seats[ref]
	if !s.present() {
		return
	}
	s.listed = true
	for _, q := range s.members {
		q.add(x, ref)
	}
}

func (x *Index) unlist(ref uint32) {
	s := &x.seats[ref]
	if !s.listed {
		return
	}
	for _, q := range s.members {
		q.remove(x, ref)
	}
	s.listed = false
}
