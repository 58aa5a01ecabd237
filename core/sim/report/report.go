// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package report writes what came of a scenario, or of a comparison, as one HTML
// file that needs nothing else: no network, no script, plots as SVG with a table
// beside each, for the eye, for paper and for a screen reader. The same result
// gives the same bytes.
//
// It must not know where results come from, nor the time of day.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

//go:embed page.html
var pageText string

// Note is a list of remarks under a heading, such as the rows of a log that could
// not be read.
type Note struct {
	Heading string
	Text    string
	Items   []string
}

// page is what the template shows.
type page struct {
	Title, Lead string
	Facts       []fact
	// Alerts are what must hold and did not.
	Alerts   []string
	Sections []section
}

type fact struct{ Name, Value string }

type section struct {
	ID, Heading string
	Text        []string
	// List is a list of sentences.
	List    []string
	Figures []figure
	Tables  []table
}

// figure is a plot with the table that says the same.
type figure struct {
	ID, Caption string
	Chart       *chart
	Forest      *forest
	Table       table
}

// table has a head, and rows whose first cell names them.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// Result writes the report of one result, with notes at its end.
func Result(r *scenario.Result, notes ...Note) ([]byte, error) {
	p := &page{Title: title(r.Scenario), Lead: r.About, Facts: facts(r), Alerts: r.Broken}
	p.Sections = append(p.Sections, section{
		ID: "customers", Heading: "Customers",
		Text:   []string{levels(r)},
		Tables: []table{counts(r), waits(r)},
	}, section{
		ID: "agents", Heading: "Agents", Tables: []table{staff(r)},
	}, overTime([]named{{Result: r}}))
	return p.render(notes)
}

// Comparison writes the report of a comparison, with what requirements come to.
func Comparison(c *compare.Comparison, rulings []compare.Ruling) ([]byte, error) {
	first := c.Outcomes[0].Result
	p := &page{Title: title(c.Scenario) + ": comparison", Lead: c.About, Facts: facts(first)[:3]}
	var list []named
	for _, o := range c.Outcomes {
		list = append(list, named{o.Name, o.Result})
		p.Facts = append(p.Facts, fact{o.Name, o.Result.Strategy + ", " + o.Result.Model})
		for _, broken := range o.Result.Broken {
			p.Alerts = append(p.Alerts, o.Name+": "+broken)
		}
	}
	for i := range c.Pairs {
		p.Sections = append(p.Sections, pair(&c.Pairs[i], i, c.Note()))
	}
	if len(rulings) > 0 {
		s := section{ID: "requirements", Heading: "Requirements"}
		for _, r := range rulings {
			s.List = append(s.List, r.String())
		}
		p.Sections = append(p.Sections, s)
	}
	p.Sections = append(p.Sections, overTime(list))
	return p.render(nil)
}

func (p *page) render(notes []Note) ([]byte, error) {
	for i, n := range notes {
		p.Sections = append(p.Sections, section{ID: "note-" + strconv.Itoa(i+1), Heading: n.Heading, Text: texts(n.Text), List: n.Items})
	}
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return out.Bytes(), nil
}

func texts(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// title is a scenario's name, which may be left out.
func title(name string) string {
	if name == "" {
		return "A contact centre"
	}
	return name
}

func facts(r *scenario.Result) []fact {
	list := []fact{
		{"Seed", strconv.FormatUint(r.Seed, 10)},
		{"Measured", clock(r.Measured) + " (h:mm) in each of " + plural(r.Replications, "replication")},
		{"Acceptable wait", compare.Format("mean_wait", r.AcceptableWait)},
		{"Strategy", r.Strategy + ", " + r.Model},
	}
	if r.SHA256 != "" {
		list = append(list, fact{"SHA-256 of the strategy", r.SHA256})
	}
	return append(list, fact{"Events", strconv.FormatUint(r.Events, 10) + ", fingerprint " + r.Fingerprint})
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

func levels(r *scenario.Result) string {
	text := "Service level is the share answered within " + compare.Format("mean_wait", r.AcceptableWait) +
		": of all who were offered, of those but who abandoned within it (of patient), of those who were answered."
	if r.Overall.Wait.Mean.HalfWidth > 0 {
		text += " What follows ± is half of a 95 % confidence interval."
	}
	return text
}

// estimate writes a measure with its uncertainty.
func estimate(measure string, e scenario.Estimate) string {
	if e.HalfWidth == 0 {
		return compare.Format(measure, e.Value)
	}
	value, half := compare.Format(measure, e.Value), compare.Format(measure, e.HalfWidth)
	if number, share := strings.CutSuffix(value, " %"); share {
		return number + " ± " + half
	}
	return value + " ± " + half
}

// everybody calls row for each class, for each queue that is not one class, and
// for all together.
func everybody(r *scenario.Result, row func(name string, f *scenario.Figures)) {
	for i := range r.Classes {
		row(r.Classes[i].Name, &r.Classes[i].Figures)
	}
	if len(r.Queues) < len(r.Classes) && len(r.Queues) > 1 {
		for i := range r.Queues {
			row("queue "+r.Queues[i].Name, &r.Queues[i].Figures)
		}
	}
	if len(r.Classes) > 1 {
		row("all", &r.Overall)
	}
}

func counts(r *scenario.Result) table {
	t := table{Caption: "What became of customers", Head: []string{
		"class", "offered", "served", "abandoned", "after AWT", "blocked", "still waiting", "still open", "retried", "service level", "of patient", "of answered",
	}}
	everybody(r, func(name string, f *scenario.Figures) {
		row := []string{name}
		for _, n := range []int64{f.Offered, f.Served, f.Abandoned, f.AbandonedAfter, f.Blocked, f.Waiting, f.Open, f.Retried} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		for _, e := range []scenario.Estimate{f.ServiceLevel.OfOffered, f.ServiceLevel.OfPatient, f.ServiceLevel.OfAnswered} {
			row = append(row, estimate("service_level", e))
		}
		t.Rows = append(t.Rows, row)
	})
	return t
}

func waits(r *scenario.Result) table {
	t := table{Caption: "How long customers waited", Head: []string{
		"class", "mean wait", "median", "95th percentile", "waited at all", "speed of answer", "its median", "its 95th percentile", "handle time", "queue length",
	}}
	everybody(r, func(name string, f *scenario.Figures) {
		t.Rows = append(t.Rows, []string{
			name, estimate("mean_wait", f.Wait.Mean), estimate("p50_wait", f.Wait.P50), estimate("p95_wait", f.Wait.P95),
			estimate("delayed_share", f.Wait.Delayed), estimate("speed_of_answer", f.AnsweredWait.Mean),
			estimate("p50_speed_of_answer", f.AnsweredWait.P50), estimate("p95_speed_of_answer", f.AnsweredWait.P95),
			estimate("handle_time", f.HandleTime), estimate("queue_length", f.QueueLength),
		})
	})
	return t
}

func staff(r *scenario.Result) table {
	t := table{Caption: "How busy agents were", Head: []string{"group", "agents", "present on average", "occupancy", "fairness (Jain)"}}
	row := func(name string, s *scenario.StaffFigures) {
		t.Rows = append(t.Rows, []string{
			name, strconv.Itoa(s.Agents), compare.Format("present", s.Present.Value), estimate("occupancy", s.Occupancy), compare.Format("fairness", s.Fairness.Value),
		})
	}
	for i := range r.Groups {
		row(r.Groups[i].Name, &r.Groups[i].StaffFigures)
	}
	if len(r.Groups) > 1 {
		row("all", &r.Staff)
	}
	return t
}
