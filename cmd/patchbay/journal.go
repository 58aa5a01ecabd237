// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newJournal(std stdio) *cobra.Command {
	return group("journal", "Take the record of everything that happened out of a host", newJournalExport(std))
}

// exporting is the flags of the journal export command.
type exporting struct {
	client
	data, workspace string
}

func newJournalExport(std stdio) *cobra.Command {
	e := &exporting{client: client{std: std}}
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write a host's journal into one file",
		Long: `Export writes what a workspace's journal holds into one file, which "patchbay sim
verify" and "patchbay sim replay" read: every event, with the state before the
first if older ones are not kept any more.

The host runs meanwhile, and the key has to be an admin's. With --data the journal
is read from the data folder of a host that is stopped.`,
		Example: `  patchbay journal export monday.journal
  patchbay journal export monday.journal --data /var/lib/patchbay`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args[0]) },
	}
	e.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&e.data, "data", "", "the data folder of a host that is stopped, instead of asking one that runs")
	f.StringVar(&e.workspace, "workspace", "", "which workspace of the folder, if there are several")
	return cmd
}

func (e *exporting) run(ctx context.Context, file string) error {
	var head *host.Past
	err := replaceFile(file, func(out io.Writer) (err error) {
		if e.data == "" {
			return e.download(ctx, out)
		}
		log, closeLog, err := openData(ctx, e.data, e.workspace)
		if err != nil {
			return err
		}
		return errors.Join(host.ExportLog(ctx, log, out), closeLog())
	})
	if err != nil {
		return err
	}
	if head, err = host.OpenExport(file); err != nil {
		return describeExport(err)
	}
	if e.json {
		return json.NewEncoder(e.std.out).Encode(map[string]any{"file": file, "workspace": head.Workspace, "first_event": head.First, "last_event": head.Last})
	}
	_, err = fmt.Fprintf(e.std.out, "%s: workspace %s, events %d to %d\n", file, head.Workspace, head.First, head.Last)
	return err
}

// download has a host that runs send its journal.
func (e *exporting) download(ctx context.Context, out io.Writer) error {
	if e.workspace != "" {
		return usagef("--workspace: a host that runs has one; give --data for the folder of one that is stopped")
	}
	conn, err := e.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := patchbayv1.NewJournalServiceClient(conn).ExportJournal(ctx, &patchbayv1.ExportJournalRequest{})
	if err != nil {
		return err
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := out.Write(part.GetData()); err != nil {
			return err
		}
	}
}

// replaceFile writes a file, which is there whole or not at all.
func replaceFile(path string, write func(io.Writer) error) error {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	err = write(part)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}

// openData opens the log of a workspace in the data folder of a host that is
// stopped.
func openData(ctx context.Context, dir, workspace string) (*journal.Log, func() error, error) {
	names, err := journal.Workspaces(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0:
		return nil, nil, &codedError{"not_a_journal", fmt.Sprintf("%s: there is no journal in this folder; name the data folder of a host, or a file that patchbay journal export has written", dir)}
	case err != nil:
		return nil, nil, err
	case workspace == "" && len(names) == 1:
		workspace = names[0]
	case workspace == "":
		return nil, nil, usagef("--workspace: there are several in %s: %s; name one", dir, strings.Join(names, ", "))
	case !slices.Contains(names, workspace):
		return nil, nil, &codedError{"unknown_workspace", fmt.Sprintf("%s: there is no workspace %q in this folder; there is %s", dir, workspace, strings.Join(names, ", "))}
	}
	store, err := journal.Open(ctx, journal.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if errors.Is(err, journal.ErrLocked) {
		return nil, nil, &codedError{"journal_in_use", fmt.Sprintf("%s: a host is running on this folder; stop it, or ask it with patchbay journal export", dir)}
	}
	if err != nil {
		return nil, nil, damaged(err)
	}
	log, err := store.Log(ctx, workspace)
	if err != nil {
		return nil, nil, errors.Join(damaged(err), store.Close())
	}
	return log, func() error { return errors.Join(log.Close(), store.Close()) }, nil
}

// openPast opens the journal that an argument names: a file or a data folder.
func openPast(ctx context.Context, path, workspace string) (*host.Past, func() error, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, usagef("there is no file or folder %s; name a file that patchbay journal export has written, or the data folder of a host that is stopped", path)
	case err != nil:
		return nil, nil, err
	case !info.IsDir() && workspace != "":
		return nil, nil, usagef("--workspace: a file holds one; it is for a data folder")
	case !info.IsDir():
		past, err := host.OpenExport(path)
		return past, func() error { return nil }, describeExport(err)
	}
	log, closeLog, err := openData(ctx, path, workspace)
	if err != nil {
		return nil, nil, err
	}
	past, err := host.PastOf(ctx, log)
	if err != nil {
		return nil, nil, errors.Join(damaged(err), closeLog())
	}
	return past, closeLog, nil
}

// codedError is an error that people and programs can tell apart by its code.
type codedError struct{ code, text string }

// Error implements error.
func (e *codedError) Error() string { return e.text }

// describeExport gives what is wrong with an export its code, and a damaged log
// the same.
func describeExport(err error) error {
	if wrong, ok := errors.AsType[*host.ExportError](err); ok {
		return &codedError{string(wrong.Code), wrong.Error()}
	}
	return damaged(err)
}

func damaged(err error) error {
	if damage, ok := errors.AsType[*journal.DamageError](err); ok {
		return &codedError{"journal_damaged", damage.Error()}
	}
	return err
}
