// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// watching is the flags of the plugin run command.
type watching struct {
	std      stdio
	settings settings
	script   string
	step     bool
	json     bool
	deadline time.Duration
}

func newPluginRun(std stdio) *cobra.Command {
	w := &watching{std: std}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Show what a plugin does on a scripted board, turn by turn",
		Long: `Run plays a script to the plugin in FILE, a WASM module or an executable or the
name of a built-in strategy, and says in words what each turn brings, what the
plugin proposes and why, and what the host makes of it. Without --script it plays
a short scene at a chat desk.

A script has one step to a line, in the language of the conformance corpus: who
is there, what arrives, when a turn is due, and, if you like, what is expected.
The documentation of routetest.Parse has all of it. For example:

  queue support longest_idle
  agent anna in support on chat capacity 2 idle 5m
  work w1 in support on chat priority 1
  turn
  expect w1 -> anna
  accept w1

` + warning,
		Example: `  patchbay plugin run mine.wasm
  patchbay plugin run mine.wasm --script monday.txt --settings '{"level": 3}'
  patchbay plugin run queue --step`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return w.run(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	w.settings.flag(cmd)
	f.StringVar(&w.script, "script", "", "the file with the script; - reads the standard input")
	f.BoolVar(&w.step, "step", false, "wait for Enter after each turn")
	f.BoolVar(&w.json, "json", false, "print each thing that happens as JSON on a line")
	f.DurationVar(&w.deadline, "deadline", kit.Deadline, "after how long a turn is cut off")
	return cmd
}

func (w *watching) run(ctx context.Context, path string) error {
	script, err := w.load()
	if err != nil {
		return err
	}
	if w.deadline <= 0 {
		return usagef("--deadline: %v is no time to answer in", w.deadline)
	}
	return withPlugin(w.std, path, &w.settings, func(runtime strategy.Runtime, file *kit.File) error {
		tell := newTeller(w.std.out).tell
		if w.json {
			lines := json.NewEncoder(w.std.out)
			tell = func(h routetest.Happening) { _ = lines.Encode(h) } // who does not read is told at the end
		}
		if w.step {
			tell = w.stepping(ctx, tell)
		}
		result, err := kit.Trial{Runtime: runtime, File: file, Deadline: w.deadline}.Watch(ctx, script, tell)
		switch {
		case err != nil:
			return err
		case len(result.Findings) > 0:
			return fmt.Errorf("%d findings; the first: %s", len(result.Findings), result.Findings[0])
		default:
			return nil
		}
	})
}

// load reads the script.
func (w *watching) load() (*routetest.Script, error) {
	var text []byte
	var err error
	switch w.script {
	case "":
		return kit.Scene(), nil
	case "-":
		if w.step {
			return nil, usagef("--step: it reads the standard input, and so does --script -")
		}
		text, err = io.ReadAll(w.std.in)
	default:
		text, err = os.ReadFile(w.script)
	}
	if err != nil {
		return nil, usagef("--script: %v", err)
	}
	script, err := routetest.Parse(filepath.Base(w.script), string(text))
	if err != nil {
		return nil, usagef("--script: %s", strings.TrimPrefix(err.Error(), "routetest: "))
	}
	return script, nil
}

// stepping waits for a line after each turn.
func (w *watching) stepping(ctx context.Context, tell func(routetest.Happening)) func(routetest.Happening) {
	input := bufio.NewReader(w.std.in)
	waits, over := false, false
	return func(h routetest.Happening) {
		if h.Step != "" && waits && !over && ctx.Err() == nil {
			fmt.Fprint(w.std.err, "Enter goes on ")
			_, err := input.ReadString('\n')
			waits, over = false, err != nil
		}
		waits = waits || h.Exchange != nil
		tell(h)
	}
}

// teller writes what happens in words.
type teller struct {
	out     io.Writer
	line    int // of the last step
	like    int // steps of that line that were not written
	settles bool
}

func newTeller(out io.Writer) *teller { return &teller{out: out} }

func (t *teller) tell(h routetest.Happening) {
	if h.Step == "" || h.Line != t.line {
		t.more()
	}
	switch {
	case h.Step != "":
		t.settles = false
		if h.Line == t.line {
			t.like++
			return
		}
		t.line = h.Line
		fmt.Fprintf(t.out, "%4d  %s\n", h.Line, h.Step)
	case h.Exchange != nil:
		t.settles = false
		t.exchange(h.Exchange)
	case h.Settlement != nil:
		if !t.settles {
			fmt.Fprintln(t.out, "      the host settles")
			t.settles = true
		}
		fmt.Fprintf(t.out, "        %s -> %s: %s\n", h.Settlement.Work, h.Settlement.Agent, settledAs(h.Settlement.Verdict))
	default:
		fmt.Fprintf(t.out, "      FOUND %s\n", h.Finding)
	}
}

// more says how many steps came like the last one.
func (t *teller) more() {
	if t.like > 0 {
		fmt.Fprintf(t.out, "      and %d more like it\n", t.like)
	}
	t.like = 0
}

// settledAs says a verdict in the words of who reads it first.
func settledAs(verdict string) string {
	if verdict == "accepted_by_host" {
		return "offered"
	}
	return "refused, " + verdict
}

const mostRows = 12 // of a turn that are written

func (t *teller) exchange(e *routetest.Exchange) {
	fmt.Fprintf(t.out, "      turn %d, a %s\n", e.Seq, e.Kind)
	for i, row := range e.Rows {
		if i == mostRows {
			fmt.Fprintf(t.out, "        and %d rows more\n", len(e.Rows)-i)
			break
		}
		fmt.Fprintf(t.out, "        %s\n", row)
	}
	if len(e.Rows) == 0 {
		fmt.Fprintln(t.out, "        nothing has changed")
	}
	switch {
	case e.Error != "":
		fmt.Fprintf(t.out, "      it answers, after %v: %s\n", e.Took.Round(time.Microsecond), e.Error)
		return
	case !e.Asks:
		return
	case len(e.Proposals) == 0:
		fmt.Fprintf(t.out, "      it proposes nothing, after %v\n", e.Took.Round(time.Microsecond))
	default:
		fmt.Fprintf(t.out, "      it proposes, after %v\n", e.Took.Round(time.Microsecond))
	}
	for i, p := range e.Proposals {
		if i == mostRows {
			fmt.Fprintf(t.out, "        and %d more\n", len(e.Proposals)-i)
			break
		}
		fmt.Fprintf(t.out, "        %s\n", proposed(&p))
	}
	for _, note := range e.Notes {
		fmt.Fprintf(t.out, "        %s waits%s\n", note.Work, reasonFor(note.Reason, note.Text))
	}
	if e.WakeIn != 0 {
		fmt.Fprintf(t.out, "        it wants a turn in %v at the latest\n", time.Duration(e.WakeIn)*time.Millisecond)
	}
}

func proposed(p *routetest.Proposed) string {
	text := fmt.Sprintf("%s -> %s%s", p.Work, p.Agent, reasonFor(p.Reason, p.Text))
	if p.Score != 0 {
		text += fmt.Sprintf(", score %d", p.Score)
	}
	if p.Rank != 0 {
		text += fmt.Sprintf(", choice %d", p.Rank+1)
	}
	return text
}

func reasonFor(name, text string) string {
	switch {
	case name == "":
		return ""
	case text == "":
		return ": " + name
	default:
		return fmt.Sprintf(": %s (%s)", name, text)
	}
}
