// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/core/sim/replay"
	"github.com/patchbay-cx/patchbay/core/sim/report"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// replaying is the flags of the sim replay command.
type replaying struct {
	simulating
	format, agents, workspace string
}

func newSimReplay(std stdio) *cobra.Command {
	r := &replaying{simulating: simulating{std: std}}
	cmd := &cobra.Command{
		Use:   "replay LOG [--format journal|bank|csv]",
		Short: "Play recorded days anew, by any strategy",
		Long: `Replay plays a log of calls in virtual time: customers come when they came, speak
as long as they spoke, and leave when they left, unless they are answered before.
Who is given to whom is the strategy's.

Format "journal" is that of a workspace: a file that "patchbay journal export" has
written, or the data folder of a host that is stopped. It is what a log is taken
for that says what it is. Agents are there when they were signed in and connected
with a status that takes work; the strategy, its settings and the model are those
of the config that routed most. What a scenario cannot say, such as an overflow or
an offer that was declined, is played without, and counted.

Format "bank" is the tab-separated one of the AnonymousBank data set, packed with
gzip or not. Its agents are there when the log shows them at work. Rows that
cannot be read are named with their line, and left out.

Format "csv" is one customer a row, strictly:

  id,class,arrived,service_seconds,patience_seconds,priority,skills

of which the last three columns may be left out. Arrivals are dates with times, or
times, or seconds; skills are such as "german:5 billing". It has no agents: take
them from a scenario with --agents, whose classes must have the names of the
log's. Its agents, queues, strategy and settings are used, its arrivals are not.`,
		Example: `  patchbay sim replay monday.journal --strategy mine.wasm
  patchbay sim replay bank-calls-1999-10.tsv.gz --format bank
  patchbay sim replay monday.csv --format csv --agents centre.yaml --strategy mine.wasm --html monday.html`,
		Args: exactly("LOG"),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&r.format, "format", "", "how the log is written: journal, bank or csv (default: journal, if it is one)")
	f.StringVar(&r.workspace, "workspace", "", "which workspace of a data folder, if there are several")
	f.StringVar(&r.agents, "agents", "", "a scenario whose agents, queues and settings are used")
	f.Uint64Var(&r.seed, "seed", 0, "draw what the log does not know from this")
	f.StringVar(&r.strategy, "strategy", "", "a built-in strategy, or the file of one, perhaps with a model, to decide instead of the scenario's")
	f.BoolVar(&r.json, "json", false, "print the result as JSON")
	f.BoolVar(&r.csv, "csv", false, "print every figure of the result on a line of CSV")
	f.StringVar(&r.html, "html", "", "write a report as one HTML file, too")
	f.BoolVar(&r.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

func (r *replaying) run(cmd *cobra.Command, file string) error {
	if r.json && r.csv {
		return usagef("--json and --csv exclude each other; give one of the two")
	}
	recording, err := r.read(cmd.Context(), file)
	if err != nil {
		return err
	}
	described, err := r.describe(cmd, recording)
	if err != nil {
		return err
	}
	runtimes, closeRuntimes, err := openRuntimes(slog.New(slog.NewTextHandler(r.std.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	progress, wipe := r.progress(time.Now())
	outcome, err := recording.Play(cmd.Context(), described, scenario.Options{Runtimes: runtimes, Progress: progress})
	wipe()
	if err = errors.Join(err, closeRuntimes()); err != nil {
		return err
	}
	return r.show(outcome)
}

// read reads the log.
func (r *replaying) read(ctx context.Context, file string) (*replay.Recording, error) {
	if r.workspace != "" && r.format != "" && r.format != "journal" {
		return nil, usagef("--workspace: a log in the format %s has none", r.format)
	}
	switch r.format {
	case "journal":
		return r.journal(ctx, file)
	case "bank":
		log, err := calllog.Open(file)
		if err != nil {
			return nil, err
		}
		return replay.Bank(filepath.Base(file), log)
	case "csv":
		table, err := calllog.OpenTable(file)
		if err != nil {
			return nil, err
		}
		return replay.Table(filepath.Base(file), table), nil
	case "":
		recording, err := r.journal(ctx, file)
		if coded, ok := errors.AsType[*codedError](err); ok && coded.code == string(host.NotAnExport) {
			return nil, usagef("sim replay: %s does not say how it is written; give --format, with journal, bank or csv", file)
		}
		return recording, err
	default:
		return nil, usagef("--format: there is no format %q; there are journal, bank and csv", r.format)
	}
}

// journal reads the journal of a workspace.
func (r *replaying) journal(ctx context.Context, file string) (*replay.Recording, error) {
	past, closePast, err := openPast(ctx, file, r.workspace)
	if err != nil {
		return nil, err
	}
	draw, wipe := r.events(time.Now())
	all := past.Last - past.First + 1
	recording, err := replay.Journal(ctx, journalName(file), past, func(events uint64) {
		if draw != nil {
			draw(events, all)
		}
	})
	wipe()
	return recording, errors.Join(describeExport(err), closePast())
}

// describe makes the scenario that is played.
func (r *replaying) describe(cmd *cobra.Command, recording *replay.Recording) (*scenario.Scenario, error) {
	var base *scenario.Scenario
	if r.agents != "" {
		var err error
		if base, err = scenario.Load(r.agents); err != nil {
			return nil, err
		}
	} else if recording.Groups == nil {
		return nil, usagef("sim replay: a log in the format %s does not say who the agents were; name a scenario with --agents", r.format)
	}
	described, err := recording.Scenario(base)
	if err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("seed") {
		described.Seed = r.seed
	}
	if r.strategy != "" {
		v, err := simVariant(r.strategy, described)
		if err != nil {
			return nil, err
		}
		described.Strategy = v.Strategy
		if v.Model != "" {
			described.Model = v.Model
		}
	}
	return described, nil
}

// show prints the outcome; about what could not be read it tells on stderr,
// unless the output has it.
func (r *replaying) show(outcome *replay.Outcome) error {
	in := &outcome.Import
	notes := importNotes(in)
	if r.json {
		if err := r.page(func() ([]byte, error) { return report.Result(outcome.Result, notes...) }); err != nil {
			return err
		}
		if err := json.NewEncoder(r.std.out).Encode(outcome); err != nil {
			return err
		}
		if !outcome.Result.Sound() {
			return errUnsound
		}
		return nil
	}
	to := r.std.out
	if r.csv {
		to = r.std.err
	}
	if err := writeNotes(to, notes); err != nil {
		return err
	}
	return r.report(outcome.Result, notes...)
}

// mostRemarks is how many odd rows people are told of; JSON has all.
const mostRemarks = 10

// importNotes tell of how a log was read.
func importNotes(in *replay.Import) []report.Note {
	text := fmt.Sprintf("%s: %d rows, %d played", in.Log, in.Rows, in.Played)
	if in.Start != "" {
		text += ", from " + in.Start
	}
	note := report.Note{Heading: "The log", Text: text + "."}
	for _, l := range in.LeftOut {
		note.Items = append(note.Items, fmt.Sprintf("%d left out: %s", l.Rows, l.Reason))
	}
	for _, f := range in.Fates {
		note.Items = append(note.Items, fmt.Sprintf("%d %s, in the log", f.Rows, f.Reason))
	}
	for _, m := range in.Malformed {
		note.Items = append(note.Items, "could not be read: "+m)
	}
	for i, odd := range in.Odd {
		if i == mostRemarks {
			note.Items = append(note.Items, fmt.Sprintf("and %d more that are odd", len(in.Odd)-i))
			break
		}
		note.Items = append(note.Items, "odd: "+odd)
	}
	if in.Answered != nil && in.Abandoned != nil && in.MeanWait != nil {
		note.Items = append(note.Items, fmt.Sprintf("in the log %d of them were answered and %d abandoned, with a mean wait of %.1f s", *in.Answered, *in.Abandoned, *in.MeanWait))
	}
	return []report.Note{note}
}

func writeNotes(w io.Writer, notes []report.Note) error {
	for _, n := range notes {
		var text strings.Builder
		fmt.Fprintln(&text, n.Text)
		for _, item := range n.Items {
			fmt.Fprintln(&text, "  "+item)
		}
		if _, err := fmt.Fprintln(w, text.String()); err != nil {
			return err
		}
	}
	return nil
}
