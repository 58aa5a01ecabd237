// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// Deadline is how long a turn of a trial may take if the trial does not say.
// It is longer than what a host grants by default: a trial looks for what is
// wrong, and in one case only for what is slow.
const Deadline = 10 * time.Second

const (
	// days is how many random days a trial plays.
	days = 8
	// mostLate is after how many turns that were cut off a trial gives up: what
	// hangs would hang in every case, ten seconds each.
	mostLate = 4
)

// The groups of cases beside those of the corpus.
const (
	groupManifest    = "manifest"
	groupProgress    = "progress"
	groupDeterminism = "determinism"
	groupMemory      = "memory"
	groupDeadline    = "deadline"
	groupEnding      = "ending"
)

// Groups are the groups of cases of a trial, in their order. The rules of a
// strategy's own name come after those of the corpus.
func Groups() []string {
	list := append([]string{groupManifest}, routetest.Groups()...)
	return append(list, groupProgress, groupDeterminism, groupMemory, groupDeadline, groupEnding)
}

// Trial tries a plugin against the contract: by the conformance corpus of
// package routetest, the rules of the strategy's own name included; by random
// days, each played to two instances that must answer alike; by a long day that
// must not take ever more memory; by a busy board in the time that a host
// grants; and by being told to end.
type Trial struct {
	// Runtime is the runtime that the file is for.
	Runtime strategy.Runtime
	// File is the plugin.
	File *File
	// Deadline is after how long a turn is cut off. 0 means Deadline.
	Deadline time.Duration
	// Budget is how long a turn may take on a busy board. 0 means what a host
	// grants by default.
	Budget time.Duration
	// Memory is the most memory that the plugin may use, in bytes, in runtimes
	// that can hold it to that. 0 means what a host grants by default.
	Memory uint64
	// Start is how long the plugin may take to start. 0 means two minutes: a
	// module is compiled first.
	Start time.Duration
	// Only names the groups to be tried; empty means all.
	Only []string
	// Once plays everything once only, and so does not look for replies that are
	// others the second time: their decisions are compared with those in another
	// runtime.
	Once bool
	// Ear hears what the runtime warns of; nil if nobody listens.
	Ear *Ear
	// Each is told every case as soon as it is done; nil is told nothing.
	Each func(Case)
}

// Case is one thing that was tried.
type Case struct {
	// Group names what of the contract it is about: one of routetest.Groups,
	// "rules of" and the strategy's name, or another of Groups.
	Group string `json:"group"`
	// Name names it: a script of the corpus without its ending, "day-" and the
	// seed, or as the group.
	Name string `json:"name"`
	// Findings says how the plugin does not keep the contract, one sentence
	// each; empty is good.
	Findings []string `json:"findings"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`

	decisions string // all proposals as text
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
	manifest, err := t.manifest(ctx)
	if err != nil {
		return nil, err
	}
	a := &attempt{Trial: t, manifest: manifest, report: &Report{File: *t.File, Name: manifest.Name, Version: manifest.Version}}
	for _, c := range a.cases() {
		if len(t.Only) > 0 && !slices.Contains(t.Only, c.group) {
			continue
		}
		if err := a.try(ctx, c); err != nil {
			return nil, err
		}
	}
	return a.report, nil
}

// Watch plays one script to the plugin, once, and tells each thing as it
// happens. An error means that the plugin could not be started, or that ctx
// ended.
func (t Trial) Watch(ctx context.Context, script *routetest.Script, tell func(routetest.Happening)) (routetest.Result, error) {
	manifest, err := t.manifest(ctx)
	if err != nil {
		return routetest.Result{}, err
	}
	a := &attempt{Trial: t, manifest: manifest}
	return routetest.Watch(ctx, a.suite(), script, tell)
}

// manifest starts the plugin and asks it.
func (t Trial) manifest(ctx context.Context) (route.Manifest, error) {
	instance, manifest, err := t.launch(ctx)
	if err != nil {
		return manifest, err
	}
	if err := instance.Close(); err != nil {
		return manifest, fmt.Errorf("kit: close the plugin: %w", err)
	}
	return manifest, nil
}

// launch starts the plugin in time.
func (t Trial) launch(ctx context.Context) (strategy.Instance, route.Manifest, error) {
	spec := t.spec()
	starting, cancel := context.WithTimeout(ctx, spec.Limits.StartTimeout)
	defer cancel()
	instance, manifest, err := t.Runtime.Start(starting, spec, 1)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return instance, manifest, err
}

func (t Trial) spec() strategy.Spec {
	spec := t.File.spec()
	spec.Limits.TurnDeadline = t.deadline()
	if t.Start != 0 {
		spec.Limits.StartTimeout = t.Start
	}
	if t.Memory != 0 {
		spec.Limits.MemoryBytes = t.Memory
	}
	return spec
}

func (t Trial) deadline() time.Duration {
	if t.Deadline == 0 {
		return Deadline
	}
	return t.Deadline
}

// attempt is one run of a trial.
type attempt struct {
	Trial

	manifest route.Manifest
	report   *Report
	late     atomic.Int64 // turns that were cut off
}

// planned is a case to be tried. Play returns what it found, and all proposals
// as text.
type planned struct {
	group, name string
	play        func(context.Context) (findings []string, decisions string, err error)
}

func (a *attempt) suite() routetest.Suite {
	return routetest.Suite{Strategy: a.manifest.Name, Reasons: a.manifest.Reasons, Open: a.open, Once: a.Once}
}

// cases lists what is tried: the corpus by groups, then the rest.
func (a *attempt) cases() []planned {
	suite := a.suite()
	list := []planned{{groupManifest, groupManifest, a.checkManifest}}
	own := "rules of " + a.manifest.Name
	groups := append(routetest.Groups(), own)
	scripts := routetest.Corpus(a.manifest.Name)
	groupOf := func(script *routetest.Script) string {
		if len(script.Strategies) > 0 {
			return own
		}
		return script.Group
	}
	slices.SortStableFunc(scripts, func(x, y *routetest.Script) int {
		return slices.Index(groups, groupOf(x)) - slices.Index(groups, groupOf(y))
	})
	for _, script := range scripts {
		list = append(list, planned{groupOf(script), strings.TrimSuffix(script.Name, ".txt"), func(ctx context.Context) ([]string, string, error) {
			result, err := routetest.Play(ctx, suite, script)
			return texts(result.Findings), result.Transcript, err
		}})
	}
	list = append(list, planned{groupProgress, groupProgress, a.progress})
	for seed := uint64(1); seed <= days; seed++ {
		list = append(list, planned{groupDeterminism, fmt.Sprintf("day-%d", seed), func(ctx context.Context) ([]string, string, error) {
			return a.day(ctx, seed)
		}})
	}
	return append(list, planned{groupMemory, groupMemory, a.longDay}, planned{groupDeadline, groupDeadline, a.busyBoard},
		planned{groupEnding, groupEnding, a.ending})
}

// try carries out one case. Its error is that ctx ended.
func (a *attempt) try(ctx context.Context, p planned) error {
	c := Case{Group: p.group, Name: p.name, Findings: []string{}}
	began := time.Now()
	if late := a.late.Load(); late >= mostLate {
		c.Findings = append(c.Findings, fmt.Sprintf("not tried: %d turns before were not answered within %v", late, a.deadline()))
	} else {
		findings, decisions, err := p.play(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			findings = append(findings, err.Error())
		}
		c.Findings, c.decisions = append(c.Findings, findings...), decisions
	}
	c.Seconds = time.Since(began).Seconds()
	a.report.Cases = append(a.report.Cases, c)
	if len(c.Findings) > 0 {
		a.report.Failed++
	}
	if a.Each != nil {
		a.Each(c)
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
func (a *attempt) open(ctx context.Context) (routetest.Carrier, error) {
	instance, err := a.start(ctx)
	if err != nil {
		return nil, err
	}
	return instance, nil
}

func (a *attempt) start(ctx context.Context) (*timed, error) {
	instance, _, err := a.launch(ctx)
	if err != nil {
		return nil, err
	}
	return &timed{instance, a}, nil
}

// timed is an instance whose turns end in time.
type timed struct {
	strategy.Instance

	attempt *attempt
}

// Turn implements routetest.Carrier.
func (t *timed) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, t.attempt.deadline())
	defer cancel()
	err := t.Instance.Turn(ctx, turn, reply)
	var fault *strategy.Fault
	if errors.As(err, &fault) && fault.Kind == strategy.FaultDeadline {
		t.attempt.late.Add(1)
	}
	return err
}
