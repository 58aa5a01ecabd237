// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import "strconv"

// result puts the replications together.
func result(s *Scenario, runs []*sampled, more []string) *Result {
	first := runs[0]
	r := &Result{
		Scenario: s.Name, About: s.About, Strategy: first.strategy, SHA256: s.Strategy.SHA256, Model: modelNamed(s.Model).String(),
		Seed: s.Seed, Replications: len(runs), AcceptableWait: s.AcceptableWait.Milliseconds() / 1000,
		Broken: append(broken(runs), more...),
	}
	fingerprint := uint64(0)
	for _, run := range runs {
		r.Measured += run.measured / float64(len(runs))
		r.Events += run.events
		r.Refused += run.refused
		if fingerprint = run.fingerprint ^ mix(fingerprint); len(runs) == 1 {
			fingerprint = run.fingerprint
		}
	}
	r.Fingerprint = hex(fingerprint)
	r.Overall = figures(each(runs, func(run *sampled) *sample { return &run.overall }))
	r.Staff = staffFigures(each(runs, func(run *sampled) *staffSample { return &run.staff }))
	classes, queues := sortedKeys(s.Classes), s.queues()
	for i, name := range classes {
		r.Classes = append(r.Classes, NamedFigures{name, figures(each(runs, func(run *sampled) *sample { return &run.classes[i] }))})
	}
	for i, name := range queues {
		q := QueueFigures{NamedFigures: NamedFigures{name, figures(each(runs, func(run *sampled) *sample { return &run.queues[i] }))}}
		for at := range longest(runs, func(run *sampled) int { return len(run.queuePoints[i]) }) {
			point := func(run *sampled) *sample { return at1(run.queuePoints[i], at) }
			q.Series = append(q.Series, newPoint(each(runs, point), float64(at)*first.period/pointsPerPeriod))
		}
		r.Queues = append(r.Queues, q)
	}
	for i, name := range sortedKeys(s.Groups) {
		r.Groups = append(r.Groups, NamedStaff{name, staffFigures(each(runs, func(run *sampled) *staffSample { return &run.groups[i] }))})
	}
	r.times(runs)
	if len(runs) > 1 {
		for _, run := range runs {
			r.Runs = append(r.Runs, run.figures(classes, queues, sortedKeys(s.Groups)))
		}
	}
	return r
}

// times puts periods and series together.
func (r *Result) times(runs []*sampled) {
	length := runs[0].period
	for at := range longest(runs, func(run *sampled) int { return len(run.periods) }) {
		samples := each(runs, func(run *sampled) *pointSample { return at1(run.periods, at) })
		staff := each(samples, func(p *pointSample) *staffSample { return &staffSample{load: p.staff} })
		busy := staffFigures(staff)
		r.Periods = append(r.Periods, PeriodFigures{
			Start: float64(at) * length, Length: samples[0].span / 1000,
			Figures:   figures(each(samples, func(p *pointSample) *sample { return &p.sample })),
			Occupancy: busy.Occupancy, Present: busy.Present,
		})
	}
	for at := range longest(runs, func(run *sampled) int { return len(run.points) }) {
		samples := each(runs, func(run *sampled) *pointSample { return at1(run.points, at) })
		busy := staffFigures(each(samples, func(p *pointSample) *staffSample { return &staffSample{load: p.staff} }))
		point := newPoint(each(samples, func(p *pointSample) *sample { return &p.sample }), float64(at)*length/pointsPerPeriod)
		point.Occupancy, point.Present = &busy.Occupancy, &busy.Present
		r.Series = append(r.Series, point)
	}
}

// figures are those of the one replication.
func (s *sampled) figures(classes, queues, groups []string) Replication {
	run := Replication{
		DayFactor: s.factor, Measured: s.measured, Overall: figures([]*sample{&s.overall}),
		Staff: staffFigures([]*staffSample{&s.staff}), Fingerprint: hex(s.fingerprint),
	}
	for i, name := range classes {
		run.Classes = append(run.Classes, NamedFigures{name, figures([]*sample{&s.classes[i]})})
	}
	for i, name := range queues {
		run.Queues = append(run.Queues, NamedFigures{name, figures([]*sample{&s.queues[i]})})
	}
	for i, name := range groups {
		run.Groups = append(run.Groups, NamedStaff{name, staffFigures([]*staffSample{&s.groups[i]})})
	}
	return run
}

// each picks something of every one that has it.
func each[T, U any](list []*T, pick func(*T) *U) []*U {
	var out []*U
	for _, one := range list {
		if picked := pick(one); picked != nil {
			out = append(out, picked)
		}
	}
	return out
}

// at1 returns an element, nil if the list is too short.
func at1[T any](list []T, i int) *T {
	if i >= len(list) {
		return nil
	}
	return &list[i]
}

func longest(runs []*sampled, of func(*sampled) int) (n int) {
	for _, run := range runs {
		n = max(n, of(run))
	}
	return n
}

func broken(runs []*sampled) []string {
	out := []string{}
	for i, run := range runs {
		for _, text := range run.broken {
			if len(runs) > 1 {
				text = "replication " + strconv.Itoa(i+1) + ": " + text
			}
			out = append(out, text)
		}
	}
	return out
}

// figures works samples out: of one replication, or of several.
func figures(samples []*sample) Figures {
	var sum tally
	for _, s := range samples {
		sum.add(&s.tally)
	}
	of := ratioOf(samples)
	percentile := func(list func(*sample) quantiles, at func(quantiles) float64) Estimate {
		var values []float64
		for _, s := range samples {
			if q := list(s); q.n > 0 {
				values = append(values, at(q))
			}
		}
		return average(values)
	}
	all, taken := func(s *sample) quantiles { return s.all }, func(s *sample) quantiles { return s.taken }
	p50, p95 := func(q quantiles) float64 { return q.p50 }, func(q quantiles) float64 { return q.p95 }
	f := Figures{Counts: sum.counts(), PerRun: perRun(samples)}
	f.Wait = Wait{
		Mean: of(func(t *tally) (float64, float64) { return t.waits / 1e3, float64(t.ended) }),
		P50:  percentile(all, p50), P95: percentile(all, p95),
		Delayed:    of(func(t *tally) (float64, float64) { return float64(t.delayed), float64(t.ended) }),
		MeanSquare: of(func(t *tally) (float64, float64) { return t.squares / 1e6, float64(t.ended) }),
	}
	f.AnsweredWait = AnsweredWait{
		Mean: of(func(t *tally) (float64, float64) { return t.speeds / 1e3, float64(t.answered) }),
		P50:  percentile(taken, p50), P95: percentile(taken, p95),
	}
	f.HandleTime = of(func(t *tally) (float64, float64) { return t.handles / 1e3, float64(t.served) })
	f.QueueLength = of(func(t *tally) (float64, float64) { return t.queued, t.span })
	f.AbandonShare = of(func(t *tally) (float64, float64) { return float64(t.abandoned), float64(t.offered) })
	f.BlockShare = of(func(t *tally) (float64, float64) { return float64(t.blocked), float64(t.offered) })
	f.ServiceLevel = ServiceLevel{
		OfOffered: of(func(t *tally) (float64, float64) { return float64(t.answeredWithin), float64(t.offered) }),
		OfPatient: of(func(t *tally) (float64, float64) {
			return float64(t.answeredWithin), float64(t.offered - t.abandonedWithin)
		}),
		OfAnswered: of(func(t *tally) (float64, float64) { return float64(t.answeredWithin), float64(t.answered) }),
	}
	return f
}

// ratioOf returns what estimates ratios: over replications, or over the batches
// of a single one.
func ratioOf(samples []*sample) func(func(*tally) (above, below float64)) Estimate {
	var tallies []*tally
	for _, s := range samples {
		tallies = append(tallies, &s.tally)
	}
	if len(samples) == 1 && len(samples[0].parts) > 1 {
		tallies = tallies[:0]
		for i := range samples[0].parts {
			tallies = append(tallies, &samples[0].parts[i])
		}
	}
	return func(of func(*tally) (float64, float64)) Estimate {
		above, below := make([]float64, len(tallies)), make([]float64, len(tallies))
		for i, t := range tallies {
			above[i], below[i] = of(t)
		}
		return ratio(above, below)
	}
}

func (t *tally) counts() Counts {
	return Counts{
		Offered: t.offered, Served: t.served, Abandoned: t.abandoned, Blocked: t.blocked, Waiting: t.waiting, Open: t.open,
		Retried: t.retried, AnsweredWithin: t.answeredWithin, AbandonedWithin: t.abandonedWithin, AbandonedAfter: t.abandoned - t.abandonedWithin,
	}
}

func perRun(samples []*sample) *MeanCounts {
	if len(samples) < 2 {
		return nil
	}
	mean := func(of func(*Counts) int64) Estimate {
		values := make([]float64, len(samples))
		for i, s := range samples {
			counts := s.counts()
			values[i] = float64(of(&counts))
		}
		return average(values)
	}
	return &MeanCounts{
		Offered:         mean(func(c *Counts) int64 { return c.Offered }),
		Served:          mean(func(c *Counts) int64 { return c.Served }),
		Abandoned:       mean(func(c *Counts) int64 { return c.Abandoned }),
		Blocked:         mean(func(c *Counts) int64 { return c.Blocked }),
		Waiting:         mean(func(c *Counts) int64 { return c.Waiting }),
		Open:            mean(func(c *Counts) int64 { return c.Open }),
		Retried:         mean(func(c *Counts) int64 { return c.Retried }),
		AnsweredWithin:  mean(func(c *Counts) int64 { return c.AnsweredWithin }),
		AbandonedWithin: mean(func(c *Counts) int64 { return c.AbandonedWithin }),
		AbandonedAfter:  mean(func(c *Counts) int64 { return c.AbandonedAfter }),
	}
}

// newPoint works out a point of the series.
func newPoint(samples []*sample, start float64) Point {
	f := figures(samples)
	n := float64(len(samples))
	return Point{
		Start: start, Offered: float64(f.Offered) / n, Served: float64(f.Served) / n, Abandoned: float64(f.Abandoned) / n,
		Blocked: float64(f.Blocked) / n, Wait: f.Wait.Mean, WaitP95: f.Wait.P95, Backlog: f.QueueLength, ServiceLevel: f.ServiceLevel.OfOffered,
	}
}

// staffFigures works out how busy agents were.
func staffFigures(samples []*staffSample) StaffFigures {
	var loads []*load
	var fairness []float64
	for _, s := range samples {
		loads, fairness = append(loads, &s.load), append(fairness, s.fairness)
	}
	if len(samples) == 1 && len(samples[0].parts) > 1 {
		loads = loads[:0]
		for i := range samples[0].parts {
			loads = append(loads, &samples[0].parts[i])
		}
	}
	of := func(pick func(*load) (float64, float64)) Estimate {
		above, below := make([]float64, len(loads)), make([]float64, len(loads))
		for i, l := range loads {
			above[i], below[i] = pick(l)
		}
		return ratio(above, below)
	}
	return StaffFigures{
		Agents:    samples[0].seats,
		Present:   of(func(l *load) (float64, float64) { return l.agents, l.span }),
		Occupancy: of(func(l *load) (float64, float64) { return l.used, l.there }),
		Fairness:  average(fairness),
	}
}

// queues returns the names of the queues, in order.
func (s *Scenario) queues() []string {
	names := make(map[string]bool)
	for name, c := range s.Classes {
		names[c.queue(name)] = true
	}
	return sortedKeys(names)
}
