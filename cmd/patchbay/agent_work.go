// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newAgentStart(c *client) *cobra.Command {
	r := &patchbayv1.StartWorkRequest{}
	var optional optionals
	cmd := &cobra.Command{
		Use:   "start AGENT",
		Short: "Bring work in that an agent has started, such as a call; it is open at once",
		Args:  exactly("AGENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Agent = args[0]
			var err error
			if r.Skills, err = optional.skills(); err != nil {
				return err
			}
			r.Priority, r.Size, r.SizePercent = optional.given(cmd.Flags())
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.StartWork(cmd.Context(), r)
				if err != nil {
					return err
				}
				return c.broughtIn(answer, answer.GetWork(), answer.GetDuplicate())
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Channel, "channel", "", "the kind of work (required)")
	f.StringVar(&r.Queue, "queue", "", "the queue to which it counts (required)")
	f.StringVar(&r.External, "external", "", "a reference to the outside record")
	f.StringToStringVar(&r.Attributes, "attribute", nil, "an attribute, NAME=VALUE; may be repeated")
	f.StringVar(&r.IdempotencyKey, "idempotency-key", "", "the same key returns the same work")
	optional.flags(f)
	f.StringVar(&r.Customer, "customer", "", "the source's key of the customer")
	f.StringVar(&r.Conversation, "conversation", "", "the source's key of the conversation")
	f.StringVar(&r.Transcript, "transcript", "", "a reference to what was said so far")
	return cmd
}

func newAgentFinish(c *client) *cobra.Command {
	r := &patchbayv1.FinishWrapUpRequest{}
	cmd := &cobra.Command{
		Use:   "finish-wrap-up ASSIGNMENT",
		Short: "End wrapping up before its time and close the work",
		Args:  exactly("ASSIGNMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Assignment = args[0]
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.FinishWrapUp(cmd.Context(), r)
				return c.done(answer, err, "%s is wrapped up", r.Assignment)
			})
		},
	}
	cmd.Flags().StringVar(&r.Agent, "agent", "", "who wraps up; left out, who has it")
	return cmd
}

func newAgentExtend(c *client) *cobra.Command {
	r := &patchbayv1.ExtendWrapUpRequest{}
	cmd := &cobra.Command{
		Use:   "extend-wrap-up ASSIGNMENT",
		Short: "Prolong wrapping up, as often as the channel allows",
		Args:  exactly("ASSIGNMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Assignment = args[0]
			return c.agents(func(agents patchbayv1.AgentServiceClient) error {
				answer, err := agents.ExtendWrapUp(cmd.Context(), r)
				return c.done(answer, err, "%s is wrapped up until %s", r.Assignment, clock(answer.GetUntil()))
			})
		},
	}
	cmd.Flags().StringVar(&r.Agent, "agent", "", "who wraps up; left out, who has it")
	return cmd
}
