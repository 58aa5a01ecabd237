// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// TestDistributions holds samples against the mean and spread asked for, within
// five standard errors.
func TestDistributions(t *testing.T) {
	t.Parallel()
	const n, seed = 200_000, 3
	for _, c := range []struct {
		d  Distribution
		cv float64
		// fourth is the fourth central moment over the variance squared, from
		// which the variance's standard error follows.
		fourth float64
	}{
		{Distribution{Mean: Span(time.Minute)}, 1, 9},
		{Distribution{Shape: Deterministic, Mean: Span(time.Minute)}, 0, 0},
		{Distribution{Shape: Gamma, Mean: Span(time.Minute), CV: 0.5}, 0.5, 3 + 6*0.25},
		{Distribution{Shape: Gamma, Mean: Span(time.Minute), CV: 1.5}, 1.5, 3 + 6*2.25},
		{Distribution{Values: []Span{0, Span(time.Minute), Span(2 * time.Minute)}, Weights: []float64{1, 2, 1}}, math.Sqrt(0.5), 2},
		{Distribution{Shape: Lognormal, Mean: Span(time.Minute), CV: 0.5}, 0.5, lognormalKurtosis(0.5)},
	} {
		source, law := newSource(seed, c.d.Shape), c.d.law()
		var sum, square float64
		for i := range uint64(n) {
			x := float64(law.sample(source.draw(i, forService, 0), 2)) * 2 / 60_000
			sum += x
			square += x * x
		}
		mean := sum / n
		variance := square/n - mean*mean
		if limit := 5*c.cv/math.Sqrt(n) + 1e-4; math.Abs(mean-1) > limit {
			t.Errorf("seed %d: %+v: mean %.5f, off by more than %.5f", seed, c.d, mean, limit)
		}
		if limit := 5*c.cv*c.cv*math.Sqrt(c.fourth/n) + 1e-4; math.Abs(variance-c.cv*c.cv) > limit {
			t.Errorf("seed %d: %+v: variance %.5f, not %.5f, off by more than %.5f", seed, c.d, variance, c.cv*c.cv, limit)
		}
	}
}

func lognormalKurtosis(cv float64) float64 {
	w := 1 + cv*cv
	return w*w*w*w + 2*w*w*w + 3*w*w - 3
}

// TestStreamFollowsItsPeriods counts customers period by period, over many
// rounds; each count is Poisson, so five roots of it are far off.
func TestStreamFollowsItsPeriods(t *testing.T) {
	t.Parallel()
	periods := []Period{
		{Length: Span(time.Hour), Rate: 0.1},
		{Length: Span(30 * time.Minute)},
		{Length: Span(2 * time.Hour), Rate: 0.02},
	}
	const rounds, seed = 200, 5
	s := newStream(newSource(seed, "x"), begin, &Arrivals{Periods: periods}, 1)
	var counts [3]int
	last, item := begin, uint64(0)
	for {
		n, at := s.next()
		if n != item+1 || at < last {
			t.Fatalf("customer %d at %d follows %d at %d", n, at, item, last)
		}
		last, item = at, n
		since := time.Duration(at-begin) * time.Millisecond
		if since >= rounds*210*time.Minute {
			break
		}
		switch in := since % (210 * time.Minute); {
		case in < time.Hour:
			counts[0]++
		case in < 90*time.Minute:
			counts[1]++
		default:
			counts[2]++
		}
	}
	for i, p := range periods {
		want := rounds * float64(p.Rate) * time.Duration(p.Length).Seconds()
		if math.Abs(float64(counts[i])-want) > 5*math.Sqrt(want) {
			t.Errorf("seed %d: period %d has %d customers, not about %.0f", seed, i, counts[i], want)
		}
	}
}

// TestLedgerFindsBreaches breaks each promise in the books and wants it found.
func TestLedgerFindsBreaches(t *testing.T) {
	t.Parallel()
	s := &Scenario{
		Horizon: Extent{Time: Span(time.Hour)},
		Classes: map[string]Class{"calls": {Arrivals: Arrivals{Rate: 1}, Service: Distribution{Mean: Span(time.Minute)}}},
		Groups:  map[string]Group{"agents": {Agents: 1, Queues: []string{"calls"}}},
	}
	event := func(kind engine.Kind, id engine.WorkID) *engine.Event {
		return &engine.Event{
			Kind: kind, At: begin, Work: id, Agent: "agents-00001", Size: engine.Unit, Status: statusName, Placed: &engine.Placement{},
		}
	}
	come := func(l *ledger, id engine.WorkID) *item {
		return l.created(event(engine.KindWorkCreated, id), 0, uint64(id), 0)
	}
	take := func(l *ledger, id engine.WorkID) {
		l.offered(event(engine.KindWorkOffered, id))
		l.accepted(event(engine.KindOfferAccepted, id))
	}
	for rule, play := range map[string]func(*ledger){
		"":                    func(l *ledger) { come(l, 1); take(l, 1); l.advance(begin + 5) },
		"idle_beside_waiting": func(l *ledger) { come(l, 1); l.advance(begin + 5) },
		"over_capacity":       func(l *ledger) { come(l, 1); come(l, 2); take(l, 1); take(l, 2) },
		"unknown: w3 is off":  func(l *ledger) { l.offered(event(engine.KindWorkOffered, 3)) },
		"unknown: w3 is acc":  func(l *ledger) { l.accepted(event(engine.KindOfferAccepted, 3)) },
		"unknown: w3 is com":  func(l *ledger) { l.completed(event(engine.KindWorkCompleted, 3)) },
		"unknown: w3 is aba":  func(l *ledger) { l.abandoned(event(engine.KindWorkAbandoned, 3)) },
		"unknown: w3 changes": func(l *ledger) { l.placed(event(engine.KindSkillsDropped, 3)) },
		"counts":              func(l *ledger) { come(l, 1); delete(l.items, 1) },
		"counts: group":       func(l *ledger) { come(l, 1); take(l, 1); l.items[1].size = 0 },
		"littles_law":         func(l *ledger) { come(l, 1).arrived -= 3 },
		"conservation":        func(l *ledger) { l.states[0].points[0].offered++ },
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			p, err := newPlan(s, 0)
			if err != nil {
				t.Fatal(err)
			}
			l := newLedger(p)
			l.presence(event(engine.KindAgentSignedIn, 0))
			play(l)
			l.close()
			found := rule == "" && len(l.broken) == 0
			for _, text := range l.broken {
				found = found || rule != "" && strings.HasPrefix(text, rule)
			}
			if !found {
				t.Errorf("found %q", l.broken)
			}
		})
	}
}
