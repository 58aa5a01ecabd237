// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// Requirement is what must hold of the variants of a comparison, such as
//
//	service_level >= 80% && p95_wait{class="sales"} <= 60s
//
// Its words are the measures of a result by their stable names, times such as
// 90s or 1m30s, percentages, numbers, the comparisons < <= > >= == and !=, && and
// ||, and parentheses; && binds more tightly. In braces a measure is narrowed to
// a class, a queue or a group, or taken of one strategy instead of each. Counts
// are those of one replication, on average.
type Requirement struct {
	// Text is the requirement as it was written.
	Text string
	root node
}

// Names are what a requirement may name in braces.
type Names struct{ Strategies, Classes, Queues, Groups []string }

// NamesOf returns the names that a scenario and its variants have, in order.
func NamesOf(s *scenario.Scenario, variants []Variant) Names {
	var n Names
	for _, v := range variants {
		n.Strategies = append(n.Strategies, v.Name)
	}
	for name, class := range s.Classes {
		n.Classes = append(n.Classes, name)
		queue := class.Queue
		if queue == "" {
			queue = name
		}
		if !slices.Contains(n.Queues, queue) {
			n.Queues = append(n.Queues, queue)
		}
	}
	for name := range s.Groups {
		n.Groups = append(n.Groups, name)
	}
	slices.Sort(n.Classes)
	slices.Sort(n.Queues)
	slices.Sort(n.Groups)
	return n
}

// RequireError says what is wrong with a requirement, and where.
type RequireError struct {
	// Text is the requirement, and Column where in it, in characters from 1.
	Text   string
	Column int
	// Message says what is wrong and what would be right.
	Message string
}

var _ error = (*RequireError)(nil)

// Error returns the message after its place.
func (e *RequireError) Error() string {
	return fmt.Sprintf("compare: requirement: column %d: %s", e.Column, e.Message)
}

// Pointed returns the requirement with a mark under the place, on two lines.
func (e *RequireError) Pointed() string {
	return e.Text + "\n" + strings.Repeat(" ", e.Column-1) + "^"
}

// Ruling is what a requirement comes to for one variant.
type Ruling struct {
	Requirement string `json:"requirement"`
	Strategy    string `json:"strategy"`
	Holds       bool   `json:"holds"`
	// Findings are the comparisons in it, in order.
	Findings []Finding `json:"findings"`
}

// Finding is what one comparison comes to.
type Finding struct {
	// Text is the comparison with the values that were found.
	Text  string `json:"text"`
	Holds bool   `json:"holds"`
	// Narrow says that what was compared is within the uncertainty of a measure,
	// so that other customers might have it the other way.
	Narrow bool `json:"narrow"`
}

// String writes the ruling on a line, with what it rests on.
func (r Ruling) String() string {
	var texts []string
	for _, f := range r.Findings {
		text := f.Text
		if !f.Holds {
			text += " does not hold"
		} else {
			text += " holds"
		}
		if f.Narrow {
			text += ", within the uncertainty"
		}
		texts = append(texts, text)
	}
	word := "met"
	if !r.Holds {
		word = "NOT MET"
	}
	return fmt.Sprintf("%s: %s %s: %s", r.Strategy, r.Requirement, word, strings.Join(texts, "; "))
}

// Judge says what the requirement comes to for the variant with that name.
func (r *Requirement) Judge(c *Comparison, strategy string) Ruling {
	j := &judge{comparison: c, strategy: strategy}
	return Ruling{Requirement: r.Text, Strategy: strategy, Holds: r.root.holds(j), Findings: j.findings}
}

// judge evaluates a requirement. All of it is evaluated, so that a ruling tells
// everything.
type judge struct {
	comparison *Comparison
	strategy   string
	findings   []Finding
}

// node is a part of a requirement.
type node interface{ holds(j *judge) bool }

var (
	_ node = (*both)(nil)
	_ node = (*either)(nil)
	_ node = (*comparing)(nil)
)

type both struct{ left, right node }

func (n *both) holds(j *judge) bool {
	left, right := n.left.holds(j), n.right.holds(j)
	return left && right
}

type either struct{ left, right node }

func (n *either) holds(j *judge) bool {
	left, right := n.left.holds(j), n.right.holds(j)
	return left || right
}

// comparing is a comparison of two operands.
type comparing struct {
	text        string
	operator    string
	left, right operand
}

// operand is a measure, or a value if it has no measure.
type operand struct {
	measure  string
	scope    scope
	strategy string
	value    float64
	text     string
}

func (n *comparing) holds(j *judge) bool {
	left, right := j.estimate(&n.left), j.estimate(&n.right)
	f := Finding{Text: n.text}
	for _, o := range []struct {
		*operand
		e scenario.Estimate
	}{{&n.left, left}, {&n.right, right}} {
		if o.measure != "" {
			f.Text += fmt.Sprintf(" [%s is %s]", o.text, exact(o.measure, o.e))
		}
	}
	a, b := left.Value, right.Value
	f.Holds = map[string]bool{"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[n.operator]
	width := math.Hypot(left.HalfWidth, right.HalfWidth)
	f.Narrow = width > 0 && math.Abs(a-b) <= width
	j.findings = append(j.findings, f)
	return f.Holds
}

// exact writes a measure for a ruling, with as many digits as it takes to see
// that it holds or not.
func exact(measure string, e scenario.Estimate) string {
	value, width, unit := e.Value, e.HalfWidth, ""
	switch unitOf(measure) {
	case Seconds:
		unit = " s"
	case SquareSeconds:
		unit = " s²"
	case Share:
		value, width, unit = 100*value, 100*width, " %"
	case Number:
	}
	if width > 0 {
		return fmt.Sprintf("%.4g ± %.2g%s", value, width, unit)
	}
	return fmt.Sprintf("%.4g%s", value, unit)
}

// estimate finds what an operand is worth.
func (j *judge) estimate(o *operand) scenario.Estimate {
	if o.measure == "" {
		return scenario.Estimate{Value: o.value}
	}
	strategy := o.strategy
	if strategy == "" {
		strategy = j.strategy
	}
	for i := range j.comparison.Outcomes {
		if j.comparison.Outcomes[i].Name == strategy {
			return estimate(j.comparison.Outcomes[i].Result, o.scope, o.measure)
		}
	}
	return scenario.Estimate{Value: math.NaN()} // compares false with everything
}

// estimate finds a measure in a result, in that scope.
func estimate(r *scenario.Result, in scope, measure string) scenario.Estimate {
	switch in.of {
	case ofClass:
		for i := range r.Classes {
			if r.Classes[i].Name == in.name {
				return ofCustomers(&r.Classes[i].Figures, measure, r.Replications)
			}
		}
	case ofQueue:
		for i := range r.Queues {
			if r.Queues[i].Name == in.name {
				return ofCustomers(&r.Queues[i].Figures, measure, r.Replications)
			}
		}
	case ofGroup:
		for i := range r.Groups {
			if r.Groups[i].Name == in.name {
				return ofStaff(&r.Groups[i].StaffFigures, measure)
			}
		}
	default:
		if slices.Contains(staffMeasures(), measure) {
			return ofStaff(&r.Staff, measure)
		}
		return ofCustomers(&r.Overall, measure, r.Replications)
	}
	return scenario.Estimate{Value: math.NaN()}
}

func ofCustomers(f *scenario.Figures, measure string, replications int) scenario.Estimate {
	for name, e := range f.All() {
		if name == measure {
			return e
		}
	}
	for name, n := range f.Counts.All() {
		if name == measure {
			return scenario.Estimate{Value: float64(n) / float64(replications)}
		}
	}
	return scenario.Estimate{Value: spread(f)}
}

func ofStaff(f *scenario.StaffFigures, measure string) scenario.Estimate {
	for name, e := range f.All() {
		if name == measure {
			return e
		}
	}
	return scenario.Estimate{Value: math.NaN()}
}

// customerMeasures are the names of the measures of customers.
func customerMeasures() []string {
	var r reading
	r.customers(&scenario.Figures{})
	return r.names
}

// staffMeasures are the names of the measures of agents.
func staffMeasures() []string {
	var r reading
	r.staff(&scenario.StaffFigures{})
	return r.names
}
