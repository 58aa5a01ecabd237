// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// WriteTo writes the comparison for people: a verdict for each pair, and a table
// of differences with a plot of their confidence intervals.
func (c *Comparison) WriteTo(w io.Writer) (int64, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: seed %d, %s\n", c.Scenario, c.Seed, plural(c.Replications, "replication"))
	for i := range c.Outcomes {
		r := c.Outcomes[i].Result
		fmt.Fprintf(&text, "  %s: %s, %s\n", c.Outcomes[i].Name, r.Strategy, r.Model)
	}
	for i := range c.Pairs {
		c.Pairs[i].write(&text)
	}
	if len(c.Pairs) > 0 {
		text.WriteString("\n" + c.Note() + "\n")
	}
	for i := range c.Outcomes {
		for _, broken := range c.Outcomes[i].Result.Broken {
			fmt.Fprintf(&text, "INVARIANT BROKEN by %s: %s\n", c.Outcomes[i].Name, broken)
		}
	}
	n, err := io.WriteString(w, text.String())
	return int64(n), err
}

// Note says where the uncertainty comes from, and what it means.
func (c *Comparison) Note() string {
	switch c.Method {
	case Replications:
		return fmt.Sprintf("± is half of a 95 %% confidence interval of the paired differences of %d replications, by Student's t;\n"+
			"of twenty such intervals one is wrong by chance", c.Replications)
	case Batches:
		return fmt.Sprintf("± is half of a 95 %% confidence interval from %d parts of the one replication, for those measures that have it;\n"+
			"several replications tell more", batchCount)
	default:
		return "one replication, over which rates vary, leaves the uncertainty unknown"
	}
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// Shown returns the differences that tables and plots have: of all customers
// and agents, but without counts, which shares tell better, and without what is
// 0 under both.
func (p *Pair) Shown() []Difference {
	var counts reading
	for name := range (&scenario.Counts{}).All() {
		counts.put(name, 0)
	}
	var shown []Difference
	for _, d := range p.Differences {
		_, count := counts.values[d.Measure]
		if d.Of == ofAll && !count && d.Measure != "mean_square_wait" && (d.Baseline != 0 || d.Variant != 0) {
			shown = append(shown, d)
		}
	}
	return shown
}

// ByClass returns the differences of mean wait, service level and abandonment by
// class; none if there is but one.
func (p *Pair) ByClass() []Difference {
	var shown []Difference
	classes := make(map[string]bool)
	for _, d := range p.Differences {
		if d.Of == ofClass {
			classes[d.Name] = true
			if d.Measure == meanWait || d.Measure == serviceLevel || d.Measure == abandonShare {
				shown = append(shown, d)
			}
		}
	}
	if len(classes) < 2 {
		return nil
	}
	return shown
}

func (p *Pair) write(w io.Writer) {
	fmt.Fprintf(w, "\n%s against %s\n", p.Variant, p.Baseline)
	for _, sentence := range p.Verdict {
		fmt.Fprintf(w, "  * %s\n", sentence)
	}
	shown := append(p.Shown(), p.ByClass()...)
	axis := newAxis(shown)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\nmeasure\t%s\t%s\tdifference\t%s\n", p.Baseline, p.Variant, axis.head())
	for i := range shown {
		d := &shown[i]
		name := Title(d.Measure)
		if d.Of == ofClass {
			name = d.Name + ": " + name
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", name, Format(d.Measure, d.Baseline), Format(d.Measure, d.Variant), Change(d), axis.plot(d))
	}
	_ = out.Flush() // a strings.Builder takes everything
}

// Relative returns a difference and half of its interval as shares of the
// baseline, by which measures of all units can be drawn on one axis; ok is
// false where that says nothing.
func (d *Difference) Relative() (value, half float64, ok bool) {
	if d.Baseline == 0 || !d.Known {
		return 0, 0, false
	}
	base := math.Abs(d.Baseline)
	return d.Difference.Value / base, d.Difference.HalfWidth / base, true
}

// Reach returns a round number that an axis from -it to +it should have to show
// these differences relative to the baseline. What is off by more than the
// baseline itself is cut off at its end.
func Reach(shown []Difference) float64 {
	most := 0.0
	for i := range shown {
		if value, half, ok := shown[i].Relative(); ok {
			most = max(most, min(math.Abs(value)+half, 1))
		}
	}
	for _, round := range []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5} {
		if most <= round {
			return round
		}
	}
	return 1
}

// axis is that of a plot in a terminal.
type axis struct{ reach float64 }

// half is how many columns an axis has to either side.
const half = 15

func newAxis(shown []Difference) axis { return axis{Reach(shown)} }

func (a axis) head() string {
	end := fmt.Sprintf("%g %%", 100*a.reach)
	left := "-" + end
	return left + strings.Repeat(" ", max(1, half-len(left))) + "0" + strings.Repeat(" ", max(1, half-len(end)-1)) + "+" + end
}

// plot draws one interval: its ends, its middle, and where no difference is.
func (a axis) plot(d *Difference) string {
	value, width, ok := d.Relative()
	if !ok {
		return ""
	}
	cells := []rune(strings.Repeat(" ", 2*half+1))
	at := func(x float64) int { return half + int(math.Round(min(max(x/a.reach, -1), 1)*half)) }
	low, high := at(value-width), at(value+width)
	for i := low; i <= high; i++ {
		cells[i] = '-'
	}
	cells[low], cells[high] = '[', ']'
	cells[half] = '|'
	if value-width < -a.reach {
		cells[low] = '<'
	}
	if value+width > a.reach {
		cells[high] = '>'
	}
	cells[at(value)] = 'o'
	return strings.TrimRight(string(cells), " ")
}
