// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/kit/linked"
)

// measuring is the flags of the plugin bench command.
type measuring struct {
	std      stdio
	settings settings
	json     bool
	all      bool
	quiet    bool
	passes   int
	whole    time.Duration
	beside   string
}

func newPluginBench(std stdio) *cobra.Command {
	m := &measuring{std: std}
	cmd := &cobra.Command{
		Use:   "bench FILE|DIR",
		Short: "Measure a plugin's turns, beside a built-in strategy and the bare carrier",
		Long: `Bench measures what turns of the plugin in FILE take, by how much work they
bring, and how many decisions a second that makes: beside a built-in strategy,
and beside the carriers alone (T7), which are a strategy that decides nothing,
the same bytes on a bare gRPC stream, the same turn in protobuf messages, and a
bare call into a WASM module. Then it measures whole workspaces with a journal on
disk, end to end (T6).

With --all-runtimes it takes a folder with a plugin's Go source, or the name of a
built-in strategy, and measures the same source linked in, as a process, as a
WASM module and as a remote router.

Everything is measured by turns, pass by pass, and figures are medians over the
passes. They are worth comparing within one run; the machine, and what else it
does, decides about the rest.

` + warning,
		Example: `  patchbay plugin bench mine.wasm
  patchbay plugin bench queue --all-runtimes --passes 7 --json`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return m.run(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	m.settings.flag(cmd)
	f.BoolVar(&m.all, "all-runtimes", false, "measure the same source in every runtime")
	f.StringVar(&m.beside, "beside", "queue", "the built-in strategy beside it")
	f.IntVar(&m.passes, "passes", 5, "how often everything is measured")
	f.DurationVar(&m.whole, "whole", time.Second, "how long a workspace is measured in each pass; 0 leaves that out")
	f.BoolVar(&m.json, "json", false, "print JSON")
	f.BoolVar(&m.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

func (m *measuring) run(ctx context.Context, target string) error {
	switch {
	case m.passes < 1:
		return usagef("--passes: %d are none; 1 or more are wanted", m.passes)
	case m.whole < 0:
		return usagef("--whole: it should not be negative")
	}
	a := &allRuntimes{std: m.std, settings: &m.settings}
	if m.all {
		return a.with(ctx, target, func(files []*kit.File, do doing) error { return m.measure(ctx, a, files, do) })
	}
	if _, ok := plugins()[m.beside]; !ok {
		return noSuch("--beside: there is no built-in strategy", m.beside, builtins())
	}
	file, err := look(target, &m.settings)
	if err != nil {
		return err
	}
	return a.alone(func() error {
		files := []*kit.File{kit.Linked(m.beside), file}
		if file.Runtime == "builtin" && file.Path == m.beside {
			files = files[1:]
		}
		return m.measure(ctx, a, files, a.here)
	})
}

func (m *measuring) measure(ctx context.Context, a *allRuntimes, files []*kit.File, do doing) error {
	bar := newBars(m.std.err, !m.quiet && terminal(m.std.err))
	outcome, err := do(ctx, linked.Job{Files: files, Bench: a.bench(ctx, m.passes, m.whole)}, bar.show)
	bar.wipe()
	if err != nil {
		return err
	}
	if m.json {
		return json.NewEncoder(m.std.out).Encode(outcome.Bench)
	}
	return outcome.Bench.WriteText(m.std.out)
}

// newBenchChild makes the command by which this binary is the other end of what
// is measured. Measurements start it; people have no use for it.
func newBenchChild() *cobra.Command {
	return &cobra.Command{
		Use:    "child NAME",
		Short:  "Be the other end of a carrier that is measured",
		Hidden: true,
		Args:   exactly("NAME"),
		RunE:   func(_ *cobra.Command, args []string) error { return bench.Child(args[0]) },
	}
}
