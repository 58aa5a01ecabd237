// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteTo writes the result as tables for people.
func (r *Result) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	fmt.Fprintf(c, "%s: %s, seed %d, %v measured", r.Scenario, r.Strategy, r.Seed, seconds(r.Measured))
	if r.Replications > 1 {
		fmt.Fprintf(c, " in each of %d replications", r.Replications)
	}
	fmt.Fprintln(c)
	if r.SHA256 != "" {
		fmt.Fprintf(c, "sha256 %s\n", r.SHA256)
	}
	r.customers(c)
	r.agents(c)
	r.day(c)
	fmt.Fprintf(c, "\nservice level: answered within %v; of the offered, of those but who abandoned within it (patient), of the answered\n", seconds(r.AcceptableWait))
	if r.Overall.Wait.Mean.HalfWidth > 0 {
		fmt.Fprintln(c, "± is half of a 95 % confidence interval")
	}
	_, err := fmt.Fprintf(c, "%d events, fingerprint %s, %s\n", r.Events, r.Fingerprint,
		map[bool]string{true: "every invariant held", false: "INVARIANTS BROKEN:"}[r.Sound()])
	for _, text := range r.Broken {
		_, err = fmt.Fprintln(c, "  "+text)
	}
	return c.n, err
}

// table writes rows in columns, below an empty line.
func table(w io.Writer, head string, rows func(io.Writer)) {
	fmt.Fprintln(w)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, head)
	rows(out)
	_ = out.Flush() // its error is the next write's
}

// everybody calls row for all classes, all queues that are not one class, and
// all together.
func (r *Result) everybody(row func(name string, f *Figures)) {
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

func (r *Result) customers(w io.Writer) {
	table(w, "class\toffered\tserved\tabandoned\tafter AWT\tblocked\twaiting\topen\tretried\tservice level\tof patient\tof answered\t", func(out io.Writer) {
		r.everybody(func(name string, f *Figures) {
			fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t\n", name, f.Offered, f.Served, f.Abandoned, f.AbandonedAfter,
				f.Blocked, f.Waiting, f.Open, f.Retried, percent(f.ServiceLevel.OfOffered), percent(f.ServiceLevel.OfPatient), percent(f.ServiceLevel.OfAnswered))
		})
	})
	table(w, "class\tmean wait\tp50\tp95\twaited at all\tspeed of answer\tp50\tp95\thandle time\tqueue length\t", func(out io.Writer) {
		r.everybody(func(name string, f *Figures) {
			fmt.Fprintf(out, "%s\t%s\t%v\t%v\t%s\t%s\t%v\t%v\t%s\t%s\t\n", name, around(f.Wait.Mean), seconds(f.Wait.P50.Value),
				seconds(f.Wait.P95.Value), percent(f.Wait.Delayed), around(f.AnsweredWait.Mean), seconds(f.AnsweredWait.P50.Value),
				seconds(f.AnsweredWait.P95.Value), around(f.HandleTime), number(f.QueueLength))
		})
	})
}

func (r *Result) agents(w io.Writer) {
	table(w, "group\tagents\tpresent\toccupancy\tfairness\t", func(out io.Writer) {
		row := func(name string, s *StaffFigures) {
			fmt.Fprintf(out, "%s\t%d\t%.1f\t%s\t%.4f\t\n", name, s.Agents, s.Present.Value, percent(s.Occupancy), s.Fairness.Value)
		}
		for i := range r.Groups {
			row(r.Groups[i].Name, &r.Groups[i].StaffFigures)
		}
		if len(r.Groups) > 1 {
			row("all", &r.Staff)
		}
	})
}

// day writes the periods in which anybody came, if there is more than one.
func (r *Result) day(w io.Writer) {
	if len(r.Periods) < 2 {
		return
	}
	table(w, "from\toffered\tabandoned\tblocked\tmean wait\tp95\tservice level\tqueue length\tpresent\toccupancy\t", func(out io.Writer) {
		for i := range r.Periods {
			p := &r.Periods[i]
			if p.Offered == 0 {
				continue
			}
			fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%s\t%v\t%s\t%s\t%.1f\t%s\t\n", clock(p.Start), p.Offered, p.Abandoned, p.Blocked, around(p.Wait.Mean),
				seconds(p.Wait.P95.Value), percent(p.ServiceLevel.OfOffered), number(p.QueueLength), p.Present.Value, percent(p.Occupancy))
		}
	})
}

func percent(e Estimate) string {
	if e.HalfWidth == 0 {
		return fmt.Sprintf("%.1f %%", 100*e.Value)
	}
	return fmt.Sprintf("%.1f ± %.1f %%", 100*e.Value, 100*e.HalfWidth)
}

func number(e Estimate) string {
	if e.HalfWidth == 0 {
		return fmt.Sprintf("%.2f", e.Value)
	}
	return fmt.Sprintf("%.2f ± %.2f", e.Value, e.HalfWidth)
}

// around writes a time with its uncertainty.
func around(e Estimate) string {
	if e.HalfWidth == 0 {
		return seconds(e.Value).String()
	}
	return fmt.Sprintf("%v ± %v", seconds(e.Value), seconds(e.HalfWidth))
}

// seconds makes a time for people.
func seconds(s float64) time.Duration {
	d := time.Duration(s * float64(time.Second))
	if d < 100*time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// clock writes a time of day, or of a later day.
func clock(s float64) string {
	minutes := int(s / 60)
	return fmt.Sprintf("%d:%02d", minutes/60, minutes%60)
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
