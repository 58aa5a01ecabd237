// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// revisionFlag is the flag of every verb that says on which revision it was
// decided.
func revisionFlag(f *pflag.FlagSet, revision *uint32) {
	f.Uint32Var(revision, "revision", 0, "the revision of the work on which this was decided; refused if it has changed since")
}

// verb is an answer to a verb.
type verb interface {
	proto.Message
	GetRevision() uint32
	GetDuplicate() bool
}

// had prints what came of a verb.
func (c *client) had(answer verb, err error, text, work string) error {
	if err == nil && answer.GetDuplicate() {
		text += ", as before"
	}
	return c.done(answer, err, "%s %s (revision %d)", work, text, answer.GetRevision())
}

func newWorkHold(c *client) *cobra.Command {
	r := &patchbayv1.HoldWorkRequest{}
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "hold WORK --reason REASON",
		Short: "Keep work from being offered, for a time or until it is cleared",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			var err error
			if r.Until, err = ahead(cmd, "for", within); err != nil {
				return err
			}
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.HoldWork(cmd.Context(), r)
				return c.had(answer, err, "is held", r.Work)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Reason, "reason", "", "why, for whoever asks why it waits (required)")
	f.DurationVar(&within, "for", 0, "for how long, such as 30m; left out, until it is cleared")
	revisionFlag(f, &r.Revision)
	return cmd
}

func newWorkClear(c *client) *cobra.Command {
	r := &patchbayv1.ClearWorkRequest{}
	cmd := &cobra.Command{
		Use:   "clear WORK",
		Short: "End a hold, and make stale what was decided on the work before",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.ClearWork(cmd.Context(), r)
				return c.had(answer, err, "is cleared", r.Work)
			})
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for the record")
	revisionFlag(cmd.Flags(), &r.Revision)
	return cmd
}

func newWorkWithdraw(c *client) *cobra.Command {
	r := &patchbayv1.WithdrawWorkRequest{}
	cmd := &cobra.Command{
		Use:   "withdraw WORK",
		Short: "Take offers of work back; it waits again and keeps its age",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.WithdrawWork(cmd.Context(), r)
				return c.had(answer, err, "is withdrawn", r.Work)
			})
		},
	}
	cmd.Flags().StringVar(&r.Agent, "agent", "", "whose offer; left out, all that stand")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for the record")
	revisionFlag(cmd.Flags(), &r.Revision)
	return cmd
}

func newWorkReprioritise(c *client) *cobra.Command {
	r := &patchbayv1.ReprioritiseWorkRequest{}
	cmd := &cobra.Command{
		Use:   "reprioritise WORK --priority PRIORITY",
		Short: "Give work another priority",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("priority") {
				return usagef("which --priority? 0 is highest")
			}
			r.Work = args[0]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.ReprioritiseWork(cmd.Context(), r)
				return c.had(answer, err, "has another priority", r.Work)
			})
		},
	}
	cmd.Flags().Int32Var(&r.Priority, "priority", 0, "the new one; 0 is highest (required)")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for the record")
	revisionFlag(cmd.Flags(), &r.Revision)
	return cmd
}

func newWorkAnnotate(c *client) *cobra.Command {
	r := &patchbayv1.AnnotateWorkRequest{}
	cmd := &cobra.Command{
		Use:   "annotate WORK NOTE",
		Short: "Note for people why work waits, or what they should know",
		Args:  exactly("WORK", "NOTE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work, r.Text = args[0], args[1]
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.AnnotateWork(cmd.Context(), r)
				return c.had(answer, err, "is annotated", r.Work)
			})
		},
	}
	revisionFlag(cmd.Flags(), &r.Revision)
	return cmd
}

// heldBy says what keeps work from being offered; empty if nothing does.
func heldBy(w *patchbayv1.Work) string {
	h := w.GetHold()
	if h == nil {
		return ""
	}
	text := h.GetReason()
	if h.GetBy() != "" {
		text = "by " + h.GetBy() + ": " + text
	}
	if h.GetUntil() != nil {
		text += ", until " + date(h.GetUntil())
	}
	return text
}

// noted lists notes under a heading that repeats for each.
func noted(w *patchbayv1.Work) (out []string) {
	for _, n := range w.GetNotes() {
		text := date(n.GetAt())
		if n.GetBy() != "" {
			text += " by " + n.GetBy()
		}
		out = append(out, "note", text+": "+n.GetText())
	}
	return out
}
