// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func newPluginInspect(std stdio) *cobra.Command {
	var asJSON bool
	var given settings
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what a plugin's file is: manifest, contract, checksum, imports",
		Long: `Inspect describes the plugin in FILE, a WASM module or an executable or the name
of a built-in strategy, and starts it to ask it for its manifest: its name and
version, the contract and the view it wants, its reasons, and the JSON Schema of
its settings.

` + warning,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withPlugin(std, args[0], &given, func(runtime strategy.Runtime, file *kit.File) error {
				d, err := kit.Inspect(cmd.Context(), runtime, file)
				return errors.Join(printDescription(std.out, d, asJSON), err)
			})
		},
	}
	given.flag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printDescription(w io.Writer, d *kit.Description, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(d)
	}
	values := []string{
		"file", d.Path, "runtime", d.Runtime, "size", fileSize(d.Size), "sha256", d.SHA256,
	}
	if m := d.Manifest; m != nil {
		values = append(values, "name", m.Name, "version", m.Version,
			"contract", fmt.Sprintf("%d (it speaks %s)", d.Contract, words(m.Majors)),
			"view", viewOf(m), "deterministic", yesNo(m.Deterministic), "tables", tables(m.Tables))
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

// fileSize says how long a file is; nothing of what is linked in.
func fileSize(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// viewOf says what the plugin's turns show.
func viewOf(m *route.Manifest) string {
	if m.View != route.ViewCandidates {
		return string(route.ViewBoard)
	}
	return fmt.Sprintf("%s, at most %d for each item", m.View, cmp.Or(m.Candidates, route.DefaultCandidates))
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
