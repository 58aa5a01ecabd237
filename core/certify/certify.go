// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package certify tries a vendor's router against what docs/external-routing.md
// asks of routers, requirement by requirement, without a host of its own behind
// it: it plays the host.
//
// A Stand is where the router dials. Behind it are the host's own doors, package
// core/strategy/remote, so that the wire is the true one; between doors and
// router every message passes the kit's hand, which lets lines break, messages
// come twice, late or never. Instead of a workspace there is the scripted host of
// package sdk/routetest. Run plays one requirement after another and says of
// each whether the router keeps it, what was seen, and what is to be done.
//
// The package knows the session protocol and the contract. It knows neither a
// workspace nor any router.
package certify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Level says how much a requirement weighs.
type Level string

// The levels.
const (
	// Must is kept by every router that works with a host.
	Must Level = "must"
	// Should is kept by a good one; a host works without.
	Should Level = "should"
)

// Requirement is one thing that is asked of routers.
type Requirement struct {
	// ID names it; it is stable.
	ID string `json:"id"`
	// Group is what it is about, for people.
	Group string `json:"group"`
	// Level says how much it weighs.
	Level Level `json:"level"`
	// Text says what is required, in a sentence.
	Text string `json:"text"`
	// Fix says what to look at if it is not kept.
	Fix string `json:"fix"`
}

// Outcome is what came of trying a requirement.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is a requirement and what came of it.
type Result struct {
	Requirement

	Outcome Outcome `json:"outcome"`
	// Findings says what was seen that should not be, one sentence each; none
	// unless Failed.
	Findings []string `json:"findings"`
	// Skipped says why it was not tried; empty unless it was not.
	Skipped string `json:"skipped,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Options say how a router is tried. A zero field means its default.
type Options struct {
	// Settings is the JSON object that the router is led with; nil means the
	// empty one.
	Settings json.RawMessage
	// Budget is how long a turn may take, by the router alone: from when a turn
	// has been sent until its answer has come. Default 250 ms.
	Budget time.Duration
	// Deadline is after how long a turn is given up where time is not what is
	// tried. Default 10 s.
	Deadline time.Duration
	// Agents is how many agents the large snapshot has. Default 100,000.
	Agents int
	// Wait is how long the kit waits for the router to dial at first. Default
	// two minutes.
	Wait time.Duration
	// Patience is how long a router may take to dial again, and to do what takes
	// no calculation. Default 10 s.
	Patience time.Duration
	// Quiet is for how long it is watched how often a router dials. Default 6 s.
	Quiet time.Duration
	// Ping is what the router is told of how often a host pings, when it is
	// tried whether it notices a host that says nothing. Default 300 ms.
	Ping time.Duration
	// Only names the requirements to be tried, by id or group; empty means all.
	// The router's hello is always waited for.
	Only []string
	// Program, unless nil, is the router's program, which is started anew when it
	// has ended.
	Program *Program
	// Each is told every result as soon as it is there; nil is told nothing.
	Each func(Result)
}

func (o Options) withDefaults() Options {
	o.Budget = cmp.Or(o.Budget, 250*time.Millisecond)
	o.Deadline = cmp.Or(o.Deadline, 10*time.Second)
	o.Agents = cmp.Or(o.Agents, 100_000)
	o.Wait = cmp.Or(o.Wait, 2*time.Minute)
	o.Patience = cmp.Or(o.Patience, 10*time.Second)
	o.Quiet = cmp.Or(o.Quiet, 6*time.Second)
	o.Ping = cmp.Or(o.Ping, 300*time.Millisecond)
	return o
}

// Report is what came of trying a router.
type Report struct {
	// Router is the router's own name, as it says in its hello; Name and Version
	// are its manifest's, and View the view that it wants.
	Router  string     `json:"router"`
	Name    string     `json:"name"`
	Version string     `json:"version"`
	View    route.View `json:"view"`
	// Door is how it came in: "grpc", "websocket" or "webhook".
	Door string `json:"door"`
	// Results are all requirements, in their order.
	Results []Result `json:"results"`
	// Passed and Skipped count them; Failed those that must be kept and are not,
	// Warned those that should be kept and are not.
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Warned  int `json:"warned"`
	Skipped int `json:"skipped"`
	// Certified says that everything was tried that is asked of every router, and
	// nothing failed that must be kept.
	Certified bool `json:"certified"`
}

// trial is a requirement and how it is tried. An error is a finding, unless the
// context has ended.
type trial struct {
	Requirement

	try func(*course, context.Context) error
	// free says that a router may lack what it takes to try it, such as a second
	// one of its kind, and be certified nevertheless.
	free bool
	// corpus is the group of the conformance corpus that it is about, if any.
	corpus string
}

// Requirements are all requirements for routers that dial, in their order.
func Requirements() []Requirement { return requirementsOf(sessionTrials()) }

func requirementsOf(trials []trial) []Requirement {
	list := make([]Requirement, len(trials))
	for i := range trials {
		list[i] = trials[i].Requirement
	}
	return list
}

// Run tries the router that dials the stand, or has dialled it already. An error
// means that ctx ended, or that the program could not be started; all else is in
// the report.
func Run(ctx context.Context, stand *Stand, options Options) (*Report, error) {
	c := &course{stand: stand, options: options.withDefaults()}
	if p := c.options.Program; p != nil {
		if err := p.start(); err != nil {
			return nil, err
		}
		defer p.kill()
	}
	return c.run(ctx, sessionTrials())
}

// course is one run.
type course struct {
	stand   *Stand
	options Options

	manifest  route.Manifest
	report    Report
	epoch     uint64
	met       bool   // a router has come in
	missed    string // the requirement in which the router was lost for good
	uncertain bool   // something was not tried that every router can be asked for

	minding  bool     // reasons are looked at
	played   *played  // what came of the corpus, once it was played
	spent    float64  // seconds, if another requirement spent them
	findings []string // of the requirement that is being tried
	skipped  string
}

// find notes what should not be.
func (c *course) find(format string, args ...any) {
	const most = 10 // the first ones say it
	if text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; "); len(c.findings) < most && !slices.Contains(c.findings, text) {
		c.findings = append(c.findings, text)
	}
}

// skip notes why the requirement is not tried.
func (c *course) skip(format string, args ...any) { c.skipped = fmt.Sprintf(format, args...) }

func (c *course) run(ctx context.Context, trials []trial) (*Report, error) {
	for i := range trials {
		t := &trials[i]
		if i > 0 && !c.wants(t) {
			continue
		}
		if err := c.attempt(ctx, t); err != nil {
			return nil, err
		}
	}
	c.report.Certified = c.report.Failed == 0 && !c.uncertain
	return &c.report, nil
}

// wants reports whether a requirement is to be tried.
func (c *course) wants(t *trial) bool {
	only := c.options.Only
	return len(only) == 0 || slices.Contains(only, t.ID) || slices.Contains(only, t.Group)
}

// attempt tries one requirement.
func (c *course) attempt(ctx context.Context, t *trial) error {
	c.findings, c.skipped, c.spent = []string{}, "", 0
	began := time.Now()
	if c.missed != "" {
		c.skip("the router is not there any more: see %q", c.missed)
	} else if err := t.try(c, ctx); err != nil && c.skipped == "" {
		c.find("%v", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r := Result{Requirement: t.Requirement, Outcome: Passed, Findings: c.findings, Seconds: cmp.Or(c.spent, time.Since(began).Seconds())}
	switch {
	case len(c.findings) > 0 && t.Level == Must:
		r.Outcome = Failed
		c.report.Failed++
	case len(c.findings) > 0:
		r.Outcome = Failed
		c.report.Warned++
	case c.skipped != "":
		r.Outcome, r.Skipped = Skipped, c.skipped
		c.report.Skipped++
		c.uncertain = c.uncertain || c.missed != "" || t.Level == Must && !t.free
	default:
		c.report.Passed++
	}
	c.report.Results = append(c.report.Results, r)
	if c.options.Each != nil {
		c.options.Each(r)
	}
	return c.after(ctx, t)
}

// after sees to it that the router is there for the next requirement. If it is
// not, the rest is not tried.
func (c *course) after(ctx context.Context, t *trial) error {
	if c.stand == nil || c.missed != "" {
		return nil
	}
	c.stand.setTap(tap{})
	c.stand.setGate(opened)
	if t.last() {
		return nil
	}
	wait := c.options.Patience
	if !c.met {
		wait = 0 // it was waited for
	}
	if !c.present(ctx, wait) {
		c.missed = t.ID
	}
	return ctx.Err()
}

// last reports whether a router may be gone after it.
func (t *trial) last() bool { return t.ID == idRefused }

// lookAgain is how long is waited before it is looked again who is connected.
const lookAgain = 50 * time.Millisecond

// present waits until a router is connected, and reports whether one is. A
// program that has ended is started again.
func (c *course) present(ctx context.Context, wait time.Duration) bool {
	if p := c.options.Program; p != nil && p.ended() {
		if p.start() != nil {
			return false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		mark := c.stand.mark()
		doors, _ := c.stand.places()
		for _, r := range doors.Routers() {
			if r.Connected {
				return true
			}
		}
		// Who comes by the host's own door is not noted: look again soon.
		soon, stop := context.WithTimeout(ctx, lookAgain)
		c.stand.await(soon, mark, func(h *happening) bool { return h.what == "welcome" })
		stop()
		if ctx.Err() != nil {
			return false
		}
	}
}
