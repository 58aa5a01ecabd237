// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// trying is the flags of the plugin test command.
type trying struct {
	std      stdio
	json     bool
	junit    string
	deadline time.Duration
}

func newPluginTest(std stdio) *cobra.Command {
	t := &trying{std: std}
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Try a plugin against the contract",
		Long: `Test plays the conformance corpus with the plugin in FILE, a WASM module or an
executable, and random days, each to two instances that must answer alike. A
strategy whose name has rules of its own in the corpus is tried by them too. It
prints a line for each case, and fails if there are findings.

An executable is run for that as the process runtime runs it: with an empty
environment, in a process group of its own and with limited memory, but as you.`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if t.deadline <= 0 {
				return usagef("--deadline: %v is no time to answer in", t.deadline)
			}
			return withPlugin(std, args[0], func(runtime strategy.Runtime, file *kit.File) error {
				return t.run(cmd.Context(), runtime, file)
			})
		},
	}
	cmd.Flags().BoolVar(&t.json, "json", false, "print the report as JSON")
	cmd.Flags().StringVar(&t.junit, "junit", "", "write the report as JUnit XML to this file too")
	cmd.Flags().DurationVar(&t.deadline, "deadline", kit.Deadline, "how long a turn may take")
	return cmd
}

func (t *trying) run(ctx context.Context, runtime strategy.Runtime, file *kit.File) error {
	trial := kit.Trial{Runtime: runtime, File: file, Deadline: t.deadline}
	if !t.json {
		trial.Each = t.print
	}
	report, err := trial.Run(ctx)
	if err != nil {
		return err
	}
	if err := t.write(report); err != nil {
		return err
	}
	if report.Failed > 0 {
		return fmt.Errorf("%s %s: %d of %d cases failed", report.Name, report.Version, report.Failed, len(report.Cases))
	}
	return nil
}

// print writes one case as soon as it is done.
func (t *trying) print(c kit.Case) {
	result := "ok  "
	if len(c.Findings) > 0 {
		result = "FAIL"
	}
	fmt.Fprintf(t.std.out, "%s  %s  %s\n", result, c.Name, span(time.Duration(c.Seconds*float64(time.Second))))
	for _, finding := range c.Findings {
		fmt.Fprintf(t.std.out, "      %s\n", finding)
	}
}

// write writes the report in the forms that are wanted.
func (t *trying) write(report *kit.Report) error {
	if t.junit != "" {
		var text bytes.Buffer
		if err := report.WriteJUnit(&text); err != nil {
			return err
		}
		if err := os.WriteFile(t.junit, text.Bytes(), 0o644); err != nil { //nolint:gosec // CI reads it as somebody else
			return err
		}
	}
	if t.json {
		return json.NewEncoder(t.std.out).Encode(report)
	}
	_, err := fmt.Fprintf(t.std.out, "\n%s %s as %s: %d cases, %d failed\n",
		report.Name, report.Version, report.Runtime, len(report.Cases), report.Failed)
	return err
}
