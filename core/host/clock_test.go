// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func TestClockNeverGoesBack(t *testing.T) {
	t.Parallel()
	const us, ms = time.Microsecond, time.Millisecond
	c := newClock(1_000)
	for i, step := range []struct {
		machine engine.Time
		passed  time.Duration
		want    engine.Time
	}{
		{1_010, 1 * ms, 1_010},
		{1_012, 3 * ms, 1_012},
		{900, 4 * ms, 1_013}, // set back
		{900, 4*ms + 600*us, 1_013},
		{901, 5*ms + 200*us, 1_014}, // it keeps its pace, however often it is asked
		{1_500, 10 * ms, 1_500},     // set right
		{1_400, 60 * ms, 1_550},
		{1_551, 61 * ms, 1_551},
		{9_000, 62 * ms, 9_000}, // the machine slept
	} {
		if got := c.read(step.machine, step.passed); got != step.want {
			t.Errorf("reading %d: %d, not %d", i, got, step.want)
		}
	}
}

func TestClockBeginsWhereTheWorkspaceIs(t *testing.T) {
	t.Parallel()
	ahead := engine.Time(time.Now().Add(time.Hour).UnixMilli())
	if c := newClock(ahead); c.now() < ahead {
		t.Error("it began before")
	}
	before := engine.Time(time.Now().UnixMilli())
	if c := newClock(0); c.now() < before {
		t.Error("it is behind the machine's")
	}
}
