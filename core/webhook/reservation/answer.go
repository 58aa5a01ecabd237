// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package reservation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Verb is what becomes of an offer, or of its work.
type Verb string

// The verbs.
const (
	// VerbStand leaves the offer to its agent.
	VerbStand Verb = "stand"
	// VerbAccept opens it for the agent, VerbDecline refuses it for the agent.
	VerbAccept  Verb = "accept"
	VerbDecline Verb = "decline"
	// VerbWithdraw takes it back; the work waits again.
	VerbWithdraw Verb = "withdraw"
	// VerbRequeue takes every offer of the work back; it waits again.
	VerbRequeue Verb = "requeue"
	// VerbTransfer places the work in another queue, or with another agent.
	VerbTransfer Verb = "transfer"
	// VerbHold takes the offer back and keeps the work from being offered.
	VerbHold Verb = "hold"
	// VerbReprioritise gives the work another priority; the offer stands.
	VerbReprioritise Verb = "reprioritise"
	// VerbAnnotate notes something on the work; the offer stands.
	VerbAnnotate Verb = "annotate"
)

// Answer is what is answered about an offer.
type Answer struct {
	// Verb says what to do; empty is VerbStand.
	Verb Verb `json:"verb"`
	// Reason says why, for the record; of an annotation, it is the note.
	Reason string `json:"reason,omitempty"`
	// Queue and Agent are where VerbTransfer goes, one of them or both.
	Queue string `json:"queue,omitempty"`
	Agent string `json:"agent,omitempty"`
	// Priority is the new one; 0 is highest. VerbReprioritise needs it.
	Priority *int32 `json:"priority,omitempty"`
	// Until is when VerbHold ends by itself; zero if it is to be cleared.
	Until time.Time `json:"until,omitzero"`
}

// By names callbacks on record.
const By = "reservation callback"

// ReadAnswer reads the body of an answer; an empty one lets the offer stand. An
// error says what is wrong with it.
func ReadAnswer(body []byte) (*Answer, error) {
	a := &Answer{}
	if len(bytes.TrimSpace(body)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(a); err != nil {
			return nil, fmt.Errorf("reservation: the answer cannot be read: %w", err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("reservation: the answer is one JSON object, and more follows")
		}
	}
	if a.Verb == "" {
		a.Verb = VerbStand
	}
	return a, a.check()
}

// maxReason is the longest reason, in bytes, as for those who call the API.
const maxReason = 1000

func (a *Answer) check() error {
	given := map[string]bool{
		"queue": a.Queue != "", "agent": a.Agent != "", "priority": a.Priority != nil, "until": !a.Until.IsZero(),
	}
	takes := map[Verb][]string{
		VerbStand: nil, VerbAccept: nil, VerbDecline: nil, VerbWithdraw: nil, VerbRequeue: nil, VerbAnnotate: nil,
		VerbTransfer: {"queue", "agent"}, VerbHold: {"until"}, VerbReprioritise: {"priority"},
	}
	fields, known := takes[a.Verb]
	if !known {
		return fmt.Errorf("reservation: there is no verb %q; there are stand, accept, decline, withdraw, requeue, transfer, hold, reprioritise and annotate", a.Verb)
	}
	for _, name := range []string{"queue", "agent", "priority", "until"} {
		if given[name] && !slices.Contains(fields, name) {
			return fmt.Errorf("reservation: %s does not go with the verb %s", name, a.Verb)
		}
	}
	switch {
	case len(a.Reason) > maxReason:
		return fmt.Errorf("reservation: the reason is longer than %d bytes", maxReason)
	case a.Verb == VerbTransfer && a.Queue == "" && a.Agent == "":
		return errors.New("reservation: transfer needs a queue or an agent")
	case a.Verb == VerbReprioritise && a.Priority == nil:
		return errors.New("reservation: reprioritise needs a priority")
	}
	return nil
}

// errGone says that the answer comes too late.
var errGone = errors.New("reservation: the answer comes too late: the offer does not stand any more")

// do has done what is answered, if the offer stands still. Whether it does is
// looked at in the same step in which it is done.
func (d *Desk) do(ctx context.Context, ev *engine.Event, a *Answer) error {
	for _, command := range a.commands(ev) {
		_, err := d.options.Workspace.DoWith(ctx, func(e *engine.Engine) (engine.Command, error) {
			if x, _, ok := e.Assignment(ev.Assignment); !ok || x.State != engine.AssignmentOffered {
				return nil, errGone
			}
			return command, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// commands are what the answer asks for, in order. All but the last leave the
// offer as it is.
func (a *Answer) commands(ev *engine.Event) []engine.Command {
	instruct := func(verb engine.Verb) engine.Instruct {
		return engine.Instruct{Work: ev.Work, Verb: verb, By: By, Reason: a.Reason}
	}
	withdraw := instruct(engine.VerbWithdraw)
	switch a.Verb {
	case VerbAccept:
		return []engine.Command{engine.Accept{Assignment: ev.Assignment, Agent: ev.Agent}}
	case VerbDecline:
		return []engine.Command{engine.Decline{Assignment: ev.Assignment, Agent: ev.Agent, Reason: a.Reason}}
	case VerbWithdraw:
		withdraw.Agent = ev.Agent
		return []engine.Command{withdraw}
	case VerbRequeue:
		return []engine.Command{withdraw}
	case VerbTransfer:
		return []engine.Command{engine.TransferWork{Work: ev.Work, Queue: a.Queue, Agent: a.Agent, Reason: a.Reason}}
	case VerbHold:
		hold := instruct(engine.VerbHold)
		if !a.Until.IsZero() {
			hold.Until = engine.Time(a.Until.UnixMilli())
		}
		return []engine.Command{hold, withdraw}
	case VerbReprioritise:
		priority := instruct(engine.VerbReprioritise)
		priority.Priority = *a.Priority
		return []engine.Command{priority}
	case VerbAnnotate:
		return []engine.Command{instruct(engine.VerbAnnotate)}
	default:
		return nil
	}
}
