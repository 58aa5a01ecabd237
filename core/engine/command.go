// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/patchbay-cx/patchbay/sdk/route"

// Command is something that somebody wants of a workspace. The set is closed:
// the types below. A command is decided against the state and either refused
// (a *Refusal; nothing changes) or turned into events.
type Command interface {
	decide(s *step) error
}

// Configure puts a new definition in force. Work and presence stay; an agent or
// queue that is in use cannot disappear.
// The definition is copied.
type Configure struct {
	Definition Definition
	// By names who wants it, empty for the host itself, and Note says why. Both
	// are put on record.
	By, Note string
	// Source is a checksum of the configuration that the host was started with,
	// if that is where the definition comes from; it is remembered.
	Source string

	prepared *prepared
}

// CreateWork brings work in. Result.Work is its id; Result.Duplicate says that
// the key was known, and then nothing else happened.
type CreateWork struct{ Spec WorkSpec }

// CancelWork withdraws waiting or offered work, on its source's behalf.
type CancelWork struct {
	Work   WorkID
	Reason string
}

// AbandonWork says that the customer left while waiting or offered.
type AbandonWork struct{ Work WorkID }

// RequeueWork puts offered, open or paused work back to waiting. It keeps its
// age.
type RequeueWork struct {
	Work   WorkID
	Reason string
}

// StartWork brings work in that its agent has started, as an outbound call. It
// is open at the agent at once, and takes capacity like any other.
type StartWork struct {
	Agent string
	Spec  WorkSpec
}

// UpdateWork changes work that has not ended. Nil and zero leave things as they
// are.
type UpdateWork struct {
	Work     WorkID
	Priority *int32
	// Attributes are set; an empty value removes one.
	Attributes map[string]string
	// TargetAcceptAt is when it should be accepted at the latest.
	TargetAcceptAt *Time
	// Needs replace the skills that its source requires.
	Needs *[]Need
	// Reevaluate asks for the channel's skill rules to be evaluated again. The
	// host does, and puts what comes of it in Ruled, which then replace the
	// skills by the rules; the engine reads Ruled alone.
	Reevaluate bool
	Ruled      *[]Need
	// Taken is what became of the rules, filled in by the host.
	Taken []Taken
	// Transcript refers to what was said so far.
	Transcript string
}

// TransferWork takes work from wherever it is and places it anew: into a queue,
// with skills, or to an agent. Work that an agent has open ends there as
// transferred; work that waits is moved.
//
// To an agent it is offered at once, whatever queue that agent belongs to, and
// waits in its queue if that agent does not take it. If the agent cannot take
// it now, the command is refused. An agent who has joined the work as a guest
// becomes its owner; then it stays where it is, as it is.
type TransferWork struct {
	Work WorkID
	// Queue and Agent say where to; at least one of Queue, Agent and Needs is
	// given. Without Queue it stays in its queue.
	Queue string
	Agent string
	// Needs replace the skills that its source requires, if not nil.
	Needs *[]Need
	// RequestedAt is its new age; 0 keeps the age.
	RequestedAt Time
	// Attributes are set, an empty value removes one; Transcript replaces the
	// reference if not empty: what a bot or an agent hands over.
	Attributes map[string]string
	Transcript string
	Reason     string
}

// InviteAgent invites an agent to join open work as a guest: a conference.
type InviteAgent struct {
	Work  WorkID
	Agent string
}

// PauseWork lets open work rest. Under the status model it then holds the
// paused size only.
type PauseWork struct {
	Work   WorkID
	Reason string
}

// ResumeWork goes on with paused work.
type ResumeWork struct{ Work WorkID }

// DeactivateWork says that a conversation fell silent. Under the status model
// its work is paused and stays with its agent; under the session model it is
// closed, and reopened when the customer writes again.
type DeactivateWork struct{ Work WorkID }

// ReopenWork takes closed work up again, as when the customer writes again. It
// waits for its last agent first, if the channel says so; under the status
// model it is open there at once, if that agent can take it.
type ReopenWork struct{ Work WorkID }

// SignIn makes an agent present with a status. Work is offered once the agent
// is connected; without a connection the grace period runs.
type SignIn struct{ Agent, Status string }

// SetStatus changes the status of an agent who is signed in. Offline is
// reached by SignOut alone.
type SetStatus struct {
	Agent, Status string
	// Cause is who changed it: CauseAgent if empty, or CauseSupervisor.
	Cause Cause
}

// SignOut ends an agent's presence. Offered work becomes unavailable and waits
// again; open work follows its channel's rule for lost connections.
type SignOut struct{ Agent string }

// Connect says that the agent's stream is there. It is harmless when it is so
// already.
type Connect struct{ Agent string }

// Disconnect says that the agent's stream is gone. It is harmless when it is so
// already.
type Disconnect struct{ Agent string }

// DisconnectAll says that every stream is gone, as after a restart.
type DisconnectAll struct{}

// Accept opens an offered assignment.
type Accept struct {
	Assignment AssignmentID
	Agent      string
}

// Decline refuses an offered assignment.
type Decline struct {
	Assignment AssignmentID
	Agent      string
	Reason     string
}

// Complete says that an assignment's work is done. It is closed, or wrapped up
// first if the channel has wrap-up. A guest who completes leaves.
type Complete struct {
	Assignment AssignmentID
	Agent      string
}

// FinishWrapUp ends wrapping up before its time and closes the work.
type FinishWrapUp struct {
	Assignment AssignmentID
	Agent      string
}

// ExtendWrapUp prolongs wrapping up, as often as the channel allows.
type ExtendWrapUp struct {
	Assignment AssignmentID
	Agent      string
}

// Propose settles a strategy's proposals in their order. It is never refused
// as a whole: Result.Verdicts tells what became of each.
type Propose struct {
	By        Decision
	Proposals []Proposal
	// MayExceed grants that offers exceed an agent's capacity.
	MayExceed bool
}

// Proposal is a strategy's wish: offer this work to this agent.
type Proposal struct {
	Work     WorkID
	Revision uint32
	Agent    string
	Score    int32
	// Reason is the name of the reason in the strategy's dictionary.
	Reason string
	// Rank is 0 for the first choice; later ranks for the same work are passed
	// over once one has held.
	Rank uint16
	// Refused, if not zero, says that the proposal could not even be read as
	// one (unknown work or agent): it is put on record with this verdict, which
	// must be a refusal's.
	Refused route.Verdict
}

// RecordStrategy puts a change in a strategy's health on record: in the event,
// State is Status and Detail is Reason.
type RecordStrategy struct {
	By Decision
	// State is what it is now, such as "active" or "fallback".
	State string
	// Detail says why.
	Detail string
}

func (c RecordStrategy) decide(s *step) error {
	by := c.By
	s.emit(Event{Kind: KindStrategyChanged, Status: c.State, Reason: c.Detail, Decision: &by})
	return nil
}

// Tick lets the timers that are due run out.
type Tick struct{}

// Result is what a command came to.
type Result struct {
	// Events are the facts, in order; empty when nothing changed.
	Events []Event
	// Work is the work created, or found again by its key.
	Work WorkID
	// Duplicate says that CreateWork found its key.
	Duplicate bool
	// Verdicts has one entry per proposal of Propose.
	Verdicts []route.Verdict
	// Instruction is the record of the verb of Instruct, or, if Duplicate, of
	// when it was done before.
	Instruction Instruction
}
