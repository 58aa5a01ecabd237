// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/sim/report"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// simulating is the flags of the sim run command.
type simulating struct {
	std          stdio
	seed         uint64
	replications int
	strategy     string
	html         string
	json, csv    bool
	quiet        bool
	verify       bool
}

func newSim(std stdio) *cobra.Command {
	return group("sim", "Play contact centres in virtual time", newSimRun(std), newSimCompare(std), newSimReplay(std), newSimVerify(std), newSimSchema(std))
}

func newSimRun(std stdio) *cobra.Command {
	s := &simulating{std: std}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Play a described contact centre and show what became of everybody",
		Long: `Run plays a scenario in virtual time, on the real engine and the real strategy:
who calls, how often and how patient they are, who answers, and for how long. At
the end it prints waits, service levels, abandonment and occupancy, with 95 %
confidence intervals where there are several replications, or nothing varies
over the run.

Customers are drawn from the seed alone: another strategy meets the same ones,
and the same file, seed and strategy give the same result to the last byte, on
however many processors. --strategy names a built-in strategy, a WASM module or
an executable; an executable is run as the process runtime runs it, with an empty
environment and limited memory, but as you.

It fails if anything that must hold of every run did not, such as that nobody
waits beside an agent who could take them.`,
		Example: `  patchbay sim run day.yaml
  patchbay sim run day.yaml --strategy skills --replications 20
  patchbay sim run day.yaml --strategy mine.wasm --seed 7 --json`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&s.seed, "seed", 0, "draw customers from this instead of the file's seed")
	f.IntVar(&s.replications, "replications", 0, "how often to play it, each time with other customers, instead of what the file says")
	f.StringVar(&s.strategy, "strategy", "", "a built-in strategy, or the file of one, to decide instead of the file's")
	f.BoolVar(&s.json, "json", false, "print the result as JSON")
	f.BoolVar(&s.csv, "csv", false, "print every figure of the result on a line of CSV")
	f.StringVar(&s.html, "html", "", "write a report as one HTML file, too")
	f.BoolVar(&s.quiet, "no-progress", false, "show no progress bar")
	f.BoolVar(&s.verify, "verify", false, "play the first replication again, and with agents named otherwise, and compare")
	return cmd
}

func newSimSchema(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a scenario",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			_, err := std.out.Write(scenario.Schema())
			return err
		},
	}
}

// errUnsound is returned when a run broke what must hold of every run.
var errUnsound = errors.New("the run broke what must hold of every run; the result says what")

func (s *simulating) run(cmd *cobra.Command, file string) error {
	if s.json && s.csv {
		return usagef("--json and --csv exclude each other; give one of the two")
	}
	described, err := s.load(cmd, file)
	if err != nil {
		return err
	}
	if s.strategy != "" {
		if described.Strategy, err = simStrategy(s.strategy, described.Strategy.Holds); err != nil {
			return err
		}
	}
	runtimes, closeRuntimes, err := openRuntimes(slog.New(slog.NewTextHandler(s.std.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	progress, wipe := s.progress(time.Now())
	result, err := scenario.Run(cmd.Context(), described, scenario.Options{Runtimes: runtimes, Progress: progress, Verify: s.verify})
	wipe()
	if err = errors.Join(err, closeRuntimes()); err != nil {
		return err
	}
	return s.report(result)
}

// simStrategy is the strategy that a flag names: a built-in, or a file, which is
// a WASM module or an executable. Its checksum is the file's own, so that the
// result says what decided.
func simStrategy(name string, holds bool) (scenario.Strategy, error) {
	if slices.Contains(builtins(), name) {
		return scenario.Strategy{Source: name, Holds: holds}, nil
	}
	file, err := kit.Look(name)
	if errors.Is(err, fs.ErrNotExist) {
		return scenario.Strategy{}, usagef("--strategy: there is no built-in strategy %q, and no such file; there are %s", name, strings.Join(builtins(), ", "))
	}
	if err != nil {
		return scenario.Strategy{}, usagef("--strategy: %v", err)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return scenario.Strategy{}, err
	}
	return scenario.Strategy{Runtime: file.Runtime, Source: path, SHA256: file.SHA256, Holds: holds}, nil
}

// progress draws a bar on a terminal once more than two seconds have passed.
func (s *simulating) progress(start time.Time) (draw func(share float64, customers int), wipe func()) {
	if s.quiet || !terminal(s.std.err) {
		return nil, func() {}
	}
	shares, wipe := progressBar(s.std.err, func() time.Duration { return time.Since(start) })
	return func(share float64, customers int) { shares(share, fmt.Sprintf("%d customers", customers)) }, wipe
}

// progressBar draws a bar once more than two seconds have passed: what share of
// all is done, and a word beside it.
func progressBar(w io.Writer, passed func() time.Duration) (draw func(share float64, what string), wipe func()) {
	var bar *progressbar.ProgressBar
	draw = func(share float64, what string) {
		if passed() < 2*time.Second {
			return
		}
		if bar == nil {
			bar = progressbar.NewOptions(1000, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
		}
		bar.Describe(what)
		_ = bar.Set(int(1000 * share)) // a bar that cannot be drawn is no harm
	}
	return draw, func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
}

// report prints the result and fails if it is not sound.
func (s *simulating) report(result *scenario.Result, notes ...report.Note) error {
	err := s.page(func() ([]byte, error) { return report.Result(result, notes...) })
	if err != nil {
		return err
	}
	switch {
	case s.json:
		err = json.NewEncoder(s.std.out).Encode(result)
	case s.csv:
		err = result.WriteCSV(s.std.out)
	default:
		_, err = result.WriteTo(s.std.out)
	}
	if err != nil {
		return err
	}
	if !result.Sound() {
		return errUnsound
	}
	return nil
}
