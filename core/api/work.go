// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
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
}

// CreateWork implements patchbayv1.WorkServiceServer.
func (s *workService) CreateWork(ctx context.Context, r *patchbayv1.CreateWorkRequest) (*patchbayv1.CreateWorkResponse, error) {
	if !caller(ctx).seesQueue(r.GetQueue()) {
		return nil, outOfScope(ctx, "queue", "queue", r.GetQueue())
	}
	spec, err := specOf(r)
	if err != nil {
		return nil, err
	}
	result, err := s.workspace.Do(ctx, engine.CreateWork{Spec: spec})
	if err != nil {
		return nil, err
	}
	if result.Duplicate || len(result.Events) == 0 {
		work, err := s.read(ctx, result.Work)
		return &patchbayv1.CreateWorkResponse{Work: work, Duplicate: true}, err
	}
	created := &result.Events[0]
	return &patchbayv1.CreateWorkResponse{Work: createdMessage(created), Event: created.Number}, nil
}

func specOf(r *patchbayv1.CreateWorkRequest) (engine.WorkSpec, error) {
	spec := engine.WorkSpec{
		Key: r.GetIdempotencyKey(), Channel: r.GetChannel(), Queue: r.GetQueue(), External: r.GetExternal(),
		Attributes: r.GetAttributes(), Priority: r.Priority, RequiredAgent: r.GetRequiredAgent(),
	}
	var err error
	if spec.Size, err = milli(r.GetSize()); err != nil {
		return spec, err
	}
	if r.Size != nil && spec.Size == 0 {
		return spec, invalid("size", "size should be above 0; left out, it is the routing config's or the channel's")
	}
	if spec.RequestedAt, err = moment("requested_at", r.GetRequestedAt()); err != nil {
		return spec, err
	}
	if spec.TargetAcceptAt, err = moment("target_accept_at", r.GetTargetAcceptAt()); err != nil {
		return spec, err
	}
	spec.ExpiresAt, err = moment("expires_at", r.GetExpiresAt())
	return spec, err
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
func (s *workService) read(ctx context.Context, id engine.WorkID) (work *patchbayv1.Work, err error) {
	viewed := s.workspace.View(ctx, func(e *engine.Engine) {
		w, ok := e.Work(id)
		switch {
		case !ok:
			err = refuse(codes.NotFound, string(engine.CodeUnknownWork), "work", "there is no work %v, or it ended long ago", id)
		case !caller(ctx).seesQueue(w.Spec.Queue):
			err = outOfScope(ctx, "work", "work", id.String())
		default:
			work = workMessage(w)
		}
	})
	if viewed != nil {
		return nil, viewed
	}
	return work, err
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
				unknown = refuse(codes.InvalidArgument, string(engine.CodeUnknownQueue), "queue", "there is no queue %q", r.GetQueue())
				return
			}
			e.EachWork(after, func(w *engine.Work) bool {
				after = w.ID
				scanned++
				if matches(w, r) && p.seesQueue(w.Spec.Queue) {
					found = append(found, workMessage(w))
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

func matches(w *engine.Work, r *patchbayv1.ListWorkRequest) bool {
	return (r.GetQueue() == "" || w.Spec.Queue == r.GetQueue()) &&
		(r.GetState() == 0 || patchbayv1.WorkState(w.State) == r.GetState())
}

// CancelWork implements patchbayv1.WorkServiceServer.
func (s *workService) CancelWork(ctx context.Context, r *patchbayv1.CancelWorkRequest) (*patchbayv1.CancelWorkResponse, error) {
	number, err := s.change(ctx, r.GetWork(), func(id engine.WorkID) engine.Command {
		return engine.CancelWork{Work: id, Reason: r.GetReason()}
	})
	return &patchbayv1.CancelWorkResponse{Event: number}, err
}

// AbandonWork implements patchbayv1.WorkServiceServer.
func (s *workService) AbandonWork(ctx context.Context, r *patchbayv1.AbandonWorkRequest) (*patchbayv1.AbandonWorkResponse, error) {
	number, err := s.change(ctx, r.GetWork(), func(id engine.WorkID) engine.Command {
		return engine.AbandonWork{Work: id}
	})
	return &patchbayv1.AbandonWorkResponse{Event: number}, err
}

// RequeueWork implements patchbayv1.WorkServiceServer.
func (s *workService) RequeueWork(ctx context.Context, r *patchbayv1.RequeueWorkRequest) (*patchbayv1.RequeueWorkResponse, error) {
	number, err := s.change(ctx, r.GetWork(), func(id engine.WorkID) engine.Command {
		return engine.RequeueWork{Work: id, Reason: r.GetReason()}
	})
	return &patchbayv1.RequeueWorkResponse{Event: number}, err
}

// change has a command about work of the caller's scope decided, and returns
// the number of the event that records it.
func (s *workService) change(ctx context.Context, name string, command func(engine.WorkID) engine.Command) (uint64, error) {
	id, err := parseWork(name)
	if err != nil {
		return 0, err
	}
	if caller(ctx).queues != nil { // work does not change its queue, so looking first is enough
		if _, err := s.read(ctx, id); err != nil {
			return 0, err
		}
	}
	result, err := s.workspace.Do(ctx, command(id))
	return firstNumber(result.Events), err
}

// outOfScope refuses what lies outside the queues of the caller's key.
func outOfScope(ctx context.Context, field, what, name string) error {
	return refuse(codes.PermissionDenied, codeForbidden, field, "%s %q is outside the scope of key %q", what, name, caller(ctx).name)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
