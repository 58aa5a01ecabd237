// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/config"
)

// importing is the flags of the import command.
type importing struct {
	std     stdio
	sources sources
	into    string
	comma   string
	level   string
	dryRun  bool
	json    bool
}

func newImport(std stdio) *cobra.Command {
	i := &importing{std: std}
	cmd := &cobra.Command{
		Use:   "import FILE.csv [--into FILE] [--dry-run]",
		Short: "Bring agents with their queues and skills from a table into the configuration",
		Long: `Import reads agents from a table in CSV, whose first line names the columns:

` + config.Columns + `
It writes them to a file of the configuration, conf.d/agents.yaml beside the
config unless --into says otherwise: agents that are not there are added, of
others what the table has a column for is replaced. It says each change. Nothing
is written if anything in the table is wrong, or if the configuration would be.`,
		Args: exactly("FILE.csv"),
		RunE: func(_ *cobra.Command, args []string) error { return i.run(args[0]) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&i.sources.files, "config", nil, "the config that the agents are for (default "+defaultConfig+" if there is one)")
	f.StringVar(&i.into, "into", "", "the file to write (default conf.d/agents.yaml beside the config)")
	f.StringVar(&i.comma, "separator", ",", "what separates columns")
	f.StringVar(&i.level, "level", "", "the level of skills that have none in the table")
	f.BoolVar(&i.dryRun, "dry-run", false, "only say what would change")
	f.BoolVar(&i.json, "json", false, "print JSON")
	return cmd
}

func (i *importing) run(table string) error {
	comma, size := utf8.DecodeRuneInString(i.comma)
	if size == 0 || size != len(i.comma) || comma == '"' || comma == '\n' || comma == '\r' || comma == utf8.RuneError {
		return usagef("--separator: %q should be one character, such as , or ;", i.comma)
	}
	base, err := i.base()
	if err != nil {
		return printFaults(i.std, err)
	}
	data, err := readTable(i.std, table)
	if err != nil {
		return err
	}
	roster, err := config.ReadAgents(table, data, config.Table{Comma: comma, Level: i.level, Config: base})
	if err != nil {
		return printFaults(i.std, err)
	}
	before, err := os.ReadFile(i.into)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := roster.Into(i.into, before, base)
	if err != nil {
		return printFaults(i.std, err)
	}
	if base != nil {
		if err := i.check(out.YAML); err != nil {
			return printFaults(i.std, err)
		}
	}
	if !i.dryRun && len(out.Lines) > 0 {
		if err := replace(i.into, out.YAML); err != nil {
			return err
		}
	}
	return i.report(out)
}

// base loads the config that the agents are for, nil if there is none, and
// settles which file is written.
func (i *importing) base() (*config.Config, error) {
	named := len(i.sources.files) > 0
	if !named {
		if _, err := os.Stat(defaultConfig); err == nil {
			i.sources.files, named = []string{defaultConfig}, true
		}
	}
	if i.into == "" {
		folder := "."
		if named {
			folder = filepath.Dir(i.sources.files[0])
		}
		i.into = filepath.Join(folder, "conf.d", "agents.yaml")
	}
	if !named {
		return nil, nil
	}
	i.sources.withoutFiles = true // an import needs no plugin
	return i.sources.load()
}

// check holds that the configuration is still good with the file as it would be.
func (i *importing) check(content []byte) error {
	options, err := i.sources.options()
	if err != nil {
		return err
	}
	files, err := config.Read(i.sources.files[0], options...)
	if err != nil {
		return err
	}
	there := false
	for j := range files {
		if samePath(files[j].Name, i.into) {
			files[j].Data, there = content, true
		}
	}
	if !there {
		files = append(files, config.Source{Name: i.into, Data: content})
	}
	_, err = config.Check(files, options...)
	return err
}

func samePath(a, b string) bool {
	first, err1 := filepath.Abs(a)
	second, err2 := filepath.Abs(b)
	return err1 == nil && err2 == nil && first == second
}

func readTable(std stdio, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(std.in)
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("FILE.csv: there is no file %s", file)
	}
	return data, err
}

// replace puts a file in the place of another, or of none, in one step.
func replace(file string, content []byte) error {
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a folder of config files, like others in /etc
		return err
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(folder, ".patchbay-import-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// report says what was done.
func (i *importing) report(out *config.Imported) error {
	written := !i.dryRun && len(out.Lines) > 0
	if i.json {
		lines := out.Lines
		if lines == nil {
			lines = []string{}
		}
		return printValue(i.std, map[string]any{
			"file": i.into, "written": written, "added": out.Added, "changed": out.Changed, "same": out.Same, "changes": lines,
		})
	}
	for _, line := range out.Lines {
		fmt.Fprintln(i.std.out, line)
	}
	did := "is as it was"
	switch {
	case written:
		did = "is written"
	case i.dryRun:
		did = "is not written"
	}
	_, err := fmt.Fprintf(i.std.out, "%s %s (agents added: %d, changed: %d, the same: %d)\n", i.into, did, out.Added, out.Changed, out.Same)
	return err
}
