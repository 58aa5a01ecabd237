// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newWork(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := group("work", "Bring work in and follow it",
		newWorkCreate(c), newWorkGet(c), newWorkList(c), newWorkCancel(c), newWorkRequeue(c), newWorkAbandon(c))
	c.flags(cmd)
	return cmd
}

// works calls the work service.
func (c *client) works(use func(patchbayv1.WorkServiceClient) error) error {
	return c.call(func(conn *grpc.ClientConn) error { return use(patchbayv1.NewWorkServiceClient(conn)) })
}

func newWorkCreate(c *client) *cobra.Command {
	r := &patchbayv1.CreateWorkRequest{}
	var priority int32
	var size float64
	var expires time.Duration
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Bring work in; it returns once the work is durable",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("priority") {
				r.Priority = &priority
			}
			if cmd.Flags().Changed("size") {
				r.Size = &size
			}
			if cmd.Flags().Changed("expires-in") {
				if expires <= 0 {
					return usagef("--expires-in: it should be above 0")
				}
				r.ExpiresAt = timestamppb.New(time.Now().Add(expires))
			}
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.CreateWork(cmd.Context(), r)
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.std.out, answer)
				}
				state := word(answer.GetWork().GetState())
				if answer.GetDuplicate() {
					state += ", was there already"
				}
				_, err = fmt.Fprintf(c.std.out, "%s (%s)\n", answer.GetWork().GetId(), state)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Channel, "channel", "", "the kind of work (required)")
	f.StringVar(&r.Queue, "queue", "", "the queue it goes to (required)")
	f.StringVar(&r.External, "external", "", "a reference to the outside record")
	f.StringToStringVar(&r.Attributes, "attribute", nil, "an attribute, NAME=VALUE; may be repeated")
	f.StringVar(&r.IdempotencyKey, "idempotency-key", "", "the same key returns the same work")
	f.Int32Var(&priority, "priority", 0, "0 is highest; left out, the queue's")
	f.Float64Var(&size, "size", 0, "units of capacity; left out, the queue's or the channel's")
	f.StringVar(&r.RequiredAgent, "required-agent", "", "the only agent it may be offered to")
	f.DurationVar(&expires, "expires-in", 0, "end it if it still waits then, such as 30m")
	return cmd
}

func newWorkGet(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "get WORK",
		Short: "Show one piece of work with its assignments",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.GetWork(cmd.Context(), &patchbayv1.GetWorkRequest{Work: args[0]})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.std.out, answer)
				}
				return c.showWork(answer.GetWork())
			})
		},
	}
}

func (c *client) showWork(w *patchbayv1.Work) error {
	var attributes []string
	for name, value := range w.GetAttributes() {
		attributes = append(attributes, name+"="+value)
	}
	err := pairs(c.std.out,
		"work", w.GetId(), "state", word(w.GetState()), "queue", w.GetQueue(), "channel", w.GetChannel(),
		"priority", fmt.Sprint(w.GetPriority()), "size", units(w.GetSize()), "external", w.GetExternal(),
		"attributes", strings.Join(sorted(attributes), ", "), "requested at", date(w.GetRequestedAt()),
		"created at", date(w.GetCreatedAt()), "expires at", date(w.GetExpiresAt()), "ended at", date(w.GetEndedAt()),
		"required agent", w.GetRequiredAgent(), "excluded", strings.Join(w.GetExcluded(), ", "), "reason", w.GetReason())
	if err != nil || len(w.GetAssignments()) == 0 {
		return err
	}
	fmt.Fprintln(c.std.out)
	rows := [][]string{{"ASSIGNMENT", "AGENT", "STATE", "OFFERED", "ANSWERED", "ENDED", "STRATEGY", "WHY"}}
	for _, a := range w.GetAssignments() {
		rows = append(rows, []string{
			a.GetId(), a.GetAgent(), word(a.GetState()), clock(a.GetOfferedAt()), clock(a.GetAnsweredAt()), clock(a.GetEndedAt()),
			decider(a.GetDecision()), a.GetDecision().GetReason(),
		})
	}
	return table(c.std.out, rows)
}

// decider names who decided.
func decider(d *patchbayv1.Decision) string {
	if d == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s)", d.GetStrategy(), d.GetRuntime())
}

func newWorkList(c *client) *cobra.Command {
	r := &patchbayv1.ListWorkRequest{}
	var state string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List work in order of arrival",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if state != "" {
				number, ok := patchbayv1.WorkState_value["WORK_STATE_"+strings.ToUpper(state)]
				if !ok || number == 0 {
					return usagef("--state: there is no state %q", state)
				}
				r.State = patchbayv1.WorkState(number)
			}
			if limit < 1 {
				return usagef("--limit: it should be above 0")
			}
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				found, err := pages(limit, func(size uint32, token string) ([]*patchbayv1.Work, string, error) {
					r.PageSize, r.PageToken = size, token
					page, err := works.ListWork(cmd.Context(), r)
					return page.GetWork(), page.GetNextPageToken(), err
				})
				if err != nil {
					return err
				}
				return c.listWork(found)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Queue, "queue", "", "only work of this queue")
	f.StringVar(&state, "state", "", "only work in this state: waiting, offered, open, closed, cancelled, abandoned, expired")
	f.IntVar(&limit, "limit", 100, "how many at most")
	return cmd
}

func (c *client) listWork(found []*patchbayv1.Work) error {
	if c.json {
		return printJSON(c.std.out, &patchbayv1.ListWorkResponse{Work: found})
	}
	rows := [][]string{{"WORK", "STATE", "QUEUE", "CHANNEL", "PRIORITY", "REQUESTED", "AGENT", "EXTERNAL"}}
	for _, w := range found {
		agent := ""
		if n := len(w.GetAssignments()); n > 0 {
			agent = w.GetAssignments()[n-1].GetAgent()
		}
		rows = append(rows, []string{
			w.GetId(), word(w.GetState()), w.GetQueue(), w.GetChannel(), fmt.Sprint(w.GetPriority()),
			clock(w.GetRequestedAt()), agent, w.GetExternal(),
		})
	}
	return table(c.std.out, rows)
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
		Short: "Take offered or open work from its agent; it waits again and keeps its age",
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
