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
	at := clock(m.GetAt())
	switch x := m.GetMessage().(type) {
	case *patchbayv1.StreamOffersResponse_Snapshot:
		a := x.Snapshot.GetAgent()
		fmt.Fprintf(c.std.out, "%s is %s and holds %d\n", a.GetId(), a.GetStatus(), len(x.Snapshot.GetHeld()))
		for _, offer := range x.Snapshot.GetHeld() {
			c.printHeld("", offer)
		}
	case *patchbayv1.StreamOffersResponse_Offered:
		c.printHeld(at+" ", x.Offered)
	case *patchbayv1.StreamOffersResponse_Accepted:
		fmt.Fprintf(c.std.out, "%s %s accepted: %s is open\n", at, x.Accepted.GetAssignment(), x.Accepted.GetWork())
	case *patchbayv1.StreamOffersResponse_Ended:
		fmt.Fprintf(c.std.out, "%s %s %s: %s%s\n", at, x.Ended.GetAssignment(), word(x.Ended.GetState()), x.Ended.GetWork(), because(x.Ended.GetReason()))
	case *patchbayv1.StreamOffersResponse_Status:
		fmt.Fprintf(c.std.out, "%s status %s, by %s\n", at, x.Status.GetStatus(), word(x.Status.GetCause()))
	case *patchbayv1.StreamOffersResponse_Paused:
		fmt.Fprintf(c.std.out, "%s %s paused: %s holds %s%s\n", at, x.Paused.GetAssignment(), x.Paused.GetWork(), units(x.Paused.GetSize()), because(x.Paused.GetReason()))
	case *patchbayv1.StreamOffersResponse_Resumed:
		fmt.Fprintf(c.std.out, "%s %s resumed: %s holds %s\n", at, x.Resumed.GetAssignment(), x.Resumed.GetWork(), units(x.Resumed.GetSize()))
	case *patchbayv1.StreamOffersResponse_WrapUpStarted:
		c.printWrapUp(at, "wrap-up", x.WrapUpStarted)
	case *patchbayv1.StreamOffersResponse_WrapUpExtended:
		c.printWrapUp(at, "wrap-up extended", x.WrapUpExtended)
	case *patchbayv1.StreamOffersResponse_HandedOver:
		fmt.Fprintf(c.std.out, "%s %s handed over: %s is yours%s\n", at, x.HandedOver.GetAssignment(), x.HandedOver.GetWork(), because(x.HandedOver.GetReason()))
	case *patchbayv1.StreamOffersResponse_GuestJoined:
		fmt.Fprintf(c.std.out, "%s guest %s joined %s as %s\n", at, x.GuestJoined.GetAgent(), x.GuestJoined.GetWork(), x.GuestJoined.GetAssignment())
	case *patchbayv1.StreamOffersResponse_GuestLeft:
		fmt.Fprintf(c.std.out, "%s guest %s left %s: %s %s%s\n", at, x.GuestLeft.GetAgent(), x.GuestLeft.GetWork(), x.GuestLeft.GetAssignment(),
			word(x.GuestLeft.GetState()), because(x.GuestLeft.GetReason()))
	}
	return nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ", " + reason
}

func (c *client) printWrapUp(at, what string, w *patchbayv1.WrapUp) {
	fmt.Fprintf(c.std.out, "%s %s %s: %s closes by %s\n", at, w.GetAssignment(), what, w.GetWork(), clock(w.GetUntil()))
}

func (c *client) printHeld(at string, offer *patchbayv1.Offer) {
	a, w := offer.GetAssignment(), offer.GetWork()
	more := ""
	if w.GetExternal() != "" {
		more = " " + w.GetExternal()
	}
	if a.GetGuest() {
		more += ", as a guest"
	}
	if len(offer.GetGuests()) > 0 {
		more += ", with " + strings.Join(offer.GetGuests(), ", ")
	}
	if a.GetDeadline() != nil && a.GetState() == patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED {
		more += ", answer by " + clock(a.GetDeadline())
	}
	fmt.Fprintf(c.std.out, "%s%s %s: %s from %s (%s)%s\n", at, a.GetId(), word(a.GetState()), w.GetId(), w.GetQueue(), w.GetChannel(), more)
}
