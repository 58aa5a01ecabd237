// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	defaultPage = 100
	// maxScan bounds how much work is looked at in one reading of the state, so
	// that a list with a filter does not hold up routing.
	maxScan = 5_000
)

// workService implements patchbay.v1.WorkService.
type workService struct {
	patchbayv1.UnimplementedWorkServiceServer
	workspace *host.Workspace
	doors     *remote.Doors // nil if no strategy has routers
}

// CreateWork implements patchbayv1.WorkServiceServer.
func (s *workService) CreateWork(ctx context.Context, r *patchbayv1.CreateWorkRequest) (*patchbayv1.CreateWorkResponse, error) {
	if err := inScope(ctx, "queue", r.GetQueue()); err != nil {
		return nil, err
	}
	if r.GetBackupQueue() != "" {
		if err := inScope(ctx, "backup_queue", r.GetBackupQueue()); err != nil {
			return nil, err
		}
	}
	spec, err := createdSpec(r)
	if err != nil {
		return nil, err
	}
	result, err := s.workspace.Do(ctx, engine.CreateWork{Spec: spec})
	if err != nil {
		return nil, needsQueue(err, spec.Queue)
	}
	if result.Duplicate || len(result.Events) == 0 {
		work, err := s.read(ctx, result.Work)
		return &patchbayv1.CreateWorkResponse{Work: work, Duplicate: true}, err
	}
	created := &result.Events[0]
	return &patchbayv1.CreateWorkResponse{Work: createdMessage(created), Event: created.Number}, nil
}

// needsQueue tells who named no queue, which is right where a flow sets it.
func needsQueue(err error, named string) error {
	var r *engine.Refusal
	if named == "" && errors.As(err, &r) && r.Code == engine.CodeUnknownQueue && r.Field == "queue" {
		return invalid("queue", "which queue? Name one: no flow sets it for work of this channel")
	}
	return err
}

// StartWork implements patchbayv1.WorkServiceServer.
func (s *workService) StartWork(ctx context.Context, r *patchbayv1.StartWorkRequest) (*patchbayv1.StartWorkResponse, error) {
	if r.GetAgent() == "" {
		return nil, invalid("agent", "an agent is needed")
	}
	if err := inScope(ctx, "queue", r.GetQueue()); err != nil {
		return nil, err
	}
	spec, err := startedSpec(r)
	if err != nil {
		return nil, err
	}
	p := caller(ctx)
	result, err := s.workspace.DoWith(ctx, func(e *engine.Engine) (engine.Command, error) {
		return engine.StartWork{Agent: r.GetAgent(), Spec: spec}, p.covers(e, "agent", r.GetAgent())
	})
	if err != nil {
		return nil, err
	}
	// It is seen by whoever may start it; a duplicate may be another's.
	var work *patchbayv1.Work
	if result.Duplicate && p.role == patchbayv1.Role_ROLE_AGENT {
		work, err = s.readOf(ctx, result.Work, p.agent)
	} else {
		work, err = s.read(ctx, result.Work)
	}
	return &patchbayv1.StartWorkResponse{
		Work: work, Duplicate: result.Duplicate, Event: numberOf(result.Events, engine.KindWorkCreated),
	}, err
}

// GetWork implements patchbayv1.WorkServiceServer.
func (s *workService) GetWork(ctx context.Context, r *patchbayv1.GetWorkRequest) (*patchbayv1.GetWorkResponse, error) {
	id, err := parseWork(r.GetWork())
	if err != nil {
		return nil, err
	}
	work, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	return &patchbayv1.GetWorkResponse{Work: work}, nil
}

// read returns work of the caller's scope.
func (s *workService) read(ctx context.Context, id engine.WorkID) (*patchbayv1.Work, error) {
	return s.readOf(ctx, id, "")
}

// readOf returns work of the caller's scope that the agent has, or has had; of
// anybody if agent is empty.
func (s *workService) readOf(ctx context.Context, id engine.WorkID, agent string) (work *patchbayv1.Work, err error) {
	viewed := s.workspace.View(ctx, func(e *engine.Engine) {
		var w *engine.Work
		if w, err = caller(ctx).work(e, id); err != nil {
			return
		}
		if agent != "" && !slices.ContainsFunc(w.Assignments, func(x engine.Assignment) bool { return x.Agent == agent }) {
			err = refuse(codes.PermissionDenied, string(engine.CodeNotYours), "idempotency_key", "the idempotency key is that of work of somebody else")
			return
		}
		work = newReading(e).work(w)
	})
	return work, firstOf(viewed, err)
}

// ListWork implements patchbayv1.WorkServiceServer.
func (s *workService) ListWork(ctx context.Context, r *patchbayv1.ListWorkRequest) (*patchbayv1.ListWorkResponse, error) {
	if r.GetQueue() != "" && !caller(ctx).seesQueue(r.GetQueue()) {
		return nil, outOfScope(ctx, "queue", "queue", r.GetQueue())
	}
	var after engine.WorkID
	if r.GetPageToken() != "" {
		var err error
		if after, err = engine.ParseWorkID(r.GetPageToken()); err != nil {
			return nil, invalid("page_token", "%q is not a page token: use the next_page_token of the page before", r.GetPageToken())
		}
	}
	size := int(r.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	found, err := s.list(ctx, r, after, size+1)
	if err != nil {
		return nil, err
	}
	response := &patchbayv1.ListWorkResponse{Work: found}
	if len(found) > size {
		response.Work = found[:size]
		response.NextPageToken = found[size-1].GetId()
	}
	return response, nil
}

// list collects up to limit matches, a part of the state at a time.
func (s *workService) list(ctx context.Context, r *patchbayv1.ListWorkRequest, after engine.WorkID, limit int) ([]*patchbayv1.Work, error) {
	p := caller(ctx)
	var found []*patchbayv1.Work
	for more := true; more; {
		more = false
		var unknown error
		scanned := 0
		err := s.workspace.View(ctx, func(e *engine.Engine) {
			if _, ok := e.Backlog(r.GetQueue()); !ok && r.GetQueue() != "" {
				unknown = unknownQueue(r.GetQueue())
				return
			}
			reading := newReading(e)
			e.EachWork(after, func(w *engine.Work) bool {
				after = w.ID
				scanned++
				if p.seesQueue(w.Queue) && reading.matches(w, r) {
					found = append(found, reading.work(w))
				}
				more = len(found) < limit && scanned == maxScan
				return len(found) < limit && scanned < maxScan
			})
		})
		if err != nil || unknown != nil {
			return nil, firstOf(err, unknown)
		}
	}
	return found, nil
}

func (r *reading) matches(w *engine.Work, wanted *patchbayv1.ListWorkRequest) bool {
	return (wanted.GetQueue() == "" || w.Queue == wanted.GetQueue()) &&
		(wanted.GetState() == 0 || patchbayv1.WorkState(w.State) == wanted.GetState()) &&
		(!wanted.GetUnroutable() || r.routability(w) != nil)
}

// GetEstimatedWait implements patchbayv1.WorkServiceServer.
func (s *workService) GetEstimatedWait(ctx context.Context, r *patchbayv1.GetEstimatedWaitRequest) (*patchbayv1.GetEstimatedWaitResponse, error) {
	var id engine.WorkID
	switch {
	case (r.GetQueue() == "") == (r.GetWork() == ""):
		return nil, invalid("queue", "whose wait? Give a queue, or a piece of work")
	case r.GetWork() != "" && len(r.GetSkills()) > 0:
		return nil, invalid("skills", "work has its own required skills; skills go with a queue")
	case r.GetWork() != "":
		var err error
		if id, err = parseWork(r.GetWork()); err != nil {
			return nil, err
		}
	}
	var answer *patchbayv1.GetEstimatedWaitResponse
	var bad error
	err := s.workspace.View(ctx, func(e *engine.Engine) {
		if id != 0 {
			answer, bad = estimateOf(e, caller(ctx), id)
		} else {
			answer, bad = estimateIn(e, caller(ctx), r)
		}
	})
	return answer, firstOf(err, bad)
}

// estimateOf is what a piece of work must expect.
func estimateOf(e *engine.Engine, p *principal, id engine.WorkID) (*patchbayv1.GetEstimatedWaitResponse, error) {
	w, err := p.work(e, id)
	if err != nil {
		return nil, err
	}
	m := queueEstimate(e, w.Queue)
	if place, waits := e.Position(w); waits {
		m.Position = uint32(place)
		wait, known := e.EstimatedWaitFor(w)
		m.EstimatedWait = lastingIf(known, wait)
	}
	return m, nil
}

// estimateIn is what new work of a queue must expect.
func estimateIn(e *engine.Engine, p *principal, r *patchbayv1.GetEstimatedWaitRequest) (*patchbayv1.GetEstimatedWaitResponse, error) {
	if !p.seesQueue(r.GetQueue()) {
		return nil, outside(p, "queue", "queue", r.GetQueue())
	}
	if _, ok := e.Backlog(r.GetQueue()); !ok {
		return nil, unknownQueue(r.GetQueue())
	}
	like := engine.Work{Placement: engine.Placement{Queue: r.GetQueue()}}
	for _, skill := range slices.Compact(slices.Sorted(slices.Values(r.GetSkills()))) {
		if !slices.Contains(e.Definition().Skills, skill) {
			return nil, refuse(codes.InvalidArgument, string(engine.CodeUnknownSkill), "skills", "there is no skill %q", skill)
		}
		like.Needs = append(like.Needs, engine.Need{Skill: skill})
	}
	m := queueEstimate(e, r.GetQueue())
	wait, known := e.EstimatedWaitFor(&like)
	m.EstimatedWait = lastingIf(known, wait)
	return m, nil
}

func queueEstimate(e *engine.Engine, queue string) *patchbayv1.GetEstimatedWaitResponse {
	b, _ := e.Backlog(queue)
	return &patchbayv1.GetEstimatedWaitResponse{Queue: queue, Waiting: uint32(b.Waiting), Closed: b.Closed}
}
