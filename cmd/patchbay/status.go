// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newStatus(std stdio) *cobra.Command {
	c := &client{std: std}
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the host's queues, strategies and counters",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wait < 0 {
				return usagef("--wait: it should not be negative")
			}
			return c.call(func(conn *grpc.ClientConn) error {
				ctx := cmd.Context()
				if wait > 0 {
					limited, cancel := context.WithTimeout(ctx, wait)
					defer cancel()
					ctx = limited
				}
				status, err := patchbayv1.NewHostServiceClient(conn).GetStatus(
					ctx, &patchbayv1.GetStatusRequest{}, grpc.WaitForReady(wait > 0))
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, status)
				}
				return printStatus(std.out, status)
			})
		},
	}
	c.flags(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for a host that is still starting, such as 10s")
	return cmd
}

func printStatus(w io.Writer, s *patchbayv1.GetStatusResponse) error {
	fmt.Fprintf(w, "workspace %s, event %d, config %d, patchbay %s\n\n", s.GetWorkspace(), s.GetLastEvent(), s.GetConfig(), s.GetVersion())
	if err := table(w, queueRows(s)); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := table(w, strategyRows(s.GetStrategies())); err != nil {
		return err
	}
	for _, x := range s.GetStrategies() {
		printTrouble(w, x)
	}
	if err := printRouters(w, s.GetStrategies(), s.GetNow().AsTime()); err != nil {
		return err
	}
	n := s.GetCounters()
	_, err := fmt.Fprintf(w, "\nsince the start: created %d, offers %d, accepted %d, declined %d, timed out %d, unavailable %d, "+
		"withdrawn %d, completed %d, reopened %d, requeued %d, transferred %d, overflowed %d, cancelled %d, abandoned %d, expired %d, "+
		"refused proposals %d, violations %d\n",
		n.GetCreated(), n.GetOffers(), n.GetAccepted(), n.GetDeclined(), n.GetTimedOut(), n.GetUnavailable(), n.GetWithdrawn(),
		n.GetCompleted(), n.GetReopened(), n.GetRequeued(), n.GetTransferred(), n.GetOverflowed(), n.GetCancelled(), n.GetAbandoned(), n.GetExpired(), n.GetRefused(), n.GetViolations())
	return err
}

// strategyRows are the strategies as a table.
func strategyRows(strategies []*patchbayv1.StrategyStatus) [][]string {
	rows := [][]string{{"STRATEGY", "RUNTIME", "VERSION", "STATE", "DECIDES FOR", "TURNS", "P50", "P99", "OFFERS", "REFUSED", "FAULTS", "RESTARTS", "LAST FAULT"}}
	for _, x := range strategies {
		rows = append(rows, []string{
			x.GetStrategy(), x.GetRuntime(), x.GetVersion(), word(x.GetState()), strings.Join(x.GetQueues(), ", "),
			fmt.Sprint(x.GetTurns()), span(x.GetTurnP50().AsDuration()), span(x.GetTurnP99().AsDuration()), fmt.Sprint(x.GetOffers()),
			fmt.Sprint(x.GetRefusals()), fmt.Sprint(x.GetFaults()), fmt.Sprint(x.GetRestarts()), x.GetLastFault(),
		})
	}
	return rows
}

// printTrouble tells what an admin should know of a strategy beside its numbers.
func printTrouble(w io.Writer, x *patchbayv1.StrategyStatus) {
	if x.GetState() == patchbayv1.StrategyState_STRATEGY_STATE_QUARANTINED {
		fmt.Fprintf(w, "%s is in quarantine; to have it started again: patchbay strategy release %[1]s\n", x.GetStrategy())
	}
	if x.GetStalled() != "" {
		fmt.Fprintf(w, "%s stalls: it %s\n", x.GetStrategy(), x.GetStalled())
	}
	if x.GetSlow() > 0 {
		fmt.Fprintf(w, "%s was slow: %d turns took more than half of their deadline\n", x.GetStrategy(), x.GetSlow())
	}
	if standby := x.GetStandby(); standby != "" && standby != "ready" {
		fmt.Fprintf(w, "%s has no standby: %s\n", x.GetStrategy(), standby)
	}
	if x.GetKept() != "" {
		fmt.Fprintf(w, "%s died of a turn that is kept in %s\n", x.GetStrategy(), x.GetKept())
	}
}

// queueRows are the queues as a table.
func queueRows(s *patchbayv1.GetStatusResponse) [][]string {
	rows := [][]string{{"QUEUE", "WAITING", "LONGEST", "EXPECTED", "UNROUTABLE", "OFFERED", "OPEN", "PRESENT", "MEMBERS", "STRATEGY", "DECIDING", "RUNTIME"}}
	for _, q := range s.GetQueues() {
		deciding := deciders(q.GetDeciding(), q.GetClasses())
		rows = append(rows, []string{
			queueName(q), fmt.Sprint(q.GetWaiting()), span(q.GetLongestWait().AsDuration()), expected(q),
			fmt.Sprint(q.GetUnroutable()), fmt.Sprint(q.GetOffered()),
			fmt.Sprint(q.GetOpen()), fmt.Sprint(q.GetPresent()), fmt.Sprint(q.GetMembers()), q.GetStrategy(), deciding, q.GetRuntime(),
		})
	}
	return rows
}

// deciders names who decides for a queue, and for classes of its work.
func deciders(deciding string, classes []string) string {
	return strings.Join(append([]string{cmp.Or(deciding, "nobody")}, classes...), ", ")
}

// queueName names a queue, and says if it is closed.
func queueName(q *patchbayv1.QueueStatus) string {
	if q.GetClosed() {
		return q.GetQueue() + " (closed)"
	}
	return q.GetQueue()
}

// expected is the estimated wait, "?" without data.
func expected(q *patchbayv1.QueueStatus) string {
	if q.GetEstimatedWait() == nil {
		return "?"
	}
	return span(q.GetEstimatedWait().AsDuration())
}
