// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package linked tries and measures a plugin that is linked into the program,
// beside the same plugin as files for other runtimes.
//
// A built-in strategy is linked into Patchbay's own binary. For anybody's else, a
// program is built that links it in (see Program), is given a Job on its
// standard input, and tells what comes of it on its standard output.
//
// The package joins the kit, the measurements and the runtimes; it does not know
// any strategy.
package linked

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/local"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Job says what is to be done with a strategy in several runtimes.
type Job struct {
	// Files are the strategy in each runtime. The first is the reference.
	Files []*kit.File `json:"files"`
	// Test tries every file; nil leaves it out.
	Test *Test `json:"test,omitempty"`
	// Bench measures them; nil leaves it out.
	Bench *Bench `json:"bench,omitempty"`
}

// Test says how files are tried; see kit.Trial.
type Test struct {
	Deadline time.Duration `json:"deadline"`
	Budget   time.Duration `json:"budget"`
	Memory   uint64        `json:"memory"`
	Only     []string      `json:"only,omitempty"`
}

// Bench says how files are measured; see bench.PluginOptions.
type Bench struct {
	Passes int           `json:"passes"`
	Whole  time.Duration `json:"whole"`
	// Self, SHA256 and Module are as in bench.CarrierOptions; without a Self the
	// carriers are left out.
	Self   []string `json:"self,omitempty"`
	SHA256 string   `json:"sha256,omitempty"`
	Module string   `json:"module,omitempty"`
}

// Word is one thing that a job tells. Just one field, or Runtime and Case, are
// set, and of progress What, Done and Total.
type Word struct {
	// Runtime is the runtime in which the Case was tried.
	Runtime string    `json:"runtime,omitempty"`
	Case    *kit.Case `json:"case,omitempty"`
	// What is being measured, of which Done steps of Total are done.
	What  string `json:"what,omitempty"`
	Done  int    `json:"done,omitempty"`
	Total int    `json:"total,omitempty"`
	// Outcome comes last.
	Outcome *Outcome `json:"outcome,omitempty"`
}

// Outcome is what a job came to.
type Outcome struct {
	// Reports has one for each file that was tried, in their order.
	Reports []*kit.Report `json:"reports,omitempty"`
	// Decisions is how many proposals the first file's strategy made in the
	// cases in which they are compared, and Differences says where another
	// runtime's differ.
	Decisions   int      `json:"decisions,omitempty"`
	Differences []string `json:"differences,omitempty"`
	// Bench is what was measured.
	Bench *bench.PluginReport `json:"bench,omitempty"`
	// Error says why the job could not be done; empty if it could.
	Error string `json:"error,omitempty"`
}

// Do does a job with these runtimes and tells what it comes to as it goes. It
// blocks until that is done, and returns ctx's error if that ends.
func Do(ctx context.Context, runtimes map[string]strategy.Runtime, job Job, tell func(Word)) (*Outcome, error) {
	out := new(Outcome)
	for _, file := range job.Files {
		if runtimes[file.Runtime] == nil {
			return nil, fmt.Errorf("linked: there is no runtime %q", file.Runtime)
		}
	}
	if job.Test != nil {
		if err := job.test(ctx, runtimes, tell, out); err != nil {
			return nil, err
		}
	}
	if job.Bench != nil {
		if err := job.bench(ctx, runtimes, tell, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (j *Job) test(ctx context.Context, runtimes map[string]strategy.Runtime, tell func(Word), out *Outcome) error {
	for i, file := range j.Files {
		report, err := kit.Trial{
			Runtime: runtimes[file.Runtime], File: file,
			Deadline: j.Test.Deadline, Budget: j.Test.Budget, Memory: j.Test.Memory, Only: j.Test.Only, Once: i > 0,
			Each: func(c kit.Case) { tell(Word{Runtime: file.Runtime, Case: &c}) },
		}.Run(ctx)
		if err != nil {
			return fmt.Errorf("as %s: %w", file.Runtime, err)
		}
		out.Reports = append(out.Reports, report)
	}
	out.Decisions, out.Differences = out.Reports[0].Decisions(), kit.Compare(out.Reports)
	return nil
}

func (j *Job) bench(ctx context.Context, runtimes map[string]strategy.Runtime, tell func(Word), out *Outcome) (err error) {
	options := bench.PluginOptions{
		Passes: j.Bench.Passes, Whole: j.Bench.Whole,
		Progress: func(what string, done, total int) { tell(Word{What: what, Done: done, Total: total}) },
		Carriers: bench.CarrierOptions{
			Self: j.Bench.Self, SHA256: j.Bench.SHA256, Module: j.Bench.Module,
			Process: runtimes["process"], WASM: runtimes["wasm"],
		},
	}
	for _, file := range j.Files {
		options.Lanes = append(options.Lanes, bench.Lane{Name: file.Runtime, Runtime: runtimes[file.Runtime], Spec: file.Spec("measured")})
	}
	out.Bench, err = bench.Plugin(ctx, options)
	return err
}

// Main is the main of a program that links the plugin in. Given a Job as JSON on
// its standard input, it does the job, with "builtin" as the runtime of what is
// linked in, and writes a Word to a line of its standard output for each thing
// there is to tell. It returns the exit code.
func Main(plugin route.Plugin) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, plugin, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serve does the job that it reads.
func serve(ctx context.Context, plugin route.Plugin, in io.Reader, out io.Writer) error {
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("linked: read the job: %w", err)
	}
	runtimes, closeAll, err := runtimesWith(plugin)
	if err != nil {
		return err
	}
	words := json.NewEncoder(out)
	outcome, err := Do(ctx, runtimes, job, func(w Word) { _ = words.Encode(w) }) // who does not listen is gone
	if err != nil {
		outcome = &Outcome{Error: err.Error()}
	}
	return errors.Join(words.Encode(Word{Outcome: outcome}), closeAll())
}

// runtimesWith returns the runtimes by name, with the plugin linked in under its
// own name.
func runtimesWith(plugin route.Plugin) (map[string]strategy.Runtime, func() error, error) {
	logger := slog.New(slog.DiscardHandler)
	modules, err := wasm.Open(wasm.Options{Logger: logger})
	if err != nil {
		return nil, nil, err
	}
	return shortlist.Wrap(map[string]strategy.Runtime{
		"builtin": builtin.New(map[string]route.Plugin{plugin.Manifest.Name: plugin}),
		"process": process.New(process.Options{Logger: logger}),
		"wasm":    modules,
		"remote":  local.New(logger),
	}), modules.Close, nil
}
