// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Time is a point in time in Unix milliseconds, or a span in milliseconds.
type Time int64

// WorkID numbers work in a workspace in order of arrival, from 1. Outside it is
// written "w42".
type WorkID uint64

// AssignmentID numbers assignments in a workspace, from 1. Outside it is
// written "a7".
type AssignmentID uint64

// String writes the id as it is written outside.
func (id WorkID) String() string { return "w" + strconv.FormatUint(uint64(id), 10) }

// String writes the id as it is written outside.
func (id AssignmentID) String() string { return "a" + strconv.FormatUint(uint64(id), 10) }

// ParseWorkID reads an id such as "w42".
func ParseWorkID(s string) (WorkID, error) {
	n, err := parseID(s, "w")
	return WorkID(n), err
}

// ParseAssignmentID reads an id such as "a7".
func ParseAssignmentID(s string) (AssignmentID, error) {
	n, err := parseID(s, "a")
	return AssignmentID(n), err
}

func parseID(s, prefix string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, prefix)
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || n == 0 || digits[0] == '+' || digits[0] == '0' {
		return 0, fmt.Errorf("engine: %q is not an id: it should look like %q", s, prefix+"42")
	}
	return n, nil
}

// Kind says what an event is.
type Kind uint8

// The kinds of events. The numbers are durable.
const (
	// KindConfigured: what Definition says, or what Change makes of the former
	// definition, is in force as Config, for Reason.
	KindConfigured Kind = 1 + iota
	// KindWorkCreated: Work waits as Created and Placed say; Reason says why in
	// another queue than Created's, if it does.
	KindWorkCreated
	// KindWorkOffered: Work is offered to Agent as Assignment until Deadline,
	// by Decision, and holds Size. Guest if it invites to a conference; Granted
	// if that may exceed the agent's capacity.
	KindWorkOffered
	// KindOfferAccepted: Agent opened Assignment.
	KindOfferAccepted
	// KindOfferDeclined: Agent declined Assignment for Reason; Work waits
	// unless another offer of it stands.
	KindOfferDeclined
	// KindOfferTimedOut: Assignment was not answered in time; Work waits unless
	// another offer of it stands.
	KindOfferTimedOut
	// KindOfferUnavailable: Agent went away while offered; Work waits unless
	// another offer of it stands.
	KindOfferUnavailable
	// KindOfferWithdrawn: Assignment was taken back for Reason; Work waits unless
	// another offer of it stands.
	KindOfferWithdrawn
	// KindGuestLeft: Agent left the conference that it had joined as
	// Assignment, for Reason.
	KindGuestLeft
	// KindWorkPaused: Work at Agent's Assignment is paused for Reason and holds
	// Size.
	KindWorkPaused
	// KindWorkResumed: Work at Agent's Assignment is in progress again and
	// holds Size; Granted if that may exceed the agent's capacity.
	KindWorkResumed
	// KindWrapUpStarted: Agent wraps Assignment up until Deadline.
	KindWrapUpStarted
	// KindWrapUpExtended: it does so until another Deadline.
	KindWrapUpExtended
	// KindWorkCompleted: Agent completed Assignment; Work is closed.
	KindWorkCompleted
	// KindWorkReopened: Work, which was closed, waits again as Placed says.
	KindWorkReopened
	// KindWorkCancelled: Work was withdrawn by its source for Reason.
	KindWorkCancelled
	// KindWorkAbandoned: the customer left.
	KindWorkAbandoned
	// KindWorkExpired: the time to live ran out.
	KindWorkExpired
	// KindWorkRequeued: Work was taken from Agent's Assignment for Reason and
	// waits again.
	KindWorkRequeued
	// KindWorkTransferred: Work was taken from Agent's Assignment, if it had
	// one, for Reason, and waits as Created, if given, and Placed say.
	KindWorkTransferred
	// KindHandedOver: Work goes from From's assignment Former to the guest Agent
	// with Assignment, for Reason; it is as Created says, if given.
	KindHandedOver
	// KindWorkOverflowed: Work moved from Queue to where Placed says, for
	// Reason.
	KindWorkOverflowed
	// KindWorkUpdated: Work is as Created, if given, and Placed say.
	KindWorkUpdated
	// KindTierOpened: members of another tier are asked about Work; see Placed.
	KindTierOpened
	// KindSkillsDropped: a group of additional skills of Work was dropped; see
	// Placed.
	KindSkillsDropped
	// KindSkillsRelaxed: Work requires skills at lower levels; see Placed.
	KindSkillsRelaxed
	// KindExclusionsCleared: every candidate had declined Work; all are asked
	// again.
	KindExclusionsCleared
	// KindProposalRefused: Decision's proposal of Work for Agent was refused
	// with Verdict.
	KindProposalRefused
	// KindAgentSignedIn: Agent is present with Status.
	KindAgentSignedIn
	// KindAgentStatusChanged: Agent has Status, for Cause.
	KindAgentStatusChanged
	// KindAgentSignedOut: Agent is offline, for Cause.
	KindAgentSignedOut
	// KindAgentConnected: Agent's stream is there.
	KindAgentConnected
	// KindAgentDisconnected: Agent's stream is gone; the grace period runs
	// until Deadline.
	KindAgentDisconnected
	// KindAgentSkillsChanged: a skill of Agent began or ended by its dates.
	KindAgentSkillsChanged
	// KindQueueOpened: Queue opened by its hours.
	KindQueueOpened
	// KindQueueClosed: Queue closed by its hours.
	KindQueueClosed
	// KindStrategyChanged: Decision.Strategy is in Status, for Reason.
	KindStrategyChanged
	// KindDecidersChanged: Queue is decided for as Decided says, as Config, for
	// Reason.
	KindDecidersChanged
	// KindWorkHeld: by Instruction, Work is not offered until Deadline, or until
	// it is cleared if that is 0, for Reason.
	KindWorkHeld
	// KindHoldEnded: Work may be offered again: by Instruction, for Reason, or
	// because its hold ran out.
	KindHoldEnded
	// KindWorkAnnotated: by Instruction, Reason is noted on Work. Its revision
	// stays.
	KindWorkAnnotated
	kindEnd
)

var kindNames = [...]string{
	"", "configured", "work_created", "work_offered", "offer_accepted", "offer_declined", "offer_timed_out",
	"offer_unavailable", "offer_withdrawn", "guest_left", "work_paused", "work_resumed", "wrap_up_started",
	"wrap_up_extended", "work_completed", "work_reopened", "work_cancelled", "work_abandoned", "work_expired",
	"work_requeued", "work_transferred", "handed_over", "work_overflowed", "work_updated", "tier_opened",
	"skills_dropped", "skills_relaxed", "exclusions_cleared", "proposal_refused", "agent_signed_in",
	"agent_status_changed", "agent_signed_out", "agent_connected", "agent_disconnected", "agent_skills_changed",
	"queue_opened", "queue_closed", "strategy_changed", "deciders_changed", "work_held", "hold_ended", "work_annotated",
}

// presence reports whether an event of the kind changes an agent's presence.
func (k Kind) presence() bool { return k >= KindAgentSignedIn && k <= KindAgentDisconnected }

// answers reports whether an event of the kind is about a standing assignment.
func (k Kind) answers() bool { return k >= KindOfferAccepted && k <= KindWorkCompleted }

// instructs reports whether an event of the kind is that of a verb alone.
func (k Kind) instructs() bool { return k >= KindWorkHeld && k <= KindWorkAnnotated }

// moves reports whether an event of the kind says how work is placed from then
// on.
func (k Kind) moves() bool {
	return k == KindWorkReopened || k >= KindWorkTransferred && k <= KindSkillsRelaxed && k != KindHandedOver
}

// String returns the kind's stable name, such as "work_created".
func (k Kind) String() string {
	switch {
	case k == KindStrategiesEmployed:
		return "strategies_employed"
	case k == KindTurnTaken:
		return "turn_taken"
	case !k.known():
		return fmt.Sprintf("kind_%d", uint8(k))
	default:
		return kindNames[k]
	}
}

// Cause says who or what changed an agent's status.
type Cause uint8

// The causes of a change of status. The numbers are durable.
const (
	CauseAgent Cause = 1 + iota
	CauseDecline
	CausePushTimeout
	CauseSupervisor
	CauseSignIn
	CauseConnectionLost
)

// String returns the cause's stable name, such as "push_timeout".
func (c Cause) String() string {
	names := [...]string{"", "agent", "decline", "push_timeout", "supervisor", "sign_in", "connection_lost"}
	if int(c) >= len(names) {
		return fmt.Sprintf("cause_%d", uint8(c))
	}
	return names[c]
}

// Event is a fact: something that happened in a workspace. Number counts them
// from 1 without gaps. Which other fields are set depends on Kind; each kind's
// comment names them. Events are never changed once made.
type Event struct {
	Number     uint64        `cbor:"1,keyasint"`
	At         Time          `cbor:"2,keyasint"`
	Kind       Kind          `cbor:"3,keyasint"`
	Work       WorkID        `cbor:"4,keyasint,omitempty"`
	Assignment AssignmentID  `cbor:"5,keyasint,omitempty"`
	Agent      string        `cbor:"6,keyasint,omitempty"`
	Queue      string        `cbor:"7,keyasint,omitempty"`
	Status     string        `cbor:"8,keyasint,omitempty"`
	Reason     string        `cbor:"9,keyasint,omitempty"`
	Cause      Cause         `cbor:"10,keyasint,omitempty"`
	Deadline   Time          `cbor:"11,keyasint,omitempty"`
	Verdict    route.Verdict `cbor:"12,keyasint,omitempty"`
	Config     uint64        `cbor:"13,keyasint,omitempty"`
	Created    *WorkSpec     `cbor:"14,keyasint,omitempty"`
	Decision   *Decision     `cbor:"15,keyasint,omitempty"`
	Definition *Definition   `cbor:"16,keyasint,omitempty"`
	Placed     *Placement    `cbor:"17,keyasint,omitempty"`
	Size       Milli         `cbor:"18,keyasint,omitempty"`
	Guest      bool          `cbor:"19,keyasint,omitempty"`
	Granted    bool          `cbor:"20,keyasint,omitempty"`
	// From and Former are the agent and the assignment that lose the work.
	From   string       `cbor:"21,keyasint,omitempty"`
	Former AssignmentID `cbor:"22,keyasint,omitempty"`
	// Decided is who decides for Queue.
	Decided *Deciders `cbor:"23,keyasint,omitempty"`
	// More says that events of the same command follow.
	More     bool      `cbor:"24,keyasint,omitempty"`
	Turn     *Turn     `cbor:"25,keyasint,omitempty"`
	Employed *Employed `cbor:"26,keyasint,omitempty"`
	Change   *Change   `cbor:"27,keyasint,omitempty"`
	// Instruction is the verb whose event this is, if it is one's.
	Instruction *Instruction `cbor:"28,keyasint,omitempty"`
}

// GoesTo returns the queue in which the event leaves its work, and whether that
// is another than Queue.
func (ev *Event) GoesTo() (queue string, moved bool) {
	if ev.Placed == nil || ev.Placed.Queue == ev.Queue {
		return ev.Queue, false
	}
	return ev.Placed.Queue, true
}

// Decision says who proposed, when, and why.
type Decision struct {
	// Strategy is the admin's name of the strategy, Version its package's.
	Strategy string `cbor:"1,keyasint"`
	Version  string `cbor:"2,keyasint,omitempty"`
	// Runtime is how it ran.
	Runtime string `cbor:"3,keyasint,omitempty"`
	// Epoch and Turn name the turn in which it proposed.
	Epoch uint64 `cbor:"4,keyasint,omitempty"`
	Turn  uint64 `cbor:"5,keyasint,omitempty"`
	// Config is the version of the definition then in force.
	Config uint64 `cbor:"6,keyasint,omitempty"`
	// Score and Reason are the strategy's.
	Score  int32  `cbor:"7,keyasint,omitempty"`
	Reason string `cbor:"8,keyasint,omitempty"`
}
