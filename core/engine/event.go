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
	// KindConfigured: Definition is in force as Config.
	KindConfigured Kind = 1 + iota
	// KindWorkCreated: Work waits in Queue as Created says.
	KindWorkCreated
	// KindWorkOffered: Work is offered to Agent as Assignment until Deadline,
	// by Decision.
	KindWorkOffered
	// KindOfferAccepted: Agent opened Assignment.
	KindOfferAccepted
	// KindOfferDeclined: Agent declined Assignment for Reason; Work waits.
	KindOfferDeclined
	// KindOfferTimedOut: Assignment was not answered in time; Work waits.
	KindOfferTimedOut
	// KindOfferUnavailable: Agent went away while offered; Work waits.
	KindOfferUnavailable
	// KindWorkCompleted: Agent completed Assignment; Work is closed.
	KindWorkCompleted
	// KindWorkCancelled: Work was withdrawn; its offer, if any, with it.
	KindWorkCancelled
	// KindWorkAbandoned: the customer left.
	KindWorkAbandoned
	// KindWorkExpired: the time to live ran out.
	KindWorkExpired
	// KindWorkRequeued: Work was taken from Agent's Assignment and waits again.
	KindWorkRequeued
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
	// KindStrategyChanged: Decision.Strategy is in Status, for Reason.
	KindStrategyChanged

	kindEnd
)

// answers reports whether an event of the kind changes a standing assignment,
// and not work alone.
func (k Kind) answers() bool {
	return k >= KindOfferAccepted && k <= KindWorkCompleted || k == KindWorkRequeued
}

var kindNames = [...]string{
	"", "configured", "work_created", "work_offered", "offer_accepted", "offer_declined", "offer_timed_out",
	"offer_unavailable", "work_completed", "work_cancelled", "work_abandoned", "work_expired", "work_requeued",
	"exclusions_cleared", "proposal_refused", "agent_signed_in", "agent_status_changed", "agent_signed_out",
	"agent_connected", "agent_disconnected", "strategy_changed",
}

// String returns the kind's stable name, such as "work_created".
func (k Kind) String() string {
	if k == 0 || k >= kindEnd {
		return fmt.Sprintf("kind_%d", uint8(k))
	}
	return kindNames[k]
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

// WorkSpec is what is asked of the host when work comes in. In the event, what
// was left out is filled in from the queue's routing config and the channel.
type WorkSpec struct {
	// Key makes creating idempotent: the same key returns the same work for as
	// long as that work is kept. Optional.
	Key string `cbor:"1,keyasint,omitempty"`
	// Channel and Queue are required.
	Channel string `cbor:"2,keyasint"`
	Queue   string `cbor:"3,keyasint"`
	// External is a reference to the outside record.
	External   string            `cbor:"4,keyasint,omitempty"`
	Attributes map[string]string `cbor:"5,keyasint,omitempty"`
	// Priority, 0 highest; nil takes the routing config's.
	Priority *int32 `cbor:"6,keyasint,omitempty"`
	// Size; 0 takes the routing config's, or the channel's.
	Size Milli `cbor:"7,keyasint,omitempty"`
	// RequestedAt is since when the customer waits; 0 means now. It may not
	// lie in the future.
	RequestedAt Time `cbor:"8,keyasint,omitempty"`
	// TargetAcceptAt is when it should be accepted at the latest; 0 for none.
	TargetAcceptAt Time `cbor:"9,keyasint,omitempty"`
	// ExpiresAt ends the work if it waits or is offered then, or waits again
	// later; 0 for never.
	ExpiresAt Time `cbor:"10,keyasint,omitempty"`
	// RequiredAgent is the only agent it may be offered to; optional.
	RequiredAgent string `cbor:"11,keyasint,omitempty"`
}
