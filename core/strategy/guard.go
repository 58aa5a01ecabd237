// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/near"
)

// Guard is a condition that must hold of a canary, such as
//
//	error_rate < 1%
//	p99_decision < 20ms
//	service_level >= baseline - 2%
//
// It compares one measure of the canary with a value, or with the same measure
// of the strategy that decides for the rest of the queue's work.
type Guard struct {
	// Text is the guard as it was written.
	Text     string
	measure  measure
	op       string
	value    float64 // a share, or seconds; added to the baseline's if relative
	relative bool
}

// DefaultGuards are what guards a canary that names no guards: it does not
// break, and it knows about as well as the rest what may be proposed.
func DefaultGuards() []string { return []string{"error_rate < 1%", "refusal_rate < baseline + 25%"} }

// measure is something that is measured of each side of a trial.
type measure struct {
	name     string
	duration bool
	// of takes the measure; ok is false while there is too little to go by.
	of func(*Tally) (value float64, ok bool)
}

// enough is how many items must have been accepted, or have left, before what
// became of customers counts, and how many proposals must have been made before
// their refusals do.
const enough = 20

var measures = [...]measure{
	{"error_rate", false, func(t *Tally) (float64, bool) { return ratio(t.Errors, max(t.Errors, t.Turns)) }},
	{"refusal_rate", false, func(t *Tally) (float64, bool) {
		rate, ok := ratio(t.Refusals, t.Proposals)
		return rate, ok && t.Proposals >= enough
	}},
	{"p50_decision", true, func(t *Tally) (float64, bool) { return t.P50.Seconds(), t.Turns > 0 }},
	{"p99_decision", true, func(t *Tally) (float64, bool) { return t.P99.Seconds(), t.Turns > 0 }},
	{"service_level", false, func(t *Tally) (float64, bool) {
		level, ok := ratio(t.Within, t.Accepted+t.Abandoned)
		return level, ok && t.Accepted+t.Abandoned >= enough
	}},
	{"abandon_rate", false, func(t *Tally) (float64, bool) {
		rate, ok := ratio(t.Abandoned, t.Accepted+t.Abandoned)
		return rate, ok && t.Accepted+t.Abandoned >= enough
	}},
	{"mean_wait", true, func(t *Tally) (float64, bool) {
		if t.Accepted < enough {
			return 0, false
		}
		return t.Waited.Seconds() / float64(t.Accepted), true
	}},
}

// Tally is what was counted of one side of a trial since it began.
type Tally struct {
	// Turns were given; Errors counts those that failed, or held a proposal
	// that no state of the board could have justified, and failed starts.
	Turns, Errors uint64
	// Proposals were made, of which Refusals were refused for whatever reason.
	Proposals, Refusals uint64
	// Accepted and Abandoned count the side's work by what became of it, Within
	// what was accepted within the queue's service-level goal (all of it, if it
	// has none), and Waited is how long what was accepted had waited, in all.
	Accepted, Abandoned, Within uint64
	Waited                      time.Duration
	// P50 and P99 are percentiles of the last turns' times.
	P50, P99 time.Duration
}

func ratio(part, whole uint64) (float64, bool) {
	if whole == 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}

// ParseGuard reads a guard. The error says what is wrong, and what would be
// right.
func ParseGuard(text string) (Guard, error) {
	g := Guard{Text: text}
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return g, fmt.Errorf("strategy: guard %q: it should compare a measure, as in %q", text, DefaultGuards()[0])
	}
	name := strings.TrimSpace(text[:at])
	i := slices.IndexFunc(measures[:], func(m measure) bool { return m.name == name })
	if i < 0 {
		return g, fmt.Errorf("strategy: guard %q: there is no measure %q%s; there are %s",
			text, name, meantBy(name, measureNames()), strings.Join(measureNames(), ", "))
	}
	g.measure = measures[i]
	rest := text[at:]
	g.op = rest[:1]
	if strings.HasPrefix(rest[1:], "=") {
		g.op = rest[:2]
	}
	if !slices.Contains([]string{"<", "<=", ">", ">="}, g.op) {
		return g, fmt.Errorf("strategy: guard %q: %q should be one of <, <=, > and >=", text, g.op)
	}
	if err := g.bound(strings.TrimSpace(rest[len(g.op):])); err != nil {
		return g, fmt.Errorf("strategy: guard %q: %w", text, err)
	}
	return g, nil
}

// meantBy asks whether one of the names was meant; empty if none is near.
func meantBy(name string, names []string) string {
	if found := near.Name(name, names); found != "" {
		return fmt.Sprintf(" (did you mean %q?)", found)
	}
	return ""
}

func measureNames() []string {
	names := make([]string, len(measures))
	for i := range measures {
		names[i] = measures[i].name
	}
	return names
}

// bound reads what the measure is compared with: a value, "baseline", or
// "baseline" with a value added or taken away.
func (g *Guard) bound(text string) error {
	sign := 1.0
	if offset, ok := strings.CutPrefix(text, "baseline"); ok {
		g.relative = true
		if text = strings.TrimSpace(offset); text == "" {
			return nil
		}
		switch text[0] {
		case '+':
		case '-':
			sign = -1
		default:
			return fmt.Errorf("after baseline, %q should be + or - and a value", text)
		}
		text = strings.TrimSpace(text[1:])
	}
	value, err := g.measure.value(text)
	g.value = sign * value
	return err
}

// value reads a time for a measure of time, else a share.
func (m *measure) value(text string) (float64, error) {
	if m.duration {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q should be a time such as 20ms", text)
		}
		return d.Seconds(), nil
	}
	number, percent := strings.CutSuffix(text, "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		value /= 100
	}
	if err != nil || !(value >= 0 && value <= 1) {
		return 0, fmt.Errorf("%q should be a share such as 1%% or 0.01", text)
	}
	return value, nil
}

// Breached says in words why the guard does not hold; empty if it does, or if
// there is too little to go by yet.
func (g *Guard) Breached(canary, baseline *Tally) string {
	got, ok := g.measure.of(canary)
	if !ok {
		return ""
	}
	bound, against := g.value, ""
	if g.relative {
		base, known := g.measure.of(baseline)
		if !known {
			return ""
		}
		bound += base
		against = fmt.Sprintf(", the baseline's %s", g.measure.show(base))
	}
	if g.holds(got, bound) {
		return ""
	}
	return fmt.Sprintf("guard %q does not hold: %s is %s%s", g.Text, g.measure.name, g.measure.show(got), against)
}

func (g *Guard) holds(got, bound float64) bool {
	switch g.op {
	case "<":
		return got < bound
	case "<=":
		return got <= bound
	case ">":
		return got > bound
	default:
		return got >= bound
	}
}

func (m *measure) show(value float64) string {
	if m.duration {
		return time.Duration(value * float64(time.Second)).Round(10 * time.Microsecond).String()
	}
	return strconv.FormatFloat(value*100, 'f', 2, 64) + "%"
}
