// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	// patience is how long an explanation may take before the wait is shown.
	patience = 2 * time.Second
	// maxExplanation bounds an explanation, which is of hundreds of steps at
	// most.
	maxExplanation = 64 << 20
)

func newExplain(std stdio) *cobra.Command {
	c := &client{std: std}
	r := &patchbayv1.StreamExplanationRequest{}
	cmd := &cobra.Command{
		Use:   "explain WORK",
		Short: "Tell the life of a piece of work: who was chosen and why, who was passed over, why it waits",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Work = args[0]
			return c.call(func(conn *grpc.ClientConn) error {
				x, err := c.explanation(cmd.Context(), conn, r)
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.std.out, x)
				}
				return printExplanation(c.std.out, x)
			})
		},
	}
	cmd.Flags().StringVar(&r.WhyNot, "why-not", "", "an agent: why did, or does, the work not go there?")
	c.flags(cmd)
	return cmd
}

// explanation asks for it, and shows how far it has come if it takes long.
func (c *client) explanation(ctx context.Context, conn *grpc.ClientConn, r *patchbayv1.StreamExplanationRequest) (*patchbayv1.Explanation, error) {
	began := time.Now()
	stream, err := patchbayv1.NewExplainServiceClient(conn).StreamExplanation(ctx, r, grpc.MaxCallRecvMsgSize(maxExplanation))
	if err != nil {
		return nil, err
	}
	shown := false
	defer func() {
		if shown {
			fmt.Fprint(c.std.err, "\r"+right)
		}
	}()
	for {
		m, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errors.New("the host ended before it had explained anything")
		case err != nil:
			return nil, err
		case m.GetExplanation() != nil:
			return m.GetExplanation(), nil
		}
		if p := m.GetProgress(); p != nil && terminal(c.std.err) && time.Since(began) > patience {
			shown = true
			fmt.Fprint(c.std.err, "\r"+bar(p.GetDone(), p.GetTotal(), 40)+right)
		}
	}
}

// bar draws how much is done, so many marks wide.
func bar(done, total uint64, width int) string {
	share := 1.0
	if total > 0 {
		share = float64(min(done, total)) / float64(total)
	}
	full := int(share * float64(width))
	return fmt.Sprintf("[%s%s] %3.0f %%, %d of %d events", strings.Repeat("■", full), strings.Repeat("·", width-full), 100*share, done, total)
}

// story writes an explanation, in parts with headings.
type story struct{ strings.Builder }

func printExplanation(w io.Writer, x *patchbayv1.Explanation) error {
	s := &story{}
	s.head(x)
	s.outlook(x.GetOutlook())
	s.whyNot(x)
	s.life(x)
	_, err := io.WriteString(w, s.String())
	return err
}

func (s *story) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// at writes a line that begins with a time, or with what stands for it.
func (s *story) at(when, text string) { s.line("  %-12s  %s", when, text) }

func (s *story) head(x *patchbayv1.Explanation) {
	w := x.GetWork()
	state := strings.ReplaceAll(word(w.GetState()), "_", " ")
	s.line("%s is %s in queue %q, requested at %s, %s ago", w.GetId(), state, w.GetQueue(), date(w.GetRequestedAt()),
		span(ago(x.GetNow(), w.GetRequestedAt())))
	if x.GetForgotten() {
		s.line("It ended so long ago that only the journal still knows it.")
	}
	if !x.GetComplete() {
		s.line("The journal does not reach back to where it came in: what was before event %d is told by what the work itself remembers.", x.GetSince()+1)
	}
}

func ago(now, then *timestamppb.Timestamp) time.Duration {
	return max(0, now.AsTime().Sub(then.AsTime()))
}

func (s *story) outlook(o *patchbayv1.ExplainOutlook) {
	if o == nil {
		return
	}
	if len(o.GetWhy()) > 0 {
		s.line("\nWhy it waits")
		for _, why := range o.GetWhy() {
			s.line("  %s", why)
		}
		for _, p := range o.GetNear() {
			s.line("    %s", p.GetText())
		}
		s.line("  %s", position(o))
	}
	if len(o.GetComing()) > 0 {
		s.line("\nWhat comes next")
		for _, c := range o.GetComing() {
			s.at(clock(c.GetAt()), c.GetText())
		}
	}
}

// position says where in its queue the work is, and how long that may take.
func position(o *patchbayv1.ExplainOutlook) string {
	text := fmt.Sprintf("it is number %d in its queue", o.GetPosition())
	if o.GetEstimatedWait() == nil {
		return text + "; how long that takes cannot be told, since nothing like it was accepted lately"
	}
	return text + "; work like it has lately waited for " + span(o.GetEstimatedWait().AsDuration())
}

func (s *story) whyNot(x *patchbayv1.Explanation) {
	if x.GetWhyNot() == "" {
		return
	}
	s.line("\nWhy not %s", x.GetWhyNot())
	for _, m := range x.GetMoments() {
		switch {
		case m.GetEvent() == 0:
			s.at("now", m.GetText())
		case m.GetChosen() != "" && m.GetChosen() != x.GetWhyNot():
			s.at(clock(m.GetAt()), fmt.Sprintf("%s was chosen; %s", m.GetChosen(), m.GetText()))
		default:
			s.at(clock(m.GetAt()), m.GetText())
		}
	}
	if len(x.GetMoments()) == 0 {
		s.line("  nobody has been chosen since, and nobody is to be now")
	}
}

func (s *story) life(x *patchbayv1.Explanation) {
	s.line("\nIts life")
	for i, step := range x.GetSteps() {
		if x.GetOmitted() > 0 && i == len(x.GetSteps())/2 {
			s.at("…", fmt.Sprintf("%d steps are left out", x.GetOmitted()))
		}
		text := step.GetText()
		if step.GetTimes() > 1 {
			text += fmt.Sprintf(" (%d times)", step.GetTimes())
		}
		s.at(clock(step.GetAt()), text)
		for _, note := range step.GetNotes() {
			s.at("", "  "+note)
		}
	}
}
