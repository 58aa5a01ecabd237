// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// What a caller may see and touch is looked up in the state in which the
// command is decided: work changes its queue and its agent at any time.

// work returns work of the caller's scope.
func (p *principal) work(e *engine.Engine, id engine.WorkID) (*engine.Work, error) {
	w, ok := e.Work(id)
	switch {
	case !ok:
		return nil, refuse(codes.NotFound, string(engine.CodeUnknownWork), "work", "there is no work %v, or it ended long ago", id)
	case !p.seesQueue(w.Queue):
		return nil, outside(p, "work", "work", id.String())
	}
	return w, nil
}

// covers refuses agents outside the caller's scope. Whether there is such an
// agent is the engine's to say, but for callers with a scope.
func (p *principal) covers(e *engine.Engine, field, agent string) error {
	if p.queues == nil { // a key bound to one agent was seen to by the gate
		return nil
	}
	a, ok := e.Agent(agent)
	switch {
	case !ok:
		return &engine.Refusal{Code: engine.CodeUnknownAgent, Field: field, Message: "there is no agent \"" + agent + "\""}
	case !p.seesAgent(a):
		return outside(p, field, "agent", agent)
	}
	return nil
}

// has refuses an agent who does not have the work.
func has(w *engine.Work, agent string) error {
	if owner := w.Owner(); owner != nil && owner.Agent == agent {
		return nil
	}
	return refuse(codes.PermissionDenied, string(engine.CodeNotYours), "by", "agent %q does not have %v", agent, w.ID)
}

// inScope refuses a queue outside the caller's scope. A key that is limited to
// queues must name one of them.
func inScope(ctx context.Context, field, queue string) error {
	p := caller(ctx)
	switch {
	case p.seesQueue(queue):
		return nil
	case queue == "":
		return refuse(codes.PermissionDenied, codeForbidden, field, "key %q is limited to queues; name one of them", p.name)
	default:
		return outside(p, field, "queue", queue)
	}
}

// outOfScope refuses what lies outside the queues of the caller's key.
func outOfScope(ctx context.Context, field, what, name string) error {
	return outside(caller(ctx), field, what, name)
}

func outside(p *principal, field, what, name string) error {
	return refuse(codes.PermissionDenied, codeForbidden, field, "%s %q is outside the scope of key %q", what, name, p.name)
}

func unknownQueue(name string) error {
	return refuse(codes.InvalidArgument, string(engine.CodeUnknownQueue), "queue", "there is no queue %q", name)
}

// change is a command about one piece of work that somebody asks for.
type change struct {
	work string
	by   string // the agent who must have the work; empty for none
	// command makes the command for the work as it is when it is decided.
	command func(*engine.Engine, *engine.Work) (engine.Command, error)
}

// change has a command about work of the caller's scope decided. Scope and
// whose the work is are looked at in the same step.
func (s *workService) change(ctx context.Context, c change) (engine.Result, error) {
	id, err := parseWork(c.work)
	if err != nil {
		return engine.Result{}, err
	}
	p := caller(ctx)
	if p.role == patchbayv1.Role_ROLE_AGENT && c.by == "" {
		return engine.Result{}, refuse(codes.PermissionDenied, codeForbidden, "by", "key %q acts for an agent, who is needed", p.name)
	}
	return s.workspace.DoWith(ctx, func(e *engine.Engine) (engine.Command, error) {
		w, err := p.work(e, id)
		if err != nil {
			return nil, err
		}
		if c.by != "" {
			if err := has(w, c.by); err != nil {
				return nil, err
			}
		}
		return c.command(e, w)
	})
}

// plainly is a command that asks nothing more of the work.
func plainly(command func(engine.WorkID) engine.Command) func(*engine.Engine, *engine.Work) (engine.Command, error) {
	return func(_ *engine.Engine, w *engine.Work) (engine.Command, error) { return command(w.ID), nil }
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
