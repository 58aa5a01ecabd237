// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
)

// The frame of a plot, in its own units.
const (
	chartWidth  = 640.0
	chartHeight = 260.0
	left        = 64.0
	right       = 24.0
	top         = 28.0
	bottom      = 40.0
	// looks is how many lines differ in colour and stroke.
	looks = 6
)

// point is one of a line. One that is not ok leaves a gap.
type point struct {
	x, y, half float64
	ok         bool
}

// chart is a plot of lines over time. What the template shows is in exported
// fields; lengths are written with one decimal.
type chart struct {
	ID, Title, Desc          string
	Width, Height            float64
	Left, Right, Key, Bottom string
	Middle, Foot, TickTo     string
	XLabel, YLabel           string
	XTicks, YTicks           []tick
	Lines                    []line
	measure                  string
	share                    bool
	data                     [][]point
	most, from, to           float64
}

type tick struct{ At, Label string }

// line is one line, and the band of its confidence interval, if there is one.
type line struct {
	Name, Look, Path, Band string
	// KeyX, KeyTo and KeyText are where it is in the legend.
	KeyX, KeyTo, KeyText string
}

func newChart(id, title, measure string, share bool) *chart {
	return &chart{
		ID: id, Title: title, Width: chartWidth, Height: chartHeight, measure: measure, share: share,
		Left: at(left), Right: at(chartWidth - right), Key: at(top / 3), Bottom: at(chartHeight - bottom),
		Middle: at((left + chartWidth - right) / 2), Foot: at(chartHeight - 6), TickTo: at(chartHeight - bottom + 5),
		XLabel: "time since counting began (h:mm)", YLabel: unit(measure),
	}
}

// unit is what the axis of a measure is in.
func unit(measure string) string {
	switch measure {
	case "mean_wait":
		return "seconds"
	case "queue_length":
		return "customers"
	}
	return "per cent"
}

// at writes a place in the plot.
func at(x float64) string { return fmt.Sprintf("%.1f", x) }

func (c *chart) add(name string, points []point) {
	c.Lines = append(c.Lines, line{Name: name, Look: fmt.Sprintf("s%d", len(c.Lines)%looks+1)})
	c.data = append(c.data, points)
}

// finish lays the plot out, once all lines are there.
func (c *chart) finish() {
	c.from, c.to, c.most = math.Inf(1), 0, 0
	for _, points := range c.data {
		step := points[1].x - points[0].x
		c.from, c.to = min(c.from, points[0].x-step/2), max(c.to, points[len(points)-1].x+step/2)
		for _, p := range points {
			if p.ok {
				c.most = max(c.most, p.y, min(p.y+p.half, 2*p.y))
			}
		}
	}
	step := 0.2
	if c.share {
		c.most = 1
	} else {
		step = round(c.most / 5)
		c.most = max(step, math.Ceil(c.most/step-1e-9)*step)
	}
	for i := 0; float64(i)*step <= c.most*(1+1e-9); i++ {
		value := float64(i) * step
		c.YTicks = append(c.YTicks, tick{at(c.y(value)), c.value(value)})
	}
	for step, i := hours(c.to-c.from), 0; c.from+float64(i)*step <= c.to*(1+1e-9); i++ {
		x := c.from + float64(i)*step
		c.XTicks = append(c.XTicks, tick{at(c.x(x)), clock(x)})
	}
	for i := range c.Lines {
		c.Lines[i].Path, c.Lines[i].Band = c.path(c.data[i]), c.band(c.data[i])
	}
	c.legend()
}

// legend puts names above the plot's upper edge, side by side.
func (c *chart) legend() {
	if len(c.Lines) < 2 {
		return
	}
	x := left + 8
	for i := range c.Lines {
		l := &c.Lines[i]
		l.KeyX, l.KeyTo, l.KeyText = at(x), at(x+22), at(x+27)
		x += 27 + 7.2*float64(len([]rune(l.Name))) + 14
	}
}

func (c *chart) x(v float64) float64 {
	return left + (v-c.from)/(c.to-c.from)*(chartWidth-left-right)
}

func (c *chart) y(v float64) float64 {
	return chartHeight - bottom - min(max(v/c.most, 0), 1)*(chartHeight-top-bottom)
}

// value writes a tick of the axis.
func (c *chart) value(v float64) string {
	if c.share {
		return fmt.Sprintf("%.0f", 100*v)
	}
	return fmt.Sprintf("%.4g", v)
}

// path draws a line with gaps. A point alone is a short stroke.
func (c *chart) path(points []point) string {
	var out []string
	for i, p := range points {
		before := i > 0 && points[i-1].ok
		after := i+1 < len(points) && points[i+1].ok
		switch {
		case !p.ok:
		case before:
			out = append(out, "L"+at(c.x(p.x))+" "+at(c.y(p.y)))
		case after:
			out = append(out, "M"+at(c.x(p.x))+" "+at(c.y(p.y)))
		default:
			out = append(out, "M"+at(c.x(p.x)-1.5)+" "+at(c.y(p.y))+"h3")
		}
	}
	return strings.Join(out, "")
}

// band draws the confidence intervals around a line, where they are known.
func (c *chart) band(points []point) string {
	var out strings.Builder
	for i := 0; i < len(points); {
		to := i
		for to < len(points) && points[to].ok && points[to].half > 0 {
			to++
		}
		if to-i > 1 {
			for k := i; k < to; k++ {
				out.WriteString(map[bool]string{true: "M", false: "L"}[k == i] + at(c.x(points[k].x)) + " " + at(c.y(points[k].y+points[k].half)))
			}
			for k := to - 1; k >= i; k-- {
				out.WriteString("L" + at(c.x(points[k].x)) + " " + at(c.y(points[k].y-points[k].half)))
			}
			out.WriteString("Z")
		}
		i = max(to, i+1)
	}
	return out.String()
}

// describe says in a sentence what there is to be seen.
func (c *chart) describe() string {
	var texts []string
	for i, points := range c.data {
		var most *point
		for k := range points {
			if p := &points[k]; p.ok && (most == nil || p.y > most.y) {
				most = p
			}
		}
		if most != nil {
			texts = append(texts, fmt.Sprintf("%s is highest at about %s: %s", c.Lines[i].Name, clock(most.x), compare.Format(c.measure, most.y)))
		}
	}
	return "A line plot over time. " + strings.Join(texts, "; ") + ". The table beside it has the figures."
}

// round returns the next round number from x on: 1, 2 or 5 times a power of ten.
func round(x float64) float64 {
	if x <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if x <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// hours returns a round step for an axis of so many seconds.
func hours(span float64) float64 {
	const most = 8
	for _, step := range []float64{60, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 345600, 604800} {
		if span <= step*most {
			return step
		}
	}
	return 604800 * math.Ceil(span/604800/most)
}

// forest is a plot of differences with their intervals, one under the other.
type forest struct {
	ID, Title, Desc   string
	Width, Height     float64
	Left, Right, Zero string
	Top, Bottom, Foot string
	Ticks             []tick
	Rows              []interval
}

type interval struct {
	Name, Y, TextY string
	Low, High, At  string
	Known, Seen    bool
}

func newForest(id, title string, shown []compare.Difference) *forest {
	const names, line = 230.0, 20.0
	height := float64(len(shown))*line + 40
	f := &forest{
		ID: id, Title: title, Width: chartWidth, Height: height, Left: at(names), Right: at(chartWidth - right),
		Top: "4.0", Bottom: at(height - 34), Foot: at(height - 18),
		Desc: "Each line is a measure; a bar that does not touch the middle is a difference that can be seen. The table beside it has the figures.",
	}
	reach := compare.Reach(shown)
	x := func(v float64) float64 {
		return names + (min(max(v/reach, -1), 1)+1)/2*(chartWidth-right-names-20) + 10
	}
	f.Zero = at(x(0))
	for _, v := range []float64{-1, -.5, 0, .5, 1} {
		f.Ticks = append(f.Ticks, tick{at(x(v * reach)), fmt.Sprintf("%+g %%", 100*v*reach)})
	}
	f.Ticks[2].Label = "0"
	for i := range shown {
		d := &shown[i]
		y := 16 + float64(i)*line
		row := interval{Name: label(d), Y: at(y), TextY: at(y + 4), Seen: d.Seen()}
		if value, half, ok := d.Relative(); ok {
			row.Known, row.Low, row.High, row.At = true, at(x(value-half)), at(x(value+half)), at(x(value))
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}
