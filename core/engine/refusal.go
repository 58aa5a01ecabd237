// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "fmt"

// Code is the stable name of why a command was refused.
type Code string

// The codes. They never change their meaning; new ones may come.
const (
	CodeInvalid           Code = "invalid"
	CodeInvalidDefinition Code = "invalid_definition"
	CodeUnknownWork       Code = "unknown_work"
	CodeUnknownAssignment Code = "unknown_assignment"
	CodeUnknownAgent      Code = "unknown_agent"
	CodeUnknownQueue      Code = "unknown_queue"
	CodeUnknownChannel    Code = "unknown_channel"
	CodeUnknownStatus     Code = "unknown_status"
	CodeSizeTooLarge      Code = "size_too_large"
	CodeNotSignedIn       Code = "not_signed_in"
	CodeAlreadySignedIn   Code = "already_signed_in"
	CodeNotYours          Code = "not_yours"
	CodeWrongState        Code = "wrong_state"
	CodeReasonRequired    Code = "reason_required"
	CodeInUse             Code = "in_use"
	CodeUnknownSkill      Code = "unknown_skill"
	CodeAgentUnavailable  Code = "agent_unavailable"
	CodeNoCapacity        Code = "no_capacity"
	CodeLimit             Code = "limit"
	CodeQueueFull         Code = "queue_full"
	CodeQueueClosed       Code = "queue_closed"
	CodeUnknownStrategy   Code = "unknown_strategy"
	// CodeStatusNotPermitted means that the agent's profile does not let it
	// choose the status.
	CodeStatusNotPermitted Code = "status_not_permitted"
	// CodeStale means that the work has changed since the revision at which
	// that was decided.
	CodeStale Code = "stale"
)

// Refusal is why a command was refused. What is refused changes nothing.
type Refusal struct {
	// Code is stable, for programs.
	Code Code
	// Field is the path of the field that is wrong; empty if it is none.
	Field string
	// Message says what is wrong and what would be right, for people.
	Message string
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("%s: %s", r.Code, r.Message)
	}
	return fmt.Sprintf("%s: %s: %s", r.Code, r.Field, r.Message)
}

func refuse(code Code, field, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}
