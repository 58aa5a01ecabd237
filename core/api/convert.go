// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// The enums of the protocol have the engine's numbers, so that converting them
// is a conversion of type. A test holds them together.

// stamp is nil for 0, which in the engine means that there is none.
func stamp(t engine.Time) *timestamppb.Timestamp {
	if t == 0 {
		return nil
	}
	return timestamppb.New(time.UnixMilli(int64(t)))
}

// moment is a time of a request in the engine's milliseconds, 0 if there is
// none.
func moment(field string, t *timestamppb.Timestamp) (engine.Time, error) {
	if t == nil {
		return 0, nil
	}
	if err := t.CheckValid(); err != nil {
		return 0, invalid(field, "%s is not a time: it should lie between the years 1 and 9999", field)
	}
	ms := t.AsTime().UnixMilli()
	if ms <= 0 {
		return 0, invalid(field, "%s should not lie before 1970", field)
	}
	return engine.Time(ms), nil
}

func units(m engine.Milli) float64 { return float64(m) / float64(engine.Unit) }

// milli is the size of a request in thousandths. Finer ones are refused rather
// than rounded, so that sums are what the caller expects.
func milli(size float64) (engine.Milli, error) {
	scaled := size * float64(engine.Unit)
	exact := math.Round(scaled)
	switch {
	case !(exact >= 0 && exact <= math.MaxInt32):
		return 0, invalid("size", "size %v should be from 0 to %v", size, math.MaxInt32/engine.Unit)
	case math.Abs(scaled-exact) > 1e-6+1e-12*scaled:
		return 0, invalid("size", "size %v has more than 3 decimals", size)
	}
	return engine.Milli(exact), nil
}

func workMessage(w *engine.Work) *patchbayv1.Work {
	m := specMessage(w.ID, &w.Spec)
	m.State = patchbayv1.WorkState(w.State)
	m.CreatedAt = stamp(w.CreatedAt)
	m.EndedAt = stamp(w.EndedAt)
	m.Revision = w.Revision
	m.Declines = w.Declines
	m.Excluded = append([]string(nil), w.Excluded...)
	m.Reason = w.Reason
	m.Assignments = make([]*patchbayv1.Assignment, len(w.Assignments))
	for i := range w.Assignments {
		m.Assignments[i] = assignmentMessage(w.ID, &w.Assignments[i])
	}
	return m
}

// specMessage is work as its source described it.
func specMessage(id engine.WorkID, spec *engine.WorkSpec) *patchbayv1.Work {
	m := &patchbayv1.Work{
		Id: id.String(), Queue: spec.Queue, Channel: spec.Channel, External: spec.External, Attributes: spec.Attributes,
		Size: units(spec.Size), RequestedAt: stamp(spec.RequestedAt), TargetAcceptAt: stamp(spec.TargetAcceptAt),
		ExpiresAt: stamp(spec.ExpiresAt), RequiredAgent: spec.RequiredAgent, IdempotencyKey: spec.Key,
	}
	if spec.Priority != nil {
		m.Priority = *spec.Priority
	}
	return m
}

func assignmentMessage(work engine.WorkID, a *engine.Assignment) *patchbayv1.Assignment {
	return &patchbayv1.Assignment{
		Id: a.ID.String(), Work: work.String(), Agent: a.Agent, State: patchbayv1.AssignmentState(a.State),
		Size: units(a.Size), OfferedAt: stamp(a.OfferedAt), Deadline: stamp(a.Deadline), AnsweredAt: stamp(a.AnsweredAt),
		EndedAt: stamp(a.EndedAt), Reason: a.Reason, Decision: decisionMessage(&a.Decision),
	}
}

func decisionMessage(d *engine.Decision) *patchbayv1.Decision {
	if d == nil {
		return nil
	}
	return &patchbayv1.Decision{
		Strategy: d.Strategy, Version: d.Version, Runtime: d.Runtime, Epoch: d.Epoch, Turn: d.Turn, Config: d.Config,
		Score: d.Score, Reason: d.Reason,
	}
}

func agentMessage(a *engine.Agent, definition *engine.Definition) *patchbayv1.Agent {
	m := &patchbayv1.Agent{
		Id: a.ID, Name: a.Definition.Name, Status: a.Status, StatusSince: stamp(a.StatusSince),
		StatusCause: patchbayv1.StatusCause(a.Cause), SignedIn: a.SignedIn(), SignedInAt: stamp(a.SignedInAt),
		Connected: a.Connected, GraceUntil: stamp(a.GraceUntil), Queues: append([]string(nil), a.Definition.Queues...),
		Capacity: units(a.Presence.Capacity), Used: units(a.Used), MaxOpen: uint32(a.Presence.MaxOpen),
		AutoAccept: a.Presence.AutoAccept, DeclineReasons: append([]string(nil), a.Presence.DeclineReasons...),
		IdleSince: stamp(a.IdleSince),
	}
	for i := range definition.Channels {
		if a.Channels&(1<<i) != 0 {
			m.Channels = append(m.Channels, definition.Channels[i].Name)
		}
	}
	for _, id := range a.Held {
		m.Held = append(m.Held, id.String())
	}
	return m
}

func eventMessage(ev *engine.Event) *patchbayv1.Event {
	m := &patchbayv1.Event{
		Number: ev.Number, At: stamp(ev.At), Kind: patchbayv1.EventKind(ev.Kind), Agent: ev.Agent, Queue: ev.Queue,
		Status: ev.Status, Reason: ev.Reason, Cause: patchbayv1.StatusCause(ev.Cause), Deadline: stamp(ev.Deadline),
		Verdict: patchbayv1.Verdict(ev.Verdict), Config: ev.Config, Decision: decisionMessage(ev.Decision),
	}
	if ev.Work != 0 {
		m.Work = ev.Work.String()
	}
	if ev.Assignment != 0 {
		m.Assignment = ev.Assignment.String()
	}
	if ev.Created != nil {
		m.Created = createdMessage(ev)
	}
	return m
}

// createdMessage is work as it came in.
func createdMessage(ev *engine.Event) *patchbayv1.Work {
	m := specMessage(ev.Work, ev.Created)
	m.State = patchbayv1.WorkState_WORK_STATE_WAITING
	m.CreatedAt = stamp(ev.At)
	m.Revision = 1
	return m
}

// parseWork and parseAssignment read ids of requests. What does not look like
// an id cannot be there.
func parseWork(s string) (engine.WorkID, error) {
	id, err := engine.ParseWorkID(s)
	if err != nil {
		return 0, invalid("work", "%q is not the id of work: it should look like w42", s)
	}
	return id, nil
}

func parseAssignment(s string) (engine.AssignmentID, error) {
	id, err := engine.ParseAssignmentID(s)
	if err != nil {
		return 0, invalid("assignment", "%q is not the id of an assignment: it should look like a7", s)
	}
	return id, nil
}

// firstNumber is the number of the event that records a command; what follows
// from it comes after. It is 0 if nothing changed.
func firstNumber(events []engine.Event) uint64 {
	if len(events) == 0 {
		return 0
	}
	return events[0].Number
}
