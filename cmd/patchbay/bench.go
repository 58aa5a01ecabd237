// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/bench"
)

func newBench(std stdio) *cobra.Command {
	return group("bench", "Measure what the parts take, side by side with the plainest way", newBenchDecide(std), newBenchRemote(std), newBenchSwap(std), newBenchRouter(), newBenchChild())
}

// deciding is the flags of the bench decide command.
type deciding struct {
	std        stdio
	options    bench.DecideOptions
	strategies []string
	json       bool
	quiet      bool
}

func newBenchDecide(std stdio) *cobra.Command {
	d := &deciding{std: std}
	cmd := &cobra.Command{
		Use:   "decide",
		Short: "Measure how long the built-in strategies take to decide, and what memory",
		Long: `Decide makes a large contact centre, gives it to each built-in strategy by turns,
and measures what one decision takes: for new work that looks for an agent, and
for an agent who has become free and looks for work. Beside it stands the same by
looking at every agent, or at all work. It also measures how many decisions one
core makes, what a thousand items at the head of the queue change that nobody can
take, and what memory the strategy and a whole workspace of that size hold.

Figures are medians over the runs. They are worth comparing within one run; the
machine, and what else it does, decides about the rest.`,
		Example: `  patchbay bench decide
  patchbay bench decide --agents 5000 --waiting 20000 --skills 200 --runs 5 --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&d.options.Agents, "agents", 100_000, "agents who are signed in; one in twenty is free")
	f.IntVar(&d.options.Waiting, "waiting", 1_000_000, "items that wait")
	f.IntVar(&d.options.Skills, "skills", 1000, "skills; every agent holds ten")
	f.IntVar(&d.options.Runs, "runs", 3, "runs, of which medians are printed")
	f.Uint64Var(&d.options.Seed, "seed", 1, "where agents and work come from")
	f.StringSliceVar(&d.strategies, "strategy", builtins(), "built-in strategies to measure")
	f.BoolVar(&d.json, "json", false, "print JSON")
	f.BoolVar(&d.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

// decided is what the command prints about one strategy.
type decided struct {
	Decide    *bench.DecideReport    `json:"decide"`
	Workspace *bench.WorkspaceReport `json:"workspace"`
}

func (d *deciding) run(cmd *cobra.Command) error {
	linked := plugins()
	for _, name := range d.strategies {
		if _, ok := linked[name]; !ok {
			return noSuch("--strategy: there is no built-in strategy", name, builtins())
		}
	}
	var reports []decided
	for _, name := range slices.Compact(slices.Sorted(slices.Values(d.strategies))) {
		options, wipe := d.options, func() {}
		if !d.quiet && terminal(d.std.err) {
			options.Progress, wipe = countBar(d.std.err, name)
		}
		decide, err := bench.Decide(cmd.Context(), options, linked[name])
		if err != nil {
			wipe()
			return err
		}
		workspace, err := bench.Workspace(cmd.Context(), options, linked[name])
		wipe()
		if err != nil {
			return err
		}
		reports = append(reports, decided{decide, workspace})
		if err := d.print(reports[len(reports)-1]); err != nil {
			return err
		}
	}
	if d.json {
		return json.NewEncoder(d.std.out).Encode(reports)
	}
	return nil
}

func (d *deciding) print(r decided) error {
	if d.json {
		return nil
	}
	if err := r.Decide.WriteText(d.std.out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.std.out, "whole workspace, everybody busy: %.0f MiB, filled in %.1f s\n\n", float64(r.Workspace.Bytes)/(1<<20), r.Workspace.FillSeconds)
	return err
}

// countBar draws a bar once more than two seconds have passed.
func countBar(w io.Writer, what string) (draw func(done, total int), wipe func()) {
	began := time.Now()
	shares, wipe := progressBar(w, func() time.Duration { return time.Since(began) })
	return func(done, total int) { shares(float64(done)/float64(max(total, 1)), what) }, wipe
}
