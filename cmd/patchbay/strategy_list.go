// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newStrategyList(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"status"},
		Short:   "Show every strategy, who decides for which queue, and what is on trial",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				list, err := patchbayv1.NewStrategyServiceClient(conn).ListStrategies(cmd.Context(), &patchbayv1.ListStrategiesRequest{})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, list)
				}
				return printStrategies(std.out, list)
			})
		},
	}
	c.flags(cmd)
	return cmd
}

func printStrategies(w io.Writer, list *patchbayv1.ListStrategiesResponse) error {
	if err := table(w, strategyRows(list.GetStrategies())); err != nil {
		return err
	}
	fmt.Fprintln(w)
	rows := [][]string{{"QUEUE", "STRATEGY", "DECIDING", "FALLBACK", "BEFORE", "SHADOW", "CANARY"}}
	for _, q := range list.GetQueues() {
		canary := ""
		if t := q.GetCanary(); t != nil {
			canary = fmt.Sprintf("%s, %g %%", t.GetStrategy(), t.GetPercent())
		}
		rows = append(rows, []string{
			q.GetQueue(), q.GetStrategy(), deciders(q.GetDeciding(), q.GetClasses()), q.GetFallback(), q.GetBefore(), q.GetShadow(), canary,
		})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	for _, q := range list.GetQueues() {
		if t := q.GetCanary(); t != nil {
			if err := printTrial(w, q.GetQueue(), t); err != nil {
				return err
			}
		}
	}
	return nil
}

// printTrial shows both sides of a canary's trial beside each other.
func printTrial(w io.Writer, queue string, t *patchbayv1.Canary) error {
	fmt.Fprintf(w, "\nqueue %s: %s decides for %g %% since %s, as long as %s\n", queue, t.GetStrategy(), t.GetPercent(),
		t.GetSince().AsTime().Local().Format(time.DateTime), strings.Join(t.GetGuards(), " and "))
	rows := [][]string{{"", "TURNS", "ERRORS", "PROPOSALS", "REFUSED", "P50", "P99", "ACCEPTED", "IN TIME", "ABANDONED", "MEAN WAIT"}}
	for _, side := range []struct {
		name string
		of   *patchbayv1.TrialSide
	}{{"canary", t.GetCanary()}, {"baseline", t.GetBaseline()}} {
		x := side.of
		rows = append(rows, []string{
			side.name, fmt.Sprint(x.GetTurns()), fmt.Sprint(x.GetErrors()), fmt.Sprint(x.GetProposals()), fmt.Sprint(x.GetRefusals()),
			span(x.GetTurnP50().AsDuration()), span(x.GetTurnP99().AsDuration()), fmt.Sprint(x.GetAccepted()), fmt.Sprint(x.GetWithin()),
			fmt.Sprint(x.GetAbandoned()), span(x.GetMeanWait().AsDuration()),
		})
	}
	return table(w, rows)
}

func newStrategyReport(std stdio) *cobra.Command {
	c := &client{std: std}
	var page string
	cmd := &cobra.Command{
		Use:   "report QUEUE",
		Short: "Compare a queue's shadow with the strategy that decides",
		Long: `Report compares a queue's shadow with the strategy that decides. Both are given
their turns at the same moments, with the same things on their boards, so each
difference is a difference of opinion.`,
		Args: exactly("QUEUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(func(conn *grpc.ClientConn) error {
				report, err := patchbayv1.NewStrategyServiceClient(conn).GetShadowReport(
					cmd.Context(), &patchbayv1.GetShadowReportRequest{Queue: args[0]})
				switch {
				case err != nil:
					return err
				case page != "":
					if err := writeShadowPage(page, report); err != nil {
						return err
					}
				}
				if c.json {
					return printJSON(std.out, report)
				}
				return printShadow(std.out, report)
			})
		},
	}
	cmd.Flags().StringVar(&page, "html", "", "write the report to this file too, as a page that needs no network")
	c.flags(cmd)
	return cmd
}

func printShadow(w io.Writer, r *patchbayv1.GetShadowReportResponse) error {
	fmt.Fprintf(w, "queue %s: %s beside %s since %s\n\n", r.GetQueue(), r.GetShadow(), cmp.Or(r.GetDeciding(), "nobody"),
		r.GetSince().AsTime().Local().Format(time.DateTime))
	for _, line := range shadowLines(r) {
		fmt.Fprintln(w, line)
	}
	if len(r.GetReasons()) > 0 {
		fmt.Fprintln(w)
		if err := table(w, shadowReasons(r)); err != nil {
			return err
		}
		fmt.Fprintln(w)
		return table(w, shadowExamples(r))
	}
	return nil
}

// shadowLines says in words what came of the comparison.
func shadowLines(r *patchbayv1.GetShadowReportResponse) []string {
	decided := r.GetAgreed() + r.GetDiffered() + r.GetHeld()
	lines := []string{fmt.Sprintf("%d turns compared, %d missed while the shadow was not ready, %d came to nothing",
		r.GetTurns(), r.GetMissed(), r.GetFailed())}
	if decided == 0 {
		lines = append(lines, "nothing was decided yet")
	} else {
		lines = append(lines, fmt.Sprintf("of %d decisions the shadow agreed with %d (%.1f %%), chose another agent for %d, and held %d back",
			decided, r.GetAgreed(), 100*float64(r.GetAgreed())/float64(decided), r.GetDiffered(), r.GetHeld()))
	}
	if r.GetExtra() > 0 {
		lines = append(lines, fmt.Sprintf("it would have offered %d items that were left waiting", r.GetExtra()))
	}
	if r.GetSooner() > 0 {
		all := time.Duration(float64(r.GetSoonerBy().AsDuration()) * float64(r.GetSooner()) / float64(max(1, decided)))
		lines = append(lines, fmt.Sprintf("%d of them were offered later on, on average after %s: the shadow would have shortened the mean wait by about %s",
			r.GetSooner(), span(r.GetSoonerBy().AsDuration()), span(all)))
	}
	return append(lines, "a turn takes "+costWords(r.GetDecidingCost())+"; the shadow's "+costWords(r.GetShadowCost()))
}

func costWords(c *patchbayv1.DecisionCost) string {
	words := fmt.Sprintf("p50 %s, p99 %s", span(c.GetTurnP50().AsDuration()), span(c.GetTurnP99().AsDuration()))
	if c.GetMemoryBytes() > 0 {
		words += fmt.Sprintf(", %.1f MiB", float64(c.GetMemoryBytes())/(1<<20))
	}
	return words
}

func shadowReasons(r *patchbayv1.GetShadowReportResponse) [][]string {
	rows := [][]string{{"DIFFERENCES", "DECIDED FOR", "SHADOW FOR"}}
	for _, x := range r.GetReasons() {
		rows = append(rows, []string{fmt.Sprint(x.GetCount()), cmp.Or(x.GetDeciding(), "left waiting"), cmp.Or(x.GetShadow(), "left waiting")})
	}
	return rows
}

func shadowExamples(r *patchbayv1.GetShadowReportResponse) [][]string {
	rows := [][]string{{"AT", "WORK", "TURN", "DECIDED", "SHADOW"}}
	for _, x := range r.GetExamples() {
		rows = append(rows, []string{
			x.GetAt().AsTime().Local().Format("15:04:05.000"), x.GetWork(), fmt.Sprint(x.GetTurn()), choiceWords(x.GetDeciding()), choiceWords(x.GetShadow()),
		})
	}
	return rows
}

func choiceWords(c *patchbayv1.ShadowChoice) string {
	if c == nil {
		return "left waiting"
	}
	words := c.GetAgent()
	if c.GetReason() != "" {
		words += ": " + c.GetReason()
	}
	return words
}
