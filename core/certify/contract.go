// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// contractTrials are what the contract asks of every strategy, wherever it runs.
func contractTrials() []trial {
	group := func(id, name, text, fix string) trial {
		return trial{Requirement: Requirement{id, groupContract, Must, text, fix}, corpus: name, try: func(c *course, ctx context.Context) error {
			return c.corpus(ctx, name)
		}}
	}
	return []trial{
		group("manifest", "manifest", "Its manifest has a semantic version, and reasons that people can read.",
			"Give each reason a code from 1, a name of lower-case letters, digits and underscores, and a sentence."),
		group("snapshot", "snapshot", "A snapshot, in one page or several, is the board: what was before is forgotten.",
			"On a turn of kind snapshot or snapshot_first forget all; propose nothing until the last page."),
		group("deltas", "deltas", "Turns that bring what has changed are applied in order: gone first, then rows over those of the same ref.",
			"Replace a row by the one of the same ref; refs are slots, which are used again under a higher gen."),
		group("gaps", "gaps", "A turn that does not follow on what it has is answered by asking for a snapshot.",
			"Compare base_seq with the last turn you applied, and epoch with the lead's; answer need_snapshot if they differ."),
		group("stale-revisions", "stale revisions", "A proposal names the revision of the work that it was decided on.",
			"Copy the revision of the row that is on the board now, not the one when you saw the work first."),
		group("duplicates", "duplicates", "What comes twice is not taken twice.",
			"A turn that was applied already is answered with need_snapshot, unless it comes again after a lost line."),
		group("reordering", "reordering", "It takes what has become of proposals whenever it is told, in whatever order.",
			"Wait for settled rows by turn, work and agent; do not expect them in the order of your proposals."),
		group("large-boards", "large boards", "Ten thousand agents do not throw it off.",
			"Look for quadratic loops over agents and work."),
		group("unicode", "unicode", "Names may be in any script.", "Read and write strings as UTF-8 everywhere."),
		group("extremes", "empty and extreme values", "The largest and smallest numbers, and empty boards, do not throw it off.",
			"Keep numbers as wide as frame.layout says; add with care."),
		group("eligibility", "eligibility", "It proposes only agents who may have the work, and who have room for it.",
			"Count your own unsettled proposals against an agent's capacity, and leave out who declined, is in another tier, or lacks a skill."),
		group("progress", "progress", "It proposes work that somebody may take, sooner or later, and rests when there is nothing to do.",
			"If you gather work before you decide, say in wake_at when you want a turn."),
		{Requirement: Requirement{
			"determinism", groupContract, Must,
			"If its manifest says deterministic, the same turns bring the same answers.",
			"Decide by the turn alone: its now and its seed; or leave deterministic out of the manifest.",
		}, try: (*course).deterministic, free: true},
		{Requirement: Requirement{
			"reasons", groupContract, Must,
			"Every reason that it gives is one of its manifest's.",
			"List each reason in the manifest, with a text.",
		}, try: (*course).reasons},
	}
}

// played is what came of playing the corpus, by groups.
type played struct {
	cases map[string][]kit.Case
	err   error
}

// corpus says what came of one group of the conformance corpus, which is played
// when the first group is asked for.
func (c *course) corpus(ctx context.Context, group string) error {
	if c.played == nil {
		c.played = c.playCorpus(ctx, c.corpusGroups(), true)
	}
	return c.found(c.played, group)
}

// corpusGroups are the groups that are wanted.
func (c *course) corpusGroups() []string {
	var names []string
	for _, t := range contractTrials() {
		if t.corpus != "" && c.wants(&t) {
			names = append(names, t.corpus)
		}
	}
	return names
}

func (c *course) playCorpus(ctx context.Context, groups []string, once bool) *played {
	p := &played{cases: make(map[string][]kit.Case)}
	_, p.err = kit.Trial{
		Runtime: (*led)(c), File: kit.Linked(c.stand.Strategy()), Deadline: c.options.Deadline, Start: c.options.Patience, Only: groups, Once: once,
		Each: func(k kit.Case) { p.cases[k.Group] = append(p.cases[k.Group], k) },
	}.Run(ctx)
	return p
}

// found takes over the findings about a group.
func (c *course) found(p *played, group string) error {
	for _, k := range p.cases[group] {
		c.spent += k.Seconds
		for _, finding := range k.Findings {
			if !strings.HasPrefix(finding, k.Name) && k.Name != group {
				finding = k.Name + ": " + finding
			}
			c.find("%s", finding)
		}
	}
	return p.err
}

// led is the router as a runtime: whoever is connected leads.
type led course

var _ strategy.Runtime = (*led)(nil)

// Start implements strategy.Runtime.
func (l *led) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	c := (*course)(l)
	spec.Name, spec.Runtime, spec.Settings = c.stand.Strategy(), "remote", c.options.Settings
	return c.runtime().Start(ctx, spec, epoch)
}

func (c *course) deterministic(ctx context.Context) error {
	if !c.manifest.Deterministic {
		c.skip("its manifest does not say that it is")
		return nil
	}
	return c.found(c.playCorpus(ctx, []string{"determinism"}, false), "determinism")
}

// walkTurns is how many turns of a random day are played where a few would do.
const walkTurns = 40

// walk plays a random day.
func (p *play) walk(ctx context.Context, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0))
	for range walkTurns {
		for range random.IntN(12) {
			routetest.Walk(p.host, random.IntN)
		}
		if err := p.carry(ctx); err != nil {
			return fmt.Errorf("a random day of seed %d: %w", seed, err)
		}
	}
	return nil
}

// reasons plays a day and looks at its reasons.
func (c *course) reasons(ctx context.Context) error {
	c.minding = true
	defer func() { c.minding = false }()
	p, err := c.begin(ctx, 5)
	if err != nil {
		return err
	}
	defer p.close()
	return p.walk(ctx, 1)
}
