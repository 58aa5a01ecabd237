// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/patchbay-cx/patchbay/sdk/route"

// seat is what the index holds of one agent. It is a copy, so that the agent
// can be found in the trees after the board's row has changed.
type seat struct {
	id        string // for the last tie
	hash      uint64 // of the id
	channels  uint64
	room      uint64 // bits of the demands there is room for, while listed
	idleSince int64
	signedIn  int64
	assigned  int64
	levels    int64 // of all skills together

	members []member
	skills  []held
	gen     uint32
	name    uint32 // dictionary id

	capacity, used                   int32
	interruptible, interruptibleUsed int32

	open, maxOpen     uint32
	offers, maxOffers uint16

	// What proposals take of which it is not known yet what became of them.
	pendingOpen          uint32
	pendingUsed          int64
	pendingInterruptible int64
	pendingAt            int64
	nth                  uint64 // the last of them; see Index.nth

	hope   uint64 // the session in which the agent is one of Index.hopeful
	news   uint64 // the last turn in which the agent's row came; see Index.applied
	choice uint64 // the last choice of several for which the agent was chosen

	live      bool // on the board
	connected bool
	listed    bool // may be offered something, apart from capacity
	standing  bool // in Index.standing
	seated    bool // in the trees of its crowds
	touched   bool // in Index.touched
	dirty     bool // in Index.dirty
}

// member is that an agent belongs to a queue.
type member struct {
	crowd        *crowd // the queue's members
	at           uint32 // where among them
	tier, weight uint16
}

func (s *seat) free() int64 { return int64(s.capacity) - int64(s.used) - s.pendingUsed }

func (s *seat) freeInterruptible() int64 {
	return int64(s.interruptible) - int64(s.interruptibleUsed) - s.pendingInterruptible
}

// taken returns what the agent holds in both pools.
func (s *seat) taken() int64 {
	return int64(s.used) + int64(s.interruptibleUsed) + s.pendingUsed + s.pendingInterruptible
}

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

// lastNth tells assignments at the same time apart: the higher is the more
// recent. It is 0 for those that the board knows.
func (s *seat) lastNth() uint64 {
	if s.pendingOpen > 0 {
		return s.nth
	}
	return 0
}

// present reports whether the agent can be offered anything at all, apart from
// capacity.
func (s *seat) present() bool {
	return s.live && s.connected && s.channels != 0 && s.holding() < uint64(s.maxOpen) &&
		(s.maxOffers == 0 || uint64(s.offers)+uint64(s.pendingOpen) < uint64(s.maxOffers))
}

// memberOf returns the agent's membership of the crowd, nil if there is none.
func (s *seat) memberOf(c *crowd) *member {
	for i := range s.members {
		if s.members[i].crowd == c {
			return &s.members[i]
		}
	}
	return nil
}

// count counts a claim in, or out if sign is -1.
func (s *seat) count(c *claim, sign int64) {
	s.pendingOpen = uint32(int64(s.pendingOpen) + sign)
	if c.interruptible {
		s.pendingInterruptible += sign * int64(c.takes)
	} else {
		s.pendingUsed += sign * int64(c.takes)
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
		row := x.board.Agent(ref)
		if row == nil || s.live && s.name != row.Name {
			x.leave(ref)
		}
		if row == nil {
			continue
		}
		x.enter(row)
		x.list(ref)
		if !s.dirty {
			s.dirty = true
			x.dirty = append(x.dirty, ref)
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
	x.unlearn(ref)
	x.quit(ref)
}

func (x *Index) enter(row *route.Agent) {
	s := &x.seats[row.Ref]
	if s.gen != row.Gen {
		s.pendingUsed, s.pendingInterruptible, s.pendingOpen, s.pendingAt = 0, 0, 0, 0
	}
	if id := x.board.Word(row.Name); !s.live || s.id != id {
		s.id, s.hash = id, hash(id)
		x.byName[row.Name] = row.Ref
	}
	s.live, s.gen, s.name = true, row.Gen, row.Name
	s.connected, s.channels = row.Flags&route.AgentConnected != 0, row.Channels
	s.capacity, s.used = row.Capacity, row.Used
	s.interruptible, s.interruptibleUsed = row.Interruptible, row.InterruptibleUsed
	s.open, s.maxOpen = uint32(row.Open), row.MaxOpen
	s.offers, s.maxOffers = row.Offers, row.MaxOffers
	s.idleSince, s.signedIn, s.assigned = row.IdleSince, row.SignedInAt, row.AssignedAt
	x.join(row.Ref, x.board.Members(row))
	x.learn(row.Ref, x.board.Skills(row))
}

// list lets the agent be found if it can be offered anything at all. It takes
// its place in the trees only when somebody looks into them, or at the end of
// the turn: many are offered something before, which waits for them.
func (x *Index) list(ref uint32) {
	s := &x.seats[ref]
	if !s.present() {
		return
	}
	s.listed = true
	if s.room = x.roomFor(s); s.room != 0 && !s.standing { // a full agent is in no tree
		s.standing = true
		x.standing = append(x.standing, ref)
	}
}

// seatAll puts those into the trees who have not taken their places yet.
func (x *Index) seatAll() {
	for _, ref := range x.standing {
		s := &x.seats[ref]
		s.standing = false
		if !s.listed || s.seated || s.room == 0 {
			continue
		}
		s.seated = true
		for i := range s.members {
			x.enterCrowd(s.members[i].crowd, ref, s.members[i].tier)
		}
		for _, c := range x.everyone {
			x.enterCrowd(c, ref, 0)
		}
	}
	x.standing = x.standing[:0]
}

func (x *Index) unlist(ref uint32) {
	s := &x.seats[ref]
	s.listed = false
	if !s.seated {
		return
	}
	s.seated = false
	for i := range s.members {
		x.leaveCrowd(s.members[i].crowd, ref, s.members[i].tier)
	}
	for _, c := range x.everyone {
		x.leaveCrowd(c, ref, 0)
	}
}

// join makes the agent a member of exactly these queues. Mostly they are those
// that it belonged to before.
func (x *Index) join(ref uint32, rows []route.Member) {
	s := &x.seats[ref]
	if x.belongs(s, rows) {
		return
	}
	x.quit(ref)
	for i := range rows {
		c := &x.queue(rows[i].Queue).members
		if s.memberOf(c) == nil {
			s.members = append(s.members, member{c, uint32(len(c.refs)), rows[i].Tier, rows[i].Weight})
			c.refs = append(c.refs, ref)
		}
	}
}

// belongs reports whether the rows are just the queues the agent belongs to.
func (x *Index) belongs(s *seat, rows []route.Member) bool {
	if len(rows) != len(s.members) {
		return false
	}
	for i := range rows {
		m := &s.members[i]
		if m.tier != rows[i].Tier || m.weight != rows[i].Weight || m.crowd != &x.queue(rows[i].Queue).members {
			return false
		}
	}
	return true
}

func (x *Index) quit(ref uint32) {
	s := &x.seats[ref]
	for i := range s.members {
		c, at := s.members[i].crowd, s.members[i].at
		last := len(c.refs) - 1
		moved := c.refs[last]
		c.refs[at] = moved
		c.refs = c.refs[:last]
		if moved != ref {
			x.seats[moved].memberOf(c).at = at
		}
	}
	s.members = s.members[:0]
}
