// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func newPluginInspect(std stdio) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what a plugin's file is: manifest, contract, checksum, imports",
		Long: `Inspect describes the plugin in FILE, a WASM module or an executable, and starts
it with default settings to ask it for its manifest. An executable is run for
that as the process runtime runs it: with an empty environment, in a process
group of its own and with limited memory, but as you. Inspect only executables
that you would run.`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withPlugin(std, args[0], func(runtime strategy.Runtime, file *kit.File) error {
				d, err := kit.Inspect(cmd.Context(), runtime, file)
				return errors.Join(printDescription(std.out, d, asJSON), err)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// withPlugin looks at a plugin's file and opens the runtime it is for. It says
// so before an executable is run.
func withPlugin(std stdio, path string, use func(strategy.Runtime, *kit.File) error) error {
	file, err := kit.Look(path)
	if err != nil {
		return usagef("FILE: %v", err)
	}
	runtimes, closeAll, err := openRuntimes(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if file.Runtime == "process" {
		fmt.Fprintf(std.err, "%s is no WASM module: it is run as an executable, with an empty environment and limited memory\n", path)
	}
	return errors.Join(use(runtimes[file.Runtime], file), closeAll())
}

func printDescription(w io.Writer, d *kit.Description, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(d)
	}
	values := []string{
		"file", d.Path, "runtime", d.Runtime, "size", fmt.Sprintf("%d bytes", d.Size), "sha256", d.SHA256,
	}
	if m := d.Manifest; m != nil {
		values = append(values, "name", m.Name, "version", m.Version,
			"contract", fmt.Sprintf("%d (it speaks %s)", d.Contract, words(m.Majors)),
			"deterministic", yesNo(m.Deterministic), "tables", tables(m.Tables))
	}
	if err := pairs(w, values...); err != nil {
		return err
	}
	if d.Manifest != nil {
		printReasons(w, d.Manifest)
	}
	if d.Module != nil {
		printExterns(w, "imports", d.Module.Imports)
		printExterns(w, "exports", d.Module.Exports)
	}
	return nil
}

func printReasons(w io.Writer, m *route.Manifest) {
	fmt.Fprintln(w, "reasons")
	for _, reason := range m.Reasons {
		fmt.Fprintf(w, "  %d %s: %s\n", reason.Code, reason.Name, reason.Text)
	}
	schema := m.SettingsSchema
	if schema == "" {
		schema = "(none)"
	}
	fmt.Fprintf(w, "settings\n  %s\n", strings.ReplaceAll(strings.TrimSpace(schema), "\n", "\n  "))
}

func printExterns(w io.Writer, title string, list []kit.Extern) {
	fmt.Fprintln(w, title)
	for _, e := range list {
		fmt.Fprintf(w, "  %s %s\n", e.Kind, e)
	}
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// words writes a list with commas.
func words[T any](list []T) string {
	var texts []string
	for _, one := range list {
		texts = append(texts, fmt.Sprint(one))
	}
	return strings.Join(texts, ", ")
}

func tables(list []route.Table) string {
	if list == nil {
		return "all"
	}
	return words(list)
}
