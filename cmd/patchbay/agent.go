// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newAgent(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := group("agent", "Be an agent, or look at agents",
		newAgentList(c), newAgentGet(c), newAgentSignIn(c), newAgentStatus(c), newAgentSignOut(c),
		newAgentOffers(c), newAgentAccept(c), newAgentDecline(c), newAgentComplete(c),
		newAgentStart(c), newAgentFinish(c), newAgentExtend(c))
	c.flags(cmd)
	return cmd
}

// agents calls the agent service.
func (c *client) agents(use func(patchbayv1.AgentServiceClient) error) error {
	return c.call(func(conn *grpc.ClientConn) error { return use(patchbayv1.NewAgentServiceClient(conn)) })
}

func newAgentList(c *client) *cobra.Command {
	r := &patchbayv1.ListAgentsRequest{}
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List agents with their presence and load",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usagef("--limit: it should be above 0")
			}
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				found, err := pages(limit, func(size uint32, token string) ([]*patchbayv1.Agent, string, error) {
					r.PageSize, r.PageToken = size, token
					page, err := agents.ListAgents(cmd.Context(), r)
					return page.GetAgents(), page.GetNextPageToken(), err
				})
				if err != nil {
					return err
				}
				return c.listAgents(found)
			})
		},
	}
	cmd.Flags().StringVar(&r.Queue, "queue", "", "only members of this queue")
	cmd.Flags().StringVar(&r.Status, "status", "", "only agents with this presence status")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many at most")
	return cmd
}

func (c *client) listAgents(found []*patchbayv1.Agent) error {
	if c.json {
		return printJSON(c.std.out, &patchbayv1.ListAgentsResponse{Agents: found})
	}
	rows := [][]string{{"AGENT", "STATUS", "SINCE", "CONNECTED", "USED", "CAPACITY", "HELD", "QUEUES"}}
	for _, a := range found {
		rows = append(rows, []string{
			a.GetId(), a.GetStatus(), clock(a.GetStatusSince()), yes(a.GetConnected()), load(a.GetUsed(), a.GetInterruptibleUsed()), load(a.GetCapacity(), a.GetInterruptibleCapacity()),
			strings.Join(a.GetHeld(), ", "), queuesOf(a),
		})
	}
	return table(c.std.out, rows)
}

// queuesOf lists the agent's queues, with what is not usual about them.
func queuesOf(a *patchbayv1.Agent) string {
	var queues []string
	for _, m := range a.GetMemberships() {
		queue := m.GetQueue()
		if m.GetTier() > 1 {
			queue += fmt.Sprintf(" (tier %d)", m.GetTier())
		}
		if m.GetWeight() > 1 {
			queue += fmt.Sprintf(" (weight %d)", m.GetWeight())
		}
		queues = append(queues, queue)
	}
	return strings.Join(queues, ", ")
}

// skillsOf lists the agent's skills with their levels; those that are not valid
// now are in brackets.
func skillsOf(a *patchbayv1.Agent) string {
	var skills []string
	for _, s := range a.GetSkills() {
		skill := s.GetSkill() + " " + units(s.GetLevel())
		if !s.GetValid() {
			skill = "(" + skill + ")"
		}
		skills = append(skills, skill)
	}
	return strings.Join(skills, ", ")
}

func used(amount, of float64) string { return fmt.Sprintf("%s of %s used", units(amount), units(of)) }

// interruptible is empty for agents who take no interruptible work.
func interruptible(a *patchbayv1.Agent) string {
	if a.GetInterruptibleCapacity() == 0 && a.GetInterruptibleUsed() == 0 {
		return ""
	}
	return used(a.GetInterruptibleUsed(), a.GetInterruptibleCapacity())
}

// load writes primary and interruptible units, the latter if there are any.
func load(primary, interruptible float64) string {
	if interruptible == 0 {
		return units(primary)
	}
	return units(primary) + "+" + units(interruptible)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func newAgentGet(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "get AGENT",
		Short: "Show one agent",
		Args:  exactly("AGENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.GetAgent(cmd.Context(), &patchbayv1.GetAgentRequest{Agent: args[0]})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.std.out, answer)
				}
				a := answer.GetAgent()
				return pairs(c.std.out,
					"agent", a.GetId(), "name", a.GetName(), "status", a.GetStatus(), "since", date(a.GetStatusSince()),
					"by", word(a.GetStatusCause()), "connected", yes(a.GetConnected()), "offline at", date(a.GetGraceUntil()),
					"channels", strings.Join(a.GetChannels(), ", "), "queues", queuesOf(a),
					"skills", skillsOf(a), "capacity", used(a.GetUsed(), a.GetCapacity()),
					"interruptible", interruptible(a), "offers", number(a.GetOffers()), "held", strings.Join(a.GetHeld(), ", "), "idle since", date(a.GetIdleSince()),
					"decline reasons", strings.Join(a.GetDeclineReasons(), ", "))
			})
		},
	}
}

func newAgentSignIn(c *client) *cobra.Command {
	r := &patchbayv1.SignInRequest{}
	cmd := &cobra.Command{
		Use:   "sign-in AGENT",
		Short: "Make an agent present; work is offered while \"agent offers\" runs",
		Args:  exactly("AGENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Agent = args[0]
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.SignIn(cmd.Context(), r)
				return c.done(answer, err, "%s is %s", r.Agent, r.Status)
			})
		},
	}
	cmd.Flags().StringVar(&r.Status, "status", "available", "the presence status to begin with")
	return cmd
}

func newAgentStatus(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "status AGENT STATUS",
		Short: "Change the presence status of an agent who is signed in",
		Args:  exactly("AGENT", "STATUS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.SetStatus(cmd.Context(), &patchbayv1.SetStatusRequest{Agent: args[0], Status: args[1]})
				return c.done(answer, err, "%s is %s", args[0], args[1])
			})
		},
	}
}

func newAgentSignOut(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "sign-out AGENT",
		Short: "End an agent's presence",
		Args:  exactly("AGENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.SignOut(cmd.Context(), &patchbayv1.SignOutRequest{Agent: args[0]})
				return c.done(answer, err, "%s is offline", args[0])
			})
		},
	}
}

func newAgentAccept(c *client) *cobra.Command {
	r := &patchbayv1.AcceptOfferRequest{}
	cmd := &cobra.Command{
		Use:   "accept ASSIGNMENT",
		Short: "Open an offered assignment",
		Args:  exactly("ASSIGNMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Assignment = args[0]
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.AcceptOffer(cmd.Context(), r)
				return c.done(answer, err, "%s is accepted", r.Assignment)
			})
		},
	}
	cmd.Flags().StringVar(&r.Agent, "agent", "", "who accepts; left out, who it is offered to")
	return cmd
}

func newAgentDecline(c *client) *cobra.Command {
	r := &patchbayv1.DeclineOfferRequest{}
	cmd := &cobra.Command{
		Use:   "decline ASSIGNMENT",
		Short: "Refuse an offered assignment; its work waits again",
		Args:  exactly("ASSIGNMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Assignment = args[0]
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.DeclineOffer(cmd.Context(), r)
				return c.done(answer, err, "%s is declined", r.Assignment)
			})
		},
	}
	cmd.Flags().StringVar(&r.Agent, "agent", "", "who declines; left out, who it is offered to")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "one of the agent's decline reasons")
	return cmd
}

func newAgentComplete(c *client) *cobra.Command {
	r := &patchbayv1.CompleteWorkRequest{}
	cmd := &cobra.Command{
		Use:   "complete ASSIGNMENT",
		Short: "Say that the work of an accepted assignment is done; it is closed, or wrapped up first",
		Args:  exactly("ASSIGNMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Assignment = args[0]
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.CompleteWork(cmd.Context(), r)
				return c.done(answer, err, "%s is completed", r.Assignment)
			})
		},
	}
	cmd.Flags().StringVar(&r.Agent, "agent", "", "who completes; left out, who has it")
	return cmd
}
