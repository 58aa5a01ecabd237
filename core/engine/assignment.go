// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "fmt"

// AssignmentState is where an assignment is in its life.
type AssignmentState uint8

// The states of an assignment. The numbers are durable.
const (
	AssignmentOffered AssignmentState = 1 + iota
	AssignmentAccepted
	AssignmentCompleted
	AssignmentDeclined
	AssignmentTimedOut
	AssignmentWithdrawn
	AssignmentUnavailable
	AssignmentTransferred
)

// String returns the state's stable name, such as "timed_out".
func (s AssignmentState) String() string {
	names := [...]string{
		"", "offered", "accepted", "completed", "declined", "timed_out", "withdrawn", "unavailable", "transferred",
	}
	if int(s) >= len(names) {
		return fmt.Sprintf("state_%d", uint8(s))
	}
	return names[s]
}

// Assignment is one try to give one piece of work to one agent.
type Assignment struct {
	ID    AssignmentID    `cbor:"1,keyasint"`
	Agent string          `cbor:"2,keyasint"`
	State AssignmentState `cbor:"3,keyasint"`
	// Size is what it holds of the agent's capacity at present.
	Size      Milli `cbor:"4,keyasint"`
	OfferedAt Time  `cbor:"5,keyasint"`
	// Deadline is when the offer runs out; 0 for never.
	Deadline Time `cbor:"6,keyasint,omitempty"`
	// AnsweredAt is when it was accepted, declined or taken back; AcceptedAt
	// only when it was accepted.
	AnsweredAt Time `cbor:"7,keyasint,omitempty"`
	AcceptedAt Time `cbor:"11,keyasint,omitempty"`
	EndedAt    Time `cbor:"8,keyasint,omitempty"`
	// WrapUpAt is when wrapping up began, WrapUpUntil when it ends; Extensions
	// counts how often it was prolonged.
	WrapUpAt    Time  `cbor:"12,keyasint,omitempty"`
	WrapUpUntil Time  `cbor:"13,keyasint,omitempty"`
	Extensions  uint8 `cbor:"14,keyasint,omitempty"`
	// PausedAt is since when the work rests, 0 while it does not; Paused how
	// long it rested before: the hold time.
	PausedAt Time `cbor:"15,keyasint,omitempty"`
	Paused   Time `cbor:"16,keyasint,omitempty"`
	// Guest says that it joins a conference and does not own the work.
	Guest bool `cbor:"17,keyasint,omitempty"`
	// Interruptible says which pool Size is held of.
	Interruptible bool `cbor:"18,keyasint,omitempty"`
	// Reason says why it was declined, taken back or left.
	Reason string `cbor:"9,keyasint,omitempty"`
	// Decision says who proposed it and why.
	Decision Decision `cbor:"10,keyasint"`
}

// Stands reports whether an assignment in this state holds capacity.
func (s AssignmentState) Stands() bool { return s == AssignmentOffered || s == AssignmentAccepted }

// HandleTime returns how long the agent had the work: from accepting it to the
// end of wrapping up, or until now.
func (x *Assignment) HandleTime(now Time) Time {
	switch {
	case x.AcceptedAt == 0:
		return 0
	case x.EndedAt > 0:
		return x.EndedAt - x.AcceptedAt
	default:
		return now - x.AcceptedAt
	}
}

// WrapUpTime returns how much of that was wrapping up.
func (x *Assignment) WrapUpTime(now Time) Time {
	switch {
	case x.WrapUpAt == 0:
		return 0
	case x.EndedAt > 0:
		return x.EndedAt - x.WrapUpAt
	default:
		return now - x.WrapUpAt
	}
}

// HoldTime returns for how much of it the work rested.
func (x *Assignment) HoldTime(now Time) Time {
	if x.PausedAt > 0 && x.State.Stands() {
		return x.Paused + now - x.PausedAt
	}
	return x.Paused
}
