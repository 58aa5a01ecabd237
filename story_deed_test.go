// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// deeds are what may happen in a story.
func deeds() []phrase {
	var all []phrase
	for _, some := range [][]phrase{presenceDeeds(), workDeeds(), answerDeeds(), proposalDeeds()} {
		all = append(all, some...)
	}
	return all
}

// presenceDeeds are of time and of who is there.
func presenceDeeds() []phrase {
	return []phrase{
		{form: "SPAN later", means: func(g *stage, p []string) error {
			span, err := milliseconds(p[0])
			if err != nil {
				return err
			}
			if err := g.world.Run(g.ctx, g.world.Now()+span); err != nil {
				return err
			}
			return g.do(engine.Tick{}) // though nothing may be due: the workspace hears what time it is
		}},
		{form: "AGENT signs in as STATUS", means: func(g *stage, p []string) error {
			if err := g.do(engine.Connect{Agent: p[0]}); err != nil {
				return err
			}
			return g.do(engine.SignIn{Agent: p[0], Status: p[1]})
		}},
		{form: "AGENT signs in as STATUS without a connection", means: func(g *stage, p []string) error {
			return g.do(engine.SignIn{Agent: p[0], Status: p[1]})
		}},
		{form: "AGENT signs out", means: func(g *stage, p []string) error { return g.do(engine.SignOut{Agent: p[0]}) }},
		{form: "AGENT chooses STATUS", means: func(g *stage, p []string) error {
			return g.do(engine.SetStatus{Agent: p[0], Status: p[1]})
		}},
		{form: "a supervisor sets AGENT to STATUS", means: func(g *stage, p []string) error {
			return g.do(engine.SetStatus{Agent: p[0], Status: p[1], Cause: engine.CauseSupervisor})
		}},
		{form: "AGENT loses the connection", means: func(g *stage, p []string) error { return g.do(engine.Disconnect{Agent: p[0]}) }},
		{form: "AGENT connects", means: func(g *stage, p []string) error { return g.do(engine.Connect{Agent: p[0]}) }},
	}
}

// workDeeds are of work that comes, goes and moves.
func workDeeds() []phrase {
	return []phrase{
		{form: "CHANNEL WORK arrives in QUEUE[, REST]", means: func(g *stage, p []string) error {
			spec, err := g.spec(p[0], p[2], p[3])
			return g.called(p[1], err, func() error { return g.create(p[1], spec) })
		}},
		{form: "CHANNEL WORK arrives[, REST]", means: func(g *stage, p []string) error {
			spec, err := g.spec(p[0], "", p[2])
			return g.called(p[1], err, func() error { return g.create(p[1], spec) })
		}},
		{form: "COUNT CHANNELs arrive in QUEUE[, REST]", means: func(g *stage, p []string) error {
			count, err := strconv.Atoi(p[0])
			for i := 1; err == nil && i <= count; i++ {
				err = g.several(fmt.Sprintf("%s%d", p[1], i), p)
			}
			return err
		}},
		{form: "AGENT starts CHANNEL WORK in QUEUE[, REST]", means: func(g *stage, p []string) error {
			spec, err := g.spec(p[1], p[3], p[4])
			return g.called(p[2], err, func() error { return g.do(engine.StartWork{Agent: p[0], Spec: spec}) })
		}},
		{form: "WORK is cancelled[ because TEXT]", means: onWork(func(id engine.WorkID, p []string) engine.Command {
			return engine.CancelWork{Work: id, Reason: p[1]}
		})},
		{form: "WORK is abandoned", means: onWork(func(id engine.WorkID, _ []string) engine.Command { return engine.AbandonWork{Work: id} })},
		{form: "WORK is requeued[ because TEXT]", means: onWork(func(id engine.WorkID, p []string) engine.Command {
			return engine.RequeueWork{Work: id, Reason: p[1]}
		})},
		{form: "WORK is transferred[ to QUEUE][, REST]", means: func(g *stage, p []string) error { return g.transfer(p[0], p[1], "", p[2]) }},
		{form: "WORK is transferred to agent AGENT[, REST]", means: func(g *stage, p []string) error {
			return g.transfer(p[0], "", p[1], p[2])
		}},
		{form: "WORK changes, REST", means: func(g *stage, p []string) error { return g.update(p[0], p[1]) }},
		{form: "the source reports WORK paused", means: onWork(func(id engine.WorkID, _ []string) engine.Command { return engine.PauseWork{Work: id} })},
		{form: "the source reports WORK in progress", means: onWork(func(id engine.WorkID, _ []string) engine.Command {
			return engine.ResumeWork{Work: id}
		})},
		{form: "the source reports WORK completed", means: func(g *stage, p []string) error { return g.complete(p[0]) }},
		{form: "the source reports WORK inactive", means: onWork(func(id engine.WorkID, _ []string) engine.Command {
			return engine.DeactivateWork{Work: id}
		})},
		{form: "WORK is reopened", means: onWork(func(id engine.WorkID, _ []string) engine.Command { return engine.ReopenWork{Work: id} })},
		{form: "AGENT is invited to WORK", means: func(g *stage, p []string) error {
			return g.do(engine.InviteAgent{Work: g.work[p[1]], Agent: p[0]})
		}},
	}
}

// answerDeeds are what agents do with what they are offered.
func answerDeeds() []phrase {
	return []phrase{
		{form: "AGENT accepts WORK", means: onAssignment(func(x *engine.Assignment, _ []string) engine.Command {
			return engine.Accept{Assignment: x.ID, Agent: x.Agent}
		})},
		{form: "AGENT declines WORK[ because TEXT]", means: onAssignment(func(x *engine.Assignment, p []string) engine.Command {
			return engine.Decline{Assignment: x.ID, Agent: x.Agent, Reason: p[2]}
		})},
		{form: "AGENT completes WORK", means: onAssignment(func(x *engine.Assignment, _ []string) engine.Command {
			return engine.Complete{Assignment: x.ID, Agent: x.Agent}
		})},
		{form: "AGENT finishes wrapping up WORK", means: onAssignment(func(x *engine.Assignment, _ []string) engine.Command {
			return engine.FinishWrapUp{Assignment: x.ID, Agent: x.Agent}
		})},
		{form: "AGENT extends wrapping up WORK", means: onAssignment(func(x *engine.Assignment, _ []string) engine.Command {
			return engine.ExtendWrapUp{Assignment: x.ID, Agent: x.Agent}
		})},
	}
}

// proposalDeeds are proposals that no strategy of ours would make.
func proposalDeeds() []phrase {
	return []phrase{
		{form: "a strategy proposes WORK to AGENT", means: func(g *stage, p []string) error { return g.propose(p[0], p[1], 0, false) }},
		{form: "a strategy proposes WORK to AGENT at revision COUNT", means: func(g *stage, p []string) error {
			revision, err := strconv.Atoi(p[2])
			if err != nil {
				return err
			}
			return g.propose(p[0], p[1], uint32(revision), false)
		}},
		{form: "a strategy that may exceed capacity proposes WORK to AGENT", means: func(g *stage, p []string) error {
			return g.propose(p[0], p[1], 0, true)
		}},
	}
}

// onWork makes a phrase of a command about the work that is named first.
func onWork(command func(engine.WorkID, []string) engine.Command) func(*stage, []string) error {
	return func(g *stage, p []string) error {
		if _, err := g.the(p[0]); err != nil {
			return err
		}
		return g.do(command(g.work[p[0]], p))
	}
}

// onAssignment makes a phrase of a command about what the agent, who is named
// first, has of the work.
func onAssignment(command func(*engine.Assignment, []string) engine.Command) func(*stage, []string) error {
	return func(g *stage, p []string) error {
		x, err := g.at(p[1], p[0])
		if err != nil {
			return err
		}
		return g.do(command(x, p))
	}
}

// several brings in one of several alike.
func (g *stage) several(name string, p []string) error {
	spec, err := g.spec(p[1], p[2], p[3])
	return g.called(name, err, func() error { return g.create(name, spec) })
}

// called lets what comes in be known by a name that is new.
func (g *stage) called(name string, err error, do func() error) error {
	if _, ok := g.work[name]; ok && err == nil {
		err = fmt.Errorf("there is a %s already", name)
	}
	if err != nil {
		return err
	}
	g.naming = name
	defer func() { g.naming = "" }()
	return do()
}

// create brings work in. By a key that is known it is the same work.
func (g *stage) create(name string, spec engine.WorkSpec) error {
	result, err := g.world.Do(engine.CreateWork{Spec: spec})
	if err != nil {
		return err
	}
	g.work[name] = result.Work
	return nil
}

// complete has the work's owner complete it, as its source says.
func (g *stage) complete(name string) error {
	w, err := g.the(name)
	if err != nil {
		return err
	}
	owner := w.Owner()
	if owner == nil {
		return fmt.Errorf("%s is %v, at nobody", name, w.State)
	}
	return g.do(engine.Complete{Assignment: owner.ID, Agent: owner.Agent})
}

func (g *stage) transfer(name, queue, agent, how string) error {
	w, err := g.the(name)
	if err != nil {
		return err
	}
	spec, err := g.spec(w.Spec.Channel, queue, how)
	if err != nil {
		return err
	}
	command := engine.TransferWork{
		Work: w.ID, Queue: queue, Agent: agent, RequestedAt: spec.RequestedAt, Attributes: spec.Attributes, Transcript: spec.Transcript,
	}
	if len(spec.Needs) > 0 {
		command.Needs = &spec.Needs
	}
	return g.do(command)
}

func (g *stage) update(name, how string) error {
	w, err := g.the(name)
	if err != nil {
		return err
	}
	how, again := strings.CutSuffix(how, "evaluated again")
	spec, err := g.spec(w.Spec.Channel, w.Queue, how)
	if err != nil {
		return err
	}
	command := engine.UpdateWork{Work: w.ID, Reevaluate: again, Priority: spec.Priority, Attributes: spec.Attributes, Transcript: spec.Transcript}
	if spec.TargetAcceptAt > 0 {
		command.TargetAcceptAt = &spec.TargetAcceptAt
	}
	if len(spec.Needs) > 0 {
		command.Needs = &spec.Needs
	}
	return g.do(command)
}

// refusedProposal is a proposal that the host refused.
type refusedProposal struct{ route.Verdict }

// Error names the verdict.
func (r *refusedProposal) Error() string { return "the proposal is refused: " + r.String() }

// propose proposes work as a strategy would, at its present revision if none is
// given.
func (g *stage) propose(name, agent string, revision uint32, mayExceed bool) error {
	proposal := engine.Proposal{Work: g.work[name], Agent: agent, Revision: revision}
	if w, ok := g.world.Engine().Work(proposal.Work); ok && revision == 0 {
		proposal.Revision = w.Revision
	}
	result, err := g.world.Do(engine.Propose{
		By: engine.Decision{Strategy: "by-hand"}, Proposals: []engine.Proposal{proposal}, MayExceed: mayExceed,
	})
	if err != nil {
		return err
	}
	if verdict := result.Verdicts[0]; verdict != route.VerdictAcceptedByHost {
		return &refusedProposal{verdict}
	}
	return nil
}
