// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"testing"

	"pgregory.net/rapid"
)

// best is the highest sum of values there is, by trying everything.
func best(values [][]int64, row int, used map[int]bool) int64 {
	if row == len(values) {
		return 0
	}
	most := best(values, row+1, used)
	for column, value := range values[row] {
		if value != never && !used[column] {
			used[column] = true
			most = max(most, value+best(values, row+1, used))
			delete(used, column)
		}
	}
	return most
}

// TestAssignEqualsBruteForce holds the sum of values, not who gets whom: there
// may be several best answers.
func TestAssignEqualsBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.IntRange(0, 6).Draw(t, "rows"), rapid.IntRange(0, 6).Draw(t, "columns")
		value := rapid.OneOf(rapid.Just(int64(never)), rapid.Int64Range(-3, 6), rapid.Int64Range(-1e12, 1e12))
		values := make([][]int64, rows)
		for row := range values {
			values[row] = rapid.SliceOfN(value, columns, columns).Draw(t, "row")
		}
		got, sum, used := assign(values), int64(0), map[int]bool{}
		for row, column := range got {
			if column < 0 {
				continue
			}
			if used[column] || values[row][column] == never {
				t.Fatalf("%v: row %d gets column %d: %v", values, row, column, got)
			}
			used[column] = true
			sum += values[row][column]
		}
		if want := best(values, 0, map[int]bool{}); sum != want {
			t.Fatalf("%v: %v is worth %d, the best is worth %d", values, got, sum, want)
		}
	})
}

func BenchmarkAssign(b *testing.B) {
	values := make([][]int64, most)
	seed := uint64(1)
	for row := range values {
		values[row] = make([]int64, most*candidates)
		for column := range values[row] {
			seed = seed*6364136223846793005 + 1442695040888963407
			values[row][column] = int64(seed >> 44)
		}
	}
	for b.Loop() {
		assign(values)
	}
}
