// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// named is a result of several; the name is empty if there is but one.
type named struct {
	Name string
	*scenario.Result
}

// course is something that is plotted over time: points drawn, and periods in
// the table.
type course struct {
	id, caption, measure string
	// share has the axis reach from 0 to 1.
	share  bool
	curves []curve
}

// curve is one line of a course, and one column of its table.
type curve struct {
	name   string
	point  func(p *scenario.Point) (scenario.Estimate, bool)
	period func(p *scenario.PeriodFigures) (scenario.Estimate, bool)
}

// courses are the four that every report has.
func courses() []course {
	return []course{
		{id: "waits", caption: "Waits, by when customers came", measure: "mean_wait", curves: []curve{
			{
				"mean",
				func(p *scenario.Point) (scenario.Estimate, bool) { return p.Wait, p.Offered > 0 },
				func(p *scenario.PeriodFigures) (scenario.Estimate, bool) { return p.Wait.Mean, p.Offered > 0 },
			},
			{
				"95th percentile",
				func(p *scenario.Point) (scenario.Estimate, bool) { return p.WaitP95, p.Offered > 0 },
				func(p *scenario.PeriodFigures) (scenario.Estimate, bool) { return p.Wait.P95, p.Offered > 0 },
			},
		}},
		{id: "backlog", caption: "Backlog: how many waited, on average", measure: "queue_length", curves: []curve{{
			"waiting",
			func(p *scenario.Point) (scenario.Estimate, bool) { return p.Backlog, true },
			func(p *scenario.PeriodFigures) (scenario.Estimate, bool) { return p.QueueLength, true },
		}}},
		{id: "service-level", caption: "Service level, of all who were offered", measure: "service_level", share: true, curves: []curve{{
			"service level",
			func(p *scenario.Point) (scenario.Estimate, bool) { return p.ServiceLevel, p.Offered > 0 },
			func(p *scenario.PeriodFigures) (scenario.Estimate, bool) {
				return p.ServiceLevel.OfOffered, p.Offered > 0
			},
		}}},
		{id: "occupancy", caption: "Occupancy: how busy those agents were who were there", measure: "occupancy", share: true, curves: []curve{{
			"occupancy",
			func(p *scenario.Point) (scenario.Estimate, bool) {
				if p.Occupancy == nil || p.Present == nil || p.Present.Value == 0 {
					return scenario.Estimate{}, false
				}
				return *p.Occupancy, true
			},
			func(p *scenario.PeriodFigures) (scenario.Estimate, bool) { return p.Occupancy, p.Present.Value > 0 },
		}}},
	}
}

// overTime is the section of plots over time, of one result or of several. Of
// several only the first curve of each course is drawn.
func overTime(list []named) section {
	s := section{ID: "time", Heading: "Over time"}
	if len(list[0].Series) < 2 {
		s.Text = []string{"The run is too short for plots over time."}
		return s
	}
	for _, c := range courses() {
		if len(list) > 1 {
			c.curves = c.curves[:1]
			if c.id == "waits" {
				c.caption = "Mean wait, by when customers came"
			}
		}
		s.Figures = append(s.Figures, c.figure(list))
	}
	return s
}

func (c *course) figure(list []named) figure {
	plot := newChart(c.id, c.caption, c.measure, c.share)
	t := table{Caption: c.caption + ", as a table", Head: []string{"from (h:mm)"}}
	for _, one := range list {
		for i := range c.curves {
			name := c.curves[i].name
			if one.Name != "" {
				name = one.Name
			}
			plot.add(name, c.curves[i].points(one.Series, len(list) == 1))
			t.Head = append(t.Head, name)
		}
	}
	if len(list) == 1 {
		t.Head = append(t.Head, "offered", "agents present")
	}
	plot.finish()
	plot.Desc = plot.describe()
	for i := range list[0].Periods {
		if row, some := c.row(list, i); some {
			t.Rows = append(t.Rows, row)
		}
	}
	return figure{ID: c.id, Caption: c.caption, Chart: plot, Table: t}
}

// row is the line of a period, and whether there is anything in it.
func (c *course) row(list []named, i int) (row []string, some bool) {
	row = []string{clock(list[0].Periods[i].Start)}
	for _, one := range list {
		for k := range c.curves {
			text := "–"
			if i < len(one.Periods) {
				if e, ok := c.curves[k].period(&one.Periods[i]); ok {
					text, some = estimate(c.measure, e), true
				}
			}
			row = append(row, text)
		}
	}
	if len(list) == 1 {
		p := &list[0].Periods[i]
		row = append(row, fmt.Sprint(p.Offered), compare.Format("present", p.Present.Value))
	}
	return row, some
}

// points are those of a curve, with their uncertainty or without. Each is drawn
// in the middle of its time.
func (c *curve) points(series []scenario.Point, uncertain bool) []point {
	step := series[1].Start - series[0].Start
	var points []point
	for i := range series {
		e, ok := c.point(&series[i])
		if !uncertain {
			e.HalfWidth = 0 // bands of several lines hide each other
		}
		points = append(points, point{x: series[i].Start + step/2, y: e.Value, half: e.HalfWidth, ok: ok})
	}
	return points
}

// clock writes hours and minutes since counting began.
func clock(s float64) string {
	minutes := int(s / 60)
	return fmt.Sprintf("%d:%02d", minutes/60, minutes%60)
}

// pair is the section of one pair of a comparison.
func pair(p *compare.Pair, number int, note string) section {
	id := fmt.Sprintf("pair-%d", number+1)
	heading := p.Variant + " against " + p.Baseline
	shown := append(p.Shown(), p.ByClass()...)
	t := table{Caption: "Differences, as a table", Head: []string{"measure", p.Baseline, p.Variant, "difference"}}
	for i := range shown {
		d := &shown[i]
		t.Rows = append(t.Rows, []string{
			label(d), compare.Format(d.Measure, d.Baseline), compare.Format(d.Measure, d.Variant), compare.Change(d),
		})
	}
	caption := "Differences relative to " + p.Baseline + ", with 95 % confidence intervals"
	return section{
		ID: id, Heading: heading, List: p.Verdict, Text: nil,
		Figures: []figure{{ID: id + "-differences", Caption: caption + ". " + note + ".", Forest: newForest(id+"-differences", caption, shown), Table: t}},
	}
}

// label names a difference.
func label(d *compare.Difference) string {
	if d.Name == "" {
		return compare.Title(d.Measure)
	}
	return d.Name + ": " + compare.Title(d.Measure)
}
