// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "strconv"

// Wait says why work waits. The values begin behind those of route.Model, so
// that both can be codes in one dictionary of reasons.
type Wait uint16

// The reasons for waiting. The first that holds is given.
const (
	// WaitNone: the work does not wait, has been proposed, or has not been
	// looked at yet.
	WaitNone Wait = 0
	// WaitHeld: its queue is closed and holds its work.
	WaitHeld Wait = 32
	// WaitAgentAbsent: it is for one agent alone, who is not on the board.
	WaitAgentAbsent Wait = 33
	// WaitNoHolder: nobody on the board holds the skills it needs. That nobody
	// holds all of them together is seen only where few hold the rarest.
	WaitNoHolder Wait = 34
	// WaitNoMember: nobody on the board is a member of its queue.
	WaitNoMember Wait = 35
	// WaitNobodyFree: nobody of whom it is asked can take it now.
	WaitNobodyFree Wait = 36
)

// String returns the reason's stable name.
func (w Wait) String() string {
	switch w {
	case WaitNone:
		return "none"
	case WaitHeld:
		return "held"
	case WaitAgentAbsent:
		return "agent_absent"
	case WaitNoHolder:
		return "no_holder"
	case WaitNoMember:
		return "no_member"
	case WaitNobodyFree:
		return "nobody_free"
	default:
		return "wait(" + strconv.Itoa(int(w)) + ")"
	}
}

// fewHolders is up to how many agents who hold a skill are asked one by one
// whether they hold the others too.
const fewHolders = 64

// Why says why the work at ref waits, after Next has reported false. What it
// costs does not grow with the board.
func (x *Index) Why(ref uint32) Wait {
	if int64(ref) >= int64(len(x.items)) || x.items[ref].class == 0 {
		return WaitNone
	}
	c := x.classes[x.items[ref].class-1]
	switch {
	case c.place == isHeld:
		return WaitHeld
	case c.place != isAsleep || c.parked:
		return WaitNone
	case c.personal && !x.known(c.agent):
		return WaitAgentAbsent
	case c.personal:
		return WaitNobodyFree
	case x.unheld(c):
		return WaitNoHolder
	case c.crowd.queue != nil && len(c.crowd.refs) == 0:
		return WaitNoMember
	default:
		return WaitNobodyFree
	}
}

func (x *Index) known(agent uint32) bool {
	_, ok := x.byName[agent]
	return ok
}

// unheld reports whether nobody holds the skills that the class needs, as far
// as that is seen soon.
func (x *Index) unheld(c *class) bool {
	if len(c.needs) == 0 {
		return false
	}
	skill, _ := x.rarest(c)
	n := x.holdersOf(skill)
	if n == 0 || n > fewHolders {
		return n == 0
	}
	for _, ref := range x.holders[skill].refs {
		if x.seats[ref].holds(c.needs) {
			return false
		}
	}
	return true
}
