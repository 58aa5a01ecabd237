// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
	"github.com/patchbay-cx/patchbay/core/sim/report"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// comparing is the flags of the sim compare command.
type comparing struct {
	simulating
	strategies []string
	require    []string
}

func newSimCompare(std stdio) *cobra.Command {
	c := &comparing{simulating: simulating{std: std}}
	cmd := &cobra.Command{
		Use:   "compare FILE --strategy A --strategy B",
		Short: "Play a contact centre by several strategies, and say in words how they differ",
		Long: `Compare plays a scenario once for each strategy, on the same customers, and prints
the paired differences of every measure with 95 % confidence intervals, a plot of
them, and a verdict in words that says what can be concluded and what cannot.

A strategy is a built-in, a WASM module or an executable, and may be followed by
the model that picks among agents, as in "queue: longest_idle"; a model alone
keeps the file's strategy. With one --strategy it is compared to what the file
describes.

--require fails the command, with exit code 1, if a requirement does not hold of
every strategy that is named; what the file describes need not meet it. It
compares measures by the names that --json prints them under, with times,
percentages and numbers:

  service_level >= 80% && p95_wait{class="sales"} <= 60s
  mean_wait{strategy="mine.wasm"} <= mean_wait{strategy="queue"}

In braces a measure is that of a class, a queue or a group, or of one strategy.`,
		Example: `  patchbay sim compare day.yaml --strategy 'queue: longest_idle' --strategy 'queue: weighted_random'
  patchbay sim compare day.yaml --strategy mine.wasm --replications 20 --require 'service_level >= 80%'`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.strategies, "strategy", nil, "a strategy, perhaps with a model, to compare; the first is what the others are compared to")
	f.StringArrayVar(&c.require, "require", nil, "fail unless this holds, such as 'service_level >= 80% && p95_wait <= 60s'")
	f.Uint64Var(&c.seed, "seed", 0, "draw customers from this instead of the file's seed")
	f.IntVar(&c.replications, "replications", 0, "how often to play it, each time with other customers, instead of what the file says")
	f.BoolVar(&c.json, "json", false, "print the comparison and all results as JSON")
	f.StringVar(&c.html, "html", "", "write a report as one HTML file, too")
	f.BoolVar(&c.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

// errRequired is returned when a requirement is not met.
var errRequired = errors.New("a requirement is not met")

func (c *comparing) run(cmd *cobra.Command, file string) error {
	described, err := c.load(cmd, file)
	if err != nil {
		return err
	}
	variants, named, err := c.variants(described)
	if err != nil {
		return err
	}
	var requirements []*compare.Requirement
	for _, text := range c.require {
		r, err := compare.Require(text, compare.NamesOf(described, variants))
		if wrong, ok := errors.AsType[*compare.RequireError](err); ok {
			return usagef("--require: column %d: %s\n%s", wrong.Column, wrong.Message, wrong.Pointed())
		}
		requirements = append(requirements, r)
	}
	runtimes, closeRuntimes, err := openRuntimes(slog.New(slog.NewTextHandler(c.std.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	progress, wipe := c.progress(time.Now())
	comparison, err := compare.Run(cmd.Context(), described, variants, scenario.Options{Runtimes: runtimes, Progress: progress})
	wipe()
	if err = errors.Join(err, closeRuntimes()); err != nil {
		return err
	}
	var rulings []compare.Ruling
	for _, r := range requirements {
		for _, name := range named {
			rulings = append(rulings, r.Judge(comparison, name))
		}
	}
	return c.show(comparison, rulings)
}

// load reads the scenario, with what the flags say instead.
func (s *simulating) load(cmd *cobra.Command, file string) (*scenario.Scenario, error) {
	described, err := scenario.Load(file)
	if err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("seed") {
		described.Seed = s.seed
	}
	if cmd.Flags().Changed("replications") {
		if s.replications < 1 {
			return nil, usagef("--replications: %d is not how often anything can be played", s.replications)
		}
		described.Replications = s.replications
	}
	return described, nil
}

// variants are what is compared, and the names of those that are on the command
// line.
func (c *comparing) variants(s *scenario.Scenario) (variants []compare.Variant, named []string, err error) {
	if len(c.strategies) == 0 {
		return nil, nil, usagef("sim compare: --strategy is missing")
	}
	if len(c.strategies) == 1 {
		variants = append(variants, compare.Variant{Name: "as described", Strategy: s.Strategy})
	}
	for _, text := range c.strategies {
		v, err := simVariant(text, s)
		if err != nil {
			return nil, nil, err
		}
		for _, other := range variants {
			if other.Name == v.Name {
				return nil, nil, usagef("--strategy: %q is there twice", text)
			}
		}
		variants, named = append(variants, v), append(named, v.Name)
	}
	return variants, named, nil
}

// models are the names of the models.
func models() (names []string) {
	for m := route.ModelLeastActive; m <= route.ModelWeightedRandom; m++ {
		names = append(names, m.String())
	}
	return names
}

// simVariant reads a strategy, a strategy and a model, or a model alone.
func simVariant(text string, s *scenario.Scenario) (compare.Variant, error) {
	name, model := strings.TrimSpace(text), ""
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if before, after, ok := strings.Cut(name, ":"); ok {
			name, model = strings.TrimSpace(before), strings.TrimSpace(after)
		} else if slices.Contains(models(), name) {
			return compare.Variant{Name: name, Strategy: s.Strategy, Model: name}, nil
		}
	}
	if model != "" && !slices.Contains(models(), model) {
		hint := "there are " + strings.Join(models(), ", ")
		if near := compare.Nearest(model, models()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return compare.Variant{}, usagef("--strategy: there is no model %q; %s", model, hint)
	}
	strategy, err := simStrategy(name, s.Strategy.Holds)
	if err != nil {
		return compare.Variant{}, err
	}
	v := compare.Variant{Name: filepath.Base(name), Strategy: strategy, Model: model}
	if model != "" {
		v.Name += ": " + model
	}
	return v, nil
}

// show prints the comparison and the rulings, and fails if it has to.
func (c *comparing) show(comparison *compare.Comparison, rulings []compare.Ruling) error {
	if err := c.page(func() ([]byte, error) { return report.Comparison(comparison, rulings) }); err != nil {
		return err
	}
	met := true
	for _, r := range rulings {
		met = met && r.Holds
	}
	var err error
	if c.json {
		err = json.NewEncoder(c.std.out).Encode(struct {
			*compare.Comparison
			Requirements []compare.Ruling `json:"requirements,omitempty"`
		}{comparison, rulings})
	} else {
		_, err = comparison.WriteTo(c.std.out)
		for i, r := range rulings {
			if i == 0 {
				_, _ = fmt.Fprintln(c.std.out)
			}
			_, err = fmt.Fprintln(c.std.out, r)
		}
	}
	switch {
	case err != nil:
		return err
	case !comparison.Sound():
		return errUnsound
	case !met:
		return errRequired
	}
	return nil
}

// page writes a report where --html says, if it says so.
func (s *simulating) page(render func() ([]byte, error)) error {
	if s.html == "" {
		return nil
	}
	page, err := render()
	if err != nil {
		return err
	}
	return os.WriteFile(s.html, page, 0o644) //nolint:gosec // a report is for everybody to read
}
