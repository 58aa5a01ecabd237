// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/kit/linked"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// trying is the flags of the plugin test command.
type trying struct {
	std      stdio
	settings settings
	json     bool
	junit    string
	deadline time.Duration
	budget   time.Duration
	memory   uint64 // MiB
	only     []string
	all      bool
	bench    bool
	quiet    bool

	group string // of the last case that was printed
}

func newPluginTest(std stdio) *cobra.Command {
	t := &trying{std: std}
	cmd := &cobra.Command{
		Use:   "test FILE|DIR",
		Short: "Try a plugin against the contract, in one runtime or in all",
		Long: `Test plays the conformance corpus with the plugin in FILE, a WASM module or an
executable or the name of a built-in strategy: snapshots, deltas, gaps, stale
revisions, duplicates, reordering, large boards, unicode, empty and extreme
values. Then random days, each to two instances that must answer alike; a long
day on which it must not take ever more memory; and a busy board, on which it
must answer in the time that a host grants. A strategy whose name has rules of
its own in the corpus is tried by them too. It prints a line for each case, and
fails if there are findings.

With --all-runtimes it takes a folder with a plugin's Go source, or the name of a
built-in strategy, and tries the same source linked in, as a process, as a
WASM module and as a remote router. The decisions must be equal, and what the
runtimes take is measured:
end to end (T6), and the carriers alone (T7).

` + warning,
		Example: `  patchbay plugin test mine.wasm
  patchbay plugin test mine.wasm --settings '{"level": 3}' --junit report.xml
  patchbay plugin test ./mine --all-runtimes`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	t.settings.flag(cmd)
	f.BoolVar(&t.json, "json", false, "print the report as JSON")
	f.StringVar(&t.junit, "junit", "", "write the report as JUnit XML to this file too")
	f.DurationVar(&t.deadline, "deadline", kit.Deadline, "after how long a turn is cut off")
	f.DurationVar(&t.budget, "budget", strategy.Limits{}.WithDefaults().TurnDeadline, "how long a turn may take on a busy board")
	f.Uint64Var(&t.memory, "memory", strategy.Limits{}.WithDefaults().MemoryBytes>>20, "how much memory it may use, in MiB")
	f.StringSliceVar(&t.only, "only", nil, "try these groups of cases only: "+strings.Join(kit.Groups(), ", "))
	f.BoolVar(&t.all, "all-runtimes", false, "try the same source in every runtime, and compare")
	f.BoolVar(&t.bench, "bench", true, "with --all-runtimes: measure what the runtimes take too")
	f.BoolVar(&t.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

func (t *trying) run(ctx context.Context, target string) error {
	switch {
	case t.deadline <= 0:
		return usagef("--deadline: %v is no time to answer in", t.deadline)
	case t.budget <= 0:
		return usagef("--budget: %v is no time to answer in", t.budget)
	case t.memory == 0:
		return usagef("--memory: a plugin needs some")
	}
	for _, group := range t.only {
		if !slices.Contains(kit.Groups(), group) && !strings.HasPrefix(group, "rules of ") {
			return noSuch("--only: there is no group", group, kit.Groups())
		}
	}
	if t.all {
		return t.everywhere(ctx, target)
	}
	ear := new(kit.Ear)
	return withPluginLogging(t.std, target, &t.settings, slog.New(ear), func(runtime strategy.Runtime, file *kit.File) error {
		trial := kit.Trial{
			Runtime: runtime, File: file, Deadline: t.deadline, Budget: t.budget, Memory: t.memory << 20, Only: t.only, Ear: ear,
		}
		if !t.json {
			trial.Each = func(c kit.Case) { t.print("", &c) }
		}
		report, err := trial.Run(ctx)
		if err != nil {
			return err
		}
		if err := t.writeJUnit(report); err != nil {
			return err
		}
		if t.json {
			err = json.NewEncoder(t.std.out).Encode(report)
		} else {
			err = t.sum(report)
		}
		if err == nil && report.Failed > 0 {
			err = fmt.Errorf("%s %s: %d of %d cases failed", report.Name, report.Version, report.Failed, len(report.Cases))
		}
		return err
	})
}

// everywhere tries the same source in every runtime.
func (t *trying) everywhere(ctx context.Context, target string) error {
	a := &allRuntimes{std: t.std, settings: &t.settings}
	return a.with(ctx, target, func(files []*kit.File, do doing) error {
		job := linked.Job{Files: files, Test: &linked.Test{Deadline: t.deadline, Budget: t.budget, Memory: t.memory << 20, Only: t.only}}
		if t.bench {
			job.Bench = a.bench(ctx, 3, time.Second)
		}
		bar := newBars(t.std.err, !t.quiet && terminal(t.std.err))
		outcome, err := do(ctx, job, func(w linked.Word) {
			if w.Case != nil && !t.json {
				t.print(w.Runtime, w.Case)
			}
			bar.show(w)
		})
		bar.wipe()
		if err != nil {
			return err
		}
		if err := t.writeJUnit(outcome.Reports...); err != nil {
			return err
		}
		if t.json {
			err = json.NewEncoder(t.std.out).Encode(outcome)
		} else {
			err = t.compare(outcome)
		}
		if err != nil {
			return err
		}
		return verdictOf(outcome)
	})
}

// print writes one case as soon as it is done, under its group.
func (t *trying) print(runtime string, c *kit.Case) {
	group := c.Group
	if runtime != "" {
		group = runtime + ", " + group
	}
	if group != t.group {
		t.group = group
		fmt.Fprintf(t.std.out, "%s\n", group)
	}
	result := "ok  "
	if len(c.Findings) > 0 {
		result = "FAIL"
	}
	fmt.Fprintf(t.std.out, "%s  %s  %s\n", result, c.Name, span(time.Duration(c.Seconds*float64(time.Second))))
	for _, finding := range c.Findings {
		fmt.Fprintf(t.std.out, "      %s\n", finding)
	}
}

func (t *trying) writeJUnit(reports ...*kit.Report) error {
	if t.junit == "" {
		return nil
	}
	var text bytes.Buffer
	if err := kit.WriteJUnit(&text, reports...); err != nil {
		return err
	}
	return os.WriteFile(t.junit, text.Bytes(), 0o644) //nolint:gosec // CI reads it as somebody else
}

func (t *trying) sum(report *kit.Report) error {
	_, err := fmt.Fprintf(t.std.out, "\n%s %s as %s: %d cases, %d failed\n",
		report.Name, report.Version, report.Runtime, len(report.Cases), report.Failed)
	return err
}

// compare says what came of it in every runtime.
func (t *trying) compare(o *linked.Outcome) error {
	var runtimes []string
	for _, report := range o.Reports {
		if err := t.sum(report); err != nil {
			return err
		}
		runtimes = append(runtimes, report.Runtime)
	}
	if len(o.Differences) == 0 {
		fmt.Fprintf(t.std.out, "\nequal decisions: %s made the same %d proposals\n", strings.Join(runtimes, ", "), o.Decisions)
	}
	for _, difference := range o.Differences {
		fmt.Fprintf(t.std.out, "\nDIFFERENT  %s\n", difference)
	}
	if o.Bench == nil {
		return nil
	}
	fmt.Fprintln(t.std.out)
	return o.Bench.WriteText(t.std.out)
}

// verdictOf is an error if something was found in any runtime.
func verdictOf(o *linked.Outcome) error {
	failed, cases := 0, 0
	for _, report := range o.Reports {
		failed += report.Failed
		cases += len(report.Cases)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d cases failed", failed, cases)
	case len(o.Differences) > 0:
		return fmt.Errorf("the runtimes decide differently in %d cases", len(o.Differences))
	default:
		return nil
	}
}
