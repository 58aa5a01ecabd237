// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package compare holds strategies against each other on the same customers: it
// plays one scenario once for each of them, takes the differences replication by
// replication, and says in words what can be concluded and what cannot. It also
// judges requirements, such as "service_level >= 80% && p95_wait <= 60s", so
// that a build can fail.
//
// What is compared are results; the package must not know of work, agents,
// strategies or how any of it is drawn.
package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// Variant is one way of deciding that is compared.
type Variant struct {
	// Name is what it is called in tables and requirements; no two have the same.
	Name string
	// Strategy decides, and Model is how an agent is picked; empty for the
	// scenario's.
	Strategy scenario.Strategy
	Model    string
}

// Outcome is what came of one variant.
type Outcome struct {
	Name   string           `json:"name"`
	Result *scenario.Result `json:"result"`
}

// Method is where the uncertainty of differences comes from.
type Method string

// The methods.
const (
	// Replications: from how the differences of several replications differ.
	Replications Method = "replications"
	// Batches: from parts of a single run over which nothing varies but by
	// chance. They know fewer measures.
	Batches Method = "batches"
	// None: one run whose rates vary does not tell.
	None Method = "none"
)

// Comparison is what came of all variants. Times are in seconds.
type Comparison struct {
	Scenario     string `json:"scenario"`
	About        string `json:"about,omitempty"`
	Seed         uint64 `json:"seed"`
	Replications int    `json:"replications"`
	// Method is where the uncertainty of the differences comes from.
	Method Method `json:"method"`
	// Outcomes are of the variants in the order given; the first is what the
	// others are compared to.
	Outcomes []Outcome `json:"outcomes"`
	// Pairs are of each of the others with the first.
	Pairs []Pair `json:"pairs"`
}

// Pair is one variant held against the first.
type Pair struct {
	Baseline string `json:"baseline"`
	Variant  string `json:"variant"`
	// Verdict says in sentences what can be concluded, the most important first.
	Verdict []string `json:"verdict"`
	// Differences are of every measure: of all customers and agents, then by
	// class, queue and group.
	Differences []Difference `json:"differences"`
}

// Run plays the scenario once for each variant, of which there is at least one.
// The scenario's own strategy and model are replaced; its customers, and so what
// the replications draw, are the same for all. It ends early with the context's
// error.
func Run(ctx context.Context, s *scenario.Scenario, variants []Variant, opts scenario.Options) (*Comparison, error) {
	if len(variants) == 0 {
		return nil, errors.New("compare: at least one variant is needed")
	}
	c := &Comparison{Scenario: s.Name, About: s.About, Seed: s.Seed}
	for i, v := range variants {
		if slices.ContainsFunc(variants[:i], func(o Variant) bool { return o.Name == v.Name }) {
			return nil, fmt.Errorf("compare: there are two variants called %q", v.Name)
		}
		one := *s
		one.Strategy = v.Strategy
		if v.Model != "" {
			one.Model = v.Model
		}
		mine := opts
		if opts.Progress != nil {
			mine.Progress = func(share float64, customers int) {
				opts.Progress((float64(i)+share)/float64(len(variants)), customers)
			}
		}
		result, err := scenario.Run(ctx, &one, mine)
		if err != nil {
			return nil, fmt.Errorf("compare: %s: %w", v.Name, err)
		}
		c.Outcomes = append(c.Outcomes, Outcome{Name: v.Name, Result: result})
	}
	c.conclude()
	return c, nil
}

// conclude works out the differences.
func (c *Comparison) conclude() {
	first := c.Outcomes[0]
	c.Replications = first.Result.Replications
	c.Method = method(c.Outcomes)
	for _, o := range c.Outcomes[1:] {
		p := Pair{Baseline: first.Name, Variant: o.Name}
		p.Differences = differences(first.Result, o.Result, c.Method)
		p.Verdict = p.verdict(c.Method)
		c.Pairs = append(c.Pairs, p)
	}
}

// method finds where the uncertainty can come from.
func method(outcomes []Outcome) Method {
	if outcomes[0].Result.Replications > 1 {
		return Replications
	}
	for _, o := range outcomes {
		// A single run tells its uncertainty only if nothing varies over it.
		if o.Result.Overall.Wait.Mean.StdError == 0 {
			return None
		}
	}
	return Batches
}

// Sound reports whether all held that must hold of every run.
func (c *Comparison) Sound() bool {
	return !slices.ContainsFunc(c.Outcomes, func(o Outcome) bool { return !o.Result.Sound() })
}
