// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// Deadline is how long a turn of a trial may take if the trial does not say.
// It is longer than what a host grants by default: a trial looks for what is
// wrong, not for what is slow on the machine it is on.
const Deadline = 10 * time.Second

// days is how many random days a trial plays.
const days = 8

// Trial tries a plugin against the contract: by the conformance corpus of
// package routetest, the rules of the strategy's own name included, and by
// random days, each played to two instances that must answer alike.
type Trial struct {
	// Runtime is the runtime that the file is for.
	Runtime strategy.Runtime
	// File is the plugin.
	File *File
	// Deadline is how long a turn may take. 0 means Deadline.
	Deadline time.Duration
	// Each is told every case as soon as it is done; nil is told nothing.
	Each func(Case)
}

// Case is one thing that was tried.
type Case struct {
	// Name names it: a script of the corpus without its ending, or
	// "day-" and the seed.
	Name string `json:"name"`
	// Findings says how the plugin does not keep the contract, one sentence
	// each; empty is good.
	Findings []string `json:"findings"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Report is what a trial found.
type Report struct {
	File

	// Name and Version are the plugin's own.
	Name    string `json:"name"`
	Version string `json:"version"`
	// Cases are all that were tried, in their order.
	Cases []Case `json:"cases"`
	// Failed is how many of them have findings.
	Failed int `json:"failed"`
}

// Run plays every case and returns the report. An error means that the plugin
// could not be started at all, or that ctx ended; what goes wrong later is a
// finding of the case in which it does.
func (t Trial) Run(ctx context.Context) (*Report, error) {
	instance, manifest, err := t.Runtime.Start(ctx, t.File.spec(), 1)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	if err := instance.Close(); err != nil {
		return nil, fmt.Errorf("kit: close the plugin: %w", err)
	}
	suite := routetest.Suite{Strategy: manifest.Name, Reasons: manifest.Reasons, Open: t.open}
	report := &Report{File: *t.File, Name: manifest.Name, Version: manifest.Version}
	for _, script := range routetest.Corpus(manifest.Name) {
		if err := t.try(ctx, report, strings.TrimSuffix(script.Name, ".txt"), func() ([]string, error) {
			result, err := routetest.Play(ctx, suite, script)
			return texts(result.Findings), err
		}); err != nil {
			return nil, err
		}
	}
	for seed := uint64(1); seed <= days; seed++ {
		if err := t.try(ctx, report, fmt.Sprintf("day-%d", seed), func() ([]string, error) {
			return t.day(ctx, seed)
		}); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// try carries out one case. Its error is that ctx ended.
func (t Trial) try(ctx context.Context, report *Report, name string, play func() ([]string, error)) error {
	began := time.Now()
	findings, err := play()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		findings = append(findings, err.Error())
	}
	c := Case{Name: name, Findings: append([]string{}, findings...), Seconds: time.Since(began).Seconds()}
	report.Cases = append(report.Cases, c)
	if len(findings) > 0 {
		report.Failed++
	}
	if t.Each != nil {
		t.Each(c)
	}
	return nil
}

func texts(findings []routetest.Finding) []string {
	var list []string
	for _, finding := range findings {
		list = append(list, finding.String())
	}
	return list
}

// open starts the plugin anew.
func (t Trial) open(ctx context.Context) (routetest.Carrier, error) {
	instance, err := t.start(ctx)
	if err != nil {
		return nil, err
	}
	return instance, nil
}

func (t Trial) start(ctx context.Context) (timed, error) {
	deadline := t.Deadline
	if deadline == 0 {
		deadline = Deadline
	}
	spec := t.File.spec()
	spec.Limits.TurnDeadline = deadline
	instance, _, err := t.Runtime.Start(ctx, spec, 1)
	return timed{instance, deadline}, err
}

// timed is an instance whose turns end in time.
type timed struct {
	strategy.Instance

	deadline time.Duration
}

// Turn implements routetest.Carrier.
func (t timed) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, t.deadline)
	defer cancel()
	return t.Instance.Turn(ctx, turn, reply)
}
