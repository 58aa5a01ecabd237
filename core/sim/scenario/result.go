// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Result is what came of a run. Times are in seconds. All but Broken, Events
// and Fingerprint is of the customers who came after the warm-up, and of the
// time from then to the end.
type Result struct {
	Scenario string `json:"scenario"`
	Strategy string `json:"strategy"`
	Seed     uint64 `json:"seed"`
	// Measured is how much virtual time was looked at.
	Measured float64 `json:"measured_seconds"`
	// AcceptableWait is what service levels compare to.
	AcceptableWait float64 `json:"acceptable_wait_seconds"`
	// Overall is of all customers, Classes of each class in order of names.
	Overall Figures        `json:"overall"`
	Classes []ClassFigures `json:"classes"`
	// Occupancy is the share of all agents' capacity that was held, Groups that
	// of each group in order of names.
	Occupancy Estimate       `json:"occupancy"`
	Groups    []GroupFigures `json:"groups"`
	// Refused counts proposals that the host refused.
	Refused uint64 `json:"refused_proposals"`
	// Events counts the run's events, and Fingerprint is a hash of them all:
	// the same scenario, seed and strategy have the same.
	Events      uint64 `json:"events"`
	Fingerprint string `json:"fingerprint"`
	// Broken lists what must hold of every run and did not: a fault of this
	// program or of the strategy. It is empty when all is well.
	Broken []string `json:"broken"`
}

// Estimate is a figure with its standard error. It is 0 where there was nothing
// to measure.
type Estimate struct {
	Value float64 `json:"value"`
	// StdError is taken from twenty batches of the run. It is 0, for not known,
	// where rates vary over the day: then batches differ for a reason, and only
	// more days would tell.
	StdError float64 `json:"std_error,omitempty"`
}

// Figures are what became of a set of customers.
type Figures struct {
	// Offered = Served + Abandoned + Waiting + Open, the last two being those
	// who are still there at the end.
	Offered   int64 `json:"offered"`
	Served    int64 `json:"served"`
	Abandoned int64 `json:"abandoned"`
	Waiting   int64 `json:"waiting"`
	Open      int64 `json:"open"`
	// AnsweredWithin counts those whom an agent took within the acceptable
	// wait, AbandonedWithin those who left within it.
	AnsweredWithin  int64 `json:"answered_within"`
	AbandonedWithin int64 `json:"abandoned_within"`
	// Wait is of all whose wait has ended, AnsweredWait of those whom an agent
	// took.
	Wait         Wait         `json:"wait"`
	AnsweredWait AnsweredWait `json:"answered_wait"`
	// AbandonShare is of the offered.
	AbandonShare Estimate     `json:"abandon_share"`
	ServiceLevel ServiceLevel `json:"service_level"`
}

// Wait describes waits; those who did not wait at all count with 0.
type Wait struct {
	Mean Estimate `json:"mean"`
	P50  float64  `json:"p50"`
	P95  float64  `json:"p95"`
	// Delayed is the probability of waiting at all.
	Delayed Estimate `json:"delayed"`
	// MeanSquare is E[W²], in square seconds.
	MeanSquare Estimate `json:"mean_square"`
}

// AnsweredWait describes the waits of those who were answered: the speed of
// answer.
type AnsweredWait struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
}

// ServiceLevel is the share of customers answered within the acceptable wait,
// in the three usual definitions.
type ServiceLevel struct {
	// OfOffered: of all offered. Who abandons counts against it.
	OfOffered Estimate `json:"of_offered"`
	// OfAnswered: of all answered. Who abandons does not count.
	OfAnswered float64 `json:"of_answered"`
	// OfPatient: of all offered but those who abandoned within the acceptable
	// wait, who gave it no chance.
	OfPatient float64 `json:"of_patient"`
}

// ClassFigures are the figures of one class.
type ClassFigures struct {
	Name string `json:"name"`
	Figures
}

// GroupFigures are the figures of one group of agents.
type GroupFigures struct {
	Name   string `json:"name"`
	Agents int    `json:"agents"`
	// Occupancy is the share of their capacity that was held.
	Occupancy Estimate `json:"occupancy"`
}

func (p *player) result(s *Scenario) *Result {
	l := p.ledger
	r := &Result{
		Scenario: s.Name, Seed: s.Seed, Refused: l.refused, Events: l.events,
		Fingerprint: fmt.Sprintf("%016x", l.fingerprint), Broken: append([]string{}, l.broken...),
		Measured:       float64(p.plan.to-p.plan.from) / 1000,
		AcceptableWait: s.AcceptableWait.Milliseconds() / 1000,
	}
	for _, status := range p.world.Status() {
		r.Strategy = fmt.Sprintf("%s %s (%s)", or(s.Strategy.Source, "queue"), status.Version, status.Runtime)
	}
	all := &tally{}
	for i := range l.states {
		t := &l.states[i].counted
		all.merge(t)
		r.Classes = append(r.Classes, ClassFigures{Name: p.plan.classes[i].name, Figures: t.figures()})
	}
	r.Overall = all.figures()
	p.occupancies(r)
	return r
}

// occupancies works out how busy agents were, batch by batch.
func (p *player) occupancies(r *Result) {
	var busy, there [batches]float64
	steady := p.plan.steady()
	for i := range p.ledger.loads {
		g := &p.plan.groups[i]
		var mine, own [batches]float64
		for b := range batches {
			marks := p.ledger.loads[i].marks
			mine[b] = marks[b+1] - marks[b]
			span := p.plan.to - p.plan.from
			from, to := span*engine.Time(b)/batches, span*engine.Time(b+1)/batches
			own[b] = float64(g.Agents) * float64(g.capacity) * float64(to-from)
			busy[b] += mine[b]
			there[b] += own[b]
		}
		r.Groups = append(r.Groups, GroupFigures{Name: g.name, Agents: g.Agents, Occupancy: estimate(mine[:], own[:], steady)})
	}
	r.Occupancy = estimate(busy[:], there[:], steady)
}

// Sound reports whether all held that must hold of every run.
func (r *Result) Sound() bool { return len(r.Broken) == 0 }

// WriteTo writes the result as tables for people.
func (r *Result) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	fmt.Fprintf(c, "%s: %s, seed %d, %v measured\n\n", r.Scenario, r.Strategy, r.Seed, seconds(r.Measured))
	out := tabwriter.NewWriter(c, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "class\toffered\tserved\tabandoned\twaiting\topen\tmean wait\tp50\tp95\twaited at all\tservice level\tof answered\tof patient\t")
	for i := range r.Classes {
		r.Classes[i].row(out, r.Classes[i].Name)
	}
	if len(r.Classes) > 1 {
		r.Overall.row(out, "all")
	}
	fmt.Fprintln(out)
	fmt.Fprintln(out, "answered\tmean wait\tp50\tp95\t")
	for i := range r.Classes {
		a := &r.Classes[i].AnsweredWait
		fmt.Fprintf(out, "%s\t%v\t%v\t%v\t\n", r.Classes[i].Name, seconds(a.Mean), seconds(a.P50), seconds(a.P95))
	}
	fmt.Fprintln(out)
	fmt.Fprintln(out, "group\tagents\toccupancy\t")
	agents := 0
	for _, g := range r.Groups {
		agents += g.Agents
		fmt.Fprintf(out, "%s\t%d\t%s\t\n", g.Name, g.Agents, percent(g.Occupancy))
	}
	if len(r.Groups) > 1 {
		fmt.Fprintf(out, "all\t%d\t%s\t\n", agents, percent(r.Occupancy))
	}
	_ = out.Flush() // its error is the next write's
	fmt.Fprintf(c, "\nservice level: answered within %v, of all offered%s\n", seconds(r.AcceptableWait),
		map[bool]string{true: "; ± is one standard error"}[r.Occupancy.StdError > 0])
	_, err := fmt.Fprintf(c, "%d events, fingerprint %s, %s\n", r.Events, r.Fingerprint,
		map[bool]string{true: "every invariant held", false: "INVARIANTS BROKEN:"}[r.Sound()])
	for _, text := range r.Broken {
		_, err = fmt.Fprintln(c, "  "+text)
	}
	return c.n, err
}

func (f *Figures) row(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%v\t%v\t%s\t%s\t%.1f %%\t%.1f %%\t\n",
		name, f.Offered, f.Served, f.Abandoned, f.Waiting, f.Open,
		around(f.Wait.Mean), seconds(f.Wait.P50), seconds(f.Wait.P95),
		percent(f.Wait.Delayed), percent(f.ServiceLevel.OfOffered),
		100*f.ServiceLevel.OfAnswered, 100*f.ServiceLevel.OfPatient)
}

func percent(e Estimate) string {
	if e.StdError == 0 {
		return fmt.Sprintf("%.1f %%", 100*e.Value)
	}
	return fmt.Sprintf("%.1f ± %.1f %%", 100*e.Value, 100*e.StdError)
}

// around writes a time with its standard error.
func around(e Estimate) string {
	if e.StdError == 0 {
		return seconds(e.Value).String()
	}
	return fmt.Sprintf("%v ± %v", seconds(e.Value), seconds(e.StdError))
}

// seconds makes a time for people.
func seconds(s float64) time.Duration {
	d := time.Duration(s * float64(time.Second))
	if d < 100*time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// counter counts what is written, as io.WriterTo wants it.
type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
