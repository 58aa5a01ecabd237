// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"strings"
)

// find returns the difference of a measure over all customers and agents.
func (p *Pair) find(measure string) *Difference {
	for i := range p.Differences {
		if d := &p.Differences[i]; d.Of == ofAll && d.Measure == measure {
			return d
		}
	}
	return &Difference{Of: ofAll, Measure: measure, Unit: unitOf(measure)}
}

// verdict says in sentences what can be concluded.
func (p *Pair) verdict(by Method) []string {
	if by == None {
		return []string{p.untold()}
	}
	if p.alike() {
		return append([]string{p.identical()}, p.others(occupancy, fairness)...)
	}
	said := []string{p.waits()}
	if d := p.find(waitSpread); by == Batches && !d.Known {
		said = append(said, "whether the spread of waits differs cannot be told from one replication")
	}
	said = append(said, p.others(serviceLevel, abandonShare, blockShare, occupancy, fairness)...)
	if d := p.find(serviceLevel); d.Known && !d.Seen() {
		said = append(said, p.unseen(d))
	}
	return said
}

// untold is for one run over which rates vary.
func (p *Pair) untold() string {
	d := p.find(meanWait)
	return fmt.Sprintf("one replication of a day that varies cannot tell whether there is a difference: mean wait is %s under %s and %s under %s; ask for several replications",
		Format(meanWait, d.Baseline), p.Baseline, Format(meanWait, d.Variant), p.Variant)
}

// alike reports whether customers as a whole fared the same in every measure.
func (p *Pair) alike() bool {
	for i := range p.Differences {
		d := &p.Differences[i]
		if d.Of == ofAll && d.Measure != occupancy && d.Measure != fairness && d.Measure != present && !d.Same() {
			return false
		}
	}
	return len(p.Differences) > 0
}

func (p *Pair) identical() string {
	return fmt.Sprintf("no difference at all for customers: every measure is the same in every replication (mean wait %s)",
		Format(meanWait, p.find(meanWait).Baseline))
}

// waits speaks of the mean wait, and of the spread if the means are alike.
func (p *Pair) waits() string {
	m, s := p.find(meanWait), p.find(waitSpread)
	switch {
	case m.Seen():
		text := fmt.Sprintf("mean wait differs: %s waits %s, %s", p.Variant, word(m, "longer", "shorter"), p.told(m))
		if s.Seen() {
			text += fmt.Sprintf("; the spread of waits is %s as well: %s", word(s, "larger", "smaller"), p.told(s))
		}
		return text
	case s.Seen():
		return fmt.Sprintf("equal means, as far as can be seen (%s), but the spread of waits differs: %s", p.told(m), p.told(s))
	default:
		return p.unseen(m)
	}
}

// unseen says that there may or may not be a difference, and how large.
func (p *Pair) unseen(d *Difference) string {
	if d.Same() {
		return fmt.Sprintf("no difference in %s: %s under both", Title(d.Measure), Format(d.Measure, d.Baseline))
	}
	return fmt.Sprintf("no difference in %s can be seen: %s", Title(d.Measure), p.told(d))
}

// trifle is a difference of a share which, though it can be seen, nobody need
// hear of.
const trifle = 0.0005

// others speaks of further measures that differ.
func (p *Pair) others(measures ...string) (said []string) {
	for _, measure := range measures {
		if d := p.find(measure); d.Seen() && math.Abs(d.Difference.Value) >= trifle {
			said = append(said, fmt.Sprintf("%s is %s under %s: %s", Title(measure), word(d, "higher", "lower"), p.Variant, p.told(d)))
		}
	}
	return said
}

// told writes a difference with its uncertainty and what it is between.
func (p *Pair) told(d *Difference) string {
	return fmt.Sprintf("%s under %s, %s under %s, difference %s",
		Format(d.Measure, d.Baseline), p.Baseline, Format(d.Measure, d.Variant), p.Variant, Change(d))
}

// Change writes a difference with its uncertainty, as in "+3.1 s ± 4.0 s".
func Change(d *Difference) string {
	value := change(d.Measure, d.Difference.Value)
	switch {
	case !d.Known:
		return value + " ± unknown"
	case unitOf(d.Measure) == Share && d.Measure != fairness:
		number, _ := strings.CutSuffix(value, " points")
		return fmt.Sprintf("%s ± %s points", number, within(d.Measure, d.Difference.HalfWidth))
	}
	return value + " ± " + within(d.Measure, d.Difference.HalfWidth)
}

func word(d *Difference, above, below string) string {
	if d.Difference.Value > 0 {
		return above
	}
	return below
}
