// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// TestEverything plays a centre with every feature on, several times, and again,
// and with agents named otherwise; as many at once as there are, and one by one.
func TestEverything(t *testing.T) {
	t.Parallel()
	s := load(t, "testdata/shop.yaml")
	texts := make(map[string]bool)
	var last *scenario.Result
	for _, parallel := range []int{1, 4} {
		result, err := scenario.Run(t.Context(), s, scenario.Options{Runtimes: runtimes(), Parallel: parallel, Verify: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, broken := range result.Broken {
			t.Errorf("seed %d: %s", s.Seed, broken)
		}
		texts[text(t, result)] = true
		last = result
	}
	if len(texts) != 1 {
		t.Errorf("seed %d: one by one it is another result than several at once", s.Seed)
	}
	all := &last.Overall
	for name, n := range map[string]int64{"abandoned": all.AbandonedAfter, "blocked": all.Blocked, "retried": all.Retried, "within": all.AbandonedWithin} {
		if n == 0 {
			t.Errorf("seed %d: no customer is %s", s.Seed, name)
		}
	}
	if got := last.Classes[2].Offered; got != 4*4 {
		t.Errorf("%d mails in 4 replications, 4 are recorded", got)
	}
	sumsUp(t, last)
}

// sumsUp wants the parts of a result to add up to the whole.
func sumsUp(t *testing.T, r *scenario.Result) {
	t.Helper()
	var classes, queues, periods, runs, points float64
	for i := range r.Classes {
		classes += float64(r.Classes[i].Offered)
	}
	for i := range r.Queues {
		queues += float64(r.Queues[i].Offered)
	}
	for i := range r.Periods {
		periods += float64(r.Periods[i].Offered)
	}
	for i := range r.Runs {
		runs += float64(r.Runs[i].Overall.Offered)
	}
	for i := range r.Series {
		points += r.Series[i].Offered * float64(r.Replications)
	}
	want := float64(r.Overall.Offered)
	for name, got := range map[string]float64{"classes": classes, "queues": queues, "periods": periods, "runs": runs, "points": points} {
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s add up to %g offered, not %g", name, got, want)
		}
	}
	if mean := r.Overall.PerRun; mean == nil || math.Abs(mean.Offered.Value*float64(r.Replications)-want) > 1e-6 || mean.Offered.HalfWidth <= 0 {
		t.Errorf("per run: %+v", mean)
	}
}

// TestBlocking holds a single agent with room for three to wait against theory:
// of customers who come at random to M/M/1/4, (1-ρ)ρ⁴/(1-ρ⁵) are blocked.
func TestBlocking(t *testing.T) {
	t.Parallel()
	for name, room := range map[string]string{"queue": "queues: {calls: {max_waiting: 3}}", "all": "max_waiting: 3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, parse(t, `
seed: 3
horizon: {customers: 30000}
classes:
  calls: {arrivals: {rate: 0.8/min}, service: {mean: 1m}}
groups:
  agents: {agents: 1, queues: [calls]}
`+room+"\n"))
			f := figure{"blocked", r.Overall.BlockShare, 0.2 * math.Pow(0.8, 4) / (1 - math.Pow(0.8, 5)), 0.001}
			f.check(t, false)
			if r.Overall.Abandoned != 0 {
				t.Errorf("seed 3: %d abandon without patience", r.Overall.Abandoned)
			}
		})
	}
}

// TestRetrials wants everybody who is blocked to come back as often as said.
func TestRetrials(t *testing.T) {
	t.Parallel()
	r := run(t, parse(t, `
seed: 4
horizon: {time: 9h}
queues: {calls: {max_waiting: 1}}
classes:
  calls:
    arrivals: {times: [0s, 1s, 2s]}
    service: {distribution: deterministic, mean: 5h}
    retrials: {after_block: 1, delay: {distribution: deterministic, mean: 1h}, max: 2}
groups:
  agents: {agents: 1, queues: [calls]}
`))
	// The first is served, the second waits, the third comes three times.
	want := scenario.Counts{Offered: 5, Served: 1, Blocked: 3, Retried: 2, Open: 1, AnsweredWithin: 1}
	if r.Overall.Counts != want {
		t.Errorf("got %+v, want %+v", r.Overall.Counts, want)
	}
	if r.Overall.HandleTime.Value != 5*3600 || r.Overall.AnsweredWait.P95.Value != 5*3600-1 {
		t.Errorf("handle time %g, longest wait %g", r.Overall.HandleTime.Value, r.Overall.AnsweredWait.P95.Value)
	}
}

// TestShiftsEndWithWhatIsOpen wants an agent to finish what is open at the end
// of the shift, and to take nothing new.
func TestShiftsEndWithWhatIsOpen(t *testing.T) {
	t.Parallel()
	r := run(t, parse(t, `
horizon: {time: 24h}
period: 1h
classes:
  calls: {arrivals: {times: [8h, 15h30m, 16h, 17h]}, service: {distribution: deterministic, mean: 1h}, patience: {distribution: deterministic, mean: 2h}}
groups:
  agents: {shifts: [{start: 9h, end: 16h, agents: 1}], queues: [calls]}
`))
	want := scenario.Counts{Offered: 4, Served: 2, Abandoned: 2, AnsweredWithin: 1, AbandonedAfter: 2}
	if r.Overall.Counts != want {
		t.Errorf("got %+v, want %+v", r.Overall.Counts, want)
	}
	// There from nine to half past four, and at work for two hours of it.
	if got := r.Staff.Present.Value * 24; math.Abs(got-7.5) > 1e-9 {
		t.Errorf("present for %g hours", got)
	}
	if got := r.Staff.Occupancy.Value; math.Abs(got-2/7.5) > 1e-9 {
		t.Errorf("occupied for %g", got)
	}
	for i, want := range map[int]float64{8: 0, 9: 1, 15: 1, 16: 0.5, 17: 0} {
		if got := r.Periods[i].Present.Value; math.Abs(got-want) > 1e-9 {
			t.Errorf("at %d o'clock %g are there, want %g", i, got, want)
		}
	}
	if wait := r.Periods[8].Wait.Mean.Value; wait != 3600 || r.Periods[8].QueueLength.Value != 1 {
		t.Errorf("who came at eight waited %g s, with %g on average", wait, r.Periods[8].QueueLength.Value)
	}
}

// TestBreaks wants nobody taken during a break.
func TestBreaks(t *testing.T) {
	t.Parallel()
	r := run(t, parse(t, `
horizon: {time: 24h}
classes:
  calls: {arrivals: {times: [12h10m, 13h]}, service: {distribution: deterministic, mean: 5m}}
groups:
  agents: {agents: 2, breaks: [{start: 12h, length: 30m}], queues: [calls]}
`))
	if r.Overall.Wait.P95.Value != 20*60 || r.Overall.Wait.P50.Value != 0 {
		t.Errorf("waits %+v", r.Overall.Wait)
	}
	if got := r.Staff.Present.Value; math.Abs(got-2*23.5/24) > 1e-9 {
		t.Errorf("present %g", got)
	}
}

// TestSkillsAreRequired wants work to go to who holds its skills, and to others
// once additional ones are dropped.
func TestSkillsAreRequired(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		skills string
		waits  float64
	}{
		"at once":  {"[german]", 0},
		"too high": {"{german: {level: 8, relax: [{after: 40s, level: 5}]}}", 40},
		"dropped":  {"{german: 5, music: {additional: true}}", 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, parse(t, `
horizon: {time: 1h}
route_by: skills
drop_additional_skills_after: 30s
strategy: {source: skills}
classes:
  calls: {arrivals: {times: [1m]}, service: {mean: 1m}, skills: `+c.skills+`}
groups:
  one: {agents: 1, skills: {german: 6}}
  other: {agents: 3, skills: {french: 9, music: 1}}
`))
			if got := r.Overall.Wait.P50.Value; got != c.waits || r.Groups[1].Occupancy.Value > 0 {
				t.Errorf("waited %g s, want %g; others did %g", got, c.waits, r.Groups[1].Occupancy.Value)
			}
		})
	}
}

// TestSizes wants shares of an agent's capacity to be taken as such.
func TestSizes(t *testing.T) {
	t.Parallel()
	r := run(t, parse(t, `
horizon: {time: 1h}
classes:
  chats: {size: 50%, arrivals: {times: [0s, 0s, 0s]}, service: {distribution: deterministic, mean: 10m}}
groups:
  agents: {agents: 1, capacity: 3, queues: [chats]}
`))
	if got := r.Overall.Wait.P95.Value; got != 600 || r.Overall.Wait.P50.Value != 0 {
		t.Errorf("waits %+v", r.Overall.Wait)
	}
	if got := r.Staff.Occupancy.Value; math.Abs(got-0.25) > 1e-9 {
		t.Errorf("occupied %g, want a quarter", got)
	}
}

// TestModelsAndWeights plays every model, and wants weights to tell.
func TestModelsAndWeights(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"least_active", "most_available", "longest_idle", "round_robin", "most_skilled", "least_skilled", "weighted_random"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			r := run(t, parse(t, `
seed: 5
horizon: {customers: 3000}
classes:
  calls: {arrivals: {rate: 0.2/min}, service: {mean: 10s}, skills: [x]}
groups:
  heavy: {agents: 1, weight: 4, queues: [calls], skills: {x: 2}}
  light: {agents: 1, queues: [calls], skills: {x: 1}}
model: `+model+"\n"))
			heavy, light := r.Groups[0].Occupancy.Value, r.Groups[1].Occupancy.Value
			ratio := map[string]float64{"weighted_random": 3, "most_skilled": 5, "least_skilled": 0.2}[model]
			switch {
			case ratio > 1 && heavy < ratio*light, ratio == 0.2 && light < 5*heavy:
				t.Errorf("seed 5: %g and %g", heavy, light)
			case model == "longest_idle" && math.Abs(heavy/light-1) > 0.1:
				t.Errorf("seed 5: alike they do %g and %g", heavy, light)
			}
		})
	}
}

// TestAnswerTimes wants a strategy that takes its time to let customers wait.
func TestAnswerTimes(t *testing.T) {
	t.Parallel()
	const base = `
seed: 6
horizon: {customers: 2000}
classes:
  calls: {arrivals: {rate: 1/min}, service: {mean: 10s}}
groups:
  agents: {agents: 5, queues: [calls]}
answer_time: `
	zero := run(t, parse(t, base+"zero\n"))
	slow := run(t, parse(t, base+"{distribution: deterministic, mean: 2s}\n"))
	measured := run(t, parse(t, base+"measured\n"))
	if zero.Overall.Wait.P50.Value != 0 || math.Abs(slow.Overall.Wait.P50.Value-2) > 0.001 {
		t.Errorf("half wait %g s and %g s", zero.Overall.Wait.P50.Value, slow.Overall.Wait.P50.Value)
	}
	if again := run(t, parse(t, base+"{distribution: deterministic, mean: 2s}\n")); again.Fingerprint != slow.Fingerprint {
		t.Error("seed 6: the same answer times give another run")
	}
	if measured.Overall.Offered != zero.Overall.Offered {
		t.Errorf("seed 6: %d came, not %d", measured.Overall.Offered, zero.Overall.Offered)
	}
	fraction := run(t, parse(t, base+"{distribution: deterministic, mean: 400us}\n"))
	if got := fraction.Overall.Wait.Mean.Value; got < 0.0002 || got > 0.0008 {
		t.Errorf("answers after 0.4 ms make a mean wait of %g s", got)
	}
}

// TestMoreReplicationsSayMore wants intervals that shrink as they should, and
// that cover the truth.
func TestMoreReplicationsSayMore(t *testing.T) {
	t.Parallel()
	s := parse(t, small)
	s.DayFactor = &scenario.DayFactor{CV: 0.2}
	widths := make(map[int]float64)
	for _, n := range []int{4, 64} {
		s.Replications = n
		r := run(t, s)
		widths[n] = r.Overall.PerRun.Offered.HalfWidth
		if low, high, known := r.Overall.PerRun.Offered.Bounds(); n == 64 && (!known || low > 480 || high < 480) {
			t.Errorf("seed %d: 480 are expected in four hours, not %g to %g", s.Seed, low, high)
		}
		if len(r.Runs) != n || r.Runs[0].DayFactor == r.Runs[1].DayFactor {
			t.Errorf("%d runs with factors %g and %g", len(r.Runs), r.Runs[0].DayFactor, r.Runs[1].DayFactor)
		}
	}
	// Of days with a spread of 20 %, around 96 + √480.
	if want := 2.0 * math.Hypot(96, math.Sqrt(480)) / 8; math.Abs(widths[64]/want-1) > 0.4 || widths[64] >= widths[4] {
		t.Errorf("seed %d: half-widths %v, about %g is right for 64", s.Seed, widths, want)
	}
}

// TestCSV wants every line whole, with the figures of every part.
func TestCSV(t *testing.T) {
	t.Parallel()
	s := parse(t, small)
	s.Replications = 2
	r := run(t, s)
	var out bytes.Buffer
	if err := r.WriteCSV(&out); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for _, line := range lines {
		seen[line[0]]++
		if line[0] == "overall" && line[3] == "service_level" && (line[5] == "" || line[5] >= line[4] || line[6] <= line[4]) {
			t.Errorf("service level %q", line)
		}
	}
	for _, of := range []string{"overall", "class", "queue", "staff", "group", "period", "series", "queue_series", "run"} {
		if seen[of] == 0 {
			t.Errorf("nothing of %q", of)
		}
	}
}

// TestPeriods wants results by the periods asked for.
func TestPeriods(t *testing.T) {
	t.Parallel()
	s := parse(t, small+"period: 45m\n")
	s.WarmUp.Time = scenario.Span(30 * time.Minute)
	r := run(t, s)
	if len(r.Periods) != 5 || r.Periods[4].Length != 30*60 || r.Periods[1].Start != 45*60 || len(r.Series) != 28 {
		t.Errorf("%d periods and %d points, the last %+v", len(r.Periods), len(r.Series), r.Periods[len(r.Periods)-1])
	}
}

// TestRecordedCustomers wants those who are recorded one by one to come, speak,
// leave and ask as they did.
func TestRecordedCustomers(t *testing.T) {
	t.Parallel()
	second := scenario.Span(time.Second)
	first := int32(0)
	s := &scenario.Scenario{
		Seed: 1, Horizon: scenario.Extent{Time: scenario.Span(time.Hour)}, RouteBy: "skills", Strategy: scenario.Strategy{Source: "skills"},
		Classes: map[string]scenario.Class{"calls": {
			Priority: 5, Service: scenario.Distribution{Shape: scenario.Deterministic, Mean: 7 * second},
			Customers: []scenario.Customer{
				{Service: 100 * second},
				{Arrived: 10 * second, Service: 50 * second, Patience: 30 * second},                  // leaves at 40
				{Arrived: 20 * second, Service: 60 * second, Forever: true},                          // from 109 to 169
				{Arrived: 30 * second, Priority: &first, Service: 9 * second},                        // from 100 to 109
				{Arrived: 40 * second, Skills: scenario.Needs{"german": {Level: 2}}},                 // at once, by the other
				{Arrived: 50 * second, Skills: scenario.Needs{"french": {}}, Patience: 500 * second}, // leaves at 550
			},
		}},
		Groups: map[string]scenario.Group{
			"one":   {Agents: 1, Queues: []string{"calls"}},
			"other": {Agents: 1, Skills: map[string]scenario.Level{"german": 3}},
		},
	}
	r := run(t, s)
	if r.Overall.Served != 4 || r.Overall.Abandoned != 2 || r.Overall.HandleTime.Value != 44 || r.Overall.AnsweredWait.P95.Value != 89 {
		t.Errorf("got %+v, handled in %g s, waited up to %g s", r.Overall.Counts, r.Overall.HandleTime.Value, r.Overall.AnsweredWait.P95.Value)
	}
	s.Classes["calls"].Customers[3].Arrived = 0
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "classes.calls.customers.3: customers are in order") {
		t.Errorf("got %v", err)
	}
}
