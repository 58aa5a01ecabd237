// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Options are what a run needs beside its scenario.
type Options struct {
	// Runtimes are the ways in which strategies run, by name, as in the host.
	Runtimes map[string]strategy.Runtime
	// Parallel is how many replications are played at once; 0 means as many as
	// there are processors. It changes nothing in the result.
	Parallel int
	// Progress is told now and then what share of all there is to play has been
	// played, and how many customers have come. Calls do not overlap. Nil for
	// nobody.
	Progress func(share float64, customers int)
	// Verify plays the first replication twice more, the second time with
	// agents who are named otherwise, and compares. What differs is in
	// Result.Broken. Strategies that draw lots by agents' names may fail.
	Verify bool
}

// Run plays a scenario. It takes as long as its decisions and ends early with
// the context's error. A scenario that is not valid gives Faults. What must
// hold of each run and did not is in the result, not in the error.
func Run(ctx context.Context, s *Scenario, opts Options) (*Result, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	r := &runner{scenario: s, opts: opts, plays: make([]*sampled, s.replications())}
	if opts.Verify {
		r.plays = append(r.plays, nil, nil)
	}
	r.shares, r.came = make([]float64, len(r.plays)), make([]int, len(r.plays))
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return result(s, r.plays[:s.replications()], r.differences()), nil
}

// runner plays the replications of a scenario, several at once.
type runner struct {
	scenario *Scenario
	opts     Options
	// plays are the replications in their order, and those that verify.
	plays []*sampled

	mu     sync.Mutex // guards what follows
	next   int
	shares []float64
	came   []int
	err    error
}

func (r *runner) run(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	var workers sync.WaitGroup
	parallel := r.opts.Parallel
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	for range min(parallel, len(r.plays)) {
		workers.Go(func() {
			for i, ok := r.take(); ok; i, ok = r.take() {
				if err := r.play(ctx, i); err != nil {
					r.fail(err)
					cancel()
					return
				}
			}
		})
	}
	workers.Wait()
	if r.err != nil && parent.Err() != nil {
		return parent.Err() // whatever it made fail
	}
	return r.err
}

// take returns the number of a replication that nobody plays yet.
func (r *runner) take() (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	return r.next - 1, r.next <= len(r.plays) && r.err == nil
}

// fail keeps the first error.
func (r *runner) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *runner) play(ctx context.Context, i int) error {
	replication := i
	if i >= r.scenario.replications() {
		replication = 0
	}
	plan, err := newPlan(r.scenario, replication)
	if err != nil {
		return err
	}
	if i == r.scenario.replications()+1 {
		plan.label = plan.otherwise
	}
	r.plays[i], err = play(ctx, plan, &r.opts, func(share float64, came int) { r.progress(i, share, came) })
	return err
}

func (r *runner) progress(i int, share float64, came int) {
	if r.opts.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shares[i], r.came[i] = share, came
	all, customers := 0.0, 0
	for i := range r.shares {
		all += r.shares[i]
		customers += r.came[i]
	}
	r.opts.Progress(all/float64(len(r.shares)), customers)
}

// differences says what the plays that verify found.
func (r *runner) differences() (found []string) {
	n := r.scenario.replications()
	if !r.opts.Verify || r.scenario.AnswerTime.Measured {
		return nil
	}
	first, again, renamed := r.plays[0], r.plays[n], r.plays[n+1]
	if first.fingerprint != again.fingerprint {
		found = append(found, fmt.Sprintf("same_seed: the same replication played again is another: %016x, %016x", first.fingerprint, again.fingerprint))
	}
	if modelNamed(r.scenario.Model) != route.ModelWeightedRandom && first.digest != renamed.digest {
		found = append(found, fmt.Sprintf("relabelling: with agents named otherwise customers fare otherwise: %016x, %016x", first.digest, renamed.digest))
	}
	return found
}

// otherwise names agents in another way than label: in the opposite order
// within a group whose agents are always there, and so alike; else in the same,
// for the rule is that the lowest name wins a tie, and who wins it may soon
// have a break.
func (p *plan) otherwise(group string, n int) string {
	for i := range p.groups {
		if g := &p.groups[i]; g.name == group && g.roster.steady() {
			n = g.roster.seats - 1 - n
		}
	}
	return fmt.Sprintf("%s-%09d", group, n+1)
}
