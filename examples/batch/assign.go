// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import "math"

// never is the value of a pair that is not to be.
const never = math.MinInt64

// assign gives each row one column at most, and no column to two rows, so that
// the sum of the values is as high as can be. It returns the column of each row,
// -1 for none. A row is left out rather than given a value below zero. The same
// values give the same answer.
//
// It is the Hungarian method with potentials (Kuhn 1955, Munkres 1957; in the
// form of Jonker and Volgenant 1987): row after row is added along a cheapest
// augmenting path. It takes rows² × columns steps, values up to about 10¹².
func assign(values [][]int64) []int {
	rows := len(values)
	if rows == 0 {
		return nil
	}
	a := newAssignment(values)
	for row := range rows {
		a.add(row)
	}
	out := make([]int, rows)
	for row := range out {
		out[row] = -1
	}
	for column, row := range a.rowOf {
		if row >= 0 && column < a.columns && values[row][column] != never {
			out[row] = column
		}
	}
	return out
}

// assignment is a partial assignment on its way to a whole one. Each row has a
// column of its own beside the true ones, which means that it gets none.
type assignment struct {
	values        [][]int64
	columns       int     // the true ones
	rowOf         []int   // of each column; -1 for none
	byRow, byCol  []int64 // potentials
	least         []int64 // of each column: what it costs to reach it
	before        []int   // of each column: the one before it on the path
	done          []bool  // of each column: it is on the tree
	forbiddenCost int64
}

func newAssignment(values [][]int64) *assignment {
	columns, most := len(values[0]), int64(1)
	for _, row := range values {
		for _, value := range row {
			if value != never {
				most = max(most, value, -value)
			}
		}
	}
	all := columns + len(values)
	a := &assignment{
		values: values, columns: columns, rowOf: make([]int, all), byRow: make([]int64, len(values)), byCol: make([]int64, all),
		least: make([]int64, all), before: make([]int, all), done: make([]bool, all),
		forbiddenCost: most * int64(2*len(values)+2),
	}
	for column := range a.rowOf {
		a.rowOf[column] = -1
	}
	return a
}

// cost is what is to be made small.
func (a *assignment) cost(row, column int) int64 {
	switch {
	case column >= a.columns && column-a.columns == row:
		return 0
	case column >= a.columns || a.values[row][column] == never:
		return a.forbiddenCost
	default:
		return -a.values[row][column]
	}
}

// add gives the row a column, moving others aside if that is cheaper.
func (a *assignment) add(row int) {
	for column := range a.least {
		a.least[column], a.before[column], a.done[column] = math.MaxInt64, -1, false
	}
	free, at := -1, row
	for from := -1; free < 0; {
		next := a.relax(at, from)
		a.raise(row, next)
		a.done[next] = true
		if a.rowOf[next] < 0 {
			free = next
		} else {
			from, at = next, a.rowOf[next]
		}
	}
	for free >= 0 { // the path back: each column takes over the row before it
		previous := a.before[free]
		if previous < 0 {
			a.rowOf[free] = row
		} else {
			a.rowOf[free] = a.rowOf[previous]
		}
		free = previous
	}
}

// relax looks from a row, which is reached over the column from, at all columns
// that are not on the tree, and returns the nearest.
func (a *assignment) relax(row, from int) int {
	next := -1
	for column := range a.least {
		if a.done[column] {
			continue
		}
		if cost := a.cost(row, column) - a.byRow[row] - a.byCol[column]; cost < a.least[column] {
			a.least[column], a.before[column] = cost, from
		}
		if next < 0 || a.least[column] < a.least[next] {
			next = column
		}
	}
	return next
}

// raise moves the potentials so that the way to the next column costs nothing.
func (a *assignment) raise(row, next int) {
	step := a.least[next]
	a.byRow[row] += step
	for column := range a.least {
		if a.done[column] {
			a.byRow[a.rowOf[column]] += step
			a.byCol[column] -= step
		} else {
			a.least[column] -= step
		}
	}
}
