// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"math"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// instructed is what came of a verb, as every response of one tells it.
type instructed struct {
	work      *patchbayv1.Work
	revision  uint32
	event     uint64
	duplicate bool
}

// instruct has a verb done in the caller's name with work of its scope, under
// the lease of a router if there is one.
func (s *workService) instruct(ctx context.Context, lease uint64, work string, c engine.Instruct) (instructed, error) {
	c.By = caller(ctx).name
	var result engine.Result
	var err error
	if lease == 0 {
		result, err = s.change(ctx, change{work: work, command: func(_ *engine.Engine, w *engine.Work) (engine.Command, error) {
			c.Work = w.ID
			return c, nil
		}})
	} else {
		result, err = s.instructAs(ctx, lease, work, c)
	}
	if err != nil {
		return instructed{}, err
	}
	out := instructed{revision: result.Instruction.To, event: result.Instruction.Event, duplicate: result.Duplicate}
	out.work, err = s.read(ctx, result.Work)
	return out, err
}

// instructAs has a verb done if the router that leads under the lease decides
// for the work.
func (s *workService) instructAs(ctx context.Context, lease uint64, work string, c engine.Instruct) (engine.Result, error) {
	id, err := parseWork(work)
	if err != nil {
		return engine.Result{}, err
	}
	lead := func() (strategy.Standing, bool) { return strategy.Standing{}, false }
	if s.doors != nil {
		lead = func() (strategy.Standing, bool) { return s.doors.Lead(lease) }
	}
	p := caller(ctx)
	return s.workspace.Instruct(ctx, lead, func(e *engine.Engine) (engine.Instruct, error) {
		c.Work = id
		_, err := p.work(e, id)
		return c, err
	})
}

// HoldWork implements patchbayv1.WorkServiceServer.
func (s *workService) HoldWork(ctx context.Context, r *patchbayv1.HoldWorkRequest) (*patchbayv1.HoldWorkResponse, error) {
	until, err := moment("until", r.GetUntil())
	if err != nil {
		return nil, err
	}
	out, err := s.instruct(ctx, r.GetLease(), r.GetWork(), engine.Instruct{
		Revision: r.GetRevision(), Verb: engine.VerbHold, Reason: r.GetReason(), Until: until,
	})
	return &patchbayv1.HoldWorkResponse{Work: out.work, Revision: out.revision, Event: out.event, Duplicate: out.duplicate}, err
}

// ClearWork implements patchbayv1.WorkServiceServer.
func (s *workService) ClearWork(ctx context.Context, r *patchbayv1.ClearWorkRequest) (*patchbayv1.ClearWorkResponse, error) {
	out, err := s.instruct(ctx, r.GetLease(), r.GetWork(), engine.Instruct{Revision: r.GetRevision(), Verb: engine.VerbClear, Reason: r.GetReason()})
	return &patchbayv1.ClearWorkResponse{Work: out.work, Revision: out.revision, Event: out.event, Duplicate: out.duplicate}, err
}

// WithdrawWork implements patchbayv1.WorkServiceServer.
func (s *workService) WithdrawWork(ctx context.Context, r *patchbayv1.WithdrawWorkRequest) (*patchbayv1.WithdrawWorkResponse, error) {
	out, err := s.instruct(ctx, r.GetLease(), r.GetWork(), engine.Instruct{
		Revision: r.GetRevision(), Verb: engine.VerbWithdraw, Agent: r.GetAgent(), Reason: r.GetReason(),
	})
	return &patchbayv1.WithdrawWorkResponse{Work: out.work, Revision: out.revision, Event: out.event, Duplicate: out.duplicate}, err
}

// ReprioritiseWork implements patchbayv1.WorkServiceServer.
func (s *workService) ReprioritiseWork(ctx context.Context, r *patchbayv1.ReprioritiseWorkRequest) (*patchbayv1.ReprioritiseWorkResponse, error) {
	out, err := s.instruct(ctx, r.GetLease(), r.GetWork(), engine.Instruct{
		Revision: r.GetRevision(), Verb: engine.VerbReprioritise, Priority: r.GetPriority(), Reason: r.GetReason(),
	})
	return &patchbayv1.ReprioritiseWorkResponse{Work: out.work, Revision: out.revision, Event: out.event, Duplicate: out.duplicate}, err
}

// AnnotateWork implements patchbayv1.WorkServiceServer.
func (s *workService) AnnotateWork(ctx context.Context, r *patchbayv1.AnnotateWorkRequest) (*patchbayv1.AnnotateWorkResponse, error) {
	out, err := s.instruct(ctx, r.GetLease(), r.GetWork(), engine.Instruct{Revision: r.GetRevision(), Verb: engine.VerbAnnotate, Reason: r.GetText()})
	return &patchbayv1.AnnotateWorkResponse{Work: out.work, Revision: out.revision, Event: out.event, Duplicate: out.duplicate}, err
}

// holdMessage is nil for nil.
func holdMessage(h *engine.Hold) *patchbayv1.Hold {
	if h == nil {
		return nil
	}
	return &patchbayv1.Hold{Since: stamp(h.Since), Until: stamp(h.Until), By: h.By, Reason: h.Reason}
}

func noteMessages(notes []engine.Note) (out []*patchbayv1.Note) {
	for i := range notes {
		out = append(out, &patchbayv1.Note{At: stamp(notes[i].At), By: notes[i].By, Text: notes[i].Text})
	}
	return out
}

// routerInstructs has a verb of a session done in the name of its strategy. Lead
// says as whom its router leads when it is decided.
func (s *Server) routerInstructs(ctx context.Context, name string, in *strategyv1.Instruct, lead func() (strategy.Standing, bool)) *strategyv1.Instructed {
	out := &strategyv1.Instructed{Lease: in.GetLease(), Number: in.GetNumber()}
	id, err := parseWork(in.GetWork())
	if err == nil && in.GetRevision() == 0 {
		err = invalid("revision", "the revision on which this was decided is needed")
	}
	var result engine.Result
	if err == nil {
		result, err = s.workspace.Instruct(ctx, lead, func(*engine.Engine) (engine.Instruct, error) {
			return engine.Instruct{
				Work: id, Revision: in.GetRevision(), Verb: engine.Verb(min(uint32(in.GetVerb()), math.MaxUint8)), Reason: in.GetReason(),
				Until: engine.Time(in.GetUntil()), Agent: in.GetAgent(), Priority: in.GetPriority(), By: name,
			}, nil
		})
	}
	if err != nil {
		out.Code, out.Text = told(err)
		return out
	}
	out.Revision, out.Event, out.Duplicate = result.Instruction.To, result.Instruction.Event, result.Duplicate
	return out
}

// told is an error as a router is told it.
func told(err error) (code, text string) {
	if refused, ok := errors.AsType[*engine.Refusal](err); ok {
		return string(refused.Code), refused.Message
	}
	r, _ := ofError(err)
	return r.code, r.message
}
