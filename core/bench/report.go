// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Latency is how long decisions take, in nanoseconds.
type Latency struct {
	P50 int64 `json:"p50_ns"`
	P99 int64 `json:"p99_ns"`
	Max int64 `json:"max_ns"`
}

// DecideRun is what one run of Decide measured. Lists are by Load.
type DecideRun struct {
	// SnapshotSeconds is how long the strategy took for the whole board.
	SnapshotSeconds float64 `json:"snapshot_seconds"`
	// StrategyBytes is what the strategy holds on the heap: its board and its
	// indexes. ProcessBytes is all of the process's heap, the rows that the
	// turns were made of included.
	StrategyBytes uint64 `json:"strategy_bytes"`
	ProcessBytes  uint64 `json:"process_bytes"`
	// Latencies is how long a turn with one decision takes.
	Latencies [len(loads)]Latency `json:"latencies"`
	// DecisionsPerSecond counts all of the strategy's work, one turn after the
	// other on one core.
	DecisionsPerSecond float64 `json:"decisions_per_second"`
	// HeadRatios is how the median latency with 1,000 items at the head that
	// nobody can take compares with that without: 1 is no difference.
	HeadRatios [len(loads)]float64 `json:"head_ratios"`
	// Naive is how long the same decisions take by looking at everything, on
	// the same board, indexes and turns not counted.
	Naive [len(loads)]Latency `json:"naive"`
}

// DecideReport is what Decide measured.
type DecideReport struct {
	Strategy string `json:"strategy"`
	Version  string `json:"version"`
	Agents   int    `json:"agents"`
	Waiting  int    `json:"waiting"`
	Skills   int    `json:"skills"`
	Seed     uint64 `json:"seed"`
	// Loads names what the entries of the runs' lists are about.
	Loads []string `json:"loads"`
	// Median holds the median of every figure over the runs.
	Median DecideRun `json:"median"`
	// Runs holds each run's figures.
	Runs []DecideRun `json:"runs"`
}

func newDecideReport(o *DecideOptions, m *route.Manifest, runs []DecideRun) *DecideReport {
	r := &DecideReport{
		Strategy: m.Name, Version: m.Version,
		Agents: o.Agents, Waiting: o.Waiting, Skills: o.Skills, Seed: o.Seed, Runs: runs,
	}
	r.Median = DecideRun{
		SnapshotSeconds:    median(runs, func(r *DecideRun) float64 { return r.SnapshotSeconds }),
		StrategyBytes:      median(runs, func(r *DecideRun) uint64 { return r.StrategyBytes }),
		ProcessBytes:       median(runs, func(r *DecideRun) uint64 { return r.ProcessBytes }),
		DecisionsPerSecond: median(runs, func(r *DecideRun) float64 { return r.DecisionsPerSecond }),
	}
	for _, load := range loads {
		r.Loads = append(r.Loads, load.String())
		r.Median.Latencies[load] = medianLatency(runs, func(r *DecideRun) *Latency { return &r.Latencies[load] })
		r.Median.Naive[load] = medianLatency(runs, func(r *DecideRun) *Latency { return &r.Naive[load] })
		r.Median.HeadRatios[load] = median(runs, func(r *DecideRun) float64 { return r.HeadRatios[load] })
	}
	return r
}

func medianLatency(runs []DecideRun, of func(*DecideRun) *Latency) Latency {
	return Latency{
		P50: median(runs, func(r *DecideRun) int64 { return of(r).P50 }),
		P99: median(runs, func(r *DecideRun) int64 { return of(r).P99 }),
		Max: median(runs, func(r *DecideRun) int64 { return of(r).Max }),
	}
}

// median returns the middle figure; of two, the lower.
func median[T int64 | uint64 | float64](runs []DecideRun, of func(*DecideRun) T) T {
	var list []T
	for i := range runs {
		list = append(list, of(&runs[i]))
	}
	slices.Sort(list)
	return list[(len(list)-1)/2]
}

// WriteText writes the report as a table for people.
func (r *DecideReport) WriteText(w io.Writer) error {
	m := &r.Median
	fmt.Fprintf(w, "strategy %s %s: %d agents, %d waiting, %d skills; medians of %d runs, seed %d\n\n",
		r.Strategy, r.Version, r.Agents, r.Waiting, r.Skills, len(r.Runs), r.Seed)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "decision\tp50\tp99\tmax\tlooking at all\ttimes faster\twith infeasible head\t")
	for load, name := range r.Loads {
		l, naive := m.Latencies[load], m.Naive[load]
		fmt.Fprintf(table, "%s\t%v\t%v\t%v\t%v\t%.0f\t%.2f\t\n", name, short(l.P50), short(l.P99), short(l.Max),
			short(naive.P50), float64(naive.P50)/float64(max(l.P50, 1)), m.HeadRatios[load])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	const mebi = 1 << 20
	_, err := fmt.Fprintf(w, "\ndecisions a second, one core: %.0f\nmemory: board and indexes %.0f MiB, whole process %.0f MiB\nsnapshot: %.1f s\n",
		m.DecisionsPerSecond, float64(m.StrategyBytes)/mebi, float64(m.ProcessBytes)/mebi, m.SnapshotSeconds)
	return err
}

// short rounds to what is worth reading.
func short(ns int64) time.Duration {
	d := time.Duration(ns)
	switch {
	case d < 10*time.Microsecond:
		return d.Round(10 * time.Nanosecond)
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Nanosecond)
	default:
		return d.Round(100 * time.Microsecond)
	}
}
