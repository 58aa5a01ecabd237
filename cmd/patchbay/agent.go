// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newAgent(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := group("agent", "Be an agent, or look at agents",
		newAgentList(c), newAgentGet(c), newAgentSignIn(c), newAgentStatus(c), newAgentSignOut(c),
		newAgentOffers(c), newAgentAccept(c), newAgentDecline(c), newAgentComplete(c))
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
			a.GetId(), a.GetStatus(), clock(a.GetStatusSince()), yes(a.GetConnected()), units(a.GetUsed()), units(a.GetCapacity()),
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
					"capacity", fmt.Sprintf("%s of %s used", units(a.GetUsed()), units(a.GetCapacity())),
					"held", strings.Join(a.GetHeld(), ", "), "idle since", date(a.GetIdleSince()),
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
		Short: "End an open assignment and close its work",
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

func newAgentOffers(c *client) *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "offers AGENT",
		Short: "Be connected as an agent and print what is offered, until interrupted",
		Args:  exactly("AGENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return usagef("--count: it should not be negative")
			}
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				stream, err := agents.StreamOffers(cmd.Context(), &patchbayv1.StreamOffersRequest{Agent: args[0]})
				if err != nil {
					return err
				}
				return follow(cmd.Context(), stream, count, func(m *patchbayv1.StreamOffersResponse) error {
					if c.json {
						return printJSON(c.std.out, m)
					}
					return c.printOffer(m)
				})
			})
		},
	}
	cmd.Flags().IntVar(&count, "count", 0, "end after so many messages, the snapshot included; 0 for never")
	return cmd
}

// follow hands on what a stream sends, until it ends, count messages have come,
// or the user has had enough.
func follow[T any](ctx context.Context, stream grpc.ServerStreamingClient[T], count int, use func(*T) error) error {
	for n := 0; count == 0 || n < count; n++ {
		m, err := stream.Recv()
		if err != nil {
			return unlessEnded(ctx, err)
		}
		if err := use(m); err != nil {
			return err
		}
	}
	return nil
}

// unlessEnded passes an error on, unless it says that the stream has ended or
// that the user interrupted it.
func unlessEnded(ctx context.Context, err error) error {
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		return nil //nolint:nilerr // it is no news
	}
	return err
}

func (c *client) printOffer(m *patchbayv1.StreamOffersResponse) error {
	switch x := m.GetMessage().(type) {
	case *patchbayv1.StreamOffersResponse_Snapshot:
		a := x.Snapshot.GetAgent()
		fmt.Fprintf(c.std.out, "%s is %s and holds %d\n", a.GetId(), a.GetStatus(), len(x.Snapshot.GetHeld()))
		for _, offer := range x.Snapshot.GetHeld() {
			c.printHeld("", offer)
		}
	case *patchbayv1.StreamOffersResponse_Offered:
		c.printHeld(clock(m.GetAt())+" ", x.Offered)
	case *patchbayv1.StreamOffersResponse_Accepted:
		fmt.Fprintf(c.std.out, "%s %s accepted: %s is open\n", clock(m.GetAt()), x.Accepted.GetAssignment(), x.Accepted.GetWork())
	case *patchbayv1.StreamOffersResponse_Ended:
		reason := ""
		if x.Ended.GetReason() != "" {
			reason = ", " + x.Ended.GetReason()
		}
		fmt.Fprintf(c.std.out, "%s %s %s: %s%s\n", clock(m.GetAt()), x.Ended.GetAssignment(), word(x.Ended.GetState()),
			x.Ended.GetWork(), reason)
	case *patchbayv1.StreamOffersResponse_Status:
		fmt.Fprintf(c.std.out, "%s status %s, by %s\n", clock(m.GetAt()), x.Status.GetStatus(), word(x.Status.GetCause()))
	}
	return nil
}

func (c *client) printHeld(at string, offer *patchbayv1.Offer) {
	a, w := offer.GetAssignment(), offer.GetWork()
	until := ""
	if a.GetDeadline() != nil && a.GetState() == patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED {
		until = ", answer by " + clock(a.GetDeadline())
	}
	external := ""
	if w.GetExternal() != "" {
		external = " " + w.GetExternal()
	}
	fmt.Fprintf(c.std.out, "%s%s %s: %s from %s (%s)%s%s\n",
		at, a.GetId(), word(a.GetState()), w.GetId(), w.GetQueue(), w.GetChannel(), external, until)
}
