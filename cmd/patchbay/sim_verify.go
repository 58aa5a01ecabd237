// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim/verify"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// verifying is the flags of the sim verify command.
type verifying struct {
	simulating
	workspace string
	instead   []string
}

func newSimVerify(std stdio) *cobra.Command {
	v := &verifying{simulating: simulating{std: std}}
	cmd := &cobra.Command{
		Use:   "verify JOURNAL",
		Short: "Do every turn of a workspace's journal again, and say where it comes out otherwise",
		Long: `Verify does the past again: it fills every turn that is on record at its place,
gives it to the strategy on record, and compares the answer, and what the host
makes of it, with the record. What customers, agents and admins did is taken from
the record, and so are faults of strategies, such as a turn that took too long.

The journal is a file that "patchbay journal export" has written, or the data
folder of a host that is stopped. Each strategy's version and the SHA-256 of its
file have to be those on record. --strategy has another file decide instead, and
tells the first turn in which it decides otherwise.

Turns are verified from the first start of a host that the journal still has. The
exit code is 1 if something differs, or if nothing could be verified.`,
		Example: `  patchbay sim verify monday.journal
  patchbay sim verify /var/lib/patchbay --json
  patchbay sim verify monday.journal --strategy mine=new.wasm`,
		Args: exactly("JOURNAL"),
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&v.instead, "strategy", nil, "NAME=FILE or NAME=BUILTIN: what decides instead of the strategy of that name on record (repeatable)")
	f.StringVar(&v.workspace, "workspace", "", "which workspace of a data folder, if there are several")
	f.BoolVar(&v.json, "json", false, "print the report as JSON")
	f.BoolVar(&v.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

// errDiffers is returned when the past came out otherwise.
var errDiffers = errors.New("the past came out otherwise; the report says where")

func (v *verifying) run(cmd *cobra.Command, path string) error {
	instead, err := v.replaced()
	if err != nil {
		return err
	}
	past, closePast, err := openPast(cmd.Context(), path, v.workspace)
	if err != nil {
		return err
	}
	runtimes, closeRuntimes, err := openRuntimes(slog.New(slog.NewTextHandler(v.std.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return errors.Join(err, closePast())
	}
	draw, wipe := v.events(time.Now())
	report, err := verify.Run(cmd.Context(), past, verify.Options{
		Runtimes: runtimes, Instead: instead, Progress: draw,
		Specs: func(d *engine.Definition) ([]strategy.Spec, error) {
			return config.Specs(d, config.Environment(os.Environ()))
		},
	})
	wipe()
	switch {
	case errors.Is(err, verify.ErrNoRecord):
		err = &codedError{"no_record", strings.TrimPrefix(err.Error(), "verify: ")}
	case errors.Is(err, verify.ErrNoStart):
		err = &codedError{"no_start", strings.TrimPrefix(err.Error(), "verify: ")}
	default:
		err = describeExport(err)
	}
	err = errors.Join(err, closeRuntimes(), closePast())
	if report == nil {
		return err
	}
	return errors.Join(err, v.show(report))
}

// replaced reads what decides instead.
func (v *verifying) replaced() (map[string]strategy.Spec, error) {
	instead := make(map[string]strategy.Spec)
	for _, text := range v.instead {
		name, file, ok := strings.Cut(text, "=")
		if !ok || name == "" || file == "" {
			return nil, usagef("--strategy: %q should be a name on record and what decides instead, as in mine=new.wasm", text)
		}
		s, err := simStrategy(file, false)
		if err != nil {
			return nil, err
		}
		instead[name] = strategy.Spec{Runtime: s.Runtime, Source: s.Source, SHA256: s.SHA256}
		if s.Runtime == "" {
			instead[name] = strategy.Spec{Runtime: "builtin", Source: s.Source}
		}
	}
	return instead, nil
}

// events draws a bar on a terminal once more than two seconds have passed.
func (s *simulating) events(start time.Time) (draw func(done, all uint64), wipe func()) {
	if s.quiet || !terminal(s.std.err) {
		return nil, func() {}
	}
	shares, wipe := progressBar(s.std.err, func() time.Duration { return time.Since(start) })
	return func(done, all uint64) {
		shares(float64(done)/float64(max(all, 1)), fmt.Sprintf("%d events", done))
	}, wipe
}

func (v *verifying) show(r *verify.Report) error {
	var err error
	if v.json {
		err = json.NewEncoder(v.std.out).Encode(r)
	} else {
		err = writeVerified(v.std.out, r)
	}
	if err == nil && r.Difference != nil {
		return errDiffers
	}
	return err
}

// writeVerified prints a report for people.
func writeVerified(w io.Writer, r *verify.Report) error {
	var b strings.Builder
	if r.Difference == nil {
		fmt.Fprintf(&b, "Events %d to %d: %d turns came out the same", r.First, r.Last, r.Turns)
	} else {
		fmt.Fprintf(&b, "Events %d to %d: %d turns came out the same, and then one thing did not", r.First, r.Last, r.Turns)
	}
	fmt.Fprintf(&b, ", with %d decisions.\n", r.Decisions)
	if r.Faults > 0 {
		fmt.Fprintf(&b, "%d faults of strategies were taken from the record.\n", r.Faults)
	}
	if r.Skipped > 0 {
		fmt.Fprintf(&b, "%d turns could not be done again: they are before the first start of the host that the journal has.\n", r.Skipped)
	}
	for _, s := range r.Strategies {
		fmt.Fprintf(&b, "  %s: %s", s.Name, s.Runtime)
		if s.Version != "" {
			fmt.Fprintf(&b, ", version %s", s.Version)
		}
		if s.SHA256 != "" {
			fmt.Fprintf(&b, ", sha256 %.12s…", s.SHA256)
		}
		fmt.Fprintf(&b, "; %d turns, %d proposals, %d faults\n", s.Turns, s.Proposals, s.Faults)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "Note: %s.\n", note)
	}
	if d := r.Difference; d != nil {
		writeDifference(&b, d)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeDifference(b *strings.Builder, d *verify.Difference) {
	fmt.Fprintf(b, "\nDifference (%s) at event %d, %s", d.Kind, d.Event, at(d.At))
	if d.Turn > 0 {
		fmt.Fprintf(b, ", strategy %s, start %d, turn %d", d.Strategy, d.Epoch, d.Turn)
	} else if d.Strategy != "" {
		fmt.Fprintf(b, ", strategy %s", d.Strategy)
	}
	fmt.Fprintf(b, ":\n  %s.\n", d.Message)
	for _, side := range []struct {
		name  string
		lines []string
	}{{"recorded", d.Recorded}, {"came", d.Came}} {
		for _, line := range side.lines {
			fmt.Fprintf(b, "  %-9s %s\n", side.name+":", line)
		}
	}
}

func at(t engine.Time) string {
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02 15:04:05.000 UTC")
}

// journalName is what people call a journal.
func journalName(path string) string { return filepath.Base(filepath.Clean(path)) }
