// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// Unit is what a measure is counted in.
type Unit string

// The units.
const (
	Seconds Unit = "seconds"
	// Share is between 0 and 1, and shown as a percentage.
	Share Unit = "share"
	// Number is a plain number, such as how many wait.
	Number Unit = "number"
	// SquareSeconds is of a mean square of times.
	SquareSeconds Unit = "square_seconds"
)

// The stable names of the measures that are spoken of.
const (
	meanWait     = "mean_wait"
	waitSpread   = "wait_spread"
	p95Wait      = "p95_wait"
	serviceLevel = "service_level"
	abandonShare = "abandon_share"
	blockShare   = "block_share"
	queueLength  = "queue_length"
	occupancy    = "occupancy"
	present      = "present"
	fairness     = "fairness"
)

// unitOf returns what a measure is counted in.
func unitOf(measure string) Unit {
	switch measure {
	case "mean_square_wait":
		return SquareSeconds
	case occupancy, fairness:
		return Share
	case queueLength, present:
		return Number
	}
	switch {
	case strings.HasPrefix(measure, serviceLevel), strings.HasSuffix(measure, "_share"):
		return Share
	case strings.Contains(measure, "wait_") || strings.HasSuffix(measure, "_wait"),
		strings.HasSuffix(measure, "speed_of_answer"), measure == "handle_time":
		return Seconds
	}
	return Number // the counts
}

// Title is a measure's name for people.
func Title(measure string) string {
	if title, ok := map[string]string{
		waitSpread:            "spread of waits",
		p95Wait:               "95th percentile of waits",
		"p50_wait":            "median wait",
		"mean_square_wait":    "mean square of waits",
		"delayed_share":       "share who waited at all",
		abandonShare:          "share who abandoned",
		blockShare:            "share blocked",
		"answered_within":     "answered within the acceptable wait",
		"abandoned_within":    "abandoned within the acceptable wait",
		"abandoned_after":     "abandoned after the acceptable wait",
		present:               "agents present",
		fairness:              "fairness among agents",
		"open":                "still served at the end",
		"waiting":             "still waiting at the end",
		"p50_speed_of_answer": "median speed of answer",
		"p95_speed_of_answer": "95th percentile of speed of answer",
	}[measure]; ok {
		return title
	}
	return strings.ReplaceAll(measure, "_", " ")
}

// Format writes a measure's value for people, with its unit.
func Format(measure string, value float64) string {
	switch unitOf(measure) {
	case Seconds:
		return seconds(value)
	case SquareSeconds:
		return fmt.Sprintf("%.4g s²", value)
	case Share:
		if measure == fairness {
			return fmt.Sprintf("%.4f", value)
		}
		return fmt.Sprintf("%.1f %%", 100*value)
	default:
		return fmt.Sprintf("%.3g", value)
	}
}

// seconds writes a time in seconds, or in minutes and more above 1,000 s.
func seconds(value float64) string {
	switch size := math.Abs(value); {
	case size >= 1000:
		return (time.Duration(math.Round(value)) * time.Second).String()
	case size >= 100:
		return fmt.Sprintf("%.0f s", value)
	case size >= 0.95 || size == 0:
		return fmt.Sprintf("%.1f s", value)
	default:
		return fmt.Sprintf("%.2g s", value)
	}
}

// change writes the difference of a measure, whose sign matters.
func change(measure string, value float64) string {
	if unitOf(measure) == Share && measure != fairness {
		return fmt.Sprintf("%+.1f points", 100*value)
	}
	text := Format(measure, value)
	if value > 0 {
		text = "+" + text
	}
	return text
}

// within writes half of a confidence interval of the measure.
func within(measure string, value float64) string {
	if unitOf(measure) == Share && measure != fairness {
		return fmt.Sprintf("%.1f", 100*value)
	}
	if unitOf(measure) == Number {
		return fmt.Sprintf("%.2g", value)
	}
	return Format(measure, value)
}

// reading is what one replication says, by measure, in a stable order.
type reading struct {
	names  []string
	values map[string]float64
}

func (r *reading) put(name string, value float64) {
	if r.values == nil {
		r.values = make(map[string]float64)
	}
	r.names = append(r.names, name)
	r.values[name] = value
}

func (r *reading) customers(f *scenario.Figures) {
	for name, e := range f.All() {
		if r.put(name, e.Value); name == meanWait {
			r.put(waitSpread, spread(f))
		}
	}
	for name, n := range f.Counts.All() {
		r.put(name, float64(n))
	}
}

func (r *reading) staff(f *scenario.StaffFigures) {
	for name, e := range f.All() {
		r.put(name, e.Value)
	}
}

// spread is the standard deviation of the waits.
func spread(f *scenario.Figures) float64 {
	return math.Sqrt(max(0, f.Wait.MeanSquare.Value-f.Wait.Mean.Value*f.Wait.Mean.Value))
}

// scope is what a reading is of: everything, or one class, queue or group.
type scope struct{ of, name string }

// The kinds of scopes.
const (
	ofAll   = "overall"
	ofClass = "class"
	ofQueue = "queue"
	ofGroup = "group"
)

// readings are those of one replication in all its scopes.
func readings(r *scenario.Replication) (scopes []scope, by map[scope]*reading) {
	by = make(map[scope]*reading)
	in := func(s scope) *reading {
		scopes, by[s] = append(scopes, s), &reading{}
		return by[s]
	}
	all := in(scope{of: ofAll})
	all.customers(&r.Overall)
	all.staff(&r.Staff)
	for i := range r.Classes {
		in(scope{ofClass, r.Classes[i].Name}).customers(&r.Classes[i].Figures)
	}
	for i := range r.Queues {
		in(scope{ofQueue, r.Queues[i].Name}).customers(&r.Queues[i].Figures)
	}
	for i := range r.Groups {
		in(scope{ofGroup, r.Groups[i].Name}).staff(&r.Groups[i].StaffFigures)
	}
	return scopes, by
}

// replications returns the replications of a result, also if there is but one.
func replications(r *scenario.Result) []scenario.Replication {
	if len(r.Runs) > 0 {
		return r.Runs
	}
	one := scenario.Replication{Overall: r.Overall, Classes: r.Classes, Staff: r.Staff, Groups: r.Groups}
	for i := range r.Queues {
		one.Queues = append(one.Queues, r.Queues[i].NamedFigures)
	}
	return []scenario.Replication{one}
}
