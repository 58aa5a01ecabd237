// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package routetest tells whether a strategy keeps the contract of package
// route, in whatever runtime it is carried.
//
// Its corpus is a folder of scripts in a small language that reads like the
// domain (see Parse): who is there, what arrives, what must be proposed. Some
// scripts hold for every strategy: no proposal that does not hold, the right
// answer to a turn that does not follow on, the same answer to the same turns.
// Others are the rules of one strategy. Run plays them in a Go test, Check
// anywhere else, and Transcript writes down every proposal, so that runtimes
// can be compared byte for byte.
//
// Host is the small settling host behind the scripts, Plain a strategy too
// plain to be wrong, and Walk a source of random days; together they test a
// strategy beyond the corpus.
//
// The package knows the contract only: nothing of how a strategy is carried,
// nor of Patchbay's own engine.
package routetest

import (
	"context"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

//go:embed corpus/*.txt
var corpus embed.FS

// Carrier carries turns to one strategy that has been started and configured.
// An instance of any of the host's runtimes is one; Direct makes one of a
// strategy in the same program. Carriers that implement io.Closer are closed
// after use.
type Carrier interface {
	// Turn carries one turn and fills in the reply, which is empty. Errors that
	// are route.ErrNeedSnapshot, by errors.Is, ask for a snapshot; any other
	// says that the strategy is broken.
	Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error
}

// Suite says what is to be tested.
type Suite struct {
	// Strategy is the name of the strategy whose own rules are tested too;
	// empty tests only what holds for every strategy.
	Strategy string
	// Reasons is the strategy's dictionary of reasons, as in its manifest.
	Reasons []route.Reason
	// Open starts the strategy anew, with default settings. Each case opens two
	// of them. It may be called concurrently.
	Open func(ctx context.Context) (Carrier, error)
	// Once plays each script once only, so that replies are not compared with
	// those to the same turns.
	Once bool
}

// Finding is one way in which a strategy does not keep the contract.
type Finding struct {
	// Script and Line say where in the corpus.
	Script string
	Line   int
	// Text says what was expected and what came.
	Text string
}

// String returns the finding as script:line: text.
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.Script, f.Line, f.Text) }

// Run tests the plugin in this program, with default settings: it plays every
// script of the corpus that holds for it, each in a parallel subtest of its own.
func Run(t *testing.T, plugin route.Plugin) {
	t.Helper()
	RunSuite(t, Of(plugin))
}

// Of returns the suite that tests the plugin in this program, with default
// settings.
func Of(plugin route.Plugin) Suite {
	return Suite{
		Strategy: plugin.Manifest.Name, Reasons: plugin.Manifest.Reasons,
		Open: func(context.Context) (Carrier, error) {
			strategy := plugin.New()
			return Direct(strategy), strategy.Configure([]byte("{}"))
		},
	}
}

// RunSuite plays every script of the corpus that the suite calls for, each in a
// parallel subtest of its own.
func RunSuite(t *testing.T, suite Suite) {
	t.Helper()
	for _, script := range Corpus(suite.Strategy) {
		t.Run(strings.TrimSuffix(script.Name, ".txt"), func(t *testing.T) {
			t.Parallel()
			result, err := Play(t.Context(), suite, script)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range result.Findings {
				t.Error(finding)
			}
		})
	}
}

// Check plays the same scripts as Run, one after the other, and returns what it
// found. An error means that the strategy could not be opened or closed, or
// that ctx ended.
func Check(ctx context.Context, suite Suite) ([]Finding, error) {
	var findings []Finding
	for _, script := range Corpus(suite.Strategy) {
		result, err := Play(ctx, suite, script)
		if err != nil {
			return findings, fmt.Errorf("routetest: %s: %w", script.Name, err)
		}
		findings = append(findings, result.Findings...)
	}
	return findings, nil
}

// Transcript plays the same scripts as Check and returns all proposals, in
// order, as text: one line each, under a line for each script and each turn.
// Equal strategies give equal transcripts, whatever carries them.
func Transcript(ctx context.Context, suite Suite) (string, error) {
	var b strings.Builder
	for _, script := range Corpus(suite.Strategy) {
		result, err := Play(ctx, suite, script)
		if err != nil {
			return b.String(), fmt.Errorf("routetest: %s: %w", script.Name, err)
		}
		fmt.Fprintf(&b, "# %s\n%s", script.Name, result.Transcript)
	}
	return b.String(), nil
}

// Corpus returns the scripts that hold for every strategy, and those that are
// rules of the strategy of that name; sorted by name.
func Corpus(strategy string) []*Script {
	entries, err := corpus.ReadDir("corpus")
	if err != nil {
		panic(err) // embedded
	}
	var scripts []*Script
	for _, entry := range entries {
		script, err := read(entry.Name())
		if err != nil {
			panic(err) // embedded
		}
		if len(script.Strategies) == 0 || slices.Contains(script.Strategies, strategy) {
			scripts = append(scripts, script)
		}
	}
	return scripts
}

// Named returns the scripts of the corpus that have these names, such as
// "any-day.txt", in their order, whichever strategy they are about. It reads no
// other: the corpus is large, and reading all of it takes a while. The error, by
// errors.Is an fs.ErrNotExist, is about the first name that no script has.
func Named(names ...string) ([]*Script, error) {
	scripts := make([]*Script, len(names))
	for i, name := range names {
		script, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("routetest: %q: there is no script of this name: %w", name, err)
		}
		scripts[i] = script
	}
	return scripts, nil
}

// read reads a script of the corpus. The error is that there is none.
func read(name string) (*Script, error) {
	text, err := corpus.ReadFile("corpus/" + name)
	if err != nil {
		return nil, err
	}
	script, err := Parse(name, string(text))
	if err != nil {
		panic(err) // a test parses the corpus
	}
	return script, nil
}

// Direct returns a carrier of a strategy in the same program. The strategy is
// not configured by it.
func Direct(strategy route.Strategy) Carrier { return direct{strategy} }

type direct struct{ strategy route.Strategy }

// Turn implements Carrier.
func (d direct) Turn(_ context.Context, turn *route.Turn, reply *route.Reply) error {
	reply.Epoch, reply.Seq = turn.Epoch, turn.Seq
	return d.strategy.Turn(turn, reply)
}

// Close closes the strategy if it can be closed.
func (d direct) Close() error {
	if closer, ok := d.strategy.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
