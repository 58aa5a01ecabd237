// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"fmt"
	"strings"
)

// Compare says where reports of the same strategy in several runtimes differ in
// a decision, one sentence for each case and runtime; none is good. Cases in
// which decisions are not compared, such as that of the deadline, and cases with
// findings, are left out.
func Compare(reports []*Report) []string {
	var differences []string
	if len(reports) == 0 {
		return nil
	}
	first := reports[0]
	byName := make(map[string]*Case)
	for i := range first.Cases {
		byName[first.Cases[i].Name] = &first.Cases[i]
	}
	for _, report := range reports[1:] {
		for i := range report.Cases {
			c := &report.Cases[i]
			other := byName[c.Name]
			if other == nil || len(c.Findings)+len(other.Findings) > 0 || c.decisions == other.decisions {
				continue
			}
			differences = append(differences, fmt.Sprintf("%s: %s", c.Name, difference(first.Runtime, report.Runtime, other.decisions, c.decisions)))
		}
	}
	return differences
}

// Decisions returns how many proposals were made in the cases in which decisions
// are compared.
func (r *Report) Decisions() int {
	n := 0
	for i := range r.Cases {
		n += strings.Count(r.Cases[i].decisions, "->")
	}
	return n
}

// difference says where two lists of decisions part.
func difference(one, two, left, right string) string {
	a, b := strings.Split(left, "\n"), strings.Split(right, "\n")
	turn := "the first turn"
	for i := range max(len(a), len(b)) {
		x, y := at(a, i), at(b, i)
		if x != y {
			return fmt.Sprintf("in %s %s says %q, %s %q", turn, one, x, two, y)
		}
		if strings.HasPrefix(x, "turn ") {
			turn = x
		}
	}
	return "they are equal" // not called for such
}

func at(lines []string, i int) string {
	if i < len(lines) && lines[i] != "" {
		return lines[i]
	}
	return "nothing"
}
