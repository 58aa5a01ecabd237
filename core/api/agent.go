// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// agentService implements patchbay.v1.AgentService.
type agentService struct {
	patchbayv1.UnimplementedAgentServiceServer
	workspace *host.Workspace
}

// SignIn implements patchbayv1.AgentServiceServer.
func (s *agentService) SignIn(ctx context.Context, r *patchbayv1.SignInRequest) (*patchbayv1.SignInResponse, error) {
	number, err := s.present(ctx, r.GetAgent(), engine.SignIn{Agent: r.GetAgent(), Status: r.GetStatus()})
	return &patchbayv1.SignInResponse{Event: number}, err
}

// SetStatus implements patchbayv1.AgentServiceServer.
func (s *agentService) SetStatus(ctx context.Context, r *patchbayv1.SetStatusRequest) (*patchbayv1.SetStatusResponse, error) {
	command := engine.SetStatus{Agent: r.GetAgent(), Status: r.GetStatus(), Cause: engine.CauseAgent}
	if !caller(ctx).self() {
		command.Cause = engine.CauseSupervisor
	}
	number, err := s.present(ctx, r.GetAgent(), command)
	return &patchbayv1.SetStatusResponse{Event: number}, err
}

// SignOut implements patchbayv1.AgentServiceServer.
func (s *agentService) SignOut(ctx context.Context, r *patchbayv1.SignOutRequest) (*patchbayv1.SignOutResponse, error) {
	number, err := s.present(ctx, r.GetAgent(), engine.SignOut{Agent: r.GetAgent()})
	return &patchbayv1.SignOutResponse{Event: number}, err
}

// present has a command about an agent's presence decided.
func (s *agentService) present(ctx context.Context, agent string, command engine.Command) (uint64, error) {
	if agent == "" {
		return 0, invalid("agent", "an agent is needed")
	}
	p := caller(ctx)
	result, err := s.workspace.DoWith(ctx, func(e *engine.Engine) (engine.Command, error) {
		return command, p.covers(e, "agent", agent)
	})
	return numberOf(result.Events, engine.KindAgentSignedIn, engine.KindAgentStatusChanged, engine.KindAgentSignedOut), err
}

// within refuses agents outside the caller's scope, and a request that names
// nobody.
func (s *agentService) within(ctx context.Context, agent string) error {
	if agent == "" {
		return invalid("agent", "an agent is needed")
	}
	if caller(ctx).queues == nil { // a key bound to one agent was seen to by the gate
		return nil
	}
	return s.view(ctx, agent, func(*engine.Engine, *engine.Agent) {})
}

// view reads an agent of the caller's scope.
func (s *agentService) view(ctx context.Context, agent string, read func(*engine.Engine, *engine.Agent)) (err error) {
	viewed := s.workspace.View(ctx, func(e *engine.Engine) {
		a, ok := e.Agent(agent)
		switch {
		case !ok:
			err = refuse(codes.NotFound, string(engine.CodeUnknownAgent), "agent", "there is no agent %q", agent)
		case !caller(ctx).seesAgent(a):
			err = outOfScope(ctx, "agent", "agent", agent)
		default:
			read(e, a)
		}
	})
	return firstOf(viewed, err)
}

// GetAgent implements patchbayv1.AgentServiceServer.
func (s *agentService) GetAgent(ctx context.Context, r *patchbayv1.GetAgentRequest) (*patchbayv1.GetAgentResponse, error) {
	if r.GetAgent() == "" {
		return nil, invalid("agent", "an agent is needed")
	}
	response := &patchbayv1.GetAgentResponse{}
	err := s.view(ctx, r.GetAgent(), func(e *engine.Engine, a *engine.Agent) {
		response.Agent = agentMessage(a, e.Definition())
	})
	return response, err
}

// ListAgents implements patchbayv1.AgentServiceServer.
func (s *agentService) ListAgents(ctx context.Context, r *patchbayv1.ListAgentsRequest) (*patchbayv1.ListAgentsResponse, error) {
	p := caller(ctx)
	if r.GetQueue() != "" && !p.seesQueue(r.GetQueue()) {
		return nil, outOfScope(ctx, "queue", "queue", r.GetQueue())
	}
	size := int(r.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	response := &patchbayv1.ListAgentsResponse{}
	var unknown error
	err := s.workspace.View(ctx, func(e *engine.Engine) {
		if _, ok := e.Backlog(r.GetQueue()); !ok && r.GetQueue() != "" {
			unknown = unknownQueue(r.GetQueue())
			return
		}
		e.EachAgent(r.GetPageToken(), func(a *engine.Agent) bool {
			if !p.seesAgent(a) || !chosen(a, r) {
				return true
			}
			if len(response.Agents) == size {
				response.NextPageToken = response.Agents[size-1].GetId()
				return false
			}
			response.Agents = append(response.Agents, agentMessage(a, e.Definition()))
			return true
		})
	})
	return response, firstOf(err, unknown)
}

func chosen(a *engine.Agent, r *patchbayv1.ListAgentsRequest) bool {
	if r.GetStatus() != "" && a.Status != r.GetStatus() {
		return false
	}
	if r.GetQueue() == "" {
		return true
	}
	return slices.ContainsFunc(a.Definition.Queues, func(m engine.Membership) bool { return m.Queue == r.GetQueue() })
}

// AcceptOffer implements patchbayv1.AgentServiceServer.
func (s *agentService) AcceptOffer(ctx context.Context, r *patchbayv1.AcceptOfferRequest) (*patchbayv1.AcceptOfferResponse, error) {
	result, err := s.answer(ctx, r, func(id engine.AssignmentID, agent string) engine.Command {
		return engine.Accept{Assignment: id, Agent: agent}
	})
	return &patchbayv1.AcceptOfferResponse{Event: numberOf(result.Events, engine.KindOfferAccepted)}, err
}

// DeclineOffer implements patchbayv1.AgentServiceServer.
func (s *agentService) DeclineOffer(ctx context.Context, r *patchbayv1.DeclineOfferRequest) (*patchbayv1.DeclineOfferResponse, error) {
	result, err := s.answer(ctx, r, func(id engine.AssignmentID, agent string) engine.Command {
		return engine.Decline{Assignment: id, Agent: agent, Reason: r.GetReason()}
	})
	return &patchbayv1.DeclineOfferResponse{Event: numberOf(result.Events, engine.KindOfferDeclined)}, err
}

// CompleteWork implements patchbayv1.AgentServiceServer.
func (s *agentService) CompleteWork(ctx context.Context, r *patchbayv1.CompleteWorkRequest) (*patchbayv1.CompleteWorkResponse, error) {
	result, err := s.answer(ctx, r, func(id engine.AssignmentID, agent string) engine.Command {
		return engine.Complete{Assignment: id, Agent: agent}
	})
	number := numberOf(result.Events, engine.KindWorkCompleted, engine.KindWrapUpStarted, engine.KindGuestLeft)
	return &patchbayv1.CompleteWorkResponse{Event: number}, err
}

// FinishWrapUp implements patchbayv1.AgentServiceServer.
func (s *agentService) FinishWrapUp(ctx context.Context, r *patchbayv1.FinishWrapUpRequest) (*patchbayv1.FinishWrapUpResponse, error) {
	result, err := s.answer(ctx, r, func(id engine.AssignmentID, agent string) engine.Command {
		return engine.FinishWrapUp{Assignment: id, Agent: agent}
	})
	return &patchbayv1.FinishWrapUpResponse{Event: numberOf(result.Events, engine.KindWorkCompleted)}, err
}

// ExtendWrapUp implements patchbayv1.AgentServiceServer.
func (s *agentService) ExtendWrapUp(ctx context.Context, r *patchbayv1.ExtendWrapUpRequest) (*patchbayv1.ExtendWrapUpResponse, error) {
	result, err := s.answer(ctx, r, func(id engine.AssignmentID, agent string) engine.Command {
		return engine.ExtendWrapUp{Assignment: id, Agent: agent}
	})
	answer := &patchbayv1.ExtendWrapUpResponse{Event: numberOf(result.Events, engine.KindWrapUpExtended)}
	for i := range result.Events {
		if ev := &result.Events[i]; ev.Number == answer.GetEvent() {
			answer.Until = stamp(ev.Deadline)
		}
	}
	return answer, err
}

// about is what requests about an assignment have in common.
type about interface {
	GetAssignment() string
	GetAgent() string
}

// answer has a command about an assignment decided, in the name of the agent
// or, without one, of whoever has the assignment.
func (s *agentService) answer(ctx context.Context, r about, command func(engine.AssignmentID, string) engine.Command) (engine.Result, error) {
	id, err := parseAssignment(r.GetAssignment())
	if err != nil {
		return engine.Result{}, err
	}
	p := caller(ctx)
	return s.workspace.DoWith(ctx, func(e *engine.Engine) (engine.Command, error) {
		agent := r.GetAgent()
		if agent == "" {
			x, _, ok := e.Assignment(id)
			if !ok {
				return nil, refuse(codes.NotFound, string(engine.CodeUnknownAssignment), "assignment", "there is no assignment %v, or it ended long ago", id)
			}
			agent = x.Agent
		}
		return command(id, agent), p.covers(e, "agent", agent)
	})
}
