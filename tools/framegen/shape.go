// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// table is one table of the layout, for emitters that list them.
type table struct {
	name, doc string
	number    int
	size      int // bytes per row
}

// tablesOf returns the tables in the layout's order, bytes and ids last.
func tablesOf(l *layout) []table {
	var all []table
	for _, r := range l.rows {
		if !r.part() {
			all = append(all, table{r.name, r.doc, r.table, r.size})
		}
	}
	if l.bytesTable != 0 {
		all = append(all, table{"bytes", l.bytesDoc, l.bytesTable, 1})
	}
	if l.idsTable != 0 {
		all = append(all, table{"ids", l.idsDoc, l.idsTable, 4})
	}
	return all
}

// lastTable returns the highest number of a table.
func lastTable(l *layout) int {
	last := 0
	for _, t := range tablesOf(l) {
		last = max(last, t.number)
	}
	return last
}

// sizesOf returns the bytes per row by the table's number, 0 where there is no
// table. Only a layout whose tables are numbered closely has such a list; in
// others, numbers from 1024 are left out.
func sizesOf(l *layout) []int {
	sizes := make([]int, min(lastTable(l), 1023)+1)
	for _, t := range tablesOf(l) {
		if t.number < len(sizes) {
			sizes[t.number] = t.size
		}
	}
	return sizes
}

// spanTable returns, in capitals, the name of the table that a span counts.
func spanTable(f field) string {
	switch f.target {
	case "byte":
		return "BYTES"
	case "word":
		return "IDS"
	default:
		return strings.ToUpper(f.target)
	}
}

// plainCamel turns snake_case into CamelCase, each word with one capital.
func plainCamel(snake string) string {
	var out strings.Builder
	for _, part := range strings.Split(snake, "_") {
		if part != "" {
			out.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return out.String()
}

// enumPrefix returns what names of an enum's values begin with where they
// share one space: AgentFlags and WorkState give "Agent" and "Work".
func enumPrefix(en *enum) string {
	return strings.TrimSuffix(strings.TrimSuffix(en.name, "Flags"), "State")
}
