// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// simulating is the flags of the sim run command.
type simulating struct {
	std      stdio
	seed     uint64
	strategy string
	json     bool
	quiet    bool
}

func newSim(std stdio) *cobra.Command {
	return group("sim", "Play contact centres in virtual time", newSimRun(std))
}

func newSimRun(std stdio) *cobra.Command {
	s := &simulating{std: std}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Play a described contact centre and show what became of everybody",
		Long: `Run plays a scenario in virtual time, on the real engine and the real strategy:
who calls, how often and how patient they are, who answers, and for how long. At
the end it prints waits, service levels, abandonment and occupancy.

Customers are drawn from the seed alone: another strategy meets the same ones,
and the same file, seed and strategy give the same result to the last byte.

It fails if anything that must hold of every run did not, such as that nobody
waits beside an agent who could take them.`,
		Example: `  patchbay sim run day.yaml
  patchbay sim run day.yaml --seed 7 --json`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&s.seed, "seed", 0, "draw customers from this instead of the file's seed")
	f.StringVar(&s.strategy, "strategy", "", "a built-in strategy to decide instead of the file's")
	f.BoolVar(&s.json, "json", false, "print the result as JSON")
	f.BoolVar(&s.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

// errUnsound is returned when a run broke what must hold of every run.
var errUnsound = errors.New("the run broke what must hold of every run; the result says what")

func (s *simulating) run(cmd *cobra.Command, file string) error {
	described, err := scenario.Load(file)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("seed") {
		described.Seed = s.seed
	}
	if s.strategy != "" {
		if !slices.Contains(builtins(), s.strategy) {
			return usagef("--strategy: there is no built-in strategy %q; there are %s", s.strategy, strings.Join(builtins(), ", "))
		}
		described.Strategy = scenario.Strategy{Source: s.strategy}
	}
	runtimes, closeRuntimes, err := openRuntimes(slog.New(slog.NewTextHandler(s.std.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	progress, wipe := s.progress(time.Now())
	result, err := scenario.Run(cmd.Context(), described, scenario.Options{Runtimes: runtimes, Progress: progress})
	wipe()
	if err = errors.Join(err, closeRuntimes()); err != nil {
		return err
	}
	return s.report(result)
}

// progress draws a bar on a terminal once more than two seconds have passed.
func (s *simulating) progress(start time.Time) (draw func(share float64, customers int), wipe func()) {
	if s.quiet || !terminal(s.std.err) {
		return nil, func() {}
	}
	return simBar(s.std.err, func() time.Duration { return time.Since(start) })
}

func simBar(w io.Writer, passed func() time.Duration) (draw func(share float64, customers int), wipe func()) {
	var bar *progressbar.ProgressBar
	draw = func(share float64, customers int) {
		if passed() < 2*time.Second {
			return
		}
		if bar == nil {
			bar = progressbar.NewOptions(1000, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
		}
		bar.Describe(fmt.Sprintf("%d customers", customers))
		_ = bar.Set(int(1000 * share)) // a bar that cannot be drawn is no harm
	}
	return draw, func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
}

// report prints the result and fails if it is not sound.
func (s *simulating) report(result *scenario.Result) error {
	if s.json {
		if err := json.NewEncoder(s.std.out).Encode(result); err != nil {
			return err
		}
	} else if _, err := result.WriteTo(s.std.out); err != nil {
		return err
	}
	if !result.Sound() {
		return errUnsound
	}
	return nil
}
