// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newWebhook(std stdio) *cobra.Command {
	return group(
		"webhook", "See whom the host tells what happens, and look after what they do not take",
		newWebhookList(std), newWebhookStatus(std), newWebhookDead(std), newWebhookRedeliver(std), newWebhookRotate(std), newWebhookTest(std),
	)
}

func newWebhookList(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show every webhook and how it fares",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				list, err := patchbayv1.NewWebhookServiceClient(conn).ListWebhooks(cmd.Context(), &patchbayv1.ListWebhooksRequest{})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, list)
				}
				return printWebhooks(std.out, list.GetWebhooks())
			})
		},
	}
	c.flags(cmd)
	return cmd
}

func printWebhooks(w io.Writer, webhooks []*patchbayv1.WebhookStatus) error {
	rows := [][]string{{"WEBHOOK", "URL", "POSITION", "WAITING", "RETRIED", "DEAD", "DELIVERED", "FAILED", "LAST ERROR"}}
	for _, x := range webhooks {
		rows = append(rows, []string{
			x.GetWebhook(), x.GetUrl(), fmt.Sprint(x.GetPosition()), fmt.Sprint(x.GetWaiting()), fmt.Sprint(x.GetRetried()),
			fmt.Sprint(x.GetDead()), fmt.Sprint(x.GetDelivered()), fmt.Sprint(x.GetFailed()), x.GetLastError(),
		})
	}
	return table(w, rows)
}

func newWebhookStatus(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Show all that is known of a webhook",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				list, err := patchbayv1.NewWebhookServiceClient(conn).ListWebhooks(cmd.Context(), &patchbayv1.ListWebhooksRequest{})
				if err != nil {
					return err
				}
				for _, x := range list.GetWebhooks() {
					switch {
					case x.GetWebhook() != args[0]:
					case c.json:
						return printJSON(std.out, x)
					default:
						return printWebhook(std.out, x)
					}
				}
				return fmt.Errorf("there is no webhook %q; \"patchbay webhook list\" shows which there are", args[0])
			})
		},
	}
	c.flags(cmd)
	return cmd
}

func printWebhook(w io.Writer, x *patchbayv1.WebhookStatus) error {
	count := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	return pairs(w,
		"webhook", x.GetWebhook(), "url", x.GetUrl(), "when", cmp.Or(x.GetWhen(), "all events"), "secrets", fmt.Sprint(x.GetSecrets()),
		"position", fmt.Sprint(x.GetPosition()), "read", fmt.Sprint(x.GetRead()), "waiting", fmt.Sprint(x.GetWaiting()),
		"retried", fmt.Sprint(x.GetRetried()), "dead", fmt.Sprint(x.GetDead()), "delivered", fmt.Sprint(x.GetDelivered()),
		"failed", fmt.Sprint(x.GetFailed()), "not asked for", count(x.GetPassed()), "condition failed", count(x.GetUnfit()),
		"lost", count(x.GetLost()), "dropped", count(x.GetDropped()), "delivered at", date(x.GetDeliveredAt()),
		"next try", date(x.GetNextTry()), "last error", x.GetLastError(), "last error at", date(x.GetLastErrorAt()),
	)
}

func newWebhookDead(std stdio) *cobra.Command {
	c := &client{std: std}
	r := &patchbayv1.ListDeadLettersRequest{}
	cmd := &cobra.Command{
		Use:   "dead NAME",
		Short: "List the events that a webhook has not taken and that are posted no more",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				r.Webhook = args[0]
				list, err := patchbayv1.NewWebhookServiceClient(conn).ListDeadLetters(cmd.Context(), r)
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, list)
				}
				rows := [][]string{{"EVENT", "KIND", "ABOUT", "POSTED", "FIRST", "LAST", "ERROR"}}
				for _, l := range list.GetLetters() {
					rows = append(rows, []string{
						fmt.Sprint(l.GetEvent()), l.GetKind(), l.GetSubject(), fmt.Sprint(l.GetAttempts()), date(l.GetFirst()), date(l.GetLast()), l.GetError(),
					})
				}
				return table(std.out, rows)
			})
		},
	}
	cmd.Flags().Uint64Var(&r.After, "after", 0, "only events whose number is above this")
	cmd.Flags().Uint32Var(&r.Limit, "limit", 0, "at most so many (default 100)")
	c.flags(cmd)
	return cmd
}

func newWebhookRedeliver(std stdio) *cobra.Command {
	c := &client{std: std}
	var events []uint
	var all bool
	cmd := &cobra.Command{
		Use:   "redeliver NAME (--event N… | --all)",
		Short: "Post dead letters again",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(events) > 0) == all {
				return usagef("webhook redeliver: give --event, or --all")
			}
			r := &patchbayv1.RedeliverWebhookRequest{Webhook: args[0]}
			for _, number := range events {
				r.Events = append(r.Events, uint64(number))
			}
			return c.call(func(conn *grpc.ClientConn) error {
				total, err := redeliver(cmd, patchbayv1.NewWebhookServiceClient(conn), r)
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, total)
				}
				_, err = fmt.Fprintf(std.out, "webhook %s: %d posted again, %d dead letters left\n", args[0], total.GetCount(), total.GetLeft())
				return err
			})
		},
	}
	cmd.Flags().UintSliceVar(&events, "event", nil, "the number of a dead letter's event (repeatable)")
	cmd.Flags().BoolVar(&all, "all", false, "all dead letters there are")
	c.flags(cmd)
	return cmd
}

// redeliver asks until nothing is left of those that were dead at first.
func redeliver(
	cmd *cobra.Command, webhooks patchbayv1.WebhookServiceClient, r *patchbayv1.RedeliverWebhookRequest,
) (*patchbayv1.RedeliverWebhookResponse, error) {
	total := &patchbayv1.RedeliverWebhookResponse{}
	for most := uint32(0); ; {
		one, err := webhooks.RedeliverWebhook(cmd.Context(), r)
		if err != nil {
			return nil, err
		}
		total.Count += one.GetCount()
		total.Left = one.GetLeft()
		if most == 0 {
			most = one.GetCount() + one.GetLeft()
		}
		// What dies again meanwhile is left.
		if len(r.GetEvents()) > 0 || one.GetLeft() == 0 || one.GetCount() == 0 || total.GetCount() >= most {
			return total, nil
		}
	}
}

func newWebhookRotate(std stdio) *cobra.Command {
	c := &client{std: std}
	keep := 24 * time.Hour
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Draw another secret for a webhook, and print it",
		Long: `Rotate draws another secret, with which the host signs from then on, and prints
it. The secrets before sign as well for as long as --keep says: give the new one
to the receiver meanwhile. It lasts until another one is drawn, or until the
secrets of the config change, which then count alone.`,
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				answer, err := patchbayv1.NewWebhookServiceClient(conn).RotateWebhookSecret(cmd.Context(),
					&patchbayv1.RotateWebhookSecretRequest{Webhook: args[0], Keep: durationpb.New(keep)})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, answer)
				}
				_, err = fmt.Fprintf(std.out, "%s\n", answer.GetSecret())
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&keep, "keep", keep, "for how long the secrets before sign as well")
	c.flags(cmd)
	return cmd
}

func newWebhookTest(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Post a test event to a webhook, and say whether it is taken",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				answer, err := patchbayv1.NewWebhookServiceClient(conn).TestWebhook(cmd.Context(), &patchbayv1.TestWebhookRequest{Webhook: args[0]})
				if err != nil {
					return err
				}
				if c.json {
					if err := printJSON(std.out, answer); err != nil {
						return err
					}
				}
				if !answer.GetTaken() {
					return errors.New(answer.GetError())
				}
				if c.json {
					return nil
				}
				_, err = fmt.Fprintf(std.out, "webhook %s takes it, after %s\n", args[0], span(answer.GetTook().AsDuration()))
				return err
			})
		},
	}
	c.flags(cmd)
	return cmd
}
