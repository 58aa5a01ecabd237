// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// names are those of the comparison that requirements are judged by.
func names() compare.Names {
	return compare.Names{Strategies: []string{"old", "new"}, Classes: []string{"sales", "support"}, Queues: []string{"calls"}, Groups: []string{"all"}}
}

// judged is a comparison with round figures.
func judged() *compare.Comparison {
	result := func(level, p95 float64) *scenario.Result {
		f := scenario.Figures{}
		f.Abandoned = 30
		f.ServiceLevel.OfOffered = scenario.Estimate{Value: level, StdError: .01, HalfWidth: .02}
		f.Wait.P95.Value, f.Wait.Mean.Value, f.Wait.MeanSquare.Value = p95, 3, 25
		r := &scenario.Result{Replications: 3, Overall: f}
		r.Classes = []scenario.NamedFigures{{Name: "sales", Figures: f}, {Name: "support"}}
		r.Queues = []scenario.QueueFigures{{NamedFigures: scenario.NamedFigures{Name: "calls", Figures: f}}}
		r.Staff.Occupancy.Value = .9
		r.Groups = []scenario.NamedStaff{{Name: "all", StaffFigures: r.Staff}}
		return r
	}
	return &compare.Comparison{Outcomes: []compare.Outcome{{Name: "old", Result: result(.79, 70)}, {Name: "new", Result: result(.81, 50)}}}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"service_level >= 0.8 && p95_wait <= 60s":                     true,
		"service_level >= 80%":                                        true,
		"service_level > 81%":                                         false,
		"service_level >= 90% || p95_wait < 1m":                       true,
		"service_level >= 90% || p95_wait < 1m && occupancy < 0.5":    false,
		"(service_level >= 90% || p95_wait < 1m) && occupancy == 0.9": true,
		`p95_wait{class="sales"} <= 50s`:                              true,
		`p95_wait{class="support"} != 0s`:                             false,
		`occupancy{group="all"} > 90%`:                                false,
		`p95_wait{queue="calls", strategy="old"} >= 70s`:              true,
		`p95_wait < p95_wait{strategy="old"}`:                         true,
		`60s >= p95_wait`:                                             true,
		"abandoned == 10":                                             true, // in each of three replications
		"wait_spread == 4s":                                           true,
		"mean_square_wait == 25":                                      true,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r, err := compare.Require(text, names())
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Judge(judged(), "new"); got.Holds != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestRequireSaysWhereItIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                             `1: the end does not belong here; a measure is needed`,
		"service_levl >= 80%":                          `1: there is no measure "service_levl"; did you mean "service_level"?`,
		"p95_wait <= 60":                               `13: p95_wait is a time; write its unit, as in 60s`,
		"p95_wait <= 60%":                              `13: p95_wait is a time; write its unit, as in 60s`,
		"service_level >= 80":                          `18: service_level is a share between 0 and 1; write 0.8, or 80%`,
		"service_level >= 80s":                         `18: service_level is no time; write a number such as 0.8, or 80%`,
		"queue_length <= 50%":                          `17: queue_length is no share; write a number`,
		"service_level = 80%":                          `15: a comparison is written ==, not =`,
		"service_level 80%":                            `15: "80%" does not belong here; a comparison is needed`,
		"service_level >= 80% and":                     `22: "and" does not belong here; && or || joins`,
		"(service_level >= 80%":                        `22: the end does not belong here; the parenthesis of column 1`,
		"service_level >= 80% && ":                     `25: the end does not belong here; a measure is needed`,
		"80% >= 70%":                                   `1: neither side is a measure`,
		"service_level >= p95_wait":                    `1: service_level is in shares and p95_wait in seconds`,
		"p95_wait <= 1fortnight":                       `13: "1fortnight" is no value`,
		`p95_wait{class="sale"} <= 60s`:                `16: there is no class "sale"; did you mean "sales"?`,
		`p95_wait{klass="sales"} <= 60s`:               `10: "klass" does not belong here; a measure is narrowed to`,
		`p95_wait{class "sales"} <= 60s`:               `16: "sales" does not belong here; = is needed`,
		`p95_wait{class=sales} <= 60s`:                 `16: "sales" does not belong here; a name in quotes is needed`,
		`p95_wait{class="sales" <= 60s`:                `24: "<=" does not belong here; } closes`,
		`p95_wait{class="sales`:                        `16: "\"sales" does not belong here; a name in quotes`,
		`p95_wait{class="sales",queue="calls"} <= 60s`: `24: a measure is of one class`,
		`occupancy{class="sales"} <= 0.5`:              `1: a class has no occupancy, which is of agents`,
		`p95_wait{group="all"} <= 60s`:                 `1: a group of agents has no p95_wait; there are present`,
		"ä":                                            `1: there is no measure "ä"`,
		"service_level >= 80% # really":                `22: "#" does not belong here`,
		strings.Repeat("(", 60):                        `51: parentheses are at most 50 deep`,
		strings.Repeat(" ", 20_000):                    `1: a requirement has at most`,
	} {
		t.Run(text[:min(len(text), 50)], func(t *testing.T) {
			t.Parallel()
			_, err := compare.Require(text, names())
			wrong, ok := errors.AsType[*compare.RequireError](err)
			if !ok {
				t.Fatalf("%v, want column %s", err, want)
			}
			if got := fmt.Sprintf("%d: %s", wrong.Column, wrong.Message); !strings.HasPrefix(got, want) {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

func TestRequireErrorPoints(t *testing.T) {
	t.Parallel()
	_, err := compare.Require("p95_wait <= 60", names())
	wrong, ok := errors.AsType[*compare.RequireError](err)
	if !ok || wrong.Pointed() != "p95_wait <= 60\n            ^" {
		t.Errorf("%v points at\n%s", err, wrong.Pointed())
	}
}

func ExampleRequire() {
	r, err := compare.Require(`service_level >= 80% && p95_wait{class="sales"} <= 60s`, names())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Judge(judged(), "old"))
	_, err = compare.Require("mean_weight <= 60s", names())
	fmt.Println(err)
	// Output:
	// old: service_level >= 80% && p95_wait{class="sales"} <= 60s NOT MET: service_level >= 80% [service_level is 79 ± 2 %] does not hold, within the uncertainty; p95_wait{class="sales"} <= 60s [p95_wait{class="sales"} is 70 s] does not hold
	// compare: requirement: column 1: there is no measure "mean_weight"; did you mean "mean_wait"?
}

// Whatever is written, reading it ends without a panic, errors point into it, and
// what can be read can be judged.
func FuzzRequire(f *testing.F) {
	for _, text := range []string{
		"service_level >= 0.8 && p95_wait <= 60s", `p95_wait{class="sales",strategy="new"} < 1m30s || (occupancy != 9%)`, "((", `x{"`, "1e9 < -", "p95_wait <= \"",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := compare.Require(text, names())
		if wrong, ok := errors.AsType[*compare.RequireError](err); ok {
			if wrong.Column < 1 || wrong.Column > utf8.RuneCountInString(text)+1 {
				t.Fatalf("column %d of %q", wrong.Column, text)
			}
			return
		}
		if err != nil {
			t.Fatalf("another kind of error: %v", err)
		}
		if again := r.Judge(judged(), "new"); again.Holds != r.Judge(judged(), "new").Holds || len(again.Findings) == 0 {
			t.Fatalf("%q is judged without findings, or not the same twice", text)
		}
	})
}
