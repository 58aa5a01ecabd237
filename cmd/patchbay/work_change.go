// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newWorkEstimate(c *client) *cobra.Command {
	r := &patchbayv1.GetEstimatedWaitRequest{}
	cmd := &cobra.Command{
		Use:   "estimate {WORK | --queue QUEUE}",
		Short: "Tell how long work is expected to wait, and its place in the queue",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || (len(args) == 1) == (r.GetQueue() != "") {
				return usagef("name a piece of work, or a --queue")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.Work = args[0]
			}
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.GetEstimatedWait(cmd.Context(), r)
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.std.out, answer)
				}
				wait := "not known: nothing was accepted lately"
				if answer.GetEstimatedWait() != nil {
					wait = span(answer.GetEstimatedWait().AsDuration())
				} else if r.GetWork() != "" && answer.GetPosition() == 0 {
					wait = "none: it does not wait"
				}
				return pairs(c.std.out, "work", r.GetWork(), "queue", answer.GetQueue(), "closed", ifSo(answer.GetClosed()),
					"estimated wait", wait, "position", number(answer.GetPosition()), "waiting", fmt.Sprint(answer.GetWaiting()))
			})
		},
	}
	cmd.Flags().StringVar(&r.Queue, "queue", "", "the queue, for what new work must expect")
	cmd.Flags().StringArrayVar(&r.Skills, "skill", nil, "only of work that requires just these skills; may be repeated")
	return cmd
}

// ifSo is "yes", or nothing.
func ifSo(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func newWorkUpdate(c *client) *cobra.Command {
	r := &patchbayv1.UpdateWorkRequest{}
	var optional optionals
	var target time.Duration
	cmd := &cobra.Command{
		Use:   "update WORK",
		Short: "Change work that has not ended; what is not given stays as it is",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			var err error
			if r.Skills, err = optional.skills(); err != nil {
				return err
			}
			if r.TargetAcceptAt, err = ahead(cmd, "target-in", target); err != nil {
				return err
			}
			r.Priority, _, _ = optional.given(cmd.Flags())
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.UpdateWork(cmd.Context(), r)
				return c.done(answer, err, "%s is updated", r.Work)
			})
		},
	}
	f := cmd.Flags()
	f.Int32Var(&optional.priority, "priority", 0, "0 is highest")
	f.StringToStringVar(&r.Attributes, "attribute", nil, "an attribute to set, NAME=VALUE; an empty value removes it; may be repeated")
	optional.skillFlag(f)
	f.BoolVar(&r.ClearSkills, "clear-skills", false, "its source requires no skills any more")
	f.BoolVar(&r.Reevaluate, "reevaluate", false, "evaluate the channel's skill rules again")
	f.DurationVar(&target, "target-in", 0, "it should be accepted within this from now, such as 20s")
	f.BoolVar(&r.ClearTargetAcceptAt, "clear-target", false, "remove the time by which it should be accepted")
	f.StringVar(&r.Transcript, "transcript", "", "a reference to what was said so far")
	return cmd
}

func newWorkTransfer(c *client) *cobra.Command {
	r := &patchbayv1.TransferWorkRequest{}
	var optional optionals
	var requested string
	cmd := &cobra.Command{
		Use:   "transfer WORK",
		Short: "Move work to a queue, to an agent, or to who holds skills; it keeps its age",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			var err error
			if r.Skills, err = optional.skills(); err != nil {
				return err
			}
			if r.RequestedAt, err = since(requested); err != nil {
				return err
			}
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.TransferWork(cmd.Context(), r)
				return c.done(answer, err, "%s is transferred", r.Work)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Queue, "queue", "", "the queue it goes to; left out, it stays in its queue")
	f.StringVar(&r.Agent, "agent", "", "the agent it is offered to at once")
	optional.skillFlag(f)
	f.BoolVar(&r.ClearSkills, "clear-skills", false, "it requires no skills any more but those of the queue")
	f.StringVar(&requested, "requested-at", "", "its new age: \"now\", or a time such as 2026-07-01T09:30:00Z")
	f.StringToStringVar(&r.Attributes, "attribute", nil, "an attribute to set, NAME=VALUE; an empty value removes it; may be repeated")
	f.StringVar(&r.Transcript, "transcript", "", "a reference to what was said so far")
	f.StringVar(&r.Reason, "reason", "", "why, for the record")
	f.StringVar(&r.By, "by", "", "the agent who transfers it, who must have it")
	return cmd
}

// since reads a time of a flag; nil if it is not given.
func since(text string) (*timestamppb.Timestamp, error) {
	switch text {
	case "":
		return nil, nil
	case "now":
		// The host's clock may be a little behind, and the future is refused.
		return timestamppb.New(time.Now().Add(-time.Second)), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usagef("--requested-at: %q should be \"now\", or a time such as 2026-07-01T09:30:00Z", text)
	}
	return timestamppb.New(at), nil
}

func newWorkInvite(c *client) *cobra.Command {
	r := &patchbayv1.InviteAgentRequest{}
	cmd := &cobra.Command{
		Use:   "invite WORK AGENT",
		Short: "Invite an agent to join open work as a guest",
		Args:  exactly("WORK", "AGENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work, r.Agent = args[0], args[1]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.InviteAgent(cmd.Context(), r)
				return c.done(answer, err, "%s is invited to %s as %s", r.Agent, r.Work, answer.GetAssignment())
			})
		},
	}
	cmd.Flags().StringVar(&r.By, "by", "", "the agent who invites, who must have the work")
	return cmd
}

func newWorkPause(c *client) *cobra.Command {
	r := &patchbayv1.PauseWorkRequest{}
	cmd := &cobra.Command{
		Use:   "pause WORK",
		Short: "Let open work rest at its agent",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.PauseWork(cmd.Context(), r)
				return c.done(answer, err, "%s is paused", r.Work)
			})
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for the record")
	cmd.Flags().StringVar(&r.By, "by", "", "the agent who pauses it, who must have it")
	return cmd
}

func newWorkResume(c *client) *cobra.Command {
	r := &patchbayv1.ResumeWorkRequest{}
	cmd := &cobra.Command{
		Use:   "resume WORK",
		Short: "Go on with paused work",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.ResumeWork(cmd.Context(), r)
				return c.done(answer, err, "%s is open", r.Work)
			})
		},
	}
	cmd.Flags().StringVar(&r.By, "by", "", "the agent who resumes it, who must have it")
	return cmd
}

func newWorkDeactivate(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "deactivate WORK",
		Short: "Say that a conversation fell silent: it is paused, or closed until it is reopened",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.DeactivateWork(cmd.Context(), &patchbayv1.DeactivateWorkRequest{Work: args[0]})
				return c.done(answer, err, "%s is %s", args[0], word(answer.GetWork().GetState()))
			})
		},
	}
}

func newWorkReopen(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "reopen WORK",
		Short: "Take closed work up again, as when the customer writes again",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.ReopenWork(cmd.Context(), &patchbayv1.ReopenWorkRequest{Work: args[0]})
				return c.done(answer, err, "%s is %s", args[0], word(answer.GetWork().GetState()))
			})
		},
	}
}

func newWorkCancel(c *client) *cobra.Command {
	r := &patchbayv1.CancelWorkRequest{}
	cmd := &cobra.Command{
		Use:   "cancel WORK",
		Short: "Withdraw waiting or offered work",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.CancelWork(cmd.Context(), r)
				return c.done(answer, err, "%s is cancelled", r.Work)
			})
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for the record")
	return cmd
}

func newWorkRequeue(c *client) *cobra.Command {
	r := &patchbayv1.RequeueWorkRequest{}
	cmd := &cobra.Command{
		Use:   "requeue WORK",
		Short: "Take offered, open or paused work from its agent; it waits again and keeps its age",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.RequeueWork(cmd.Context(), r)
				return c.done(answer, err, "%s waits again", r.Work)
			})
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for the record")
	return cmd
}

func newWorkAbandon(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "abandon WORK",
		Short: "Say that the customer left while waiting or offered",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.AbandonWork(cmd.Context(), &patchbayv1.AbandonWorkRequest{Work: args[0]})
				return c.done(answer, err, "%s is abandoned", args[0])
			})
		},
	}
}
