// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newFeed(std stdio) *cobra.Command {
	c := &client{std: std}
	r := &patchbayv1.StreamEventsRequest{}
	var kinds []string
	var count int
	cmd := &cobra.Command{
		Use:   "feed",
		Short: "Print everything that happens, until interrupted",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if count < 0 {
				return usagef("--count: it should not be negative")
			}
			for _, kind := range kinds {
				number, ok := patchbayv1.EventKind_value["EVENT_KIND_"+strings.ToUpper(kind)]
				if !ok || number == 0 {
					return usagef("--kind: there is no kind of event %q", kind)
				}
				r.Kinds = append(r.Kinds, patchbayv1.EventKind(number))
			}
			return c.call(func(conn *grpc.ClientConn) error {
				stream, err := patchbayv1.NewFeedServiceClient(conn).StreamEvents(cmd.Context(), r)
				if err != nil {
					return err
				}
				return follow(cmd.Context(), stream, count, func(m *patchbayv1.StreamEventsResponse) error {
					if c.json {
						return printJSON(std.out, m.GetEvent())
					}
					return printEvent(std.out, m.GetEvent())
				})
			})
		},
	}
	c.flags(cmd)
	f := cmd.Flags()
	f.Uint64Var(&r.After, "after", 0, "begin after the event with this number")
	f.StringVar(&r.Queue, "queue", "", "only events of this queue's work")
	f.StringSliceVar(&kinds, "kind", nil, "only events of this kind, such as work_offered; may be repeated")
	f.IntVar(&count, "count", 0, "end after so many events; 0 for never")
	return cmd
}

// printEvent writes an event on one line, with what its kind has.
func printEvent(w io.Writer, e *patchbayv1.Event) error {
	line := []string{fmt.Sprint(e.GetNumber()), clock(e.GetAt()), word(e.GetKind())}
	for _, part := range []string{e.GetWork(), e.GetAssignment(), e.GetAgent(), e.GetStatus()} {
		if part != "" {
			line = append(line, part)
		}
	}
	add := func(name, value string) {
		if value != "" {
			line = append(line, name+"="+value)
		}
	}
	if e.GetGuest() {
		line = append(line, "guest")
	}
	add("queue", e.GetQueue())
	line = append(line, placed(e)...)
	if e.GetCause() != 0 {
		add("by", word(e.GetCause()))
	}
	add("by", e.GetInstruction().GetBy())
	if e.GetVerdict() != 0 {
		add("verdict", word(e.GetVerdict()))
	}
	add("until", clock(e.GetDeadline()))
	if d := e.GetDecision(); d != nil {
		add("strategy", d.GetStrategy())
		add("runtime", d.GetRuntime())
		add("why", d.GetReason())
	}
	add("reason", e.GetReason())
	_, err := fmt.Fprintln(w, strings.Join(line, " "))
	return err
}

// placed writes what of an event's placement is its point.
func placed(e *patchbayv1.Event) []string {
	p := e.GetPlaced()
	var parts []string
	if to := p.GetQueue(); to != "" && to != e.GetQueue() {
		parts = append(parts, "to="+to)
	}
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_TIER_OPENED:
		parts = append(parts, fmt.Sprintf("tier=%d", p.GetTier()))
	case patchbayv1.EventKind_EVENT_KIND_WORK_UPDATED:
		parts = append(parts, fmt.Sprintf("priority=%d", p.GetPriority()), "skills="+quoted(needs(p.GetSkills())))
	case patchbayv1.EventKind_EVENT_KIND_SKILLS_DROPPED, patchbayv1.EventKind_EVENT_KIND_SKILLS_RELAXED:
		parts = append(parts, "skills="+quoted(needs(p.GetSkills())))
	case patchbayv1.EventKind_EVENT_KIND_WORK_PAUSED, patchbayv1.EventKind_EVENT_KIND_WORK_RESUMED:
		parts = append(parts, "holds="+units(e.GetSize()))
	}
	if e.GetGranted() {
		parts = append(parts, "may_exceed_capacity")
	}
	return parts
}

// quoted keeps words with blanks in one piece.
func quoted(text string) string { return fmt.Sprintf("%q", text) }
