// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// TestStudent holds the quantile against a printed table.
func TestStudent(t *testing.T) {
	t.Parallel()
	for freedom, want := range map[int]float64{1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 19: 2.093, 30: 2.042, 120: 1.980, 5000: 1.960} {
		if got := Student(freedom); math.Abs(got-want) > 6e-4 {
			t.Errorf("%d degrees: %.4f, want %.3f", freedom, got, want)
		}
	}
}

func TestRatio(t *testing.T) {
	t.Parallel()
	if e := average([]float64{1, 2, 3}); e.Value != 2 || math.Abs(e.StdError-1/math.Sqrt(3)) > 1e-12 || math.Abs(e.HalfWidth-4.303/math.Sqrt(3)) > 1e-3 {
		t.Errorf("got %+v", e)
	}
	low, high, known := average([]float64{1, 2, 3}).Bounds()
	if !known || low >= 2 || high <= 2 {
		t.Errorf("between %g and %g, known %v", low, high, known)
	}
	if e := ratio([]float64{3}, []float64{4}); e != (Estimate{Value: 0.75}) {
		t.Errorf("of one: %+v", e)
	}
	if e := ratio([]float64{0, 0}, []float64{0, 0}); e != (Estimate{}) {
		t.Errorf("of nothing: %+v", e)
	}
}

func TestJain(t *testing.T) {
	t.Parallel()
	for want, shares := range map[float64][]float64{1: {.5, .5, .5}, 0.25: {1, 0, 0, 0}, 0.9: {1, 0.5}} {
		if got := jain(shares); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v: %g, want %g", shares, got, want)
		}
	}
	if jain(nil) != 1 {
		t.Error("nobody is treated unfairly where nobody is")
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var waits []engine.Time
	for i := range 100 {
		waits = append(waits, engine.Time(1000*(100-i)))
	}
	if got := quantilesOf(waits); got != (quantiles{n: 100, p50: 50, p95: 95}) {
		t.Errorf("got %+v", got)
	}
	if got := quantilesOf([]engine.Time{7000}); got != (quantiles{n: 1, p50: 7, p95: 7}) {
		t.Errorf("of one: %+v", got)
	}
}

// TestGaugeAddsUp wants the points of a gauge to add up to its total, whatever
// happens when.
func TestGaugeAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &plan{from: begin, step: 1000, to: begin + 10_000}
		g, now := newGauge(p), begin
		for _, by := range rapid.SliceOf(rapid.Int64Range(0, 5)).Draw(t, "changes") {
			now = min(now+engine.Time(rapid.IntRange(0, 2500).Draw(t, "span")), p.to)
			g.change(p, now, by)
		}
		g.accrue(p, p.to)
		sum := 0.0
		for _, x := range g.points {
			sum += x
		}
		if sum != float64(g.total) {
			t.Errorf("points %v, total %d", g.points, g.total)
		}
	})
}

func hours(h float64) engine.Time { return Span(h * float64(time.Hour)).engine() }

func TestRoster(t *testing.T) {
	t.Parallel()
	group := func(text Group) *roster { return newRoster(&text) }
	hour := func(h float64) Span { return Span(h * float64(time.Hour)) }
	shifts := group(Group{
		Shifts: []Shift{{Start: hour(8), End: hour(16), Agents: 2}, {Start: hour(22), End: hour(30), Agents: 1}},
		Breaks: []Break{{Start: hour(12), Length: hour(0.5), Spread: hour(3)}},
	})
	periods := group(Group{Periods: []Staffing{{Length: hour(8)}, {Length: hour(10), Agents: 3}, {Length: hour(6), Agents: 1}}})
	for _, c := range []struct {
		name string
		of   *roster
		seat int
		at   float64
		want presence
		next float64 // 0 for not looked at
	}{
		{"before the shift", shifts, 0, 7.99, away, 8},
		{"the shift begins", shifts, 0, 8, working, 12},
		{"break", shifts, 0, 12, resting, 12.5},
		{"after the break", shifts, 0, 12.5, working, 16},
		{"the other's break is later", shifts, 1, 12.5, working, 13},
		{"in it", shifts, 1, 13.25, resting, 13.5},
		{"after the shift", shifts, 1, 16, away, 0},
		{"the next day", shifts, 1, 24 + 8, working, 24 + 13},
		{"night", shifts, 2, 23, working, 24 + 6},
		{"night, early", shifts, 2, 2, working, 6},
		{"morning", shifts, 2, 6, away, 0},
		{"nobody", periods, 0, 1, away, 8},
		{"three", periods, 2, 8, working, 18},
		{"one", periods, 2, 18, away, 24},
		{"the one", periods, 0, 18, working, 24},
		{"again", periods, 2, 24 + 9, working, 24 + 18},
	} {
		if got := c.of.at(c.seat, hours(c.at)); got != c.want {
			t.Errorf("%s: presence %d, want %d", c.name, got, c.want)
		}
		if got := c.of.next(c.seat, hours(c.at)); c.next != 0 && got != hours(c.next) {
			t.Errorf("%s: next at %v h, want %v", c.name, float64(got)/3.6e6, c.next)
		}
	}
	if always := group(Group{Agents: 1}); always.next(0, 0) != never || !always.steady() || always.at(0, 99) != working {
		t.Error("those who are always there change")
	}
}

// TestRosterChangesOnlyAtEdges wants no change between two edges.
func TestRosterChangesOnlyAtEdges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minutes := func(most int, name string) Span {
			return Span(rapid.IntRange(1, most).Draw(t, name)) * Span(time.Minute)
		}
		g := Group{Breaks: []Break{{Start: minutes(1439, "break"), Length: minutes(600, "length"), Spread: minutes(600, "spread")}}}
		start := minutes(1439, "start")
		g.Shifts = []Shift{{Start: start, End: start + minutes(1440, "shift"), Agents: 3}}
		r, seat := newRoster(&g), rapid.IntRange(0, 2).Draw(t, "seat")
		now := engine.Time(rapid.IntRange(0, 48*3600_000).Draw(t, "now"))
		next := r.next(seat, now)
		if next <= now {
			t.Fatalf("next at %d after %d", next, now)
		}
		between := now + engine.Time(rapid.Int64Range(0, int64(next-now)-1).Draw(t, "between"))
		if r.at(seat, now) != r.at(seat, between) {
			t.Errorf("at %d it is %d, at %d %d, before %d", now, r.at(seat, now), between, r.at(seat, between), next)
		}
	})
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	rows, err := readCSV([]byte("arrived,weight\n# noon\n12:00:00,2\n1h30m\n90.5,x\n"))
	if err != nil {
		t.Fatal(err)
	}
	spans, weights := columns(rows)
	if want := []Span{Span(12 * time.Hour), Span(90 * time.Minute), Span(90500 * time.Millisecond)}; !slices.Equal(spans, want) {
		t.Errorf("spans %v", spans)
	}
	if !slices.Equal(weights, []float64{2, 1, 1}) {
		t.Errorf("weights %v", weights)
	}
	for text, want := range map[string]string{"": "there is no time in it", "a\nb\n": `line 2: "b" is no time; write seconds, 1h30m or 09:30:00`, "NaN\nNaN\n": `line 2: "NaN" is no time; write seconds, 1h30m or 09:30:00`} {
		if _, err := readCSV([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("x\n1,2\n09:00:00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := readCSV(data)
		if err == nil && len(rows) == 0 {
			t.Error("nothing, and no error")
		}
		for _, row := range rows {
			if math.IsNaN(row[0]) || math.Abs(row[0]) > 1e9 {
				t.Errorf("%v s", row[0])
			}
		}
	})
}

// TestDayFactor wants factors of mean 1 and the spread asked for.
func TestDayFactor(t *testing.T) {
	t.Parallel()
	d, n := &DayFactor{CV: 0.3}, 20_000
	var sum, square float64
	for i := range n {
		x := d.factor(replicationSeed(1, i))
		sum += x
		square += x * x
	}
	mean := sum / float64(n)
	cv := math.Sqrt(square/float64(n)-mean*mean) / mean
	if math.Abs(mean-1) > 0.01 || math.Abs(cv-0.3) > 0.01 {
		t.Errorf("seed 1: mean %g, cv %g", mean, cv)
	}
	if (*DayFactor)(nil).factor(1) != 1 {
		t.Error("no factor is not 1")
	}
}
