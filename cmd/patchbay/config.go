// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/config"
)

func newConfig(std stdio) *cobra.Command {
	return group("config", "Check a configuration", newConfigCheck(std), newConfigSchema(std))
}

func newConfigCheck(std stdio) *cobra.Command {
	var asJSON, withoutFiles bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a config file; every fault is printed as file:line:column",
		Args:  exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			options := []config.Option{config.Builtins(builtins()...)}
			if withoutFiles {
				options = append(options, config.WithoutFiles())
			}
			c, err := config.Load(args[0], options...)
			var faults *config.Errors
			switch {
			case asJSON && (err == nil || errors.As(err, &faults)):
				return printChecked(std, c, faults)
			case err != nil:
				return printFaults(std, err)
			}
			printWarnings(std, c)
			_, err = fmt.Fprintf(std.out, "%s is good (queues: %d, agents: %d, strategies: %d)\n", args[0], len(c.Queues), len(c.Agents), len(c.Strategies))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&withoutFiles, "without-files", false, "accept files that are named and not there")
	return cmd
}

// errFaults ends a command whose faults have been printed.
type errFaults struct{ count int }

// Error implements error.
func (e *errFaults) Error() string {
	if e.count == 1 {
		return "the config has a fault"
	}
	return fmt.Sprintf("the config has %d faults", e.count)
}

// printFaults prints each fault of a config on a line, without anything before
// it, so that editors can jump there. Another error is handed on.
func printFaults(std stdio, err error) error {
	var faults *config.Errors
	if !errors.As(err, &faults) {
		return err
	}
	for _, fault := range faults.List {
		fmt.Fprintf(std.err, "%s (%s)\n", fault.Error(), fault.Code)
	}
	return &errFaults{len(faults.List)}
}

func printWarnings(std stdio, c *config.Config) {
	for _, warning := range c.Warnings {
		fmt.Fprintf(std.err, "%s: warning: %s: %s\n", place(warning), warning.Path, warning.Message)
	}
}

func place(e config.Error) string { return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column) }

// checked is the outcome of a check as JSON.
type checked struct {
	Good     bool        `json:"good"`
	Errors   []faultJSON `json:"errors"`
	Warnings []faultJSON `json:"warnings"`
}

type faultJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func printChecked(std stdio, c *config.Config, faults *config.Errors) error {
	out := checked{Good: faults == nil, Errors: []faultJSON{}, Warnings: []faultJSON{}}
	if c != nil {
		out.Warnings = faultsJSON(c.Warnings)
	}
	if faults != nil {
		out.Errors = faultsJSON(faults.List)
	}
	if err := json.NewEncoder(std.out).Encode(out); err != nil {
		return err
	}
	if faults != nil {
		return &errFaults{len(faults.List)}
	}
	return nil
}

func faultsJSON(list []config.Error) []faultJSON {
	out := make([]faultJSON, 0, len(list))
	for _, e := range list {
		out = append(out, faultJSON{e.File, e.Line, e.Column, e.Path, string(e.Code), e.Message})
	}
	return out
}

func newConfigSchema(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of config files, for editors",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			_, err := std.out.Write(config.Schema())
			return err
		},
	}
}

// environment is what config may read from the environment: not what is meant
// for the client commands and the tests.
func environment() []string {
	own := []string{envHost, envKey, envCA, "PATCHBAY_RECORDED", "PATCHBAY_STRATEGY_PLUGIN", "PATCHBAY_WATCH"}
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(own, name)
	})
}
