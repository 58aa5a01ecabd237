// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// explainService implements patchbay.v1.ExplainService.
type explainService struct {
	patchbayv1.UnimplementedExplainServiceServer
	workspace *host.Workspace
}

// ExplainWork implements patchbayv1.ExplainServiceServer.
func (s *explainService) ExplainWork(ctx context.Context, r *patchbayv1.ExplainWorkRequest) (*patchbayv1.ExplainWorkResponse, error) {
	explanation, err := s.explain(ctx, r.GetWork(), r.GetWhyNot(), nil)
	if err != nil {
		return nil, err
	}
	return &patchbayv1.ExplainWorkResponse{Explanation: explanation}, nil
}

// StreamExplanation implements patchbayv1.ExplainServiceServer.
func (s *explainService) StreamExplanation(r *patchbayv1.StreamExplanationRequest, out grpc.ServerStreamingServer[patchbayv1.StreamExplanationResponse]) error {
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return out.SendHeader(metadata.Pairs(opened, "explanation"))
	}
	var failed error
	explanation, err := s.explain(ctx, r.GetWork(), r.GetWhyNot(), func(done, total uint64) {
		if failed = begin(); failed == nil {
			failed = out.Send(&patchbayv1.StreamExplanationResponse{Message: &patchbayv1.StreamExplanationResponse_Progress{
				Progress: &patchbayv1.ExplainProgress{Done: done, Total: total},
			}})
		}
		if failed != nil {
			cancel() // nobody listens any more
		}
	})
	if err := firstOf(failed, err); err != nil {
		return err // before the stream stands, an ordinary error
	}
	if err := begin(); err != nil {
		return err
	}
	return out.Send(&patchbayv1.StreamExplanationResponse{Message: &patchbayv1.StreamExplanationResponse_Explanation{Explanation: explanation}})
}

func (s *explainService) explain(ctx context.Context, work, whyNot string, progress func(done, total uint64)) (*patchbayv1.Explanation, error) {
	id, err := parseWork(work)
	if err != nil {
		return nil, err
	}
	p := caller(ctx)
	if whyNot != "" {
		var outside error
		if err := s.workspace.View(ctx, func(e *engine.Engine) { outside = p.covers(e, "why_not", whyNot) }); err != nil || outside != nil {
			return nil, firstOf(err, outside)
		}
	}
	x, err := s.workspace.Explain(ctx, host.ExplainRequest{
		Work: id, WhyNot: whyNot, Progress: progress,
		Admit: func(w *engine.Work) error {
			if !p.seesQueue(w.Queue) {
				return outOfScope(ctx, "work", "work", id.String())
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return explanationMessage(x), nil
}

func explanationMessage(x *host.Explanation) *patchbayv1.Explanation {
	m := &patchbayv1.Explanation{
		Work: recordMessage(x.Work, x.Now), Forgotten: x.Forgotten, LastEvent: x.Number, Now: stamp(x.Now),
		Complete: x.Complete, Since: x.Since, Omitted: uint32(x.Omitted), Outlook: outlookMessage(x.Outlook),
	}
	m.Work.Unroutable = m.GetOutlook().GetUnroutable()
	for i := range x.Steps {
		m.Steps = append(m.Steps, stepMessage(&x.Steps[i]))
	}
	for i := range x.Requirements {
		m.Requirements = append(m.Requirements, &patchbayv1.ExplainRequirement{
			Need: needMessage(&x.Requirements[i].Need), From: x.Requirements[i].From,
		})
	}
	if x.WhyNot != nil {
		m.WhyNot = x.WhyNot.Agent
		for i := range x.WhyNot.Moments {
			m.Moments = append(m.Moments, momentMessage(&x.WhyNot.Moments[i]))
		}
	}
	return m
}

func stepMessage(s *host.Step) *patchbayv1.ExplainStep {
	ev := &s.Event
	m := &patchbayv1.ExplainStep{
		Event: ev.Number, At: stamp(ev.At), Kind: patchbayv1.EventKind(ev.Kind), State: patchbayv1.WorkState(s.State),
		Queue: s.Queue, Agent: ev.Agent, Times: uint32(s.Times), Verdict: patchbayv1.Verdict(ev.Verdict),
		Decision: decisionMessage(ev.Decision), Text: s.Text, Notes: s.Notes,
	}
	if ev.Assignment != 0 {
		m.Assignment = ev.Assignment.String()
	}
	if c := s.Choice; c != nil {
		m.Choice = &patchbayv1.ExplainChoice{
			FirstTurn: c.Turns.First, LastTurn: c.Turns.Last, Certain: c.Turns.Certain, Model: c.Model, Figure: c.Figure, Agrees: c.Agrees,
			Survey: surveyMessage(c.Survey), Passed: passedMessages(c.Passed),
		}
	}
	return m
}

func surveyMessage(s *engine.Survey) *patchbayv1.ExplainSurvey {
	if s == nil {
		return nil
	}
	m := &patchbayv1.ExplainSurvey{Asked: uint32(s.Asked), Everybody: s.Everybody, Candidates: uint32(s.Candidates)}
	for i := range s.Against {
		g := &s.Against[i]
		m.Against = append(m.Against, &patchbayv1.ExplainAgainst{
			Name: g.Name, Detail: g.Detail, Verdict: patchbayv1.Verdict(g.Verdict), Agents: uint32(g.Agents), Only: uint32(g.Only),
		})
	}
	return m
}

func passedMessages(list []host.Passed) (out []*patchbayv1.ExplainPassed) {
	for i := range list {
		p := &list[i]
		out = append(out, &patchbayv1.ExplainPassed{
			Agent: p.Agent, Candidate: p.Candidate, Text: p.Text, Obstacles: obstacleMessages(p.Obstacles),
		})
	}
	return out
}

func obstacleMessages(list []engine.Obstacle) (out []*patchbayv1.ExplainObstacle) {
	for i := range list {
		o := &list[i]
		out = append(out, &patchbayv1.ExplainObstacle{
			Name: o.Name, Detail: o.Detail, Verdict: patchbayv1.Verdict(o.Verdict), Text: o.Text, Until: stamp(o.Until),
		})
	}
	return out
}

func momentMessage(x *host.Moment) *patchbayv1.ExplainMoment {
	return &patchbayv1.ExplainMoment{
		Event: x.Event, At: stamp(x.At), Chosen: x.Chosen, Candidate: x.Candidate, Text: x.Text,
		Obstacles: obstacleMessages(x.Obstacles),
	}
}

func outlookMessage(o *host.Outlook) *patchbayv1.ExplainOutlook {
	if o == nil {
		return nil
	}
	m := &patchbayv1.ExplainOutlook{
		Why: o.Why, Survey: surveyMessage(o.Survey), Near: passedMessages(o.Near), Position: uint32(o.Position),
		EstimatedWait: lastingIf(o.Estimated, o.EstimatedWait), Deciding: o.DecidedBy,
	}
	if u := o.Unroutable; u != nil {
		m.Unroutable = &patchbayv1.Unroutable{Reason: u.Reason, Text: u.Text, Help: u.Help}
	}
	if c := o.Considered; c != nil {
		m.Epoch, m.FirstTurn, m.LastTurn, m.Note = c.Epoch, c.First, c.Last, c.Note
	}
	for i := range o.Coming {
		c := &o.Coming[i]
		m.Coming = append(m.Coming, &patchbayv1.ExplainComing{At: stamp(c.At), Name: c.Name, Text: c.Text})
	}
	return m
}
