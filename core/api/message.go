// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// reading is one look at the state, from which messages are made.
type reading struct {
	engine *engine.Engine
	now    engine.Time
}

func newReading(e *engine.Engine) *reading {
	return &reading{engine: e, now: wall()}
}

// wall is the time by the clock on the wall.
func wall() engine.Time { return engine.Time(time.Now().UnixMilli()) }

// work is all that is known of work.
func (r *reading) work(w *engine.Work) *patchbayv1.Work {
	m := recordMessage(w, r.now)
	m.Unroutable = r.routability(w)
	return m
}

// recordMessage is all that work itself tells.
func recordMessage(w *engine.Work, now engine.Time) *patchbayv1.Work {
	m := describedMessage(w)
	m.CreatedAt = stamp(w.CreatedAt)
	m.EndedAt = stamp(w.EndedAt)
	m.Revision = w.Revision
	m.Declines = w.Declines
	m.Excluded = append([]string(nil), w.Excluded...)
	m.Reason = w.Reason
	m.Hold, m.Notes = holdMessage(w.Hold), noteMessages(w.Notes)
	m.Assignments = make([]*patchbayv1.Assignment, len(w.Assignments))
	for i := range w.Assignments {
		m.Assignments[i] = assignmentMessage(w, &w.Assignments[i], now)
	}
	return m
}

// routability says why nobody could ever take the work, nil if somebody could.
func (r *reading) routability(w *engine.Work) *patchbayv1.Unroutable {
	why, ok := r.engine.Unroutable(w)
	if !ok {
		return nil
	}
	return &patchbayv1.Unroutable{Reason: why.Reason, Text: why.Text, Help: why.Help}
}

// describedMessage is work as its source described it and as it is routed at
// present, without its history.
func describedMessage(w *engine.Work) *patchbayv1.Work {
	m := specMessage(w.ID, &w.Spec, &w.Placement)
	m.State = patchbayv1.WorkState(w.State)
	return m
}

func specMessage(id engine.WorkID, spec *engine.WorkSpec, placed *engine.Placement) *patchbayv1.Work {
	p := placementMessage(placed)
	m := &patchbayv1.Work{
		Id: id.String(), Channel: spec.Channel, External: spec.External, Attributes: spec.Attributes,
		TargetAcceptAt: stamp(spec.TargetAcceptAt), ExpiresAt: stamp(spec.ExpiresAt), IdempotencyKey: spec.Key,
		Customer: spec.Customer, Conversation: spec.Conversation, Transcript: spec.Transcript, Outbound: spec.Outbound,

		Queue: p.GetQueue(), Priority: p.GetPriority(), SecondaryPriority: p.GetSecondaryPriority(),
		Size: p.GetSize(), SizePercent: p.GetSizePercent(), RequestedAt: p.GetRequestedAt(), QueuedAt: p.GetQueuedAt(),
		Skills: p.GetSkills(), Tier: p.GetTier(), RequiredAgent: p.GetRequiredAgent(), PreferredAgent: p.GetPreferredAgent(),
		AgentUntil: p.GetAgentUntil(), BackupQueue: p.GetBackupQueue(), Overflow: p.GetOverflow(),
	}
	for _, taken := range spec.Intake {
		m.Intake = append(m.Intake, &patchbayv1.IntakeStep{Step: taken.Step, Failed: taken.Failed})
	}
	return m
}

// placementMessage is nil for nil.
func placementMessage(p *engine.Placement) *patchbayv1.Placement {
	if p == nil {
		return nil
	}
	m := &patchbayv1.Placement{
		Queue: p.Queue, Priority: p.Priority, SecondaryPriority: p.Secondary, Size: units(p.Size.Units),
		SizePercent: units(engine.Milli(p.Size.Percent)), RequestedAt: stamp(p.RequestedAt), QueuedAt: stamp(p.QueuedAt),
		Tier: uint32(p.Tier), AgentUntil: stamp(p.Until), BackupQueue: p.Backup,
	}
	if p.Required {
		m.RequiredAgent = p.Agent
	} else {
		m.PreferredAgent = p.Agent
	}
	for i := range p.Needs {
		m.Skills = append(m.Skills, needMessage(&p.Needs[i]))
	}
	if o := p.Overflow; o != nil {
		m.Overflow = &patchbayv1.Overflow{To: o.To, After: lasting(o.After), At: o.At, WhenNobody: o.WhenNobody}
	}
	return m
}

func needMessage(n *engine.Need) *patchbayv1.SkillNeed {
	required := &patchbayv1.RequiredSkill{
		Skill: n.Skill, Level: units(engine.Milli(n.Level)), Additional: n.Additional, Priority: uint32(n.Group),
	}
	for _, step := range n.Relax {
		required.Relax = append(required.Relax, &patchbayv1.Relaxation{After: lasting(step.After), Level: units(engine.Milli(step.Level))})
	}
	m := &patchbayv1.SkillNeed{Required: required, Dropped: n.Dropped}
	if !n.Dropped {
		m.LevelNow = units(engine.Milli(n.Now))
	}
	return m
}

func assignmentMessage(w *engine.Work, x *engine.Assignment, now engine.Time) *patchbayv1.Assignment {
	m := &patchbayv1.Assignment{
		Id: x.ID.String(), Work: w.ID.String(), Agent: x.Agent, State: patchbayv1.AssignmentState(x.State),
		Size: units(x.Size), OfferedAt: stamp(x.OfferedAt), Deadline: stamp(x.Deadline), AnsweredAt: stamp(x.AnsweredAt),
		EndedAt: stamp(x.EndedAt), Reason: x.Reason, Decision: decisionMessage(&x.Decision),
		AcceptedAt: stamp(x.AcceptedAt), WrapUpStartedAt: stamp(x.WrapUpAt), WrapUpUntil: stamp(x.WrapUpUntil),
		WrapUpExtensions: uint32(x.Extensions), PausedAt: stamp(x.PausedAt), Guest: x.Guest, Interruptible: x.Interruptible,
		HandleTime: lastingIf(x.AcceptedAt > 0, x.HandleTime(now)),
		WrapUpTime: lastingIf(x.WrapUpAt > 0, x.WrapUpTime(now)),
		HoldTime:   lastingIf(x.PausedAt > 0 || x.Paused > 0, x.HoldTime(now)),
	}
	if w.RequestedAt <= x.OfferedAt { // or it got a later age since
		m.RequestedAt = stamp(w.RequestedAt)
		m.SpeedToAnswer = lastingIf(x.AcceptedAt > 0, x.AcceptedAt-w.RequestedAt)
	}
	return m
}

// lasting is nil for 0, which in the engine means that there is none.
func lasting(span engine.Time) *durationpb.Duration { return lastingIf(span != 0, span) }

// lastingIf is a span of time if there is one, which may be 0. The clock of the
// host may be behind that of the last event.
func lastingIf(is bool, span engine.Time) *durationpb.Duration {
	if !is {
		return nil
	}
	return durationpb.New(time.Duration(max(span, 0)) * time.Millisecond)
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
		Connected: a.Connected, GraceUntil: stamp(a.GraceUntil),
		Capacity: units(a.Presence.Capacity), Used: units(a.Used), InterruptibleCapacity: units(a.Presence.Interruptible),
		InterruptibleUsed: units(a.InterruptibleUsed), MaxOpen: uint32(a.Presence.MaxOpen), Offers: uint32(a.Offers),
		MaxOffers: uint32(a.Presence.MaxOffers), AutoAccept: a.Presence.AutoAccept,
		DeclineReasons: append([]string(nil), a.Presence.DeclineReasons...), IdleSince: stamp(a.IdleSince),
	}
	for i := range definition.Channels {
		if a.Channels&(1<<i) != 0 {
			m.Channels = append(m.Channels, definition.Channels[i].Name)
		}
	}
	for _, id := range a.Held {
		m.Held = append(m.Held, id.String())
	}
	for _, at := range a.Definition.Queues {
		m.Memberships = append(m.Memberships, &patchbayv1.Membership{
			Queue: at.Queue, Tier: uint32(max(at.Tier, 1)), Weight: uint32(max(at.Weight, 1)),
		})
	}
	for i := range a.Definition.Skills {
		skill := &a.Definition.Skills[i]
		m.Skills = append(m.Skills, &patchbayv1.HeldSkill{
			Skill: skill.Name, Level: units(engine.Milli(skill.Level)), From: stamp(skill.From), Until: stamp(skill.Until),
			Valid: slices.ContainsFunc(a.Skills, func(s engine.Skill) bool { return s.Name == skill.Name }),
		})
	}
	return m
}

func eventMessage(ev *engine.Event) *patchbayv1.Event {
	m := &patchbayv1.Event{
		Number: ev.Number, At: stamp(ev.At), Kind: patchbayv1.EventKind(ev.Kind), Agent: ev.Agent, Queue: ev.Queue,
		Status: ev.Status, Reason: ev.Reason, Cause: patchbayv1.StatusCause(ev.Cause), Deadline: stamp(ev.Deadline),
		Verdict: patchbayv1.Verdict(ev.Verdict), Config: ev.Config, Decision: decisionMessage(ev.Decision),
		Size: units(ev.Size), Guest: ev.Guest, Granted: ev.Granted,
	}
	if in := ev.Instruction; in != nil {
		m.Instruction = &patchbayv1.Instruction{Verb: in.Verb.String(), By: in.By, FromRevision: in.From, Revision: in.To}
	}
	if ev.Work != 0 {
		m.Work = ev.Work.String()
	}
	if ev.Assignment != 0 {
		m.Assignment = ev.Assignment.String()
	}
	if ev.Kind == engine.KindWorkCreated {
		m.Created = createdMessage(ev)
		return m
	}
	m.Placed, m.Deciders = placementMessage(ev.Placed), decidedMessage(ev)
	if ev.Created != nil {
		m.Created = specMessage(ev.Work, ev.Created, ev.Placed)
	}
	return m
}

// decidedMessage is who decides from then on; nil for an event that says nothing
// of that.
func decidedMessage(ev *engine.Event) *patchbayv1.Deciders {
	to := ev.Decided
	if to == nil {
		return nil
	}
	m := &patchbayv1.Deciders{Strategy: to.Strategy, Shadow: to.Shadow}
	if c := to.Canary; c != nil {
		m.Canary, m.Percent, m.Guards = c.Strategy, float64(c.Share)*100/engine.WholeShare, c.Guards
	}
	if ev.Change != nil {
		m.By = ev.Change.By
	}
	return m
}

// createdMessage is work as it came in.
func createdMessage(ev *engine.Event) *patchbayv1.Work {
	m := specMessage(ev.Work, ev.Created, ev.Placed)
	m.State = patchbayv1.WorkState_WORK_STATE_WAITING
	m.CreatedAt = stamp(ev.At)
	m.Revision = 1
	m.Reason = ev.Reason
	return m
}
