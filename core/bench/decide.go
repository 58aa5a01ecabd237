// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// DecideOptions says how large a centre a strategy is to decide for.
type DecideOptions struct {
	// Agents is how many agents are signed in, at least 100. One in twenty has
	// nothing to do; the others are full.
	Agents int
	// Waiting is how much work waits, at least 1,000.
	Waiting int
	// Skills is how many skills there are, at least 20. Every agent holds ten.
	Skills int
	// Runs is how often everything is measured, each time with a board of its
	// own; at least 1. The report gives medians.
	Runs int
	// Seed makes the boards; the same seed makes the same.
	Seed uint64
	// Progress, if not nil, is told how many steps of how many are done. It is
	// called from the goroutine that called Decide.
	Progress func(done, total int)
}

func (o *DecideOptions) check() error {
	switch {
	case o.Agents < 100 || o.Agents > route.MaxRef:
		return fmt.Errorf("bench: %d agents: 100 to %d are wanted", o.Agents, route.MaxRef)
	case o.Waiting < 1000 || o.Waiting > route.MaxRef-headItems-batch:
		return fmt.Errorf("bench: %d waiting: 1000 to %d are wanted", o.Waiting, route.MaxRef-headItems-batch)
	case o.Skills < groupSkills || o.Skills > route.MaxRef/2:
		return fmt.Errorf("bench: %d skills: %d or more are wanted", o.Skills, groupSkills)
	case o.Runs < 1:
		return fmt.Errorf("bench: %d runs: 1 or more are wanted", o.Runs)
	default:
		return nil
	}
}

const (
	samples     = 4096 // decisions of which each latency is taken
	headSamples = 512  // the same in each pass with or without an infeasible head
	headPasses  = 8    // the even ones without
	batch       = 256  // decisions to a turn where throughput is taken
	batches     = 256
	headItems   = 1000 // items at the head of the queue that nobody can take
	naiveEach   = 16   // decisions by looking at everything
	stepEvery   = 128  // decisions to a step of progress

	// Below so much work a sixteenth of the decisions is taken: it is no scale
	// at which figures say much.
	fullScale = 100_000
)

// take returns how many of n decisions, or batches of them, are taken.
func (o *DecideOptions) take(n int) int {
	if o.Waiting < fullScale {
		return n / 16
	}
	return n
}

// Decide makes a board, gives it to a strategy of the plugin by turns, and
// measures what the strategy's decisions take: the time of a turn, board and
// indexes included, and nothing of a carrier or of a host. Half of the work is
// asked of the members of its queue, half of all who hold the skills it needs.
//
// It blocks until all runs are done. It returns ctx's error if that ends, and
// an error if the strategy breaks or does not propose what it must.
func Decide(ctx context.Context, options DecideOptions, plugin route.Plugin) (*DecideReport, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	d := decider{ctx: ctx, options: options, plugin: plugin}
	d.total = options.Runs * d.steps()
	var runs []DecideRun
	for run := range options.Runs {
		one, err := d.run(options.Seed + uint64(run))
		if err != nil {
			return nil, err
		}
		runs = append(runs, one)
	}
	return newDecideReport(&options, &plugin.Manifest, runs), nil
}

// decider measures one plugin.
type decider struct {
	ctx     context.Context
	options DecideOptions
	plugin  route.Plugin

	done, total int
	sinceStep   int
}

// steps returns how many steps of progress one run has.
func (d *decider) steps() int {
	decisions := d.options.take(len(loads)*(samples+headPasses*headSamples) + batches*batch)
	return decisions/stepEvery + 2*pages(&d.options) + 2*naiveEach
}

// step counts a step of progress and returns ctx's error if it has ended.
func (d *decider) step() error {
	if d.done++; d.options.Progress != nil {
		d.options.Progress(d.done, d.total)
	}
	if err := d.ctx.Err(); err != nil {
		return fmt.Errorf("bench: stopped: %w", err)
	}
	return nil
}

// decided counts decisions, and steps by them.
func (d *decider) decided(n int) error {
	d.sinceStep += n
	for d.sinceStep >= stepEvery {
		d.sinceStep -= stepEvery
		if err := d.step(); err != nil {
			return err
		}
	}
	return nil
}

// run measures everything once.
func (d *decider) run(seed uint64) (DecideRun, error) {
	var run DecideRun
	s := newSite(&d.options, seed)
	before := heap()
	s.strategy = d.plugin.New()
	if err := s.strategy.Configure([]byte("{}")); err != nil {
		return run, fmt.Errorf("bench: configure: %w", err)
	}
	start := time.Now()
	if err := s.snapshot(d.step); err != nil {
		return run, err
	}
	run.SnapshotSeconds = time.Since(start).Seconds()
	run.ProcessBytes = heap()
	run.StrategyBytes = run.ProcessBytes - min(before, run.ProcessBytes)
	var err error
	for _, load := range loads {
		if run.Latencies[load], err = d.latency(s, load, d.options.take(samples)); err != nil {
			return run, err
		}
	}
	if run.DecisionsPerSecond, err = d.throughput(s); err != nil {
		return run, err
	}
	if run.HeadRatios, err = d.head(s); err != nil {
		return run, err
	}
	s.strategy = nil
	run.Naive, err = d.naive(s)
	return run, err
}

// latency says how long n decisions under the load take.
func (d *decider) latency(s *site, load Load, n int) (Latency, error) {
	times, err := d.times(s, load, n)
	if err != nil {
		return Latency{}, err
	}
	return latencyOf(times), nil
}

// times takes n decisions under the load.
func (d *decider) times(s *site, load Load, n int) ([]time.Duration, error) {
	runtime.GC()
	times := make([]time.Duration, 0, n)
	for range n {
		took, err := s.decide(load)
		if err == nil {
			err = d.decided(1)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", load, err)
		}
		times = append(times, took)
	}
	return times, nil
}

// throughput has many agents become free in every turn and returns decisions a
// second, all of the strategy's work counted: who became free, what was taken,
// and what came.
func (d *decider) throughput(s *site) (float64, error) {
	runtime.GC()
	var took time.Duration
	made := 0
	for range d.options.take(batches) {
		one, n, err := s.manyFreed(batch)
		if err == nil {
			err = d.decided(batch)
		}
		if err != nil {
			return 0, fmt.Errorf("throughput: %w", err)
		}
		took += one
		made += n
	}
	if made == 0 {
		return 0, errors.New("bench: throughput: nothing was proposed")
	}
	return float64(made) / took.Seconds(), s.settleBatch()
}

// head takes the same decisions with a head that nobody can take, and without
// it, by turns, and returns how the medians compare.
func (d *decider) head(s *site) (ratios [len(loads)]float64, err error) {
	var times [2][len(loads)][]time.Duration
	for pass := range headPasses {
		with := pass % 2
		if err := s.putHead(with == 1); err != nil {
			return ratios, err
		}
		for _, load := range loads {
			some, err := d.times(s, load, d.options.take(headSamples))
			if err != nil {
				return ratios, err
			}
			times[with][load] = append(times[with][load], some...)
		}
	}
	for _, load := range loads {
		with, without := latencyOf(times[1][load]), latencyOf(times[0][load])
		ratios[load] = float64(with.P50) / float64(max(without.P50, 1))
	}
	return ratios, s.putHead(false)
}

// heap returns how many bytes live on the heap of the whole process.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what was set free by finalizers of the first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func latencyOf(times []time.Duration) Latency {
	slices.Sort(times)
	at := func(share float64) int64 { return times[int(share*float64(len(times)-1))].Nanoseconds() }
	return Latency{P50: at(0.5), P99: at(0.99), Max: at(1)}
}
