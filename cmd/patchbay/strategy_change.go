// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// handover is a command that changes who decides for a queue, and waits until
// that is so.
type handover struct {
	*client
	noWait bool
	within time.Duration
	// awaited is the strategy that must have proven itself, by the name in the
	// list of strategies; empty for the one that is to decide.
	awaited string
}

// settledEvery is how often it is looked whether a strategy has taken over.
const settledEvery = 50 * time.Millisecond

// changed is the answer of every change.
type changed interface {
	proto.Message
	GetQueue() *patchbayv1.QueueDeciders
}

func (d *handover) waits(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&d.noWait, "no-wait", false, "return once it is on record, before the strategy has proven itself")
	cmd.Flags().DurationVar(&d.within, "within", 30*time.Second, "how long to wait for the strategy to prove itself")
	d.flags(cmd)
}

// run makes the change and reports what came of it.
func (d *handover) run(ctx context.Context, change func(context.Context, patchbayv1.StrategyServiceClient) (changed, error)) error {
	return d.call(func(conn *grpc.ClientConn) error {
		strategies := patchbayv1.NewStrategyServiceClient(conn)
		answer, err := change(ctx, strategies)
		if err != nil {
			return err
		}
		if !d.noWait {
			if err := d.settled(ctx, strategies, answer.GetQueue()); err != nil {
				return d.explained(ctx, patchbayv1.NewConfigServiceClient(conn), err)
			}
		}
		if d.json {
			return printJSON(d.std.out, answer)
		}
		_, err = fmt.Fprintln(d.std.out, decidersLine(answer.GetQueue()))
		return err
	})
}

// wentBack says that the host went back on a change.
type wentBack struct{ what string }

// Error implements error.
func (w *wentBack) Error() string { return w.what }

// explained adds to an error that the host went back on a change why it did: its
// own change is on record.
func (d *handover) explained(ctx context.Context, configs patchbayv1.ConfigServiceClient, err error) error {
	if _, ok := errors.AsType[*wentBack](err); !ok {
		return err
	}
	history, trouble := configs.GetConfigHistory(ctx, &patchbayv1.GetConfigHistoryRequest{Limit: 1})
	if trouble != nil || len(history.GetVersions()) == 0 {
		return fmt.Errorf("%w: see patchbay config history", err)
	}
	return fmt.Errorf("%w: %s", err, history.GetVersions()[0].GetNote())
}

// settled waits until what was asked for decides, brings q up to date, and fails
// if the host went back on it.
func (d *handover) settled(ctx context.Context, strategies patchbayv1.StrategyServiceClient, q *patchbayv1.QueueDeciders) error {
	limited, cancel := context.WithTimeout(ctx, d.within)
	defer cancel()
	wanted, canary := q.GetStrategy(), q.GetCanary().GetStrategy()
	for {
		list, err := strategies.ListStrategies(limited, &patchbayv1.ListStrategiesRequest{})
		if err != nil {
			if limited.Err() != nil && ctx.Err() == nil {
				return fmt.Errorf("%s has not proven itself within %v; it goes on trying: see patchbay strategy list", cmp.Or(d.awaited, wanted), d.within)
			}
			return err
		}
		for _, now := range list.GetQueues() {
			if now.GetQueue() != q.GetQueue() {
				continue
			}
			proto.Reset(q)
			proto.Merge(q, now)
		}
		switch {
		case q.GetStrategy() != wanted:
			return &wentBack{fmt.Sprintf("%s did not take over; %s decides as before", wanted, cmp.Or(q.GetDeciding(), "nobody"))}
		case canary != "" && q.GetCanary() == nil:
			return &wentBack{fmt.Sprintf("the canary %s was rolled back at once", canary)}
		case d.awaited == "" && q.GetDeciding() == wanted, active(list, d.awaited):
			return nil
		}
		select {
		case <-limited.Done():
		case <-time.After(settledEvery):
		}
	}
}

func active(list *patchbayv1.ListStrategiesResponse, name string) bool {
	for _, s := range list.GetStrategies() {
		if s.GetStrategy() == name {
			return s.GetState() == patchbayv1.StrategyState_STRATEGY_STATE_ACTIVE
		}
	}
	return false
}

// decidersLine says who decides for a queue.
func decidersLine(q *patchbayv1.QueueDeciders) string {
	line := fmt.Sprintf("queue %s: %s decides", q.GetQueue(), cmp.Or(q.GetDeciding(), "nobody"))
	if q.GetDeciding() != q.GetStrategy() {
		line += ", until " + q.GetStrategy() + " has proven itself"
	}
	if t := q.GetCanary(); t != nil {
		line += fmt.Sprintf("; %s for %g %% of the work", t.GetStrategy(), t.GetPercent())
	}
	if q.GetShadow() != "" {
		line += "; " + q.GetShadow() + " is its shadow"
	}
	return line
}

func newStrategySwap(std stdio) *cobra.Command {
	d := &handover{client: &client{std: std}}
	cmd := &cobra.Command{
		Use:   "swap QUEUE STRATEGY",
		Short: "Have another strategy decide for a queue",
		Long: `Swap has another strategy of the config decide for a queue. It is started if need
be, is given the board, and takes over between two turns once it has proven
itself. Until then the former one decides; if the new one fails, nothing changes.`,
		Args: exactly("QUEUE", "STRATEGY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.run(cmd.Context(), func(ctx context.Context, s patchbayv1.StrategyServiceClient) (changed, error) {
				return s.SwapStrategy(ctx, &patchbayv1.SwapStrategyRequest{Queue: args[0], Strategy: args[1]})
			})
		},
	}
	d.waits(cmd)
	return cmd
}

func newStrategyShadow(std stdio) *cobra.Command {
	d := &handover{client: &client{std: std}}
	var off bool
	cmd := &cobra.Command{
		Use:   "shadow QUEUE [STRATEGY]",
		Short: "Compare a strategy with the one that decides, without using it",
		Long: `Shadow gives a strategy the same turns as the one that decides, and compares what
both propose; see it with "patchbay strategy report QUEUE". Nothing of what the
shadow proposes is used. --off ends it.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case off && len(args) != 1:
				return usagef("with --off, give QUEUE alone")
			case !off && len(args) != 2:
				return usagef("give QUEUE and STRATEGY, or QUEUE and --off")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.run(cmd.Context(), func(ctx context.Context, s patchbayv1.StrategyServiceClient) (changed, error) {
				r := &patchbayv1.ShadowStrategyRequest{Queue: args[0]}
				if off {
					d.noWait = true
				} else {
					r.Strategy, d.awaited = args[1], fmt.Sprintf("%s (shadow of %s)", args[1], args[0])
				}
				return s.ShadowStrategy(ctx, r)
			})
		},
	}
	cmd.Flags().BoolVar(&off, "off", false, "end the shadow")
	d.waits(cmd)
	return cmd
}

func newStrategyCanary(std stdio) *cobra.Command {
	d := &handover{client: &client{std: std}}
	r := &patchbayv1.StartCanaryRequest{}
	cmd := &cobra.Command{
		Use:   "canary QUEUE STRATEGY",
		Short: "Try a strategy with a share of a queue's work, under guards",
		Long: `Canary gives a share of a queue's work to a strategy on trial. Guards compare a
measure of the canary with a value, or with the same measure of the rest:

  error_rate     turns that failed, or held a proposal that could never have held
  refusal_rate   proposals that were refused
  p50_decision   how long the latest turns took, median, as in 20ms
  p99_decision   99th percentile
  service_level  work accepted within the queue's goal
  abandon_rate   work whose customer left
  mean_wait      how long accepted work had waited

When a guard does not hold, the trial ends within a second or two, and the record
says why. Without a guard, "error_rate < 1%" and "refusal_rate < baseline + 25%"
do.`,
		Example: `  patchbay strategy canary support skills --percent 10 \\
    --guard 'error_rate < 1%' --guard 'p99_decision < 20ms' --guard 'service_level >= baseline - 2%'`,
		Args: exactly("QUEUE", "STRATEGY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Queue, r.Strategy, d.awaited = args[0], args[1], args[1]
			return d.run(cmd.Context(), func(ctx context.Context, s patchbayv1.StrategyServiceClient) (changed, error) {
				return s.StartCanary(ctx, r)
			})
		},
	}
	cmd.Flags().Float64Var(&r.Percent, "percent", 10, "its share of the work, in per cent")
	cmd.Flags().StringArrayVar(&r.Guards, "guard", nil, "a condition that must hold; may be given again")
	d.waits(cmd)
	return cmd
}

func newStrategyPromote(std stdio) *cobra.Command {
	d := &handover{client: &client{std: std}}
	cmd := &cobra.Command{
		Use:   "promote QUEUE",
		Short: "Have a queue's canary, or its shadow, decide for all of its work",
		Args:  exactly("QUEUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.run(cmd.Context(), func(ctx context.Context, s patchbayv1.StrategyServiceClient) (changed, error) {
				return s.PromoteStrategy(ctx, &patchbayv1.PromoteStrategyRequest{Queue: args[0]})
			})
		},
	}
	d.waits(cmd)
	return cmd
}

func newStrategyRollback(std stdio) *cobra.Command {
	d := &handover{client: &client{std: std}}
	r := &patchbayv1.RollBackStrategyRequest{}
	cmd := &cobra.Command{
		Use:   "rollback QUEUE",
		Short: "End a queue's canary, or go back to the strategy that decided before",
		Args:  exactly("QUEUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Queue = args[0]
			return d.run(cmd.Context(), func(ctx context.Context, s patchbayv1.StrategyServiceClient) (changed, error) {
				return s.RollBackStrategy(ctx, r)
			})
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for the record")
	d.waits(cmd)
	return cmd
}
