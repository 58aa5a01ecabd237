// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"encoding/csv"
	"io"
	"strconv"
)

// WriteCSV writes every figure on a line of its own: of what, of which by name,
// from when if it is a period or a point of the series, which figure, its value,
// and the ends of its 95 % confidence interval where they are known. Replications
// one by one are under "run".
func (r *Result) WriteCSV(w io.Writer) error {
	c := &csvWriter{csv.NewWriter(w)}
	c.line("of", "name", "start_seconds", "figure", "value", "low", "high")
	c.figures("overall", "", "", &r.Overall)
	for i := range r.Classes {
		c.figures("class", r.Classes[i].Name, "", &r.Classes[i].Figures)
	}
	for i := range r.Queues {
		c.figures("queue", r.Queues[i].Name, "", &r.Queues[i].Figures)
	}
	c.staff("staff", "", &r.Staff)
	for i := range r.Groups {
		c.staff("group", r.Groups[i].Name, &r.Groups[i].StaffFigures)
	}
	for i := range r.Periods {
		p, start := &r.Periods[i], plain(r.Periods[i].Start)
		c.figures("period", "", start, &p.Figures)
		c.estimate("period", "", start, "present", p.Present)
		c.estimate("period", "", start, "occupancy", p.Occupancy)
	}
	for i := range r.Series {
		c.point("series", "", &r.Series[i])
	}
	for i := range r.Queues {
		for at := range r.Queues[i].Series {
			c.point("queue_series", r.Queues[i].Name, &r.Queues[i].Series[at])
		}
	}
	for i := range r.Runs {
		name := strconv.Itoa(i + 1)
		c.line("run", name, "", "day_factor", plain(r.Runs[i].DayFactor), "", "")
		c.figures("run", name, "", &r.Runs[i].Overall)
		c.staff("run", name, &r.Runs[i].Staff)
	}
	c.Flush()
	return c.Error()
}

type csvWriter struct{ *csv.Writer }

func (c *csvWriter) line(fields ...string) { _ = c.Write(fields) } // its error is Flush's

func (c *csvWriter) figures(of, name, start string, f *Figures) {
	for figure, n := range f.Counts.All() {
		c.line(of, name, start, figure, strconv.FormatInt(n, 10), "", "")
	}
	for figure, e := range f.All() {
		c.estimate(of, name, start, figure, e)
	}
}

func (c *csvWriter) staff(of, name string, f *StaffFigures) {
	c.line(of, name, "", "agents", strconv.Itoa(f.Agents), "", "")
	for figure, e := range f.All() {
		c.estimate(of, name, "", figure, e)
	}
}

func (c *csvWriter) estimate(of, name, start, figure string, e Estimate) {
	low, high, known := e.Bounds()
	if !known {
		c.line(of, name, start, figure, plain(e.Value), "", "")
		return
	}
	c.line(of, name, start, figure, plain(e.Value), plain(low), plain(high))
}

func (c *csvWriter) point(of, name string, p *Point) {
	start := plain(p.Start)
	for _, one := range []struct {
		figure string
		value  float64
	}{{"offered", p.Offered}, {"served", p.Served}, {"abandoned", p.Abandoned}, {"blocked", p.Blocked}} {
		c.line(of, name, start, one.figure, plain(one.value), "", "")
	}
	c.estimate(of, name, start, "mean_wait", p.Wait)
	c.estimate(of, name, start, "p95_wait", p.WaitP95)
	c.estimate(of, name, start, "queue_length", p.Backlog)
	c.estimate(of, name, start, "service_level", p.ServiceLevel)
	if p.Present != nil && p.Occupancy != nil {
		c.estimate(of, name, start, "present", *p.Present)
		c.estimate(of, name, start, "occupancy", *p.Occupancy)
	}
}

func plain(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
